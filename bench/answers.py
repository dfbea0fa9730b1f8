"""Whether questions are answered, rightly and with the right source; and whether "I don't know" is said where nobody said it.

    python -m bench.answers tests/data [--model] [--limit 20]

Asks `questions/questions.jsonl` of the meetings, the sample stand-up and the document beside it. The rules of what a source can hold
were made while looking at these questions; those of `--set heldout` were written afterwards. A question with `answer`, a regular
expression, has to be answered with words that it finds, and the first source has to be `document`; one without has no answer anywhere.
Without `--model` the sources are quoted; with it the embedded model writes, which takes half a minute a question on two busy cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llm_service.adapters import make_model
from llm_service.answers import Answered, Answerer
from llm_service.documents import Document, Passage
from llm_service.extraction import passages_of_file
from llm_service.knowledge import Access, Knowledge, Narrowed
from llm_service.perimeter import Reach
from llm_service.questions import Question
from llm_service.service import load_embedder
from llm_service.settings import DEFAULT, LlmSettings
from llm_service.structured import StructuredModel
from textkit.lemmas import question_language

_WORKSPACE = "bench"


def corpus(folder: Path) -> list[Document]:
    """Return the meetings and the document of the folder."""
    found: list[Document] = []
    sample = Path(__file__).parents[1] / "samples" / "standup_ru"
    for meeting in [*sorted((folder / "meetings").iterdir()), sample]:
        truth = json.loads((meeting / "truth.json").read_text(encoding="utf-8"))
        moment = int(datetime.fromisoformat(truth.get("date", "2026-03-02")).replace(tzinfo=UTC).timestamp() * 1000)
        turns = tuple(
            Passage(turn["text"], f"t{number}", turn["speaker"]) for number, turn in enumerate(truth["turns"], start=1)
        )
        found.append(Document(meeting.name, 1, truth.get("title", "Планёрка"), meeting.name, "", moment, (), turns))
    for file in sorted((folder / "documents").glob("regulations*.pdf")):
        passages = passages_of_file(file.stem, "pdf", file.read_bytes())
        found.append(Document(file.stem, 6, "Регламент отдела разработки", "", "", None, (), passages))
    return found


def default_model(settings: LlmSettings) -> StructuredModel | None:
    """Return the model of the settings itself, not opened; None where there is none."""
    provider = settings.all_providers().get(DEFAULT)
    return None if provider is None else make_model(DEFAULT, provider, Reach(settings.inside))


async def measure(folder: Path, state: Path, name: str, *, with_model: bool, limit: int) -> dict[str, Any]:
    settings = LlmSettings.model_validate({"state": state} if with_model else {"state": state, "provider": "none"})
    knowledge = Knowledge(settings, load_embedder(settings))
    await knowledge.open()
    model = default_model(settings)
    try:
        if model is not None:
            await model.open()
        await knowledge.upsert(_WORKSPACE, corpus(folder), lambda *_: None)
        answerer = Answerer(model, knowledge, settings.answer_tokens)
        lines = (folder / "questions" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        questions = [json.loads(line) for line in lines]
        if limit:
            questions = questions[:: max(1, len(questions) // limit)]
        items = []
        for number, one in enumerate(questions, start=1):
            items.append(await ask(answerer, one))
            right = sum(item["right"] for item in items)
            print(f"{number} of {len(questions)}: {right} right", file=sys.stderr, flush=True)
    finally:
        if model is not None:
            await model.close()
        await knowledge.close()
    answerable = [item for item in items if item["wanted"]]
    others = [item for item in items if not item["wanted"]]
    return {
        "answerable": len(answerable),
        "answered_right": sum(item["right"] for item in answerable) / max(1, len(answerable)),
        "unanswerable": len(others),
        "said_unknown": sum(item["right"] for item in others) / max(1, len(others)),
        "calls": sum(item["calls"] for item in items),
        "seconds": sum(item["seconds"] for item in items),
        "wrong": [item for item in items if not item["right"]],
    }


async def ask(answerer: Answerer, one: dict[str, str]) -> dict[str, Any]:
    text = one["question"]
    access = Access(_WORKSPACE, frozenset({"ppl_bench"}))
    begun = time.perf_counter()
    pieces: list[str] = []
    end = Answered(known=False)
    async for step in answerer.ask(Question(text, access, Narrowed(), question_language(text))):
        if isinstance(step, Answered):
            end = step
        else:
            pieces.append(step)
    answer, cited = "".join(pieces), [chunk.document_id for chunk in end.citations]
    right = not end.known
    if "answer" in one:
        right = end.known and cited[0] == one["document"] and bool(re.search(one["answer"], answer, re.IGNORECASE))
    return {
        "id": one["id"],
        "question": text,
        "wanted": one.get("answer", ""),
        "answer": answer,
        "cited": cited,
        "right": right,
        "calls": end.usage.calls,
        "seconds": round(time.perf_counter() - begun, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with meetings, documents and questions")
    parser.add_argument("--set", default="questions", help="name of the file of questions, without its ending")
    parser.add_argument("--model", action="store_true", help="let the embedded model write the answers")
    parser.add_argument("--limit", type=int, default=0, help="ask about so many questions only, evenly chosen")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="planerka-bench-") as state:
        work = measure(arguments.folder, Path(state), arguments.set, with_model=arguments.model, limit=arguments.limit)
        print(json.dumps(asyncio.run(work), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
