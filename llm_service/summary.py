"""A whole summary: the talk cut, each piece written up, the pieces joined, and everything told in a few sentences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from llm_service.checks import Checks
from llm_service.digest import digest, filled_up, in_order
from llm_service.errors import ModelOutputInvalid, ProviderFailed, ProviderTooSlow, TalkTooLong
from llm_service.extract import Extract
from llm_service.generation import ChatModel, Usage
from llm_service.minutes import MOST_TOPICS, Minutes, answer_tokens
from llm_service.parts import Part, Sentence, extracted, join_neighbours, join_subjects, join_titles, text_of
from llm_service.strategies import Choice, Pace, Size, Strategy, choose
from llm_service.stretches import Cutting, by_speaker, cut, stretches
from llm_service.talk import Line, Talk
from llm_service.texts import overview, unnamed
from mesh.logs import get_logger
from textkit.embedder import Embedder

__all__ = ["Progress", "Summarizer", "Summary"]

_SHORT: Final = 3
"""Parts up to which a list of their titles is overview enough."""
_OVERVIEW_SENTENCES: Final = 6
_OVERVIEW_LETTERS: Final = 600
"""Letters up to which an overview of the model is filled up."""
_OVERVIEW_TOKENS: Final = 2500
_STUFF_TOPICS: Final = 10
_MOST_INVALID: Final = 3
"""Answers out of shape in one summary after which the model is given up."""
_LETTERS_PER_TOKEN: Final = 2
"""Fewer letters than any tokenizer of Russian or English puts into a token, for counting without a model."""


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
    overview_lines: tuple[Line, ...] = ()
    """What the sentences of the overview rest on; empty where it only counts and lists."""
    dropped: int = 0
    usage: Usage = field(default_factory=Usage)
    fallback_reason: str = ""


Step = Callable[[Minutes, list[Part]], Awaitable[list[Part]]]
"""Writes one piece up; gets all parts so far, and returns them with its own."""


@dataclass(frozen=True)
class _Piece:
    """What one call of the model writes up, and what stands in its place where the model fails."""

    write: Step
    extracts: tuple[Part, ...]


class Summarizer:
    """Sums talks up.

    Args:
        model: The language model; without one only extracts are made.
        embedder: For the topics.
        topic_tokens: Most tokens of talk in one call of the model.
        patience: Seconds that AUTO may plan for.
        threads: Threads of an embedded model.
    """

    def __init__(
        self,
        model: ChatModel | None,
        embedder: Embedder,
        topic_tokens: int,
        patience: float = 1800.0,
        threads: int = 2,
    ) -> None:
        self._model = model
        self._embedder = embedder
        self._topic_tokens = topic_tokens
        self._patience = patience
        self._pace = Pace(embedded=model is not None and model.provider == "embedded", threads=threads)
        self._log = get_logger(__name__)

    async def summarize(
        self, talk: Talk, language: str, asked: Strategy, guidance: str = ""
    ) -> AsyncIterator[Progress | Summary]:
        """Yield progress, and at last the summary.

        Args:
            talk: The talk.
            language: Language to write in, `ru` or `en`.
            asked: How to sum up.
            guidance: What the template of the workspace tells the model to look at.

        Raises:
            NoLanguageModel: A strategy was asked for that needs a model, and the settings name none.
            TalkTooLong: STUFF was asked for, and the talk does not fit the model's window.
            ModelOutputInvalid: The model keeps answering out of shape.
        """
        minutes = None
        if self._model is not None:
            minutes = Minutes(self._model, Checks(talk, self._embedder, language), language, guidance)
        choose(asked, Size(0, 0, 0, 0, 0), self._model, self._pace, self._patience)
        vectors = await asyncio.to_thread(self._embedder.embed_passages, [line.text for line in talk.lines])
        room = self._topic_tokens if minutes is None else await minutes.room("stretch", MOST_TOPICS, self._topic_tokens)
        cutting = await cut(talk, vectors, room, _estimated if minutes is None else minutes.count)
        choice = await self._choose(asked, cutting, room, minutes)
        pieces = await self._pieces(choice.strategy, talk, cutting, room, language)
        if choice.strategy is Strategy.STUFF and minutes is not None:
            await self._require_fit(cutting, minutes)
        yield Progress(0, len(pieces), choice.strategy, choice.reason)
        parts: list[Part] = []
        writer = None if choice.strategy is Strategy.EXTRACTIVE else minutes
        fallback, invalid = "", 0
        for number, piece in enumerate(pieces, start=1):
            written = None
            if writer is not None:
                try:
                    written = await piece.write(writer, parts)
                except (ProviderFailed, ProviderTooSlow) as error:
                    self._log.warning("language model failed; the rest is extracted", reason=error.reason)
                    writer, fallback = None, error.message
                except ModelOutputInvalid as error:
                    invalid += 1
                    if not writer.usage.calls or invalid >= _MOST_INVALID:
                        raise
                    fallback = error.message
            parts = [*parts, *piece.extracts] if written is None else written
            yield Progress(number, len(pieces), choice.strategy, choice.reason)
        joined = _joined(parts, choice.strategy)
        told = await self._tell(joined, cutting, writer)
        usage, strategy = (minutes.usage, choice.strategy) if minutes is not None else (Usage(), choice.strategy)
        self._pace.learn(usage)
        if fallback and not usage.calls:
            strategy = Strategy.EXTRACTIVE
        yield Summary(
            tuple(joined),
            overview(joined, text_of(told), language),
            language,
            strategy,
            tuple(line for one in told for line in one.lines),
            minutes.dropped if minutes is not None else 0,
            usage,
            fallback,
        )

    async def _choose(self, asked: Strategy, cutting: Cutting, room: int, minutes: Minutes | None) -> Choice:
        size = Size(
            sum(cutting.tokens),
            len(cutting.topics),
            len(stretches(cutting, room)),
            0 if minutes is None else await minutes.frame("topic"),
            answer_tokens(1, 1),
        )
        return choose(asked, size, self._model, self._pace, self._patience)

    async def _require_fit(self, cutting: Cutting, minutes: Minutes) -> None:
        """Refuse a talk that does not fit one prompt, before anything is asked."""
        topics = min(_STUFF_TOPICS, len(cutting.topics)) + 1
        fits = await minutes.room("stretch", topics, sum(cutting.tokens))
        if fits < sum(cutting.tokens):
            raise TalkTooLong(
                f"The talk has {sum(cutting.tokens)} tokens, and {fits} fit one prompt. "
                "Use the strategy AUTO, BY_TOPIC or MAP_REDUCE, or a model with a larger window."
            )

    async def _pieces(self, strategy: Strategy, talk: Talk, cutting: Cutting, room: int, language: str) -> list[_Piece]:
        if strategy is Strategy.BY_SPEAKER:
            speakers = await by_speaker(talk, cutting, room)
            return [
                _spoken(extract, speaker or unnamed(language), language)
                for speaker, extracts in speakers
                for extract in extracts
            ]
        if strategy is Strategy.STUFF:
            return [_told(cutting.topics, _STUFF_TOPICS, language)] if cutting.topics else []
        if strategy is Strategy.MAP_REDUCE:
            return [_told(group, MOST_TOPICS, language) for group in stretches(cutting, room)]
        if strategy is Strategy.REFINE:
            return [_refined(group, language) for group in stretches(cutting, room)]
        return [_topic(topic, language) for topic in cutting.topics]

    async def _tell(self, parts: Sequence[Part], cutting: Cutting, writer: Minutes | None) -> tuple[Sentence, ...]:
        """Return the whole in a few sentences, by the model where it works; nothing for a short summary."""
        if len(parts) <= _SHORT:
            return ()
        own = await asyncio.to_thread(digest, parts, cutting.vectors, _OVERVIEW_SENTENCES)
        if writer is None:
            return in_order(own)
        try:
            told = await writer.overview(parts, await writer.room("overview", MOST_TOPICS, _OVERVIEW_TOKENS))
        except (ProviderFailed, ProviderTooSlow, ModelOutputInvalid, TalkTooLong) as error:
            self._log.warning("overview is extracted", reason=error.reason)
            return in_order(own)
        return in_order(filled_up(told, own, _OVERVIEW_SENTENCES, _OVERVIEW_LETTERS))


async def _estimated(text: str) -> int:
    return len(text) // _LETTERS_PER_TOKEN + 1


def _topic(topic: Extract, language: str) -> _Piece:
    async def write(minutes: Minutes, parts: list[Part]) -> list[Part]:
        return [*parts, await minutes.topic(topic)]

    return _Piece(write, (extracted(topic, language),))


def _spoken(extract: Extract, speaker: str, language: str) -> _Piece:
    async def write(minutes: Minutes, parts: list[Part]) -> list[Part]:
        return [*parts, await minutes.topic(extract, speaker)]

    return _Piece(write, (replace(extracted(extract, language), title=speaker),))


def _told(units: tuple[Extract, ...], most: int, language: str) -> _Piece:
    async def write(minutes: Minutes, parts: list[Part]) -> list[Part]:
        return [*parts, *await minutes.stretch(units, most)]

    return _Piece(write, tuple(extracted(unit, language) for unit in units))


def _refined(units: tuple[Extract, ...], language: str) -> _Piece:
    async def write(minutes: Minutes, parts: list[Part]) -> list[Part]:
        if not parts:
            return await minutes.stretch(units)
        improved, further = await minutes.refine(units, parts[-1])
        return [*parts[:-1], improved, *further]

    return _Piece(write, tuple(extracted(unit, language) for unit in units))


def _joined(parts: Sequence[Part], strategy: Strategy) -> list[Part]:
    if strategy is Strategy.BY_SPEAKER:
        return join_titles(parts)
    return join_subjects(parts) if strategy is Strategy.MAP_REDUCE else join_neighbours(parts)
