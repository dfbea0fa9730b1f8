"""Joining the parts of a file that was too large for one wheel."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from models.errors import Attempt
from models.files import Tick, ignore, receive
from models.manifest import Join


def join(parts: Path, target: Path, recipe: Join, attempt: Attempt, tick: Tick = ignore) -> None:
    """Write the parts, in order, to `target`, which appears only when size and sha256 match.

    Raises:
        FileTruncated, FileCorrupt: the whole is not what it should be.
        OSError: the disk is full.
    """
    with ExitStack() as open_files:
        streams = [open_files.enter_context((parts / name).open("rb")) for name in recipe.parts]
        receive(list(streams), target, recipe, attempt, tick)
