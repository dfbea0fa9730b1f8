from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

import notify_service
from mesh.database import Database
from notify_service import messages
from notify_service.message import Button, ButtonStyle, Content, Message, Question, Recipient

T = TypeVar("T")

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def make_message(
    number: int = 1,
    channel: str = "inbox",
    *,
    deadline: datetime | None = None,
    asks: bool = True,
    address: str = "anna",
    closed: bool = False,
) -> Message:
    buttons = (Button("approve", "Одобрить", ButtonStyle.PRIMARY), Button("reject", "Отклонить", ButtonStyle.DANGER))
    question = Question(f"qst_{number}", f"prp_{number}", buttons, deadline, closed) if asks else None
    return Message(
        f"msg_{number}",
        Recipient(channel, address),
        Content("Срок", f"Перенести? {number}", "https://x.test/1"),
        question,
    )


class RecordingChannel:
    """A channel that keeps what it took, and fails as it is told: each entry of `failures` is raised once, in order."""

    questions = True
    updates = True
    max_text_length = 100

    def __init__(self, name: str = "inbox", failures: Iterable[Exception] = (), stuck: bool = False) -> None:
        self.name = name
        self.taken: list[tuple[str, str, str]] = []
        self.tries = 0
        self._failures = list(failures)
        self._stuck = stuck

    async def send(self, message: Message) -> None:
        await self._take("send", message)

    async def update(self, message: Message) -> None:
        await self._take("update", message)

    async def _take(self, how: str, message: Message) -> None:
        self.tries += 1
        if self._failures:
            raise self._failures.pop(0)
        if self._stuck:
            await asyncio.Event().wait()
        self.taken.append((how, message.message_id, message.content.text))


async def eventually(check: Callable[[], object], seconds: float = 5) -> None:
    """Wait until `check` is true, or fail."""
    async with asyncio.timeout(seconds):
        while not check():
            await asyncio.sleep(0.002)


@pytest.fixture
async def database(tmp_path: Path):
    database = Database(tmp_path / "notify.sqlite3", Path(notify_service.__file__).parent / "schema.sql")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def add(database: Database):
    async def add(message: Message, now: datetime = NOW) -> Message:
        await database.run(lambda connection: messages.add(connection, message, now))
        return message

    return add


@pytest.fixture
def run(database: Database):
    async def run(function: Callable[..., T], *arguments, **named) -> T:
        def work(connection: sqlite3.Connection) -> T:
            return function(connection, *arguments, **named)

        return await database.run(work)

    return run


@pytest.fixture
def make() -> Callable[..., Message]:
    return make_message


@pytest.fixture
def channel_type() -> type[RecordingChannel]:
    return RecordingChannel


@pytest.fixture
def until() -> Callable[..., object]:
    return eventually


@pytest.fixture
def now() -> datetime:
    return NOW
