"""Which sentences of a card's turns are really about the card."""

from collections.abc import Sequence
from typing import Final

from match_service import sequence
from match_service.matching import TalkMatch
from match_service.talk import Cue, Sentence

_SURE: Final = 0.5
"""Probability from which a sentence counts as being about something else."""


def sentences_about(talk: TalkMatch, own: Sequence[Sentence], turns_before: int, row: int | None) -> list[Sentence]:
    """Return the sentences of `own` that are not about another card; `row` is None for a new card.

    `talk` is the match of the card's turns with context around them, `turns_before` turns of it standing before the first own
    one. The turns were chosen for the card by a look at the whole meeting, so a sentence goes only where this nearer look is
    sure, and never all do.
    """
    state = sequence.NEW if row is None else row + sequence.FIRST_CARD
    place = {(sentence.turn - turns_before, sentence.start): number for number, sentence in enumerate(talk.sentences)}
    kept: list[Sentence] = []
    for sentence in own:
        chances = talk.probabilities[place[sentence.turn, sentence.start]]
        elsewhere = max(1.0 - chances[state] - chances[sequence.NOTHING], chances[sequence.NOTHING])
        if elsewhere < _SURE and Cue.SMALL_TALK not in sentence.cues:
            kept.append(sentence)
    return kept or [sentence for sentence in own if Cue.SMALL_TALK not in sentence.cues]
