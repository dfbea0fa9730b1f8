"""The inbox: messages lie in the service's own database until their person looks."""

from __future__ import annotations

from mesh.database import Database
from notify_service import inbox
from notify_service.message import Message

__all__ = ["InboxChannel"]


class InboxChannel:
    """Puts messages into the table that `ListInbox` reads; a message that comes twice lies there once."""

    name = "inbox"
    questions = True
    updates = True
    max_text_length = 4000

    def __init__(self, database: Database) -> None:
        self._database = database

    async def send(self, message: Message) -> None:
        """Put a message in."""
        await self._database.run(lambda connection: inbox.put(connection, message))

    async def update(self, message: Message) -> None:
        """Replace the text of a message."""
        await self._database.run(lambda connection: inbox.put(connection, message))
