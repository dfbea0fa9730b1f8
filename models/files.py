"""Files on disk: written whole or not at all, checked against size and sha256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from models.errors import Attempt, FileCorrupt, FileTruncated

CHUNK = 1 << 20

Tick = Callable[[int], None]
"""Told how many more bytes are done."""


class Pinned(Protocol):
    """Anything with a name, a size and a sha256."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102


def ignore(_: int) -> None:
    """A tick for those who do not watch."""


def sha256_of(path: Path, tick: Tick = ignore) -> str:
    """Digest of a file, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            tick(len(chunk))
    return digest.hexdigest()


def is_whole(path: Path, file: Pinned) -> bool:
    """Whether `path` already is that file, byte for byte."""
    return path.is_file() and path.stat().st_size == file.size and sha256_of(path) == file.sha256


def check(path: Path, file: Pinned, attempt: Attempt, tick: Tick = ignore) -> None:
    """Compare a fetched file with its pin; a wrong one is removed, so that the next run fetches it again.

    Raises:
        FileTruncated: another length.
        FileCorrupt: another sha256.
    """
    size = path.stat().st_size
    digest = sha256_of(path, tick) if size == file.size else ""
    _judge(path, file, size, digest, attempt)


def receive(streams: list[IO[bytes]], target: Path, file: Pinned, attempt: Attempt, tick: Tick = ignore) -> None:
    """Write the streams one after another to `target`, which appears only when size and sha256 match.

    Raises:
        FileTruncated: another length.
        FileCorrupt: another sha256.
        OSError: the disk is full, or cannot be written.
    """
    partial = target.with_name(target.name + ".part")
    digest, size = hashlib.sha256(), 0
    with partial.open("wb") as out:
        for stream in streams:
            while chunk := stream.read(CHUNK):
                out.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                tick(len(chunk))
        out.flush()
        os.fsync(out.fileno())
    _judge(partial, file, size, digest.hexdigest(), attempt)
    partial.replace(target)


def size_below(folder: Path) -> int:
    """Bytes of all files below a folder; files that vanish meanwhile do not count."""
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(base, name)).st_size  # noqa: PTH118  (runs several times a second)
            except FileNotFoundError:
                continue
    return total


def sync(folder: Path) -> None:
    """Force the files of a folder to the disk, before a rename makes them visible."""
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())


def _judge(path: Path, file: Pinned, size: int, digest: str, attempt: Attempt) -> None:
    if size != file.size:
        path.unlink()
        raise FileTruncated(attempt, file.name, file.size, size)
    if digest != file.sha256:
        path.unlink()
        raise FileCorrupt(attempt, file.name, f"sha256 {file.sha256}", f"sha256 {digest}")
