"""From columns of probabilities to a diarization; the model is a script, the voices are told apart by their loudness."""

import numpy as np
import pytest

from asr_service.audio import SAMPLE_RATE
from asr_service.clustering import SpeakerLimits
from asr_service.diarization import Diarization
from asr_service.embedding import DIMENSION
from asr_service.end_to_end import diarize_end_to_end, spans_of

FRAME = 0.08


class Recording:
    """Audio in memory, as loud as its number of the second."""

    def __init__(self, seconds: int) -> None:
        self.audio = np.repeat(np.arange(seconds, dtype=np.float32), SAMPLE_RATE)
        self.samples = len(self.audio)
        self.duration = float(seconds)

    def read(self, start: int, end: int) -> np.ndarray:
        return self.audio[start:end]


class Script:
    """A model that says what it was given, half at once and half in the end."""

    frame_seconds = FRAME

    def __init__(self, probabilities: np.ndarray) -> None:
        self.probabilities = probabilities.astype(np.float32)
        self.speakers = probabilities.shape[1]
        self.said = 0

    def stream_file(self) -> "Script":
        return self

    def push(self, samples: np.ndarray) -> np.ndarray:
        self.said = len(self.probabilities) // 2
        return self.probabilities[: self.said]

    def finish(self) -> np.ndarray:
        return self.probabilities[self.said :]


class Loudness:
    """An encoder whose embedding is the mean sample, on the axis of that number."""

    def features(self, audio: np.ndarray) -> np.ndarray:
        return np.repeat(audio[::160, None], 80, axis=1)

    def embed(self, pieces: list[np.ndarray]) -> np.ndarray:
        vectors = np.zeros((len(pieces), DIMENSION), dtype=np.float32)
        for row, piece in enumerate(pieces):
            vectors[row, int(piece.mean())] = 1.0
        return vectors


def speech(seconds: int, *spans: tuple[int, float, float], columns: int = 4) -> np.ndarray:
    """Probabilities of a recording in which (column, start, end) speak."""
    frames = np.full((round(seconds / FRAME), columns), 0.01)
    for column, start, end in spans:
        frames[round(start / FRAME) : round(end / FRAME), column] = 0.9
    return frames


def diarized(probabilities: np.ndarray, seconds: int, limits: SpeakerLimits | None = None) -> Diarization:
    steps = list(diarize_end_to_end(Script(probabilities), Loudness(), Recording(seconds), limits or SpeakerLimits()))
    assert all(isinstance(step, float) for step in steps[:-1])
    assert isinstance(steps[-1], Diarization)
    return steps[-1]


def test_columns_become_speakers_in_order_of_appearance() -> None:
    found = diarized(speech(10, (3, 1, 4), (0, 3.2, 8)), 10)
    spans = [(span.start, span.end, span.speaker) for span in found.spans]
    assert spans == [(pytest.approx(0.96), pytest.approx(4.0), 0), (pytest.approx(3.2), pytest.approx(8.0), 1)]
    assert found.speakers == 2
    assert found.share(1.2, 2.8) == pytest.approx([0.97, 0.01], abs=0.02)
    assert found.share(3.4, 3.8) == pytest.approx([0.5, 0.5], abs=0.01), "both talk"
    assert found.share(9.0, 9.9).tolist() == [0, 0], "nobody talks"


def test_a_voice_is_heard_where_it_is_alone() -> None:
    found = diarized(speech(10, (0, 2, 3), (1, 4, 6), (0, 5, 6)), 10)
    assert found.voices.argmax(axis=1).tolist() == [2, 4]
    assert np.linalg.norm(found.voices, axis=1) == pytest.approx([1, 1])


def test_no_more_speakers_than_allowed() -> None:
    found = diarized(speech(10, (0, 0.5, 1), (1, 2, 5), (2, 6, 9)), 10, SpeakerLimits(largest=2))
    assert [span.speaker for span in found.spans] == [0, 1]
    assert found.spans[0].start == pytest.approx(2.0)


def test_a_silent_recording_has_nobody() -> None:
    found = diarized(speech(3), 3)
    assert (found.spans, found.speakers, found.shares.shape[1]) == ((), 0, 0)
    assert found.share(0, 1).tolist() == []


def test_short_gaps_belong_to_the_speaker_and_blips_to_nobody() -> None:
    frames = speech(4, (0, 0.8, 1.2), (0, 1.36, 2.0), (1, 3.0, 3.08))
    assert [(span.start, span.end) for span in spans_of(frames, FRAME)] == [(pytest.approx(0.8), pytest.approx(2.0))]
