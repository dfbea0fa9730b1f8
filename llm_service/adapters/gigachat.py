"""GigaChat: OpenAI-like chat with access tokens that live half an hour and a schema in the flat form."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any, Final

import httpx2
import openai

from llm_service.adapters.openai_compatible import OpenAiBackend, pause_of, safe_address
from llm_service.adapters.transport import http_client
from llm_service.backend import Mode
from llm_service.errors import OutsideRefused, ProviderFailed
from llm_service.perimeter import Reach
from llm_service.settings import ProviderSettings

__all__ = ["AccessTokens", "GigaChatBackend"]

_EARLY_SECONDS: Final = 60.0
"""A token is renewed this long before it ends, so that none ends under way."""
_TOKEN_SECONDS: Final = 15.0
_COUNT_SECONDS: Final = 15.0
_WISH: Final = {"stream": True, "extra_headers": {"Accept": "text/event-stream"}}
"""Its stream tells the usage unasked, with the last piece; OpenAI's parameter that asks for it is not among its own."""


class AccessTokens:
    """Access tokens made of an authorization key, renewed before they end."""

    def __init__(self, settings: ProviderSettings, http: httpx2.AsyncClient) -> None:
        self._settings = settings
        self._http = http
        self._token = ""
        self._ends = 0.0
        self._renewing = asyncio.Lock()

    async def current(self) -> str:
        """Return a token that is good for at least a minute.

        Raises:
            ProviderFailed: None was given.
        """
        async with self._renewing:
            if time.time() >= self._ends - _EARLY_SECONDS:
                self._token, self._ends = await self._fetch()
            return self._token

    async def forget(self) -> bool:
        """Forget a token that was refused; the next call gets a new one."""
        async with self._renewing:
            self._ends = 0.0
        return True

    async def _fetch(self) -> tuple[str, float]:
        try:
            answer = await self._http.post(
                self._settings.auth_url,
                data={"scope": self._settings.scope},
                headers={
                    "Authorization": f"Basic {self._settings.api_key.get_secret_value()}",
                    "RqUID": str(uuid.uuid4()),
                    "Accept": "application/json",
                },
                timeout=_TOKEN_SECONDS,
            )
        except httpx2.HTTPError as error:
            raise self._failed(f"cannot be reached ({type(error).__name__})", passing=True) from None
        if answer.status_code != httpx2.codes.OK:
            # The body is left out: it may repeat the key.
            passing = answer.status_code == httpx2.codes.TOO_MANY_REQUESTS or answer.status_code >= 500
            failed = self._failed(f"failed (HTTP {answer.status_code})", passing=passing)
            failed.pause = pause_of(answer.headers.get("retry-after"))
            raise failed
        try:
            content: Any = answer.json()
            return str(content["access_token"]), float(content["expires_at"]) / 1000
        except (ValueError, KeyError, TypeError):
            raise self._failed("answered without an access token", passing=False) from None

    def _failed(self, what: str, *, passing: bool) -> ProviderFailed:
        failed = ProviderFailed(
            f"The authorization {safe_address(self._settings.auth_url)} of GigaChat {what}. See api_key, scope, auth_url and ca_bundle "
            "of the provider in section [llm]."
        )
        failed.passing = passing
        return failed


class GigaChatBackend(OpenAiBackend):
    """GigaChat's chat completions.

    Args:
        settings: Key, scope, addresses, and the authority that signs them.
        reach: Decides what is inside.
    """

    def __init__(self, settings: ProviderSettings, reach: Reach) -> None:
        self._http = http_client(reach, settings.call_seconds, settings.ca_bundle)
        self._tokens = AccessTokens(settings, self._http)
        self._url = settings.address.rstrip("/")
        client = openai.AsyncOpenAI(
            base_url=settings.address, api_key=self._tokens.current, max_retries=0, http_client=self._http
        )
        # Its function calls cut long lists, so the ladder has no tool step.
        modes = (Mode.FLAT_SCHEMA, Mode.JSON_SCHEMA, Mode.PROMPT)
        super().__init__(client, "gigachat", settings.model, modes, self._tokens.forget, wish=_WISH)

    async def window(self) -> int | None:
        """Return None: GigaChat does not tell it."""
        return None

    async def count(self, text: str) -> int | None:
        """Return the tokens by GigaChat's own tokenizer; None where it does not answer."""
        try:
            answer = await self._http.post(
                f"{self._url}/tokens/count",
                json={"model": self._model, "input": [text]},
                headers={"Authorization": f"Bearer {await self._tokens.current()}"},
                timeout=_COUNT_SECONDS,
            )
            answer.raise_for_status()
            return int(answer.json()[0]["tokens"])
        except OutsideRefused:
            raise
        except (httpx2.HTTPError, ProviderFailed, ValueError, KeyError, IndexError, TypeError):
            return None
