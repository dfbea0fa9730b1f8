"""BM25 over lists of lemmas, in numpy.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009); the IDF is the one that never
turns negative (as in Lucene).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_EMPTY: Final = np.zeros(0, dtype=np.int32)


class BM25:
    """An immutable index of documents given as lemma lists; a query touches only the postings of its own terms."""

    def __init__(self, documents: Sequence[Sequence[str]], *, k1: float = 1.2, b: float = 0.75) -> None:
        """Index `documents`; `k1` bends the term frequency, `b` (0 to 1) is the strength of length normalisation."""
        counts = [Counter(document) for document in documents]
        lengths = np.array([len(document) for document in documents], dtype=np.float32)
        mean_length = float(lengths.mean()) if lengths.size and lengths.any() else 1.0
        base = k1 * (1.0 - b + b * lengths / mean_length)
        places: dict[str, list[int]] = {}
        frequencies: dict[str, list[int]] = {}
        for number, count in enumerate(counts):
            for term, frequency in count.items():
                places.setdefault(term, []).append(number)
                frequencies.setdefault(term, []).append(frequency)
        self._size = len(documents)
        self._idf: dict[str, float] = {}
        self._postings: dict[str, tuple[npt.NDArray[np.int32], Floats]] = {}
        for term, numbers in places.items():
            rows = np.array(numbers, dtype=np.int32)
            frequency_of = np.array(frequencies[term], dtype=np.float32)
            self._idf[term] = float(np.log1p((self._size - len(numbers) + 0.5) / (len(numbers) + 0.5)))
            weight = self._idf[term] * frequency_of * (k1 + 1.0) / (frequency_of + base[rows])
            self._postings[term] = (rows, weight.astype(np.float32))

    def __len__(self) -> int:
        """Return the number of documents."""
        return self._size

    def __contains__(self, term: str) -> bool:
        """Tell whether any document holds `term`."""
        return term in self._postings

    @property
    def vocabulary(self) -> Iterable[str]:
        """The terms of all documents."""
        return self._postings.keys()

    def idf(self, term: str) -> float:
        """Return the weight of `term` (at least 0), that of the rarest possible term when no document holds it."""
        unseen = float(np.log1p((self._size + 0.5) / 0.5))
        return self._idf.get(term, unseen)

    def scores(self, query: Iterable[str] | Mapping[str, float]) -> Floats:
        """Return the score of every document, shape [n], at least 0; a mapping weighs each query term."""
        total = np.zeros(self._size, dtype=np.float32)
        weights: Mapping[str, float] = query if isinstance(query, Mapping) else Counter(query)
        for term, weight in weights.items():
            rows, values = self._postings.get(term, (_EMPTY, _EMPTY.astype(np.float32)))
            total[rows] += np.float32(weight) * values
        return total
