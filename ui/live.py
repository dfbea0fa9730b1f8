"""Captions of running meetings: one thread a meeting watches it for everybody who has the page open."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import grpc
from planerka.common.v1 import transcript_pb2
from planerka.orchestrator.v1 import orchestrator_pb2

from mesh.captions import Captions
from mesh.errors import RemoteError
from mesh.logs import get_logger
from ui.client import Orchestrator

__all__ = ["Shown", "Watches"]

_FORGOTTEN_SECONDS = 20.0
"""Seconds after the last look at which a meeting is watched no more."""
_WATCH_SECONDS = 300.0
"""Deadline of one call; a meeting that somebody still looks at is called anew."""
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Shown:
    """What a live meeting shows at one moment."""

    turns: list[transcript_pb2.Turn]
    """All turns in order; the words of some may still change."""
    received: float
    """Seconds of audio that the speech service has received; 0 while it has told nothing."""
    lag: float
    """Seconds by which the words are behind the audio."""


class _Watch:
    """One meeting."""

    def __init__(self, orchestrator: Orchestrator, meeting_id: str) -> None:
        self._orchestrator = orchestrator
        self._meeting_id = meeting_id
        self._captions = Captions()
        self._lock = threading.Lock()
        self._known = threading.Event()
        self._looked = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"watch-{meeting_id}", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def look(self, seconds: float) -> Shown | None:
        """Return what there is; None where nothing has come in so many seconds."""
        self._looked = time.monotonic()
        if not self._known.wait(seconds):
            return None
        with self._lock:
            return Shown(self._captions.turns, self._captions.received, self._captions.lag)

    def _run(self) -> None:
        while not self._is_forgotten():
            try:
                for update in self._orchestrator.watch(self._meeting_id, _WATCH_SECONDS):
                    self._take(update)
                    if self._is_forgotten():
                        return
            except RemoteError as error:
                if error.code is not grpc.StatusCode.DEADLINE_EXCEEDED:
                    # The page tells it: its own calls fail in the same way.
                    get_logger(__name__).info("watching interrupted", meeting=self._meeting_id, reason=error.reason)
            time.sleep(_PAUSE_SECONDS)

    def _is_forgotten(self) -> bool:
        return time.monotonic() - self._looked > _FORGOTTEN_SECONDS

    def _take(self, update: orchestrator_pb2.WatchMeetingResponse) -> None:
        kind = update.WhichOneof("update")
        with self._lock:
            if kind == "turn":
                self._captions.take(update.turn)
            elif kind == "speaker_revision":
                self._captions.revise(update.speaker_revision)
            elif kind == "progress":
                self._captions.progress(update.progress)
            elif kind == "meeting":
                # The meeting itself comes behind everything that there was before.
                self._known.set()


class Watches:
    """The live meetings that somebody looks at.

    Args:
        orchestrator: Where they are.
    """

    def __init__(self, orchestrator: Orchestrator) -> None:
        self._orchestrator = orchestrator
        self._lock = threading.Lock()
        self._watches: dict[str, _Watch] = {}

    def look(self, meeting_id: str, seconds: float = 0.5) -> Shown | None:
        """Return what a live meeting shows; None where it has told nothing in so many seconds."""
        with self._lock:
            self._watches = {key: watch for key, watch in self._watches.items() if watch.is_running}
            watch = self._watches.get(meeting_id)
            if watch is None:
                watch = self._watches[meeting_id] = _Watch(self._orchestrator, meeting_id)
        return watch.look(seconds)
