"""The launcher that stays: starts the mesh, starts again what crashes, stops everything; and the calls to it from outside."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from cli import state
from cli.errors import LaunchFailed, MeshRunning
from cli.launcher import Mesh
from cli.process import LoggedProcess, birth_of, end, log_tail
from mesh.logs import get_logger

__all__ = ["Supervisor", "start_detached", "stop_running"]

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_STEADY_SECONDS = 60.0
"""A process that ran that long has recovered: its next crash is a first one again."""
_POLL = 0.2


@dataclass
class _Record:
    """What the supervisor remembers of one service."""

    restarts: int = 0
    delay: float = _FIRST_DELAY
    again_at: float | None = None
    ready: bool = False
    births: dict[int, str] = field(default_factory=dict)


class Supervisor:
    """Keeps a mesh running in the foreground."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._records = {kind.name: _Record() for kind in mesh.kinds}
        self._stop = threading.Event()
        self._ready = False
        self._log = get_logger(__name__)

    def run(self, on_ready: Callable[[], None] | None = None) -> None:
        """Start everything, and keep it running until SIGTERM or SIGINT.

        Raises:
            MeshRunning: Another launcher holds the home folder.
            LaunchFailed: Not everything became ready; what had started is stopped.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        with state.held(self._mesh.home):
            stop_orphans(self._mesh.home)
            try:
                self._start()
                if not self._stop.is_set():
                    self._ready = True
                    self._write()
                    if on_ready is not None:
                        on_ready()
                while not self._stop.wait(_POLL):
                    self._revive()
            finally:
                self._mesh.close()
                state.forget(self._mesh.home)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stop.set()

    def _start(self) -> None:
        for kind in self._mesh.kinds:
            self._mesh.launch(kind.name)
        self._write()
        waiting = [kind.name for kind in self._mesh.kinds]
        while waiting and not self._stop.is_set():
            # In short pieces, so that a signal is obeyed while models load.
            for name in list(waiting):
                if self._mesh.wait_briefly(name):
                    self._log.info("ready", name=name, address=self._mesh.address(name))
                    waiting.remove(name)
                    self._records[name].ready = True
                    self._write()

    def _revive(self) -> None:
        for kind in self._mesh.kinds:
            process, record = self._mesh.process(kind.name), self._records[kind.name]
            now = time.monotonic()
            if process is None or process.status() is None:
                continue
            if record.again_at is None:
                if time.time() - process.started_at > _STEADY_SECONDS:
                    record.delay = _FIRST_DELAY
                record.again_at = now + record.delay
                self._log.warning(
                    "ended by itself", name=kind.name, status=process.status(), again_in_seconds=record.delay
                )
                record.delay = min(_LONGEST_DELAY, 2 * record.delay)
            elif now >= record.again_at:
                record.again_at = None
                record.restarts += 1
                self._mesh.launch(kind.name)
                self._write()

    def _write(self) -> None:
        services = []
        for kind in self._mesh.kinds:
            process = self._mesh.process(kind.name)
            if process is None:
                continue
            record = self._records[kind.name]
            birth = record.births.setdefault(process.pid, birth_of(process.pid))
            services.append(
                state.ServiceState(
                    kind.name,
                    self._mesh.address(kind.name),
                    process.pid,
                    birth,
                    process.started_at,
                    record.restarts,
                    record.ready,
                )
            )
        state.MeshState(os.getpid(), birth_of(os.getpid()), tuple(services), self._ready).write(self._mesh.home)


def start_detached(home: Path, arguments: Sequence[str], seconds: float, tell: Callable[[str], None]) -> None:
    """Start a supervisor that outlives this process, and return when its mesh is ready.

    Args:
        home: The home folder.
        arguments: Arguments of `planerka up` for it.
        seconds: Longest time to wait.
        tell: Told the name of each service that has become ready.

    Raises:
        MeshRunning: A mesh runs there already.
        LaunchFailed: The mesh did not come up; the message carries the end of the log.
    """
    old = state.read(home)
    if old is not None and old.alive:
        raise MeshRunning(
            f"A mesh runs already with the home folder {home}. See `planerka status`, stop it with `planerka down`."
        )
    log = home / "logs" / "launcher.log"
    known = log.stat().st_size if log.is_file() else 0
    command = [sys.executable, "-m", "cli", "up", "--foreground", *arguments]
    child = LoggedProcess(command, {**os.environ, "PLANERKA_HOME": str(home)}, log)
    told: set[str] = set()
    deadline = time.monotonic() + seconds + 10
    while time.monotonic() < deadline:
        status = child.status()
        if status is not None:
            text = log.read_bytes()[known:].decode("utf-8", "replace") or log_tail(log)
            raise LaunchFailed(f"The mesh did not come up:\n{text.strip()}")
        now = state.read(home)
        if now is not None and now.pid == child.pid:
            for service in now.services:
                if service.name not in told and service.ready:
                    told.add(service.name)
                    tell(service.name)
            if now.ready:
                return
        time.sleep(_POLL)
    child.terminate()
    raise LaunchFailed(f"The mesh is not ready after {seconds:.0f} s. See the logs in {home / 'logs'}.")


def stop_running(home: Path, seconds: float) -> bool:
    """Stop the mesh of a home folder, with whatever a dead launcher left behind.

    Returns:
        Whether anything ran.
    """
    now = state.read(home)
    if now is None:
        return False
    ran = now.alive or any(service.alive for service in now.services)
    end(now.pid, now.birth, seconds)
    stop_orphans(home)
    return ran


def stop_orphans(home: Path) -> None:
    """Stop services whose launcher died without stopping them, and forget them."""
    left = state.read(home)
    if left is None:
        return
    for service in left.services:
        end(service.pid, service.birth, 5.0)
    state.forget(home)
