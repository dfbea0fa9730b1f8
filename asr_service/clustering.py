"""Which pieces of speech belong to one voice, and how many voices there are.

NeMo's spectral clustering with the normalised maximum eigengap (NME-SC, Park et al. 2019,
https://arxiv.org/abs/2003.02405) makes the first labels. On a minute of speech it counts too low, so its clusters are
checked afterwards with a measure that adapts to the meeting: the mean similarity *between* two clusters, divided by the
mean similarity *within* them. Clean voices, a telephone and a distant microphone differ twofold in plain cosines, yet
in this ratio pieces of one voice stay above 0.7 and pieces of two voices below 0.6.
"""

import importlib
import importlib.util
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

__all__ = ["Piece", "SpeakerLimits", "centroids", "cluster_voices", "load_nemo"]

_SAME_VOICE = 0.65
"""Ratio of similarity between to similarity within, above which two clusters are one voice: the middle of the gap."""
_MIN_VOICE_SECONDS = 1.5
"""A voice needs this much speech to be split off; less is mostly laughter and noise."""
_MOST_PIECES = 1_000
"""More are thinned out evenly before clustering: time and memory grow with the square (1,000: 1.2 s)."""
_DEFAULT_LIMIT = 12
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
    return importlib.import_module(f"{_NEMO_CHAIN[-1]}.offline_clustering")


def cluster_voices(vectors: NDArray[np.float32], pieces: Sequence[Piece], limits: SpeakerLimits) -> NDArray[np.int64]:
    """A label 0..k-1 for each piece; `vectors` are unit length [pieces, dimension], pieces in order of time."""
    count = len(pieces)
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    if count > _MOST_PIECES:
        chosen = np.linspace(0, count - 1, _MOST_PIECES).round().astype(int)
        few = cluster_voices(vectors[chosen], [pieces[index] for index in chosen], limits)
        nearest: NDArray[np.int64] = (vectors @ centroids(vectors[chosen], few).T).argmax(axis=1)
        return nearest
    if count == 1 or limits.most == 1:
        return np.zeros(count, dtype=np.int64)
    labels = _nme_sc(vectors, pieces, limits)
    return _Refinement(vectors, pieces, limits).run(labels)


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


class _Refinement:
    """Splits clusters that hold two voices and joins clusters of one voice."""

    def __init__(self, vectors: NDArray[np.float32], pieces: Sequence[Piece], limits: SpeakerLimits) -> None:
        self._vectors = vectors
        self._limits = limits
        self._starts = np.array([piece.start for piece in pieces])
        self._ends = np.array([piece.end for piece in pieces])
        self._similarity = vectors @ vectors.T
        shared = np.minimum.outer(self._ends, self._ends) - np.maximum.outer(self._starts, self._starts)
        # Pieces that share audio are alike for that reason alone.
        self._apart = shared <= 0

    def run(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        labels = np.unique(labels, return_inverse=True)[1]
        labels = self._split(labels)
        labels = self._join(labels)
        return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64)

    def _split(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        queue = list(np.unique(labels))
        fresh = int(labels.max()) + 1
        while queue and len(np.unique(labels)) < self._limits.most:
            label = queue.pop()
            members = np.flatnonzero(labels == label)
            if len(members) < 4:
                continue
            halves = fcluster(linkage(self._vectors[members], "ward"), 2, "maxclust")
            left, right = members[halves == 1], members[halves == 2]
            if min(self._seconds(left), self._seconds(right)) < _MIN_VOICE_SECONDS:
                continue
            if self._ratio(left, right) < _SAME_VOICE:
                labels[right] = fresh
                queue += [label, fresh]
                fresh += 1
        return labels

    def _join(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        while True:
            names = np.unique(labels)
            if len(names) <= max(self._limits.smallest, 1):
                return labels
            ratio, first, second = max(
                (self._ratio(np.flatnonzero(labels == one), np.flatnonzero(labels == other)), one, other)
                for index, one in enumerate(names)
                for other in names[index + 1 :]
            )
            if ratio < _SAME_VOICE and len(names) <= self._limits.most:
                return labels
            labels[labels == second] = first

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
        pairs = np.ix_(left, right)
        apart = self._apart[pairs]
        return float(self._similarity[pairs][apart].mean()) if apart.any() else None

    def _seconds(self, members: NDArray[np.int64]) -> float:
        total, reached = 0.0, -np.inf
        for index in members:
            start, end = float(self._starts[index]), float(self._ends[index])
            total += max(0.0, end - max(start, reached))
            reached = max(reached, end)
        return total
