"""`run/mesh.json` in the home folder: which launcher runs there, with which processes; and the lock that lets only one."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cli.errors import MeshRunning
from cli.process import birth_of

__all__ = ["MeshState", "ServiceState", "forget", "held", "read", "running_address"]


@dataclass(frozen=True)
class ServiceState:
    """One process as the launcher sees it."""

    name: str
    address: str
    pid: int
    birth: str
    """What tells the process from a later one with the same id."""
    started_at: float
    """Seconds since 1970."""
    restarts: int = 0
    """Times that it was started again after it ended by itself."""
    ready: bool = False
    """Whether it was ready once."""

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return bool(self.birth) and birth_of(self.pid) == self.birth


@dataclass(frozen=True)
class MeshState:
    """A mesh that runs, or ran last."""

    pid: int
    birth: str
    """Of the launcher."""
    services: tuple[ServiceState, ...]
    ready: bool = False
    """Whether everything was ready once."""

    @property
    def alive(self) -> bool:
        """Whether its launcher runs."""
        return bool(self.birth) and birth_of(self.pid) == self.birth

    def write(self, home: Path) -> None:
        """Replace the file whole."""
        path = _file(home)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)


def read(home: Path) -> MeshState | None:
    """Return what the last launcher wrote; None where nothing readable is there."""
    try:
        data = json.loads(_file(home).read_text(encoding="utf-8"))
        services = tuple(ServiceState(**service) for service in data.pop("services"))
        return MeshState(services=services, **data)
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        return None


def forget(home: Path) -> None:
    """Remove the file."""
    _file(home).unlink(missing_ok=True)


def running_address(home: Path, name: str) -> str:
    """Return where a service of the running mesh is called; empty where none runs."""
    state = read(home)
    if state is None or not state.alive:
        return ""
    return next((service.address for service in state.services if service.name == name), "")


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the home folder; the system lets go of it when the launcher dies.

    Raises:
        MeshRunning: Another launcher holds it.
    """
    path = home / "run" / "mesh.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MeshRunning(
                f"A mesh runs already with the home folder {home}. See `planerka status`, stop it with `planerka down`."
            ) from error
        yield
    finally:
        os.close(descriptor)


def _file(home: Path) -> Path:
    return home / "run" / "mesh.json"
