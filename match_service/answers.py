"""Results as messages of the contract."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from planerka.match.v1 import match_pb2 as pb

from match_service import sequence
from match_service.corpus import CardCorpus, PairScores
from match_service.learning import NOTHING_LEARNT, Lesson
from match_service.matching import Candidate, Decision, TalkMatch, TextMatch, TurnResult, match_texts, rank_logits
from match_service.ranking import RankedText, back_logits, mutual, rank_shares
from match_service.talk import Said
from match_service.weights import Weights

_SHARED: Final = 8
_DECISIONS: Final = {
    Decision.AUTO: pb.MATCH_DECISION_AUTO,
    Decision.CONFIRM: pb.MATCH_DECISION_CONFIRM,
    Decision.NEW_CARD: pb.MATCH_DECISION_NEW_CARD,
    Decision.NOTHING: pb.MATCH_DECISION_NOTHING,
}


def text_ranking(
    text: pb.MatchText, row: int, match: TextMatch, scores: PairScores, corpus: CardCorpus
) -> pb.TextRanking:
    """Return the cards for one text."""
    return pb.TextRanking(
        text_id=text.text_id,
        cards=_scored(text.text, text.speaker, row, match.candidates, scores, corpus),
        decision=_DECISIONS[match.decision],
        no_card_probability=match.no_card,
    )


def card_ranking(
    corpus: CardCorpus, row: int, found: Sequence[RankedText], texts: Sequence[pb.MatchText], scores: PairScores
) -> pb.CardRanking:
    """Return the texts for one card."""
    return pb.CardRanking(
        card_id=corpus.cards[row].card_id,
        texts=[
            pb.ScoredText(
                text_id=texts[ranked.number].text_id,
                score=ranked.score,
                probability=ranked.probability,
                signals=signals(
                    texts[ranked.number].text, texts[ranked.number].speaker, ranked.number, row, scores, corpus
                ),
            )
            for ranked in found
        ],
    )


def turn_matches(turns: Sequence[Said], talk: TalkMatch, scores: PairScores, corpus: CardCorpus) -> list[pb.TurnMatch]:
    """Return what was found for every turn."""
    return [
        pb.TurnMatch(
            turn_id=turn.turn_id,
            decision=_DECISIONS[result.decision],
            card_id="" if result.row is None else corpus.cards[result.row].card_id,
            new_card_group=result.group,
            probability=result.probability,
            candidates=_scored(turn.text, turn.speaker, number, result.candidates, scores, corpus),
            other_card_ids=[corpus.cards[row].card_id for row in result.rows if row != result.row],
        )
        for number, (turn, result) in enumerate(zip(turns, talk.turns, strict=True))
    ]


def part_text(part: pb.MatchPart) -> str:
    """Return the words of a part, title first."""
    return "\n".join(text for text in (part.title, part.text) if text.strip()) or part.part_id


def part_matches(
    parts: Sequence[pb.MatchPart],
    turns: Sequence[Said],
    talk: TalkMatch,
    scores: PairScores,
    corpus: CardCorpus,
    weights: Weights,
    lesson: Lesson = NOTHING_LEARNT,
) -> list[pb.PartMatch]:
    """Return the pairs of parts and cards, best first; a part without turns is matched by its own words."""
    if not parts:
        return []
    forward = rank_logits(scores, weights)
    shares = rank_shares(forward, 1), rank_shares(back_logits(scores, weights), 0)
    results = {turn.turn_id: result for turn, result in zip(turns, talk.turns, strict=True)}
    alone = match_texts(scores, weights, 1, lesson)
    found: list[pb.PartMatch] = []
    for number, part in enumerate(parts):
        about = [(turn_id, results[turn_id]) for turn_id in part.turn_ids]
        rows = list(dict.fromkeys(row for _, result in about for row in result.rows))
        for row in rows:
            said = [(turn_id, result) for turn_id, result in about if row in result.rows]
            own = [result for _, result in said if result.row == row]
            chances = [(result.probability, result.built_in) for result in own]
            chance = max(chances, default=_chance([result for _, result in said], row))
            decision = Decision.AUTO if any(result.decision is Decision.AUTO for result in own) else Decision.CONFIRM
            found.append(_pair(part, number, row, decision, chance, [turn for turn, _ in said], scores, corpus, shares))
        for group in dict.fromkeys(result.group for _, result in about if result.group):
            said = [(turn_id, result) for turn_id, result in about if result.group == group]
            found.append(
                pb.PartMatch(
                    part_id=part.part_id,
                    new_card_group=group,
                    probability=max(result.probability for _, result in said),
                    decision=pb.MATCH_DECISION_NEW_CARD,
                    turn_ids=[turn_id for turn_id, _ in said],
                )
            )
        if not part.turn_ids and alone[number].decision in {Decision.AUTO, Decision.CONFIRM}:
            best = alone[number].candidates[0]
            chance = best.probability, best.built_in
            found.append(_pair(part, number, best.row, alone[number].decision, chance, [], scores, corpus, shares))
    return sorted(found, key=lambda match: (-match.probability, -match.mutual_score))


def untouched(talk: TalkMatch, corpus: CardCorpus) -> list[pb.UntouchedCard]:
    """Return the cards that no sentence is about, in the order of the board."""
    touched = set(talk.states.tolist())
    best = talk.probabilities.max(axis=0) if len(talk.probabilities) else np.zeros(len(corpus) + sequence.FIRST_CARD)
    return [
        pb.UntouchedCard(card_id=card.card_id, best_score=float(best[row + sequence.FIRST_CARD]))
        for row, card in enumerate(corpus.cards)
        if row + sequence.FIRST_CARD not in touched
    ]


def signals(text: str, speaker: str, number: int, row: int, scores: PairScores, corpus: CardCorpus) -> pb.MatchSignals:
    """Return why a text and a card have their score."""
    card = corpus.cards[row]
    dense = scores.cosine[number]
    others = np.delete(dense, row)
    lead = float(dense[row] - others.max()) if len(others) else 1.0
    words = {word.lower() for word in [*text.replace(",", " ").replace(".", " ").split(), *speaker.split()]}
    return pb.MatchSignals(
        dense=float(dense[row]),
        lexical=float(scores.lexical[number, row]),
        text_to_card=1.0 / (1 + int((dense > dense[row]).sum())),
        card_to_text=1.0 / (1 + int((scores.cosine[:, row] > dense[row]).sum())),
        margin=min(max(lead, 0.0), 1.0),
        shared_words=corpus.shared_words(text, row)[:_SHARED],
        named=bool(scores.named[number, row]),
        member=any(part.lower() in words for name in card.members for part in name.split()),
    )


def _pair(
    part: pb.MatchPart,
    number: int,
    row: int,
    decision: Decision,
    chance: tuple[float, float],
    turn_ids: Sequence[str],
    scores: PairScores,
    corpus: CardCorpus,
    shares: tuple[np.ndarray, np.ndarray],
) -> pb.PartMatch:
    there, back = float(shares[0][number, row]), float(shares[1][number, row])
    why = signals(part_text(part), "", number, row, scores, corpus)
    why.text_to_card, why.card_to_text, why.built_in_probability = there, back, chance[1]
    return pb.PartMatch(
        part_id=part.part_id,
        card_id=corpus.cards[row].card_id,
        mutual_score=mutual(there, back),
        probability=chance[0],
        decision=_DECISIONS[decision],
        signals=why,
        turn_ids=turn_ids,
    )


def _scored(
    text: str, speaker: str, number: int, candidates: Sequence[Candidate], scores: PairScores, corpus: CardCorpus
) -> list[pb.ScoredCard]:
    cards = []
    for candidate in candidates:
        why = signals(text, speaker, number, candidate.row, scores, corpus)
        why.built_in_probability = candidate.built_in
        cards.append(
            pb.ScoredCard(
                card_id=corpus.cards[candidate.row].card_id,
                score=candidate.score,
                probability=candidate.probability,
                signals=why,
            )
        )
    return cards


def _chance(results: Sequence[TurnResult], row: int) -> tuple[float, float]:
    found = ((c.probability, c.built_in) for result in results for c in result.candidates if c.row == row)
    return max(found, default=(0.0, 0.0))
