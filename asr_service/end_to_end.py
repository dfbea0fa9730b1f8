"""Diarization by a model that gives each voice a column of probabilities, in order of arrival (Sortformer).

Nothing is clustered here. What the model lacks is an embedding of each voice, by which people are recognised across
meetings; it is taken from the stretches in which one column speaks alone.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, AudioSource, Samples
from asr_service.clustering import SpeakerLimits
from asr_service.diarization import Diarization, Span
from asr_service.embedding import DIMENSION, VoiceEncoder
from asr_service.segmentation import FRAME_SECONDS

__all__ = ["EndToEndModel", "ProbabilityStream", "diarize_end_to_end", "spans_of"]

_SPEAKING = 0.5
_SHORTEST_SPAN = 0.1
_LONGEST_GAP = 0.2
"""Seconds within a word or between two, over which a speaker goes on."""
_PUSH = 30 * SAMPLE_RATE
_PIECE = 3.0
"""Seconds of one embedding."""
_PIECES = 20
"""Embeddings of a voice: a minute says as much as an hour."""
_CROWD_SECONDS = 5.0
"""Speech of somebody whom the limits leave out, from which this is worth telling."""
_HEARD = 0.1
"""Sum of probabilities below which nobody is worth a share."""


class ProbabilityStream(Protocol):
    """One recording that arrives piece by piece."""

    def push(self, samples: Samples) -> NDArray[np.float32]:
        """Probabilities [frames, speakers] that are decided now."""

    def finish(self) -> NDArray[np.float32]:
        """The rest."""


class EndToEndModel(Protocol):
    """A loaded model."""

    frame_seconds: float
    speakers: int

    def stream_file(self) -> ProbabilityStream:
        """A fresh state for a whole recording."""


def diarize_end_to_end(
    model: EndToEndModel, encoder: VoiceEncoder, recording: AudioSource, limits: SpeakerLimits
) -> Iterator[float | Diarization]:
    """Yields the seconds done after each half minute, and last the `Diarization`; of `limits` only the largest matters."""
    stream = model.stream_file()
    pieces = []
    for start in range(0, recording.samples, _PUSH):
        pieces.append(stream.push(recording.read(start, start + _PUSH)))
        yield min(start + _PUSH, recording.samples) / SAMPLE_RATE
    pieces.append(stream.finish())
    probabilities = np.concatenate(pieces)
    activity = probabilities.sum(axis=0, where=probabilities > _SPEAKING)
    kept = np.sort(np.argsort(-activity, kind="stable")[: limits.largest or model.speakers])
    left_out = np.delete(activity, kept)
    crowded = bool((left_out * model.frame_seconds >= _CROWD_SECONDS).any())
    probabilities = probabilities[:, kept]
    spans = spans_of(probabilities, model.frame_seconds)
    # Columns are in order of arrival, but a column may be skipped, and arrival is not yet a span.
    order = list(dict.fromkeys(span.speaker for span in spans))
    spans = tuple(Span(span.start, span.end, order.index(span.speaker)) for span in spans)
    probabilities = probabilities[:, order]
    voices = np.zeros((len(order), DIMENSION), dtype=np.float32)
    for speaker in range(len(order)):
        voices[speaker] = _voice(encoder, recording, _stretches(probabilities, speaker, model.frame_seconds))
        yield recording.duration
    yield Diarization(spans, voices, _shares(probabilities, model.frame_seconds, recording.samples), crowded=crowded)


def spans_of(probabilities: NDArray[np.float32], frame_seconds: float) -> tuple[Span, ...]:
    """The stretches in which each column of `probabilities` [frames, speakers] speaks, in order of their beginning."""
    spans = []
    for speaker in range(probabilities.shape[1]):
        runs = _runs(probabilities[:, speaker] > _SPEAKING, round(_LONGEST_GAP / frame_seconds))
        spans += [
            Span(first * frame_seconds, after * frame_seconds, speaker)
            for first, after in runs
            if (after - first) * frame_seconds >= _SHORTEST_SPAN
        ]
    return tuple(sorted(spans, key=lambda span: (span.start, span.end, span.speaker)))


def _runs(mask: NDArray[np.bool_], gap: int) -> list[tuple[int, int]]:
    """First frame and frame after the last of each run, over gaps of up to `gap` frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    runs: list[tuple[int, int]] = []
    for first, after in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] <= gap:
            runs[-1] = (runs[-1][0], after)
        else:
            runs.append((first, after))
    return runs


def _stretches(probabilities: NDArray[np.float32], speaker: int, frame_seconds: float) -> list[tuple[float, float]]:
    """The longest stretches of up to three seconds in which this column speaks alone, else in which it speaks at all."""
    active = probabilities > _SPEAKING
    alone = active[:, speaker] & (active.sum(axis=1) == 1)
    mask = alone if alone.any() else active[:, speaker]
    stretches = [
        (start, min(start + _PIECE, after * frame_seconds))
        for first, after in _runs(mask, 0)
        for start in np.arange(first * frame_seconds, after * frame_seconds, _PIECE)
    ]
    return sorted(stretches, key=lambda stretch: stretch[0] - stretch[1])[:_PIECES]


def _voice(encoder: VoiceEncoder, recording: AudioSource, stretches: list[tuple[float, float]]) -> NDArray[np.float32]:
    """The unit mean of the stretches' embeddings, each as heavy as it is long; zeros where all are too short."""
    audio = [recording.read(int(start * SAMPLE_RATE), int(end * SAMPLE_RATE)) for start, end in stretches]
    features = [piece for piece in map(encoder.features, audio) if len(piece) >= 10]
    if not features:
        return np.zeros(DIMENSION, dtype=np.float32)
    mean = np.array([len(piece) for piece in features], dtype=np.float32) @ encoder.embed(features)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)


def _shares(probabilities: NDArray[np.float32], frame_seconds: float, samples: int) -> NDArray[np.float16]:
    """The shares of a `Diarization`, on the grid of the segmentation model."""
    count = int(samples / SAMPLE_RATE / FRAME_SECONDS) + 1
    if not len(probabilities):
        return np.zeros((count, probabilities.shape[1]), dtype=np.float16)
    rows = np.minimum((np.arange(count) * FRAME_SECONDS / frame_seconds).astype(np.int64), len(probabilities) - 1)
    total = probabilities.sum(axis=1, keepdims=True)
    shares = np.divide(probabilities, total, out=np.zeros_like(probabilities), where=total > _HEARD)
    return np.asarray(shares[rows], dtype=np.float16)
