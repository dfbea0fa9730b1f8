"""The log of what changed on a local board, and the cursors into it."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from datetime import datetime

from planerka.board.v1.board_pb2 import BoardEvent, BoardEventKind, ListChangesResponse
from planerka.common.v1.card_pb2 import Card

from board_service.adapters.local_cards import now
from board_service.errors import CursorInvalid
from mesh.errors import InvalidArgument
from mesh.paging import decode_token, encode_token
from mesh.times import from_datetime

__all__ = ["read_changes", "record"]


def record(
    connection: sqlite3.Connection,
    kind: BoardEventKind,
    board_id: str,
    card_id: str,
    card: Card | None,
    fields: Sequence[str] = (),
    actor: str = "",
) -> None:
    """Append an event; `card` is the card after it, or None when it was deleted."""
    connection.execute(
        "INSERT INTO changes (board_id, kind, card_id, fields, actor, happened_at, card) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            board_id,
            int(kind),
            card_id,
            ",".join(fields),
            actor,
            now(),
            None if card is None else zlib.compress(card.SerializeToString()),
        ),
    )


def read_changes(
    connection: sqlite3.Connection, board_id: str, cursor: str, limit: int, max_bytes: int
) -> ListChangesResponse:
    """Return at most `limit` events after a cursor, oldest first, in about `max_bytes` bytes.

    Raises:
        CursorInvalid: The cursor belongs to another board, or to none.
    """
    after = _sequence(board_id, cursor)
    answer = ListChangesResponse(next_cursor=_cursor(board_id, after))
    size = 0
    rows = connection.execute(
        "SELECT * FROM changes WHERE board_id = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        (board_id, after, limit + 1),
    )
    for row in rows:
        event = _event(board_id, row)
        size += event.ByteSize()
        if len(answer.events) == limit or (answer.events and size > max_bytes):
            answer.more = True
            break
        answer.events.append(event)
        answer.next_cursor = event.cursor
    return answer


def _event(board_id: str, row: sqlite3.Row) -> BoardEvent:
    return BoardEvent(
        kind=BoardEventKind.Name(row["kind"]),
        card_id=row["card_id"],
        fields=row["fields"].split(",") if row["fields"] else (),
        happened_at=from_datetime(datetime.fromisoformat(row["happened_at"])),
        actor=row["actor"],
        card=None if row["card"] is None else Card.FromString(zlib.decompress(row["card"])),
        cursor=_cursor(board_id, row["sequence"]),
    )


def _cursor(board_id: str, sequence: int) -> str:
    return encode_token(f"{board_id} {sequence}")


def _sequence(board_id: str, cursor: str) -> int:
    if not cursor:
        return 0
    try:
        board, _, sequence = decode_token(cursor).partition(" ")
    except InvalidArgument as error:
        raise CursorInvalid from error
    if board != board_id or not (sequence.isascii() and sequence.isdigit() and len(sequence) < 19):
        raise CursorInvalid
    return int(sequence)
