from __future__ import annotations

from pathlib import Path

import pytest
from planerka.notify.v1 import notify_pb2_grpc

from mesh.channel import open_channel
from mesh.server import host
from mesh.settings import MeshSettings
from notify_service.service import NotifyHosted
from notify_service.settings import NotifySettings


@pytest.fixture
def notify_settings(tmp_path: Path) -> NotifySettings:
    return NotifySettings(state=tmp_path, backoff_seconds=0.01)


@pytest.fixture
async def stub(notify_settings: NotifySettings, mesh_settings: MeshSettings):
    """A client of a real server."""
    hosted = NotifyHosted(notify_settings)
    async with (
        host(hosted, "127.0.0.1:0", mesh_settings) as running,
        open_channel(f"127.0.0.1:{running.port}", mesh_settings, hosted.names) as channel,
    ):
        yield notify_pb2_grpc.NotifyServiceStub(channel)
