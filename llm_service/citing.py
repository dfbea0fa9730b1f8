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

from llm_service.grounding import matches, overlap
from llm_service.knowledge import Found
from llm_service.talk import cut_sentences
from llm_service.texts import attributed
from llm_service.wanted import Kind, Wanted, number_runs, proper_names
from textkit.lemmas import detect_language, lemma, lemmas, tokens
from textkit.people import find_people

__all__ = ["Passage", "holding", "passages_of", "quote_answer", "speaks_of", "support"]

Floats = npt.NDArray[np.float32]

_WIDTH: Final = 3
"""Neighbouring sentences that may hold one sentence of an answer together."""
_ENOUGH: Final = 0.65
_ASKED: Final = 0.6
"""Share of a question's words that a quoted passage must hold where no kind of answer tells it."""
_TERSE: Final = 5
"""Words with a meaning from which an answer says what it is about."""
_FOREIGN: Final = 0.8
"""Cosine of multilingual-e5 from which a sentence in another language may say the same; unrelated ones have 0.75 on average."""
_NEAR: Final = 0.785
"""Cosine from which a source in another language than the question may answer it: three quarters of 607 right ones on xquad_ru_en_a
lie above it, and one in ten of those about another subject."""


@dataclass(frozen=True)
class Passage:
    """Up to three neighbouring sentences of one source."""

    source: int
    """Place of the source, from 0."""
    place: int
    """Place of its first sentence in the source, from 0."""
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
                found.append(Passage(number, start, speakers, tuple(said[start:end]), words))
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
    # A name is what a sentence is about: one strange name among many right words makes it wrong.
    names = {lemma(word) for word in proper_names(sentence)} - {word for name in roster for word in lemmas(name)}
    numbers, language = number_runs(sentence), detect_language(sentence)
    best: tuple[float, int] | None = None
    for place, passage in enumerate(passages):
        if not figures <= set(tokens(passage.text)) or not people <= _people(passage, roster):
            continue
        foreign = _foreign(language, passage.text)
        if not foreign and not all(matches(name, set(passage.words)) for name in names):
            continue
        if foreign and nearness is not None:
            share = float(nearness[place])
            if share < _FOREIGN:
                continue
        elif words:
            share = overlap(words, set(passage.words))
            if share < _ENOUGH:
                continue
        else:
            continue
        if not foreign and not numbers <= number_runs(passage.text):
            continue
        # Of two that hold as much, the shorter one is meant.
        rank = (share - 0.01 * len(passage.sentences), -place)
        if best is None or rank > best:
            best = rank
    return None if best is None else passages[-best[1]]


def speaks_of(answer: str, question: str) -> bool:
    """Return whether an answer shares a word with the question; a terse one ("Oleg, on Friday") need not, nor one between languages."""
    said, asked = set(lemmas(answer)), set(lemmas(question))
    if len(said) < _TERSE or not asked or detect_language(answer) != detect_language(question):
        return True
    return any(matches(word, said) for word in asked)


def holding(wanted: Wanted, sources: Sequence[Found], passages: Sequence[Passage]) -> list[int]:
    """Return the places of the sources that can hold the answer, in order.

    Args:
        wanted: What the question asks for.
        sources: What was found; between two languages no words agree, and the score is the cosine.
        passages: All passages of the sources.
    """
    roster = sorted({speaker for source in sources for speaker in source.speakers})
    found: list[int] = []
    for place, source in enumerate(sources):
        own = [number for number, passage in enumerate(passages) if passage.source == place]
        if _foreign(wanted.language, source.text):
            text = " ".join(passages[number].text for number in own)
            # Any text has some name; whether it is the right one, only words in common tell.
            if source.score >= _NEAR and wanted.kind is not Kind.NAME and wanted.answered_by(text, roster):
                found.append(place)
            continue
        words = lemmas(source.searched, keep_stop_words=True)
        people = {*source.speakers, *(mention.person for mention in find_people(source.searched, roster))}
        if wanted.named_by(words, people) and any(_speaks(wanted, passages[number], roster) for number in own):
            found.append(place)
    return found


def quote_answer(
    wanted: Wanted, passages: Sequence[Passage], nearness: Floats, roster: Sequence[str], language: str
) -> tuple[str, Passage] | None:
    """Return the passage that speaks most of what was asked, as a quotation; None where none does.

    Args:
        wanted: What the question asks for.
        passages: Passages of the sources that can hold the answer.
        nearness: Cosine of the question with each passage.
        roster: Names of all speakers.
        language: `ru` or `en`, for the quotation marks.
    """
    fitting: list[tuple[float, int]] = []
    for place, passage in enumerate(passages):
        share = overlap(set(wanted.words), set(passage.words)) if wanted.words else 0.0
        foreign = _foreign(wanted.language, passage.text)
        if foreign and not _typed(wanted):
            continue
        named = bool(wanted.things) and overlap(set(wanted.things), set(passage.words)) == 1.0
        if not foreign and (not _speaks(wanted, passage, roster) or not (named or share >= _ASKED or _typed(wanted))):
            continue
        # Of two that hold as much, the shorter one is quoted.
        fitting.append((share + float(nearness[place]) - 0.02 * len(passage.sentences), -place))
    if not fitting:
        return None
    passage = passages[-max(fitting)[1]]
    said = [*passage.sentences, *(_reply(passage, passages) if passage.sentences[-1][1].rstrip().endswith("?") else ())]
    quoted = [attributed(speaker, text.rstrip(" .…"), language) for speaker, text in said]
    return " ".join(quoted), passage


def _reply(passage: Passage, passages: Sequence[Passage]) -> tuple[tuple[str, str], ...]:
    """Return what was said to a question with which a passage ends: up to two sentences."""
    follows = passage.place + len(passage.sentences)
    after = [
        one for one in passages if one.source == passage.source and one.place == follows and len(one.sentences) < _WIDTH
    ]
    return max((one.sentences for one in after), key=len, default=())


def _typed(wanted: Wanted) -> bool:
    return wanted.kind is not Kind.ANYTHING


def _speaks(wanted: Wanted, passage: Passage, roster: Sequence[str]) -> bool:
    # A question in the passage may name the number that it asks for itself.
    return wanted.spoken_of(passage.words) and wanted.answered_by(passage.text, [*roster, *wanted.words])


def _foreign(language: str, text: str) -> bool:
    return language not in (detect_language(text), "mixed", "") and detect_language(text) not in ("mixed", "")


def _sentences(source: Found) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    for line in source.text.split("\n"):
        speaker = next((name for name in source.speakers if line.startswith(f"{name}: ")), "")
        text = line.removeprefix(f"{speaker}: ") if speaker else line
        said += [(speaker, text[start:end]) for start, end in cut_sentences(text)]
    return said


def _people(passage: Passage, roster: Sequence[str]) -> set[str]:
    return {*passage.speakers, *(mention.person for mention in find_people(passage.text, roster))}
