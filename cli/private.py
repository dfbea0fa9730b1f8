"""A mesh of one's own: a temporary home, free ports, this machine's engines, nobody's messengers and boards."""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.launcher import Mesh, Watcher
from cli.settings import CliSettings
from mesh.paths import models_root, settings_file

__all__ = ["private_environment", "private_mesh"]

_ENGINES = ("asr", "llm", "match")
"""Sections that say how well and how fast this machine works; a demo or a measurement uses them as they are."""
_OWN = ("listen", "state", "work_folder", "voices_key", "voices_previous_key")
"""Settings of these sections that belong to this machine's own mesh."""
_OWN_VARIABLES = tuple(f"__{name.upper()}" for name in _OWN)


@contextmanager
def private_mesh(
    services: Sequence[str] | None = None,
    *,
    watcher: Watcher | None = None,
    keep: Path | None = None,
    first: Sequence[str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Mesh]:
    """Run services for the length of the block, apart from everything else on this machine.

    Args:
        services: Short names; all six where it is None.
        watcher: Told of each service that has become ready.
        keep: Folder for the state, which stays; a temporary one where it is None.
        first: Services without which the block cannot begin; all where it is None.
        variables: Environment variables that win over this machine's settings.
    """
    with tempfile.TemporaryDirectory(prefix="planerka-", ignore_cleanup_errors=True) as temporary:
        home = keep if keep is not None else Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        environment = {**private_environment(home, os.environ, settings_file()), **(variables or {})}
        seconds = CliSettings.load().start_seconds
        mesh = Mesh(home, services, ports="free", environment=environment, ready_seconds=seconds)
        try:
            mesh.open(watcher, first)
            yield mesh
        finally:
            mesh.close()


def private_environment(home: Path, environment: Mapping[str, str], settings: Path) -> dict[str, str]:
    """Return the variables for processes that must not touch anything of this machine's own mesh.

    Args:
        home: Folder of their state.
        environment: The variables of this process.
        settings: The settings file of this machine; only the sections of the engines are taken from it.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("PLANERKA_") or name.startswith(_kept_prefixes())
    }
    kept = {name: value for name, value in kept.items() if not name.endswith(_OWN_VARIABLES)}
    for section in _ENGINES:
        for name, value in _section(settings, section).items():
            if name not in _OWN:
                kept.setdefault(f"PLANERKA_{section.upper()}__{name.upper()}", _as_variable(value))
    return {
        **kept,
        "PLANERKA_HOME": str(home),
        "PLANERKA_CONFIG": str(home / "planerka.toml"),
        "PLANERKA_MODELS": str(models_root()),
    }


def _kept_prefixes() -> tuple[str, ...]:
    engines = tuple(f"PLANERKA_{section.upper()}__" for section in _ENGINES)
    return (*engines, "PLANERKA_MODELS", "PLANERKA_LANGUAGE", "PLANERKA_CLI__", "PLANERKA_MESH__LOG_")


def _section(file: Path, name: str) -> dict[str, Any]:
    if not file.is_file():
        return {}
    with file.open("rb") as stream:
        found = tomllib.load(stream).get(name, {})
    return dict(found) if isinstance(found, dict) else {}


def _as_variable(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
