"""Answers from the knowledge base: found chunks, an answer of the model, and the check that the chunks hold it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import WithJsonSchema

from llm_service.errors import NoLanguageModel
from llm_service.generation import Answer, ChatModel, Usage
from llm_service.grounding import matches, overlap
from llm_service.knowledge import Access, Found, Knowledge, Narrowed
from llm_service.prompts import render
from llm_service.talk import cut_sentences
from llm_service.texts import unknown
from textkit.lemmas import detect_language, lemmas, tokens

__all__ = ["Answered", "Answerer", "Exchange", "Question"]

_CANDIDATES: Final = 8
_LETTERS: Final = 500
_TOKENS: Final = 400
_MOST_SOURCES: Final = 4
_REMEMBERED: Final = 2
_MARGIN: Final = 0.15
"""How much less than the best source one that the model names may hold."""
_ANSWER_SUPPORT: Final = 0.6
_QUESTION_SUPPORT: Final = 0.34
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
        used = _sources(reply.value, question.text, sources)
        text = _MARKS.sub("", reply.value.answer).strip()
        if not reply.value.answered or not holds(text, query, used):
            yield unknown(question.language)
            yield Answered(known=False, usage=reply.usage)
            return
        marks = "".join(f"[{number}]" for number in range(1, len(used) + 1))
        for piece in _pieces(f"{text} {marks}"):
            yield piece
        yield Answered(known=True, citations=tuple(used), usage=reply.usage)

    async def _fitting(self, model: ChatModel, found: Sequence[Found]) -> list[Found]:
        fitting: list[Found] = []
        room = self._source_tokens
        for chunk in found:
            room -= await model.count_tokens(f"{chunk.header}\n{chunk.text}")
            if room < 0 and fitting:
                break
            fitting.append(chunk)
        return fitting


def holds(text: str, question: str, sources: Sequence[Found]) -> bool:
    """Tell whether the sources hold the answer, and speak of what was asked.

    Words are compared where answer and sources are in one language; figures and numbers always.
    """
    if not text or not sources:
        return False
    said = " ".join(f"{source.header} {source.text}" for source in sources)
    held = set(lemmas(said, keep_stop_words=True))
    figures = {word for word in tokens(text) if any(letter.isdigit() for letter in word)}
    if not figures <= set(tokens(said)) | set(tokens(question)):
        return False
    language = detect_language(said)
    if language == "mixed" or detect_language(text) != language:
        return True
    own = set(lemmas(text)) - set(lemmas(question))
    if own and overlap(own, held) < _ANSWER_SUPPORT:
        return False
    asked = set(lemmas(question))
    if detect_language(question) != language or not asked:
        return True
    return sum(1 for word in asked if matches(word, held)) / len(asked) >= _QUESTION_SUPPORT


def _sources(draft: _Draft, question: str, sources: Sequence[Found]) -> list[Found]:
    """Return the sources of a draft, those first that hold most of its words.

    A small model names wrong numbers, so a source counts by what it holds; that the draft names it only breaks ties.
    """
    words = set(lemmas(draft.answer)) | set(lemmas(question))
    shares = [overlap(words, set(lemmas(f"{source.header} {source.text}", keep_stop_words=True))) for source in sources]
    best = max(shares)
    named = {number - 1 for number in draft.sources}
    order = sorted(range(len(sources)), key=lambda place: (-shares[place], place not in named, place))
    kept = [place for place in order if shares[place] >= best - (_MARGIN if place in named else 0.0)]
    return [sources[place] for place in kept[:_MOST_SOURCES]]


def _pieces(text: str) -> list[str]:
    spans = cut_sentences(text)
    return [
        text[start : spans[place + 1][0] if place + 1 < len(spans) else len(text)]
        for place, (start, _) in enumerate(spans)
    ]
