"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.launcher import Mesh
from mesh.paths import models_root
from mesh.settings import MeshSettings
from tests.door import Door

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def samples() -> Path:
    """The samples that ship with the product."""
    return ROOT / "samples"


@pytest.fixture(scope="session")
def models() -> Path:
    """The model folder; `make test` has pulled the models into it."""
    return models_root()


@pytest.fixture
def mesh_settings() -> MeshSettings:
    """Mesh settings that stop at once and watch closely."""
    return MeshSettings(log_level="WARNING", drain_seconds=2, drain_delay_seconds=0, check_seconds=0.2)


@pytest.fixture(scope="module")
def mesh_with_a_meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A running mesh without models and the only meeting in it: the orchestrator's address and the meeting's identifier."""
    with Mesh(tmp_path_factory.mktemp("home"), ["board", "notify", "orchestrator"], ports="free") as mesh:
        door = Door(mesh.address("orchestrator"))
        meeting = door.import_bytes("Анна: Доброе утро.\nПётр: Привет.\n".encode(), "hello.txt")
        yield mesh.address("orchestrator"), meeting.meeting_id
        door.close()
