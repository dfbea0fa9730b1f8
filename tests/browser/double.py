"""An orchestrator with the sample meeting in it: a real gRPC server, with a ledger of what it was asked to do.

It stands in for the real one where a test is about its clients: the command line and the page.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from planerka.asr.v1 import asr_pb2
from planerka.common.v1 import card_pb2, change_pb2, transcript_pb2
from planerka.llm.v1 import llm_pb2
from planerka.match.v1 import match_pb2
from planerka.orchestrator.v1 import (
    calibration_pb2,
    document_pb2,
    meeting_pb2,
    orchestrator_pb2,
    orchestrator_pb2_grpc,
    proposal_pb2,
    workspace_pb2,
)
from scipy.stats import beta

from mesh.errors import FailedPrecondition, InvalidArgument, NotFound, NotReady, PlanerkaError, to_status
from mesh.times import from_date, from_datetime, from_seconds

BEGUN = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
MEETING = "mtg_standup"
BOARD = "brd_mobile"


class Double(orchestrator_pb2_grpc.OrchestratorServiceServicer):
    """The servicer.

    Attributes:
        decisions: Every `Decide` request in order.
        received: Chunks of live audio that arrived.
        imported: Files that arrived, by name.
    """

    def __init__(self, sample: Path) -> None:
        self.decisions: list[orchestrator_pb2.DecideRequest] = []
        self.received: list[int] = []
        self.imported: dict[str, bytes] = {}
        self.voices: dict[str, asr_pb2.Voice] = {}
        self.ack_every = 1
        self.drop_after: int | None = None
        self.hears = True
        self.flushed = 0
        self.captions: list[orchestrator_pb2.WatchMeetingResponse] = []
        self._lock = threading.Lock()
        truth = json.loads((sample / "truth.json").read_text(encoding="utf-8"))
        content = json.loads((sample / "board.json").read_text(encoding="utf-8"))
        self.board = _board(content)
        self.cards = _cards(content, self.board)
        self.turns = _turns(truth)
        self.summary = _summary(self.turns)
        self.links = _links(truth)
        self.proposals = _proposals(self.board, self.cards, self.turns)
        self.meetings = [self._meeting(MEETING, truth["title"])]
        self.people: list[workspace_pb2.WorkspacePerson] = []
        self.calibration: calibration_pb2.GetCalibrationResponse | None = calibration()
        self.documents: list[tuple[document_pb2.AddDocumentConfig, bytes]] = []
        self.additions: list[str] = []
        self.removals: list[str] = []
        self.reads_documents = threading.Event()
        self.reads_documents.set()
        self.refuse_documents: PlanerkaError | None = None
        self.settings = workspace_pb2.WorkspaceSettings(
            workspace_id="wsp_default", language="ru", stale_after_meetings=3, stale_after_days=14
        )
        self.events = [
            _event(1, proposal_pb2.EVENT_KIND_MEETING_CREATED, "Создана встреча «Планёрка мобильной команды»")
        ]
        for number, one in enumerate(self.proposals, start=2):
            self.events.append(
                _event(
                    number, proposal_pb2.EVENT_KIND_PROPOSAL_CREATED, f"Предложение {one.proposal_id}", one.proposal_id
                )
            )

    def __enter__(self) -> Self:
        self._server = grpc.server(ThreadPoolExecutor(max_workers=16))
        orchestrator_pb2_grpc.add_OrchestratorServiceServicer_to_server(self, self._server)
        state = health.HealthServicer()
        state.set("planerka.orchestrator.v1.OrchestratorService", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(state, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop(0.2).wait()

    def proposal(self, proposal_id: str) -> proposal_pb2.Proposal:
        found = next((one for one in self.proposals if one.proposal_id == proposal_id), None)
        if found is None:
            raise NotFound(
                f"There is no proposal {proposal_id}.", reason="PROPOSAL_NOT_FOUND", resource=("proposal", proposal_id)
            )
        return found

    def card(self, key: str) -> card_pb2.Card:
        return next(card for card in self.cards if card.key == key)

    # The contract.

    def ListMeetings(self, request: Any, context: grpc.ServicerContext) -> Any:
        return orchestrator_pb2.ListMeetingsResponse(meetings=[self._fresh(one) for one in self.meetings])

    def GetMeeting(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = next((one for one in self.meetings if one.meeting_id == request.meeting_id), None)
        if found is None:
            _abort(context, NotFound(f"There is no meeting {request.meeting_id}.", reason="MEETING_NOT_FOUND"))
        detail = meeting_pb2.MeetingDetail(meeting=self._fresh(found), turns=self.turns, links=self.links)
        detail.summary.CopyFrom(self.summary)
        return orchestrator_pb2.GetMeetingResponse(detail=detail)

    def WatchMeeting(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        found = next(one for one in self.meetings if one.meeting_id == request.meeting_id)
        if found.state == meeting_pb2.MEETING_STATE_LIVE:
            yield from self._watch_live(found, context)
            return
        working = meeting_pb2.Meeting()
        working.CopyFrom(found)
        working.state = meeting_pb2.MEETING_STATE_PROCESSING
        for turn in self.turns:
            yield orchestrator_pb2.WatchMeetingResponse(turn=turn)
        for stage in range(meeting_pb2.STAGE_TRANSCRIBE, meeting_pb2.STAGE_WAIT):
            working.stage = stage
            yield orchestrator_pb2.WatchMeetingResponse(meeting=working)
        yield orchestrator_pb2.WatchMeetingResponse(meeting=self._fresh(found))

    def _watch_live(self, found: meeting_pb2.Meeting, context: grpc.ServicerContext) -> Iterator[Any]:
        heard = 0
        yield from (orchestrator_pb2.WatchMeetingResponse(turn=turn) for turn in self.turns)
        told = len(self.turns)
        yield orchestrator_pb2.WatchMeetingResponse(meeting=found)
        while context.is_active() and found.state == meeting_pb2.MEETING_STATE_LIVE:
            for turn in self.turns[told:]:
                told += 1
                yield orchestrator_pb2.WatchMeetingResponse(turn=turn)
            for caption in self.captions[heard:]:
                heard += 1
                yield caption
            time.sleep(0.05)
        yield orchestrator_pb2.WatchMeetingResponse(meeting=self._fresh(found))

    def DeleteMeeting(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.meetings = [one for one in self.meetings if one.meeting_id != request.meeting_id]
        return orchestrator_pb2.DeleteMeetingResponse()

    def RenameSpeaker(self, request: Any, context: grpc.ServicerContext) -> Any:
        touched = [turn for turn in self.turns if turn.speaker == request.speaker]
        for turn in touched:
            turn.speaker_name = request.name
        return orchestrator_pb2.RenameSpeakerResponse(turns=len(touched))

    def StreamMeeting(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        first = next(requests)
        resumed = first.WhichOneof("request") == "resume"
        if not resumed:
            self.meetings.insert(0, self._meeting("mtg_live", first.config.meeting.title))
        opened = orchestrator_pb2.MeetingOpened(
            meeting_id="mtg_live", resume_token="again", next_sequence=len(self.received) + 1
        )
        yield orchestrator_pb2.StreamMeetingResponse(event_id=1, opened=opened)
        told = 0
        for request in requests:
            if request.HasField("flush"):
                self.flushed += 1
            else:
                self.received.append(request.audio.sequence)
            if self.drop_after == len(self.received):
                self.drop_after = None
                context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke")
            if len(self.received) % self.ack_every == 0:
                ack = orchestrator_pb2.StreamMeetingResponse()
                ack.ack.sequence = self.received[-1]
                yield ack
            if self.hears and (request.HasField("flush") or len(self.received) % 20 == 0):
                progress = orchestrator_pb2.StreamMeetingResponse()
                heard = from_seconds(len(self.received) / 10)
                progress.progress.transcribed.CopyFrom(heard)
                if request.HasField("flush"):
                    progress.progress.final.CopyFrom(heard)
                yield progress
            while told < len(self.turns) and self.turns[told].end.seconds < len(self.received) / 10:
                yield orchestrator_pb2.StreamMeetingResponse(event_id=told + 2, turn=self.turns[told])
                told += 1
        for number in range(told, len(self.turns)):
            yield orchestrator_pb2.StreamMeetingResponse(event_id=number + 2, turn=self.turns[number])
        closed = orchestrator_pb2.MeetingClosed(meeting=self.meetings[0])
        yield orchestrator_pb2.StreamMeetingResponse(event_id=99, closed=closed)

    def ImportMeeting(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        first = next(requests)
        self.imported[first.config.file_name] = b"".join(request.data for request in requests)
        self.meetings.insert(0, self._meeting("mtg_file", first.config.meeting.title))
        return orchestrator_pb2.ImportMeetingResponse(meeting=self.meetings[0])

    def ListProposals(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = [one for one in self.proposals if not request.states or one.state in request.states]
        return orchestrator_pb2.ListProposalsResponse(proposals=found)

    def Decide(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._lock:
            self.decisions.append(request)
            try:
                found = self.proposal(request.proposal_id)
                if found.state != proposal_pb2.PROPOSAL_STATE_PENDING:
                    raise FailedPrecondition("The proposal is decided already.", reason="ALREADY_DECIDED")
            except PlanerkaError as error:
                _abort(context, error)
            self._carry_out(found, request)
            return orchestrator_pb2.DecideResponse(proposal=found)

    def Undo(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = self.proposal(request.proposal_id)
        found.state = proposal_pb2.PROPOSAL_STATE_UNDONE
        return orchestrator_pb2.UndoResponse(proposal=found)

    def GoBack(self, request: Any, context: grpc.ServicerContext) -> Any:
        return orchestrator_pb2.GoBackResponse(meeting=self.meetings[0])

    def GetCalibration(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self.calibration is None:
            _abort(context, NotReady("The matching service does not answer.", reason="SERVICE_AWAY"))
        return self.calibration

    def ListEvents(self, request: Any, context: grpc.ServicerContext) -> Any:
        return orchestrator_pb2.ListEventsResponse(events=self.events[::-1][: request.page_size or 100])

    def GetWorkspaceSettings(self, request: Any, context: grpc.ServicerContext) -> Any:
        return orchestrator_pb2.GetWorkspaceSettingsResponse(settings=self.settings)

    def UpdateWorkspaceSettings(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.settings.CopyFrom(request.settings)
        return orchestrator_pb2.UpdateWorkspaceSettingsResponse(settings=self.settings)

    def GetModelUsage(self, request: Any, context: grpc.ServicerContext) -> Any:
        took = llm_pb2.ModelUsage(
            provider="giga", model="GigaChat-2", purpose="summary", calls=3, redacted=2, prompt_tokens=1200,
            completion_tokens=80, cost_micros=1_250_000, currency="RUB",
        )  # fmt: skip
        state = llm_pb2.ProviderState(
            name="giga", kind="gigachat", model="GigaChat-2", context_tokens=8192, structured_mode="prompt"
        )
        since = request.HasField("after") and request.after.seconds > 2_000_000_000
        return orchestrator_pb2.GetModelUsageResponse(usage=[] if since else [took], providers=[state])

    def ListTemplates(self, request: Any, context: grpc.ServicerContext) -> Any:
        return orchestrator_pb2.ListTemplatesResponse(
            templates=[llm_pb2.Template(name=name, layout="x") for name in ("default", "retro")]
        )

    def AddDocument(self, request_iterator: Iterator[Any], context: grpc.ServicerContext) -> Any:
        config = next(request_iterator).config
        data = b"".join(request.data for request in request_iterator)
        self.additions.append(config.idempotency_key)
        self.reads_documents.wait(30)
        if self.refuse_documents is not None:
            _abort(context, self.refuse_documents)
        if data.startswith(b"\xff"):
            _abort(context, InvalidArgument("no text", reason="FILE_BROKEN"))
        if config.document_id:
            number = int(config.document_id.removeprefix("doc_")) - 1
            before, _ = self.documents[number]
            config.title = config.title or before.title or before.file_name
            config.reader_ids.extend(before.reader_ids)
            self.documents[number] = (config, data)
            return document_pb2.AddDocumentResponse(document=self._document(number), chunks=1)
        keys = [one.idempotency_key for one, _ in self.documents]
        if config.idempotency_key not in keys:
            keys.append(config.idempotency_key)
            self.documents.append((config, data))
        number = keys.index(config.idempotency_key)
        return document_pb2.AddDocumentResponse(document=self._document(number), chunks=1)

    def ListDocuments(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = [self._document(number) for number in range(len(self.documents))]
        return document_pb2.ListDocumentsResponse(documents=found)

    def RemoveDocument(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self.refuse_documents is not None:
            _abort(context, self.refuse_documents)
        self.removals.append(request.idempotency_key)
        del self.documents[int(request.document_id.removeprefix("doc_")) - 1]
        return document_pb2.RemoveDocumentResponse()

    def _document(self, number: int) -> document_pb2.KnowledgeDocument:
        config, data = self.documents[number]
        text = "" if data.startswith(b"%PDF") else data.decode()
        moment = from_datetime(BEGUN + timedelta(days=number))
        return document_pb2.KnowledgeDocument(
            document_id=f"doc_{number + 1}",
            title=config.title or config.file_name,
            file_name=config.file_name,
            format=llm_pb2.FILE_FORMAT_TEXT if text else llm_pb2.FILE_FORMAT_PDF,
            size_bytes=len(data),
            letters=len(text),
            reader_ids=config.reader_ids,
            added_by=self.people[0].person_id if self.people else "ppl_gone",
            added_at=moment,
            changed_at=moment,
        )

    def Ask(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield orchestrator_pb2.AskResponse(text="Тесты для авторизации Александр закончит к пятнице [1], ")
        time.sleep(0.05)
        yield orchestrator_pb2.AskResponse(text="тогда карточка уйдёт в ревью.")
        turn = self.turns[1]
        citation = orchestrator_pb2.AskResponse()
        citation.citation.number = 1
        chunk = citation.citation.chunk
        chunk.title, chunk.text, chunk.meeting_id = self.meetings[0].title, turn.text, MEETING
        chunk.speakers.append(turn.speaker_name)
        chunk.range.start.CopyFrom(turn.start)
        chunk.range.end.CopyFrom(turn.end)
        yield citation
        yield orchestrator_pb2.AskResponse(finished=llm_pb2.AskFinished(answered=True))

    def ListStaleCards(self, request: Any, context: grpc.ServicerContext) -> Any:
        stale = proposal_pb2.StaleCard(card=self.card("A9"), column_title="Бэклог", meetings_since=6)
        return orchestrator_pb2.ListStaleCardsResponse(cards=[stale])

    def ListBoards(self, request: Any, context: grpc.ServicerContext) -> Any:
        return orchestrator_pb2.ListBoardsResponse(boards=[self.board])

    def GetBoard(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.board_id != BOARD:
            _abort(context, NotFound(f"There is no board {request.board_id}.", reason="BOARD_NOT_FOUND"))
        return orchestrator_pb2.GetBoardResponse(board=self.board, cards=self.cards)

    def CreateBoard(self, request: Any, context: grpc.ServicerContext) -> Any:
        return orchestrator_pb2.CreateBoardResponse(board=self.board, cards=self.cards)

    def ListPeople(self, request: Any, context: grpc.ServicerContext) -> Any:
        return orchestrator_pb2.ListPeopleResponse(people=self.people)

    def PutPerson(self, request: Any, context: grpc.ServicerContext) -> Any:
        request.person.person_id = request.person.person_id or f"ppl_{len(self.people) + 1}"
        self.people.append(request.person)
        return orchestrator_pb2.PutPersonResponse(person=request.person)

    def EnrollVoice(self, requests: Any, context: grpc.ServicerContext) -> Any:
        config = next(requests).config
        size = sum(len(request.data) for request in requests)
        self.voices[config.person_id] = asr_pb2.Voice(person_id=config.person_id, speech=from_seconds(size))
        return orchestrator_pb2.EnrollVoiceResponse(voice=self.voices[config.person_id])

    def ListVoices(self, request: Any, context: grpc.ServicerContext) -> Any:
        return orchestrator_pb2.ListVoicesResponse(voices=self.voices.values())

    def DeleteVoice(self, request: Any, context: grpc.ServicerContext) -> Any:
        del self.voices[request.person_id]
        return orchestrator_pb2.DeleteVoiceResponse()

    def GetStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        return orchestrator_pb2.GetStatusResponse(version="double")

    def _meeting(self, meeting_id: str, title: str) -> meeting_pb2.Meeting:
        return meeting_pb2.Meeting(
            meeting_id=meeting_id,
            title=title,
            language="ru",
            board_id=BOARD,
            source=meeting_pb2.MEETING_SOURCE_LIVE,
            state=meeting_pb2.MEETING_STATE_WAITING,
            stage=meeting_pb2.STAGE_WAIT,
            started_at=from_datetime(BEGUN),
            duration=from_seconds(121.9),
            turns=len(self.turns),
            participants=["Ирина", "Александр", "Анна"],
        )

    def _fresh(self, one: meeting_pb2.Meeting) -> meeting_pb2.Meeting:
        one.proposals = len(self.proposals)
        one.pending = sum(p.state == proposal_pb2.PROPOSAL_STATE_PENDING for p in self.proposals)
        return one

    def _carry_out(self, one: proposal_pb2.Proposal, request: orchestrator_pb2.DecideRequest) -> None:
        one.decision.CopyFrom(
            proposal_pb2.DecisionRecord(
                verdict=request.verdict, person_name="Ирина", channel=request.channel, note=request.note
            )
        )
        number = len(self.events) + 1
        if request.verdict == proposal_pb2.VERDICT_REJECT:
            one.state = proposal_pb2.PROPOSAL_STATE_REJECTED
            self.events.append(_event(number, proposal_pb2.EVENT_KIND_DECIDED, "Ирина отклонила", one.proposal_id))
            return
        if request.HasField("edited"):
            one.proposed.change.CopyFrom(request.edited)
        _apply(
            one.proposed.change, next((c for c in self.cards if c.card_id == one.card.card.card_id), None), self.cards
        )
        one.state = proposal_pb2.PROPOSAL_STATE_APPLIED
        self.events.append(_event(number, proposal_pb2.EVENT_KIND_APPLIED, "Изменение на доске", one.proposal_id))


def _apply(change: change_pb2.CardChange, card: card_pb2.Card | None, cards: list[card_pb2.Card]) -> None:
    kind = change.WhichOneof("change")
    if card is None:
        new = change.create_card
        cards.append(card_pb2.Card(card_id="crd_new", key="A13", board_id=BOARD, title=new.title, column_id="col_0"))
    elif kind == "move_card":
        card.column_id = change.move_card.column_id
    elif kind == "set_due_date":
        card.due.CopyFrom(change.set_due_date.due)
    elif kind == "add_member":
        card.member_ids.append(change.add_member.member_id)
    elif kind == "add_comment":
        card.comments.append(card_pb2.Comment(comment_id=f"c{len(card.comments)}", text=change.add_comment.text))


def _abort(context: grpc.ServicerContext, error: PlanerkaError) -> None:
    context.abort_with_status(to_status(error))


def _board(content: dict[str, Any]) -> card_pb2.Board:
    columns = [card_pb2.Column(column_id=f"col_{n}", title=title) for n, title in enumerate(content["columns"])]
    members = [card_pb2.Member(member_id=f"mem_{n}", name=name) for n, name in enumerate(content["members"])]
    return card_pb2.Board(board_id=BOARD, name=content["name"], connector="local", columns=columns, members=members)


def _cards(content: dict[str, Any], board: card_pb2.Board) -> list[card_pb2.Card]:
    columns = {column.title: column.column_id for column in board.columns}
    members = {member.name: member.member_id for member in board.members}
    return [
        card_pb2.Card(
            card_id=f"crd_{card['id'].lower()}",
            key=card["id"],
            board_id=BOARD,
            title=card["title"],
            description=card["description"],
            column_id=columns[card["column"]],
            member_ids=[members[name] for name in card["members"]],
            version="1",
        )
        for card in content["cards"]
    ]


def _turns(truth: dict[str, Any]) -> list[transcript_pb2.Turn]:
    voices: dict[str, str] = {}
    return [
        transcript_pb2.Turn(
            turn_id=f"trn_{number}",
            revision=1,
            state=transcript_pb2.TURN_STATE_FINAL,
            speaker=voices.setdefault(turn["speaker"], f"S{len(voices) + 1}"),
            speaker_name=turn["speaker"],
            start=from_seconds(turn["start"]),
            end=from_seconds(turn["end"]),
            text=turn["text"],
            language="ru",
        )
        for number, turn in enumerate(truth["turns"], start=1)
    ]


def _quote(turns: list[transcript_pb2.Turn], number: int, text: str) -> transcript_pb2.Evidence:
    turn = turns[number - 1]
    assert text in turn.text
    return transcript_pb2.Evidence(
        turn_id=turn.turn_id, quote=text, start=turn.start, end=turn.end, speaker=turn.speaker_name
    )


def _summary(turns: list[transcript_pb2.Turn]) -> meeting_pb2.Summary:
    def part(title: str, text: str, numbers: list[int], quote: str) -> llm_pb2.SummaryPart:
        return llm_pb2.SummaryPart(
            part_id=f"prt_{numbers[0]}",
            title=title,
            text=text,
            turn_ids=[f"trn_{number}" for number in numbers],
            evidence=[_quote(turns, numbers[0], quote)],
        )

    overview = (
        "Команда прошла по задачам: вход через Яндекс готов, база переезжает в ночь на субботу, отчёты переписывают."
    )
    summary = meeting_pb2.Summary(
        overview=overview,
        parts=[
            part("Авторизация", "Осталось написать тесты; в пятницу в ревью.", [2, 3], "Осталось написать тесты"),
            part("Отчёты", "Выгрузка падает на больших таблицах, переписать на поток.", [8, 9], "выгрузка падает"),
        ],
        decisions=[
            llm_pb2.SummaryDecision(
                text="Тёмная тема переносится в следующий спринт.",
                evidence=[_quote(turns, 17, "тёмная тема в следующий спринт")],
            )
        ],
        actions=[
            llm_pb2.ActionItem(
                text="Подготовить описание карточки о промокодах",
                owner_name="Анна",
                due=from_date(date(2026, 11, 25)),
                due_text="до среды",
                evidence=[_quote(turns, 14, "Анна подготовит описание до среды")],
            )
        ],
    )
    summary.finished.overview = overview
    return summary


def _links(truth: dict[str, Any]) -> list[meeting_pb2.TurnLink]:
    titles = {"A1": "Вход через Google и Яндекс", "A2": "Экспорт отчётов в PDF", "A3": "Тёмная тема"}
    links = []
    for number, turn in enumerate(truth["turns"], start=1):
        card = turn["card"]
        if card is None:
            continue
        new = card.startswith("NEW:")
        links.append(
            meeting_pb2.TurnLink(
                turn_id=f"trn_{number}",
                card_id="" if new else f"crd_{card.lower()}",
                proposal_id="prp_new" if new else "",
                card_title=card.removeprefix("NEW:") if new else titles.get(card, card),
                probability=0.5 + number / 40,
            )
        )
    return links


def _proposals(
    board: card_pb2.Board, cards: list[card_pb2.Card], turns: list[transcript_pb2.Turn]
) -> list[proposal_pb2.Proposal]:
    columns = {column.title: column for column in board.columns}
    anna = next(member for member in board.members if member.name == "Анна")

    def one(
        proposal_id: str, key: str, change: change_pb2.CardChange, number: int, quote: str, reason: str, says: str = ""
    ) -> proposal_pb2.Proposal:
        made = proposal_pb2.Proposal(
            proposal_id=proposal_id,
            meeting_id=MEETING,
            board_id=BOARD,
            proposed=change_pb2.ProposedChange(
                change=change,
                evidence=[_quote(turns, number, quote)],
                reason=reason,
                confidence=0.91 - 0.07 * number / 10,
                card_says=says,
            ),
            state=proposal_pb2.PROPOSAL_STATE_PENDING,
            match_decision=match_pb2.MATCH_DECISION_CONFIRM,
            match_probability=0.88,
            match_signals=match_pb2.MatchSignals(dense=0.86, shared_words=["вход", "яндекс", "google"], member=True),
            created_at=from_datetime(BEGUN + timedelta(minutes=3)),
        )
        card = next((card for card in cards if card.key == key), None)
        if card is not None:
            titles = {column.column_id: column.title for column in board.columns}
            made.card.CopyFrom(change_pb2.CardSnapshot(card=card, column_title=titles[card.column_id]))
        return made

    review, work = columns["Ревью"], columns["В работе"]
    move = change_pb2.MoveCard(
        column_id=review.column_id,
        column_title=review.title,
        previous_column_id=work.column_id,
        previous_column_title=work.title,
    )
    comment = "На старых телефонах уведомления не приходят, нужно обновить библиотеку Firebase."
    promo = change_pb2.CreateCard(
        title="Промокоды для новых клиентов",
        column_id="col_0",
        member_ids=[anna.member_id],
        due=from_date(date(2026, 11, 25)),
    )
    found = [
        one(
            "prp_move",
            "A1",
            change_pb2.CardChange(move_card=move),
            3,
            "в пятницу переводим карточку в ревью",
            "Сказано, что карточка в пятницу переходит в ревью.",
            "Колонка: В работе",
        ),
        one(
            "prp_due",
            "A1",
            change_pb2.CardChange(set_due_date=change_pb2.SetDueDate(due=from_date(date(2026, 11, 27)))),
            2,
            "к пятнице сделаю",
            "Александр назвал срок.",
        ),
        one(
            "prp_comment",
            "A5",
            change_pb2.CardChange(add_comment=change_pb2.AddComment(text=comment)),
            4,
            "нужно обновить библиотеку Firebase",
            "В карточке об этом ничего нет.",
        ),
        one(
            "prp_new",
            "",
            change_pb2.CardChange(create_card=promo),
            14,
            "Тогда заведём новую карточку",
            "Такой карточки на доске нет.",
        ),
    ]
    found[0].candidates.add(card_id="crd_a10", title="Ускорить холодный старт приложения", probability=0.07)
    return found


def calibration(*decided: tuple[int, int, int], **fields: Any) -> calibration_pb2.GetCalibrationResponse:
    """Return the calibration of decisions: percent that was shown, decisions, and how many of them were approved."""
    found = calibration_pb2.GetCalibrationResponse(
        auto_threshold=0.94, confirm_threshold=0.5, wanted_precision=0.98, slope=1.0, **fields
    )
    for number in range(10):
        bar = found.bins.add(lower=number / 10, upper=(number + 1) / 10, approved_high=1.0)
        for shown, count, approved in decided:
            if shown // 10 == number:
                bar.count, bar.mean_probability, bar.approved_share = count, shown / 100, approved / count
                bar.approved_low = float(beta.ppf(0.05, approved, count - approved + 1)) if approved else 0.0
                bar.approved_high = float(beta.ppf(0.95, approved + 1, count - approved)) if approved < count else 1.0
    found.decisions = sum(count for _, count, _ in decided)
    gaps = sum(abs(count * shown / 100 - approved) for shown, count, approved in decided)
    found.expected_calibration_error = gaps / max(found.decisions, 1)
    return found


def _event(number: int, kind: int, text: str, proposal_id: str = "") -> proposal_pb2.Event:
    return proposal_pb2.Event(
        event_id=f"evt_{number}",
        kind=kind,
        meeting_id=MEETING,
        proposal_id=proposal_id,
        text=text,
        happened_at=from_datetime(BEGUN + timedelta(minutes=2, seconds=number)),
    )
