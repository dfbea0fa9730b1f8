"""A model behind an HTTP endpoint that speaks OpenAI's chat completions (vLLM, Ollama, LM Studio, llama.cpp)."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import openai
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

from llm_service.adapters.transport import http_client, timeouts
from llm_service.backend import Completion, Mode, Request
from llm_service.errors import OutsideRefused, ProviderFailed, ProviderTooSlow
from llm_service.generation import Usage
from llm_service.perimeter import Reach
from llm_service.settings import ProviderSettings

__all__ = ["OpenAiBackend", "openai_backend", "pause_of", "safe_address"]

_PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_UNSUPPORTED: Final = frozenset({400, 404, 405, 422, 501})
_WISH: Final[Mapping[str, Any]] = {"stream": True, "stream_options": {"include_usage": True}}
_LOOK_SECONDS: Final = 10.0
_WINDOW_KEYS: Final = ("max_model_len", "context_length", "max_context_length", "context_window", "n_ctx")


class OpenAiBackend:
    """Speaks OpenAI's chat completions.

    Args:
        client: The HTTP client of the library, without repetitions of its own.
        kind: Kind of the provider.
        model: Name that the endpoint knows.
        modes: Modes to try, best first.
        refresh: Called after a 401; true where it got new credentials and the call is worth repeating.
        wish: What is added to a request whose answer somebody wants to hear in pieces.
    """

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        kind: str,
        model: str,
        modes: Sequence[Mode] = (Mode.JSON_SCHEMA, Mode.FLAT_SCHEMA, Mode.TOOL, Mode.PROMPT),
        refresh: Callable[[], Awaitable[bool]] | None = None,
        *,
        wish: Mapping[str, Any] = _WISH,
    ) -> None:
        self._client = client
        self._kind = kind
        self._model = model
        self._modes = tuple(modes)
        self._refresh = refresh
        self._streams = True
        self._wish = wish

    @property
    def kind(self) -> str:
        """Kind in the settings."""
        return self._kind

    @property
    def model(self) -> str:
        """Name that the endpoint knows."""
        return self._model

    @property
    def host(self) -> str:
        """Host of the endpoint."""
        return self._client.base_url.host

    @property
    def modes(self) -> Sequence[Mode]:
        """Modes to try."""
        return self._modes

    async def open(self) -> None:
        """Do nothing; the model is somewhere else."""

    async def check(self) -> None:
        """Never fails: without the endpoint summaries fall back to extracts, and the knowledge base works."""

    async def complete(self, request: Request) -> Completion:
        """Ask once; see `Backend.complete`."""
        body: Any = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "temperature": 0,
            "max_tokens": request.max_tokens,
            **_shaped(request),
        }
        began = time.monotonic()
        completion = await self._answer(body, request)
        elapsed = time.monotonic() - began
        choices = getattr(completion, "choices", None) or []
        if not choices or choices[0].message is None:
            # Some gateways answer 200 with an error inside.
            raise self._failed("answered without a choice", passing=False)
        message = choices[0].message
        content, reason = message.content or "", choices[0].finish_reason
        if request.mode is Mode.TOOL and message.tool_calls:
            content = str(getattr(getattr(message.tool_calls[0], "function", None), "arguments", "") or "")
            reason = "stop" if reason == "tool_calls" else reason
        used = completion.usage
        usage = Usage(used.prompt_tokens if used else 0, used.completion_tokens if used else 0, 1, 0, elapsed)
        if used is None and request.heard is not None:
            # A stream without its usage must not look free of charge: two letters a token is more than any tokenizer makes.
            read = sum(len(message.content) for message in request.messages)
            usage = Usage(read // 2 + 1, len(content) // 2 + 1, 1, 0, elapsed)
        return Completion(content, reason, usage)

    async def window(self) -> int | None:
        """Return the window as vLLM, LM Studio and llama.cpp tell it; OpenAI's own interface does not."""
        try:
            listed = await self._client.get("/models", cast_to=httpx2.Response, options={"timeout": _LOOK_SECONDS})
            entries = listed.json().get("data", [])
            for entry in entries:
                # llama.cpp names its one model by file, whatever it is called in requests.
                if entry.get("id") != self._model and len(entries) > 1:
                    continue
                for place in (entry, entry.get("meta") or {}):
                    for key in _WINDOW_KEYS:
                        if isinstance(place.get(key), int) and place[key] > 0:
                            return int(place[key])
        except (openai.OpenAIError, ValueError, AttributeError):
            return None
        return None

    async def count(self, text: str) -> int | None:  # noqa: ARG002 - the protocol has no tokenizer
        """Return None: OpenAI's interface has no tokenizer."""
        return None

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _answer(self, body: dict[str, Any], request: Request) -> Any:
        """Return the whole answer; where somebody listens and the endpoint can, it is told in pieces meanwhile."""
        if request.heard is None or not self._streams:
            return await self._send(body, request.seconds)
        try:
            stream = await self._send({**body, **self._wish}, request.seconds)
        except ProviderFailed as error:
            if not error.unsupported:
                raise
            # Not every gateway knows how to stream, or this way of asking for the usage.
            self._streams = False
            return await self._send(body, request.seconds)
        return await self._listened(stream, request.heard)

    async def _listened(self, stream: Any, heard: Callable[[str], None]) -> Any:
        state = ChatCompletionStreamState()
        try:
            async with stream:
                if "event-stream" not in stream.response.headers.get("content-type", ""):
                    # A gateway that ignores the wish answers as ever; as lenient as the library, for some leave fields out.
                    whole = json.loads(await stream.response.aread())
                    return ChatCompletion.construct(**whole) if isinstance(whole, dict) else None
                told = False
                async for chunk in stream:
                    if getattr(chunk, "choices", None) is None:
                        # An error in a shape of the gateway's own.
                        raise self._failed("broke off its answer", passing=True)
                    told = True
                    state.handle_chunk(chunk)
                    for choice in chunk.choices[:1]:
                        calls = choice.delta.tool_calls or []
                        call = calls[0].function.arguments if calls and calls[0].function else None
                        if choice.delta.content or call:
                            heard(choice.delta.content or call or "")
        except openai.APIError as error:
            raise self._error(error) from None
        except httpx2.TimeoutException:
            raise ProviderTooSlow(
                f"The model {self._model} did not answer in time; raise call_seconds in section [llm]."
            ) from None
        except (httpx2.HTTPError, ValueError) as error:
            raise self._failed(f"broke off its answer ({type(error).__name__})", passing=True) from None
        if not told:
            raise self._failed("answered without a choice", passing=False)
        done = state.current_completion_snapshot
        if not done.choices or done.choices[0].finish_reason is None:
            raise self._failed("broke off its answer", passing=True)
        return done

    async def _send(self, body: Any, seconds: float) -> Any:
        try:
            return await self._client.chat.completions.create(**body, timeout=timeouts(seconds))
        except openai.AuthenticationError as error:
            if self._refresh is None or not await self._refresh():
                raise self._status(error) from None
        except openai.APIError as error:
            raise self._error(error) from None
        try:
            return await self._client.chat.completions.create(**body, timeout=timeouts(seconds))
        except openai.APIError as error:
            raise self._error(error) from None

    def _error(self, error: openai.APIError) -> Exception:
        if isinstance(error.__cause__, httpx2.ConnectTimeout):
            return self._failed("does not take connections", passing=True)
        if isinstance(error, openai.APITimeoutError):
            return ProviderTooSlow(
                f"The model {self._model} did not answer in time; raise call_seconds in section [llm]."
            )
        if isinstance(error, openai.APIStatusError):
            return self._status(error)
        if isinstance(error, openai.APIConnectionError):
            if isinstance(error.__cause__, OutsideRefused | ProviderFailed):
                return error.__cause__
            return self._failed(f"cannot be reached ({_root(error)})", passing=True)
        return self._failed(f"answered what cannot be read ({type(error).__name__})", passing=False)

    def _status(self, error: openai.APIStatusError) -> ProviderFailed:
        # The body is left out: some endpoints repeat the key or the prompt in it.
        failed = self._failed(f"failed (HTTP {error.status_code})", passing=error.status_code in _PASSING)
        failed.unsupported = error.status_code in _UNSUPPORTED
        failed.pause = pause_of(error.response.headers.get("retry-after"))
        return failed

    def _failed(self, what: str, *, passing: bool) -> ProviderFailed:
        failed = ProviderFailed(
            f"The endpoint {safe_address(str(self._client.base_url))} of {self._model} {what}. "
            "See base_url and api_key in section [llm] of the settings."
        )
        failed.passing = passing
        return failed


