"""The other direction: texts ranked for a card, and the mutual score of a pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from match_service.corpus import PairScores
from match_service.learning import NOTHING_LEARNT, Lesson
from match_service.matching import Floats, match_texts, rank_logits
from match_service.weights import Weights


@dataclass(frozen=True, slots=True)
class RankedText:
    """A text for a card."""

    number: int
    """Number of the text in the request."""
    score: float
    """Joined score, 0 to 1."""
    probability: float
    """Calibrated probability that the text is about the card."""


def rank_texts_of_cards(
    scores: PairScores, weights: Weights, rows: Sequence[int], limit: int, lesson: Lesson = NOTHING_LEARNT
) -> list[list[RankedText]]:
    """Return the best texts for the card of every row, best first."""
    logits = back_logits(scores, weights)
    cards = scores.cosine.shape[1]
    chances = {
        (number, candidate.row): candidate.probability
        for number, match in enumerate(match_texts(scores, weights, cards, lesson))
        for candidate in match.candidates
    }
    found: list[list[RankedText]] = []
    for row in rows:
        order = np.argsort(-logits[:, row], kind="stable")[:limit]
        found.append(
            [
                RankedText(
                    int(number),
                    score=float(1.0 / (1.0 + np.exp(-(logits[number, row] - 3.0)))),
                    probability=chances[int(number), row],
                )
                for number in order
            ]
        )
    return found


def back_logits(scores: PairScores, weights: Weights) -> Floats:
    """Return the log-scores in the direction from card to text: the vectors are centred over the texts instead of the cards."""
    forward = rank_logits(scores, weights)
    moved = weights.rank["dense"] * (scores.dense_back - scores.dense)
    return np.asarray(forward + moved, dtype=np.float32)


def rank_shares(logits: Floats, axis: int) -> Floats:
    """Return 1 for the best of every row (axis 1) or column (axis 0), 1/2 for the second, and so on."""
    order = np.argsort(np.argsort(-logits, axis=axis, kind="stable"), axis=axis, kind="stable")
    return np.asarray(1.0 / (1.0 + order), dtype=np.float32)


def mutual(forward: float, back: float) -> float:
    """Return the harmonic mean of both directions."""
    return 2.0 * forward * back / (forward + back) if forward + back else 0.0
