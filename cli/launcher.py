"""The mesh on this machine as real processes: addresses, start, readiness, stop."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from cli.errors import LaunchFailed
from cli.health import HealthProbe
from cli.process import LoggedProcess, log_tail
from cli.services import ALL, BY_NAME, ServiceKind
from mesh.settings import MeshSettings

__all__ = ["Mesh", "Watcher", "free_addresses", "set_addresses"]

Watcher = Callable[[str, float], None]
"""Told the name of a service that has become ready, and the seconds that it took."""

_LOOPBACK = "127.0.0.1"


class Mesh:
    """Some or all services, each a real process with a log file of its own under `home/logs`.

    Usable in a `with` block, which starts them, waits until all are ready, and stops them at its end.

    Args:
        home: Folder of all state, `PLANERKA_HOME` of every process.
        services: Short names; all six where it is None. `ui` may be among them.
        ports: `free` takes ports that nobody uses, so that nothing collides with a running mesh; `settings` takes the
            `listen` setting of each service.
        environment: Variables of the processes; those of this process where it is None.
        ready_seconds: Seconds that a service gets to become ready.

    Raises:
        LaunchFailed: A service ended or is not ready in time; the message carries the end of its log.
    """

    def __init__(
        self,
        home: Path,
        services: Sequence[str] | None = None,
        *,
        ports: Literal["free", "settings"] = "settings",
        environment: Mapping[str, str] | None = None,
        ready_seconds: float = 300.0,
    ) -> None:
        self.home = home.resolve()
        self.kinds: tuple[ServiceKind, ...] = ALL if services is None else tuple(BY_NAME[name] for name in services)
        base = dict(os.environ if environment is None else environment)
        self._ready_seconds = ready_seconds
        file = Path(base["PLANERKA_CONFIG"]) if base.get("PLANERKA_CONFIG") else self.home / "planerka.toml"
        self._addresses = free_addresses(self.kinds) if ports == "free" else set_addresses(self.kinds, file, base)
        self._environment = {**base, **_wiring(self.home, self._addresses)}
        self._mesh = MeshSettings.load(file, self._environment)
        self._processes: dict[str, LoggedProcess] = {}
        self._probes: dict[str, HealthProbe] = {}

    def __enter__(self) -> Self:
        """Start everything and wait until it is ready."""
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.close()

    @property
    def settings(self) -> MeshSettings:
        """What the services share, with the addresses of this mesh."""
        return self._mesh

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the processes were given; a command with them talks to this mesh."""
        return dict(self._environment)

    def address(self, name: str) -> str:
        """Return where a service is called, such as `127.0.0.1:7070`."""
        return _callable(self._addresses[name])

    def process(self, name: str) -> LoggedProcess | None:
        """Return the running or ended process of a service; None where it was never started."""
        return self._processes.get(name)

    def log(self, name: str) -> Path:
        """Return the log file of a service."""
        return self.home / "logs" / f"{name}.log"

    def open(self, watcher: Watcher | None = None, first: Sequence[str] | None = None) -> None:
        """Start everything at once, and return when the `first` services are ready; all where it is None."""
        for kind in self.kinds:
            self.launch(kind.name)
        self.wait(first, watcher)

    def launch(self, name: str) -> None:
        """Start one process without waiting for it; one that runs already is left alone."""
        old = self._processes.get(name)
        if old is not None and old.status() is None:
            return
        kind = BY_NAME[name]
        command = [sys.executable, "-m", kind.module]
        self._processes[name] = LoggedProcess(command, self._environment, self.log(name))

    def start(self, name: str) -> None:
        """Start one service, and return when it is ready."""
        self.launch(name)
        self.wait([name])

    def wait(self, names: Sequence[str] | None = None, watcher: Watcher | None = None) -> None:
        """Return when these services are ready; all where it is None."""
        waiting = list(names or [kind.name for kind in self.kinds])
        begun = time.monotonic()
        while waiting:
            for name in list(waiting):
                self._must_run(name)
                if self.ready(name):
                    waiting.remove(name)
                    if watcher is not None:
                        watcher(name, time.monotonic() - begun)
            if waiting and time.monotonic() - begun > self._ready_seconds:
                raise LaunchFailed(
                    f"Not ready after {self._ready_seconds:.0f} s: {', '.join(waiting)}.\n{self._tails(waiting)}"
                )
            if waiting:
                time.sleep(0.1)

    def wait_briefly(self, name: str) -> bool:
        """Wait a moment for one service, and tell whether it is ready.

        Raises:
            LaunchFailed: It ended, or its time is up.
        """
        self._must_run(name)
        if self.ready(name):
            return True
        process = self._processes[name]
        if time.time() - process.started_at > self._ready_seconds:
            raise LaunchFailed(f"Not ready after {self._ready_seconds:.0f} s: {name}.\n{self._tails([name])}")
        time.sleep(0.1)
        return False

    def ready(self, name: str) -> bool:
        """Ask one service how it is."""
        if name not in self._probes:
            self._probes[name] = HealthProbe(BY_NAME[name], self.address(name), self._mesh)
        return self._probes[name].ready()

    def kill(self, name: str) -> None:
        """End one service with SIGKILL, as a crash would."""
        self._processes[name].kill()

    def stop(self, name: str) -> None:
        """End one service in order."""
        self._stop([name])

    def close(self) -> None:
        """End everything in order: those who call first, those who are called last."""
        self._stop([name for name in ("ui", "orchestrator") if name in self._processes])
        self._stop([name for name in self._processes if name not in ("ui", "orchestrator")])
        for probe in self._probes.values():
            probe.close()
        self._probes.clear()

    def _stop(self, names: Sequence[str]) -> None:
        for name in names:
            self._processes[name].terminate()
        deadline = time.monotonic() + self._mesh.drain_delay_seconds + self._mesh.drain_seconds + 5
        for name in names:
            if not self._processes[name].wait(max(0.1, deadline - time.monotonic())):
                self._processes[name].kill()

    def _must_run(self, name: str) -> None:
        process = self._processes.get(name)
        status = None if process is None else process.status()
        if process is None or status is not None:
            how = "was not started" if process is None else f"ended with status {status}"
            raise LaunchFailed(f"The service {name} {how}.\n{self._tails([name])}")

    def _tails(self, names: Sequence[str]) -> str:
        return "\n".join(f"--- end of {self.log(name)}\n{log_tail(self.log(name))}" for name in names)


