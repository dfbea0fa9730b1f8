"""The cards of one board, ready to be compared with texts: vectors, words, and the names that people say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from match_service.cards import CardView
from match_service.names import CardNames
from match_service.words import CardWords, WordScores

Floats = npt.NDArray[np.float32]

_DENSE_SPREAD: Final = 0.03
"""Typical spread of E5 cosines between a text and the cards of a board; brings the vectors' parts to about 1."""
PIECED_CARDS: Final = 2000
"""Cards up to which a board is read in pieces too; on a larger one they would take several times the time and memory."""


@dataclass(frozen=True)
class PairScores(WordScores):
    """What each text and each card have to do with one another; every array is [texts, cards] unless told otherwise."""

    dense: Floats
    """Cosine of text and card, less the text's mean over the board, in units of a typical spread."""
    dense_title: Floats
    """The same for the card's title alone."""
    piece: Floats
    """The best cosine of the text with a line or sentence of the card, less the text's mean over the board, in the same units."""
    centroid: Floats
    """The same for the mean of the card's lines and sentences: what its examples and remarks have in common."""
    named: Floats
    """1 where the text says the card's key or its whole title."""
    cosine: Floats
    """The plain cosine of text and card."""
    dense_back: Floats
    """The cosine less the card's mean over the texts: what the card finds in this text beside the others."""
    pieced: float
    """1 where the cards were read in pieces, 0 on a board that is too large for it."""


class CardCorpus:
    """The immutable index of a board's cards."""

    def __init__(
        self, cards: Sequence[CardView], passages: Floats, titles: Floats, pieces: Sequence[Floats] | None = None
    ) -> None:
        """Index `cards` with the vectors of their passages and titles, both [cards, dimension], and of their pieces.

        `pieces` has [pieces, dimension] for every card, at least one piece each; by default a card is one piece, its passage.
        """
        self.cards = tuple(cards)
        self.rows = {card.card_id: row for row, card in enumerate(self.cards)}
        self._passages = np.ascontiguousarray(passages, dtype=np.float32)
        self._titles = np.ascontiguousarray(titles, dtype=np.float32)
        self._lengths = _lengths(self._passages)
        self._pieces = _Pieces(pieces) if pieces else None
        self._pieced = float(pieces is not None)
        self._words = CardWords(self.cards)
        self._names = CardNames(self.cards)

    def __len__(self) -> int:
        """Return the number of cards."""
        return len(self.cards)

    def shared_words(self, text: str, row: int) -> list[str]:
        """Return the lemmas that a text and the card of a row share, the rarest first."""
        return self._words.shared(text, row)

    def compare(self, texts: Sequence[str], vectors: Floats, centre: Floats | None = None) -> PairScores:
        """Return the scores of every text with every card.

        `vectors` are the texts' query vectors, [texts, dimension]; `centre` is the mean vector of all texts that compete for the
        cards, [dimension], by default that of the given ones.
        """
        words = self._words.compare(texts)
        named = np.zeros((len(texts), len(self.cards)), dtype=np.float32)
        for row, text in enumerate(texts):
            named[row, list(self._names.said(text))] = 1.0
        cosine, of_titles = _cosines(vectors, self._passages), _cosines(vectors, self._titles)
        mean = _means(cosine)
        if self._pieces is None:
            piece, centroid = cosine, cosine / self._lengths
        else:
            piece, centroid = self._pieces.best(vectors), _cosines(vectors, self._pieces.centroids)
        back = _means(cosine, axis=0) if centre is None else self._passages @ centre
        return PairScores(
            **vars(words),
            dense=_spread(cosine, mean),
            dense_title=_spread(of_titles, _means(of_titles)),
            piece=_spread(piece, mean),
            centroid=_spread(centroid, _means(centroid)),
            named=named,
            cosine=cosine,
            dense_back=_spread(cosine, back),
            pieced=self._pieced,
        )


class _Pieces:
    """The vectors of the cards' pieces."""

    def __init__(self, pieces: Sequence[Floats]) -> None:
        self._vectors = np.concatenate(pieces)
        self._starts = np.cumsum([0, *(len(own) for own in pieces[:-1])])
        total = np.add.reduceat(self._vectors, self._starts, axis=0)
        self.centroids: Floats = (total / _lengths(total)[:, None]).astype(np.float32)

    def best(self, vectors: Floats) -> Floats:
        """Return the cosine of every text with the nearest piece of every card, [texts, cards]."""
        best: Floats = np.maximum.reduceat(_cosines(vectors, self._vectors), self._starts, axis=1)
        return best


def _cosines(vectors: Floats, cards: Floats) -> Floats:
    """Return the product of texts and cards, [texts, cards].

    For a single text numpy would ask a BLAS whose threads wait for one another far longer than the product takes wherever the cores
    are not idle, while one core reads the cards as fast as memory gives them.
    """
    if len(vectors) == 1:
        return np.asarray(np.einsum("d,cd->c", vectors[0], cards)[None, :], dtype=np.float32)
    return np.asarray(vectors @ cards.T, dtype=np.float32)


def _lengths(vectors: Floats) -> Floats:
    lengths: Floats = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    return lengths


def _means(cosine: Floats, axis: int = 1) -> Floats:
    return cosine.mean(axis=axis, keepdims=True) if cosine.size else np.zeros((1, 1), dtype=np.float32)


def _spread(cosine: Floats, mean: Floats) -> Floats:
    spread: Floats = (cosine - mean) / np.float32(_DENSE_SPREAD)
    return spread
