"""Local speaker activity: who of up to three nameless voices speaks in each window of ten seconds.

The model is pyannote's segmentation 3.0 (https://huggingface.co/pyannote/segmentation-3.0, Plaquet & Bredin 2023): a
"powerset" of seven classes (nobody, three voices, three pairs) for each frame of 16.875 ms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, AudioSource, Samples
from asr_service.onnx import open_session
from asr_service.vad import FRAME as VAD_FRAME

__all__ = [
    "CERTAIN",
    "FRAME",
    "FRAME_SECONDS",
    "LOCAL_SPEAKERS",
    "WINDOW",
    "WINDOW_FRAMES",
    "LocalActivity",
    "SpeakerSegmenter",
    "frames_of",
    "read_window",
    "segment_windows",
    "window_starts",
]

WINDOW = 10 * SAMPLE_RATE
"""Samples of one window; the model was trained on this length."""
LOCAL_SPEAKERS = 3
FRAME = 270
"""Samples between two frames; the same grid serves the whole recording."""
FRAME_SECONDS = FRAME / SAMPLE_RATE
WINDOW_FRAMES = 589
"""Frames that the model gives for a window; the last half frame of audio has none."""
CERTAIN = 255
"""What a probability of 1 is in an activity, which is kept in bytes: an hour of windows every second is 6.4 MB."""

# Rows: classes of the powerset; columns: the voices that speak in it.
_POWERSET = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=np.float32)
_BATCH = 8
_HINT = 0.1
"""Voice probability that makes a window worth a look: far below Silero's own threshold, for this model hears distant
speakers better; silence and hum stay below it."""


@dataclass(frozen=True)
class LocalActivity:
    """Activity in every window that may hold speech."""

    starts: NDArray[np.int64]
    """First frame of each window on the grid of the recording [windows]."""
    speech: NDArray[np.uint8]
    """Probability that each local voice speaks, in 255ths [windows, frames of a window, 3]."""
    frames: int
    """Frames of the whole recording."""


class SpeakerSegmenter:
    """The loaded model."""

    def __init__(self, folder: Path, threads: int = 1, device: str = "cpu") -> None:
        """Loads `model.onnx` from the model's folder."""
        self._session = open_session(folder / "model.onnx", threads, device)

    def run(self, windows: Samples) -> NDArray[np.uint8]:
        """Probability of each local voice, in 255ths [windows, 589, 3], for audio [windows, 160,000].

        The last digits depend on the number of windows in a call: what has to be the same however audio arrives takes
        one window a call, which costs a third more than eight.
        """
        (log_probabilities,) = self._session.run(None, {"waveforms": windows[:, None, :]})
        probabilities = np.exp(log_probabilities) @ _POWERSET
        return np.asarray(np.rint(np.minimum(probabilities, 1.0) * CERTAIN), dtype=np.uint8)


def window_starts(voice: NDArray[np.float16], samples: int, step: int) -> list[int]:
    """First samples of the windows, every `step` frames, that hold a hint of speech; `voice` as in `VoiceActivity`."""
    stride = step * FRAME
    count = -(-max(samples - WINDOW, 0) // stride) + 1
    hints = np.concatenate([[0], np.cumsum(voice >= _HINT)])
    starts = np.arange(count) * stride
    firsts = np.minimum(starts // VAD_FRAME, len(voice))
    lasts = np.minimum((starts + WINDOW) // VAD_FRAME + 1, len(voice))
    return [int(start) for start in starts[hints[lasts] > hints[firsts]]]


def segment_windows(
    segmenter: SpeakerSegmenter, recording: AudioSource, voice: NDArray[np.float16], step_seconds: float
) -> Iterator[float | LocalActivity]:
    """Yields the seconds done after each batch of windows, and last the `LocalActivity`.

    Windows start every `step_seconds`; those without a hint of speech in `voice` (probabilities of `VoiceActivity`)
    are skipped.
    """
    starts = window_starts(voice, recording.samples, frames_of(step_seconds))
    speech = np.zeros((len(starts), WINDOW_FRAMES, LOCAL_SPEAKERS), dtype=np.uint8)
    for first in range(0, len(starts), _BATCH):
        batch = starts[first : first + _BATCH]
        speech[first : first + _BATCH] = segmenter.run(
            np.stack([read_window(recording, start, start + WINDOW) for start in batch])
        )
        yield batch[-1] / SAMPLE_RATE
    yield LocalActivity(np.array(starts, dtype=np.int64) // FRAME, speech, recording.samples // FRAME + 1)


def frames_of(step_seconds: float) -> int:
    """Whole frames between two windows."""
    return max(1, round(step_seconds / FRAME_SECONDS))


def read_window(recording: AudioSource, start: int, end: int) -> Samples:
    """Samples from `start` on, zeros from `end` on, as long as a window."""
    window = np.zeros(WINDOW, dtype=np.float32)
    audio = recording.read(start, min(end, start + WINDOW))
    window[: len(audio)] = audio
    return window
