"""The launcher with real processes: start, crash, restart, stop, and what a dead launcher leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli import state
from cli.errors import LaunchFailed
from cli.launcher import Mesh
from cli.process import birth_of
from cli.supervisor import stop_running

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder whose mesh is stopped in the end, whatever happened."""
    yield tmp_path
    stop_running(tmp_path, 10)


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PLANERKA_HOME": str(home), "PLANERKA_LANGUAGE": "en"}
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments], env=environment, capture_output=True, text=True, timeout=90
    )


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def service(home: Path, name: str) -> state.ServiceState:
    found = state.read(home)
    assert found is not None
    return next(one for one in found.services if one.name == name)


def test_a_killed_service_starts_again_with_its_state(home: Path) -> None:
    with Mesh(home, ["board", "notify"], ports="free") as mesh:
        assert mesh.ready("board")
        assert mesh.ready("notify")
        assert mesh.address("board") != mesh.address("notify")
        before = mesh.process("board").pid
        mesh.kill("board")
        assert not mesh.ready("board")
        assert mesh.ready("notify")
        mesh.start("board")
        assert mesh.ready("board")
        assert mesh.process("board").pid != before
        pids = [mesh.process(name).pid for name in ("board", "notify")]
    assert [birth_of(pid) for pid in pids] == ["", ""]
    assert (home / "logs" / "board.log").read_text(encoding="utf-8").count("listening") == 2


def test_two_meshes_do_not_collide(tmp_path: Path) -> None:
    with (
        Mesh(tmp_path / "one", ["notify"], ports="free") as one,
        Mesh(tmp_path / "two", ["notify"], ports="free") as two,
    ):
        assert one.ready("notify")
        assert two.ready("notify")
        assert one.address("notify") != two.address("notify")


def test_a_service_that_cannot_start_is_told_with_its_log(home: Path) -> None:
    broken = {**os.environ, "PLANERKA_BOARD__NO_SUCH_SETTING": "1"}
    with (
        pytest.raises(LaunchFailed, match=r"(?s)board.*no_such_setting"),
        Mesh(home, ["board", "notify"], ports="free", environment=broken),
    ):
        pass


def test_up_status_crash_and_down(home: Path) -> None:
    assert command(home, "status").returncode == 1
    up = command(home, "up", "--free-ports", "--only", "board", "--only", "notify")
    assert up.returncode == 0, up.stderr
    assert "board is ready" in up.stderr
    again = command(home, "up", "--free-ports", "--only", "notify")
    assert again.returncode == 1
    assert "planerka down" in again.stderr

    told = command(home, "status", "--json")
    assert told.returncode == 0
    shown = {one["name"]: one for one in json.loads(told.stdout)["services"]}
    assert {name: one["ready"] for name, one in shown.items()} == {"board": True, "notify": True}

    os.kill(shown["board"]["pid"], signal.SIGKILL)
    until(lambda: service(home, "board").restarts == 1)
    until(lambda: command(home, "status").returncode == 0)
    assert service(home, "board").pid != shown["board"]["pid"]
    assert service(home, "notify").pid == shown["notify"]["pid"]

    pids = [service(home, name).pid for name in ("board", "notify")]
    down = command(home, "down")
    assert down.returncode == 0
    assert "The mesh is stopped." in down.stdout
    assert [birth_of(pid) for pid in pids] == ["", ""]
    assert "No mesh runs" in command(home, "down").stdout


def test_what_a_dead_launcher_left_is_cleaned_up(home: Path) -> None:
    assert command(home, "up", "--free-ports", "--only", "notify").returncode == 0
    orphan = service(home, "notify").pid
    os.kill(state.read(home).pid, signal.SIGKILL)
    until(lambda: not state.read(home).alive)
    assert birth_of(orphan)
    assert "died without stopping" in command(home, "status").stdout

    up = command(home, "up", "--free-ports", "--only", "notify")
    assert up.returncode == 0, up.stderr
    assert birth_of(orphan) == ""
    assert command(home, "down").returncode == 0


def test_up_that_fails_says_why_and_leaves_nothing(home: Path) -> None:
    (home / "planerka.toml").write_text("[notify]\nno_such_setting = 1\n")
    up = command(home, "up", "--free-ports", "--only", "board", "--only", "notify")
    assert up.returncode != 0
    assert "no_such_setting" in up.stderr
    assert state.read(home) is None or not any(one.alive for one in state.read(home).services)


def test_a_private_mesh_ends_with_its_command(tmp_path: Path) -> None:
    code = (
        "import signal, time\n"
        "from cli.main import _on_sigterm\n"
        "from cli.private import private_mesh\n"
        "signal.signal(signal.SIGTERM, _on_sigterm)\n"
        "with private_mesh(['notify']) as mesh:\n"
        "    print(mesh.process('notify').pid, mesh.home, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as command_:
        pid, home = command_.stdout.readline().split()
        assert birth_of(int(pid))
        assert Path(home).is_dir()
        command_.terminate()
        assert command_.wait(30) == 143
    assert birth_of(int(pid)) == ""
    assert not Path(home).exists()
