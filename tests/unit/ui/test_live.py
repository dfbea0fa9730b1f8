"""Captions for the page: one watcher a meeting, as long as somebody looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import grpc
import pytest
from planerka.asr.v1 import asr_pb2
from planerka.common.v1 import transcript_pb2
from planerka.orchestrator.v1 import meeting_pb2, orchestrator_pb2

from mesh.errors import RemoteError
from mesh.times import from_seconds
from ui import live
from ui.live import Watches


class Script:
    """An orchestrator that tells what it is given; None breaks the connection."""

    def __init__(self) -> None:
        self.updates: list[orchestrator_pb2.WatchMeetingResponse | None] = []
        self.calls = 0
        self.closed = threading.Event()

    def watch(self, meeting_id: str, seconds: float) -> Iterator[orchestrator_pb2.WatchMeetingResponse]:
        self.calls += 1
        place = 0 if self.calls == 1 else len(self.updates)
        yield orchestrator_pb2.WatchMeetingResponse(meeting=meeting_pb2.Meeting(meeting_id=meeting_id))
        try:
            while True:
                for update in self.updates[place:]:
                    place += 1
                    if update is None:
                        raise RemoteError(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "gone")
                    yield update
                time.sleep(0.005)
                yield orchestrator_pb2.WatchMeetingResponse(event=None)
        finally:
            self.closed.set()


def until(condition: object) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_meeting_is_watched_once_and_its_captions_survive_a_broken_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "_PAUSE_SECONDS", 0.01)
    script = Script()
    watches = Watches(script)
    assert watches.look("mtg_1", 5).turns == []
    turn = transcript_pb2.Turn(turn_id="1", text="слышно", state=transcript_pb2.TURN_STATE_PROVISIONAL)
    progress = asr_pb2.Progress(received=from_seconds(3), transcribed=from_seconds(2))
    script.updates += [
        orchestrator_pb2.WatchMeetingResponse(turn=turn),
        orchestrator_pb2.WatchMeetingResponse(progress=progress),
        None,
    ]
    until(lambda: script.calls == 2)
    shown = watches.look("mtg_1")
    assert [one.text for one in shown.turns] == ["слышно"]
    assert (shown.received, shown.lag) == (3, 1)


def test_a_meeting_that_nobody_looks_at_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_FORGOTTEN_SECONDS", 0.1)
    script = Script()
    watches = Watches(script)
    assert watches.look("mtg_1", 5) is not None
    assert script.closed.wait(5)
    assert script.calls == 1
    watches.look("mtg_1", 5)
    until(lambda: script.calls == 2)
