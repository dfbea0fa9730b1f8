"""Which pieces of speech belong to one voice, and how many voices there are.

NeMo's spectral clustering with the normalised maximum eigengap (NME-SC, Park et al. 2019,
https://arxiv.org/abs/2003.02405) makes the first labels. On a minute of speech it counts too low, so its clusters are
checked afterwards with a measure that adapts to the meeting: the mean similarity *between* two clusters, divided by the
mean similarity *within* them. Clean voices, a telephone and a distant microphone differ twofold in plain cosines, yet
in this ratio pieces of one voice stay above 0.7 and pieces of two voices below 0.6. How far short pieces scatter was
measured on clips of single speakers of the AMI corpus, a telephone call and synthetic voices; they weigh less, and a
voice with little speech has to differ more.
"""

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

__all__ = [
    "LinksOf",
    "Piece",
    "Refinement",
    "SpeakerLimits",
    "centroids",
    "cluster_voices",
    "is_crowded",
    "load_nemo",
    "load_nemo_online",
]

_SAME_VOICE = ([0.35, 0.5, 0.75, 1.0, 1.5], [-1.0, 0.15, 0.4, 0.53, 0.65])
"""Ratio of similarity between to similarity within (second row), above which two clusters are one voice, by the seconds
of speech of the smaller one (first row). 0.65 is the middle of the gap between voices; the less there is of a voice, the
wider pieces of it scatter, so the clearer it has to differ."""
_LIKENESS = ([0.3, 0.4, 0.5, 0.7, 1.0, 1.45], [0.48, 0.57, 0.66, 0.78, 0.91, 1.0])
"""Cosine of a piece of some seconds (first row) to long pieces of its voice, as a share of that between long pieces."""
_NARROW_WEIGHT = 0.18
"""How much more alike two clusters of 8 kHz have to be: without what is above 4 kHz, voices differ less."""
_LINK_WEIGHT = ([2.0, 6.0], [0.3, 0.0])
"""How much the links between two clusters move the threshold (second row), by the seconds of the smaller one: a small
part of a stretch without a change of voice is no voice of its own, but in a whole meeting the vectors know better."""
_SHORT_TALK = 60.0
"""Seconds of speech up to which the thresholds hold; an hour asks four times as much of a small voice."""
_MOST_PARTS = 3
"""Clusters that are looked for, for each voice that there may be."""
_SMALL_PARTS = 5
"""A small voice in a large cluster is looked for among this many parts."""
_MOST_PIECES = 600
"""More are thinned out evenly before clustering: time and memory grow with the square (1,000: 1.5 s, 600: 0.9 s)."""
_DEFAULT_LIMIT = 12
_CROWD_SECONDS = 5.0
"""Speech of a voice that has no label of its own, from which this is worth telling."""
_MATRIX_SIZE = 300
"""NeMo looks for the count of voices in a thinned matrix of this size; it recommends 250 to 750."""

_NEMO_CHAIN = (
    "nemo",
    "nemo.collections",
    "nemo.collections.asr",
    "nemo.collections.asr.parts",
    "nemo.collections.asr.parts.utils",
)


@dataclass(frozen=True)
class Piece:
    """A stretch of one voice that gets one embedding, in seconds."""

    start: float
    end: float
    narrow: bool = False
    """Whether it came through 8 kHz."""


LinksOf: TypeAlias = Callable[[Sequence[Piece]], NDArray[np.float32]]
"""Gives [pieces, pieces] from 1 for one voice to -1 for two; 0 is unknown."""


@dataclass(frozen=True)
class SpeakerLimits:
    """How many voices are expected; 0 means unknown."""

    smallest: int = 0
    largest: int = 0

    @property
    def most(self) -> int:
        """Largest number of voices that is looked for."""
        return self.largest or max(_DEFAULT_LIMIT, self.smallest)


def load_nemo() -> types.ModuleType:
    """NeMo's `offline_clustering`, without the package inits that need the whole speech collection.

    Stubs stand in for the packages above it; where NeMo was imported before, they are left alone. ImportError where
    `nemo_toolkit` is not installed.
    """
    return _load("offline_clustering")


def load_nemo_online() -> types.ModuleType:
    """NeMo's `online_clustering`; see `load_nemo`."""
    return _load("online_clustering")


