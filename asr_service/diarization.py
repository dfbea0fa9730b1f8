"""Who speaks when in a whole recording.

1. The segmentation model tells, in windows of ten seconds, which of three nameless voices speaks in each frame.
2. Stretches with one voice, cut where the voice changes, are embedded in pieces of 1.45 s and clustered.
3. Each window's nameless voices get the speaker whose centroid they are nearest to (Hungarian), and windows are averaged.
4. The speakers of the pieces are averaged over time as well. The windows know the boundaries and the overlaps, the
   pieces know the voice also where a window took two similar voices for one; their sum decides, and the model's count
   of voices says how many speakers a frame gets.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from asr_service.audio import AudioSource
from asr_service.clustering import Piece, SpeakerLimits, centroids, cluster_voices, is_crowded
from asr_service.embedding import DIMENSION, VoiceEncoder
from asr_service.pieces import (
    ANOTHER_VOICE,
    StretchFinder,
    cut_stretch,
    frame_bounds,
    mean_over_windows,
    runs,
    solo_voices,
    voice_links,
    voice_shares,
)
from asr_service.segmentation import CERTAIN, FRAME_SECONDS, LOCAL_SPEAKERS, LocalActivity

__all__ = ["Diarization", "Span", "decide", "diarize", "numbered", "vote"]

_PIECE_WEIGHT = 1.5
"""Weight of the pieces' voices against the windows' voices."""
_SOFTNESS = 0.1
"""Temperature that turns cosines (spread about 0.3 between voices) into shares."""
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
    """Unit embedding of each speaker number [numbers, 192]; zeros for a number that nobody has."""
    shares: NDArray[np.float16] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float16))
    """How probable each speaker is in each frame of 16.875 ms [frames, numbers]; rows of speech sum to 1."""
    first: int = 0
    """Frame of the recording that the first row of `shares` is about."""
    crowded: bool = False
    """Whether more people speak than the limits allow."""

    @property
    def speakers(self) -> int:
        """Number of speakers."""
        return int(self.voices.any(axis=1).sum())

    def share(self, start: float, end: float) -> NDArray[np.float32]:
        """Mean probability of each speaker number [numbers] between two times in seconds."""
        first = max(int(start / FRAME_SECONDS) - self.first, 0)
        frames = self.shares[first : max(int(np.ceil(end / FRAME_SECONDS)) - self.first, first + 1)]
        if frames.size == 0:
            return np.zeros(len(self.voices), dtype=np.float32)
        return np.asarray(frames.astype(np.float32).mean(axis=0), dtype=np.float32)


def diarize(
    encoder: VoiceEncoder, recording: AudioSource, activity: LocalActivity, limits: SpeakerLimits
) -> Iterator[float | Diarization]:
    """Yields the seconds done after each batch of embeddings, and last the `Diarization`."""
    pieces: list[Piece] = []
    vectors: list[NDArray[np.float32]] = []
    waiting: list[tuple[Piece, NDArray[np.float32]]] = []
    for first, last in StretchFinder().take(activity, activity.frames, last=True):
        waiting += cut_stretch(encoder, recording, first, last)
        if len(waiting) >= _PIECES_PER_STEP:
            pieces += [piece for piece, _ in waiting]
            vectors.append(encoder.embed([features for _, features in waiting]))
            waiting = []
            yield last * FRAME_SECONDS
    pieces += [piece for piece, _ in waiting]
    vectors.append(encoder.embed([features for _, features in waiting]))
    stacked = np.concatenate(vectors)
    links_of = partial(voice_links, activity)
    labels = cluster_voices(stacked, pieces, limits, links_of)
    crowded = is_crowded(stacked, pieces, labels, limits, links_of)
    yield recording.duration
    if not pieces:
        yield Diarization()
        return
    voices = centroids(stacked, labels)
    scores, count = vote(activity, pieces, stacked, voices)
    yield replace(numbered(decide(scores, count, voices)), crowded=crowded)


def vote(
    activity: LocalActivity,
    pieces: Sequence[Piece],
    vectors: NDArray[np.float32],
    voices: NDArray[np.float32],
    first: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much speaks for each of `voices` [speakers, 192] in each frame from `first` on, and how many voices there are.

    Only windows and pieces around these frames are needed. Returns [frames, speakers] and [frames].
    """
    frames = activity.frames - first
    starts = activity.starts - first
    solo = solo_voices(activity.speech)
    count = mean_over_windows(starts, activity.speech.sum(axis=2, dtype=np.float32) / CERTAIN, frames)
    firsts, lasts = (bounds - first for bounds in frame_bounds(pieces))
    total = np.zeros((frames, len(voices)), dtype=np.float32)
    cover = np.zeros(frames, dtype=np.float32)
    length = solo.shape[1]
    for window, start in enumerate(starts.tolist()):
        begin, end = max(start, 0), min(start + length, frames)
        if begin >= end:
            continue
        speech = activity.speech[window].astype(np.float32) / CERTAIN
        cover[begin:end] += 1
        low, high = np.searchsorted(lasts, start), np.searchsorted(firsts, start + length)
        shares = voice_shares(solo[window], start, firsts[low:high], lasts[low:high], LOCAL_SPEAKERS)
        means = shares.T @ vectors[low:high]
        norms = np.linalg.norm(means, axis=1)
        # A voice without a piece of its own gets whoever is left.
        likeness = np.where(norms[:, None] > 0, (means / np.maximum(norms, 1e-9)[:, None]) @ voices.T, -1.0)
        present = np.flatnonzero(speech.max(axis=0) > 0.3)
        chosen, speakers = linear_sum_assignment(likeness[present], maximize=True)
        for row, speaker in zip(chosen, speakers, strict=True):
            total[begin:end, speaker] += speech[begin - start : end - start, present[row]]
    scores = total / np.maximum(cover, 1)[:, None]
    scores += _PIECE_WEIGHT * np.minimum(count, 1.0)[:, None] * _piece_votes(firsts, lasts, vectors, voices, frames)
    return np.asarray(scores, dtype=np.float32), count


