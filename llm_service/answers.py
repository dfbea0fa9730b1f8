"""Answers from the knowledge base: found chunks, an answer of the model, and the check that the chunks hold it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import WithJsonSchema

from llm_service.citing import passages_of, quote_answer, support
from llm_service.errors import NoLanguageModel
from llm_service.generation import Answer, ChatModel, Usage
from llm_service.knowledge import Access, Found, Knowledge, Narrowed
from llm_service.prompts import render
from llm_service.talk import cut_sentences
from llm_service.texts import unknown

__all__ = ["Answered", "Answerer", "Exchange", "Question"]

_CANDIDATES: Final = 8
_LETTERS: Final = 500
_TOKENS: Final = 400
_MOST_SOURCES: Final = 4
_REMEMBERED: Final = 2
_MARKS: Final = re.compile(r"\s*\[\d+(?:,\s*\d+)*\]")


@dataclass(frozen=True)
class Exchange:
    """One earlier question with its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Question:
    """A question and who asks it."""

    text: str
    access: Access
    narrowed: Narrowed
    language: str
    history: tuple[Exchange, ...] = ()
    """Oldest first."""


@dataclass(frozen=True)
class Answered:
    """The end of an answer."""

    known: bool
    """Whether the sources hold an answer."""
    citations: tuple[Found, ...] = ()
    """Sources by their number in the text, from 1."""
    usage: Usage = field(default_factory=Usage)


class _Draft(Answer):
    answered: bool
    answer: Annotated[str, WithJsonSchema({"type": "string", "maxLength": _LETTERS})]
    sources: Annotated[
        list[int], WithJsonSchema({"type": "array", "items": {"type": "integer"}, "maxItems": _MOST_SOURCES})
    ]


class Answerer:
    """Answers questions.

    Args:
        model: The language model; without one nothing is answered.
        knowledge: Where the sources are.
        source_tokens: Most tokens of sources in one prompt.
    """

    def __init__(self, model: ChatModel | None, knowledge: Knowledge, source_tokens: int) -> None:
        self._model = model
        self._knowledge = knowledge
        self._source_tokens = source_tokens

    async def ask(self, question: Question) -> AsyncIterator[str | Answered]:
        """Yield the answer in pieces, and at last its sources.

        Raises:
            NoLanguageModel: The settings name no model.
            ModelOutputInvalid, ProviderFailed, ProviderTooSlow: See `ChatModel.chat`.
        """
        if self._model is None:
            raise NoLanguageModel(
                "No language model is set, so questions are not answered. Set provider in section [llm]."
            )
        recent = question.history[-_REMEMBERED:]
        # A follow-up («А кто это сделает?») is only understood with the question before it.
        query = " ".join([*(exchange.question for exchange in recent[-1:]), question.text])
        found = await self._knowledge.search(query, question.access, question.narrowed, _CANDIDATES)
        sources = await self._fitting(self._model, found)
        if not sources:
            yield unknown(question.language)
            yield Answered(known=False)
            return
        messages = render("answer", question.language, sources=sources, question=question.text, history=recent)
        reply = await self._model.chat(messages, _Draft, _TOKENS)
        draft = reply.value
        written = _MARKS.sub("", draft.answer).strip()
        found_answer = await self._held(written, question, query, sources) if draft.answered and written else None
        if found_answer is None:
            yield unknown(question.language)
            yield Answered(known=False, usage=reply.usage)
            return
        text, used = found_answer
        marks = "".join(f"[{number}]" for number in range(1, len(used) + 1))
        for piece in _pieces(f"{text} {marks}"):
            yield piece
        yield Answered(known=True, citations=tuple(used), usage=reply.usage)

    async def _held(
        self, written: str, question: Question, query: str, sources: Sequence[Found]
    ) -> tuple[str, list[Found]] | None:
        """Return those sentences of an answer that the sources hold; where none stands, a quotation that speaks of the question."""
        embedder = self._knowledge.embedder
        passages = passages_of(sources)
        roster = sorted({speaker for source in sources for speaker in source.speakers})
        prefixes = tuple(f"{name}: " for name in roster)
        sentences = [_without(written[start:end], prefixes) for start, end in cut_sentences(written)]
        vectors = await asyncio.to_thread(embedder.embed_passages, [passage.text for passage in passages])
        asked = await asyncio.to_thread(embedder.embed_queries, [query, *sentences])
        standing: list[tuple[str, int]] = []
        for sentence, vector in zip(sentences, asked[1:], strict=True):
            passage = support(sentence, passages, roster, vectors @ vector)
            if passage is not None:
                standing.append((sentence, passage.source))
        if standing:
            places = list(dict.fromkeys(place for _, place in standing))
            return " ".join(sentence for sentence, _ in standing), [sources[place] for place in places]
        quoted = quote_answer(query, passages, vectors @ asked[0], question.language)
        return None if quoted is None else (quoted[0], [sources[quoted[1].source]])

    async def _fitting(self, model: ChatModel, found: Sequence[Found]) -> list[Found]:
        fitting: list[Found] = []
        room = self._source_tokens
        for chunk in found:
            room -= await model.count_tokens(f"{chunk.header}\n{chunk.text}")
            if room < 0 and fitting:
                break
            fitting.append(chunk)
        return fitting


def _without(text: str, prefixes: Sequence[str]) -> str:
    """Return a sentence without the speaker's name that the model copied in front of it."""
    return next((text.removeprefix(prefix) for prefix in prefixes if text.startswith(prefix)), text)


def _pieces(text: str) -> list[str]:
    spans = cut_sentences(text)
    return [
        text[start : spans[place + 1][0] if place + 1 < len(spans) else len(text)]
        for place, (start, _) in enumerate(spans)
    ]
