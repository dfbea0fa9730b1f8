"""One topic written up by the language model, and held to what was said."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from pydantic import Field, WithJsonSchema, create_model

from llm_service.actions import Task
from llm_service.evidence import Quote, quote_lines
from llm_service.extract import Extract, attribute
from llm_service.generation import Answer, ChatModel, Usage
from llm_service.grounding import Support, examine, matches, mend_script, overlap
from llm_service.prompts import render
from llm_service.talk import Line, Talk, cut_sentences
from textkit.embedder import Embedder
from textkit.lemmas import detect_language, lemmas, morphology, tokens

__all__ = ["Written", "write_topic"]

_TITLE_LETTERS: Final = 60
_TEXT_LETTERS: Final = 320
_TASK_LETTERS: Final = 100
_LETTERS_PER_TOKEN: Final = 1.8
_FRAME_TOKENS: Final = 60
_TITLE_SUPPORT: Final = 0.75
_TASK_SUPPORT: Final = 0.6

_Title = Annotated[str, WithJsonSchema({"type": "string", "maxLength": _TITLE_LETTERS})]
_Text = Annotated[str, WithJsonSchema({"type": "string", "maxLength": _TEXT_LETTERS})]
_Phrase = Annotated[str, WithJsonSchema({"type": "string", "maxLength": _TASK_LETTERS})]


@dataclass(frozen=True)
class Written:
    """A topic in the model's words, as far as they stand, and in the speakers' where they do not."""

    title: str
    text: str
    quotes: tuple[Quote, ...]
    tasks: tuple[Task, ...]
    dropped: int
    """Sentences and phrases of the model that did not stand."""
    usage: Usage


@dataclass(frozen=True)
class _Entry:
    """The lines of one turn as the prompt shows them."""

    number: int
    speaker: str
    text: str


async def write_topic(model: ChatModel, embedder: Embedder, talk: Talk, extract: Extract, language: str) -> Written:
    """Ask the model for title, text and task phrases of one topic, and keep what its lines support.

    Raises:
        ModelOutputInvalid, ProviderFailed, ProviderTooSlow: See `ChatModel.chat`.
    """
    tasks = extract.found.tasks
    messages = render("topic", language, lines=_entries(extract.lines), tasks=[task.text for task in tasks])
    letters = _TITLE_LETTERS + _TEXT_LETTERS + len(tasks) * _TASK_LETTERS
    reply = await model.chat(messages, _shape(len(tasks)), int(letters / _LETTERS_PER_TOKEN) + _FRAME_TOKENS)
    answer: Any = reply.value
    known = [*talk.names.values(), *(line.speaker for line in extract.lines), *(line.text for line in extract.lines)]
    sentences = _sentences(mend_script(answer.text, known))
    supports = await _examine(embedder, sentences, extract.lines, talk, language)
    standing = [(text, support) for text, support in zip(sentences, supports, strict=True) if support.lines]
    text, lines = _complete(standing, extract, language)
    phrased = [
        _phrase(task, mend_script(phrase, known), extract.lines, talk, language)
        for task, phrase in zip(tasks, answer.tasks, strict=True)
    ]
    dropped = len(sentences) - len(standing) + sum(1 for task, own in zip(tasks, phrased, strict=True) if task is own)
    title = mend_script(answer.title.strip().rstrip(".!,:;"), known)
    return Written(
        title if _title_stands(title, extract.lines, talk, language) else extract.title,
        text,
        quote_lines(talk, lines),
        tuple(phrased),
        dropped,
        reply.usage,
    )


def _shape(tasks: int) -> type[Answer]:
    """Return the shape of the answer, with as many phrases as there are tasks."""
    phrases: Any = (list[_Phrase], Field(min_length=tasks, max_length=tasks))
    return create_model("Topic", __base__=Answer, title=(_Title, ...), text=(_Text, ...), tasks=phrases)


def _sentences(text: str) -> list[str]:
    """Return the sentences of an answer, each once, without one that the limit of letters cut off."""
    found = list(dict.fromkeys(text[start:end] for start, end in cut_sentences(text)))
    cut_off = len(text) >= _TEXT_LETTERS - 1 and found and found[-1][-1] not in ".!?…"
    return found[:-1] if cut_off else found


def _entries(lines: Sequence[Line]) -> list[_Entry]:
    entries: list[_Entry] = []
    for line in lines:
        if entries and entries[-1].number == line.turn + 1:
            entries[-1] = replace(entries[-1], text=f"{entries[-1].text} {line.text}")
        else:
            entries.append(_Entry(line.turn + 1, line.speaker, line.text))
    return entries


async def _examine(
    embedder: Embedder, sentences: Sequence[str], lines: Sequence[Line], talk: Talk, language: str
) -> list[Support]:
    if language == talk.language or not sentences:
        return [examine(text, lines, talk, language) for text in sentences]
    written = await asyncio.to_thread(embedder.embed_queries, list(sentences))
    said = await asyncio.to_thread(embedder.embed_passages, [line.text for line in lines])
    return [examine(text, lines, talk, language, row @ said.T) for text, row in zip(sentences, written, strict=True)]


def _complete(standing: Sequence[tuple[str, Support]], extract: Extract, language: str) -> tuple[str, list[Line]]:
    """Return the text in the order of the talk; lines that tell much and are not in it yet are quoted."""
    pieces = [(support.lines[0].number, text, support.lines) for text, support in standing[: extract.room + 1]]
    covered = {line.number for _, _, lines in pieces for line in lines}
    for line in extract.ranked[: extract.room]:
        if len(pieces) >= extract.room:
            break
        if line.number not in covered:
            pieces.append((line.number, attribute(line, language), (line,)))
    pieces.sort(key=lambda piece: piece[0])
    return " ".join(_ended(text) for _, text, _ in pieces), [line for _, _, lines in pieces for line in lines]


def _ended(text: str) -> str:
    return text if text[-1:] in ".!?…" else f"{text}."


def _title_stands(title: str, lines: Sequence[Line], talk: Talk, language: str) -> bool:
    words = set(lemmas(title))
    if not words or "?" in title:
        return False
    if detect_language(title) not in (language, "mixed"):
        return False
    if language != talk.language:
        return True
    return overlap(words, {word for line in lines for word in lemmas(line.text)}) >= _TITLE_SUPPORT


def _phrase(task: Task, phrase: str, lines: Sequence[Line], talk: Talk, language: str) -> Task:
    """Return the task in the model's phrase where that says the same; the very task where it does not."""
    phrase = phrase.strip().rstrip(".;,")
    words = set(lemmas(phrase)) - {word for name in talk.names.values() for word in lemmas(name)}
    if not words or (detect_language(phrase) not in (language, "mixed")):
        return task
    if language != talk.language:
        return replace(task, text=phrase)
    own = {word for line in task.lines for word in lemmas(line.text, keep_stop_words=True)}
    around = own | {word for line in lines for word in lemmas(line.text, keep_stop_words=True)}
    shared = sum(1 for word in words if matches(word, own))
    if overlap(words, around) < _TASK_SUPPORT or not shared or not _same_work(phrase, own, language):
        return task
    return replace(task, text=phrase)


def _same_work(phrase: str, said: set[str], language: str) -> bool:
    """Tell whether the verb of a Russian phrase is one of the task's own, in the infinitive."""
    if language != "ru":
        return True
    for word in tokens(phrase):
        parse = morphology().parse(word)[0]
        if parse.tag.POS == "INFN":
            return matches(parse.normal_form.replace("ё", "е"), said)
    return False
