"""Matches: of texts on their own, and of a whole talk with its order.

A turn belongs to the last card that its sentences reach, because talk moves on from there; the other cards of the turn are kept beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from match_service import features, sequence
from match_service.corpus import CardCorpus, PairScores
from match_service.learning import NOTHING_LEARNT, Lesson
from match_service.talk import Cue, Said, Sentence
from match_service.weights import Scale, TalkWeights, Weights
from textkit.people import Person

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_CANDIDATES: Final = 5
_SURE_NEW: Final = 0.8
"""Mean probability from which a new card needs no explicit word."""
_NEVER: Final = -1e3
_GROUP_GAP: Final = 6
"""Sentences about other things after which a new card's subject is taken as left."""


class Decision(StrEnum):
    """What to do about a text."""

    AUTO = "auto"
    CONFIRM = "confirm"
    NEW_CARD = "new_card"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A card for a text."""

    row: int
    """Row of the card in its corpus."""
    score: float
    """Joined score, 0 to 1."""
    probability: float
    """Calibrated probability that the text is about the card."""
    built_in: float
    """The same before what the workspace taught."""


@dataclass(frozen=True, slots=True)
class TextMatch:
    """What was found for a text on its own."""

    candidates: tuple[Candidate, ...]
    """Cards, best first."""
    decision: Decision
    """AUTO, CONFIRM or NOTHING."""
    no_card: float
    """Calibrated probability that no card fits."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What was found for a turn of a talk."""

    decision: Decision
    """What to do about it."""
    row: int | None
    """Row of its card; None unless the decision is AUTO or CONFIRM."""
    group: str
    """Name of the new card that it is about, such as `new1`; empty unless the decision is NEW_CARD."""
    probability: float
    """Calibrated probability of the decision."""
    built_in: float
    """The same before what the workspace taught."""
    candidates: tuple[Candidate, ...]
    """The best cards, best first."""
    rows: tuple[int, ...]
    """All cards that sentences of the turn are about, in order."""


@dataclass(frozen=True, slots=True)
class TalkMatch:
    """What was found for a talk."""

    turns: tuple[TurnResult, ...]
    """One for each turn."""
    sentences: tuple[Sentence, ...]
    """The sentences."""
    states: npt.NDArray[np.intp]
    """State of every sentence, as in `match_service.sequence`."""
    probabilities: Doubles
    """[sentences, states]."""


def match_texts(scores: PairScores, weights: Weights, limit: int, lesson: Lesson = NOTHING_LEARNT) -> list[TextMatch]:
    """Return the matches of texts of which each stands on its own."""
    count, cards = scores.cosine.shape
    if not cards:
        return [TextMatch((), Decision.NOTHING, 1.0)] * count
    logits = rank_logits(scores, weights)
    best = logits.argmax(axis=1)
    fit = features.fit_table(scores, logits, best, cards)
    right = logistic(fit @ np.array(weights.right, dtype=np.float32))
    any_card = np.maximum(logistic(fit @ np.array(weights.any_card, dtype=np.float32)), right)
    auto = max(weights.auto_text if scores.pieced else weights.auto_whole, lesson.auto)
    means = logits.mean(axis=1)
    matches: list[TextMatch] = []
    for row in range(count):
        chances = _chances(logits[row], int(best[row]), float(right[row]), float(any_card[row]))
        candidates = tuple(
            Candidate(
                int(card),
                score=float(logistic(logits[row, card] - means[row] - 3.0)),
                probability=lesson.probability(float(chances[card])),
                built_in=float(chances[card]),
            )
            for card in _top(logits[row], limit)
        )
        probability = lesson.probability(float(right[row]))
        matches.append(TextMatch(candidates, _decide(probability, auto, weights), 1.0 - float(any_card[row])))
    return matches


def reordered(match: TextMatch, order: Sequence[int]) -> TextMatch:
    """Return a match with its candidates in another order; probabilities stay with the place, because they are about ranks.

    The score stays with the card.
    """
    candidates = tuple(
        replace(match.candidates[place], probability=before.probability, built_in=before.built_in)
        for place, before in zip(order, match.candidates, strict=True)
    )
    return replace(match, candidates=candidates)


