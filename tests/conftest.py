"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.paths import models_root
from mesh.settings import MeshSettings

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
