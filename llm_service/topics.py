"""The talk cut into topics: neighbouring sentences of like meaning, with help from the words by which people change the subject.

The cut is the best one over the whole talk, found by dynamic programming: the sum over all topics of how well their sentences agree
(length of the sum of their vectors), minus a price for every topic, plus a premium for a cut where the subject is changed aloud.
Compare Utiyama and Isahara, "A Statistical Model for Domain-Independent Text Segmentation" (2001), which does the same with words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from llm_service.talk import Line
from textkit.lemmas import lemmas

__all__ = ["cut_topics", "opens_topic", "weights_of"]

Vectors = npt.NDArray[np.float32]

_PRICE: Final = 0.8
_PREMIUM: Final = 0.5
_LIGHT: Final = 1.0
"""Price of beginning a topic with a sentence that says nothing («Хорошо.»)."""
_SAME_TURN: Final = 0.45
"""Price of changing the subject silently inside one speaker's turn."""
_FULL_WEIGHT_WORDS: Final = 6
_LONGEST: Final = 120
"""Most sentences of a topic; keeps the search linear."""
_WORDS_PER_TOPIC: Final = 220
_FEWEST: Final = 8

_FILLERS: Final = (
    r"^(?:(?:так|ну|хорошо|отлично|ладно|окей|ок|понятно|спасибо|да|ага|угу|супер|okay|ok|right|so|well|yeah|yes|great|good|thanks|fine|"
    r"alright|all right|um|uh)[,.!\s]+)*"
)
_OPENERS: Final = re.compile(
    _FILLERS
    + r"(?:теперь\b|дальше\b|далее\b|следующ|и ещ[её]\b|ещ[её]\s|а вот\b|а что\b|а по\b|кстати|перейд|переходим|другой|отдельно\b"
    r"|насч[её]т|что касается|что (?:у \w+ |там )?(?:с|со|по)\b|как (?:дела|там|у|с)\b|[а-я]+, (?:как|что|расскаж)|последн(?:ее|ий)\b"
    r"|во-?первых|во-?вторых|в-?третьих"
    r"|now\b|next\b|moving on|let'?s (?:move|go|talk|start|turn)|what about|how about|another\b|one more|also\b|by the way|regarding"
    r"|about the\b|as for|the (?:next|second|third|last|other) |[a-z]+, (?:what|how)\b|first of all|second(?:ly)?,|finally)",
    re.IGNORECASE,
)


def opens_topic(text: str) -> bool:
    """Tell whether a sentence changes the subject aloud («Теперь отчёты», "what about")."""
    return bool(_OPENERS.search(text))


def weights_of(lines: Sequence[Line]) -> npt.NDArray[np.float32]:
    """Return how much each sentence says, 0 to 1, by its words with a meaning; shape [lines]."""
    counts = [min(len(set(lemmas(line.text))), _FULL_WEIGHT_WORDS) for line in lines]
    weights: npt.NDArray[np.float32] = (np.array(counts) / _FULL_WEIGHT_WORDS).astype(np.float32)
    return weights


def cut_topics(lines: Sequence[Line], vectors: Vectors, most: int | None = None) -> list[tuple[int, int]]:
    """Return topics as half-open ranges of lines, in order and without gaps.

    Args:
        lines: The sentences.
        vectors: Their embeddings, shape [lines, dimension].
        most: Largest number of topics; by the length of the talk where it is None.
    """
    if not lines:
        return []
    words = sum(len(line.text.split()) for line in lines)
    limit = most or max(_FEWEST, words // _WORDS_PER_TOPIC)
    # The share that all sentences of a talk have in common says nothing about its topics.
    centred = vectors - vectors.mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    weights = weights_of(lines)
    sums = np.vstack([np.zeros(centred.shape[1], np.float32), np.cumsum(centred * weights[:, None], axis=0)])
    entry = _entry_prices(lines, weights)
    price = _PRICE
    while True:
        cuts = _best_cuts(sums, entry, price)
        if len(cuts) <= limit:
            return cuts
        price *= 1.25


def _entry_prices(lines: Sequence[Line], weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return what it costs to begin a topic at each line, beside the price of the topic itself."""
    prices = np.zeros(len(lines))
    for place in range(1, len(lines)):
        if opens_topic(lines[place].text):
            prices[place] = -_PREMIUM
        else:
            light = _LIGHT if weights[place] <= 1 / _FULL_WEIGHT_WORDS else 0.0
            prices[place] = light + (_SAME_TURN if lines[place].turn == lines[place - 1].turn else 0.0)
    return prices


def _best_cuts(sums: npt.NDArray[np.float32], entry: npt.NDArray[np.float64], price: float) -> list[tuple[int, int]]:
    count = len(entry)
    best = np.full(count + 1, -np.inf)
    best[0] = 0.0
    back = np.zeros(count + 1, dtype=np.intp)
    for end in range(1, count + 1):
        first = max(0, end - _LONGEST)
        agreement = np.linalg.norm(sums[end] - sums[first:end], axis=1)
        scores = best[first:end] + agreement - price - entry[first:end]
        choice = int(np.argmax(scores))
        best[end], back[end] = scores[choice], first + choice
    cuts: list[tuple[int, int]] = []
    end = count
    while end:
        cuts.append((int(back[end]), end))
        end = int(back[end])
    return cuts[::-1]