def _chances(logits: Floats, best: int, right: float, any_card: float) -> Doubles:
    """Return the probability of every card: `right` of the best, and what is left of `any_card` among the others by their scores."""
    shares = np.exp(logits.astype(np.float64) - logits[best])
    shares[best] = 0.0
    chances = (any_card - right) * shares / max(float(shares.sum()), 1e-12)
    np.minimum(chances, right, out=chances)
    chances[best] = right
    return np.asarray(chances, dtype=np.float64)


def rank_logits(scores: PairScores, weights: Weights) -> Floats:
    """Return the log-scores of every text and card on their own, [texts, cards]."""
    table = features.rank_table(scores)
    return sum((weights.rank[name] * table[name] for name in features.RANK), np.zeros_like(scores.cosine))


def match_talk(
    corpus: CardCorpus,
    turns: Sequence[Said],
    sentences: Sequence[Sentence],
    vectors: Floats,
    turn_vectors: Floats,
    people: Sequence[Person],
    weights: Weights,
    lesson: Lesson = NOTHING_LEARNT,
) -> TalkMatch:
    """Return the match of a talk; `vectors` belong to `sentences` and `turn_vectors` to `turns`, as query vectors."""
    chain = talk_chain(corpus, turns, sentences, vectors, turn_vectors, people, weights.talk)
    states, probabilities = read_chain(chain, sentences)
    groups = new_card_groups(states)
    by_turn: dict[int, list[int]] = {}
    for number, sentence in enumerate(sentences):
        by_turn.setdefault(sentence.turn, []).append(number)
    results = tuple(
        _turn_result(by_turn.get(number, []), states, probabilities, groups, weights, lesson)
        for number in range(len(turns))
    )
    return TalkMatch(results, tuple(sentences), states, probabilities)


def read_chain(chain: sequence.Chain, sentences: Sequence[Sentence]) -> tuple[npt.NDArray[np.intp], Doubles]:
    """Return the state of every sentence and the probabilities of all states.

    A new card that nobody asked for in words stays only where the chain is sure of it: what is merely hard to place must not
    fill the board with cards.
    """
    states, probabilities = sequence.best_path(chain), sequence.marginals(chain)
    doubtful = [
        place
        for places in _places(new_card_groups(states)).values()
        if not any(Cue.NEW_CARD in sentences[place].cues for place in places)
        and float(np.mean(probabilities[places, sequence.NEW])) < _SURE_NEW
        for place in places
    ]
    if not doubtful:
        return states, probabilities
    chain.emission[doubtful, sequence.NEW] = _NEVER
    return sequence.best_path(chain), sequence.marginals(chain)


