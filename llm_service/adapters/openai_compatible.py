"""A model behind an HTTP endpoint that speaks OpenAI's chat completions (vLLM, Ollama, LM Studio, llama.cpp)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, TypeVar

import openai
from json_repair import repair_json
from pydantic import ValidationError

from llm_service.canary import Canary
from llm_service.errors import ModelOutputInvalid, ProviderFailed, ProviderTooSlow
from llm_service.generation import Answer, Message, Reply, Usage, flat_schema
from llm_service.settings import LlmSettings
from mesh.logs import get_logger

__all__ = ["Endpoint", "OpenAiCompatibleModel"]

Shape = TypeVar("Shape", bound=Answer)

_CANARY_TOKENS = 40
_COMPLAINT = (
    "Your answer was not accepted: {problem}. Answer again with one JSON object of the required shape and nothing else."
)


class _OutOfShape(Exception):
    """An answer that cannot be used, and what was wrong with it."""


class Endpoint:
    """Structured chat with one endpoint, one generation at a time, in the order in which calls came.

    Args:
        client: The HTTP client.
        model: Name that the endpoint knows.
        seconds: Deadline of one generation.
    """

    def __init__(self, client: openai.AsyncOpenAI, model: str, seconds: float) -> None:
        self._client = client
        self._model = model
        self._seconds = seconds
        # On a CPU two generations at once take longer than one after the other; asyncio's lock is first come, first served.
        self._turn = asyncio.Lock()
        self._log = get_logger(__name__)

    async def chat(self, messages: Sequence[Message], shape: type[Shape], max_tokens: int) -> Reply[Shape]:
        """Return an answer of `shape`; see `ChatModel.chat`."""
        schema = flat_schema(shape)
        talk = list(messages)
        total = Usage()
        for attempt in range(2):
            content, reason, usage = await self._complete(talk, schema, shape.__name__, max_tokens)
            total += usage if attempt == 0 else usage + Usage(retries=1)
            try:
                return Reply(_parse(content, reason, shape), total)
            except _OutOfShape as error:
                problem = str(error)
                self._log.warning("answer out of shape", task=shape.__name__, attempt=attempt + 1, finish_reason=reason)
                talk = [*messages, Message("assistant", content), Message("user", _COMPLAINT.format(problem=problem))]
        raise ModelOutputInvalid(
            f"The model {self._model} twice answered out of shape ({shape.__name__}): {problem}. "
            "Choose a larger model, or an endpoint that keeps to JSON schemas, in section [llm] of the settings."
        )

    async def enforces_schema(self) -> bool:
        """Send the canary; an endpoint that refuses or fails does not enforce."""
        canary = Canary()
        try:
            content, reason, _ = await self._complete(canary.messages, canary.schema, "canary", _CANARY_TOKENS)
        except (ProviderFailed, ProviderTooSlow) as error:
            self._log.warning("canary failed", reason=error.reason)
            return False
        return canary.passed(content, reason)

    async def reach(self) -> None:
        """Raise `ProviderFailed` while the endpoint does not list its models."""
        try:
            await self._client.models.list(timeout=10)
        except openai.OpenAIError as error:
            raise self._failed(error) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _complete(
        self, messages: Sequence[Message], schema: dict[str, Any], name: str, max_tokens: int
    ) -> tuple[str, str | None, Usage]:
        request: Any = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "temperature": 0,
            "max_tokens": max_tokens,
            "response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}},
        }
        async with self._turn:
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._seconds):
                    completion = await self._client.chat.completions.create(**request, timeout=self._seconds)
            except (TimeoutError, openai.APITimeoutError) as error:
                raise ProviderTooSlow(
                    f"The model {self._model} did not answer within {self._seconds:.0f} s; raise call_seconds in section [llm]."
                ) from error
            except openai.OpenAIError as error:
                raise self._failed(error) from error
            elapsed = time.monotonic() - began
        choices = completion.choices or []
        if not choices:
            raise ProviderFailed(f"The endpoint of {self._model} answered without a choice.")
        used = completion.usage
        usage = Usage(used.prompt_tokens if used else 0, used.completion_tokens if used else 0, 1, 0, elapsed)
        return choices[0].message.content or "", choices[0].finish_reason, usage

    def _failed(self, error: openai.OpenAIError) -> ProviderFailed:
        status = f" (HTTP {error.status_code})" if isinstance(error, openai.APIStatusError) else ""
        return ProviderFailed(
            f"The endpoint {self._client.base_url} of {self._model} failed{status}: {type(error).__name__}. "
            "See base_url and api_key in section [llm] of the settings."
        )


class OpenAiCompatibleModel:
    """The endpoint that the settings name."""

    provider = "openai_compatible"

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings
        client = openai.AsyncOpenAI(
            base_url=settings.base_url,
            # The client refuses to be made without a key; endpoints without keys ignore it.
            api_key=settings.api_key.get_secret_value() or "none",
            max_retries=settings.endpoint_retries,
        )
        self._endpoint = Endpoint(client, settings.model, settings.call_seconds)
        self.structured_output = False

    @property
    def name(self) -> str:
        """Name that the endpoint knows."""
        return self._settings.model

    @property
    def context_tokens(self) -> int:
        """Window from the settings; OpenAI's interface does not tell it."""
        return self._settings.context_tokens

    async def open(self) -> None:
        """Send the canary; an endpoint that is down does not keep the service from starting."""
        self.structured_output = await self._endpoint.enforces_schema()

    async def check(self) -> None:
        """Never fails: without the endpoint summaries fall back to extracts, and the knowledge base works."""

    async def close(self) -> None:
        """Close all connections."""
        await self._endpoint.close()

    async def count_tokens(self, text: str) -> int:
        """Return an upper estimate: two characters a token, which no common tokenizer exceeds on Russian text."""
        return len(text) // 2 + 1

    async def chat(self, messages: Sequence[Message], shape: type[Shape], max_tokens: int) -> Reply[Shape]:
        """Return an answer of `shape`; see `ChatModel.chat`."""
        return await self._endpoint.chat(messages, shape, max_tokens)


def _parse(content: str, finish_reason: str | None, shape: type[Shape]) -> Shape:
    if finish_reason != "stop":
        raise _OutOfShape(f"it ended with {finish_reason!r} before it was complete")
    try:
        return shape.model_validate_json(content)
    except ValidationError:
        repaired = repair_json(content)
    try:
        return shape.model_validate_json(str(repaired))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in error.errors()[:3])
        raise _OutOfShape(wrong) from error
