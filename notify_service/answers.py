"""Answers: who may give them, and how those who wait for them learn of them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from mesh.database import Database
from mesh.errors import InvalidArgument
from mesh.ids import new_id
from mesh.paging import decode_token, encode_token
from notify_service.bell import Bell
from notify_service.errors import (
    AlreadyAnswered,
    CursorInvalid,
    NotAsked,
    QuestionClosed,
    QuestionExpired,
    QuestionNotFound,
    Stopping,
    ValueUnknown,
)
from notify_service.message import Answer
from notify_service.messages import instant, moment, read_question

__all__ = ["answer_to", "cursor_of", "submit", "watch"]

_BATCH = 200


def submit(
    connection: sqlite3.Connection, question_id: str, value: str, text: str, account: str, now: datetime
) -> Answer:
    """Take an answer to an open question.

    Raises:
        QuestionNotFound: There is no such question.
        NotAsked: The account is not the one that was asked.
        ValueUnknown: The question has no such button.
        AlreadyAnswered: The question has its answer.
        QuestionClosed: The question was taken back.
        QuestionExpired: The deadline has passed.
    """
    question = read_question(connection, question_id)
    if question is None:
        raise QuestionNotFound(question_id)
    asked = connection.execute(
        "SELECT channel, address FROM messages JOIN questions USING (message_id) WHERE question_id = ?", (question_id,)
    ).fetchone()
    if account != asked["address"]:
        raise NotAsked(question_id)
    values = [button.value for button in question.buttons]
    if value not in values:
        raise ValueUnknown(value, values)
    earlier = answer_to(connection, question_id)
    if earlier is not None:
        raise AlreadyAnswered(question_id, earlier.value)
    if question.closed:
        raise QuestionClosed(question_id)
    if question.deadline is not None and now >= question.deadline:
        raise QuestionExpired(question_id, question.deadline)
    connection.execute(
        "INSERT INTO answers (answer_id, question_id, value, text, channel, account, answered_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new_id("ans"), question_id, value, text, asked["channel"], account, instant(now)),
    )
    given = answer_to(connection, question_id)
    if given is None:
        raise QuestionNotFound(question_id)
    return given


def answer_to(connection: sqlite3.Connection, question_id: str) -> Answer | None:
    """Return the answer to a question, or None."""
    row = connection.execute(f"{_SELECT} WHERE question_id = ?", (question_id,)).fetchone()
    return None if row is None else _answer(row)


def cursor_of(answer: Answer) -> str:
    """Return the cursor after an answer."""
    return encode_token(f"answers {answer.sequence}")


async def watch(database: Database, bell: Bell, cursor: str) -> AsyncIterator[Answer]:
    """Yield every answer after a cursor, those of the past and then those to come, until the bell is closed.

    Raises:
        CursorInvalid: The cursor was not made here, or its answers are gone.
        Stopping: The bell was closed.
    """
    after = _sequence(cursor)
    if after > await database.run(_last):
        raise CursorInvalid
    while True:
        # Taken before reading: an answer that comes between reading and waiting is heard.
        ring = bell.listen()
        batch = await database.run(lambda connection, place=after: _after(connection, place))  # type: ignore[misc]
        for answer in batch:
            yield answer
            after = answer.sequence
        if bell.closed:
            raise Stopping
        if not batch:
            await ring.wait()


_SELECT = "SELECT answers.*, subject_id FROM answers JOIN questions USING (question_id)"


def _after(connection: sqlite3.Connection, sequence: int) -> Sequence[Answer]:
    rows = connection.execute(f"{_SELECT} WHERE sequence > ? ORDER BY sequence LIMIT ?", (sequence, _BATCH)).fetchall()
    return [_answer(row) for row in rows]


def _last(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(sequence), 0) FROM answers").fetchone()[0])


def _answer(row: sqlite3.Row) -> Answer:
    return Answer(
        answer_id=row["answer_id"],
        question_id=row["question_id"],
        subject_id=row["subject_id"],
        value=row["value"],
        text=row["text"],
        channel=row["channel"],
        account=row["account"],
        answered_at=moment(row["answered_at"]),
        sequence=row["sequence"],
    )


def _sequence(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        kind, _, sequence = decode_token(cursor).partition(" ")
    except InvalidArgument as error:
        raise CursorInvalid from error
    if kind != "answers" or not (sequence.isascii() and sequence.isdigit() and len(sequence) < 19):
        raise CursorInvalid
    return int(sequence)
