"""The rpcs about boards: the board service behind the rights of the workspace."""

from __future__ import annotations

from typing import Any

from planerka.board.v1 import board_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.proposal_pb2 import EventKind
from planerka.orchestrator.v1.workspace_pb2 import Role

from mesh.errors import InvalidArgument, Violation
from mesh.ids import derived_id
from mesh.paging import decode_token, encode_token, page_size
from orchestrator import journal
from orchestrator.boards import find_board, list_cards
from orchestrator.clients import answer
from orchestrator.desk import Desk
from orchestrator.errors import BoardMissing
from orchestrator.people import add_members
from orchestrator.rights import require
from orchestrator.stale import stale_cards
from orchestrator.store import once
from orchestrator.texts import say
from orchestrator.workspaces import language_of, read_settings

__all__ = ["BoardRpcs"]


class BoardRpcs:
    """Lists, reads and creates boards, and finds stale cards.

    Args:
        desk: What the rpcs work with.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ListBoards(self, request: pb.ListBoardsRequest, context: Any) -> pb.ListBoardsResponse:  # noqa: N802
        """List the boards of a workspace."""
        del context
        workspace_id = require(Role.ROLE_VIEWER).workspace(request.workspace_id)
        inner = board_pb2.ListBoardsRequest(
            workspace_id=workspace_id, page_size=request.page_size, page_token=request.page_token
        )
        response = await answer(self._desk.services.board.ListBoards(inner))
        return pb.ListBoardsResponse(boards=response.boards, next_page_token=response.next_page_token)

    async def GetBoard(self, request: pb.GetBoardRequest, context: Any) -> pb.GetBoardResponse:  # noqa: N802
        """Read a board with its cards."""
        del context
        require(Role.ROLE_VIEWER)
        inner = board_pb2.GetBoardRequest(board_id=request.board_id)
        board = (await answer(self._desk.services.board.GetBoard(inner))).board
        return pb.GetBoardResponse(board=board, cards=await list_cards(self._desk.services, request.board_id))

    async def CreateBoard(self, request: pb.CreateBoardRequest, context: Any) -> pb.CreateBoardResponse:  # noqa: N802
        """Create a board with its cards; its members become people of the workspace."""
        del context
        who = require(Role.ROLE_LEAD)
        workspace_id = who.workspace(request.workspace_id)
        _check_cards(request)
        key = request.idempotency_key
        creation = board_pb2.CreateBoardRequest(
            workspace_id=workspace_id,
            name=request.name,
            columns=[board_pb2.NewColumn(title=title) for title in request.columns],
            member_names=request.members,
            idempotency_key=_key(key, "board"),
        )
        board = (await answer(self._desk.services.board.CreateBoard(creation))).board
        columns = {column.title: column.column_id for column in board.columns}
        members = {member.name: member.member_id for member in board.members}
        cards = []
        for number, card in enumerate(request.cards, 1):
            new = board_pb2.CreateCardRequest(
                board_id=board.board_id,
                column_id=columns.get(card.column, ""),
                title=card.title,
                description=card.description,
                member_ids=[members[name] for name in card.members],
                labels=card.labels,
                key=card.key,
                idempotency_key=_key(key, f"card{number}"),
            )
            cards.append((await answer(self._desk.services.board.CreateCard(new))).card)

        async def work() -> pb.CreateBoardResponse:
            await add_members(session, workspace_id, board)
            await journal.append(
                session,
                EventKind.EVENT_KIND_ADMINISTRATION,
                workspace_id,
                say(
                    await language_of(session, workspace_id), "board_created", name=board.name, cards=len(request.cards)
                ),
                person_id=who.person.person_id,
            )
            return pb.CreateBoardResponse(board=board, cards=cards)

        async with self._desk.store.write() as session:
            return await once(session, workspace_id, request, pb.CreateBoardResponse, work)

    async def ListStaleCards(self, request: pb.ListStaleCardsRequest, context: Any) -> pb.ListStaleCardsResponse:  # noqa: N802
        """List active cards that nobody has spoken about for long."""
        del context
        workspace_id = require(Role.ROLE_VIEWER).workspace(request.workspace_id)
        async with self._desk.store.read() as session:
            settings = await read_settings(session, workspace_id)
        wanted = request.board_id or settings.default_board_id
        board = await find_board(self._desk.services, workspace_id, wanted)
        if board is None:
            raise BoardMissing(
                f"There is no board {wanted!r}."
                if wanted
                else "Name a board: the workspace has none, or several and no default one.",
                resource=("board", wanted),
            )
        cards = await list_cards(self._desk.services, board.board_id)
        async with self._desk.store.read() as session:
            found = await stale_cards(session, workspace_id, board, cards, settings)
        limit, begin = page_size(request.page_size), _offset(request.page_token)
        token = encode_token(str(begin + limit)) if begin + limit < len(found) else ""
        return pb.ListStaleCardsResponse(cards=found[begin : begin + limit], next_page_token=token)


def _check_cards(request: pb.CreateBoardRequest) -> None:
    violations = []
    for number, card in enumerate(request.cards):
        if card.column and card.column not in request.columns:
            violations.append(Violation(f"cards[{number}].column", f"the board has no column {card.column!r}"))
        violations += [
            Violation(f"cards[{number}].members", f"the board has no member {name!r}")
            for name in card.members
            if name not in request.members
        ]
    if violations:
        raise InvalidArgument(
            "The cards do not fit the board: " + "; ".join(f"{v.field}: {v.description}" for v in violations),
            reason="BOARD_INVALID",
            violations=violations,
        )


def _key(key: str, name: str) -> str:
    """Return a key of the board service; the caller's may be as long as the contract allows."""
    return f"{key}:{name}" if len(key) <= 180 else derived_id("key", key, name)


def _offset(token: str) -> int:
    text = decode_token(token) if token else "0"
    if not text.isdigit():
        raise InvalidArgument(
            "The page token is not one of ours; begin again without one.",
            reason="PAGE_TOKEN_INVALID",
            violations=[Violation("page_token", "must be the `next_page_token` of an earlier answer, or empty")],
        )
    return int(text)
