"""Where language models run, one module per kind of provider, chosen in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from llm_service.adapters.embedded import EmbeddedBackend
from llm_service.adapters.gigachat import GigaChatBackend
from llm_service.adapters.openai_compatible import openai_backend
from llm_service.adapters.yandexgpt import YandexBackend
from llm_service.backend import Backend
from llm_service.patience import Patience
from llm_service.perimeter import Reach
from llm_service.settings import ProviderSettings
from llm_service.structured import StructuredModel

__all__ = ["BACKENDS", "make_model"]

BACKENDS: Final[dict[str, Callable[[ProviderSettings, Reach], Backend]]] = {
    "embedded": lambda settings, _: EmbeddedBackend(settings),
    "openai_compatible": openai_backend,
    "gigachat": GigaChatBackend,
    "yandexgpt": YandexBackend,
}


def make_model(name: str, settings: ProviderSettings, reach: Reach) -> StructuredModel:
    """Return the model of a provider, not opened.

    Args:
        name: Name of the provider in the settings.
        settings: Its settings; the kind is one of `BACKENDS`.
        reach: Decides what is inside.
    """
    return StructuredModel(
        BACKENDS[settings.kind](settings, reach),
        Patience(name, settings.retries, settings.rest_after, settings.rest_seconds),
        settings.call_seconds,
        settings.at_once,
        settings.context_tokens,
        probes=settings.kind == "openai_compatible" and settings.probe_context,
    )
