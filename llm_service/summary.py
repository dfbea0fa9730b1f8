"""The parts of a summary and how a whole one is made: topics, then each topic on its own, then neighbours joined."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np

from llm_service.actions import Remark, Task
from llm_service.cues import Kind, find_cues, is_small_talk
from llm_service.errors import NoLanguageModel, ProviderFailed, ProviderTooSlow
from llm_service.evidence import Quote
from llm_service.extract import Extract, Vectors, extract_topic
from llm_service.generation import ChatModel, Usage
from llm_service.minutes import write_topic
from llm_service.talk import Line, Talk
from llm_service.texts import overview
from llm_service.topics import cut_topics, weights_of
from mesh.logs import get_logger
from textkit.embedder import Embedder
from textkit.lemmas import lemmas

__all__ = ["Part", "Progress", "Strategy", "Summarizer", "Summary"]

_SAME_SUBJECT: Final = 0.6
_SAYS_SOMETHING: Final = 0.6
"""Weight of all sentences of a topic below which it is small talk."""


class Strategy(StrEnum):
    """Ways that are built."""

    AUTO = "auto"
    MAP_REDUCE = "map_reduce"
    EXTRACTIVE = "extractive"


@dataclass(frozen=True)
class Part:
    """One topic."""

    title: str
    text: str
    lines: tuple[Line, ...]
    """All lines of the topic but greetings."""
    quotes: tuple[Quote, ...]
    """What its sentences rest on."""
    tasks: tuple[Task, ...] = ()
    decisions: tuple[Remark, ...] = ()
    questions: tuple[Remark, ...] = ()
    risks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far the work is."""

    done: int
    total: int
    strategy: Strategy
    reason: str


@dataclass(frozen=True)
class Summary:
    """A whole summary."""

    parts: tuple[Part, ...]
    overview: str
    language: str
    strategy: Strategy
    dropped: int = 0
    usage: Usage = field(default_factory=Usage)
    fallback_reason: str = ""


class Summarizer:
    """Sums talks up.

    Args:
        model: The language model; without one only extracts are made.
        embedder: For the topics.
        topic_tokens: Most tokens of talk in one call of the model.
    """

    def __init__(self, model: ChatModel | None, embedder: Embedder, topic_tokens: int) -> None:
        self._model = model
        self._embedder = embedder
        self._topic_tokens = topic_tokens
        self._log = get_logger(__name__)

    async def summarize(self, talk: Talk, language: str, asked: Strategy) -> AsyncIterator[Progress | Summary]:
        """Yield progress, and at last the summary.

        Args:
            talk: The talk.
            language: Language to write in, `ru` or `en`.
            asked: How to sum up.

        Raises:
            NoLanguageModel: MAP_REDUCE was asked for, and the settings name no model.
            ModelOutputInvalid: The model keeps answering out of shape.
        """
        strategy, reason = self._choose(asked, talk)
        yield Progress(0, 0, strategy, reason)
        lines = talk.lines
        vectors = await asyncio.to_thread(self._embedder.embed_passages, [line.text for line in lines])
        topics = await self._stretches(talk, await asyncio.to_thread(cut_topics, lines, vectors))
        topics = [topic for topic in _with_their_openings(topics) if _says_something(topic)]
        parts: list[Part] = []
        dropped, usage, fallback = 0, Usage(), ""
        model = self._model if strategy is Strategy.MAP_REDUCE else None
        yield Progress(0, len(topics), strategy, reason)
        for number, topic in enumerate(topics, start=1):
            near = vectors[topic[0].number : topic[-1].number + 1]
            kept = _without_greetings(topic, near)
            extract = await asyncio.to_thread(extract_topic, talk, kept[0], kept[1], language)
            part = _extracted(extract)
            if model is not None:
                try:
                    written = await write_topic(model, self._embedder, talk, extract, language)
                except (ProviderFailed, ProviderTooSlow) as error:
                    self._log.warning("language model failed; the rest is extracted", reason=error.reason)
                    model, fallback = None, error.message
                else:
                    part = replace(
                        part, title=written.title, text=written.text, quotes=written.quotes, tasks=written.tasks
                    )
                    dropped += written.dropped
                    usage += written.usage
            parts.append(part)
            yield Progress(number, len(topics), strategy, reason)
        joined = _join(parts)
        if fallback and not usage.calls:
            strategy = Strategy.EXTRACTIVE
        yield Summary(tuple(joined), overview(joined, language), language, strategy, dropped, usage, fallback)

    def _choose(self, asked: Strategy, talk: Talk) -> tuple[Strategy, str]:
        if asked is Strategy.EXTRACTIVE:
            return asked, "asked for"
        if asked is Strategy.MAP_REDUCE:
            if self._model is None:
                raise NoLanguageModel(
                    "No language model is set, so only the strategy EXTRACTIVE works. Set provider in section [llm] of the settings."
                )
            return asked, "asked for"
        if self._model is None:
            return Strategy.EXTRACTIVE, "no language model is set"
        if not talk.lines:
            return Strategy.EXTRACTIVE, "nothing was said"
        return Strategy.MAP_REDUCE, f"{len(talk.turns)} turns, topic by topic with {self._model.name}"

    async def _stretches(self, talk: Talk, topics: Sequence[tuple[int, int]]) -> list[tuple[Line, ...]]:
        """Return the topics as lines, those cut in two that do not fit one call of the model."""
        found: list[tuple[Line, ...]] = []
        for start, end in topics:
            waiting = [tuple(talk.lines[start:end])]
            while waiting:
                piece = waiting.pop(0)
                if len(piece) > 1 and await self._count(piece) > self._topic_tokens:
                    middle = len(piece) // 2
                    waiting[:0] = [piece[:middle], piece[middle:]]
                else:
                    found.append(piece)
        return found

    async def _count(self, lines: Sequence[Line]) -> int:
        text = "\n".join(f"[{line.turn + 1}] {line.speaker}: {line.text}" for line in lines)
        # Fewer characters than this cannot be more tokens, so most topics are not counted at all.
        if len(text) <= self._topic_tokens:
            return len(text)
        return len(text) // 2 if self._model is None else await self._model.count_tokens(text)


