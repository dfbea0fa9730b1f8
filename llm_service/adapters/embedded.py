"""The embedded model: llama.cpp inside this process, used through its own HTTP port on 127.0.0.1.

One code path serves embedded and remote models that way; the port is guarded by a random key.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import openai

from llm_service.adapters.openai_compatible import OpenAiBackend
from llm_service.adapters.transport import http_client
from llm_service.backend import Completion, Mode, Request
from llm_service.errors import ModelNotLoaded, ProviderFailed
from llm_service.perimeter import Reach
from llm_service.settings import ProviderSettings
from models import Store, StoreError, default_root

__all__ = ["EmbeddedBackend", "find_weights"]

_REMEMBERED_MIB: Final = 256
_WINDOW: Final = 8192


def find_weights(model: str) -> Path:
    """Return the GGUF file of a model of the store.

    Raises:
        ModelNotLoaded: It is not there, or not whole; the message says how to get it.
    """
    try:
        folder = Store(default_root()).path(model)
    except StoreError as error:
        raise ModelNotLoaded(f"The language model cannot be used. {error}", resource=("model", model)) from error
    weights = sorted(folder.glob("*.gguf"))
    if not weights:
        raise ModelNotLoaded(
            f"The model {model} in {folder} holds no .gguf file; [llm] model must name a language model.",
            resource=("model", model),
        )
    return weights[0]


class EmbeddedBackend:
    """A GGUF model of the store, in this process."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        # A list, so that its clearing in a worker thread drops the last reference: the destructor joins the server's own thread.
        self._held: list[Any] = []
        self._chat: OpenAiBackend | None = None
        self._http: httpx.AsyncClient | None = None

    @property
    def kind(self) -> str:
        """Kind in the settings."""
        return "embedded"

    @property
    def model(self) -> str:
        """Identifier in the model store."""
        return self._settings.model

    @property
    def host(self) -> str:
        """Empty: texts stay in this process."""
        return ""

    @property
    def modes(self) -> Sequence[Mode]:
        """The tool step is not enforced by llama.cpp for most models."""
        return (Mode.JSON_SCHEMA, Mode.PROMPT)

    async def open(self) -> None:
        """Load the model."""
        weights = find_weights(self._settings.model)
        key = secrets.token_urlsafe(24)
        server = await asyncio.to_thread(_load, weights, self._settings, key)
        self._held.append(server)
        address = str(server.listening_address)
        del server
        self._http = httpx.AsyncClient(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=30
        )
        await self._wait_until_loaded(self._http)
        client = openai.AsyncOpenAI(
            base_url=f"{address}/v1",
            api_key=key,
            max_retries=0,
            http_client=http_client(Reach(), self._settings.call_seconds),
        )
        self._chat = OpenAiBackend(client, self.kind, self.model, self.modes)

    async def check(self) -> None:
        """Raise while the server inside this process does not answer."""
        try:
            answer = await self._opened_http().get("/health")
        except httpx.HTTPError as error:
            raise ProviderFailed(f"The embedded model does not answer: {type(error).__name__}.") from error
        if answer.status_code != httpx.codes.OK:
            raise ProviderFailed(f"The embedded model is not ready (HTTP {answer.status_code}).")

    async def complete(self, request: Request) -> Completion:
        """Ask once; see `Backend.complete`."""
        if self._chat is None:
            raise ProviderFailed("The embedded model is not loaded.")
        return await self._chat.complete(request)

    async def window(self) -> int | None:
        """Return the window that the model was loaded with."""
        try:
            answer = await self._opened_http().get("/props")
            answer.raise_for_status()
            return int(answer.json()["default_generation_settings"]["n_ctx"])
        except (httpx.HTTPError, KeyError, TypeError, ValueError):
            return None

    async def count(self, text: str) -> int | None:
        """Return the number of tokens of a text, counted by the model's own tokenizer."""
        try:
            answer = await self._opened_http().post("/tokenize", json={"content": text})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise ProviderFailed(f"The embedded model does not answer: {type(error).__name__}.") from error
        return len(answer.json()["tokens"])

    async def close(self) -> None:
        """Stop the server and free the model."""
        if self._chat is not None:
            await self._chat.close()
            self._chat = None
        if self._http is not None:
            await self._http.aclose()
            self._http = None
        await asyncio.to_thread(self._held.clear)

    def _opened_http(self) -> httpx.AsyncClient:
        if self._http is None:
            raise ProviderFailed("The embedded model is not loaded.")
        return self._http

    async def _wait_until_loaded(self, http: httpx.AsyncClient) -> None:
        try:
            async with asyncio.timeout(self._settings.start_seconds):
                # The server reports loading by its answer only; there is nothing to wait on.
                while (await http.get("/health")).status_code != httpx.codes.OK:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        except (TimeoutError, httpx.HTTPError) as error:
            raise ModelNotLoaded(
                f"The language model {self._settings.model} was not loaded within {self._settings.start_seconds:.0f} s; "
                "is there enough memory? See start_seconds in section [llm]."
            ) from error


def _load(weights: Path, settings: ProviderSettings, key: str) -> Any:
    # Threads that spin at every barrier make a busy machine twenty times slower (0.7 instead of 11 tokens/s were measured).
    # OpenMP reads this once, when the library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp  # noqa: PLC0415 - after the line above, and only where the embedded model is used

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.n_ctx = settings.context_tokens or _WINDOW
    parameters.n_parallel = 1
    # Prompts of one task begin alike; the default of 8 GiB of remembered prompts would fill a small machine.
    parameters.cache_ram_mib = _REMEMBERED_MIB
    parameters.cpuparams.n_threads = settings.threads
    parameters.cpuparams_batch.n_threads = settings.threads
    parameters.hostnames = ["127.0.0.1"]
    parameters.ui = False
    parameters.api_keys = [key]
    parameters.verbosity = 1
    try:
        return xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise ModelNotLoaded(
            f"The language model {settings.model} cannot be loaded: {error}. "
            f"Run `planerka models verify {settings.model}`, and see whether there is enough memory.",
            resource=("model", settings.model),
        ) from error
