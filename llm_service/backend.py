"""What an adapter does for one provider of language models: one request, one answer, in the provider's own protocol.

Everything that is the same for all providers (shape, repair, retries, window, redaction, cost) stands above this port.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from llm_service.generation import Message, Usage

__all__ = ["Backend", "Completion", "Mode", "Request"]


class Mode(StrEnum):
    """How an answer is brought into shape."""

    JSON_SCHEMA = "json_schema"
    """The provider's own parameter for a schema, in OpenAI's nested form where it speaks that protocol."""
    FLAT_SCHEMA = "flat_schema"
    """The schema beside the type, without a name around it."""
    TOOL = "tool"
    """A function that must be called."""
    PROMPT = "prompt"
    """The schema is told in words; nothing enforces it."""


@dataclass(frozen=True)
class Request:
    """One generation."""

    messages: Sequence[Message]
    max_tokens: int
    mode: Mode
    name: str
    """Name of the task, of letters, digits and `_`."""
    schema: dict[str, Any]
    seconds: float
    """Deadline."""
    heard: Callable[[str], None] | None = None
    """Told each piece of the answer as it comes, by providers that send it in pieces."""


@dataclass(frozen=True)
class Completion:
    """What came back."""

    content: str
    finish_reason: str | None
    """`stop` where the answer is complete."""
    usage: Usage


class Backend(Protocol):
    """One provider with one model."""

    @property
    def kind(self) -> str:
        """Kind in the settings, such as `gigachat`."""

    @property
    def model(self) -> str:
        """Name that the provider knows."""

    @property
    def host(self) -> str:
        """Host that texts go to; empty where they stay in this process."""

    @property
    def modes(self) -> Sequence[Mode]:
        """Modes to try, best first; the last one is `PROMPT`."""

    async def open(self) -> None:
        """Load what has to be in memory.

        Raises:
            ModelNotLoaded: The model is missing or cannot be loaded.
        """

    async def check(self) -> None:
        """Raise `ProviderFailed` where the service cannot work on without the provider; cheap."""

    async def complete(self, request: Request) -> Completion:
        """Ask once.

        Raises:
            ProviderFailed: The provider answered with an error or not at all; the error tells whether it may pass.
            ProviderTooSlow: The deadline passed.
            OutsideRefused: The texts must stay inside and the provider is outside.
        """

    async def window(self) -> int | None:
        """Return how many tokens prompt and answer may have, as the server tells; None where it does not tell or fails."""

    async def count(self, text: str) -> int | None:
        """Return how many tokens a text has by the model's own tokenizer; None where the provider does not tell."""

    async def close(self) -> None:
        """Close all connections."""