def _extracted(extract: Extract) -> Part:
    found = extract.found
    return Part(
        extract.title,
        extract.text,
        extract.lines,
        extract.quotes,
        found.tasks,
        found.decisions,
        found.questions,
        found.risks,
    )


def _with_their_openings(topics: Sequence[tuple[Line, ...]]) -> list[tuple[Line, ...]]:
    """Join a sentence that only hands over («Александр, начни с авторизации») with what it leads to."""
    joined: list[tuple[Line, ...]] = []
    opening: tuple[Line, ...] = ()
    for topic in topics:
        lines = opening + topic
        telling = [line for line in lines if not is_small_talk(line.text)]
        if len(telling) == 1 and not find_cues(telling[0].text) - {Kind.QUESTION}:
            opening = lines
            continue
        joined.append(lines)
        opening = ()
    return [*joined, opening] if opening else joined


def _says_something(topic: Sequence[Line]) -> bool:
    telling = [line for line in topic if not is_small_talk(line.text)]
    if not telling:
        return False
    return any(find_cues(line.text) for line in telling) or float(weights_of(telling).sum()) >= _SAYS_SOMETHING


def _without_greetings(topic: Sequence[Line], vectors: Vectors) -> tuple[tuple[Line, ...], Vectors]:
    places = [place for place, line in enumerate(topic) if not is_small_talk(line.text)]
    return tuple(topic[place] for place in places), np.asarray(vectors[places])


def _join(parts: Sequence[Part]) -> list[Part]:
    """Join neighbours with one subject, such as the two halves of a long topic."""
    joined: list[Part] = []
    for part in parts:
        if joined and _same_subject(joined[-1].title, part.title):
            last = joined[-1]
            joined[-1] = Part(
                last.title,
                f"{last.text} {part.text}".strip(),
                last.lines + part.lines,
                last.quotes + part.quotes,
                last.tasks + part.tasks,
                last.decisions + part.decisions,
                last.questions + part.questions,
                last.risks + part.risks,
            )
        else:
            joined.append(part)
    return joined


def _same_subject(first: str, second: str) -> bool:
    one, other = set(lemmas(first)), set(lemmas(second))
    return bool(one and other) and len(one & other) / len(one | other) >= _SAME_SUBJECT
