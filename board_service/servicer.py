"""The contract of the board service: requests are checked, and go to the connector that keeps the board."""

# ruff: noqa: ARG002, N802  (the contract names methods and their arguments)

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from planerka.board.v1 import board_pb2 as pb
from planerka.board.v1 import board_pb2_grpc

from board_service.connector import BoardPlace, Connectors
from board_service.errors import BoardNotFound
from board_service.fields import check_board, check_new, check_update
from mesh.errors import InvalidArgument, Unimplemented, Violation
from mesh.paging import decode_token, encode_token, page_size

__all__ = ["BoardServicer"]

_Context = grpc.aio.ServicerContext[Any, Any]


class BoardServicer(board_pb2_grpc.BoardServiceServicer):
    """Answers the rpcs of `planerka.board.v1.BoardService`."""

    def __init__(self, connectors: Connectors) -> None:
        self._connectors = connectors

    async def ListBoards(self, request: pb.ListBoardsRequest, context: _Context) -> pb.ListBoardsResponse:
        """List the boards of a workspace."""
        limit = page_size(request.page_size)
        after = await self._place(request.page_token)
        boards = await self._connectors.list_boards(request.workspace_id, after, limit + 1)
        page = boards[:limit]
        more = encode_token(page[-1].board_id) if len(boards) > limit else ""
        return pb.ListBoardsResponse(boards=page, next_page_token=more)

    async def GetBoard(self, request: pb.GetBoardRequest, context: _Context) -> pb.GetBoardResponse:
        """Read a board."""
        return pb.GetBoardResponse(board=await self._connectors.of_board(request.board_id).get_board(request.board_id))

    async def CreateBoard(self, request: pb.CreateBoardRequest, context: _Context) -> pb.CreateBoardResponse:
        """Create a board."""
        check_board(request)
        return await self._connectors.named(request.connector).create_board(request)

    async def ListCards(self, request: pb.ListCardsRequest, context: _Context) -> pb.ListCardsResponse:
        """List the cards of a board."""
        return await self._connectors.of_board(request.board_id).list_cards(request)

    async def GetCard(self, request: pb.GetCardRequest, context: _Context) -> pb.GetCardResponse:
        """Read a card."""
        return pb.GetCardResponse(card=await self._connectors.of_card(request.card_id).get_card(request.card_id))

    async def CreateCard(self, request: pb.CreateCardRequest, context: _Context) -> pb.CreateCardResponse:
        """Create a card."""
        check_new(request)
        return await self._connectors.of_board(request.board_id).create_card(request)

    async def UpdateCard(self, request: pb.UpdateCardRequest, context: _Context) -> pb.UpdateCardResponse:
        """Change fields of a card."""
        fields = check_update(request)
        return await self._connectors.of_card(request.card.card_id).update_card(request, fields)

    async def MoveCard(self, request: pb.MoveCardRequest, context: _Context) -> pb.MoveCardResponse:
        """Move a card."""
        return await self._connectors.of_card(request.card_id).move_card(request)

    async def CommentCard(self, request: pb.CommentCardRequest, context: _Context) -> pb.CommentCardResponse:
        """Write a comment."""
        return await self._connectors.of_card(request.card_id).comment_card(request)

    async def DeleteComment(self, request: pb.DeleteCommentRequest, context: _Context) -> pb.DeleteCommentResponse:
        """Delete a comment."""
        return await self._connectors.of_card(request.card_id).delete_comment(request)

    async def ArchiveCard(self, request: pb.ArchiveCardRequest, context: _Context) -> pb.ArchiveCardResponse:
        """Archive a card, or bring it back."""
        return await self._connectors.of_card(request.card_id).archive_card(request)

    async def DeleteCard(self, request: pb.DeleteCardRequest, context: _Context) -> pb.DeleteCardResponse:
        """Delete a card for good."""
        return await self._connectors.of_card(request.card_id).delete_card(request)

    async def ListChanges(self, request: pb.ListChangesRequest, context: _Context) -> pb.ListChangesResponse:
        """List what changed on a board."""
        return await self._connectors.of_board(request.board_id).list_changes(request)

    async def WatchBoard(
        self, request: pb.WatchBoardRequest, context: _Context
    ) -> AsyncIterator[pb.WatchBoardResponse]:
        """Refuse: not built yet."""
        raise Unimplemented("WatchBoard is in the contract but not built yet; call ListChanges with a cursor instead.")
        yield pb.WatchBoardResponse()  # makes this an async generator, as every streaming handler must be

    async def GetCapabilities(
        self, request: pb.GetCapabilitiesRequest, context: _Context
    ) -> pb.GetCapabilitiesResponse:
        """Tell what a board can do."""
        return await self._connectors.of_board(request.board_id).get_capabilities(request.board_id)

    async def _place(self, token: str) -> BoardPlace:
        if not token:
            return BoardPlace("", "")
        board_id = decode_token(token)
        try:
            # The token holds no name: names may be longer than tokens.
            board = await self._connectors.of_board(board_id).get_board(board_id)
        except BoardNotFound as error:
            raise InvalidArgument(
                "The page token belongs to another list; begin again without one.",
                reason="PAGE_TOKEN_INVALID",
                violations=[Violation("page_token", "must be the `next_page_token` of ListBoards, or empty")],
            ) from error
        return BoardPlace(board.name, board_id)