def _places(groups: Mapping[int, str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place, name in groups.items():
        found.setdefault(name, []).append(place)
    return found


def talk_chain(
    corpus: CardCorpus,
    turns: Sequence[Said],
    sentences: Sequence[Sentence],
    vectors: Floats,
    turn_vectors: Floats,
    people: Sequence[Person],
    weights: TalkWeights,
) -> sequence.Chain:
    """Return the log scores of the talk's sentences and steps."""
    texts = [turn.text for turn in turns]
    blocks = features.talk_features(corpus, sentences, vectors, texts, turn_vectors, people)
    chains = [block_chain(block, weights) for block in blocks]
    nothing_said = np.zeros((0, len(corpus)))
    return sequence.Chain(
        emission=np.concatenate([np.zeros((0, len(corpus) + sequence.FIRST_CARD)), *(c.emission for c in chains)]),
        stay=np.concatenate([np.zeros(0), *(c.stay for c in chains)]),
        stay_nothing=np.concatenate([np.zeros(0), *(c.stay_nothing for c in chains)]),
        enter=np.concatenate([nothing_said, *(c.enter for c in chains)]),
        leave=weights.leave,
        enter_new=np.concatenate([np.zeros(0), *(c.enter_new for c in chains)]),
    )


def block_chain(block: features.TalkFeatures, weights: TalkWeights) -> sequence.Chain:
    """Return the log scores of some sentences and of the steps to them."""
    blank = np.zeros(block.sentences.cosine.shape)
    card = sum((weights.card[name] * block.card[name].astype(np.float64) for name in features.CARD), blank)
    enter = sum((weights.enter[name] * block.card[name].astype(np.float64) for name in features.ENTER), blank)
    nothing, new = linear(block.nothing, weights.nothing), linear(block.new, weights.new)
    return sequence.Chain(
        emission=np.concatenate([nothing[:, None], new[:, None], card], axis=1),
        stay=linear(block.step, weights.step),
        stay_nothing=linear(block.step, weights.stay_nothing),
        enter=enter,
        leave=weights.leave,
        enter_new=linear(block.new, weights.enter_new),
    )


def turn_log_odds(places: Sequence[int], states: npt.NDArray[np.intp], probabilities: Doubles) -> tuple[int, float]:
    """Return the state of a turn (that of its last sentence about any card) and the log-odds of it, uncalibrated."""
    about = [place for place in places if states[place] != sequence.NOTHING]
    if not about:
        chance = float(np.mean([probabilities[place, sequence.NOTHING] for place in places])) if places else 1.0
        return sequence.NOTHING, _log_odds(chance)
    state = int(states[about[-1]])
    same = [float(probabilities[place, state]) for place in about if states[place] == state]
    return state, _log_odds(max(same))


def calibrated(log_odds: float, scale: Scale) -> float:
    """Return the probability that a log-odds of the chain stands for."""
    return float(logistic(scale.slope * log_odds + scale.shift))


def _turn_result(
    places: Sequence[int],
    states: npt.NDArray[np.intp],
    probabilities: Doubles,
    groups: dict[int, str],
    weights: Weights,
    lesson: Lesson,
) -> TurnResult:
    state, log_odds = turn_log_odds(places, states, probabilities)
    built_in = calibrated(log_odds, weights.talk_scale)
    best = probabilities[list(places), sequence.FIRST_CARD :].max(axis=0) if places else np.zeros(0)
    candidates = tuple(
        Candidate(int(row), float(best[row]), lesson.probability(chance), chance)
        for row in _top(best, _CANDIDATES)
        for chance in (calibrated(_log_odds(float(best[row])), weights.talk_scale),)
    )
    rows = tuple(
        dict.fromkeys(
            int(states[place]) - sequence.FIRST_CARD for place in places if states[place] >= sequence.FIRST_CARD
        )
    )
    if state == sequence.NOTHING:
        return TurnResult(Decision.NOTHING, None, "", built_in, built_in, candidates, rows)
    if state == sequence.NEW:
        group = next(groups[place] for place in reversed(places) if place in groups)
        return TurnResult(Decision.NEW_CARD, None, group, built_in, built_in, candidates, rows)
    probability = lesson.probability(built_in)
    decision = Decision.AUTO if probability >= max(weights.auto_talk, lesson.auto) else Decision.CONFIRM
    return TurnResult(decision, state - sequence.FIRST_CARD, "", probability, built_in, candidates, rows)


def new_card_groups(states: npt.NDArray[np.intp]) -> dict[int, str]:
    """Return the new card of every sentence about one: runs of such sentences, joined over short interruptions."""
    groups: dict[int, str] = {}
    number, last = 0, -_GROUP_GAP - 1
    for place, state in enumerate(states):
        if state != sequence.NEW:
            continue
        between = states[last + 1 : place] if last >= 0 else states[:0]
        if last < 0 or place - last > _GROUP_GAP or any(other >= sequence.FIRST_CARD for other in between):
            number += 1
        groups[place] = f"new{number}"
        last = place
    return groups


def _decide(probability: float, auto: float, weights: Weights) -> Decision:
    if probability >= auto:
        return Decision.AUTO
    return Decision.CONFIRM if probability >= weights.confirm else Decision.NOTHING


def _top(values: npt.NDArray[np.floating], limit: int) -> npt.NDArray[np.intp]:
    if len(values) <= limit:
        return np.argsort(-values, kind="stable")
    nearest = np.argpartition(-values, limit)[:limit]
    return nearest[np.argsort(-values[nearest], kind="stable")]


def linear(table: features.Table, weights: Mapping[str, float]) -> Doubles:
    """Return the weighted sum of the features, [sentences]."""
    total = sum(weights[name] * values.astype(np.float64) for name, values in table.items() if name in weights)
    return np.asarray(total, dtype=np.float64)


def logistic(value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the probability of each log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(np.asarray(value, dtype=np.float64), -40.0, 40.0))))


def _log_odds(chance: float) -> float:
    bounded = min(max(chance, 1e-6), 1.0 - 1e-6)
    return float(np.log(bounded / (1.0 - bounded)))
