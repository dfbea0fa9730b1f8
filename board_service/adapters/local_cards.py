"""Cards in the tables of the local board: reading them, and writing their fields."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from planerka.board.v1.board_pb2 import CreateCardRequest
from planerka.common.v1.card_pb2 import Card, ChecklistItem, Comment
from planerka.common.v1.time_pb2 import CalendarDate

from board_service.adapters.local_boards import column_of, first_column, need_board, need_members
from board_service.errors import CardChanged, CardNotFound, ItemNotFound, KeyTaken
from board_service.keys import first_free
from mesh.ids import new_id
from mesh.times import from_date, from_datetime, to_date

__all__ = [
    "MAX_COMMENTS",
    "MAX_COMMENT_BYTES",
    "add_card",
    "add_comment",
    "change_fields",
    "need_card",
    "next_position",
    "now",
    "read_card",
    "read_comment",
    "touch",
]

MAX_COMMENTS = 200
"""Comments that a card carries; older ones stay in the table."""

MAX_COMMENT_BYTES = 1 << 20
"""Bytes of comment texts that a card carries, so that a page of cards stays a message of reasonable size."""


def need_card(connection: sqlite3.Connection, card_id: str, expected_version: str = "") -> sqlite3.Row:
    """Return the row of a card that has the expected version; the empty one is any.

    Raises:
        CardNotFound: It does not exist.
        CardChanged: It has another version.
    """
    row: sqlite3.Row | None = connection.execute("SELECT * FROM cards WHERE card_id = ?", (card_id,)).fetchone()
    if row is None:
        raise CardNotFound(card_id)
    if expected_version and expected_version != str(row["version"]):
        raise CardChanged(card_id, expected_version, str(row["version"]))
    return row


def read_card(connection: sqlite3.Connection, card_id: str) -> Card:
    """Return a card with its newest comments, or raise `CardNotFound`."""
    row = need_card(connection, card_id)

    def listed(sql: str) -> list[sqlite3.Row]:
        return connection.execute(sql, (card_id,)).fetchall()

    return Card(
        card_id=card_id,
        key=row["card_key"],
        board_id=row["board_id"],
        title=row["title"],
        description=row["description"],
        column_id=row["column_id"],
        member_ids=[r[0] for r in listed("SELECT member_id FROM card_members WHERE card_id = ? ORDER BY position")],
        labels=[r[0] for r in listed("SELECT label FROM card_labels WHERE card_id = ? ORDER BY position")],
        due=None if row["due"] is None else from_date(date.fromisoformat(row["due"])),
        checklist=[
            ChecklistItem(item_id=r["item_id"], checklist=r["checklist"], text=r["text"], done=bool(r["done"]))
            for r in listed("SELECT * FROM checklist_items WHERE card_id = ? ORDER BY position")
        ],
        comments=_newest_comments(connection, card_id),
        blocked_by=[r[0] for r in listed("SELECT blocked_by FROM card_blockers WHERE card_id = ? ORDER BY position")],
        archived=bool(row["archived"]),
        version=str(row["version"]),
        created_at=from_datetime(datetime.fromisoformat(row["created_at"])),
        updated_at=from_datetime(datetime.fromisoformat(row["updated_at"])),
    )


def add_card(connection: sqlite3.Connection, request: CreateCardRequest) -> str:
    """Insert a card and return its identifier.

    Raises:
        BoardNotFound: The board does not exist.
        ColumnNotFound: The board has no such column.
        MemberNotFound: The board has no such member.
        KeyTaken: Another card of the board has the key.
    """
    board = need_board(connection, request.board_id)
    board_id, card_id, moment = request.board_id, new_id("crd"), now()
    column_id = (
        column_of(connection, board_id, request.column_id) if request.column_id else first_column(connection, board_id)
    )
    connection.execute(
        "INSERT INTO cards (card_id, board_id, column_id, position, card_key, title, description, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            card_id,
            board_id,
            column_id,
            next_position(connection, board_id),
            _key(connection, board, request.key),
            request.title,
            request.description,
            moment,
            moment,
        ),
    )
    values = Card(
        member_ids=request.member_ids,
        labels=request.labels,
        due=request.due if request.HasField("due") else None,
        checklist=request.checklist,
    )
    for field in ("member_ids", "labels", "due", "checklist"):
        _WRITERS[field](connection, board_id, card_id, values)
    return card_id


def change_fields(connection: sqlite3.Connection, before: Card, wanted: Card, fields: Iterable[str]) -> list[str]:
    """Give the fields of a card new values, and return the names of those that were different before.

    Raises:
        MemberNotFound: The board has no such member.
        ItemNotFound: An item carries an identifier that the card does not have.
        CardNotFound: A blocking card is not on the board.
    """
    changed = [field for field in fields if _differs(before, wanted, field)]
    for field in changed:
        _WRITERS[field](connection, before.board_id, before.card_id, wanted)
    return changed


def touch(connection: sqlite3.Connection, card_id: str) -> None:
    """Give the card a new version, and this moment as the one of its last change."""
    connection.execute("UPDATE cards SET version = version + 1, updated_at = ? WHERE card_id = ?", (now(), card_id))


def next_position(connection: sqlite3.Connection, board_id: str) -> int:
    """Take the next position of the board: below all cards, and never given before."""
    row = connection.execute(
        "UPDATE boards SET next_position = next_position + 1 WHERE board_id = ? RETURNING next_position - 1",
        (board_id,),
    ).fetchone()
    return int(row[0])


def add_comment(connection: sqlite3.Connection, card_id: str, author: str, text: str) -> Comment:
    """Write a comment on a card, and return it."""
    comment_id = new_id("cmt")
    connection.execute(
        "INSERT INTO comments (comment_id, card_id, author, text, created_at) VALUES (?, ?, ?, ?, ?)",
        (comment_id, card_id, author, text, now()),
    )
    return read_comment(connection.execute("SELECT * FROM comments WHERE comment_id = ?", (comment_id,)).fetchone())


def read_comment(row: sqlite3.Row) -> Comment:
    """Return the comment of a row."""
    written = from_datetime(datetime.fromisoformat(row["created_at"]))
    return Comment(comment_id=row["comment_id"], author=row["author"], text=row["text"], created_at=written)


def now() -> str:
    """Return this moment as the tables hold it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _newest_comments(connection: sqlite3.Connection, card_id: str) -> list[Comment]:
    rows = connection.execute(
        "SELECT * FROM comments WHERE card_id = ? ORDER BY sequence DESC LIMIT ?", (card_id, MAX_COMMENTS)
    )
    newest: list[Comment] = []
    size = 0
    for row in rows:
        size += len(row["text"].encode())
        if newest and size > MAX_COMMENT_BYTES:
            break
        newest.append(read_comment(row))
    return newest[::-1]


