"""The contract of the matching service: requests become texts and boards, results become messages."""

# ruff: noqa: ARG002, N802  (the contract names methods and their arguments)

from collections.abc import Sequence
from datetime import UTC, date
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import grpc
from planerka.common.v1 import card_pb2, transcript_pb2
from planerka.match.v1 import match_pb2 as pb
from planerka.match.v1 import match_pb2_grpc

from match_service import answers
from match_service.calibration import expected_calibration_error, reliability
from match_service.difference import Ground, find_changes
from match_service.engine import Engine, IndexedBoard
from match_service.errors import CardNotIndexed, DuplicateText, LanguageUnknown, TimeZoneUnknown, UnknownTurn
from match_service.learning import NOTHING_LEARNT, Lesson
from match_service.matching import Decision, TalkMatch, TextMatch, match_talk, match_texts, reordered
from match_service.prose import prose
from match_service.ranking import rank_texts_of_cards
from match_service.statements import read_statements
from match_service.store import MatchStore
from match_service.subject import sentences_about
from match_service.talk import Said, Sentence, sentences
from match_service.wording import Wording
from mesh.times import from_datetime, to_datetime, to_seconds
from textkit.lemmas import detect_language
from textkit.people import Person

__all__ = ["MatchServicer"]

_Context = grpc.aio.ServicerContext[Any, Any]

_LIMIT: Final = 10


