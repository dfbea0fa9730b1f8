"""Where models lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from mesh.paths import models_root as default_root

__all__ = ["default_root", "default_source"]


def default_source() -> Path | None:
    """Return the folder that pulls look into first: `PLANERKA_MODELS_SOURCE`, or none."""
    chosen = os.environ.get("PLANERKA_MODELS_SOURCE")
    return Path(chosen).expanduser() if chosen else None
