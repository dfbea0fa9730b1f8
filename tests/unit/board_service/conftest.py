from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
from planerka.board.v1 import board_pb2 as pb
from planerka.common.v1.card_pb2 import Board, Card

from board_service.adapters.local import LocalBoards
from board_service.adapters.local_cards import add_comment
from board_service.settings import BoardSettings


class Desk:
    """A local board of two columns and two members, and short ways to write on it."""

    def __init__(self, boards: LocalBoards) -> None:
        self.boards = boards
        self.board = Board()
        self._keys = map(str, itertools.count())

    def key(self) -> str:
        return next(self._keys)

    async def create(self, title: str = "Card", **fields) -> Card:
        request = pb.CreateCardRequest(board_id=self.board.board_id, title=title, idempotency_key=self.key(), **fields)
        return (await self.boards.create_card(request)).card

    async def update(self, card: Card, *fields: str, expected: str = "") -> Card:
        request = pb.UpdateCardRequest(card=card, expected_version=expected, idempotency_key=self.key())
        return (await self.boards.update_card(request, fields)).card

    async def events(self, cursor: str = "") -> list[pb.BoardEvent]:
        answer = await self.boards.list_changes(
            pb.ListChangesRequest(board_id=self.board.board_id, cursor=cursor, page_size=500)
        )
        return list(answer.events)

    async def write_comments(self, card: Card, texts: Iterable[str]) -> None:
        """Many comments in one transaction: one for each takes seconds."""

        def write(connection: sqlite3.Connection) -> None:
            for text in texts:
                add_comment(connection, card.card_id, "", text)

        await self.boards._database.run(write)

    async def cards(self, **fields) -> pb.ListCardsResponse:
        return await self.boards.list_cards(pb.ListCardsRequest(board_id=self.board.board_id, **fields))


@pytest.fixture
async def desk(tmp_path: Path):
    boards = LocalBoards(BoardSettings(state=tmp_path))
    await boards.open()
    desk = Desk(boards)
    created = await boards.create_board(
        pb.CreateBoardRequest(
            workspace_id="w",
            name="Мобильное приложение",
            columns=[pb.NewColumn(title="Бэклог"), pb.NewColumn(title="Готово")],
            member_names=["Анна", "Пётр"],
            idempotency_key="board",
        )
    )
    desk.board = created.board
    yield desk
    await boards.close()
