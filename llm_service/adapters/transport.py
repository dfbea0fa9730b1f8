"""HTTP to a language model: pinned to the address that the perimeter admitted, no proxies of the environment, no redirects."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

import httpx2

from llm_service.errors import ModelNotLoaded
from llm_service.perimeter import Reach

__all__ = ["http_client", "timeouts"]

_CONNECT_SECONDS: Final = 10.0


class _PinnedTransport(httpx2.AsyncBaseTransport):
    """Resolves a name once, asks the perimeter, and connects to exactly what it admitted.

    A second look at the name service between decision and connection could lead elsewhere.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, reach: Reach) -> None:
        self._inner = inner
        self._reach = reach

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        addresses = await self._reach.admit(host)
        request.extensions = {**request.extensions, "sni_hostname": host}
        for address in addresses[:-1]:
            request.url = request.url.copy_with(host=address)
            try:
                return await self._inner.handle_async_request(request)
            except httpx2.ConnectError:
                continue
        request.url = request.url.copy_with(host=addresses[-1])
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def http_client(reach: Reach, seconds: float, authority: Path | None = None) -> httpx2.AsyncClient:
    """Return a client whose every request is held to the perimeter.

    Args:
        reach: Decides what is inside.
        seconds: Deadline of one read, write or connection.
        authority: PEM file of the authority that signs the server; the system's trust store where it is None.

    Raises:
        ModelNotLoaded: The file cannot be read, or holds no certificate.
    """
    # A proxy of the environment would take texts outside behind the perimeter's back, and a redirect would name its own address.
    inner = httpx2.AsyncHTTPTransport(verify=_context(authority), trust_env=False)
    return httpx2.AsyncClient(
        transport=_PinnedTransport(inner, reach), timeout=timeouts(seconds), trust_env=False, follow_redirects=False
    )


def timeouts(seconds: float) -> httpx2.Timeout:
    """Return the deadlines of one request: a server that does not take the connection is given up early."""
    return httpx2.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))


def _context(authority: Path | None) -> ssl.SSLContext | bool:
    if authority is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(authority))
    except (OSError, ssl.SSLError) as error:
        raise ModelNotLoaded(
            f"The authority {authority} cannot be used: {type(error).__name__}. "
            "`ca_bundle` in section [llm] must name a PEM file with certificates."
        ) from error
