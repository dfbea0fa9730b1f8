"""A talk cut for the model: into topics, into stretches of several topics, or by who spoke. No line is left out but greetings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from llm_service.actions import Findings
from llm_service.cues import Kind, find_cues, is_small_talk
from llm_service.extract import Extract, Vectors, extract_topic
from llm_service.talk import Line, Talk
from llm_service.topics import cut_topics, weights_of

__all__ = ["Cutting", "by_speaker", "cut", "stretches"]

Counter = Callable[[str], Awaitable[int]]
"""Counts the tokens of a text."""

_SAYS_SOMETHING: Final = 0.6
"""Weight of all sentences of a topic below which it is small talk."""


@dataclass(frozen=True)
class Cutting:
    """A talk in topics that fit one prompt each."""

    topics: tuple[Extract, ...]
    tokens: tuple[int, ...]
    """Tokens of each topic, never fewer than the model counts."""
    vectors: Vectors
    """Embeddings of all lines, shape [lines, dimension]."""
    count: Counter


async def cut(talk: Talk, vectors: Vectors, room: int, count: Counter) -> Cutting:
    """Return the topics of a talk; one that has more than `room` tokens is cut in two."""
    cuts = await asyncio.to_thread(cut_topics, talk.lines, vectors)
    pieces = [piece for start, end in cuts for piece in await _fitting(talk.lines[start:end], room, count)]
    pieces = [piece for piece in _with_their_openings(pieces) if _says_something(piece)]
    topics = await asyncio.to_thread(lambda: tuple(_extract(talk, piece, vectors) for piece in pieces))
    return Cutting(topics, tuple([await _tokens(topic.lines, count) for topic in topics]), vectors, count)


def stretches(cutting: Cutting, room: int) -> list[tuple[Extract, ...]]:
    """Return neighbouring topics in groups of at most `room` tokens."""
    groups: list[list[Extract]] = []
    used = room + 1
    for topic, tokens in zip(cutting.topics, cutting.tokens, strict=True):
        if used + tokens > room:
            groups.append([])
            used = 0
        groups[-1].append(topic)
        used += tokens
    return [tuple(group) for group in groups]


async def by_speaker(talk: Talk, cutting: Cutting, room: int) -> list[tuple[str, tuple[Extract, ...]]]:
    """Return who spoke, in the order in which they first did, with what each of them said in pieces of at most `room` tokens.

    What was found in a topic belongs to whoever said the first line of it.
    """
    said: dict[str, list[Line]] = {}
    for topic in cutting.topics:
        for line in topic.lines:
            said.setdefault(line.speaker, []).append(line)
    found: list[tuple[str, tuple[Extract, ...]]] = []
    for speaker, lines in said.items():
        pieces = await _fitting(tuple(lines), room, cutting.count)
        extracts = [await asyncio.to_thread(_extract, talk, piece, cutting.vectors) for piece in pieces]
        numbers = [{line.number for line in piece} for piece in pieces]
        found.append(
            (
                speaker,
                tuple(
                    replace(extract, found=_findings(cutting.topics, own))
                    for extract, own in zip(extracts, numbers, strict=True)
                ),
            )
        )
    return found


def _findings(topics: Sequence[Extract], lines: set[int]) -> Findings:
    return Findings(
        tuple(one for topic in topics for one in topic.found.tasks if one.lines[0].number in lines),
        tuple(one for topic in topics for one in topic.found.decisions if one.lines[0].number in lines),
        tuple(one for topic in topics for one in topic.found.questions if one.lines[0].number in lines),
        tuple(one for topic in topics for one in topic.found.risks if one.lines[0].number in lines),
    )


def _extract(talk: Talk, lines: Sequence[Line], vectors: Vectors) -> Extract:
    telling = [line for line in lines if not is_small_talk(line.text)] or list(lines)
    return extract_topic(talk, telling, np.asarray(vectors[[line.number for line in telling]]))


async def _fitting(lines: Sequence[Line], room: int, count: Counter) -> list[tuple[Line, ...]]:
    found: list[tuple[Line, ...]] = []
    waiting = [tuple(lines)]
    while waiting:
        piece = waiting.pop(0)
        if len(piece) > 1 and await _tokens(piece, count) > room:
            middle = len(piece) // 2
            waiting[:0] = [piece[:middle], piece[middle:]]
        elif piece:
            found.append(piece)
    return found


async def _tokens(lines: Sequence[Line], count: Counter) -> int:
    return await count("\n".join(f"[{line.turn + 1}] {line.speaker}: {line.text}" for line in lines))


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
