"""Messages and their questions in the database, and the outbox that they form."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from notify_service.errors import MessageNotFound
from notify_service.message import Button, ButtonStyle, Content, Delivery, DeliveryState, Message, Question, Recipient

__all__ = [
    "Job",
    "add",
    "due",
    "give_up",
    "instant",
    "moment",
    "next_due",
    "read_delivery",
    "read_message",
    "read_question",
    "replace",
    "sent",
    "try_again",
]


@dataclass(frozen=True, slots=True)
class Job:
    """One text of a message that has to reach its channel."""

    message: Message
    """The message with that text."""
    revision: int
    """Number of the text, from 1."""
    is_update: bool
    """Whether the channel took an earlier text."""
    attempts: int
    """Tries of this text so far."""


def add(connection: sqlite3.Connection, message: Message, now: datetime) -> Delivery:
    """Insert a message, due at once."""
    recipient, content, question = message.recipient, message.content, message.question
    connection.execute(
        "INSERT INTO messages (message_id, channel, address, title, text, url, next_try_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            message.message_id,
            recipient.channel,
            recipient.address,
            content.title,
            content.text,
            content.url,
            instant(now),
        ),
    )
    if question is not None:
        connection.execute(
            "INSERT INTO questions (question_id, message_id, subject_id, deadline) VALUES (?, ?, ?, ?)",
            (
                question.question_id,
                message.message_id,
                question.subject_id,
                None if question.deadline is None else instant(question.deadline),
            ),
        )
        connection.executemany(
            "INSERT INTO buttons VALUES (?, ?, ?, ?, ?)",
            [
                (question.question_id, position, button.value, button.label, button.style.value)
                for position, button in enumerate(question.buttons)
            ],
        )
    return read_delivery(connection, message.message_id)


def replace(
    connection: sqlite3.Connection, message_id: str, content: Content, now: datetime, *, close_question: bool
) -> Delivery:
    """Give a message a new text, due at once and with all tries before it.

    Raises:
        MessageNotFound: There is no such message.
    """
    changed = connection.execute(
        "UPDATE messages SET title = ?, text = ?, url = ?, revision = revision + 1, state = 'pending', attempts = 0,"
        " last_error = '', next_try_at = ? WHERE message_id = ?",
        (content.title, content.text, content.url, instant(now), message_id),
    )
    if not changed.rowcount:
        raise MessageNotFound(message_id)
    if close_question:
        connection.execute("UPDATE questions SET closed = 1 WHERE message_id = ?", (message_id,))
    return read_delivery(connection, message_id)


def read_delivery(connection: sqlite3.Connection, message_id: str) -> Delivery:
    """Return what became of a message.

    Raises:
        MessageNotFound: There is no such message.
    """
    row = _row(connection, message_id)
    return Delivery(
        message_id=message_id,
        recipient=Recipient(row["channel"], row["address"]),
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        last_error=row["last_error"],
        sent_at=None if row["sent_at"] is None else moment(row["sent_at"]),
    )


def read_message(connection: sqlite3.Connection, message_id: str) -> Message:
    """Return a message with its newest text, or raise `MessageNotFound`."""
    row = _row(connection, message_id)
    question = connection.execute("SELECT question_id FROM questions WHERE message_id = ?", (message_id,)).fetchone()
    return Message(
        message_id=message_id,
        recipient=Recipient(row["channel"], row["address"]),
        content=Content(row["title"], row["text"], row["url"]),
        question=None if question is None else read_question(connection, question["question_id"]),
    )


def read_question(connection: sqlite3.Connection, question_id: str) -> Question | None:
    """Return a question, or None."""
    row = connection.execute("SELECT * FROM questions WHERE question_id = ?", (question_id,)).fetchone()
    if row is None:
        return None
    buttons = connection.execute("SELECT * FROM buttons WHERE question_id = ? ORDER BY position", (question_id,))
    return Question(
        question_id=question_id,
        subject_id=row["subject_id"],
        buttons=tuple(Button(b["value"], b["label"], ButtonStyle(b["style"])) for b in buttons),
        deadline=None if row["deadline"] is None else moment(row["deadline"]),
        closed=bool(row["closed"]),
    )


def due(connection: sqlite3.Connection, channel: str, now: datetime, limit: int) -> Sequence[Job]:
    """Return the texts that should be tried now on a channel, the longest waiting first."""
    rows = connection.execute(
        "SELECT message_id, revision, sent_revision, attempts FROM messages"
        " WHERE state = 'pending' AND channel = ? AND next_try_at <= ? ORDER BY next_try_at, rowid LIMIT ?",
        (channel, instant(now), limit),
    ).fetchall()
    return [
        Job(read_message(connection, r["message_id"]), r["revision"], r["sent_revision"] > 0, r["attempts"])
        for r in rows
    ]


def next_due(connection: sqlite3.Connection, channel: str) -> datetime | None:
    """Return when the next text of a channel should be tried, or None where none waits."""
    row = connection.execute(
        "SELECT min(next_try_at) FROM messages WHERE state = 'pending' AND channel = ?", (channel,)
    ).fetchone()
    return None if row[0] is None else moment(row[0])


def sent(connection: sqlite3.Connection, job: Job, now: datetime) -> None:
    """Note that the channel took a text; where a newer one came meanwhile, that one is still due."""
    connection.execute(
        "UPDATE messages SET sent_revision = :revision, sent_at = coalesce(sent_at, :now),"
        " state = iif(revision = :revision, 'sent', 'pending'),"
        " attempts = iif(revision = :revision, attempts + 1, attempts),"
        " last_error = iif(revision = :revision, '', last_error)"
        " WHERE message_id = :message_id",
        {"revision": job.revision, "now": instant(now), "message_id": job.message.message_id},
    )


def try_again(connection: sqlite3.Connection, job: Job, error: str, at: datetime) -> None:
    """Note a failed try, and when the next one comes."""
    connection.execute(
        "UPDATE messages SET attempts = attempts + 1, last_error = ?, next_try_at = ? WHERE message_id = ? AND revision = ?",
        (error, instant(at), job.message.message_id, job.revision),
    )


def give_up(connection: sqlite3.Connection, job: Job, error: str) -> None:
    """Note that a text will not be tried any more."""
    connection.execute(
        "UPDATE messages SET attempts = attempts + 1, last_error = ?, state = 'failed' WHERE message_id = ? AND revision = ?",
        (error, job.message.message_id, job.revision),
    )


def instant(when: datetime) -> str:
    """Return a moment as the tables hold it: text that sorts."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """Return the moment that a table holds."""
    return datetime.fromisoformat(text)


def _row(connection: sqlite3.Connection, message_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM messages WHERE message_id = ?", (message_id,)
    ).fetchone()
    if row is None:
        raise MessageNotFound(message_id)
    return row
