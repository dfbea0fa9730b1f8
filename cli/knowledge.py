"""`planerka ask`: questions to the knowledge base, answered with sources."""

from __future__ import annotations

from typing import Annotated

import typer
from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import orchestrator_pb2
from rich.padding import Padding
from rich.text import Text

from cli import documents, show
from cli.client import typed_errors
from cli.output import Output
from cli.session import run, session_of

__all__ = ["register"]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command("ask")(ask)
    root.add_typer(documents.app, name="knowledge")


def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="The question, in words.")],
    meeting: Annotated[list[str] | None, typer.Option(help="Only from this meeting; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Ask the knowledge base; the answer names its sources."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            request = orchestrator_pb2.AskRequest(workspace_id=client.workspace, question=question)
            request.filter.meeting_ids.extend(meeting or [])
            pieces: list[str] = []
            citations: list[llm_pb2.Citation] = []
            finished = llm_pb2.AskFinished()
            with typed_errors():
                async for answer in client.stub.Ask(request, timeout=10 * client.seconds):
                    kind = answer.WhichOneof("response")
                    if kind == "text":
                        pieces.append(answer.text)
                        if not as_json:
                            output.result.print(Text(answer.text), end="", soft_wrap=True)
                    elif kind == "citation":
                        citations.append(answer.citation)
                    elif kind == "finished":
                        finished = answer.finished
            if as_json:
                output.emit({"answer": "".join(pieces), "citations": citations, "finished": finished})
                return
            output.result.print()
            _sources(citations, output)
            if finished.fallback_reason:
                output.note("ask.fallback", reason=finished.fallback_reason)

    run(work())


def _sources(citations: list[llm_pb2.Citation], output: Output) -> None:
    if not citations:
        output.note("ask.unanswered")
        return
    output.result.print(show.heading(output.texts("sources")))
    for citation in citations:
        output.result.print(_source_line(citation, output))
        output.result.print(Padding(Text(f"“{_short(citation.chunk.text)}”", style="italic"), (0, 0, 0, 4)))


def _source_line(citation: llm_pb2.Citation, output: Output) -> Text:
    chunk = citation.chunk
    line = Text(f"[{citation.number}] ", style="bold")
    line.append(chunk.title or chunk.meeting_id or chunk.card_id, style="not bold")
    facts = [", ".join(chunk.speakers)]
    if chunk.page:
        facts.append(output.texts("page", number=chunk.page))
    if chunk.HasField("range"):
        facts.append(f"{show.clock(chunk.range.start)}-{show.clock(chunk.range.end)}")
    if chunk.HasField("happened_at"):
        facts.append(show.moment(chunk.happened_at))
    line.append("  " + " · ".join(fact for fact in facts if fact), style="not bold dim")
    return line


def _short(text: str, length: int = 300) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
