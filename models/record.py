"""`store.json`: what lies in a model's folder, and where it came from."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from models.files import Tick, ignore, sha256_of
from models.texts import text

FILE_NAME = "store.json"


@dataclass(frozen=True)
class StoredFile:
    """One final file as it was when the model was made."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a stored model."""

    kind: str
    """`gone`, `size` or `sha256`."""
    name: str
    expected: int = 0
    got: int = 0

    def text(self, language: str = "en") -> str:
        """The problem in Russian (`ru`) or English."""
        return text(f"problem.{self.kind}", language, name=self.name, expected=str(self.expected), got=str(self.got))


@dataclass(frozen=True)
class Record:
    """The contents of `store.json`."""

    id: str
    version: int
    source: str
    pulled_at: str
    """UTC, ISO 8601."""
    files: tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def write(self, folder: Path) -> None:
        """Write it into the folder and force it to the disk."""
        with (folder / FILE_NAME).open("w", encoding="utf-8") as stream:
            json.dump(asdict(self), stream, indent=2)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())

    def misfits(self, folder: Path) -> list[Problem]:
        """Files that are gone or of another length: cheap, reads no content."""
        problems = []
        for file in self.files:
            try:
                size = (folder / file.name).stat().st_size
            except FileNotFoundError:
                problems.append(Problem("gone", file.name))
                continue
            if size != file.size:
                problems.append(Problem("size", file.name, file.size, size))
        return problems

    def changes(self, folder: Path, tick: Tick = ignore) -> list[Problem]:
        """All misfits, and files of the right length with another content; reads every byte."""
        problems = self.misfits(folder)
        wrong = {problem.name for problem in problems}
        for file in self.files:
            if file.name not in wrong and sha256_of(folder / file.name, tick) != file.sha256:
                problems.append(Problem("sha256", file.name))
        return problems


def read(folder: Path) -> Record | None:
    """The record of a folder; None where there is none, or it is not readable as one."""
    try:
        data = json.loads((folder / FILE_NAME).read_text("utf-8"))
        files = tuple(StoredFile(str(file["name"]), int(file["size"]), str(file["sha256"])) for file in data["files"])
        return Record(str(data["id"]), int(data["version"]), str(data["source"]), str(data["pulled_at"]), files)
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError):
        return None
