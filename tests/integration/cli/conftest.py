"""The command line in this process, and an orchestrator for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from tests.browser.double import Double


@dataclass(frozen=True)
class Done:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on standard output."""
        (line,) = self.out.splitlines()
        return json.loads(line)


@pytest.fixture
def double(samples: Path) -> Iterator[Double]:
    """An orchestrator with the sample meeting."""
    with Double(samples / "standup_ru") as running:
        yield running


@pytest.fixture
def planerka(
    double: Double, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Done]:
    """Runs one command against the double, with an empty home."""
    monkeypatch.setenv("PLANERKA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PLANERKA_LANGUAGE", "en")

    def run(*arguments: str, address: str = double.address) -> Done:
        capfd.readouterr()
        status = main(["--address", address, *arguments])
        out, err = capfd.readouterr()
        return Done(status, out, err)

    return run