def _key(connection: sqlite3.Connection, board: sqlite3.Row, asked: str) -> str:
    def owner(key: str) -> str | None:
        row = connection.execute(
            "SELECT card_id FROM cards WHERE board_id = ? AND card_key = ?", (board["board_id"], key)
        ).fetchone()
        return None if row is None else str(row["card_id"])

    if asked:
        taken_by = owner(asked)
        if taken_by is not None:
            raise KeyTaken(asked, taken_by)
        return asked
    key, following = first_free(
        board["key_prefix"], board["next_number"], lambda candidate: owner(candidate) is not None
    )
    connection.execute("UPDATE boards SET next_number = ? WHERE board_id = ?", (following, board["board_id"]))
    return key


def _differs(before: Card, wanted: Card, field: str) -> bool:
    if field == "due":
        return before.HasField("due") != wanted.HasField("due") or before.due != wanted.due
    old, new = getattr(before, field), getattr(wanted, field)
    return bool(old != new)


def _write_text(field: str) -> Callable[[sqlite3.Connection, str, str, Card], None]:
    statements = {
        "title": "UPDATE cards SET title = ? WHERE card_id = ?",
        "description": "UPDATE cards SET description = ? WHERE card_id = ?",
    }

    def write(connection: sqlite3.Connection, _board_id: str, card_id: str, wanted: Card) -> None:
        connection.execute(statements[field], (getattr(wanted, field), card_id))

    return write


def _write_members(connection: sqlite3.Connection, board_id: str, card_id: str, wanted: Card) -> None:
    need_members(connection, board_id, wanted.member_ids)
    connection.execute("DELETE FROM card_members WHERE card_id = ?", (card_id,))
    connection.executemany("INSERT INTO card_members VALUES (?, ?, ?)", _numbered(card_id, wanted.member_ids))


def _write_labels(connection: sqlite3.Connection, _board_id: str, card_id: str, wanted: Card) -> None:
    connection.execute("DELETE FROM card_labels WHERE card_id = ?", (card_id,))
    connection.executemany("INSERT INTO card_labels VALUES (?, ?, ?)", _numbered(card_id, wanted.labels))


def _write_due(connection: sqlite3.Connection, _board_id: str, card_id: str, wanted: Card) -> None:
    connection.execute("UPDATE cards SET due = ? WHERE card_id = ?", (_day(wanted), card_id))


def _write_checklist(connection: sqlite3.Connection, _board_id: str, card_id: str, wanted: Card) -> None:
    rows = connection.execute("SELECT item_id FROM checklist_items WHERE card_id = ?", (card_id,))
    known = {row["item_id"] for row in rows}
    missing = [item.item_id for item in wanted.checklist if item.item_id and item.item_id not in known]
    if missing:
        raise ItemNotFound(missing, card_id)
    connection.execute("DELETE FROM checklist_items WHERE card_id = ?", (card_id,))
    connection.executemany(
        "INSERT INTO checklist_items (card_id, position, item_id, checklist, text, done) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (card_id, position, item.item_id or new_id("itm"), item.checklist, item.text, item.done)
            for position, item in enumerate(wanted.checklist)
        ],
    )


def _write_blockers(connection: sqlite3.Connection, board_id: str, card_id: str, wanted: Card) -> None:
    for blocker in wanted.blocked_by:
        if need_card(connection, blocker)["board_id"] != board_id:
            raise CardNotFound(blocker)
    connection.execute("DELETE FROM card_blockers WHERE card_id = ?", (card_id,))
    connection.executemany("INSERT INTO card_blockers VALUES (?, ?, ?)", _numbered(card_id, wanted.blocked_by))


def _day(wanted: Card) -> str | None:
    due: CalendarDate = wanted.due
    return to_date(due).isoformat() if wanted.HasField("due") else None


def _numbered(card_id: str, values: Sequence[str]) -> list[tuple[str, int, str]]:
    return [(card_id, position, value) for position, value in enumerate(values)]


_WRITERS: Mapping[str, Callable[[sqlite3.Connection, str, str, Card], None]] = {
    "title": _write_text("title"),
    "description": _write_text("description"),
    "member_ids": _write_members,
    "labels": _write_labels,
    "due": _write_due,
    "checklist": _write_checklist,
    "blocked_by": _write_blockers,
}
