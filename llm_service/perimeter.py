"""How far the texts of a workspace may go, which addresses are inside, and for whom a model works right now.

An address is inside when every address that its name resolves to is of this machine or of a private network, or when the settings list it.
The decision is made again for every connection, and the connection goes to the very address that was decided on (`transport.py`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, TypeAlias

from llm_service.errors import OutsideRefused, ProviderFailed
from llm_service.redaction import Redactor

__all__ = ["Call", "Perimeter", "Reach", "admits_outside", "call", "enter", "may_leave", "refused"]

_Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

# Not `is_private`: that also holds for documentation and benchmark networks, and for 169.254.169.254, where clouds keep credentials.
_INSIDE: Final = tuple(
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
_RESOLVE_SECONDS: Final = 5.0


class Perimeter(IntEnum):
    """How far texts may go; a smaller number is narrower."""

    INSIDE = 1
    REDACTED = 2
    OPEN = 3


@dataclass
class Call:
    """For whom and for what a model works."""

    workspace_id: str = ""
    purpose: str = ""
    """`summary` or `answer`; for the ledger."""
    perimeter: Perimeter | None = None
    """None for the settings of the service."""
    provider: str = ""
    """Name of the provider to ask first; empty for the order of the settings."""
    names: tuple[str, ...] = field(default=(), repr=False)
    """Names of people, replaced wherever texts are redacted."""
    redactor: Redactor | None = field(default=None, repr=False)
    """Placeholders that this piece of work gave out; the same name has the same one in all its prompts."""
    used: str = ""
    """Name of the provider that answered last."""


_call: ContextVar[Call] = ContextVar("call")
# What is sent holds texts as they are unless somebody says otherwise, so a forgotten mark can only refuse too much.
_plain: ContextVar[bool] = ContextVar("plain")


def enter(who: Call) -> None:
    """Note for whom models work; each rpc runs in a context of its own, so nothing has to be put back."""
    _call.set(who)


def call() -> Call:
    """Return for whom models work; nobody, with the settings' perimeter, where nobody said."""
    return _call.get(Call())


@contextmanager
def may_leave(leaves: bool) -> Iterator[None]:
    """Say whether what is sent in this block may leave: it holds nothing private, is redacted, or the workspace is open."""
    token = _plain.set(not leaves)
    try:
        yield
    finally:
        _plain.reset(token)


def admits_outside() -> bool:
    """Tell whether what is sent now may leave."""
    return not _plain.get(True)


class Reach:
    """Decides which addresses are inside.

    Args:
        allowed: Host names (`llm.example.org`, `*.example.org`) and networks (`100.64.0.0/10`) that are inside whatever they resolve to.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._names: set[str] = set()
        self._suffixes: list[str] = []
        self._networks = list(_INSIDE)
        for entry in allowed:
            try:
                self._networks.append(ipaddress.ip_network(entry))
            except ValueError:
                name = entry.strip().rstrip(".").lower()
                if name.startswith("*."):
                    self._suffixes.append(name[1:])
                else:
                    self._names.add(name)

    async def is_inside(self, host: str) -> bool:
        """Tell whether a host is inside.

        Raises:
            ProviderFailed: The name cannot be resolved.
        """
        return self._is_named(host) or all(map(self._holds, await _resolve(host)))

    async def admit(self, host: str) -> list[str]:
        """Return the addresses to which a connection to `host` may go now, best first.

        Raises:
            OutsideRefused: What is sent must stay inside, and an address of the host is outside.
            ProviderFailed: The name cannot be resolved.
        """
        addresses = await _resolve(host)
        if not admits_outside() and not self._is_named(host) and not all(map(self._holds, addresses)):
            raise refused(host)
        return [str(address) for address in addresses]

    def _is_named(self, host: str) -> bool:
        name = host.rstrip(".").lower()
        return name in self._names or any(name.endswith(suffix) for suffix in self._suffixes)

    def _holds(self, address: _Address) -> bool:
        mapped = getattr(address, "ipv4_mapped", None)
        plain = mapped or address
        return any(plain in network for network in self._networks if network.version == plain.version)


def refused(host: str) -> OutsideRefused:
    """Return the error about an address outside."""
    return OutsideRefused(
        f"The language model at {host} is outside the perimeter of this workspace, so nothing was sent. Choose a provider inside, "
        "let an admin widen the perimeter with `planerka workspace set --perimeter redacted`, or list the address under `inside` in "
        "section [llm] if it is yours.",
        metadata={"host": host},
    )


async def _resolve(host: str) -> list[_Address]:
    try:
        return [ipaddress.ip_address(host.strip("[]"))]
    except ValueError:
        pass
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        raise ProviderFailed(
            f"The name {host} of a language model's address cannot be resolved; see base_url in section [llm]."
        ) from None
    addresses = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return [ipaddress.ip_address(address) for address in addresses]
