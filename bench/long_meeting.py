"""Whether a meeting of hours is summed up as a whole by the real model: three decisions are planted into joined real meetings.

    python -m bench.long_meeting PATH [--words 27000] [--strategy map_reduce] [--json FILE]

PATH holds meetings as `planerka eval summary` reads them; the longest ones are joined until they have so many words (27,000 are three hours
at 150 a minute). Told are: which of the planted decisions the summary holds and as what, the share of the talk's sentences that belong
to a part, and what the model was asked. A line a step goes to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from bench.answers import default_model
from evaluation.summary import read_meetings
from llm_service.service import load_embedder
from llm_service.settings import LlmSettings
from llm_service.strategies import Strategy
from llm_service.summary import Summarizer, Summary
from llm_service.talk import Said, Talk

PLANTED = (
    ("Leeds", "Okay, we decided that the warehouse in Leeds closes on the fourteenth of April."),
    ("cardboard", "So it is decided, we change the supplier of the cardboard to the factory in Utrecht."),
    ("fair", "Then we agreed that the budget for the fair in Lyon is cut to forty thousand euros."),
)
"""A word by which each is known, and what is said."""
PLACES = (0.02, 0.5, 0.98)


def long_talk(path: Path, words: int) -> Talk:
    """Return real meetings, the longest first, joined up to at least `words` words, with the planted decisions."""
    turns: list[Said] = []
    reached = 0
    for meeting in sorted(read_meetings(path), key=lambda one: (-one.words, one.name)):
        if reached >= words:
            break
        turns += [Said("", turn.speaker, turn.text) for turn in meeting.turns]
        reached += meeting.words
    places = [round(share * len(turns)) for share in PLACES]
    for place, (_, text) in reversed(list(zip(places, PLANTED, strict=True))):
        turns.insert(place, Said("", turns[place].speaker, text))
    said = tuple(Said(f"t{number}", turn.speaker, turn.text) for number, turn in enumerate(turns, start=1))
    return Talk(said, date(2026, 3, 2), "en")


def found(summary: Summary, word: str) -> list[str]:
    """Return where a summary tells what holds the word."""
    places = []
    for part in summary.parts:
        if any(word in one.text for one in part.decisions):
            places.append("decision")
        if any(word in one.text for one in part.tasks):
            places.append("action")
        if any(word in one.text for one in part.sentences):
            places.append("text")
    if word in summary.overview:
        places.append("overview")
    return places


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Sum the long talk up."""
    settings = LlmSettings.model_validate({})
    talk = long_talk(options.path, options.words)
    model = default_model(settings)
    assert model is not None
    await model.open()
    try:
        summarizer = Summarizer(
            model, load_embedder(settings), settings.topic_tokens, settings.summary_seconds, settings.threads
        )
        begun = time.perf_counter()
        summary: Summary | None = None
        async for step in summarizer.summarize(talk, "en", Strategy[options.strategy.upper()]):
            if isinstance(step, Summary):
                summary = step
            else:
                print(f"{step.done} of {step.total}", file=sys.stderr, flush=True)
    finally:
        await model.close()
    assert summary is not None
    covered = {line.number for part in summary.parts for line in part.lines}
    return {
        "words": sum(len(turn.text.split()) for turn in talk.turns),
        "sentences": len(talk.lines),
        "sentences_in_parts": len(covered) / len(talk.lines),
        "parts": len(summary.parts),
        "strategy": summary.strategy.name,
        "planted": {word: found(summary, word) for word, _ in PLANTED},
        "dropped": summary.dropped,
        "calls": summary.usage.calls,
        "prompt_tokens": summary.usage.prompt_tokens,
        "overview": summary.overview,
        "seconds": round(time.perf_counter() - begun),
    }


def main() -> None:
    """Read the options, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--words", type=int, default=27_000)
    parser.add_argument("--strategy", default="map_reduce", choices=[one.name.lower() for one in Strategy])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    text = json.dumps(asyncio.run(measure(options)), indent=1, ensure_ascii=False)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
