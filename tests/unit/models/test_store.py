from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from models import (
    DiskFull,
    FileCorrupt,
    FileTruncated,
    ModelDamaged,
    ModelMissing,
    ModelOutdated,
    PullFailed,
    SourceSkipped,
    State,
    Store,
    UnknownModel,
)
from models.sources import folder as folder_source
from tests.unit.models.conftest import FOLDER, PARTS, WHOLE, Steps, manifest, model, wheels

SOURCE = wheels(*PARTS.items(), join="model.bin")


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder that a user filled with the downloaded parts of `tiny`."""
    folder = tmp_path / "given"
    (folder / "tiny").mkdir(parents=True)
    for files in PARTS.values():
        for name, data in files.items():
            (folder / "tiny" / name).write_bytes(data)
    return folder


@pytest.fixture
def store(tmp_path: Path, root: Path, given: Path) -> Store:
    """A store whose only working source is that folder."""
    return Store(root, source=given, manifest=manifest(tmp_path, model("tiny", FOLDER, SOURCE)))


def test_before_a_pull_everything_is_missing_and_nothing_is_made(store: Store, root: Path) -> None:
    assert [(status.id, status.state) for status in store.list()] == [("tiny", State.MISSING)]
    with pytest.raises(ModelMissing, match="planerka models pull tiny") as caught:
        store.path("tiny")
    assert caught.value.text("ru").startswith("Модели tiny нет")
    assert caught.value.reason == "MODEL_MISSING"
    assert not root.exists()


def test_unknown_model(store: Store) -> None:
    for call in (store.path, lambda name: store.pull([name]), lambda name: store.verify([name])):
        with pytest.raises(UnknownModel, match="Known models: tiny"):
            call("huge")


def test_pull_from_downloaded_parts(store: Store, root: Path, given: Path, steps: Steps) -> None:
    (status,) = store.pull(["tiny"], steps)
    assert store.path("tiny") == root / "tiny" == status.path
    assert (root / "tiny" / "model.bin").read_bytes() == WHOLE
    assert {path.name for path in (root / "tiny").iterdir()} == {"model.bin", "store.json"}
    assert {path.name for path in root.iterdir()} == {"tiny", ".lock"}
    assert status.state is State.PRESENT
    assert status.source == f"folder {given / 'tiny'}"
    assert status.size == len(WHOLE)
    assert steps.phases("tiny") == ["download", "join", "verify", "ready"]
    assert all(step.done <= step.total for step in steps)
    assert {(step.position, step.count) for step in steps} == {(1, 1)}


def test_a_second_pull_does_nothing(store: Store, root: Path, given: Path, steps: Steps) -> None:
    store.pull()
    before = (root / "tiny" / "store.json").stat()
    (given / "tiny" / "part1").unlink()
    store.pull(None, steps)
    assert steps.phases("tiny") == ["ready"]
    assert (root / "tiny" / "store.json").stat().st_mtime_ns == before.st_mtime_ns


def test_pull_with_force_replaces(store: Store, root: Path) -> None:
    store.pull()
    (root / "tiny" / "model.bin").write_bytes(WHOLE[::-1])
    assert store.pull()[0].state is State.PRESENT, "the cheap check cannot see this"
    assert store.verify()[0].state is State.DAMAGED
    store.pull(force=True)
    assert store.verify()[0].state is State.PRESENT
    assert {path.name for path in root.iterdir()} == {"tiny", ".lock"}


def test_an_optional_model_comes_only_when_it_is_named(tmp_path: Path, root: Path, given: Path) -> None:
    for name in ("tiny", "extra"):
        (given / name).mkdir(exist_ok=True)
        (given / name / "data.bin").write_bytes(b"data")
    source = wheels(("pkg", {"data.bin": b"data"}))
    entries = (
        model("tiny", FOLDER, source),
        model("extra", FOLDER, source).replace("size =", "optional = true\nsize =", 1),
    )
    store = Store(root, source=given, manifest=manifest(tmp_path, *entries))
    assert [status.id for status in store.pull()] == ["tiny"]
    assert [(status.id, status.state, status.wanting) for status in store.list()] == [
        ("tiny", State.PRESENT, False),
        ("extra", State.MISSING, False),
    ]
    assert [status.id for status in store.verify()] == ["tiny"]
    store.pull(["extra"])
    assert [status.state for status in store.verify()] == [State.PRESENT, State.PRESENT]
    (root / "extra" / "data.bin").write_bytes(b"dat")
    assert store.status("extra").wanting, "damaged is never all right"


def test_verify_names_the_damage(store: Store, root: Path, steps: Steps) -> None:
    store.pull()
    (root / "tiny" / "model.bin").write_bytes(WHOLE[::-1])
    (status,) = store.verify(["tiny"], steps)
    assert [problem.text() for problem in status.problems] == ["model.bin has another sha256"]
    assert steps[-1].done == steps[-1].total == len(WHOLE)


@pytest.mark.parametrize(("data", "complaint"), [(b"short", "5 bytes instead of 23"), (None, "model.bin is gone")])
def test_a_damaged_model_is_seen_at_once_and_pulled_again(
    store: Store, root: Path, data: bytes | None, complaint: str
) -> None:
    store.pull()
    path = root / "tiny" / "model.bin"
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ModelDamaged, match=complaint):
        store.path("tiny")
    assert store.pull()[0].state is State.PRESENT


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "tiny"}', '{"id": "other", "version": 1, "files": []}'])
def test_an_unreadable_record_is_no_model(store: Store, root: Path, text: str) -> None:
    store.pull()
    (root / "tiny" / "store.json").write_text(text)
    with pytest.raises(ModelMissing):
        store.path("tiny")


def test_a_new_version_wants_a_new_pull(store: Store, tmp_path: Path, root: Path, given: Path) -> None:
    store.pull()
    newer = Store(root, source=given, manifest=manifest(tmp_path, model("tiny", FOLDER, SOURCE, version=2)))
    assert newer.list()[0].state is State.OUTDATED
    with pytest.raises(ModelOutdated, match="older version"):
        newer.path("tiny")
    newer.pull()
    assert newer.path("tiny") == root / "tiny"


def test_a_finished_model_travels_with_its_record(store: Store, tmp_path: Path, root: Path) -> None:
    store.pull()
    second = Store(tmp_path / "second", source=root, manifest=store.manifest)
    second.pull()
    assert second.verify()[0].state is State.PRESENT


def test_the_manifest_overrules_a_record(store: Store, tmp_path: Path, root: Path) -> None:
    store.pull()
    other = WHOLE[::-1]
    (root / "tiny" / "model.bin").write_bytes(other)
    record = json.loads((root / "tiny" / "store.json").read_text())
    record["files"][0]["sha256"] = hashlib.sha256(other).hexdigest()
    (root / "tiny" / "store.json").write_text(json.dumps(record))
    second = Store(tmp_path / "second", source=root, manifest=manifest(tmp_path, model("tiny", FOLDER)))
    assert second.pull()[0].state is State.PRESENT, "nothing is known of this model's files"
    third = Store(tmp_path / "third", source=root, manifest=store.manifest)
    with pytest.raises(PullFailed) as caught:
        third.pull()
    assert isinstance(caught.value.attempts[0], FileCorrupt)


def test_finished_files_without_a_record_are_taken_when_pinned(store: Store, given: Path) -> None:
    for path in (given / "tiny").iterdir():
        path.unlink()
    (given / "tiny" / "model.bin").write_bytes(WHOLE)
    assert store.pull()[0].state is State.PRESENT


@pytest.mark.parametrize(
    ("damage", "kind"),
    [(lambda data: data[:-1], FileTruncated), (lambda data: data[::-1], FileCorrupt)],
)
def test_a_wrong_file_is_refused_and_the_next_source_asked(
    store: Store, root: Path, given: Path, monkeypatch: pytest.MonkeyPatch, damage: object, kind: type
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    part = given / "tiny" / "part2"
    part.write_bytes(damage(part.read_bytes()))  # type: ignore[operator]
    with pytest.raises(PullFailed) as caught:
        store.pull()
    assert [type(error).__name__ for error in caught.value.attempts] == [kind.__name__, "FileNotOffered"]
    assert str(caught.value).splitlines()[1].startswith(f"  - tiny from folder {given / 'tiny'}: part2 is ")
    assert "PLANERKA_MODELS_SOURCE" in caught.value.text("ru")
    assert not (root / "tiny").exists()
    with pytest.raises(ModelMissing):
        store.path("tiny")


@pytest.mark.parametrize(("source", "why"), [(None, "unset"), ("empty", "no_folder"), ("wrong", "not_model")])
def test_a_folder_that_does_not_help_is_skipped(tmp_path: Path, root: Path, source: str | None, why: str) -> None:
    (tmp_path / "wrong" / "tiny").mkdir(parents=True)
    store = Store(
        root, source=tmp_path / source if source else None, manifest=manifest(tmp_path, model("tiny", FOLDER))
    )
    with pytest.raises(PullFailed) as caught:
        store.pull()
    (error,) = caught.value.attempts
    assert isinstance(error, SourceSkipped)
    assert error.why == why


def test_nothing_is_seen_under_the_name_until_it_is_complete(store: Store, root: Path) -> None:
    seen: list[tuple[str, bool]] = []
    store.pull(progress=lambda step: seen.append((step.phase.value, (root / "tiny").exists())))
    assert dict(seen) == {"download": False, "join": False, "verify": False, "ready": True}


def test_a_broken_pull_is_continued(store: Store, root: Path, given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(step: object) -> None:
        if getattr(step, "phase", None) == "join":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.pull(progress=stop)
    assert not (root / "tiny").exists()
    assert (root / ".partial" / "tiny" / "folder" / "raw" / "part2").exists()
    copied: list[Path] = []
    real = folder_source.receive
    monkeypatch.setattr(folder_source, "receive", lambda *args: (copied.append(args[1]), real(*args)))
    store.pull()
    assert copied == []
    assert (root / "tiny" / "model.bin").read_bytes() == WHOLE
    assert not (root / ".partial").exists()


def test_a_broken_part_of_a_broken_pull_is_fetched_again(store: Store, root: Path) -> None:
    raw = root / ".partial" / "tiny" / "folder" / "raw"
    raw.mkdir(parents=True)
    (raw / "part1").write_bytes(b"first ha")
    (raw / "part2.part").write_bytes(b"sec")
    store.pull()
    assert (root / "tiny" / "model.bin").read_bytes() == WHOLE


def test_too_little_room_is_found_before_the_start(store: Store, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setattr("models.store.shutil.disk_usage", lambda _: _Usage(1000))
    with pytest.raises(DiskFull, match=r"50\.0 MB needed, 1\.0 kB free") as caught:
        store.pull()
    assert caught.value.model_ids == ("tiny",)
    assert caught.value.free == 1000
    assert not (root / ".partial").exists()


def test_a_disk_that_fills_up_on_the_way(store: Store, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("models.convert.parts.receive", full)
    with pytest.raises(DiskFull, match="filled up while tiny") as caught:
        store.pull()
    assert caught.value.reason == "DISK_FULL"
    assert not (root / "tiny").exists()
    monkeypatch.undo()
    store.pull()
    assert store.verify()[0].state is State.PRESENT


def test_other_errors_of_the_disk_are_not_hidden(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("models.convert.parts.receive", broken)
    with pytest.raises(OSError, match="Input/output"):
        store.pull()


def test_a_second_process_waits_for_the_first(store: Store, root: Path, steps: Steps) -> None:
    root.mkdir()
    lock = FileLock(root / ".lock")
    lock.acquire()
    worker = threading.Thread(target=lambda: store.pull(["tiny"], steps))
    worker.start()
    try:
        worker.join(0.7)
        assert worker.is_alive()
        assert steps.phases("tiny") == ["wait"]
    finally:
        lock.release()
        worker.join(5)
    assert store.path("tiny")


def test_four_processes_at_once_make_one_model(store: Store, root: Path, given: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from models import Store, load\n"
        "root, given, manifest = map(Path, sys.argv[1:])\n"
        "print(Store(root, source=given, manifest=load(manifest)).pull()[0].state)"
    )
    command = [sys.executable, "-c", code, str(root), str(given), str(tmp_path / "manifest.toml")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == ["present"] * 4
    assert store.verify()[0].state is State.PRESENT
    assert {path.name for path in root.iterdir()} == {"tiny", ".lock"}


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free
