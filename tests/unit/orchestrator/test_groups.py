"""Turns are grouped by the cards that they, or some of their sentences, are about."""

from __future__ import annotations

from planerka.common.v1.card_pb2 import Card
from planerka.match.v1.match_pb2 import MatchDecision, MatchResponse, ScoredCard, TurnMatch

from orchestrator.steps.difference import _groups

AUTO, CONFIRM = MatchDecision.MATCH_DECISION_AUTO, MatchDecision.MATCH_DECISION_CONFIRM
CARDS = {name: Card(card_id=name, title=name) for name in ("crd_a", "crd_b")}


def test_a_turn_belongs_to_every_card_that_its_sentences_are_about() -> None:
    both = TurnMatch(
        turn_id="t1",
        decision=AUTO,
        card_id="crd_b",
        probability=0.9,
        candidates=[ScoredCard(card_id="crd_b", probability=0.9), ScoredCard(card_id="crd_a", probability=0.4)],
        other_card_ids=["crd_a", "crd_gone"],
    )
    groups = {group.card_id: group.turns["t1"] for group in _groups(MatchResponse(turns=[both]), CARDS)}
    assert set(groups) == {"crd_a", "crd_b"}
    assert (groups["crd_b"].decision, round(groups["crd_b"].probability, 3)) == (AUTO, 0.9)
    assert (groups["crd_a"].decision, round(groups["crd_a"].probability, 3)) == (CONFIRM, 0.4)


def test_small_talk_is_in_no_group() -> None:
    assert _groups(MatchResponse(turns=[TurnMatch(turn_id="t1")]), CARDS) == []
