"""Boards, columns and members in the tables of the local board."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from planerka.board.v1.board_pb2 import CreateBoardRequest
from planerka.common.v1.card_pb2 import Board, Column, ColumnKind, Member

from board_service.columns import guess_kind
from board_service.connector import BoardPlace
from board_service.errors import BoardNotFound, ColumnNotFound, MemberNotFound
from board_service.keys import prefix
from mesh.ids import new_id

__all__ = [
    "CONNECTOR",
    "add_board",
    "column_of",
    "first_column",
    "list_boards",
    "need_board",
    "need_members",
    "read_board",
]

CONNECTOR = "local"


def add_board(connection: sqlite3.Connection, request: CreateBoardRequest) -> Board:
    """Insert a board with its columns and members, and return it."""
    board_id = new_id("brd")
    connection.execute(
        "INSERT INTO boards (board_id, workspace_id, name, key_prefix) VALUES (?, ?, ?, ?)",
        (board_id, request.workspace_id, request.name, prefix(request.name)),
    )
    connection.executemany(
        "INSERT INTO board_columns (column_id, board_id, position, title, kind) VALUES (?, ?, ?, ?, ?)",
        [
            (new_id("col"), board_id, position, column.title, column.kind or guess_kind(column.title))
            for position, column in enumerate(request.columns)
        ],
    )
    connection.executemany(
        "INSERT INTO board_members (member_id, board_id, position, name) VALUES (?, ?, ?, ?)",
        [(new_id("mem"), board_id, position, name) for position, name in enumerate(request.member_names)],
    )
    return read_board(connection, board_id)


def read_board(connection: sqlite3.Connection, board_id: str) -> Board:
    """Return a board.

    Raises:
        BoardNotFound: It does not exist.
    """
    row = need_board(connection, board_id)
    columns = connection.execute(
        "SELECT column_id, title, kind FROM board_columns WHERE board_id = ? ORDER BY position", (board_id,)
    )
    members = connection.execute(
        "SELECT member_id, name FROM board_members WHERE board_id = ? ORDER BY position", (board_id,)
    )
    return Board(
        board_id=board_id,
        name=row["name"],
        connector=CONNECTOR,
        columns=[Column(column_id=c["column_id"], title=c["title"], kind=ColumnKind.Name(c["kind"])) for c in columns],
        members=[Member(member_id=m["member_id"], name=m["name"]) for m in members],
    )


def list_boards(connection: sqlite3.Connection, workspace_id: str, after: BoardPlace, limit: int) -> list[Board]:
    """Return at most `limit` boards of a workspace in order of names, beginning after a place."""
    rows = connection.execute(
        "SELECT board_id FROM boards WHERE workspace_id = ? AND (name, board_id) > (?, ?) ORDER BY name, board_id LIMIT ?",
        (workspace_id, after.name, after.board_id, limit),
    ).fetchall()
    return [read_board(connection, row["board_id"]) for row in rows]


def need_board(connection: sqlite3.Connection, board_id: str) -> sqlite3.Row:
    """Return the row of a board, or raise `BoardNotFound`."""
    row: sqlite3.Row | None = connection.execute("SELECT * FROM boards WHERE board_id = ?", (board_id,)).fetchone()
    if row is None:
        raise BoardNotFound(board_id)
    return row


def first_column(connection: sqlite3.Connection, board_id: str) -> str:
    """Return the identifier of the leftmost column; every board has one."""
    row = connection.execute(
        "SELECT column_id FROM board_columns WHERE board_id = ? ORDER BY position LIMIT 1", (board_id,)
    ).fetchone()
    return str(row["column_id"])


def column_of(connection: sqlite3.Connection, board_id: str, column_id: str) -> str:
    """Return the identifier of a column of the board, or raise `ColumnNotFound`."""
    row = connection.execute(
        "SELECT 1 FROM board_columns WHERE board_id = ? AND column_id = ?", (board_id, column_id)
    ).fetchone()
    if row is None:
        raise ColumnNotFound(column_id, board_id)
    return column_id


def need_members(connection: sqlite3.Connection, board_id: str, member_ids: Sequence[str]) -> None:
    """Raise `MemberNotFound` where the board lacks one of these members."""
    rows = connection.execute("SELECT member_id FROM board_members WHERE board_id = ?", (board_id,))
    known = {row["member_id"] for row in rows}
    missing = [member_id for member_id in member_ids if member_id not in known]
    if missing:
        raise MemberNotFound(missing, board_id)
