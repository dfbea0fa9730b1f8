"""The notification service as the mesh sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import grpc
from planerka.notify.v1 import notify_pb2, notify_pb2_grpc

from mesh.database import Database
from notify_service.adapters import connect
from notify_service.bell import Bell
from notify_service.outbox import Outbox
from notify_service.servicer import NotifyServicer
from notify_service.settings import NotifySettings

__all__ = ["NotifyHosted"]

_SCHEMA = Path(__file__).parent / "schema.sql"


class NotifyHosted:
    """Opens the database, runs the outbox, and answers the contract."""

    def __init__(self, settings: NotifySettings) -> None:
        self._database = Database(settings.folder() / "notify.sqlite3", _SCHEMA)
        self._channels = connect(settings, self._database)
        self._outbox = Outbox(self._database, self._channels, settings)
        self._bell = Bell()

    @property
    def names(self) -> Sequence[str]:
        """The one service of the contract."""
        return (notify_pb2.DESCRIPTOR.services_by_name["NotifyService"].full_name,)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicer."""
        servicer = NotifyServicer(self._database, self._channels, self._outbox, self._bell)
        notify_pb2_grpc.add_NotifyServiceServicer_to_server(servicer, server)

    async def open(self) -> None:
        """Open the database, and go on with what was pending."""
        await self._database.open()
        self._bell.open()
        self._outbox.start()

    async def check(self) -> None:
        """Raise while the database or the outbox does not work."""
        await self._database.check()
        self._outbox.check()

    async def drain(self) -> None:
        """End the watches."""
        self._bell.close()

    async def close(self) -> None:
        """Stop the outbox, and close the database."""
        await self._outbox.stop()
        await self._database.close()
