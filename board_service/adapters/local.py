"""The local board: one SQLite file, every write one transaction with its idempotency key."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import Message
from planerka.board.v1 import board_pb2 as pb
from planerka.common.v1.card_pb2 import Board, Card

from board_service.adapters import local_boards as boards
from board_service.adapters import local_cards as cards
from board_service.adapters import local_changes as changes
from board_service.connector import BoardPlace
from board_service.errors import CommentNotFound
from board_service.fields import UPDATABLE
from board_service.settings import BoardSettings
from mesh.database import Database, once
from mesh.errors import InvalidArgument, Violation
from mesh.paging import decode_token, encode_token, page_size

__all__ = ["LocalBoards"]

M = TypeVar("M", bound=Message)

_SCHEMA = Path(__file__).parent.parent / "schema.sql"
_Kind = pb.BoardEventKind
_MAX_COMMENT = 16_384
_MAX_DESCRIPTION = 32_768


class LocalBoards:
    """Boards that this service keeps itself."""

    name = boards.CONNECTOR

    def __init__(self, settings: BoardSettings) -> None:
        self._database = Database(settings.folder() / "board.sqlite3", _SCHEMA)
        self._page_bytes = settings.page_bytes

    def holds(self, identifier: str) -> bool:
        """Tell whether an identifier has the form of ours."""
        return identifier.startswith(("brd_", "crd_"))

    async def open(self) -> None:
        """Open the file; it is created where it is missing."""
        await self._database.open()

    async def check(self) -> None:
        """Raise while the file cannot be used."""
        await self._database.check()

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()

    async def list_boards(self, workspace_id: str, after: BoardPlace, limit: int) -> Sequence[Board]:
        """Return boards of a workspace in order of names."""
        return await self._database.run(lambda connection: boards.list_boards(connection, workspace_id, after, limit))

    async def get_board(self, board_id: str) -> Board:
        """Return a board."""
        return await self._database.run(lambda connection: boards.read_board(connection, board_id))

    async def create_board(self, request: pb.CreateBoardRequest) -> pb.CreateBoardResponse:
        """Create a board."""

        def work(connection: sqlite3.Connection) -> pb.CreateBoardResponse:
            return pb.CreateBoardResponse(board=boards.add_board(connection, request))

        return await self._once(request, request.idempotency_key, pb.CreateBoardResponse, work)

    async def list_cards(self, request: pb.ListCardsRequest) -> pb.ListCardsResponse:
        """Return a page of cards in order of columns and positions."""
        after = _card_place(request)
        limit = page_size(request.page_size)

        def read(connection: sqlite3.Connection) -> pb.ListCardsResponse:
            boards.need_board(connection, request.board_id)
            if request.column_id:
                boards.column_of(connection, request.board_id, request.column_id)
            rows = connection.execute(
                "SELECT card_id, c.position AS column_position, cards.position AS position"
                " FROM cards JOIN board_columns AS c USING (column_id)"
                " WHERE cards.board_id = ? AND (? = '' OR column_id = ?) AND (? OR NOT archived)"
                " AND (c.position, cards.position) > (?, ?) ORDER BY c.position, cards.position LIMIT ?",
                (request.board_id, request.column_id, request.column_id, request.include_archived, *after, limit + 1),
            ).fetchall()
            answer = pb.ListCardsResponse()
            size, last = 0, ""
            for row in rows:
                card = cards.read_card(connection, row["card_id"])
                size += card.ByteSize()
                if len(answer.cards) == limit or (answer.cards and size > self._page_bytes):
                    answer.next_page_token = encode_token(last)
                    break
                answer.cards.append(card)
                last = f"{request.board_id} {row['column_position']} {row['position']}"
            return answer

        return await self._database.run(read)

    async def get_card(self, card_id: str) -> Card:
        """Return a card."""
        return await self._database.run(lambda connection: cards.read_card(connection, card_id))

    async def create_card(self, request: pb.CreateCardRequest) -> pb.CreateCardResponse:
        """Create a card, at the end of its column."""

        def work(connection: sqlite3.Connection) -> pb.CreateCardResponse:
            card = cards.read_card(connection, cards.add_card(connection, request))
            changes.record(connection, _Kind.BOARD_EVENT_KIND_CARD_CREATED, card.board_id, card.card_id, card)
            return pb.CreateCardResponse(card=card)

        return await self._once(request, request.idempotency_key, pb.CreateCardResponse, work)

    async def update_card(self, request: pb.UpdateCardRequest, fields: Sequence[str]) -> pb.UpdateCardResponse:
        """Change fields of a card; its version stays where nothing is different."""
        card_id = request.card.card_id

        def work(connection: sqlite3.Connection) -> pb.UpdateCardResponse:
            cards.need_card(connection, card_id, request.expected_version)
            before = cards.read_card(connection, card_id)
            changed = cards.change_fields(connection, before, request.card, fields)
            if not changed:
                return pb.UpdateCardResponse(card=before)
            return pb.UpdateCardResponse(
                card=_changed(connection, _Kind.BOARD_EVENT_KIND_CARD_UPDATED, card_id, changed)
            )

        return await self._once(request, request.idempotency_key, pb.UpdateCardResponse, work)

    async def move_card(self, request: pb.MoveCardRequest) -> pb.MoveCardResponse:
        """Move a card to the end of another column; moving it where it is changes nothing."""

        def work(connection: sqlite3.Connection) -> pb.MoveCardResponse:
            row = cards.need_card(connection, request.card_id, request.expected_version)
            column_id = boards.column_of(connection, row["board_id"], request.column_id)
            if column_id == row["column_id"]:
                return pb.MoveCardResponse(card=cards.read_card(connection, request.card_id))
            connection.execute(
                "UPDATE cards SET column_id = ?, position = ? WHERE card_id = ?",
                (column_id, cards.next_position(connection, row["board_id"]), request.card_id),
            )
            card = _changed(connection, _Kind.BOARD_EVENT_KIND_CARD_MOVED, request.card_id, ["column_id"])
            return pb.MoveCardResponse(card=card)

        return await self._once(request, request.idempotency_key, pb.MoveCardResponse, work)

    async def comment_card(self, request: pb.CommentCardRequest) -> pb.CommentCardResponse:
        """Write a comment."""

        def work(connection: sqlite3.Connection) -> pb.CommentCardResponse:
            cards.need_card(connection, request.card_id)
            comment = cards.add_comment(connection, request.card_id, request.author, request.text)
            kind = _Kind.BOARD_EVENT_KIND_COMMENT_ADDED
            card = _changed(connection, kind, request.card_id, ["comments"], request.author)
            return pb.CommentCardResponse(comment=comment, card=card)

        return await self._once(request, request.idempotency_key, pb.CommentCardResponse, work)

    async def delete_comment(self, request: pb.DeleteCommentRequest) -> pb.DeleteCommentResponse:
        """Delete a comment."""

        def work(connection: sqlite3.Connection) -> pb.DeleteCommentResponse:
            cards.need_card(connection, request.card_id)
            deleted = connection.execute(
                "DELETE FROM comments WHERE card_id = ? AND comment_id = ?", (request.card_id, request.comment_id)
            )
            if not deleted.rowcount:
                raise CommentNotFound(request.comment_id, request.card_id)
            card = _changed(connection, _Kind.BOARD_EVENT_KIND_COMMENT_DELETED, request.card_id, ["comments"])
            return pb.DeleteCommentResponse(card=card)

        return await self._once(request, request.idempotency_key, pb.DeleteCommentResponse, work)

    async def archive_card(self, request: pb.ArchiveCardRequest) -> pb.ArchiveCardResponse:
        """Archive a card, or bring it back; a second time changes nothing."""

        def work(connection: sqlite3.Connection) -> pb.ArchiveCardResponse:
            row = cards.need_card(connection, request.card_id, request.expected_version)
            if bool(row["archived"]) == request.archived:
                return pb.ArchiveCardResponse(card=cards.read_card(connection, request.card_id))
            connection.execute("UPDATE cards SET archived = ? WHERE card_id = ?", (request.archived, request.card_id))
            archived, restored = _Kind.BOARD_EVENT_KIND_CARD_ARCHIVED, _Kind.BOARD_EVENT_KIND_CARD_RESTORED
            kind = archived if request.archived else restored
            return pb.ArchiveCardResponse(card=_changed(connection, kind, request.card_id, ["archived"]))

        return await self._once(request, request.idempotency_key, pb.ArchiveCardResponse, work)

    async def delete_card(self, request: pb.DeleteCardRequest) -> pb.DeleteCardResponse:
        """Delete a card with all that belongs to it; cards that it blocked are free, and change by that."""
        card_id = request.card_id

        def work(connection: sqlite3.Connection) -> pb.DeleteCardResponse:
            row = cards.need_card(connection, card_id, request.expected_version)
            blocked = connection.execute(
                "DELETE FROM card_blockers WHERE blocked_by = ? RETURNING card_id", (card_id,)
            ).fetchall()
            connection.execute("DELETE FROM cards WHERE card_id = ?", (card_id,))
            changes.record(connection, _Kind.BOARD_EVENT_KIND_CARD_DELETED, row["board_id"], card_id, None)
            for freed in blocked:
                _changed(connection, _Kind.BOARD_EVENT_KIND_CARD_UPDATED, freed["card_id"], ["blocked_by"])
            return pb.DeleteCardResponse()

        return await self._once(request, request.idempotency_key, pb.DeleteCardResponse, work)

    async def list_changes(self, request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        """Return what changed after a cursor."""

        def read(connection: sqlite3.Connection) -> pb.ListChangesResponse:
            boards.need_board(connection, request.board_id)
            limit = page_size(request.page_size)
            return changes.read_changes(connection, request.board_id, request.cursor, limit, self._page_bytes)

        return await self._database.run(read)

    async def get_capabilities(self, board_id: str) -> pb.GetCapabilitiesResponse:
        """Tell what the local board can do."""
        await self._database.run(lambda connection: boards.need_board(connection, board_id))
        return pb.GetCapabilitiesResponse(
            connector=self.name,
            updatable_fields=UPDATABLE,
            comments=True,
            delete_comments=True,
            archive=True,
            delete=True,
            atomic_versions=True,
            watch=False,
            max_comment_length=_MAX_COMMENT,
            max_description_length=_MAX_DESCRIPTION,
        )

    async def _once(self, request: Message, key: str, response: type[M], work: Callable[[sqlite3.Connection], M]) -> M:
        method = request.DESCRIPTOR.name.removesuffix("Request")
        return await self._database.run(
            lambda connection: once(connection, method, key, request, response, lambda: work(connection))
        )


def _changed(
    connection: sqlite3.Connection, kind: pb.BoardEventKind, card_id: str, fields: Sequence[str], actor: str = ""
) -> Card:
    cards.touch(connection, card_id)
    card = cards.read_card(connection, card_id)
    changes.record(connection, kind, card.board_id, card_id, card, fields, actor)
    return card


def _card_place(request: pb.ListCardsRequest) -> tuple[int, int]:
    if not request.page_token:
        return -1, -1
    board_id, *numbers = decode_token(request.page_token).split(" ")
    if board_id != request.board_id or len(numbers) != 2 or not all(n.isascii() and n.isdigit() for n in numbers):
        raise InvalidArgument(
            "The page token belongs to another list; begin again without one.",
            reason="PAGE_TOKEN_INVALID",
            violations=[Violation("page_token", "must be the `next_page_token` of the same list, or empty")],
        )
    return int(numbers[0]), int(numbers[1])
