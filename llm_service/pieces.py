"""The pieces of a talk that one call of the model each writes up, and their writing: several at once, told in the order of the talk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from llm_service.errors import ModelOutputInvalid, ProviderFailed, ProviderTooSlow
from llm_service.extract import Extract
from llm_service.minutes import Minutes
from llm_service.parts import Part, extracted
from mesh.logs import get_logger

__all__ = ["Piece", "Writing", "refined", "spoken", "told", "topic"]

_MOST_INVALID: Final = 3
"""Answers out of shape in one summary after which the model is given up."""


@dataclass(frozen=True)
class Piece:
    """What one call of the model writes up, and what stands in its place where the model fails."""

    write: Callable[[Minutes, Sequence[Part]], Awaitable[list[Part]]]
    """Gets the parts before it where it follows them, and returns them with its own; else it returns its own alone."""
    extracts: tuple[Part, ...]
    follows: bool = False
    """Whether it improves the part before it, so that it can only begin when that one is written."""


def topic(extract: Extract, language: str) -> Piece:
    """Return the piece of one topic."""

    async def write(minutes: Minutes, _: Sequence[Part]) -> list[Part]:
        return [await minutes.topic(extract)]

    return Piece(write, (extracted(extract, language),))


def spoken(extract: Extract, speaker: str, language: str) -> Piece:
    """Return the piece of what one person said."""

    async def write(minutes: Minutes, _: Sequence[Part]) -> list[Part]:
        return [await minutes.topic(extract, speaker)]

    return Piece(write, (replace(extracted(extract, language), title=speaker),))


def told(units: tuple[Extract, ...], most: int, language: str) -> Piece:
    """Return the piece of a stretch of several topics, told as at most `most` parts."""

    async def write(minutes: Minutes, _: Sequence[Part]) -> list[Part]:
        return await minutes.stretch(units, most)

    return Piece(write, tuple(extracted(unit, language) for unit in units))


def refined(units: tuple[Extract, ...], language: str) -> Piece:
    """Return the piece of a stretch that goes on where the part before it ended."""

    async def write(minutes: Minutes, before: Sequence[Part]) -> list[Part]:
        if not before:
            return await minutes.stretch(units)
        improved, further = await minutes.refine(units, before[-1])
        return [*before[:-1], improved, *further]

    return Piece(write, tuple(extracted(unit, language) for unit in units), follows=True)


class Writing:
    """Pieces being written up.

    Args:
        pieces: All pieces, in the order of the talk.
        minutes: What writes them; None to take their extracts.
        at_once: Pieces in work at the same time, where they do not follow one another.
    """

    def __init__(self, pieces: Sequence[Piece], minutes: Minutes | None, at_once: int) -> None:
        self._waiting = deque(pieces)
        self._begun: deque[tuple[Piece, asyncio.Future[list[Part]]]] = deque()
        self._minutes = minutes
        self._at_once = at_once
        self._invalid = 0
        self.writer = minutes
        """What writes; None once the model was given up."""
        self.fallback = ""
        """Why extracts stand in the place of some pieces."""
        self._log = get_logger(__name__)

    async def further(self, parts: list[Part]) -> list[Part]:
        """Return the parts with those of the next piece.

        Raises:
            ModelOutputInvalid: The model keeps answering out of shape.
        """
        self._begin(parts)
        if not self._begun:
            return [*parts, *self._waiting.popleft().extracts]
        piece, work = self._begun.popleft()
        try:
            written = await work
        except (ProviderFailed, ProviderTooSlow) as error:
            self._log.warning("language model failed; the rest is extracted", reason=error.reason)
            self.writer, self.fallback = None, error.message
        except ModelOutputInvalid as error:
            self._invalid += 1
            if self._minutes is None or not self._minutes.usage.calls or self._invalid >= _MOST_INVALID:
                raise
            self.fallback = error.message
        else:
            return written if piece.follows else [*parts, *written]
        return [*parts, *piece.extracts]

    async def stop(self) -> None:
        """Stop what is still in work."""
        left = [work for _, work in self._begun]
        for work in left:
            work.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _begin(self, parts: list[Part]) -> None:
        while self.writer is not None and self._waiting and len(self._begun) < self._at_once:
            if self._waiting[0].follows and self._begun:
                return
            piece = self._waiting.popleft()
            self._begun.append((piece, asyncio.ensure_future(piece.write(self.writer, parts))))
