"""The words of a board's cards beside those of texts: BM25, words in common, words of titles.

The lexical score is divided by what the text could reach at most, so a text whose words the board does not know (another language) gets
about 0 for every card and leaves the word to the vectors, instead of drowning them in noise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from match_service.cards import CardView
from match_service.vocabulary import Vocabulary
from textkit.bm25 import BM25
from textkit.lemmas import lemmas
from textkit.postings import Postings

Floats = npt.NDArray[np.float32]

_K1: Final = 1.2
_OVERLAP: Final = 3.0


@dataclass(frozen=True)
class WordScores:
    """What the words of texts and cards have in common; arrays are [texts, cards] unless told otherwise."""

    lexical: Floats
    """BM25 as a share of the best that the text could reach, 0 to 1."""
    title_share: Floats
    """Share of the title's words, by weight, that the text says, 0 to 1."""
    title_word: Floats
    """1 where the text says a title word of no other card, 1/2 where two titles share it, and so on down to 0."""
    overlap: Floats
    """Weight of the card's words that the text says, in units of the rarest word, at most 3; long texts do not thin it out."""
    weight: Floats
    """How many content words each text has; shape [texts, 1]."""
    known: Floats
    """Share of them that the board's cards hold; shape [texts, 1]. Near 0 where text and board have no language in common."""


class CardWords:
    """The immutable index of the words of cards."""

    def __init__(self, cards: Sequence[CardView]) -> None:
        """Index the passages and titles of `cards`."""
        self._bm25 = BM25([lemmas(card.passage) for card in cards], k1=_K1)
        self._vocabulary = Vocabulary(self._bm25.vocabulary)
        self._titles = Postings([dict.fromkeys(lemmas(card.heading)) for card in cards])
        idfs = np.array([self._bm25.idf(word) for word in self._titles.terms])[self._titles.term]
        totals = np.bincount(self._titles.document, weights=idfs, minlength=len(cards))
        self._title_shares = idfs / totals[self._titles.document]

    def shared(self, text: str, row: int) -> list[str]:
        """Return the lemmas that a text and the card of a row share, the rarest first."""
        said = self._vocabulary.widen(lemmas(text))
        own = (word for word in said if self._bm25.postings.holds(row, word))
        return sorted(own, key=lambda word: -self._bm25.idf(word))

    def compare(self, texts: Sequence[str]) -> WordScores:
        """Return the scores of every text with every card."""
        words = [dict.fromkeys(lemmas(text)) for text in texts]
        said = [self._vocabulary.widen(own) for own in words]
        best = [sum(self._bm25.idf(word) for word in own) * (_K1 + 1.0) for own in words]
        known = [sum(word in self._bm25 for word in own) / max(len(own), 1) for own in words]
        lexical, overlap = self._passage_scores(said)
        title_share, title_word = self._title_scores(said)
        return WordScores(
            lexical=np.minimum(lexical / np.maximum(_column(best), np.finfo(np.float32).tiny), 1.0),
            title_share=title_share,
            title_word=title_word,
            overlap=overlap,
            weight=_column([len(own) for own in words]),
            known=_column(known),
        )

    def _passage_scores(self, said: Sequence[Mapping[str, float]]) -> tuple[Floats, Floats]:
        """Return the BM25 scores and `overlap` of texts."""
        postings, bm25 = self._bm25.postings, self._bm25
        lexical, overlap = (np.zeros((len(said), len(postings)), dtype=np.float32) for _ in range(2))
        mentions = postings.find(said)
        weight = mentions.weight.astype(np.float32)
        units = (mentions.weight * bm25.idfs[mentions.term] / bm25.unseen).astype(np.float32)
        for place, entry in postings.entries(mentions):
            cell = mentions.text[place] * len(postings) + postings.document[entry]
            np.add.at(lexical.reshape(-1), cell, weight[place] * bm25.weights[entry])
            np.add.at(overlap.reshape(-1), cell, units[place])
        return lexical, np.minimum(overlap, _OVERLAP, out=overlap)

    def _title_scores(self, said: Sequence[Mapping[str, float]]) -> tuple[Floats, Floats]:
        """Return `title_share` and `title_word` of texts."""
        titles = self._titles
        shares, words = (np.zeros((len(said), len(titles)), dtype=np.float32) for _ in range(2))
        mentions = titles.find(said)
        alone = (mentions.weight / titles.holders[mentions.term]).astype(np.float32)
        for place, entry in titles.entries(mentions):
            cell = mentions.text[place] * len(titles) + titles.document[entry]
            np.add.at(shares.reshape(-1), cell, (mentions.weight[place] * self._title_shares[entry]).astype(np.float32))
            np.maximum.at(words.reshape(-1), cell, alone[place])
        return shares, words


def _column(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float32).reshape(-1, 1)
