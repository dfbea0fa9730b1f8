"""Voice activity: where somebody speaks, by Silero VAD (https://github.com/snakers4/silero-vad) in onnxruntime."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, AudioSource, Samples
from asr_service.onnx import open_session

__all__ = [
    "FRAME",
    "Endpointer",
    "GrowingProbabilities",
    "Region",
    "VadSettings",
    "VoiceActivity",
    "VoiceDetector",
    "VoiceStream",
    "detect_regions",
    "voiced_seconds",
]

FRAME = 512
"""Samples of one decision (32 ms), fixed by the model."""

_CONTEXT = 64
# Five minutes a step: long enough that the cost of a call vanishes, short enough to stop within a second.
_STEP = 300 * SAMPLE_RATE // FRAME * FRAME


@dataclass(frozen=True)
class VadSettings:
    """When speech begins and ends; times in seconds."""

    onset: float = 0.5
    """Probability at which speech begins (the model's own recommendation)."""
    offset: float = 0.35
    """Probability below which speech may end (the model's own recommendation: 0.15 less)."""
    min_silence: float = 0.4
    """Silence that ends a region; shorter ones are pauses between words."""
    min_speech: float = 0.1
    """Shorter regions are clicks and coughs."""
    padding: float = 0.4
    """Added on both sides: the model reacts late to soft beginnings and early to soft endings."""


@dataclass(frozen=True)
class Region:
    """A stretch of the recording in samples, `end` exclusive."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.end - self.start) / SAMPLE_RATE


class VoiceDetector:
    """The loaded model; it has no state of its own, each recording gets a `VoiceStream`."""

    def __init__(self, folder: Path, threads: int = 1, device: str = "cpu") -> None:
        """Loads `silero_vad_16k_sequence.onnx`, which takes many frames in one call, from the model's folder."""
        self._session = open_session(folder / "silero_vad_16k_sequence.onnx", threads, device)

    def stream(self) -> "VoiceStream":
        """A fresh state for one recording."""
        return VoiceStream(self._session)


class VoiceStream:
    """Speech probabilities of one recording that arrives piece by piece."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._hidden = np.zeros((1, 1, 128), dtype=np.float32)
        self._cell = np.zeros((1, 1, 128), dtype=np.float32)
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._rest = np.zeros(0, dtype=np.float32)

    def push(self, samples: Samples) -> NDArray[np.float32]:
        """Probabilities (0..1) of the frames of 32 ms that are complete now; what is left over waits."""
        samples = np.concatenate([self._rest, samples])
        count = len(samples) // FRAME
        self._rest = samples[count * FRAME :]
        if count == 0:
            return np.zeros(0, dtype=np.float32)
        whole = np.concatenate([self._context, samples[: count * FRAME]])
        self._context = whole[-_CONTEXT:]
        frames = np.lib.stride_tricks.sliding_window_view(whole, FRAME + _CONTEXT)[::FRAME]
        probabilities, self._hidden, self._cell = self._session.run(
            None, {"input": np.ascontiguousarray(frames), "h": self._hidden, "c": self._cell}
        )
        return np.asarray(probabilities, dtype=np.float32).reshape(-1)


class Endpointer:
    """Turns probabilities into regions with hysteresis; the same for files and live streams."""

    def __init__(self, settings: VadSettings) -> None:
        self._settings = settings
        self._frames = 0
        self._start: int | None = None
        self._last_voice = 0
        self._silence_frames = round(settings.min_silence * SAMPLE_RATE / FRAME)
        self._speech_frames = round(settings.min_speech * SAMPLE_RATE / FRAME)
        self._padding = int(settings.padding * SAMPLE_RATE)

    @property
    def frames(self) -> int:
        """Number of frames taken so far."""
        return self._frames

    @property
    def running_since(self) -> int | None:
        """First sample of the region that is still open, or None in silence."""
        return None if self._start is None else max(self._start * FRAME - self._padding, 0)

    @property
    def silence(self) -> int:
        """Samples since somebody spoke last; 0 while the region is not open."""
        return 0 if self._start is None else max(self._frames - 1 - self._last_voice, 0) * FRAME

    def push(self, probabilities: Sequence[float] | NDArray[np.float32]) -> list[Region]:
        """The regions that these frames end, padded; padding may overlap the region before."""
        regions = []
        for probability in probabilities:
            if self._start is None:
                if probability >= self._settings.onset:
                    self._start = self._last_voice = self._frames
            elif probability >= self._settings.offset:
                self._last_voice = self._frames
            elif self._frames - self._last_voice >= self._silence_frames:
                regions += self._end()
            self._frames += 1
        return regions

    def cut(self, sample: int) -> Region | None:
        """Ends the open region at `sample` and goes on with a new one from there; None in silence."""
        if self._start is None or self.running_since is None:
            return None
        start, self._start = self.running_since, sample // FRAME
        # The new region has no padding before its first frame: the audio there belongs to the one that ended.
        self._start += self._padding // FRAME
        return Region(start, self._start * FRAME - self._padding)

    def finish(self) -> list[Region]:
        """Ends the open region, at the end of the audio or on demand."""
        return [] if self._start is None else self._end()

    def _end(self) -> list[Region]:
        assert self._start is not None
        start, end = self._start, self._last_voice + 1
        self._start = None
        if end - start < self._speech_frames:
            return []
        return [Region(max(start * FRAME - self._padding, 0), end * FRAME + self._padding)]


class GrowingProbabilities:
    """Probabilities of speech, one for each frame, that are added to all the time."""

    def __init__(self) -> None:
        self._all = np.zeros(4096, dtype=np.float16)
        self._size = 0

    @property
    def values(self) -> NDArray[np.float16]:
        """What was added so far."""
        return self._all[: self._size]

    def append(self, values: NDArray[np.float16]) -> None:
        """Adds values at the end."""
        if self._size + len(values) > len(self._all):
            self._all = np.concatenate([self._all, np.zeros_like(self._all)])
        self._all[self._size : self._size + len(values)] = values
        self._size += len(values)


@dataclass(frozen=True)
class VoiceActivity:
    """What `detect_regions` found in a whole recording."""

    regions: tuple[Region, ...]
    """Padded regions in order; neighbours whose padding met share the middle."""
    probabilities: NDArray[np.float16]
    """Speech probability of each frame of 32 ms (5 hours: 1.1 MB)."""

    @property
    def seconds(self) -> float:
        """Length of all regions together."""
        return sum(region.seconds for region in self.regions)


def voiced_seconds(probabilities: NDArray[np.float16], start: float, end: float) -> float:
    """Seconds of speech between two moments, given the probability of each frame of a recording."""
    first, last = int(start * SAMPLE_RATE / FRAME), int(np.ceil(end * SAMPLE_RATE / FRAME))
    return float(np.count_nonzero(probabilities[first:last] >= VadSettings.onset)) * FRAME / SAMPLE_RATE


def detect_regions(
    detector: VoiceDetector, recording: AudioSource, settings: VadSettings
) -> Iterator[float | VoiceActivity]:
    """Yields the seconds done after each step of five minutes, and last the `VoiceActivity`."""
    stream, endpointer = detector.stream(), Endpointer(settings)
    regions: list[Region] = []
    pieces: list[NDArray[np.float16]] = []
    for start in range(0, recording.samples, _STEP):
        probabilities = stream.push(recording.read(start, start + _STEP))
        pieces.append(probabilities.astype(np.float16))
        regions += endpointer.push(probabilities)
        yield min(start + _STEP, recording.samples) / SAMPLE_RATE
    regions += endpointer.finish()
    yield VoiceActivity(
        tuple(without_overlap(regions, recording.samples)),
        np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float16),
    )


def without_overlap(regions: Sequence[Region], samples: int) -> list[Region]:
    """Cuts padded regions to the recording, and neighbours that overlap at the middle of what they share."""
    tidy: list[Region] = []
    for region in regions:
        start, end = region.start, min(region.end, samples)
        if tidy and start < tidy[-1].end:
            middle = (start + tidy[-1].end) // 2
            tidy[-1] = Region(tidy[-1].start, middle)
            start = middle
        if end > start:
            tidy.append(Region(start, end))
    return tidy
