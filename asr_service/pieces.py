"""Stretches in which one voice speaks alone, and the pieces of them that get embeddings.

The number of voices in a frame is the mean over all windows that cover it; a stretch is where it rounds to one, cut where
enough windows see a change of voice.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, AudioSource
from asr_service.clustering import Piece
from asr_service.embedding import HOP, VoiceEncoder, is_narrow
from asr_service.segmentation import CERTAIN, FRAME_SECONDS, LocalActivity

__all__ = [
    "ANOTHER_VOICE",
    "StretchFinder",
    "cut_stretch",
    "frame_bounds",
    "mean_over_windows",
    "runs",
    "solo_voices",
    "voice_links",
    "voice_shares",
]

ANOTHER_VOICE = 0.45
"""Mean number of voices from which there is one more, above a whole number: a bit less than half, for segmentation
misses more speech of distant speakers than it invents."""
_PIECE_SECONDS = 1.45
_PIECE_HOP = 0.5
_SHORTEST_PIECE = 0.3
"""Seconds; shorter stretches say too little about a voice."""
_CHANGE_SPREAD = 9
"""Frames (0.15 s) over which windows may disagree about the moment of one change."""
_CHANGE_SHARE = 0.4
"""Share of windows that have to see a change."""
_LONG_STRETCH = round(3.0 / FRAME_SECONDS)
"""Frames after which the settled part of a stretch is given out although it goes on."""


def solo_voices(speech: NDArray[np.uint8]) -> NDArray[np.int8]:
    """The one voice that speaks [windows, frames]: 0..2, -1 for nobody, -2 for several."""
    active = speech > round(ANOTHER_VOICE * CERTAIN)
    number = active.sum(axis=2)
    return np.where(number == 1, active.argmax(axis=2), np.where(number == 0, -1, -2)).astype(np.int8)


def mean_over_windows(starts: NDArray[np.int64], values: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Mean of `values` [windows, frames of a window] over the windows that cover each of `frames` frames.

    `starts` are the first frames of the windows; they may lie before 0.
    """
    length = values.shape[1]
    total = np.zeros(frames, dtype=np.float32)
    cover = np.zeros(frames, dtype=np.float32)
    for start, value in zip(starts.tolist(), values, strict=True):
        first, last = max(start, 0), min(start + length, frames)
        if first < last:
            total[first:last] += value[first - start : last - start]
            cover[first:last] += 1
    return np.asarray(total / np.maximum(cover, 1), dtype=np.float32)


