"""What lies in people's inboxes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from notify_service.answers import answer_to
from notify_service.message import Answer, Content, Message, Question
from notify_service.messages import instant, moment, read_question

__all__ = ["InboxItem", "items", "put"]


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One message in an inbox."""

    sequence: int
    """Place in the order of arrival."""
    message_id: str
    """The message."""
    content: Content
    """The text that arrived."""
    question: Question | None
    """What it asks; None for a plain message."""
    answer: Answer | None
    """The answer; None while there is none."""
    sent_at: datetime
    """Moment of arrival in UTC."""

    def can_be_answered(self, now: datetime) -> bool:
        """Tell whether it is a question that waits for an answer."""
        question = self.question
        return (
            question is not None
            and self.answer is None
            and not question.closed
            and (question.deadline is None or now < question.deadline)
        )


def put(connection: sqlite3.Connection, message: Message) -> None:
    """Put a message into the inbox of its recipient, or its new text where it lies there already."""
    content = message.content
    connection.execute(
        "INSERT INTO inbox (message_id, address, title, text, url, sent_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (message_id) DO UPDATE SET title = excluded.title, text = excluded.text, url = excluded.url",
        (
            message.message_id,
            message.recipient.address,
            content.title,
            content.text,
            content.url,
            instant(datetime.now(UTC)),
        ),
    )


def items(
    connection: sqlite3.Connection, address: str, before: int | None, limit: int, now: datetime, *, open_only: bool
) -> Sequence[InboxItem]:
    """Return at most `limit` items of an inbox, newest first, that arrived before a place.

    Args:
        connection: The database.
        address: The person.
        before: Place in the order of arrival; None for the newest.
        limit: Largest number of items.
        now: This moment, for deadlines.
        open_only: Whether only questions that can still be answered are returned.
    """
    open_questions = (
        " AND EXISTS (SELECT 1 FROM questions AS q WHERE q.message_id = inbox.message_id AND NOT closed"
        " AND (deadline IS NULL OR deadline > :now)"
        " AND NOT EXISTS (SELECT 1 FROM answers WHERE answers.question_id = q.question_id))"
    )
    rows = connection.execute(
        "SELECT inbox.*, question_id FROM inbox LEFT JOIN questions USING (message_id)"  # noqa: S608  (no value is put in)
        " WHERE address = :address AND (:before IS NULL OR sequence < :before)"
        f"{open_questions if open_only else ''} ORDER BY sequence DESC LIMIT :limit",
        {"address": address, "before": before, "limit": limit, "now": instant(now)},
    ).fetchall()
    return [_item(connection, row) for row in rows]


def _item(connection: sqlite3.Connection, row: sqlite3.Row) -> InboxItem:
    question_id = row["question_id"]
    return InboxItem(
        sequence=row["sequence"],
        message_id=row["message_id"],
        content=Content(row["title"], row["text"], row["url"]),
        question=None if question_id is None else read_question(connection, question_id),
        answer=None if question_id is None else answer_to(connection, question_id),
        sent_at=moment(row["sent_at"]),
    )
