"""Answers from the knowledge base: found chunks, an answer of the model, and the check that the chunks hold it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Annotated, Final

from pydantic import WithJsonSchema

from llm_service.citing import Passage, holding, passages_of, quote_answer, speaks_of, support
from llm_service.documents import DECISION, SUMMARY
from llm_service.errors import ModelOutputInvalid, ProviderFailed, ProviderTooSlow
from llm_service.generation import Answer, ChatModel, Usage
from llm_service.hearing import Heard, whole_sentences
from llm_service.knowledge import Found, Knowledge
from llm_service.leaks import may_repeat_instructions
from llm_service.prompts import render
from llm_service.questions import Exchange, Inquiry, Listing, Question, inquiry_of, wanted
from llm_service.talk import cut_sentences
from llm_service.texts import NO_MODEL, listed, nothing_listed, unknown
from llm_service.vectors import Floats
from llm_service.wanted import Kind, Wanted
from mesh.logs import get_logger
from textkit.lemmas import detect_language

__all__ = ["Answered", "Answerer", "Exchange", "Question"]

_CANDIDATES: Final = 8
_LETTERS: Final = 500
_TOKENS: Final = 400
_MOST_SOURCES: Final = 4
_REMEMBERED: Final = 2
_MOST_LISTED: Final = 12
_MARKS: Final = re.compile(r"\s*\[\d+(?:,\s*\d+)*\]")


@dataclass(frozen=True)
class Answered:
    """The end of an answer."""

    known: bool
    """Whether the sources hold an answer."""
    citations: tuple[Found, ...] = ()
    """Sources by their number in the text, from 1."""
    usage: Usage = field(default_factory=Usage)
    fallback_reason: str = ""
    """Why the sources were quoted instead of a model asked, or why its answer ends early; empty where neither is so."""


class _Draft(Answer):
    answered: bool
    answer: Annotated[str, WithJsonSchema({"type": "string", "maxLength": _LETTERS})]
    sources: Annotated[
        list[int], WithJsonSchema({"type": "array", "items": {"type": "integer"}, "maxItems": _MOST_SOURCES})
    ]


@dataclass(frozen=True)
class _Evidence:
    """What may answer a question: the sources that can hold the answer, and their passages."""

    wanted: Wanted
    sources: list[Found]
    passages: list[Passage]
    vectors: Floats
    """Embeddings of the passages, shape [passages, dimension]."""
    nearness: Floats
    """Cosine of the question with each passage, shape [passages]."""
    roster: list[str]


@dataclass
class _Told:
    """What a model's answer has come to."""

    text: str = ""
    """What was told, without the numbers of the sources."""
    cited: list[Found] = field(default_factory=list)
    held: list[tuple[str, Found]] = field(default_factory=list)
    """Sentences that stand and wait for one that says what was asked for."""
    beside: bool = False
    """Whether a sentence that the sources hold had nothing to do with the question."""
    usage: Usage = field(default_factory=Usage)


