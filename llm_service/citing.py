"""Which words of which source hold a sentence of an answer.

A sentence stands when a few neighbouring sentences of one source hold its words, numbers and names. That keeps a model from mixing what
different people said about different things.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from llm_service.grounding import overlap
from llm_service.knowledge import Found
from llm_service.talk import cut_sentences
from llm_service.texts import attributed
from textkit.lemmas import detect_language, lemmas, tokens
from textkit.people import find_people

__all__ = ["Passage", "passages_of", "quote_answer", "support"]

Floats = npt.NDArray[np.float32]

_WIDTH: Final = 3
"""Neighbouring sentences that may hold one sentence of an answer together."""
_ENOUGH: Final = 0.65
_ASKED: Final = 0.6
"""Share of a question's words that a quoted passage must hold."""


_WANTED: Final = frozenset(
    """
    день дата срок время час число количество человек причина место название имя сколько почему зачем
    day date time hour number person peopl reason place name
    """.split()  # noqa: SIM905 - a table of words reads best as words
)
"""What a question wants to know; an answer rarely says the word."""


@dataclass(frozen=True)
class Passage:
    """Up to three neighbouring sentences of one source."""

    source: int
    """Place of the source, from 0."""
    speakers: tuple[str, ...]
    sentences: tuple[tuple[str, str], ...]
    """Speaker and text of each sentence."""
    words: frozenset[str]

    @property
    def text(self) -> str:
        """Its sentences with their speakers."""
        return " ".join(f"{speaker}: {text}" if speaker else text for speaker, text in self.sentences)


def passages_of(sources: Sequence[Found]) -> list[Passage]:
    """Return every passage of one to three neighbouring sentences of the sources."""
    found: list[Passage] = []
    for number, source in enumerate(sources):
        said = _sentences(source)
        header = set(lemmas(source.header, keep_stop_words=True))
        held = [set(lemmas(f"{speaker}. {text}", keep_stop_words=True)) for speaker, text in said]
        for start in range(len(said)):
            for end in range(start + 1, min(len(said), start + _WIDTH) + 1):
                speakers = tuple(dict.fromkeys(speaker for speaker, _ in said[start:end] if speaker))
                words = frozenset(header.union(*held[start:end]))
                found.append(Passage(number, speakers, tuple(said[start:end]), words))
    return found


def support(
    sentence: str, passages: Sequence[Passage], roster: Sequence[str], nearness: Floats | None
) -> Passage | None:
    """Return the shortest passage that holds a sentence, or None.

    Args:
        sentence: One sentence of an answer.
        passages: Passages of all sources.
        roster: Names of all speakers; who is named in the sentence must be in the passage.
        nearness: Cosine of the sentence with each passage; decides where the sources are in another language than the sentence.
    """
    words = set(lemmas(sentence)) - {word for name in roster for word in lemmas(name)}
    figures = {word for word in tokens(sentence) if any(letter.isdigit() for letter in word)}
    people = {mention.person for mention in find_people(sentence, roster)}
    best: tuple[float, int] | None = None
    for place, passage in enumerate(passages):
        if not figures <= set(tokens(passage.text)) or not people <= _people(passage, roster):
            continue
        foreign = detect_language(sentence) not in (detect_language(passage.text), "mixed", "")
        if foreign and nearness is not None:
            share = float(nearness[place])
        elif words:
            share = overlap(words, set(passage.words))
            if share < _ENOUGH:
                continue
        else:
            continue
        # Of two that hold as much, the shorter one is meant.
        rank = (share - 0.01 * len(passage.sentences), -place)
        if best is None or rank > best:
            best = rank
    return None if best is None else passages[-best[1]]


def quote_answer(
    question: str, passages: Sequence[Passage], nearness: Floats, language: str
) -> tuple[str, Passage] | None:
    """Return the passage that speaks most of what was asked, as a quotation; None where none does.

    Args:
        question: The question.
        passages: Passages of all sources.
        nearness: Cosine of the question with each passage.
        language: `ru` or `en`, for the quotation marks.
    """
    asked = {word for word in lemmas(question) if word not in _WANTED}
    fitting = [
        (overlap(asked, set(passage.words)) + float(nearness[place]), place)
        for place, passage in enumerate(passages)
        if overlap(asked, set(passage.words)) >= _ASKED
    ]
    if not asked or not fitting:
        return None
    passage = passages[max(fitting)[1]]
    quoted = [attributed(speaker, text.rstrip(" .…"), language) for speaker, text in passage.sentences]
    return " ".join(quoted), passage


def _sentences(source: Found) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    for line in source.text.split("\n"):
        speaker = next((name for name in source.speakers if line.startswith(f"{name}: ")), "")
        text = line.removeprefix(f"{speaker}: ") if speaker else line
        said += [(speaker, text[start:end]) for start, end in cut_sentences(text)]
    return said


def _people(passage: Passage, roster: Sequence[str]) -> set[str]:
    return {*passage.speakers, *(mention.person for mention in find_people(passage.text, roster))}