def free_addresses(kinds: Sequence[ServiceKind]) -> dict[str, str]:
    """Return an address on loopback for each kind, with ports that nobody listens on."""
    sockets = [socket.socket() for _ in kinds]
    try:
        for one in sockets:
            one.bind((_LOOPBACK, 0))
        return {kind.name: f"{_LOOPBACK}:{one.getsockname()[1]}" for kind, one in zip(kinds, sockets, strict=True)}
    finally:
        for one in sockets:
            one.close()


def set_addresses(kinds: Sequence[ServiceKind], file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the `listen` setting of each kind."""
    loaded = {kind.name: kind.section().load(file, environment) for kind in kinds}
    return {name: str(vars(section)["listen"]) for name, section in loaded.items()}


def _wiring(home: Path, addresses: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which the processes find their state and each other."""
    wiring = {"PLANERKA_HOME": str(home)}
    for name, address in addresses.items():
        wiring[f"PLANERKA_{name.upper()}__LISTEN"] = address
        if BY_NAME[name].grpc_name:
            wiring[f"PLANERKA_MESH__{name.upper()}_ADDRESS"] = _callable(address)
    if "orchestrator" in addresses:
        wiring["PLANERKA_UI__ORCHESTRATOR"] = _callable(addresses["orchestrator"])
    return wiring


def _callable(address: str) -> str:
    """Return where somebody on this machine calls a service that listens there."""
    host, _, port = address.rpartition(":")
    return f"{_LOOPBACK}:{port}" if host in ("0.0.0.0", "[::]") else address  # noqa: S104  (compared, not bound)
