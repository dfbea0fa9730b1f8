"""How results are written: objects of the domain as messages of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from planerka.common.v1 import time_pb2, transcript_pb2
from planerka.llm.v1 import llm_pb2

from llm_service import reading
from llm_service.actions import Remark, Task
from llm_service.errors import TemplateInvalid
from llm_service.evidence import Quote, quote_lines
from llm_service.generation import ChatModel, Usage
from llm_service.knowledge import Found
from llm_service.ledger import Took
from llm_service.parts import Part
from llm_service.providers import State
from llm_service.sandbox import render
from llm_service.strategies import Strategy
from llm_service.summary import Progress, Summary
from llm_service.talk import Line, Talk
from llm_service.templates import DEFAULT, Template, built_in
from llm_service.texts import headings
from mesh.ids import derived_id
from mesh.times import from_date, from_seconds

__all__ = ["Minutes", "chunk", "progress", "provider", "strategy", "template", "took", "usage"]

_MOST_QUOTES: Final = 200


class Minutes:
    """Writes the statements of one talk.

    Args:
        meeting_id: The meeting.
        talk: What was said.
        template: Lays the minutes out.
    """

    def __init__(self, meeting_id: str, talk: Talk, template: Template) -> None:
        self._meeting_id = meeting_id
        self._talk = talk
        self._template = template

    def responses(self, summary: Summary, model: ChatModel | None) -> list[llm_pb2.SummarizeResponse]:
        """Return parts, decisions, actions, questions and risks in this order, and the end."""
        response, parts = llm_pb2.SummarizeResponse, summary.parts
        return [
            *(response(part=self._part(number, part)) for number, part in enumerate(parts)),
            *(response(decision=self._decision(one)) for part in parts for one in part.decisions),
            *(response(action=self._action(task)) for part in parts for task in part.tasks),
            *(response(question=self._question(one)) for part in parts for one in part.questions),
            *(response(risk=self._risk(one)) for part in parts for one in part.risks),
            response(finished=self._finished(summary, model)),
        ]

    def _finished(self, summary: Summary, model: ChatModel | None) -> llm_pb2.SummaryFinished:
        minutes, trouble = self._minutes(summary)
        return llm_pb2.SummaryFinished(
            overview=summary.overview,
            language=summary.language,
            strategy=strategy(summary.strategy),
            dropped=summary.dropped,
            usage=usage(summary.usage, model),
            fallback_reason=summary.fallback_reason or trouble,
            overview_evidence=self._quotes(summary.overview_lines),
            minutes=minutes,
            template=self._template.name,
        )

    def _minutes(self, summary: Summary) -> tuple[str, str]:
        """Return the minutes; in the layout of the product, and why, where the template's own stumbles over this summary."""
        values = self._values(summary)
        try:
            return render(self._template.layout, values), ""
        except TemplateInvalid as error:
            # The summary took minutes to make, and the template can be mended later.
            return render(built_in()[DEFAULT].layout, values), f"Template {self._template.name}: {error.message}"

    def _values(self, summary: Summary) -> dict[str, Any]:
        """Return what a layout may use: plain strings, lists and mappings."""
        parts = summary.parts
        return {
            "title": self._talk.title,
            "day": self._talk.day.isoformat(),
            "language": summary.language,
            "heading": dict(headings(summary.language)),
            "overview": summary.overview,
            "parts": [{"title": part.title, "text": part.text, "quotes": self._said(part.evidence)} for part in parts],
            "decisions": [self._value(one) for part in parts for one in part.decisions],
            "actions": [
                {
                    **self._value(task),
                    "owner": task.owner_name,
                    "due": task.due.day.isoformat() if task.due else "",
                    "due_text": task.due.text if task.due else "",
                }
                for part in parts
                for task in part.tasks
            ],
            "questions": [self._value(one) for part in parts for one in part.questions],
            "risks": [self._value(one) for part in parts for one in part.risks],
        }

    def _value(self, one: Remark | Task) -> dict[str, Any]:
        return {"text": one.text.rstrip("."), "quotes": self._said(one.lines)}

    def _said(self, lines: Sequence[Line]) -> list[dict[str, str]]:
        return [{"speaker": quote.speaker, "text": quote.text} for quote in quote_lines(self._talk, lines)]

    def _part(self, number: int, part: Part) -> llm_pb2.SummaryPart:
        return llm_pb2.SummaryPart(
            part_id=derived_id("prt", self._meeting_id, str(number), part.title),
            title=part.title,
            text=part.text,
            turn_ids=self._talk.turn_ids(part.lines),
            evidence=self._quotes(part.evidence)[:_MOST_QUOTES],
        )

    def _decision(self, remark: Remark) -> llm_pb2.SummaryDecision:
        return llm_pb2.SummaryDecision(text=remark.text, evidence=self._quotes(remark.lines))

    def _question(self, remark: Remark) -> llm_pb2.OpenQuestion:
        return llm_pb2.OpenQuestion(text=remark.text, evidence=self._quotes(remark.lines))

    def _risk(self, remark: Remark) -> llm_pb2.Risk:
        return llm_pb2.Risk(text=remark.text, evidence=self._quotes(remark.lines))

    def _action(self, task: Task) -> llm_pb2.ActionItem:
        due: time_pb2.CalendarDate | None = from_date(task.due.day) if task.due else None
        return llm_pb2.ActionItem(
            text=task.text,
            owner_person_id=reading.person_id(task.owner),
            owner_name=task.owner_name,
            due=due,
            due_text=task.due.text if task.due else "",
            evidence=self._quotes(task.lines),
        )

    def _quotes(self, lines: Sequence[Line]) -> list[transcript_pb2.Evidence]:
        return [_evidence(quote) for quote in quote_lines(self._talk, lines)]


