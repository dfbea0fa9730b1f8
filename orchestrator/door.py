"""The public door: every call is somebody's, known by a bearer token, or the owner's on this machine."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mesh.interceptors import AroundInterceptor, Call, bearer, is_open_to_all
from orchestrator.errors import PersonNotFound, TokenInvalid
from orchestrator.people import read_person
from orchestrator.rights import Caller, enter
from orchestrator.store import Store
from orchestrator.tables import WorkspaceRow
from orchestrator.tokens import find_token
from orchestrator.workspaces import DEFAULT_WORKSPACE

__all__ = ["Door", "is_local"]


class Door(AroundInterceptor):
    """Finds out who calls.

    Args:
        store: The tables with people and tokens.
        local_owner: Whether a call without a token is the owner's.
        service_token: The mesh's own token; where the owner needs none, a client of the same mesh may show it.
    """

    def __init__(self, store: Store, *, local_owner: bool, service_token: str) -> None:
        self._store = store
        self._local_owner = local_owner
        self._service_token = service_token

    def applies(self, method: str) -> bool:
        """Health and reflection are open to all."""
        return not is_open_to_all(method)

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Let the call in as somebody, or refuse it."""
        enter(await self._who(bearer(call.metadata)))
        yield

    async def _who(self, secret: str) -> Caller:
        async with self._store.read() as session:
            if self._local_owner and self._is_trusted(secret):
                workspace = await session.get(WorkspaceRow, DEFAULT_WORKSPACE)
                if workspace is None:
                    raise TokenInvalid("The default workspace is missing.")
                return Caller(DEFAULT_WORKSPACE, await read_person(session, DEFAULT_WORKSPACE, workspace.owner_id))
            found = await find_token(session, secret) if secret else None
            if found is None:
                raise TokenInvalid(
                    "The bearer token is missing, unknown or expired. Send `authorization: Bearer <secret>`; an admin makes one "
                    "with `planerka people token`."
                )
            workspace_id, person_id = found
            try:
                return Caller(workspace_id, await read_person(session, workspace_id, person_id))
            except PersonNotFound as error:
                raise TokenInvalid("The person of this token was removed.") from error

    def _is_trusted(self, secret: str) -> bool:
        if not secret:
            return True
        return bool(self._service_token) and hmac.compare_digest(secret.encode(), self._service_token.encode())


def is_local(listen: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    if listen.startswith(("unix:", "unix-abstract:")):
        return True
    host = listen.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
