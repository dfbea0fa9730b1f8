"""The board that a meeting is about."""

from __future__ import annotations

import grpc
from planerka.board.v1.board_pb2 import GetBoardRequest, ListBoardsRequest, ListCardsRequest
from planerka.common.v1.card_pb2 import Board, Card

from mesh.errors import RemoteError
from orchestrator.clients import Services, answer
from orchestrator.errors import BoardMissing

__all__ = ["column_title", "find_board", "list_cards", "require_board"]

_PAGE = 500


async def find_board(services: Services, workspace_id: str, board_id: str) -> Board | None:
    """Return the board with this identifier, or with an empty one the only board of the workspace; None where there is none.

    Raises:
        RemoteError: The board service is away.
    """
    if not board_id:
        response = await answer(services.board.ListBoards(ListBoardsRequest(workspace_id=workspace_id, page_size=2)))
        if len(response.boards) != 1:
            return None
        board_id = response.boards[0].board_id
    try:
        found: Board = (await answer(services.board.GetBoard(GetBoardRequest(board_id=board_id)))).board
    except RemoteError as error:
        if error.code is grpc.StatusCode.NOT_FOUND:
            return None
        raise
    return found


async def require_board(services: Services, board_id: str) -> None:
    """Refuse a board that does not exist; an empty identifier, or a board service that is away, is left to the workflow.

    Raises:
        BoardMissing: There is no board with this identifier.
    """
    if not board_id:
        return
    try:
        board = await find_board(services, "", board_id)
    except RemoteError as error:
        if error.code is grpc.StatusCode.UNAVAILABLE:
            return
        raise
    if board is None:
        raise BoardMissing(
            f"There is no board {board_id!r}; `planerka board list` shows those there are.",
            resource=("board", board_id),
        )


async def list_cards(services: Services, board_id: str, *, include_archived: bool = False) -> list[Card]:
    """Return all cards of a board in order of columns and positions."""
    cards: list[Card] = []
    token = ""
    while True:
        request = ListCardsRequest(
            board_id=board_id, include_archived=include_archived, page_size=_PAGE, page_token=token
        )
        response = await answer(services.board.ListCards(request))
        cards += response.cards
        token = response.next_page_token
        if not token:
            return cards


def column_title(board: Board, column_id: str) -> str:
    """Return the title of a column; its identifier where the board has no such column."""
    return next((column.title for column in board.columns if column.column_id == column_id), column_id)
