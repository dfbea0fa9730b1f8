"""Local speaker activity: who of up to three nameless voices speaks in each window of ten seconds.

The model is pyannote's segmentation 3.0 (https://huggingface.co/pyannote/segmentation-3.0, Plaquet & Bredin 2023): a
"powerset" of seven classes (nobody, three voices, three pairs) for each frame of 16.875 ms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, AudioSource
from asr_service.onnx import open_session
from asr_service.vad import FRAME as VAD_FRAME

__all__ = ["FRAME_SECONDS", "LOCAL_SPEAKERS", "WINDOW", "LocalActivity", "SpeakerSegmenter", "segment_windows"]

WINDOW = 10 * SAMPLE_RATE
"""Samples of one window; the model was trained on this length."""
LOCAL_SPEAKERS = 3
_FRAME = 270
FRAME_SECONDS = _FRAME / SAMPLE_RATE
"""Distance of two frames; the same grid serves the whole recording."""

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
    speech: NDArray[np.float16]
    """Probability that each local voice speaks [windows, frames of a window, 3]."""
    frames: int
    """Frames of the whole recording."""


class SpeakerSegmenter:
    """The loaded model."""

    def __init__(self, folder: Path, threads: int = 1, device: str = "cpu") -> None:
        """Loads `model.onnx` from the model's folder."""
        self._session = open_session(folder / "model.onnx", threads, device)

    def run(self, windows: NDArray[np.float32]) -> NDArray[np.float16]:
        """Probability of each local voice [windows, frames, 3] for audio [windows, samples]."""
        (log_probabilities,) = self._session.run(None, {"waveforms": windows[:, None, :]})
        return np.asarray(np.exp(log_probabilities) @ _POWERSET, dtype=np.float16)


def window_starts(voice: NDArray[np.float16], samples: int, step: int) -> list[int]:
    """First samples of the windows, every `step` frames, that hold a hint of speech; `voice` as in `VoiceActivity`."""
    stride = step * _FRAME
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
    step = max(1, round(step_seconds / FRAME_SECONDS))
    starts = window_starts(voice, recording.samples, step)
    outputs: list[NDArray[np.float16]] = []
    for first in range(0, len(starts), _BATCH):
        batch = np.zeros((len(starts[first : first + _BATCH]), WINDOW), dtype=np.float32)
        for row, start in enumerate(starts[first : first + _BATCH]):
            audio = recording.read(start, start + WINDOW)
            batch[row, : len(audio)] = audio
        outputs.append(segmenter.run(batch))
        yield starts[min(first + _BATCH, len(starts)) - 1] / SAMPLE_RATE
    yield LocalActivity(
        starts=np.array(starts, dtype=np.int64) // _FRAME,
        speech=np.concatenate(outputs) if outputs else np.zeros((0, WINDOW // _FRAME, LOCAL_SPEAKERS), np.float16),
        frames=recording.samples // _FRAME + 1,
    )
