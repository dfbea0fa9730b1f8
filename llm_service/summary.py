"""A whole summary: the talk cut, each piece written up, the pieces joined, and everything told in a few sentences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from llm_service import pieces
from llm_service.checks import Checks
from llm_service.digest import digest, filled_up, in_order
from llm_service.errors import ModelOutputInvalid, ProviderFailed, ProviderTooSlow, TalkTooLong
from llm_service.generation import ChatModel, Usage
from llm_service.minutes import MOST_TOPICS, Minutes, answer_tokens
from llm_service.parts import Part, Sentence, join_neighbours, join_subjects, join_titles, text_of
from llm_service.pieces import Piece, Writing
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
        work = await self._pieces(choice.strategy, talk, cutting, room, language)
        if choice.strategy is Strategy.STUFF and minutes is not None:
            await self._require_fit(cutting, minutes)
        yield Progress(0, len(work), choice.strategy, choice.reason)
        parts: list[Part] = []
        at_once = 1 if self._model is None else self._model.parallel
        writing = Writing(work, None if choice.strategy is Strategy.EXTRACTIVE else minutes, at_once)
        try:
            for number in range(1, len(work) + 1):
                parts = await writing.further(parts)
                yield Progress(number, len(work), choice.strategy, choice.reason)
        finally:
            await writing.stop()
        joined = _joined(parts, choice.strategy)
        told = await self._tell(joined, cutting, writing.writer)
        usage, strategy = (minutes.usage, choice.strategy) if minutes is not None else (Usage(), choice.strategy)
        self._pace.learn(usage)
        if writing.fallback and not usage.calls:
            strategy = Strategy.EXTRACTIVE
        yield Summary(
            tuple(joined),
            overview(joined, text_of(told), language),
            language,
            strategy,
            tuple(line for one in told for line in one.lines),
            minutes.dropped if minutes is not None else 0,
            usage,
            writing.fallback,
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

    async def _pieces(self, strategy: Strategy, talk: Talk, cutting: Cutting, room: int, language: str) -> list[Piece]:
        if strategy is Strategy.BY_SPEAKER:
            speakers = await by_speaker(talk, cutting, room)
            return [
                pieces.spoken(extract, speaker or unnamed(language), language)
                for speaker, extracts in speakers
                for extract in extracts
            ]
        if strategy is Strategy.STUFF:
            return [pieces.told(cutting.topics, _STUFF_TOPICS, language)] if cutting.topics else []
        if strategy is Strategy.MAP_REDUCE:
            return [pieces.told(group, MOST_TOPICS, language) for group in stretches(cutting, room)]
        if strategy is Strategy.REFINE:
            return [pieces.refined(group, language) for group in stretches(cutting, room)]
        return [pieces.topic(topic, language) for topic in cutting.topics]

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


def _joined(parts: Sequence[Part], strategy: Strategy) -> list[Part]:
    if strategy is Strategy.BY_SPEAKER:
        return join_titles(parts)
    return join_subjects(parts) if strategy is Strategy.MAP_REDUCE else join_neighbours(parts)
