"""Making a model's final files out of what its source gave.

Converters run in a process of their own: they load PyTorch and half a gigabyte of weights, and all of it is gone when
they end. Each is a module with `convert(raw: Path, final: Path)` that raises `Unconvertible`.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from models.errors import Attempt, ConversionFailed

CONVERTERS: Final[dict[str, str]] = {
    "campplus": "models.convert.campplus",
    "e5": "models.convert.e5",
    "segmentation": "models.convert.segmentation",
}
"""Name in the manifest to module."""

_TICK_SECONDS = 0.25
_NO_ROOM = ("No space left on device", "os error 28")


def run(name: str, raw: Path, final: Path, scratch: Path, attempt: Attempt, tick: Callable[[], None]) -> None:
    """Convert the files of `raw` into files of `final`, both existing folders; `tick` is called while it lasts.

    Raises:
        ConversionFailed: the files do not fit, the result failed its check, or the process was killed.
        OSError: the disk is full.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    log = scratch / "convert.log"
    package_parent = str(Path(__file__).parents[2])
    search = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH", "")]))
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            [sys.executable, "-m", "models.convert", name, str(raw), str(final)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": search, "TMPDIR": str(scratch)},
        )
        try:
            while True:
                tick()
                try:
                    process.wait(_TICK_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode == 0:
        return
    said = log.read_text("utf-8", "replace")
    if any(sign in said for sign in _NO_ROOM):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if process.returncode < 0:
        raise ConversionFailed(attempt, f"the converter was killed by signal {-process.returncode}; is memory short?")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    raise ConversionFailed(attempt, lines[-1][:500] if lines else f"exit status {process.returncode}")
