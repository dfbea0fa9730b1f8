"""One process on this machine: its start, its end, and whether a process id still means the same process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.errors import LaunchFailed

__all__ = ["LoggedProcess", "birth_of", "end", "log_tail"]

_LOG_LIMIT = 10 << 20
_POLL = 0.05


class LoggedProcess:
    """A child process in a session of its own, with both outputs in one log file."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self.started_at = time.time()
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.is_file() and log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".old.log"))
        with log.open("ab") as output:
            try:
                self._child = subprocess.Popen(  # noqa: S603  (the command is ours)
                    [*command],
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # A Ctrl-C in the terminal is for the launcher, which stops everything in order.
                    start_new_session=True,
                )
            except OSError as error:
                raise LaunchFailed(f"Cannot run {command[0]}: {error}.") from error

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its group."""
        return self._child.pid

    def status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._child.poll()

    def kill(self) -> None:
        """End it at once with SIGKILL, with everything that it started, and wait for that."""
        _signal_group(self.pid, signal.SIGKILL)
        self._child.wait()

    def terminate(self) -> None:
        """Ask it to stop; returns at once."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False where it still runs after that time."""
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def birth_of(pid: int) -> str:
    """Return what tells this process from a later one with the same id; empty where there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "" if Path("/proc/self/stat").exists() else _birth_by_ps(pid)
    return "" if fields[0] == "Z" else fields[19]


def end(pid: int, birth: str, seconds: float) -> bool:
    """End a process that is not a child of ours: SIGTERM, then SIGKILL after that many seconds.

    Returns:
        Whether it had to be killed. A process that is gone, or another one with the same id, is left alone.
    """
    if not birth or birth_of(pid) != birth:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if birth_of(pid) != birth:
            return False
        time.sleep(_POLL)
    _signal_group(pid, signal.SIGKILL)
    return True


def log_tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a log; empty where there is none."""
    try:
        with log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 16_384))
            return "\n".join(stream.read().decode("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        # macOS answers so for a group whose leader is a zombie.
        return


def _birth_by_ps(pid: int) -> str:
    answer = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()
