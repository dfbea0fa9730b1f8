"""The cards of one board, ready to be compared with texts: lemmas, BM25, vectors, keys.

The lexical score is divided by what the text could reach at most, so a text whose words the board does not know (another language) gets
about 0 for every card and leaves the word to the vectors, instead of drowning them in noise.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from match_service.cards import CardView
from match_service.vocabulary import Vocabulary
from textkit.bm25 import BM25
from textkit.lemmas import lemmas

Floats = npt.NDArray[np.float32]

_K1: Final = 1.2
_TITLE_CHARS: Final = 5
"""Length up to which a title is too common to name its card."""
_WORD: Final = re.compile(r"\w+")
_DENSE_SPREAD: Final = 0.03
"""Typical spread of E5 cosines between a text and the cards of a board; brings the vectors' parts to about 1."""
PIECED_CARDS: Final = 2000
"""Cards up to which a board is read in pieces too; on a larger one they would take several times the time and memory."""


@dataclass(frozen=True)
class PairScores:
    """What each text and each card have to do with one another; every array is [texts, cards]."""

    dense: Floats
    """Cosine of text and card, less the text's mean over the board, in units of a typical spread."""
    dense_title: Floats
    """The same for the card's title alone."""
    lexical: Floats
    """BM25 as a share of the best that the text could reach, 0 to 1."""
    title_share: Floats
    """Share of the title's words, by weight, that the text says, 0 to 1."""
    title_word: Floats
    """1 where the text says a title word of no other card, 1/2 where two titles share it, and so on down to 0."""
    overlap: Floats
    """Weight of the card's words that the text says, in units of the rarest word, at most 3; long texts do not thin it out."""
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
    weight: Floats
    """How many content words each text has; shape [texts, 1]."""
    known: Floats
    """Share of them that the board's cards hold; shape [texts, 1]. Near 0 where text and board have no language in common."""
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
        self._passages = passages
        self._titles = titles
        self._pieced = float(pieces is not None)
        self._pieces = np.concatenate(pieces) if pieces else passages
        sizes = np.array([len(own) for own in pieces] if pieces else [1] * len(self.cards), dtype=np.intp)
        self._piece_starts = np.concatenate([[0], np.cumsum(sizes)])
        self._centroids = _centroids(self._pieces, self._piece_starts)
        documents = [lemmas(card.passage) for card in self.cards]
        self._bm25 = BM25(documents, k1=_K1)
        self._title_lemmas = [frozenset(lemmas(card.heading)) for card in self.cards]
        self.vocabulary = Vocabulary(self._bm25.vocabulary)
        self._document_lemmas = [frozenset(document) for document in documents]

    def __len__(self) -> int:
        """Return the number of cards."""
        return len(self.cards)

    def shared_words(self, text: str, row: int) -> list[str]:
        """Return the lemmas that a text and the card of a row share, the rarest first."""
        said = self.vocabulary.widen(lemmas(text))
        return sorted(self._document_lemmas[row] & said.keys(), key=lambda term: -self._bm25.idf(term))

    def compare(self, texts: Sequence[str], vectors: Floats, centre: Floats | None = None) -> PairScores:
        """Return the scores of every text with every card.

        `vectors` are the texts' query vectors, [texts, dimension]; `centre` is the mean vector of all texts that compete for the
        cards, [dimension], by default that of the given ones.
        """
        shape = (len(texts), len(self.cards))
        lexical, title_share, title_word, overlap, named = (np.zeros(shape, dtype=np.float32) for _ in range(5))
        weight, known = (np.zeros((len(texts), 1), dtype=np.float32) for _ in range(2))
        for row, text in enumerate(texts):
            words = lemmas(text)
            weight[row] = len(set(words))
            known[row] = sum(word in self._bm25 for word in set(words)) / max(len(set(words)), 1)
            said = self.vocabulary.widen(words)
            best = sum(self._bm25.idf(word) for word in set(words)) * (_K1 + 1.0)
            if best > 0:
                lexical[row] = np.minimum(self._bm25.scores(said) / best, 1.0)
            title_share[row], title_word[row] = self._title_scores(said)
            overlap[row] = self._overlap(said)
            named[row] = self._named(text)
        cosine = vectors @ self._passages.T
        return PairScores(
            dense=_centred(cosine),
            dense_title=_centred(vectors @ self._titles.T),
            piece=self._best_piece(vectors, cosine),
            centroid=_centred(vectors @ self._centroids.T),
            lexical=lexical,
            title_share=title_share,
            title_word=title_word,
            overlap=overlap,
            named=named,
            cosine=cosine,
            dense_back=self._back(cosine, centre),
            weight=weight,
            known=known,
            pieced=self._pieced,
        )

    def _best_piece(self, vectors: Floats, cosine: Floats) -> Floats:
        if not cosine.size:
            return cosine.astype(np.float32)
        best = np.maximum.reduceat(vectors @ self._pieces.T, self._piece_starts[:-1], axis=1)
        piece: Floats = (best - cosine.mean(axis=1, keepdims=True)) / _DENSE_SPREAD
        return piece.astype(np.float32)

    def _back(self, cosine: Floats, centre: Floats | None) -> Floats:
        if not cosine.size:
            return cosine.astype(np.float32)
        mean: Floats = cosine.mean(axis=0) if centre is None else self._passages @ centre
        back: Floats = (cosine - mean[None, :]) / _DENSE_SPREAD
        return back.astype(np.float32)

    def _title_scores(self, said: dict[str, float]) -> tuple[Floats, Floats]:
        """Return `title_share` and `title_word` of one text, each [cards]."""
        shares, words = (np.zeros(len(self.cards), dtype=np.float32) for _ in range(2))
        for word, weight in said.items():
            rows = self._titles_with.get(word, [])
            for row in rows:
                shares[row] += self._bm25.idf(word) * weight / self._title_totals[row]
                words[row] = max(words[row], weight / len(rows))
        return shares, words

    def _overlap(self, said: dict[str, float]) -> Floats:
        total = np.zeros(len(self.cards), dtype=np.float32)
        rarest = self._bm25.idf("")
        for word, weight in said.items():
            for row in self._cards_with.get(word, ()):
                total[row] += weight * self._bm25.idf(word) / rarest
        return np.minimum(total, 3.0)

    @cached_property
    def _title_totals(self) -> list[float]:
        return [sum(self._bm25.idf(word) for word in title) for title in self._title_lemmas]

    @cached_property
    def _cards_with(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for row, document in enumerate(self._document_lemmas):
            for word in document:
                found.setdefault(word, []).append(row)
        return found

    @cached_property
    def _titles_with(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for row, title in enumerate(self._title_lemmas):
            for word in title:
                found.setdefault(word, []).append(row)
        return found

    @cached_property
    def _names(self) -> dict[str, list[tuple[re.Pattern[str], int]]]:
        """Patterns of keys and whole titles that people can say, with the rows of their cards, by their first word."""
        found: dict[str, list[tuple[re.Pattern[str], int]]] = {}
        for row, card in enumerate(self.cards):
            key, title = card.key.lower(), card.heading.lower()
            names: list[tuple[str, str]] = []
            if len(key) > 1:
                names.append((key, rf"(?<![\w-]){re.escape(key)}(?![\w-])"))
            if len(title) > _TITLE_CHARS and " " in title:
                names.append((title, re.escape(title)))
            for name, pattern in names:
                first = _WORD.search(name)
                if first is not None:
                    found.setdefault(first.group(), []).append((re.compile(pattern), row))
        return found

    def _named(self, text: str) -> Floats:
        named = np.zeros(len(self.cards), dtype=np.float32)
        plain = text.lower()
        for word in set(_WORD.findall(plain)):
            for pattern, row in self._names.get(word, ()):
                if pattern.search(plain):
                    named[row] = 1.0
        return named


def _centroids(pieces: Floats, starts: npt.NDArray[np.intp]) -> Floats:
    if len(starts) == 1:
        return pieces.astype(np.float32)
    total: Floats = np.add.reduceat(pieces, starts[:-1], axis=0)
    mean: Floats = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return mean.astype(np.float32)


def _centred(cosine: Floats) -> Floats:
    if not cosine.size:
        return cosine.astype(np.float32)
    centred: Floats = (cosine - cosine.mean(axis=1, keepdims=True)) / _DENSE_SPREAD
    return centred.astype(np.float32)
