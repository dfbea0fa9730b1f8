"""Who holds a home folder, and which processes belong to it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli import state
from cli.errors import MeshRunning
from cli.process import LoggedProcess, birth_of, end, log_tail


def sleeper(tmp_path: Path, code: str = "import time; time.sleep(60)") -> LoggedProcess:
    return LoggedProcess([sys.executable, "-c", code], os.environ, tmp_path / "sleeper.log")


def test_only_one_launcher_holds_a_home(tmp_path: Path) -> None:
    with state.held(tmp_path), pytest.raises(MeshRunning, match="planerka down"), state.held(tmp_path):
        pass
    with state.held(tmp_path):
        pass


def test_state_survives_the_file(tmp_path: Path) -> None:
    pid = os.getpid()
    service = state.ServiceState("board", "127.0.0.1:1", pid, birth_of(pid), time.time(), 2, True)
    written = state.MeshState(pid, birth_of(pid), (service,), True)
    written.write(tmp_path)
    assert state.read(tmp_path) == written
    assert state.running_address(tmp_path, "board") == "127.0.0.1:1"
    assert state.running_address(tmp_path, "asr") == ""
    state.forget(tmp_path)
    assert state.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"services": [{"name": 1}], "pid": 1, "birth": ""}'])
def test_a_broken_state_file_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mesh.json").write_text(text)
    assert state.read(tmp_path) is None


def test_another_process_with_the_same_id_is_left_alone(tmp_path: Path) -> None:
    process = sleeper(tmp_path)
    assert birth_of(process.pid)
    assert end(process.pid, "another birth", 0.1) is False
    assert process.status() is None
    process.kill()
    assert birth_of(process.pid) == ""


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    process = sleeper(tmp_path, code)
    while "deaf" not in log_tail(process.log):
        time.sleep(0.02)
    assert end(process.pid, birth_of(process.pid), 0.3) is True
    assert process.wait(5)


def test_a_process_that_listens_is_not_killed(tmp_path: Path) -> None:
    process = sleeper(tmp_path)
    assert end(process.pid, birth_of(process.pid), 5) is False
    assert process.wait(1)


def test_birth_of_nobody() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert birth_of(gone.pid) == ""