def _piece_votes(
    firsts: NDArray[np.int64],
    lasts: NDArray[np.int64],
    vectors: NDArray[np.float32],
    voices: NDArray[np.float32],
    frames: int,
) -> NDArray[np.float32]:
    """Share of each speaker [frames, speakers] by the pieces that cover a frame; a piece's middle weighs most."""
    likeness = vectors @ voices.T / _SOFTNESS
    shares = np.exp(likeness - likeness.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    total = np.zeros((frames, len(voices)), dtype=np.float32)
    weight = np.zeros(frames, dtype=np.float32)
    for start, stop, share in zip(firsts.tolist(), lasts.tolist(), shares, strict=True):
        begin, end = max(start, 0), min(stop, frames)
        if begin < end:
            slope = 1.0 - 0.9 * np.abs(np.linspace(-1, 1, stop - start, dtype=np.float32))[begin - start : end - start]
            total[begin:end] += slope[:, None] * share
            weight[begin:end] += slope
    return np.asarray(total / np.maximum(weight, 1e-6)[:, None], dtype=np.float32)


def decide(
    scores: NDArray[np.float32],
    count: NDArray[np.float32],
    voices: NDArray[np.float32],
    numbers: Sequence[int] | None = None,
    first: int = 0,
) -> Diarization:
    """The speakers of the frames from `first` on; `numbers` of the voices are those of the rows unless given."""
    numbers = range(len(voices)) if numbers is None else numbers
    most = np.minimum(np.floor(count + 1 - ANOTHER_VOICE).astype(int), len(voices))
    ranks = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
    speaking = (ranks < most[:, None]) & (scores > 0.02)
    spans = [
        Span((first + begin) * FRAME_SECONDS, (first + end) * FRAME_SECONDS, number)
        for voice, number in enumerate(numbers)
        for begin, end in runs(speaking[:, voice])
        if (end - begin) * FRAME_SECONDS >= _SHORTEST_SPAN
    ]
    spans.sort(key=lambda span: (span.start, span.end))
    total = scores.sum(axis=1, keepdims=True)
    places = max(numbers, default=-1) + 1
    shares = np.zeros((len(scores), places), dtype=np.float16)
    shares[:, list(numbers)] = np.divide(scores, total, out=np.zeros_like(scores), where=total > 0.02)
    rows = np.zeros((places, DIMENSION), dtype=np.float32)
    rows[list(numbers)] = voices
    return Diarization(tuple(spans), rows, shares, first)


def numbered(diarization: Diarization) -> Diarization:
    """Speakers numbered in order of appearance; those who never speak are left out."""
    order = list(dict.fromkeys(span.speaker for span in diarization.spans))
    place = {speaker: index for index, speaker in enumerate(order)}
    shares = diarization.shares[:, order].astype(np.float32)
    total = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    return Diarization(
        tuple(Span(span.start, span.end, place[span.speaker]) for span in diarization.spans),
        diarization.voices[order],
        shares.astype(np.float16),
        diarization.first,
    )
