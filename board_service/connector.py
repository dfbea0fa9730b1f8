"""What a board must be able to do, whoever keeps it, and the way from an identifier to its board."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from planerka.board.v1 import board_pb2 as pb
from planerka.common.v1.card_pb2 import Board, Card

from board_service.errors import BoardNotFound, CardNotFound, ConnectorNotFound

__all__ = ["BoardPlace", "Connector", "Connectors"]


class BoardPlace(NamedTuple):
    """Where a board stands in the list of all boards."""

    name: str
    board_id: str


class Connector(Protocol):
    """Boards of one kind.

    It speaks the contract's own messages, because the ledger of idempotency keys keeps requests and first answers. Every write happens
    once for its key, in one transaction with the key where the board has transactions. Requests have passed the checks of `fields`.
    """

    @property
    def name(self) -> str:
        """Name in `Board.connector`."""

    def holds(self, identifier: str) -> bool:
        """Tell whether a board or card with this identifier can be one of this connector."""

    async def open(self) -> None:
        """Connect or open files."""

    async def check(self) -> None:
        """Raise a `PlanerkaError` while the boards cannot be reached."""

    async def close(self) -> None:
        """Give everything back."""

    async def list_boards(self, workspace_id: str, after: BoardPlace, limit: int) -> Sequence[Board]:
        """Return at most `limit` boards of a workspace that stand after a place, in their order."""

    async def get_board(self, board_id: str) -> Board:
        """Return a board, or raise `BoardNotFound`."""

    async def create_board(self, request: pb.CreateBoardRequest) -> pb.CreateBoardResponse:
        """Create a board."""

    async def list_cards(self, request: pb.ListCardsRequest) -> pb.ListCardsResponse:
        """Return a page of cards."""

    async def get_card(self, card_id: str) -> Card:
        """Return a card, or raise `CardNotFound`."""

    async def create_card(self, request: pb.CreateCardRequest) -> pb.CreateCardResponse:
        """Create a card."""

    async def update_card(self, request: pb.UpdateCardRequest, fields: Sequence[str]) -> pb.UpdateCardResponse:
        """Change these fields of a card."""

    async def move_card(self, request: pb.MoveCardRequest) -> pb.MoveCardResponse:
        """Move a card to another column."""

    async def comment_card(self, request: pb.CommentCardRequest) -> pb.CommentCardResponse:
        """Write a comment."""

    async def delete_comment(self, request: pb.DeleteCommentRequest) -> pb.DeleteCommentResponse:
        """Delete a comment."""

    async def archive_card(self, request: pb.ArchiveCardRequest) -> pb.ArchiveCardResponse:
        """Archive a card, or bring it back."""

    async def delete_card(self, request: pb.DeleteCardRequest) -> pb.DeleteCardResponse:
        """Delete a card for good."""

    async def list_changes(self, request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        """Return what changed after a cursor."""

    async def get_capabilities(self, board_id: str) -> pb.GetCapabilitiesResponse:
        """Tell what a board can do, or raise `BoardNotFound`."""


class Connectors:
    """The connectors that are on.

    Args:
        connectors: At least one; where several could hold an identifier, the first one does.
    """

    def __init__(self, connectors: Iterable[Connector]) -> None:
        self._by_name = {connector.name: connector for connector in connectors}

    async def open(self) -> None:
        """Open all of them."""
        for connector in self._by_name.values():
            await connector.open()

    async def check(self) -> None:
        """Raise what the first one that does not work raises."""
        for connector in self._by_name.values():
            await connector.check()

    async def close(self) -> None:
        """Close all of them."""
        for connector in self._by_name.values():
            await connector.close()

    def named(self, name: str) -> Connector:
        """Return the connector of this name; the empty name means `local`.

        Raises:
            ConnectorNotFound: There is none, or it is off.
        """
        try:
            return self._by_name[name or "local"]
        except KeyError:
            raise ConnectorNotFound(name or "local", self._by_name) from None

    def of_board(self, board_id: str) -> Connector:
        """Return the connector that keeps a board.

        Raises:
            BoardNotFound: No connector knows such an identifier.
        """
        return self._holding(board_id, BoardNotFound(board_id))

    def of_card(self, card_id: str) -> Connector:
        """Return the connector that keeps a card.

        Raises:
            CardNotFound: No connector knows such an identifier.
        """
        return self._holding(card_id, CardNotFound(card_id))

    async def list_boards(self, workspace_id: str, after: BoardPlace, limit: int) -> list[Board]:
        """Return at most `limit` boards of all connectors in order of names, beginning after a place."""
        lists = await asyncio.gather(*(c.list_boards(workspace_id, after, limit) for c in self._by_name.values()))
        return list(heapq.merge(*lists, key=lambda board: BoardPlace(board.name, board.board_id)))[:limit]

    def _holding(self, identifier: str, missing: BoardNotFound | CardNotFound) -> Connector:
        for connector in self._by_name.values():
            if connector.holds(identifier):
                return connector
        raise missing
