"""A real matching service on a free port."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from planerka.match.v1 import match_pb2_grpc

from match_service.service import MatchHosted
from match_service.settings import MatchSettings
from mesh.server import host
from mesh.settings import MeshSettings


@pytest.fixture
async def stub(tmp_path: Path, mesh_settings: MeshSettings) -> AsyncIterator[Any]:
    hosted = MatchHosted(MatchSettings(state=tmp_path / "match"))
    async with (
        host(hosted, "127.0.0.1:0", mesh_settings) as running,
        grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel,
    ):
        yield match_pb2_grpc.MatchServiceStub(channel)
