"""An answer while it is written, handed from the model's side to the one that checks its sentences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from llm_service.talk import cut_sentences

__all__ = ["Heard", "whole_sentences"]


class Heard:
    """A `Listener` for the text of one field.

    Args:
        gate: Field that has to be true, and to come first; until then the text is not told.
        field: Field with the text.
    """

    def __init__(self, gate: str, field: str) -> None:
        self._gate = gate
        self._field = field
        self._told: asyncio.Queue[str | None] = asyncio.Queue()
        self._tries = 0

    @property
    def tries(self) -> int:
        """How often the model began."""
        return self._tries

    def begin(self) -> None:
        """Take note that the model begins."""
        self._tries += 1

    def hear(self, partial: Mapping[str, Any]) -> None:
        """Hear the answer as far as it is written."""
        text = partial.get(self._field)
        if partial.get(self._gate) is True and isinstance(text, str):
            self._told.put_nowait(text)

    def end(self, *_: object) -> None:
        """Take note that nothing more comes."""
        self._told.put_nowait(None)

    async def texts(self) -> AsyncIterator[str]:
        """Yield the text so far, again and again, until the end."""
        while (text := await self._told.get()) is not None:
            yield text


def whole_sentences(text: str) -> list[str]:
    """Return the sentences of a text that is still being written, without the last one, which may go on."""
    return [text[start:end] for start, end in cut_sentences(text)][:-1]
