"""One question to a language model with an answer of a known shape: the port, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Answer", "ChatModel", "Listener", "Message", "Reply", "Usage", "flat_schema"]

Shape = TypeVar("Shape", bound="Answer")


class Answer(BaseModel):
    """Base of all answers that a model is asked for; one class per task, all fields required."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Message:
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Usage:
    """What calls of a model cost."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0
    retries: int = 0
    """Calls that repeated one whose answer was out of shape."""
    seconds: float = 0.0
    """Time that the model worked, without waiting for other calls."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.calls + other.calls,
            self.retries + other.retries,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True)
class Reply(Generic[Shape]):
    """An answer of the right shape, and its cost."""

    value: Shape
    usage: Usage


class Listener(Protocol):
    """Hears an answer while it is written. Nothing of it is checked yet, and a model that cannot be heard says nothing here."""

    def begin(self) -> None:
        """Take note that the model begins; what was heard before is void."""

    def hear(self, partial: Mapping[str, Any]) -> None:
        """Hear the answer as far as it is written: its fields so far, the last text perhaps cut."""


class ChatModel(Protocol):
    """A language model behind some back-end; calls may overlap, the back-end puts them in order."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def provider(self) -> str:
        """Name of the back-end, such as `embedded`."""

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer may have together."""

    @property
    def parallel(self) -> int:
        """Calls that it works on at once; further ones wait."""

    @property
    def structured_output(self) -> bool:
        """Whether the canary saw the model keep to a schema."""

    async def open(self) -> None:
        """Load the model, or reach its endpoint, and send the canary.

        Raises:
            ModelNotLoaded: The model is missing or cannot be loaded.
        """

    async def check(self) -> None:
        """Raise `ProviderFailed` while the model does not answer; cheap."""

    async def close(self) -> None:
        """Give memory and connections back."""

    async def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has; never fewer than the model counts, where that cannot be known."""

    async def chat(
        self, messages: Sequence[Message], shape: type[Shape], max_tokens: int, listener: Listener | None = None
    ) -> Reply[Shape]:
        """Ask for an answer of `shape`; `listener` hears it while it is written.

        An answer out of shape is repaired where that is possible without guessing, else asked for once more with the validator's
        message. A cancelled call stops the model.

        Raises:
            ModelOutputInvalid: Both answers were out of shape, or longer than `max_tokens`.
            ProviderFailed: The endpoint failed.
            ProviderTooSlow: The deadline of the settings passed.
        """


def flat_schema(shape: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of `shape` in the dialect that all servers understand: no titles, no `$ref`, nothing optional."""
    schema = shape.model_json_schema()
    definitions = schema.pop("$defs", {})
    flat: dict[str, Any] = _flatten(schema, definitions)
    return flat


def _flatten(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_flatten(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _flatten(definitions[str(node["$ref"]).rsplit("/", 1)[-1]], definitions)
    flat = {
        key: _flatten(value, definitions) if key != "properties" else _properties(value, definitions)
        for key, value in node.items()
        if key not in ("title", "description", "default")
    }
    if flat.get("type") == "object":
        flat["additionalProperties"] = False
        flat["required"] = list(flat.get("properties", {}))
    return flat


def _properties(fields: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return {name: _flatten(field, definitions) for name, field in fields.items()}
