from __future__ import annotations

import hashlib
import io
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import FileCorrupt, FileTruncated
from models.errors import Attempt
from models.files import check, is_whole, receive, size_below
from models.manifest import File

ATTEMPT = Attempt("tiny", "folder /there")
DATA = b"weights" * 1000


def file(data: bytes = DATA) -> File:
    return File(name="model.bin", size=len(data), sha256=hashlib.sha256(data).hexdigest())


def test_received_whole(tmp_path: Path) -> None:
    seen: list[int] = []
    receive([io.BytesIO(DATA[:10]), io.BytesIO(DATA[10:])], tmp_path / "model.bin", file(), ATTEMPT, seen.append)
    assert (tmp_path / "model.bin").read_bytes() == DATA
    assert sum(seen) == len(DATA)
    assert is_whole(tmp_path / "model.bin", file())


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"!"])
def test_another_length_leaves_nothing(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(FileTruncated, match=f"{len(data)} of {len(DATA)} bytes") as caught:
        receive([io.BytesIO(data)], tmp_path / "model.bin", file(), ATTEMPT)
    assert caught.value.attempt == ATTEMPT
    assert list(tmp_path.iterdir()) == []


def test_another_content_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileCorrupt, match=r"tiny from folder /there: model\.bin is not the file we know"):
        receive([io.BytesIO(b"W" + DATA[1:])], tmp_path / "model.bin", file(), ATTEMPT)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(DATA)
    with pytest.raises(FileCorrupt):
        receive([io.BytesIO(DATA[::-1])], tmp_path / "model.bin", file(), ATTEMPT)
    assert (tmp_path / "model.bin").read_bytes() == DATA


def test_check_removes_a_wrong_file(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(DATA)
    check(path, file(), ATTEMPT)
    path.write_bytes(DATA[::-1])
    with pytest.raises(FileCorrupt):
        check(path, file(), ATTEMPT)
    assert not path.exists()


def test_is_whole_reads_the_content(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    assert not is_whole(path, file())
    path.write_bytes(b"W" + DATA[1:])
    assert not is_whole(path, file())


def test_size_below(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "one").write_bytes(b"123")
    (tmp_path / "two").write_bytes(b"4567")
    assert size_below(tmp_path) == 7
    assert size_below(tmp_path / "none") == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 128 kB, where this machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_shows_nothing_under_the_final_name(small_disk: Path) -> None:
    data = b"x" * 1_000_000
    with pytest.raises(OSError, match="No space left"):
        receive([io.BytesIO(data)], small_disk / "model.bin", file(data), ATTEMPT)
    assert not (small_disk / "model.bin").exists()