def progress(step: Progress) -> llm_pb2.SummaryProgress:
    """Return how far a summary has come."""
    return llm_pb2.SummaryProgress(
        done=step.done, total=step.total, strategy=strategy(step.strategy), reason=step.reason
    )


def strategy(used: Strategy) -> llm_pb2.SummaryStrategy:
    """Return a way to sum up."""
    name = f"SUMMARY_STRATEGY_{used.name}"
    return llm_pb2.SummaryStrategy.Value(name)  # type: ignore[return-value]  # a number, as enums are


def template(one: Template) -> llm_pb2.Template:
    """Return a template."""
    return llm_pb2.Template(
        name=one.name,
        title=one.title,
        guidance=one.guidance,
        layout=one.layout,
        strategy=strategy(one.strategy),
        built_in=one.built_in,
        changed=one.changed,
    )


def usage(used: Usage, model: ChatModel | None) -> llm_pb2.Usage:
    """Return what the calls of a model cost."""
    return llm_pb2.Usage(
        model=model.name if model and used.calls else "",
        provider=model.provider if model and used.calls else "",
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        calls=used.calls,
        retries=used.retries,
        elapsed=from_seconds(used.seconds),
    )


def provider(state: State) -> llm_pb2.ProviderState:
    """Return one provider of language models."""
    return llm_pb2.ProviderState(
        name=state.name,
        kind=state.kind,
        model=state.model,
        inside=state.inside,
        context_tokens=state.context_tokens,
        context_detected=state.context_detected,
        structured_mode=state.mode,
        schema_enforced=state.enforced,
        resting=state.resting,
    )


def took(one: Took) -> llm_pb2.ModelUsage:
    """Return what calls of one provider, model and purpose took."""
    return llm_pb2.ModelUsage(
        provider=one.provider,
        model=one.model,
        purpose=one.purpose,
        calls=one.calls,
        failed=one.failed,
        redacted=one.redacted,
        prompt_tokens=one.prompt_tokens,
        completion_tokens=one.completion_tokens,
        elapsed=from_seconds(one.elapsed_ms / 1000),
        cost_micros=one.cost_micros,
        currency=one.currency,
    )


def chunk(found: Found) -> llm_pb2.FoundChunk:
    """Return a chunk that was found."""
    message = llm_pb2.FoundChunk(
        chunk_id=found.chunk_id,
        document_id=found.document_id,
        kind=found.kind,  # type: ignore[arg-type]  # kept as the number that came in
        title=found.title,
        text=found.text,
        score=found.score,
        meeting_id=found.meeting_id,
        card_id=found.card_id,
        turn_ids=found.turn_ids,
        speakers=found.speakers,
        page=found.page,
    )
    if found.start_us is not None and found.end_us is not None:
        start, end = Duration(), Duration()
        start.FromMicroseconds(found.start_us)
        end.FromMicroseconds(found.end_us)
        message.range.CopyFrom(time_pb2.TimeRange(start=start, end=end))
    if found.happened_ms is not None:
        happened = Timestamp()
        happened.FromMilliseconds(found.happened_ms)
        message.happened_at.CopyFrom(happened)
    return message


def _evidence(quote: Quote) -> transcript_pb2.Evidence:
    evidence = transcript_pb2.Evidence(turn_id=quote.turn_id, quote=quote.text, speaker=quote.speaker)
    if quote.start_seconds is not None and quote.end_seconds is not None:
        evidence.start.CopyFrom(from_seconds(quote.start_seconds))
        evidence.end.CopyFrom(from_seconds(quote.end_seconds))
    return evidence