def _load(module: str) -> types.ModuleType:
    if "nemo" not in sys.modules:
        spec = importlib.util.find_spec("nemo")
        if spec is None or not spec.submodule_search_locations:
            raise ImportError("nemo_toolkit is not installed")
        root = Path(next(iter(spec.submodule_search_locations)))
        for name in _NEMO_CHAIN:
            # With a spec of its own a stub is a module like others to whoever looks for the package later.
            plain = ModuleSpec(name, loader=None, is_package=True)
            plain.submodule_search_locations = [str(root.joinpath(*name.split(".")[1:]))]
            sys.modules[name] = importlib.util.module_from_spec(plain)
    return importlib.import_module(f"{_NEMO_CHAIN[-1]}.{module}")


def cluster_voices(
    vectors: NDArray[np.float32],
    pieces: Sequence[Piece],
    limits: SpeakerLimits,
    links_of: LinksOf | None = None,
) -> NDArray[np.int64]:
    """A label 0..k-1 for each piece; `vectors` are unit length [pieces, dimension], pieces in order of time.

    `links_of` tells what is known about pairs of some pieces apart from the vectors.
    """
    count = len(pieces)
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    if count > _MOST_PIECES:
        chosen = np.linspace(0, count - 1, _MOST_PIECES).round().astype(int)
        few = cluster_voices(vectors[chosen], [pieces[index] for index in chosen], limits, links_of)
        nearest: NDArray[np.int64] = (vectors @ centroids(vectors[chosen], few).T).argmax(axis=1)
        return nearest
    if count == 1 or limits.most == 1:
        return np.zeros(count, dtype=np.int64)
    labels = _nme_sc(vectors, pieces, limits)
    return Refinement(vectors, pieces, limits, links_of).run(labels)


def is_crowded(
    vectors: NDArray[np.float32],
    pieces: Sequence[Piece],
    labels: NDArray[np.int64],
    limits: SpeakerLimits,
    links_of: LinksOf | None = None,
) -> bool:
    """Whether more voices than `limits` allow can be told apart; `labels` are those of `cluster_voices` for the same."""
    if len(pieces) < 2 or len(np.unique(labels)) < limits.most:
        return False
    chosen = np.linspace(0, len(pieces) - 1, min(len(pieces), _MOST_PIECES)).round().astype(int)
    few = [pieces[index] for index in chosen]
    check = Refinement(vectors[chosen], few, SpeakerLimits(largest=2 * limits.most + 1), links_of)
    found = check.run(labels[chosen])
    share = len(pieces) / len(few)
    heard = [share * check.seconds(np.flatnonzero(found == voice)) for voice in np.unique(found)]
    return sum(seconds >= _CROWD_SECONDS for seconds in heard) > limits.most