class Answerer:
    """Answers questions.

    Args:
        model: The language model; without one the sources are quoted.
        knowledge: Where the sources are.
        source_tokens: Most tokens of sources in one prompt.
    """

    def __init__(self, model: ChatModel | None, knowledge: Knowledge, source_tokens: int) -> None:
        self._model = model
        self._knowledge = knowledge
        self._source_tokens = source_tokens
        self._log = get_logger(__name__)

    async def ask(self, question: Question) -> AsyncIterator[str | Answered]:
        """Yield the answer in pieces, and at last its sources.

        Whether there is an answer is decided by the sources, before the model is asked; what the model writes is held to them,
        sentence by sentence while it writes. Where it fails or says nothing that they hold, they are quoted.
        """
        inquiry = await asyncio.to_thread(inquiry_of, question)
        if inquiry.listing is not None:
            listed = await self._listed(question, inquiry)
            for piece in listed[0]:
                yield piece
            yield listed[1]
            return
        evidence = await self._evidence(question, inquiry)
        if evidence is None:
            yield unknown(question.language)
            yield Answered(known=False)
            return
        told, fallback = _Told(), ""
        if self._model is not None:
            try:
                async with aclosing(self._written(self._model, question, evidence, told)) as pieces:
                    async for piece in pieces:
                        yield piece
            except (ProviderFailed, ProviderTooSlow, ModelOutputInvalid) as error:
                self._log.warning("answer ends early" if told.text else "answer is quoted", reason=error.reason)
                fallback = error.message
        else:
            fallback = NO_MODEL
        if told.text:
            yield Answered(known=True, citations=tuple(told.cited), usage=told.usage, fallback_reason=fallback)
            return
        found = await self._quoted(question, evidence, trusted=told.usage.calls == 0 or told.beside)
        if found is None:
            yield unknown(question.language)
            yield Answered(known=False, usage=told.usage, fallback_reason=fallback)
            return
        marks = "".join(f"[{number}]" for number in range(1, len(found[1]) + 1))
        for piece in _pieces(f"{found[0]} {marks}"):
            yield piece
        yield Answered(known=True, citations=tuple(found[1]), usage=told.usage, fallback_reason=fallback)

    async def _listed(self, question: Question, inquiry: Inquiry) -> tuple[list[str], Answered]:
        """Return decisions, or what meetings were about, by time: nothing has to be found or phrased for it."""
        kind = DECISION if inquiry.listing is Listing.DECISIONS else SUMMARY
        chunks = await self._knowledge.latest(question.access, inquiry.searches[0][1], kind, 10 * _MOST_LISTED)
        first = list({chunk.document_id: chunk for chunk in reversed(chunks)}.values())[::-1][:_MOST_LISTED]
        if not first:
            return [nothing_listed(inquiry.period, question.language)], Answered(known=False)
        lines = [
            listed(number, chunk.text, chunk.title, chunk.happened_ms, question.zone)
            for number, chunk in enumerate(first, start=1)
        ]
        return [f"{line}\n" for line in lines[:-1]] + lines[-1:], Answered(known=True, citations=tuple(first))

    async def _evidence(self, question: Question, inquiry: Inquiry) -> _Evidence | None:
        """Return what may answer, of the first search that finds it."""
        embedder = self._knowledge.embedder
        for query, narrowed in inquiry.searches:
            found = await self._knowledge.search(query, question.access, narrowed, _CANDIDATES)
            if not found:
                continue
            passages = await asyncio.to_thread(passages_of, found)
            roster = sorted({speaker for source in found for speaker in source.speakers})
            wants = await asyncio.to_thread(wanted, question, roster)
            held = await asyncio.to_thread(holding, wants, found, passages)
            if not held:
                continue
            own = [replace(one, source=held.index(one.source)) for one in passages if one.source in held]
            vectors = await asyncio.to_thread(embedder.embed_passages, [passage.text for passage in own])
            asked = (await asyncio.to_thread(embedder.embed_queries, [query]))[0]
            return _Evidence(
                wants,
                [found[place] for place in held],
                own,
                vectors,
                vectors @ asked,
                roster,
            )
        return None

    async def _written(
        self, model: ChatModel, question: Question, evidence: _Evidence, told: _Told
    ) -> AsyncGenerator[str]:
        """Yield those sentences of the model's answer that the sources hold, each as soon as it is written and checked.

        The first ones wait until they hold something of the asked kind. A sentence that may be the service's own instructions, and all
        behind it, waits for the whole answer. Where the model begins again after something was told, what was told is the answer.

        Raises:
            ProviderFailed, ProviderTooSlow, ModelOutputInvalid: See `ChatModel.chat`.
        """
        sources = await self._fitting(model, evidence.sources)
        recent = question.history[-_REMEMBERED:]
        messages = render("answer", question.language, sources=sources, question=question.text, history=recent)
        heard = Heard("answered", "answer")
        writing = asyncio.create_task(model.chat(messages, _Draft, _TOKENS, heard))
        writing.add_done_callback(heard.end)
        seen: list[str] = []
        tries, doubtful = 1, False
        try:
            async for text in heard.texts():
                if heard.tries > tries:
                    if told.text:
                        raise _broken_off(model)
                    tries, doubtful = heard.tries, False
                    seen.clear()
                    told.held.clear()
                for raw in whole_sentences(text)[len(seen) :]:
                    doubtful = doubtful or may_repeat_instructions(raw, messages)
                    if doubtful:
                        break
                    seen.append(raw)
                    async for piece in self._checked(raw, question, evidence, sources, told):
                        yield piece
            reply = await writing
        finally:
            writing.cancel()
        told.usage = reply.usage
        if heard.tries > tries and told.text:
            raise _broken_off(model)
        if heard.tries > tries:
            seen.clear()
            told.held.clear()
        if not reply.value.answered:
            return
        for raw in (reply.value.answer[start:end] for start, end in cut_sentences(reply.value.answer)):
            if raw not in seen:
                async for piece in self._checked(raw, question, evidence, sources, told):
                    yield piece

    async def _checked(
        self, raw: str, question: Question, evidence: _Evidence, sources: Sequence[Found], told: _Told
    ) -> AsyncIterator[str]:
        """Yield what can be told once a further sentence is written: nothing, or it with those that waited, each with its source."""
        prefixes = tuple(f"{name}: " for name in evidence.roster)
        sentence = _without(_MARKS.sub("", raw).strip(), prefixes)
        if not sentence or detect_language(sentence) not in (question.language, "mixed", ""):
            return
        vector = (await asyncio.to_thread(self._knowledge.embedder.embed_queries, [sentence]))[0]
        passage = await asyncio.to_thread(
            support, sentence, evidence.passages, evidence.roster, evidence.vectors @ vector
        )
        if passage is None or passage.source >= len(sources):
            return
        told.held.append((sentence, sources[passage.source]))
        standing = " ".join([told.text, *(one for one, _ in told.held)]).strip()
        if not told.text and not evidence.wanted.answered_by(standing, [question.text]):
            return
        # A further question may leave out what it is about.
        if not told.text and not question.history and not speaks_of(standing, question.text):
            told.beside = True
            return
        for one, source in told.held:
            if source not in told.cited:
                told.cited.append(source)
            begins = " " if told.text else ""
            told.text = f"{told.text} {one}".strip()
            yield f"{begins}{one} [{told.cited.index(source) + 1}]"
        told.held.clear()

    async def _quoted(
        self, question: Question, evidence: _Evidence, *, trusted: bool
    ) -> tuple[str, list[Found]] | None:
        """Return the passage that speaks most of what was asked.

        Args:
            question: The question.
            evidence: What may answer.
            trusted: Whether no model was asked, or its answer was beside the question. Where one found no answer, only a passage with
                the asked kind of thing is quoted.
        """
        if not trusted and evidence.wanted.kind is Kind.ANYTHING:
            return None
        quoted = await asyncio.to_thread(
            quote_answer, evidence.wanted, evidence.passages, evidence.nearness, evidence.roster, question.language
        )
        return None if quoted is None else (quoted[0], [evidence.sources[quoted[1].source]])

    async def _fitting(self, model: ChatModel, found: Sequence[Found]) -> list[Found]:
        fitting: list[Found] = []
        room = self._source_tokens
        for chunk in found:
            room -= await model.count_tokens(f"{chunk.header}\n{chunk.text}")
            if room < 0 and fitting:
                break
            fitting.append(chunk)
        return fitting


def _broken_off(model: ChatModel) -> ProviderFailed:
    return ProviderFailed(
        f"The model {model.name} broke its answer off; what is told of it was checked, and more may be missing."
    )


def _without(text: str, prefixes: Sequence[str]) -> str:
    """Return a sentence without the speaker's name that the model copied in front of it."""
    return next((text.removeprefix(prefix) for prefix in prefixes if text.startswith(prefix)), text)


def _pieces(text: str) -> list[str]:
    spans = cut_sentences(text)
    return [
        text[start : spans[place + 1][0] if place + 1 < len(spans) else len(text)]
        for place, (start, _) in enumerate(spans)
    ]
