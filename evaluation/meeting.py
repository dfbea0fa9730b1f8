"""Measures of a whole meeting: which cards it reached, what was found new, and whether every statement has its quote.

The truth of a meeting is a `truth.json` with `turns` (`start`, `end` in seconds, `speaker`, `text`, and `card`: a card of the
board, `NEW:<title>` for one that has to be created, or null). A turn may also have `owner` and `due` (YYYY-MM-DD) of the work that
it promises, and the file a list `stale` of cards that nobody spoke about for long.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.speech import SpeakerText

__all__ = [
    "NEW",
    "LinkScore",
    "Promise",
    "Quote",
    "Statement",
    "Truth",
    "TruthTurn",
    "Turn",
    "f1",
    "link_scores",
    "load_truth",
    "new_cards_found",
    "promise_accuracy",
    "ungrounded",
]

NEW = "NEW"
"""Label of talk about a card that has to be created."""


@dataclass(frozen=True)
class TruthTurn(SpeakerText):
    """One turn as it was really said."""

    card: str | None
    """Key of the card, `NEW:<title>`, or None."""
    owner: str | None = None
    due: str | None = None
    """YYYY-MM-DD."""

    @property
    def label(self) -> str | None:
        """The card, with one label for all new ones."""
        return NEW if self.card is not None and self.card.startswith(f"{NEW}:") else self.card


@dataclass(frozen=True)
class Truth:
    """What really happened in a meeting."""

    title: str
    language: str
    day: str | None
    """YYYY-MM-DD; None where the file does not tell."""
    turns: tuple[TruthTurn, ...]
    stale: frozenset[str] | None
    """Cards by key; None where the file does not tell."""


@dataclass(frozen=True)
class Turn(SpeakerText):
    """One turn as it was recognised."""

    turn_id: str
    label: str | None
    """Key of the card that the turn was linked to, `NEW`, or None."""


@dataclass(frozen=True)
class Quote:
    """Words that a statement rests on."""

    turn_id: str
    text: str


@dataclass(frozen=True)
class Statement:
    """Anything that claims to follow from the talk, with the quotes that it gives."""

    name: str
    quotes: tuple[Quote, ...]


@dataclass(frozen=True)
class Promise(Statement):
    """An action with who does it, until when; empty where that was not found."""

    owner: str
    due: str
    """YYYY-MM-DD."""


@dataclass(frozen=True)
class LinkScore:
    """How well turns were linked to cards, counted over the true turns."""

    hits: int
    predicted: int
    true: int

    @property
    def precision(self) -> float:
        """Share of right links among the predicted ones; 1.0 where nothing was predicted."""
        return self.hits / self.predicted if self.predicted else 1.0

    @property
    def recall(self) -> float:
        """Share of the true links that were found; 1.0 where there are none."""
        return self.hits / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return f1(self.precision, self.recall)


def load_truth(path: Path) -> Truth:
    """Read a `truth.json`; ValueError says what is wrong with it."""
    try:
        data: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        turns = tuple(
            TruthTurn(
                float(turn["start"]),
                float(turn["end"]),
                str(turn["speaker"]),
                str(turn["text"]),
                turn["card"],
                turn.get("owner"),
                turn.get("due"),
            )
            for turn in data["turns"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not the truth of a meeting: {error!r}") from error
    stale = data.get("stale")
    return Truth(
        title=str(data.get("title", path.parent.name)),
        language=str(data.get("language", "")),
        day=data.get("date"),
        turns=turns,
        stale=None if stale is None else frozenset(stale),
    )


def f1(precision: float, recall: float) -> float:
    """Harmonic mean; 0.0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _overlap(left: SpeakerText, right: SpeakerText) -> float:
    return max(0.0, min(left.end, right.end) - max(left.start, right.start))


def _label_over(truth: TruthTurn, turns: Iterable[Turn]) -> str | None:
    """The label that covers most of the turn; stretches without a card are a label too."""
    shares: dict[str | None, float] = defaultdict(float)
    for turn in turns:
        shares[turn.label] += _overlap(truth, turn)
    best = max(shares.items(), key=lambda share: share[1], default=(None, 0.0))
    return best[0] if best[1] > 0 else None


def link_scores(truth: Sequence[TruthTurn], turns: Sequence[Turn]) -> LinkScore:
    """Compare the card of each true turn with the one that the recognised turns at the same time were linked to.

    Recognised turns are cut differently than true ones, so the label with the longest overlap counts.
    """
    pairs = [(turn.label, _label_over(turn, turns)) for turn in truth]
    return LinkScore(
        hits=sum(true is not None and true == found for true, found in pairs),
        predicted=sum(found is not None for _, found in pairs),
        true=sum(true is not None for true, _ in pairs),
    )


def new_cards_found(truth: Sequence[TruthTurn], turns: Sequence[Turn], proposed: Sequence[Statement]) -> float | None:
    """Share of the cards to create for which a proposal quotes a turn at the time of theirs; None where there are none."""
    wanted: dict[str, list[TruthTurn]] = defaultdict(list)
    for turn in truth:
        if turn.card is not None and turn.label == NEW:
            wanted[turn.card].append(turn)
    if not wanted:
        return None
    quoted = [_quoted(statement, turns) for statement in proposed]
    found = sum(
        any(_overlap(one, other) > 0 for spans in quoted for one in spans for other in group)
        for group in wanted.values()
    )
    return found / len(wanted)


def promise_accuracy(
    truth: Sequence[TruthTurn], turns: Sequence[Turn], promises: Sequence[Promise], field: str
) -> float | None:
    """Share of the true `owner`s or `due` days that an action quoting the same time has; None where there are none."""
    wanted = [(turn, str(getattr(turn, field)).casefold()) for turn in truth if getattr(turn, field) is not None]
    if not wanted:
        return None
    right = 0
    for turn, value in wanted:
        near = [one for one in promises if any(_overlap(turn, span) > 0 for span in _quoted(one, turns))]
        right += any(str(getattr(one, field)).casefold() == value for one in near)
    return right / len(wanted)


def ungrounded(statements: Iterable[Statement], turns: Sequence[SpeakerText], ids: Sequence[str]) -> list[str]:
    """Names of the statements without a quote, or with one that its turn does not hold letter by letter.

    Args:
        statements: What is claimed.
        turns: The recognised turns.
        ids: Their identifiers, in the same order.
    """
    texts = {turn_id: " ".join(turn.text.split()) for turn_id, turn in zip(ids, turns, strict=True)}
    return [
        statement.name
        for statement in statements
        if not statement.quotes
        or any(
            " ".join(quote.text.split()) not in texts.get(quote.turn_id, "") or not quote.text
            for quote in statement.quotes
        )
    ]


def _quoted(statement: Statement, turns: Sequence[Turn]) -> list[Turn]:
    wanted = {quote.turn_id for quote in statement.quotes}
    return [turn for turn in turns if turn.turn_id in wanted]
