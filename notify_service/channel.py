"""What a channel must be able to do, and the channels that are on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from notify_service.errors import ChannelCannot, ChannelNotFound, TextTooLong
from notify_service.message import Message

__all__ = ["Channel", "Channels"]


class Channel(Protocol):
    """A way to a person.

    Messages are sent at least once: after a crash between the channel's yes and the note of it, the same message comes again, with the
    same identifier. A channel that can tell must take it only once.
    """

    @property
    def name(self) -> str:
        """Name in `Recipient.channel`."""

    @property
    def questions(self) -> bool:
        """Whether questions with buttons can be sent."""

    @property
    def updates(self) -> bool:
        """Whether messages can be replaced."""

    @property
    def max_text_length(self) -> int:
        """Longest text, in characters."""

    async def send(self, message: Message) -> None:
        """Bring a message to its recipient.

        Raises:
            ChannelRefused: The channel will never take it.
            ChannelUnavailable: The channel may take it later.
        """

    async def update(self, message: Message) -> None:
        """Replace a message that was sent before; errors as in `send`."""


class Channels:
    """The channels that are on, in order of their names."""

    def __init__(self, channels: Iterable[Channel]) -> None:
        self._by_name = {channel.name: channel for channel in sorted(channels, key=lambda channel: channel.name)}

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._by_name.values())

    def named(self, name: str) -> Channel:
        """Return the channel of this name.

        Raises:
            ChannelNotFound: There is none, or it is off.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise ChannelNotFound(name, self._by_name) from None

    def check(self, name: str, text: str, *, question: bool = False, update: bool = False) -> None:
        """Refuse what a channel could never take.

        Raises:
            ChannelNotFound: There is no such channel.
            ChannelCannot: The channel knows no questions, or no updates.
            TextTooLong: The text is too long for the channel.
        """
        channel = self.named(name)
        if question and not channel.questions:
            raise ChannelCannot(name, "ask questions")
        if update and not channel.updates:
            raise ChannelCannot(name, "replace messages")
        if len(text) > channel.max_text_length:
            raise TextTooLong(name, len(text), channel.max_text_length)
