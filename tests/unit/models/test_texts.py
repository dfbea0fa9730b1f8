from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from models import DiskFull, Phase, State, StoreError, errors
from models.errors import Attempt, PullFailed, SourceFailed
from models.record import Problem
from models.texts import _TEXTS, sized, text

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
ATTEMPT = Attempt("tiny", "hub org/tiny")
FILL = {
    "attempt": ATTEMPT,
    "model_id": "tiny",
    "root": Path("/m"),
    "path": Path("/m/manifest.toml"),
    "known": ["a", "b"],
    "problems": ["gone"],
    "model_ids": ["tiny"],
    "needed": 5,
    "free": 3,
    "expected": 7,
    "got": 2,
    "why": "unset",
    "attempts": [],
}


def leaves(kind: type[StoreError]) -> list[type[StoreError]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))]


@pytest.mark.parametrize("kind", [kind for kind in leaves(StoreError) if kind not in (StoreError, SourceFailed)])
def test_each_error_speaks_both_languages_and_has_a_reason(kind: type[StoreError]) -> None:
    parameters = inspect.signature(kind).parameters
    error = kind(**{name: FILL.get(name, "x") for name in parameters if name != "place"})  # type: ignore[arg-type]
    assert str(error) == error.text("en") == error.message
    assert not CYRILLIC.search(error.text("en"))
    assert CYRILLIC.search(error.text("ru"))
    assert "{" not in error.text("en") + error.text("ru")
    assert error.reason == kind.key.upper() != "STORE_ERROR"
    assert isinstance(error.code.name, str)


def test_the_tree_at_the_top_names_every_class() -> None:
    for kind in leaves(StoreError):
        assert re.search(rf"\b{kind.__name__}\b", errors.__doc__ or "")


def test_a_failed_pull_lists_what_each_source_said() -> None:
    error = PullFailed("tiny", [errors.FileNotOffered(ATTEMPT, "a"), errors.SourceUnreachable(ATTEMPT, "no route")])
    assert [line[:4] for line in str(error).splitlines()[1:]] == ["  - "] * 2
    assert "нет ответа (no route)" in error.text("ru")


def test_a_full_disk_has_two_messages() -> None:
    assert "5 B needed, 3 B free" in str(DiskFull(["tiny"], Path("/m"), 5, 3))
    assert "continues where it stopped" in str(DiskFull(["tiny"], Path("/m"), 0, 3))


def test_every_text_has_both_languages_and_the_same_fields() -> None:
    for key, versions in _TEXTS.items():
        assert set(versions) == {"en", "ru"}, key
        fields = [set(re.findall(r"{(\w+)", version)) for version in versions.values()]
        assert fields[0] == fields[1], key


def test_phases_states_and_problems_have_texts() -> None:
    for member in (*Phase, *State):
        assert member.text("ru") != member.text()
    for kind in ("gone", "size", "sha256"):
        assert Problem(kind, "f", 2, 1).text("ru") != Problem(kind, "f", 2, 1).text()


def test_any_other_language_is_english() -> None:
    assert text("phase.ready", "de") == "ready"
    assert text("phase.ready", "ru_RU") == "готово"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (145_217_607, "145 MB"),
        (1_117_320_768, "1.1 GB"),
        (10**15, "1000 TB"),
    ],
)
def test_sizes_for_people(count: int, shown: str) -> None:
    assert sized(count) == shown
