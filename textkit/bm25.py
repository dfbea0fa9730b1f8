"""BM25 over lists of lemmas, in numpy.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009); the IDF is the one that never
turns negative (as in Lucene).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from textkit.postings import Postings

Floats = npt.NDArray[np.float32]


class BM25:
    """An immutable index of documents given as lemma lists; a query touches only the postings of its own terms."""

    def __init__(self, documents: Sequence[Sequence[str]], *, k1: float = 1.2, b: float = 0.75) -> None:
        """Index `documents`; `k1` bends the term frequency, `b` (0 to 1) is the strength of length normalisation."""
        self.postings = Postings(documents)
        """The terms of the documents."""
        lengths, holders = self.postings.lengths.astype(np.float32), self.postings.holders
        mean_length = float(lengths.mean()) if lengths.any() else 1.0
        base = k1 * (1.0 - b + b * lengths / mean_length)
        size = len(documents)
        self.idfs: npt.NDArray[np.float64] = np.log1p((size - holders + 0.5) / (holders + 0.5))
        """Weight of every term of the postings, at least 0."""
        self.unseen = float(np.log1p((size + 0.5) / 0.5))
        """Weight of the rarest possible term, which no document holds."""
        frequency = self.postings.frequency
        share = frequency * (k1 + 1.0) / (frequency + base[self.postings.document])
        self.weights: Floats = (self.idfs[self.postings.term] * share).astype(np.float32)
        """What every entry of the postings adds to the score of its document."""

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.postings)

    def __contains__(self, term: str) -> bool:
        """Tell whether any document holds `term`."""
        return term in self.postings.terms

    @property
    def vocabulary(self) -> Iterable[str]:
        """The terms of all documents."""
        return self.postings.terms.keys()

    def idf(self, term: str) -> float:
        """Return the weight of `term` (at least 0), that of the rarest possible term when no document holds it."""
        number = self.postings.terms.get(term)
        return self.unseen if number is None else float(self.idfs[number])

    def scores(self, query: Iterable[str] | Mapping[str, float]) -> Floats:
        """Return the score of every document, shape [n], at least 0; a mapping weighs each query term."""
        total = np.zeros(len(self), dtype=np.float32)
        mentions = self.postings.find([query if isinstance(query, Mapping) else Counter(query)])
        weight = mentions.weight.astype(np.float32)
        for place, entry in self.postings.entries(mentions):
            np.add.at(total, self.postings.document[entry], weight[place] * self.weights[entry])
        return total
