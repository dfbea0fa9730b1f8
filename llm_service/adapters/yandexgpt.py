"""YandexGPT through the REST form of Yandex Cloud's text generation service."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpx2

from llm_service.adapters.openai_compatible import pause_of, safe_address
from llm_service.adapters.transport import http_client, timeouts
from llm_service.backend import Completion, Mode, Request
from llm_service.errors import ProviderFailed, ProviderTooSlow
from llm_service.generation import Usage
from llm_service.perimeter import Reach
from llm_service.settings import ProviderSettings

__all__ = ["YandexBackend"]

_COUNT_SECONDS: Final = 15.0
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_UNSUPPORTED: Final = frozenset({400, 404, 422, 501})
_REASONS: Final = {
    "ALTERNATIVE_STATUS_FINAL": "stop",
    "ALTERNATIVE_STATUS_TRUNCATED_FINAL": "length",
    "ALTERNATIVE_STATUS_CONTENT_FILTER": "content_filter",
    "ALTERNATIVE_STATUS_TOOL_CALLS": "tool_calls",
}
_UNFINISHED: Final = frozenset({"", "ALTERNATIVE_STATUS_UNSPECIFIED", "ALTERNATIVE_STATUS_PARTIAL"})
"""Statuses of a text that goes on."""


class YandexBackend:
    """Speaks `foundationModels/v1`.

    Args:
        settings: Key, folder and model.
        reach: Decides what is inside.
    """

    def __init__(self, settings: ProviderSettings, reach: Reach) -> None:
        self._settings = settings
        self._url = httpx2.URL(settings.address)
        model = settings.model
        self._uri = model if "://" in model else f"gpt://{settings.cloud_folder}/{model}"
        self._http = http_client(reach, settings.call_seconds, settings.ca_bundle)

    @property
    def kind(self) -> str:
        """Kind in the settings."""
        return "yandexgpt"

    @property
    def model(self) -> str:
        """Name that the settings give it."""
        return self._settings.model

    @property
    def host(self) -> str:
        """Host of the service."""
        return self._url.host

    @property
    def modes(self) -> Sequence[Mode]:
        """Tools are documented as ignored, so the ladder has no tool step."""
        return (Mode.JSON_SCHEMA, Mode.PROMPT)

    async def open(self) -> None:
        """Do nothing; the model is somewhere else."""

    async def check(self) -> None:
        """Never fails: without the provider summaries fall back to extracts."""

    async def complete(self, request: Request) -> Completion:
        """Ask once; see `Backend.complete`."""
        body: dict[str, Any] = {
            "modelUri": self._uri,
            # Whole numbers of 64 bits are strings in the JSON form of protobuf.
            "completionOptions": {
                "stream": request.heard is not None,
                "temperature": 0,
                "maxTokens": str(request.max_tokens),
            },
            "messages": [{"role": message.role, "text": message.content} for message in request.messages],
        }
        if request.mode is Mode.JSON_SCHEMA:
            body["jsonSchema"] = {"schema": request.schema}
        began = time.monotonic()
        if request.heard is None:
            answer = await self._post("completion", body, request.seconds)
        else:
            answer = await self._listened(body, request.seconds, request.heard)
        elapsed = time.monotonic() - began
        try:
            # One message of a stream; the gateway wraps it.
            result: Any = answer.get("result", answer)
            content, status = _text(answer), _status(answer)
            used = result.get("usage", {})
            usage = Usage(int(used.get("inputTextTokens", 0)), int(used.get("completionTokens", 0)), 1, 0, elapsed)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise self._failed("answered without an alternative", passing=False) from None
        return Completion(content, _REASONS.get(status, status or None), usage)

    async def window(self) -> int | None:
        """Return None: the service does not tell it."""
        return None

    async def count(self, text: str) -> int | None:
        """Return the tokens by the model's own tokenizer; None where the service does not answer."""
        try:
            answer = await self._post("tokenize", {"modelUri": self._uri, "text": text}, _COUNT_SECONDS)
            return len(answer["tokens"])
        except (ProviderFailed, ProviderTooSlow, KeyError, TypeError):
            return None

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _listened(self, body: dict[str, Any], seconds: float, heard: Callable[[str], None]) -> Any:
        """Return the last message of a stream, a line of JSON each, and tell the pieces by which its text grows."""
        last: Any = None
        told = ""
        with self._named():
            async with self._http.stream(
                "POST", self._address("completion"), json=body, headers=self._headers(), timeout=timeouts(seconds)
            ) as answer:
                self._require_ok(answer)
                async for message in self._messages(answer):
                    last = message
                    text = _text(last)
                    # Every message has the whole text so far. What is written anew counts only in the whole answer.
                    if text.startswith(told) and text != told:
                        heard(text[len(told) :])
                        told = text
        if last is None or _status(last) in _UNFINISHED:
            raise self._failed("broke off its answer", passing=True)
        return last

    async def _messages(self, answer: httpx2.Response) -> AsyncIterator[Any]:
        """Yield the messages of a stream; one that is written over several lines, as a whole answer may be, as well.

        Raises:
            ProviderFailed: The stream ends within a message, or a message is none.
        """
        held = b""
        async for line in _lines(answer):
            held += line
            try:
                message = json.loads(held)
            except ValueError:
                continue
            held = b""
            yield self._checked(message)
        if held.strip():
            raise self._failed("broke off its answer", passing=True)

    def _checked(self, message: Any) -> Any:
        if isinstance(message, dict) and "error" in message:
            # Status 200 has gone out already.
            code = message["error"].get("httpCode") if isinstance(message["error"], dict) else None
            raise self._failed(f"failed (HTTP {code}) while it answered", passing=code is None or code in _PASSING)
        try:
            _text(message)
        except (KeyError, IndexError, TypeError, AttributeError):
            raise self._failed("answered without an alternative", passing=False) from None
        return message

    async def _post(self, method: str, body: dict[str, Any], seconds: float) -> Any:
        with self._named():
            answer = await self._http.post(
                self._address(method), json=body, headers=self._headers(), timeout=timeouts(seconds)
            )
        self._require_ok(answer)
        try:
            return answer.json()
        except ValueError:
            raise self._failed("answered what is no JSON", passing=False) from None

    def _address(self, method: str) -> str:
        return f"{str(self._url).rstrip('/')}/foundationModels/v1/{method}"

    def _headers(self) -> dict[str, str]:
        headers = {"Authorization": f"Api-Key {self._settings.api_key.get_secret_value()}"}
        if self._settings.cloud_folder:
            headers["x-folder-id"] = self._settings.cloud_folder
        return headers

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Turn what the connection suffers into our own errors."""
        try:
            yield
        except httpx2.ConnectTimeout:
            raise self._failed("does not take connections", passing=True) from None
        except httpx2.TimeoutException:
            raise ProviderTooSlow(
                f"The model {self.model} did not answer in time; raise call_seconds in section [llm]."
            ) from None
        except httpx2.HTTPError as error:
            raise self._failed(f"cannot be reached ({type(error).__name__})", passing=True) from None

    def _require_ok(self, answer: httpx2.Response) -> None:
        if answer.status_code == httpx2.codes.OK:
            return
        # The body is left out: it may repeat the key or the prompt.
        failed = self._failed(f"failed (HTTP {answer.status_code})", passing=answer.status_code in _PASSING)
        failed.unsupported = answer.status_code in _UNSUPPORTED
        failed.pause = pause_of(answer.headers.get("retry-after"))
        raise failed

    def _failed(self, what: str, *, passing: bool) -> ProviderFailed:
        failed = ProviderFailed(
            f"The endpoint {safe_address(str(self._url))} of {self.model} {what}. "
            "See base_url, api_key and cloud_folder of the provider in section [llm]."
        )
        failed.passing = passing
        return failed


async def _lines(answer: httpx2.Response) -> AsyncIterator[bytes]:
    # Not `aiter_lines`: it also parts at signs that may stand within a text, such as U+2028.
    held = b""
    async for piece in answer.aiter_bytes():
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            yield line
    yield held


def _first(message: Any) -> Any:
    return message.get("result", message)["alternatives"][0]


def _text(message: Any) -> str:
    return str(_first(message)["message"].get("text", ""))


def _status(message: Any) -> str:
    return str(_first(message).get("status", ""))
