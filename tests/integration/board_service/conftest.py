from __future__ import annotations

from pathlib import Path

import pytest
from planerka.board.v1 import board_pb2 as pb
from planerka.board.v1 import board_pb2_grpc

from board_service.service import BoardHosted
from board_service.settings import BoardSettings
from mesh.channel import open_channel
from mesh.server import host
from mesh.settings import MeshSettings


@pytest.fixture
async def stub(tmp_path: Path, mesh_settings: MeshSettings):
    """A client of a real server."""
    hosted = BoardHosted(BoardSettings(state=tmp_path))
    async with (
        host(hosted, "127.0.0.1:0", mesh_settings) as running,
        open_channel(f"127.0.0.1:{running.port}", mesh_settings, hosted.names) as channel,
    ):
        yield board_pb2_grpc.BoardServiceStub(channel)


@pytest.fixture
async def board(stub):
    """A board of two columns and two members."""
    request = pb.CreateBoardRequest(
        workspace_id="w",
        name="Склад",
        columns=[pb.NewColumn(title="Бэклог"), pb.NewColumn(title="Готово")],
        member_names=["Анна", "Пётр"],
        idempotency_key="board",
    )
    return (await stub.CreateBoard(request)).board
