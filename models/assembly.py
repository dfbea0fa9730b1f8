"""From fetched files to a finished folder: join, convert, measure, write the record."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from models import convert
from models.convert.parts import join
from models.errors import Attempt, ConversionFailed
from models.files import sha256_of, sync
from models.manifest import Join, Model
from models.progress import Phase
from models.record import Record, StoredFile
from models.sources import Fetched

Announce = Callable[[Phase, int, int, str], None]
"""Told the phase, bytes done, bytes in all (0 where unknown) and the file or converter at work."""


def assemble(model: Model, fetched: Fetched, raw: Path, attempt: Attempt, announce: Announce) -> Path:
    """Make the model beside `raw`, and return its folder, complete with `store.json` and forced to the disk.

    Files that stay as they were fetched are moved there last: until then a broken run can go on with `raw`.

    Raises:
        FileTruncated, FileCorrupt: joined parts are not what they should be.
        ConversionFailed: the converter failed, or its result did not pass its check.
        OSError: the disk is full.
    """
    for left in (*raw.parent.glob("final-*"), *raw.parent.glob("scratch-*")):
        shutil.rmtree(left)
    # Named after the process, so that a converter whose parent was killed cannot write into the next run's folder.
    final = raw.parent / f"final-{os.getpid()}"
    final.mkdir()
    for recipe in fetched.recipe.joins:
        counter = _Counter(partial(_tell_join, announce, recipe))
        join(raw, final / recipe.name, recipe, attempt, counter.add)
    conversion = fetched.recipe.conversion
    if conversion:
        scratch = raw.parent / f"scratch-{os.getpid()}"
        tick = partial(announce, Phase.CONVERT, 0, 0, conversion.name)
        convert.run(conversion.name, raw, final, scratch, attempt, tick)
        shutil.rmtree(scratch)
        missing = [name for name in conversion.outputs if not (final / name).is_file()]
        if missing:
            raise ConversionFailed(attempt, f"{', '.join(missing)} was not made")
    for name in fetched.names:
        if name not in fetched.recipe.consumed:
            (raw / name).replace(final / name)
    _record(model, final, fetched, attempt, announce).write(final)
    sync(final)
    return final


def _tell_join(announce: Announce, recipe: Join, done: int) -> None:
    announce(Phase.JOIN, done, recipe.size, recipe.name)


class _Counter:
    """Adds up ticks."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._done = 0
        self._tell = tell

    def add(self, count: int) -> None:
        """Count `count` more bytes."""
        self._done += count
        self._tell(self._done)


def _record(model: Model, final: Path, fetched: Fetched, attempt: Attempt, announce: Announce) -> Record:
    paths = [final / name for name in sorted(fetched.recipe.finals(fetched.names))]
    total = sum(path.stat().st_size for path in paths)
    counter = _Counter(lambda done: announce(Phase.VERIFY, done, total, ""))
    files = tuple(StoredFile(path.name, path.stat().st_size, sha256_of(path, counter.add)) for path in paths)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Record(model.id, model.version, attempt.source, now, files)