def openai_backend(settings: ProviderSettings, reach: Reach) -> OpenAiBackend:
    """Return a backend for the endpoint that the settings name."""
    client = openai.AsyncOpenAI(
        base_url=settings.base_url,
        # The client refuses to be made without a key; endpoints without keys ignore it.
        api_key=settings.api_key.get_secret_value() or "none",
        max_retries=0,
        http_client=http_client(reach, settings.call_seconds, settings.ca_bundle),
    )
    return OpenAiBackend(client, "openai_compatible", settings.model)


def safe_address(url: str) -> str:
    """Return an address without the user, password and query that may stand in it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def pause_of(header: str | None) -> float | None:
    """Return the seconds of a `Retry-After` header; None where there is none, or it names a date."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _shaped(request: Request) -> dict[str, Any]:
    if request.mode is Mode.JSON_SCHEMA:
        schema = {"name": request.name, "schema": request.schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    if request.mode is Mode.FLAT_SCHEMA:
        return {"response_format": {"type": "json_schema", "schema": request.schema, "strict": True}}
    if request.mode is Mode.TOOL:
        function = {"name": request.name, "description": "Gives the answer.", "parameters": request.schema}
        return {
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": request.name}},
        }
    return {}


def _root(error: BaseException) -> str:
    cause = error.__cause__
    return type(cause or error).__name__
