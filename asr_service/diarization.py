"""Who speaks when in a whole recording.

1. The segmentation model tells, in windows of ten seconds, which of three nameless voices speaks in each frame.
2. Stretches with one voice, cut where the voice changes, are embedded in pieces of 1.45 s and clustered.
3. Each window's nameless voices get the speaker whose centroid they are nearest to (Hungarian), and windows are averaged.
4. The speakers of the pieces are averaged over time as well. The windows know the boundaries and the overlaps, the
   pieces know the voice also where a window took two similar voices for one; their sum decides, and the model's count
   of voices says how many speakers a frame gets.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from asr_service.audio import SAMPLE_RATE, AudioSource
from asr_service.clustering import Piece, SpeakerLimits, centroids, cluster_voices
from asr_service.embedding import DIMENSION, HOP, VoiceEncoder
from asr_service.segmentation import FRAME_SECONDS, LOCAL_SPEAKERS, LocalActivity

__all__ = ["Diarization", "Span", "diarize"]

_PIECE_SECONDS = 1.45
_PIECE_HOP = 0.5
_SHORTEST_PIECE = 0.4
"""Seconds; shorter stretches say too little about a voice."""
_ACTIVE = 0.5
"""Probability at which a local voice counts as speaking."""
_ANOTHER_VOICE = 0.45
"""A frame gets another speaker when the mean count exceeds a whole number by 1 minus this; a bit generous, for
segmentation misses more speech of distant speakers than it invents."""
_PIECE_WEIGHT = 1.5
"""Weight of the pieces' voices against the windows' voices."""
_SOFTNESS = 0.1
"""Temperature that turns cosines (spread about 0.3 between voices) into shares."""
_CHANGE_SPREAD = 9
"""Frames (0.15 s) over which windows may disagree about the moment of one change."""
_CHANGE_SHARE = 0.4
"""Share of windows that have to see a change."""
_SHORTEST_SPAN = 0.1
_PIECES_PER_STEP = 64


@dataclass(frozen=True)
class Span:
    """A stretch in which speaker number `speaker` (from 0, in order of appearance) speaks, in seconds."""

    start: float
    end: float
    speaker: int


@dataclass(frozen=True)
class Diarization:
    """The speakers of a recording."""

    spans: tuple[Span, ...] = ()
    """All stretches in order of their beginning; overlapping where people talk at once."""
    voices: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, DIMENSION), dtype=np.float32))
    """Unit embedding of each speaker [speakers, 192]."""
    shares: NDArray[np.float16] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float16))
    """How probable each speaker is in each frame of 16.875 ms [frames, speakers]; rows of speech sum to 1."""

    @property
    def speakers(self) -> int:
        """Number of speakers."""
        return len(self.voices)

    def share(self, start: float, end: float) -> NDArray[np.float32]:
        """Mean probability of each speaker [speakers] between two times in seconds."""
        first = int(start / FRAME_SECONDS)
        frames = self.shares[first : max(int(np.ceil(end / FRAME_SECONDS)), first + 1)]
        if frames.size == 0:
            return np.zeros(self.speakers, dtype=np.float32)
        return np.asarray(frames.astype(np.float32).mean(axis=0), dtype=np.float32)


def diarize(
    encoder: VoiceEncoder, recording: AudioSource, activity: LocalActivity, limits: SpeakerLimits
) -> Iterator[float | Diarization]:
    """Yields the seconds done after each batch of embeddings, and last the `Diarization`."""
    solo = _solo_voices(activity)
    count = _mean_over_windows(activity, activity.speech.astype(np.float32).sum(axis=2))
    pieces: list[Piece] = []
    vectors: list[NDArray[np.float32]] = []
    waiting: list[tuple[Piece, NDArray[np.float32]]] = []
    for start, end in _stretches(activity, solo):
        audio = recording.read(int(start * SAMPLE_RATE), int(end * SAMPLE_RATE))
        waiting += _featured(encoder, audio, start, end)
        if len(waiting) >= _PIECES_PER_STEP:
            pieces += [piece for piece, _ in waiting]
            vectors.append(encoder.embed([features for _, features in waiting]))
            waiting = []
            yield end
    pieces += [piece for piece, _ in waiting]
    vectors.append(encoder.embed([features for _, features in waiting]))
    stacked = np.concatenate(vectors)
    labels = cluster_voices(stacked, pieces, limits)
    yield recording.duration
    if not pieces:
        yield Diarization()
        return
    voices = centroids(stacked, labels)
    scores = _window_votes(activity, solo, pieces, stacked, voices)
    scores += _PIECE_WEIGHT * np.minimum(count, 1.0)[:, None] * _piece_votes(pieces, stacked, voices, activity.frames)
    yield _diarization(scores, count, voices)


def _solo_voices(activity: LocalActivity) -> NDArray[np.int8]:
    """The one voice that speaks [windows, frames]: 0..2, -1 for nobody, -2 for several."""
    active = activity.speech > _ACTIVE
    number = active.sum(axis=2)
    return np.where(number == 1, active.argmax(axis=2), np.where(number == 0, -1, -2)).astype(np.int8)


def _mean_over_windows(activity: LocalActivity, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of `values` [windows, frames] over the windows that cover each frame of the recording."""
    length = values.shape[1]
    total = np.zeros(activity.frames + length, dtype=np.float32)
    cover = np.zeros_like(total)
    for window, start in enumerate(activity.starts):
        total[start : start + length] += values[window]
        cover[start : start + length] += 1
    return np.asarray((total / np.maximum(cover, 1))[: activity.frames], dtype=np.float32)


