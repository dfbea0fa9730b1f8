"""The journal refuses a SQLite that would silently break its clock."""

from __future__ import annotations

import sqlite3
import sys

import pytest

from mesh.errors import Internal
from orchestrator.engine import _refuse_old_sqlite


def refuses(database: str) -> bool:
    """Whether the journal is refused."""
    try:
        _refuse_old_sqlite(database)
    except Internal:
        return True
    return False


def test_old_sqlite_under_new_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", type("V", (tuple,), {"major": 3, "minor": 12})((3, 12, 0)))
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    with pytest.raises(Internal, match=r"3\.42"):
        _refuse_old_sqlite("sqlite:////tmp/journal.db")
    assert not refuses("postgresql://localhost/journal")


@pytest.mark.parametrize(("python", "sqlite"), [((3, 11, 0), (3, 40, 1)), ((3, 12, 0), (3, 42, 0))])
def test_what_works_is_not_refused(
    monkeypatch: pytest.MonkeyPatch, python: tuple[int, ...], sqlite: tuple[int, ...]
) -> None:
    monkeypatch.setattr(sys, "version_info", python)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", sqlite)
    assert not refuses("sqlite:////tmp/journal.db")