class MatchServicer(match_pb2_grpc.MatchServiceServicer):
    """Answers the rpcs of `planerka.match.v1.MatchService`."""

    def __init__(self, engine: Engine, store: MatchStore) -> None:
        """Keep the engine and the state."""
        self._engine = engine
        self._store = store

    async def IndexCards(self, request: pb.IndexCardsRequest, context: _Context) -> pb.IndexCardsResponse:
        """Make the cards of a board known."""
        _unique("cards", [card.card_id for card in request.cards])
        return await self._engine.index(request)

    async def ScoreTexts(self, request: pb.ScoreTextsRequest, context: _Context) -> pb.ScoreTextsResponse:
        """Rank the cards for every text."""
        indexed = await self._engine.board(request.workspace_id, request.board_id)
        _unique("texts", [text.text_id for text in request.texts])
        texts = [prose(text.text) for text in request.texts]
        vectors = await self._engine.queries(texts)
        weights, lesson = self._engine.weights, await self._engine.lesson(request.workspace_id)

        def work() -> pb.ScoreTextsResponse:
            scores = indexed.corpus.compare(texts, vectors)
            matches = [
                self._reranked(text, match, indexed)
                for text, match in zip(
                    texts, match_texts(scores, weights, request.limit or _LIMIT, lesson), strict=True
                )
            ]
            rankings = [
                answers.text_ranking(text, row, match, scores, indexed.corpus)
                for row, (text, match) in enumerate(zip(request.texts, matches, strict=True))
            ]
            return pb.ScoreTextsResponse(rankings=rankings)

        return await self._engine.run(work)

    async def ScoreCards(self, request: pb.ScoreCardsRequest, context: _Context) -> pb.ScoreCardsResponse:
        """Rank the texts for every card."""
        indexed = await self._engine.board(request.workspace_id, request.board_id)
        _unique("texts", [text.text_id for text in request.texts])
        rows = _rows(indexed, request.card_ids, request.board_id)
        texts = [prose(text.text) for text in request.texts]
        vectors = await self._engine.queries(texts)
        weights, lesson = self._engine.weights, await self._engine.lesson(request.workspace_id)

        def work() -> pb.ScoreCardsResponse:
            scores = indexed.corpus.compare(texts, vectors)
            ranked = rank_texts_of_cards(scores, weights, rows, request.limit or _LIMIT, lesson)
            rankings = [
                answers.card_ranking(indexed.corpus, row, found, request.texts, scores)
                for row, found in zip(rows, ranked, strict=True)
            ]
            return pb.ScoreCardsResponse(rankings=rankings)

        return await self._engine.run(work)

    async def Match(self, request: pb.MatchRequest, context: _Context) -> pb.MatchResponse:
        """Match a meeting with a board."""
        indexed = await self._engine.board(request.workspace_id, request.board_id)
        _unique("turns", [turn.text_id for turn in request.turns])
        _unique("parts", [part.part_id for part in request.parts])
        turn_ids = {turn.text_id for turn in request.turns}
        for part in request.parts:
            for turn_id in part.turn_ids:
                if turn_id not in turn_ids:
                    raise UnknownTurn(part.part_id, turn_id)
        turns = [_said(turn) for turn in request.turns]
        parts = [answers.part_text(part) for part in request.parts]
        lesson = await self._engine.lesson(request.workspace_id)
        talk, scores_of_turns = await self._talk(indexed, turns, _people(request.people), lesson)
        part_vectors = await self._engine.queries(parts)
        weights = self._engine.weights

        def work() -> pb.MatchResponse:
            turn_scores = indexed.corpus.compare([turn.text for turn in turns], scores_of_turns)
            part_scores = indexed.corpus.compare(parts, part_vectors)
            return pb.MatchResponse(
                turns=answers.turn_matches(turns, talk, turn_scores, indexed.corpus),
                parts=answers.part_matches(request.parts, turns, talk, part_scores, indexed.corpus, weights, lesson),
                untouched=answers.untouched(talk, indexed.corpus),
            )

        return await self._engine.run(work)

    async def Difference(self, request: pb.DifferenceRequest, context: _Context) -> pb.DifferenceResponse:
        """Find what the turns say that the card does not say yet."""
        _unique("turns", [turn.text_id for turn in request.turns])
        day = _meeting_day(request)
        wording = Wording(_language(request))
        people, members = _roster(request.people, request.board)
        turns = [_said(turn) for turn in request.turns]
        about = await self._about(request, turns, people)
        indexed = await self._engine.find_board(request.workspace_id, request.board.board_id)
        ground = Ground(
            board=request.board,
            card=request.card if request.HasField("card") else None,
            members=members,
            known=request.known,
            day=day,
            wording=wording,
            others=[v for v in indexed.corpus.cards if v.card_id != request.card.card_id] if indexed else (),
        )

        def work() -> pb.DifferenceResponse:
            statements = read_statements(turns, about, people, request.board.columns, day)
            return pb.DifferenceResponse(changes=find_changes(statements, ground))

        return await self._engine.run(work)

    async def Learn(self, request: pb.LearnRequest, context: _Context) -> pb.LearnResponse:
        """Keep a decision, and learn from it."""
        return await self._engine.take(request)

    async def GetCalibration(self, request: pb.GetCalibrationRequest, context: _Context) -> pb.GetCalibrationResponse:
        """Tell how far probabilities and approvals agree."""
        votes = await self._store.votes(request.workspace_id)
        diagram = reliability([(vote.shown, vote.right) for vote in votes])
        weights, lesson = self._engine.weights, await self._engine.lesson(request.workspace_id)
        learnt = reliability([(lesson.probability(vote.built_in), vote.right) for vote in votes])
        answer = pb.GetCalibrationResponse(
            bins=[
                pb.CalibrationBin(
                    lower=bar.lower,
                    upper=bar.upper,
                    count=bar.count,
                    mean_probability=bar.mean_probability,
                    approved_share=bar.approved_share,
                    approved_low=bar.approved_low,
                    approved_high=bar.approved_high,
                )
                for bar in diagram
            ],
            expected_calibration_error=expected_calibration_error(diagram),
            decisions=len(votes),
            auto_threshold=max(weights.auto_talk, lesson.auto),
            confirm_threshold=weights.confirm,
            wanted_precision=weights.wanted_precision,
            learnt_error=expected_calibration_error(learnt),
            slope=lesson.scale.slope,
            shift=lesson.scale.shift,
        )
        fitted_at = await self._store.last_decision(request.workspace_id) if lesson.votes else None
        if fitted_at is not None:
            answer.fitted_at.CopyFrom(from_datetime(fitted_at))
        return answer

    def _reranked(self, text: str, match: TextMatch, indexed: IndexedBoard) -> TextMatch:
        """Let the cross-encoder order the cards of a text about which a person is asked."""
        reranker = self._engine.reranker
        if reranker is None or match.decision is not Decision.CONFIRM:
            return match
        cards = [indexed.corpus.cards[candidate.row] for candidate in match.candidates]
        return reordered(match, reranker.order(text, [card.passage for card in cards]))

    async def _talk(
        self,
        indexed: IndexedBoard,
        turns: Sequence[Said],
        people: Sequence[Person],
        lesson: Lesson = NOTHING_LEARNT,
    ) -> tuple[TalkMatch, Any]:
        """Return the match of a talk, and the query vectors of its turns."""
        parts = sentences(turns)
        vectors = await self._engine.queries([part.text for part in parts])
        turn_vectors = await self._engine.queries([turn.text for turn in turns])
        weights = self._engine.weights
        talk = await self._engine.run(
            lambda: match_talk(indexed.corpus, turns, parts, vectors, turn_vectors, people, weights, lesson)
        )
        return talk, turn_vectors

    async def _about(
        self, request: pb.DifferenceRequest, turns: Sequence[Said], people: Sequence[Person]
    ) -> list[Sentence]:
        """Return the sentences of the turns that are not about another card of the board, where the board is indexed."""
        own = sentences(turns)
        indexed = await self._engine.find_board(request.workspace_id, request.board.board_id)
        if indexed is None or not own:
            return own
        before, after = _context(request, turns)
        everything = [*before, *turns, *after]
        talk, _ = await self._talk(indexed, everything, people)
        row = indexed.corpus.rows.get(request.card.card_id) if request.HasField("card") else None
        if row is None and request.HasField("card"):
            return own
        return sentences_about(talk, own, len(before), row)


