"""What a live stream consists of, as it is put together for its configuration, and what limits it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from asr_service.journal import StreamJournal
from asr_service.live import LiveWork
from asr_service.stream_decoder import Converter
from asr_service.transcriber import SpeechModel

__all__ = ["GrowingAudio", "Recognition", "StreamLimits", "StreamParts"]


class GrowingAudio(Protocol):
    """Where the converter's 16 kHz samples go: `Recording`, or `ChannelRecording` where it keeps channels apart."""

    path: Path

    @property
    def samples(self) -> int:
        """Number of samples, of each channel."""

    @property
    def duration(self) -> float:
        """Length in seconds."""

    def append(self, samples: NDArray[np.int16]) -> None:
        """Writes what the converter gave."""

    def discard(self) -> None:
        """Removes the audio."""


class Recognition(Protocol):
    """The recogniser of one recording; see `asr_service.live.LiveRecognition`."""

    @property
    def listened_seconds(self) -> float:
        """Audio that was looked at."""

    @property
    def final_seconds(self) -> float:
        """Audio whose words are final."""

    def flush_at(self, sample: int) -> None:
        """Makes everything up to `sample` final."""

    def advance(self) -> LiveWork:
        """Works through what was recorded since."""

    def finish(self) -> LiveWork:
        """Ends the recording."""


@dataclass(frozen=True)
class StreamLimits:
    """Limits of live streams, in seconds where not said otherwise."""

    streams: int
    """Connected streams at once."""
    resume_window: float
    max_lag: float
    max_seconds: float
    load: float = 0.9
    """Share of the time that all streams together may take."""
    finished_window: float = 120.0
    """For how long a client that missed the end of a stream can come back for it."""
    drafts: int = 0
    """Streams at once that get drafts."""


@dataclass(frozen=True)
class StreamParts:
    """What a stream consists of."""

    journal: StreamJournal
    recording: GrowingAudio
    converter: Converter
    recognition: Recognition
    model: SpeechModel
