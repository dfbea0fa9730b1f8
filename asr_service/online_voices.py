"""The voices of a live recording under numbers that last, clustered anew while it grows.

NeMo's `OnlineSpeakerClustering` (Park et al. 2022, https://arxiv.org/abs/2203.15974) counts and labels a bounded number
of pieces: the newest ones, and some that stand for every voice of the past. On a minute of speech it counts too low, as
its sibling for files does, so the same check follows. The past is chosen here and not by NeMo's own buffers: those raise
ValueError as soon as a voice has fewer pieces than its share of them.
"""

import copy
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from asr_service.clustering import LinksOf, Piece, Refinement, SpeakerLimits, load_nemo_online
from asr_service.embedding import DIMENSION

__all__ = ["OnlineVoices", "keep_labels"]

_NEWEST = 150
"""Newest pieces (75 s of speech) that are clustered."""
_PAST = 150
"""Older pieces that are clustered with them, in equal parts for all voices."""
_FEWEST = 6
"""Pieces from which NeMo looks for voices; fewer are checked only."""
_MEMBERS = 12
"""Pieces that stand for a known voice when new speech is compared with it."""


class OnlineVoices:
    """Labels of all pieces so far; a label is a lasting number, from 0."""

    def __init__(self, limits: SpeakerLimits) -> None:
        """`limits.smallest` waits for the end: the others may not have spoken yet."""
        self._limits = replace(limits, smallest=0)
        self._online = load_nemo_online().OnlineSpeakerClustering(
            max_num_speakers=self._limits.most,
            # Never full, see above.
            history_buffer_size=_PAST,
            current_buffer_size=_NEWEST + 1,
            # Its own cap on the count grows with the calls; the check that follows is the better brake.
            min_frame_per_spk=1,
        )
        self._calls = 0
        self._tentative: dict[int, NDArray[np.float32]] = {}
        self._centres: dict[int, NDArray[np.float32]] = {}
        self.labels: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def copied(self) -> "OnlineVoices":
        """The same voices, which may `meet` others without a trace in this one."""
        twin = copy.copy(self)
        twin._tentative = dict(self._tentative)  # noqa: SLF001  (its own class)
        return twin

    @property
    def numbers(self) -> list[int]:
        """Numbers in use, in order."""
        return sorted(self._centres | self._tentative)

    @property
    def centres(self) -> NDArray[np.float32]:
        """Unit vector of each of `numbers` [voices, 192]."""
        both = self._tentative | self._centres
        return np.stack([both[number] for number in self.numbers]) if both else np.zeros((0, DIMENSION), np.float32)

    def update(
        self,
        vectors: NDArray[np.float32],
        pieces: Sequence[Piece],
        told: NDArray[np.int64],
        links_of: LinksOf,
    ) -> bool:
        """Clusters `pieces` anew; true where labels of earlier ones changed.

        `told` are the numbers under which new pieces were shown already, -1 for none.
        """
        chosen = self._chosen(len(pieces))
        few = [pieces[index] for index in chosen]
        found = Refinement(vectors[chosen], few, self._limits, links_of).run(self._clusters(vectors[chosen]))
        before = np.concatenate([self.labels, told])
        numbers = keep_labels(before[chosen], found)
        self._tentative = {}
        self._centres = {}
        for cluster, number in numbers.items():
            mean = vectors[chosen[found == cluster]].mean(axis=0)
            self._centres[number] = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)
        now = np.array(self.numbers)[(vectors @ self.centres.T).argmax(axis=1)]
        changed = bool((now[: len(self.labels)] != self.labels).any())
        self.labels = now
        return changed

    def meet(
        self,
        vectors: NDArray[np.float32],
        pieces: Sequence[Piece],
        known_vectors: NDArray[np.float32],
        known_pieces: Sequence[Piece],
        links_of: LinksOf,
    ) -> None:
        """Looks for new voices in pieces that are not settled yet; they get tentative numbers until the next `update`.

        `known_*` are all settled pieces that `labels` tells of.
        """
        parts = Refinement(vectors, pieces, self._limits, links_of).run(np.zeros(len(pieces), dtype=np.int64))
        members = self._members()
        sample = np.concatenate([*members.values(), np.zeros(0, dtype=np.int64)]).astype(np.int64)
        stand_ins = list(self._tentative.values())
        # A tentative voice is one vector, as long as a long piece and far from everything in time.
        narrow = 2 * sum(piece.narrow for piece in pieces) > len(pieces)
        far = [Piece(-10.0 * place, -10.0 * place + 1.45, narrow) for place in range(1, len(stand_ins) + 1)]
        check = Refinement(
            np.concatenate([vectors, known_vectors[sample], *(vector[None] for vector in stand_ins)]),
            [*pieces, *(known_pieces[index] for index in sample), *far],
            self._limits,
            None,
        )
        groups: dict[int, NDArray[np.int64]] = {}
        place = len(pieces)
        for number, indexes in members.items():
            groups[number] = np.arange(place, place + len(indexes))
            place += len(indexes)
        for number in self._tentative:
            groups[number] = np.array([place])
            place += 1
        for part in range(int(parts.max()) + 1):
            own = np.flatnonzero(parts == part)
            new = all(check.apart(own, group) > 0 for group in groups.values())
            if new and len(groups) < self._limits.most:
                number = _unused(self.numbers)
                mean = vectors[own].mean(axis=0)
                self._tentative[number] = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)
                groups[number] = own

    def _members(self) -> dict[int, NDArray[np.int64]]:
        members = {}
        for number in self._centres:
            places = np.flatnonzero(self.labels == number)
            if len(places):
                members[number] = places[
                    np.linspace(0, len(places) - 1, min(_MEMBERS, len(places))).round().astype(int)
                ]
        return members

    def _chosen(self, count: int) -> NDArray[np.int64]:
        """Places of the pieces that are clustered, in order."""
        old = self.labels[: max(0, count - _NEWEST)]
        numbers = np.unique(old)
        share = _PAST // max(len(numbers), 1)
        past = [_spread(np.flatnonzero(old == number), share) for number in numbers]
        return np.sort(np.concatenate([*past, np.arange(max(0, count - _NEWEST), count)]))

    def _clusters(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """NeMo's labels."""
        count = len(vectors)
        if count < _FEWEST:
            return np.zeros(count, dtype=np.int64)
        # NeMo draws k-means seeds; equal audio has to give equal speakers.
        torch.manual_seed(0)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        self._calls += 1
        with warnings.catch_warnings():
            # It copies a tensor in a way that torch advises against.
            warnings.simplefilter("ignore", UserWarning)
            labels = self._online.forward_infer(
                curr_emb=torch.from_numpy(np.ascontiguousarray(vectors)),
                base_segment_indexes=torch.arange(count),
                max_num_speakers=self._limits.most,
                frame_index=self._calls,
            )
        torch.set_num_threads(threads)
        return np.asarray(labels.cpu().numpy(), dtype=np.int64)


def _spread(places: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` of the places, evenly."""
    if len(places) <= most:
        return places
    chosen: NDArray[np.int64] = places[np.linspace(0, len(places) - 1, most).round().astype(int)]
    return chosen


def keep_labels(before: NDArray[np.int64], after: NDArray[np.int64]) -> dict[int, int]:
    """Which number each label of `after` takes, so that as many pieces as possible keep the one in `before`.

    -1 in `before` is no number; a label without a partner gets the smallest number that is not taken.
    """
    olds, news = sorted(set(before.tolist()) - {-1}), sorted(set(after.tolist()))
    shared = np.array([[float(((before == old) & (after == new)).sum()) for old in olds] for new in news])
    numbers: dict[int, int] = {}
    if olds and news:
        for row, column in zip(*linear_sum_assignment(shared, maximize=True), strict=True):
            if shared[row, column] > 0:
                numbers[news[row]] = olds[column]
    for new in news:
        if new not in numbers:
            numbers[new] = _unused(list(numbers.values()))
    return numbers


def _unused(numbers: Sequence[int]) -> int:
    return min(set(range(len(numbers) + 1)) - set(numbers))