def _stretches(activity: LocalActivity, solo: NDArray[np.int8]) -> Iterator[tuple[float, float]]:
    """Stretches (start, end in seconds) in which one voice speaks alone, cut where the voice changes."""
    changes = np.zeros(solo.shape, dtype=np.float32)
    for window, voices in enumerate(solo):
        heard = np.flatnonzero(voices >= 0)
        turns = np.flatnonzero(np.diff(voices[heard]))
        changes[window, (heard[turns] + heard[turns + 1]) // 2 + 1] = 1
    alone = _mean_over_windows(activity, (solo >= 0).astype(np.float32)) > 0.5
    blurred = np.convolve(_mean_over_windows(activity, changes), np.ones(_CHANGE_SPREAD), "same")[: activity.frames]
    cuts: list[int] = []
    for frame in np.flatnonzero(blurred >= _CHANGE_SHARE):
        near = blurred[max(0, frame - _CHANGE_SPREAD) : frame + _CHANGE_SPREAD + 1]
        if blurred[frame] == near.max() and (not cuts or frame - cuts[-1] > _CHANGE_SPREAD):
            cuts.append(int(frame))
    marks = np.array(cuts)
    for begin, end in _runs(alone):
        points = [begin, *marks[(marks > begin) & (marks < end)].tolist(), end]
        for left, right in itertools.pairwise(points):
            yield left * FRAME_SECONDS, right * FRAME_SECONDS


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _featured(
    encoder: VoiceEncoder, audio: NDArray[np.float32], start: float, end: float
) -> list[tuple[Piece, NDArray[np.float32]]]:
    """The pieces of a stretch with their features."""
    if end - start < _SHORTEST_PIECE:
        return []
    features = encoder.features(audio)
    seconds = HOP / SAMPLE_RATE
    length = round(_PIECE_SECONDS / seconds) - 2
    if len(features) <= length:
        # Lengths in steps of 0.1 s, so that pieces of one length can share a call.
        kept = len(features) // 10 * 10
        return [(Piece(start, end), features[:kept])] if kept else []
    number = int(np.ceil((len(features) - length) * seconds / _PIECE_HOP)) + 1
    firsts = np.linspace(0, len(features) - length, number).round().astype(int)
    return [
        (Piece(start + first * seconds, start + first * seconds + _PIECE_SECONDS), features[first : first + length])
        for first in firsts
    ]


def _window_votes(
    activity: LocalActivity,
    solo: NDArray[np.int8],
    pieces: list[Piece],
    vectors: NDArray[np.float32],
    voices: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Mean activity of each speaker [frames, speakers], after each window's voices got their speakers."""
    length = solo.shape[1]
    total = np.zeros((activity.frames + length, len(voices)), dtype=np.float32)
    cover = np.zeros(activity.frames + length, dtype=np.float32)
    firsts = np.array([round(piece.start / FRAME_SECONDS) for piece in pieces])
    lasts = np.array([round(piece.end / FRAME_SECONDS) for piece in pieces])
    for window, start in enumerate(activity.starts):
        speech = activity.speech[window].astype(np.float32)
        cover[start : start + length] += 1
        low, high = np.searchsorted(lasts, start), np.searchsorted(firsts, start + length)
        begins = np.clip(firsts[low:high] - start, 0, length)
        ends = np.clip(lasts[low:high] - start, 0, length)
        likeness = np.full((LOCAL_SPEAKERS, len(voices)), -1.0, dtype=np.float32)
        for voice in range(LOCAL_SPEAKERS):
            heard = np.concatenate([[0], np.cumsum(solo[window] == voice)])
            purity = (heard[ends] - heard[begins]) / np.maximum(lasts[low:high] - firsts[low:high], 1)
            purity[purity <= 0.5] = 0
            mean = purity @ vectors[low:high]
            norm = float(np.linalg.norm(mean))
            if norm > 0:
                likeness[voice] = voices @ (mean / norm)
        present = np.flatnonzero(speech.max(axis=0) > 0.3)
        chosen, speakers = linear_sum_assignment(likeness[present], maximize=True)
        for row, speaker in zip(chosen, speakers, strict=True):
            total[start : start + length, speaker] += speech[:, present[row]]
    return np.asarray((total / np.maximum(cover, 1)[:, None])[: activity.frames], dtype=np.float32)


def _piece_votes(
    pieces: list[Piece], vectors: NDArray[np.float32], voices: NDArray[np.float32], frames: int
) -> NDArray[np.float32]:
    """Share of each speaker [frames, speakers] by the pieces that cover a frame; a piece's middle weighs most."""
    likeness = vectors @ voices.T / _SOFTNESS
    shares = np.exp(likeness - likeness.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    total = np.zeros((frames, len(voices)), dtype=np.float32)
    weight = np.zeros(frames, dtype=np.float32)
    for piece, share in zip(pieces, shares, strict=True):
        first, last = int(piece.start / FRAME_SECONDS), min(int(piece.end / FRAME_SECONDS), frames)
        slope = 1.0 - 0.9 * np.abs(np.linspace(-1, 1, max(last - first, 0), dtype=np.float32))
        total[first:last] += slope[:, None] * share
        weight[first:last] += slope
    return np.asarray(total / np.maximum(weight, 1e-6)[:, None], dtype=np.float32)


def _diarization(scores: NDArray[np.float32], count: NDArray[np.float32], voices: NDArray[np.float32]) -> Diarization:
    number = np.minimum(np.floor(count + 1 - _ANOTHER_VOICE).astype(int), len(voices))
    ranks = np.argsort(np.argsort(-scores, axis=1), axis=1)
    speaking = (ranks < number[:, None]) & (scores > 0.02)
    spans = [
        Span(begin * FRAME_SECONDS, end * FRAME_SECONDS, speaker)
        for speaker in range(len(voices))
        for begin, end in _runs(speaking[:, speaker])
        if (end - begin) * FRAME_SECONDS >= _SHORTEST_SPAN
    ]
    spans.sort(key=lambda span: (span.start, span.end))
    order = list(dict.fromkeys(span.speaker for span in spans))
    place = {speaker: index for index, speaker in enumerate(order)}
    total = scores[:, order].sum(axis=1, keepdims=True)
    shares = np.divide(scores[:, order], total, out=np.zeros_like(scores[:, order]), where=total > 0.02)
    return Diarization(
        tuple(Span(span.start, span.end, place[span.speaker]) for span in spans),
        voices[order],
        shares.astype(np.float16),
    )
