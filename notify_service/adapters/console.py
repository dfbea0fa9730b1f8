"""The console: messages appear on the standard output of the service."""

from __future__ import annotations

import asyncio
import sys
import unicodedata
from typing import TextIO

from notify_service.errors import ChannelUnavailable
from notify_service.message import Message
from notify_service.texts import TEXTS, Language, Texts

__all__ = ["ConsoleChannel", "page"]

_RULE = "─" * 72


class ConsoleChannel:
    """Writes messages for whoever looks at the service's output.

    A message that replaces an earlier one is written anew. After a crash a message may appear twice.

    Args:
        language: Language of the words around a message.
        output: Where to write; the standard output at the moment of writing where it is None.
    """

    name = "console"
    questions = True
    updates = True
    max_text_length = 4000

    def __init__(self, language: Language, output: TextIO | None = None) -> None:
        self._texts = TEXTS[language]
        self._output = output

    async def send(self, message: Message) -> None:
        """Write a message."""
        await self._write(page(message, self._texts, changed=False))

    async def update(self, message: Message) -> None:
        """Write a message that replaces an earlier one."""
        await self._write(page(message, self._texts, changed=True))

    async def _write(self, text: str) -> None:
        # A pipe that nobody reads blocks, and must not block the service.
        await asyncio.to_thread(self._print, text)

    def _print(self, text: str) -> None:
        output = self._output or sys.stdout
        try:
            output.write(text)
            output.flush()
        except (OSError, ValueError) as error:
            raise ChannelUnavailable(f"the console cannot be written to: {error}") from error


def page(message: Message, texts: Texts, *, changed: bool) -> str:
    """Return a message as the console shows it."""
    question, content = message.question, message.content
    headline = texts.changed if changed else texts.question if question else texts.message
    lines = [_RULE, headline.format(address=message.recipient.address)]
    lines += [line for line in (content.title, content.text, content.url) if line]
    if question is not None and question.closed:
        lines.append(texts.closed)
    elif question is not None:
        labels = " · ".join(f"{button.label} [{button.value}]" for button in question.buttons)
        lines.append(texts.answers.format(labels=labels))
        if question.deadline is not None:
            lines.append(texts.deadline.format(moment=f"{question.deadline:%Y-%m-%d %H:%M}"))
        lines.append(texts.how)
    lines.append(_RULE)
    return "".join(f"{_harmless(line)}\n" for line in lines)


def _harmless(text: str) -> str:
    """Return the text without what a terminal would obey: a quote from a meeting must not move the cursor."""
    return "".join(
        letter if letter in "\n\t\u200d" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs"} else " "
        for letter in text
    )