def centroids(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """The unit mean of each label's vectors [labels, dimension]."""
    means = np.stack([vectors[labels == label].mean(axis=0) for label in np.unique(labels)])
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _nme_sc(vectors: NDArray[np.float32], pieces: Sequence[Piece], limits: SpeakerLimits) -> NDArray[np.int64]:
    exact = limits.smallest if limits.smallest and limits.smallest == limits.largest else -1
    # NeMo draws anchor vectors and k-means seeds; equal audio has to give equal speakers.
    torch.manual_seed(0)
    # Many small eigenproblems in parallel forks: more threads inside each only fight (measured: 15 s instead of 1.3 s).
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    labels = (
        load_nemo()
        .SpeakerClustering(nme_mat_size=_MATRIX_SIZE, cuda=False)
        .forward_infer(
            embeddings_in_scales=torch.from_numpy(np.ascontiguousarray(vectors)),
            timestamps_in_scales=torch.tensor([[piece.start, piece.end] for piece in pieces]),
            multiscale_segment_counts=torch.tensor([len(pieces)]),
            multiscale_weights=torch.tensor([[1.0]]),
            oracle_num_speakers=min(exact, len(pieces)),
            max_num_speakers=min(limits.most, len(pieces)),
        )
    )
    torch.set_num_threads(threads)
    return np.asarray(labels.cpu().numpy(), dtype=np.int64)


class Refinement:
    """Splits clusters that hold two voices and joins clusters of one voice."""

    def __init__(
        self,
        vectors: NDArray[np.float32],
        pieces: Sequence[Piece],
        limits: SpeakerLimits,
        links_of: LinksOf | None,
    ) -> None:
        """As for `cluster_voices`."""
        self._links = None if links_of is None else links_of(pieces)
        self._vectors = vectors
        self._limits = limits
        self._starts = np.array([piece.start for piece in pieces])
        self._ends = np.array([piece.end for piece in pieces])
        self._narrow = np.array([piece.narrow for piece in pieces], dtype=np.float64)
        self._weights = np.interp(self._ends - self._starts, *_LIKENESS)
        shared = np.minimum.outer(self._ends, self._ends) - np.maximum.outer(self._starts, self._starts)
        # Pieces that share audio are alike for that reason alone.
        products = np.outer(self._weights, self._weights) * (shared <= 0)
        self._weighted = products * (vectors @ vectors.T)
        self._squares = products**2
        # The longer the talk, the more of it is laughter and noise that differs from everybody by chance.
        self._patience = max(1.0, self.seconds(np.arange(len(pieces))) / _SHORT_TALK) ** (1 / 3)

    def run(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Better labels 0..k-1 than `labels`."""
        labels = np.unique(labels, return_inverse=True)[1]
        labels = self._split(labels)
        labels = self._join(labels)
        return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64)

    def _split(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        queue = list(np.unique(labels))
        fresh = int(labels.max()) + 1
        # More than there may be: too many are joined by likeness later, while a voice that was never found is lost.
        while queue and len(np.unique(labels)) < _MOST_PARTS * self._limits.most:
            label = queue.pop()
            part = self._other_voice(np.flatnonzero(labels == label))
            if part is not None:
                labels[part] = fresh
                queue += [label, fresh]
                fresh += 1
        return labels

    def _other_voice(self, members: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """The part of a cluster that is another voice than the rest, or None: halves first, then small parts."""
        if len(members) < 2:
            return None
        for method, most in (("ward", 2), ("average", _SMALL_PARTS)):
            tree = linkage(self._vectors[members], method)
            for number in range(2, min(most, len(members)) + 1):
                parts = fcluster(tree, number, "maxclust")
                for part in np.unique(parts):
                    left: NDArray[np.int64] = members[parts == part]
                    right: NDArray[np.int64] = members[parts != part]
                    if len(left) <= len(right) and len(right) and self.apart(left, right) > 0:
                        return left
        return None

    def _join(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        while True:
            names = np.unique(labels)
            if len(names) <= max(self._limits.smallest, 1):
                return labels
            apart, first, second = min(
                (self.apart(np.flatnonzero(labels == one), np.flatnonzero(labels == other)), one, other)
                for index, one in enumerate(names)
                for other in names[index + 1 :]
            )
            if apart > 0 and len(names) <= self._limits.most:
                return labels
            labels[labels == second] = first

    def apart(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> float:
        """How far below the threshold the likeness of two clusters is; negative where they are one voice."""
        seconds = min(self.seconds(left), self.seconds(right)) / self._patience
        weight = float(np.interp(seconds, *_LINK_WEIGHT))
        same = float(np.interp(seconds, *_SAME_VOICE))
        narrow = min(float(self._narrow[left].mean()), float(self._narrow[right].mean()))
        same += _NARROW_WEIGHT * max(same, 0.0) * narrow
        return same - self._ratio(left, right) - weight * self._link(left, right)

    def _link(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> float:
        if self._links is None:
            return 0.0
        known = self._links[np.ix_(left, right)]
        known = known[known != 0]
        return float(known.mean()) if known.size else 0.0

    def _ratio(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> float:
        between = self._mean(left, right)
        if between is None:
            return 1.0
        within = [mean for mean in (self._mean(left, left), self._mean(right, right)) if mean is not None]
        if not within:
            # Single pieces show no spread of their own; half is what clean speech has.
            return between / 0.5
        return between / float(np.exp(np.mean(np.log(np.maximum(within, 1e-3)))))

    def _mean(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> float | None:
        """Likeness as between pieces of full length, by least squares over all pairs."""
        pairs = np.ix_(left, right)
        total = float(self._squares[pairs].sum())
        return float(self._weighted[pairs].sum()) / total if total > 0 else None

    def seconds(self, members: NDArray[np.int64]) -> float:
        """Speech in some pieces, what they share counted once."""
        total, reached = 0.0, -np.inf
        for index in members:
            start, end = float(self._starts[index]), float(self._ends[index])
            total += max(0.0, end - max(start, reached))
            reached = max(reached, end)
        return total
