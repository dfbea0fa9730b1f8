"""Postings: which documents hold which terms, in compressed rows, so that no document is an object when texts are compared."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]

_STRETCH: Final = 1 << 20
"""Entries that are taken at a time (about 16 MB), however many texts ask."""


@dataclass(frozen=True)
class Mentions:
    """The terms of some texts, one place for each text and term that any document holds."""

    text: Rows
    """Number of the text."""
    term: Rows
    """Number of the term."""
    weight: npt.NDArray[np.float64]
    """Weight of the term in the text."""


class Postings:
    """The entries (document and term) of a collection, those of a term side by side, by rising document."""

    def __init__(self, documents: Sequence[Iterable[str]]) -> None:
        """Index the terms of `documents`."""
        self.terms: dict[str, int] = {}
        """Number of every term."""
        lists = [list(document) for document in documents]
        lengths = np.array([len(terms) for terms in lists], dtype=np.intp)
        flat = np.array([self.terms.setdefault(term, len(self.terms)) for term in chain(*lists)], dtype=np.intp)
        size = max(len(lists), 1)
        keys, counts = np.unique(flat * size + np.repeat(np.arange(len(lists)), lengths), return_counts=True)
        self.term: Rows = keys // size
        """Term of every entry."""
        self.document: Rows = keys % size
        """Document of every entry."""
        self.frequency = counts.astype(np.float32)
        """How often the document holds the term, of every entry."""
        self.lengths = lengths
        """Terms of every document, repetitions included."""
        self.holders: Rows = np.bincount(self.term, minlength=len(self.terms))
        """How many documents hold each term."""
        self._starts: Rows = np.concatenate([[0], np.cumsum(self.holders)])

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.lengths)

    def holds(self, document: int, term: str) -> bool:
        """Tell whether a document holds a term."""
        number = self.terms.get(term)
        if number is None:
            return False
        own = self.document[self._starts[number] : self._starts[number + 1]]
        place = int(np.searchsorted(own, document))
        return place < len(own) and int(own[place]) == document

    def find(self, texts: Sequence[Mapping[str, float]]) -> Mentions:
        """Return the terms of texts that any document holds, in the order of the texts and of their terms."""
        found = [
            (text, self.terms[term], weight)
            for text, said in enumerate(texts)
            for term, weight in said.items()
            if term in self.terms
        ]
        return Mentions(
            np.array([text for text, _, _ in found], dtype=np.intp),
            np.array([term for _, term, _ in found], dtype=np.intp),
            np.array([weight for _, _, weight in found], dtype=np.float64),
        )

    def entries(self, mentions: Mentions) -> Iterator[tuple[Rows, Rows]]:
        """Yield the places in `mentions` and the entries of their terms, in order and in stretches of bounded length."""
        counts = self.holders[mentions.term]
        ends = np.cumsum(counts)
        start = 0
        while start < len(counts):
            taken = ends[start - 1] if start else 0
            end = max(int(np.searchsorted(ends, taken + _STRETCH, side="right")), start + 1)
            place = np.repeat(np.arange(start, end), counts[start:end])
            first = self._starts[mentions.term[start:end]] - (ends[start:end] - counts[start:end])
            yield place, np.arange(taken, ends[end - 1]) + np.repeat(first, counts[start:end])
            start = end