def _said(text: pb.MatchText) -> Said:
    return Said(
        turn_id=text.text_id,
        text=text.text,
        speaker=text.speaker,
        start=to_seconds(text.start) if text.HasField("start") else None,
        end=to_seconds(text.end) if text.HasField("end") else None,
    )


def _context(request: pb.DifferenceRequest, turns: Sequence[Said]) -> tuple[list[Said], list[Said]]:
    """Return the context before and after the turns, by its times; without times it is taken as before them."""
    context = [_said(text) for text in request.context]
    first = next((turn.start for turn in turns if turn.start is not None), None)
    after = [text for text in context if first is not None and text.start is not None and text.start > first]
    return [text for text in context if text not in after], after


def _people(people: Sequence[transcript_pb2.Person]) -> list[Person]:
    return [Person(person.name, (person.name, *person.aliases)) for person in people]


def _roster(
    people: Sequence[transcript_pb2.Person], board: card_pb2.Board
) -> tuple[list[Person], dict[str, card_pb2.Member]]:
    """Return everybody whom talk may mean, and who of them is a member of the board."""
    by_id = {member.member_id: member for member in board.members}
    by_name = {member.name: member for member in board.members}
    roster = _people(people)
    members: dict[str, card_pb2.Member] = {}
    for person in people:
        member = by_id.get(person.member_id) or by_name.get(person.name)
        if member is not None:
            members[person.name] = member
    taken = {member.member_id for member in members.values()}
    for member in board.members:
        if member.member_id not in taken and member.name not in members:
            roster.append(Person(member.name, (member.name,)))
            members[member.name] = member
    return roster, members


def _meeting_day(request: pb.DifferenceRequest) -> date | None:
    if not request.HasField("meeting_started_at"):
        return None
    try:
        zone = ZoneInfo(request.time_zone) if request.time_zone else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TimeZoneUnknown(request.time_zone) from error
    return to_datetime(request.meeting_started_at).astimezone(zone).date()


def _language(request: pb.DifferenceRequest) -> str:
    if request.language:
        if not (len(request.language) == 2 and request.language.isascii() and request.language.islower()):
            raise LanguageUnknown(request.language)
        return request.language
    told = detect_language(" ".join(turn.text for turn in request.turns))
    return "ru" if told in {"ru", "mixed"} else "en"


def _rows(indexed: IndexedBoard, card_ids: Sequence[str], board_id: str) -> list[int]:
    if not card_ids:
        return list(range(len(indexed.corpus)))
    missing = next((card_id for card_id in card_ids if card_id not in indexed.corpus.rows), None)
    if missing is not None:
        raise CardNotIndexed(missing, board_id)
    return [indexed.corpus.rows[card_id] for card_id in card_ids]


def _unique(field: str, ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for text_id in ids:
        if text_id in seen:
            raise DuplicateText(field, text_id)
        seen.add(text_id)
