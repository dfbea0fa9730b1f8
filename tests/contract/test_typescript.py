"""Stubs for another language: a client in TypeScript lists the meetings of a running mesh."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "typescript"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client, built from the contracts with packages from npm."""
    folder = tmp_path_factory.mktemp("typescript")
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    repository = Path(__file__).parent.parent.parent
    buf = str(Path(sys.executable).parent / "buf")
    for command in (
        ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
        [buf, "generate", str(repository), "--template", "buf.gen.yaml", "--path", str(repository / "proto/planerka")],
        ["npx", "--no-install", "tsc"],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return folder


@pytest.mark.acceptance
def test_a_typescript_client_lists_meetings(project: Path, mesh_with_a_meeting: tuple[str, str]) -> None:
    address, meeting_id = mesh_with_a_meeting
    done = subprocess.run(
        ["node", "dist/list_meetings.js", address], cwd=project, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert [meeting["meetingId"] for meeting in json.loads(done.stdout)] == [meeting_id]
