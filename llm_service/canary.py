"""Whether an endpoint truly keeps to a schema.

Servers that do not know the parameter, or its shape, answer with success and ignore it. So the canary asks for plain prose and forbids
JSON, and at the same time gives a schema whose one value the prompt never mentions.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from llm_service.generation import Message

__all__ = ["Canary"]


@dataclass(frozen=True)
class Canary:
    """One run; the value is random, so that no cached answer passes."""

    value: str = field(default_factory=lambda: f"v{secrets.token_hex(3)}")

    @property
    def messages(self) -> tuple[Message, ...]:
        """Ask for prose."""
        return (Message("user", "Describe the sea in one short sentence of plain prose. Do not use JSON."),)

    @property
    def schema(self) -> dict[str, Any]:
        """Allow nothing but one object."""
        return {
            "type": "object",
            "properties": {"canary": {"type": "string", "enum": [self.value]}},
            "required": ["canary"],
            "additionalProperties": False,
        }

    def passed(self, content: str, finish_reason: str | None) -> bool:
        """Tell whether the answer shows that the schema is enforced."""
        try:
            answer = json.loads(content)
        except ValueError:
            return False
        return finish_reason == "stop" and answer == {"canary": self.value}


@dataclass(frozen=True)
class Marker:
    """A long prompt whose first words are asked for at its end; a server that cuts has lost them.

    Args:
        tokens: Tokens that the prompt has, about.
    """

    tokens: int
    value: str = field(default_factory=lambda: secrets.token_hex(3))

    @property
    def messages(self) -> tuple[Message, ...]:
        """Ask for the marker; the filling is one token a word with all common tokenizers."""
        filling = " one two three four five six seven eight nine ten" * max(1, (self.tokens - 60) // 10)
        return (
            Message(
                "user", f"The marker is {self.value}. Now count:{filling}. What is the marker? Answer with it alone."
            ),
        )

    def was_cut(self, content: str, read: int) -> bool:
        """Tell whether the answer lacks the marker and the server's own count says why.

        A model that only forgets counts the whole prompt, and that is no cut.
        """
        return self.value not in content and 0 < read < self.tokens * 0.8