def _changes(solo: NDArray[np.int8]) -> NDArray[np.float32]:
    """1 where the voice that speaks alone becomes another one [windows, frames], in the middle of the gap."""
    changes = np.zeros(solo.shape, dtype=np.float32)
    for window, voices in enumerate(solo):
        heard = np.flatnonzero(voices >= 0)
        turns = np.flatnonzero(np.diff(voices[heard]))
        changes[window, (heard[turns] + heard[turns + 1]) // 2 + 1] = 1
    return changes


class StretchFinder:
    """Finds stretches once, in order of time, while windows come in."""

    def __init__(self) -> None:
        self._taken = 0

    def take(self, activity: LocalActivity, until: int, *, last: bool) -> list[tuple[int, int]]:
        """New stretches (first frame, frame after the last) before frame `until`, up to which nothing will change.

        `activity` has to hold all windows from a few seconds before what was taken so far. A stretch that goes on after
        `until` waits for its end unless it is long, or this is the `last` call.
        """
        first = max(0, self._taken - 4 * _CHANGE_SPREAD)
        number = until - first
        if number <= 0:
            return []
        near = activity.starts + activity.speech.shape[1] > first
        starts = activity.starts[near] - first
        count = mean_over_windows(starts, activity.speech[near].sum(axis=2, dtype=np.float32) / CERTAIN, number)
        changes = mean_over_windows(starts, _changes(solo_voices(activity.speech[near])), number)
        blurred = np.convolve(changes, np.ones(_CHANGE_SPREAD), "full")[_CHANGE_SPREAD // 2 :][:number]
        cuts: list[int] = []
        for begin, end in runs(blurred >= _CHANGE_SHARE):
            best = np.flatnonzero(blurred[begin:end] == blurred[begin:end].max())
            cuts.append(begin + int(best[len(best) // 2]))
        alone = (count >= ANOTHER_VOICE) & (count < 1 + ANOTHER_VOICE)
        alone[: self._taken - first] = False
        found: list[tuple[int, int]] = []
        for begin, end in runs(alone):
            points = [begin, *(cut for cut in cuts if begin < cut < end), end]
            found += [(first + left, first + right) for left, right in itertools.pairwise(points)]
        self._taken = until
        if found and not last and found[-1][1] == until and until - found[-1][0] < _LONG_STRETCH:
            self._taken = found.pop()[0]
        return found


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First place and place after the last of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def cut_stretch(
    encoder: VoiceEncoder, recording: AudioSource, first: int, last: int, hop: float = _PIECE_HOP
) -> Iterator[tuple[Piece, NDArray[np.float32]]]:
    """The pieces of a stretch of frames, every `hop` seconds, with their features; none where it is too short."""
    start, end = first * FRAME_SECONDS, last * FRAME_SECONDS
    if end - start < _SHORTEST_PIECE:
        return
    features = encoder.features(recording.read(int(start * SAMPLE_RATE), int(end * SAMPLE_RATE)))
    seconds = HOP / SAMPLE_RATE
    length = round(_PIECE_SECONDS / seconds) - 2
    if len(features) <= length:
        # Lengths in steps of 0.1 s, so that pieces of one length can share a call.
        kept = len(features) // 10 * 10
        if kept:
            yield Piece(start, end, is_narrow(features[:kept])), features[:kept]
        return
    number = int(np.ceil((len(features) - length) * seconds / hop)) + 1
    for place in np.linspace(0, len(features) - length, number).round().astype(int).tolist():
        begin = start + place * seconds
        own = features[place : place + length]
        yield Piece(begin, begin + _PIECE_SECONDS, is_narrow(own)), own


def frame_bounds(pieces: Sequence[Piece]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First frames of the pieces, and the frames after their last."""
    firsts = np.array([round(piece.start / FRAME_SECONDS) for piece in pieces], dtype=np.int64)
    lasts = np.array([round(piece.end / FRAME_SECONDS) for piece in pieces], dtype=np.int64)
    return firsts, np.maximum(lasts, firsts + 1)


def voice_shares(
    solo: NDArray[np.int8], start: int, firsts: NDArray[np.int64], lasts: NDArray[np.int64], voices: int
) -> NDArray[np.float32]:
    """Share of each piece in which each voice of a window speaks alone [pieces, voices]; 0 below a half.

    `solo` [frames] is the window's row of `solo_voices`, `start` its first frame.
    """
    begins = np.clip(firsts - start, 0, len(solo))
    ends = np.clip(lasts - start, 0, len(solo))
    heard = np.zeros((len(solo) + 1, voices), dtype=np.float32)
    np.cumsum(solo[:, None] == np.arange(voices), axis=0, out=heard[1:])
    shares = (heard[ends] - heard[begins]) / np.maximum(lasts - firsts, 1)[:, None]
    shares[shares <= 0.5] = 0
    return np.asarray(shares, dtype=np.float32)


def voice_links(activity: LocalActivity, pieces: Sequence[Piece]) -> NDArray[np.float32]:
    """What the windows know about each pair of pieces, in order of time [pieces, pieces].

    From 1, where every window that holds both gives them to one voice, to -1 for different voices; 0 where no window
    tells.
    """
    firsts, lasts = frame_bounds(pieces)
    alike = np.zeros((len(pieces), len(pieces)), dtype=np.float32)
    seen = np.zeros_like(alike)
    lows = np.searchsorted(lasts, activity.starts, "right")
    highs = np.searchsorted(firsts, activity.starts + activity.speech.shape[1])
    useful = np.flatnonzero(highs - lows >= 2)
    solo = solo_voices(activity.speech[useful])
    for voices, window in zip(solo, useful, strict=True):
        near = slice(lows[window], highs[window])
        start = int(activity.starts[window])
        shares = voice_shares(voices, start, firsts[near], lasts[near], activity.speech.shape[2])
        heard = shares.sum(axis=1)
        both = np.outer(heard, heard)
        alike[near, near] += 2 * (shares @ shares.T) - both
        seen[near, near] += both
    return np.asarray(alike / np.maximum(seen, 1e-6), dtype=np.float32)
