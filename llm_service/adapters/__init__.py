"""Where language models run, one module per back-end, chosen in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from llm_service.adapters.embedded import EmbeddedModel
from llm_service.adapters.openai_compatible import OpenAiCompatibleModel
from llm_service.generation import ChatModel
from llm_service.settings import LlmSettings

__all__ = ["PROVIDERS", "choose"]

PROVIDERS: Final[dict[str, Callable[[LlmSettings], ChatModel] | None]] = {
    "embedded": EmbeddedModel,
    "openai_compatible": OpenAiCompatibleModel,
    "none": None,
}


def choose(settings: LlmSettings) -> ChatModel | None:
    """Return the provider that the settings name, not opened; None where there is to be no language model."""
    make = PROVIDERS[settings.provider]
    return None if make is None else make(settings)
