"""The main path: from a talk to a change on the board."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from planerka.board.v1 import board_pb2
from planerka.common.v1.change_pb2 import AddComment, CardChange
from planerka.common.v1.time_pb2 import CalendarDate
from planerka.notify.v1 import notify_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.meeting_pb2 import MeetingState, Stage
from planerka.orchestrator.v1.proposal_pb2 import EventKind, ProposalState, Verdict

from mesh.errors import remote_error

CLOSED, FAILED = MeetingState.MEETING_STATE_CLOSED, MeetingState.MEETING_STATE_FAILED
DUE = CalendarDate(year=2026, month=3, day=6)
TALK = (
    ("Ирина", "Срок по авторизации пятница."),
    ("Александр", "Экспорт готов наполовину."),
    ("Ирина", "Спасибо всем."),
)


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return remote_error(caught.value)


async def test_an_approved_change_is_on_the_board_once(client, mesh):
    board = await client.board()
    meeting = await client.talk(*TALK, title="Планёрка")
    proposals = await client.waiting(meeting.meeting_id)
    assert [p.card.card.key for p in proposals] == ["A1", "A2"]
    assert all(p.state == ProposalState.PROPOSAL_STATE_PENDING for p in proposals)
    assert proposals[0].proposed.evidence[0].quote == TALK[0][1]

    decided = await client.decide(proposals[0].proposal_id)
    assert decided.state == ProposalState.PROPOSAL_STATE_APPROVED
    applied = await client.proposal_in(proposals[0].proposal_id, ProposalState.PROPOSAL_STATE_APPLIED)
    assert applied.result.card.due == DUE
    assert applied.result.undoable
    card = await mesh.card(proposals[0].card.card.card_id)
    assert card.due == DUE
    # The meeting still waits for the other one.
    assert (await client.detail(meeting.meeting_id)).meeting.state == MeetingState.MEETING_STATE_WAITING

    await client.decide(proposals[1].proposal_id, Verdict.VERDICT_REJECT, note="уже известно")
    await client.until(meeting.meeting_id, CLOSED)
    untouched = await mesh.card(proposals[1].card.card.card_id)
    assert not untouched.comments

    detail = await client.detail(meeting.meeting_id)
    assert detail.summary.overview == "Обсудили задачи."
    assert {link.card_id for link in detail.links} == {p.card.card.card_id for p in proposals}
    assert detail.meeting.board_id == board.board.board_id
    events = await client.events(meeting.meeting_id)
    kinds = [event.kind for event in events]
    assert kinds.count(EventKind.EVENT_KIND_APPLIED) == 1
    assert kinds.count(EventKind.EVENT_KIND_DECIDED) == 2
    finished = [event.stage for event in events if event.kind == EventKind.EVENT_KIND_STAGE_FINISHED]
    assert finished == [
        s
        for s in range(Stage.STAGE_TRANSCRIBE, Stage.STAGE_CLOSE + 1)
        if s not in (Stage.STAGE_WAIT, Stage.STAGE_APPLY)
    ]
    assert [learned.approved for learned in mesh.match.servicer.learned] == [True, False]
    assert f"{meeting.meeting_id}:transcript" in mesh.llm.servicer.documents


async def test_a_second_decision_is_refused(client):
    await client.board()
    meeting = await client.talk(*TALK)
    proposal = (await client.waiting(meeting.meeting_id))[0]
    first = await client.decide(proposal.proposal_id, key="one")
    again = await client.decide(proposal.proposal_id, key="one")
    assert first == again
    error = await refused(client.decide(proposal.proposal_id, Verdict.VERDICT_REJECT, key="two"))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ALREADY_DECIDED")


async def test_a_card_that_changed_meanwhile_becomes_a_question(client, mesh):
    await client.board()
    meeting = await client.talk(*TALK)
    proposal = (await client.waiting(meeting.meeting_id))[0]
    card = proposal.card.card
    other = CalendarDate(year=2026, month=4, day=1)
    async with mesh.board_stub() as board:
        card.due.CopyFrom(other)
        request = board_pb2.UpdateCardRequest(card=card, idempotency_key="somebody")
        request.update_mask.paths.append("due")
        await board.UpdateCard(request)
    await client.decide(proposal.proposal_id)
    asked = await client.proposal_in(proposal.proposal_id, ProposalState.PROPOSAL_STATE_CONFLICT)
    assert asked.proposed.card_says == "01.04.2026"
    assert asked.card.card.due == other
    assert (await mesh.card(card.card_id)).due == other
    # The person saw what the card says now, and decides again.
    await client.decide(proposal.proposal_id)
    await client.proposal_in(proposal.proposal_id, ProposalState.PROPOSAL_STATE_APPLIED)
    assert (await mesh.card(card.card_id)).due == DUE


async def test_two_changes_of_one_card_do_not_stand_in_each_others_way(client, mesh):
    await client.board()
    meeting = await client.talk(
        ("Ирина", "Срок по авторизации пятница."),
        ("Александр", "Авторизация переходит в готово."),
        ("Ирина", "Авторизация почти сделана."),
    )
    proposals = await client.waiting(meeting.meeting_id)
    assert [p.proposed.change.WhichOneof("change") for p in proposals] == ["set_due_date", "move_card", "add_comment"]
    await asyncio.gather(*(client.decide(p.proposal_id) for p in proposals))
    await client.until(meeting.meeting_id, CLOSED)
    assert all(p.state == ProposalState.PROPOSAL_STATE_APPLIED for p in await client.proposals(meeting.meeting_id))
    card = await mesh.card(proposals[0].card.card.card_id)
    assert card.due == DUE
    assert len(card.comments) == 1
    assert card.column_id != proposals[0].card.card.column_id


async def test_edit_to_another_card_and_undo(client, mesh):
    await client.board()
    meeting = await client.talk(*TALK)
    first, second = await client.waiting(meeting.meeting_id)
    edited = CardChange(add_comment=AddComment(text="Срок обсудим отдельно"))
    missing = await refused(client.decide(first.proposal_id, Verdict.VERDICT_EDIT, edited=edited, card_id="crd_none"))
    assert (missing.code, missing.reason) == (grpc.StatusCode.NOT_FOUND, "CARD_NOT_FOUND")
    await client.decide(first.proposal_id, Verdict.VERDICT_EDIT, edited=edited, card_id=second.card.card.card_id)
    await client.proposal_in(first.proposal_id, ProposalState.PROPOSAL_STATE_APPLIED)
    other = await mesh.card(second.card.card.card_id)
    assert [comment.text for comment in other.comments] == ["Срок обсудим отдельно"]

    undo = pb.UndoRequest(proposal_id=first.proposal_id, idempotency_key="undo")
    undone = (await client.stub.Undo(undo)).proposal
    assert undone.state == ProposalState.PROPOSAL_STATE_UNDONE
    assert not (await mesh.card(second.card.card.card_id)).comments
    assert (await client.stub.Undo(undo)).proposal == undone
    again = await refused(client.stub.Undo(pb.UndoRequest(proposal_id=first.proposal_id, idempotency_key="other")))
    assert again.reason == "NOT_UNDOABLE"


async def test_undo_never_overwrites_what_came_after(client, mesh):
    await client.board()
    meeting = await client.talk(TALK[0])
    (proposal,) = await client.waiting(meeting.meeting_id)
    await client.decide(proposal.proposal_id)
    await client.until(meeting.meeting_id, CLOSED)
    card = await mesh.card(proposal.card.card.card_id)
    async with mesh.board_stub() as board:
        card.due.CopyFrom(CalendarDate(year=2026, month=5, day=9))
        request = board_pb2.UpdateCardRequest(card=card, idempotency_key="somebody")
        request.update_mask.paths.append("due")
        await board.UpdateCard(request)
    error = await refused(client.stub.Undo(pb.UndoRequest(proposal_id=proposal.proposal_id, idempotency_key="u")))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "CARD_CHANGED")


async def test_a_new_card_is_created_and_linked(client, mesh):
    board = await client.board()
    meeting = await client.talk(("Ирина", "Заведём новую карточку про промокоды."))
    (proposal,) = await client.waiting(meeting.meeting_id)
    assert not proposal.HasField("card")
    await client.decide(proposal.proposal_id)
    await client.until(meeting.meeting_id, CLOSED)
    cards = (await client.stub.GetBoard(pb.GetBoardRequest(board_id=board.board.board_id))).cards
    assert len(cards) == 3
    (link,) = (await client.detail(meeting.meeting_id)).links
    assert link.proposal_id == proposal.proposal_id
    undone = await client.stub.Undo(pb.UndoRequest(proposal_id=proposal.proposal_id, idempotency_key="u"))
    assert undone.proposal.state == ProposalState.PROPOSAL_STATE_UNDONE
    assert len((await client.stub.GetBoard(pb.GetBoardRequest(board_id=board.board.board_id))).cards) == 2


async def test_an_answer_in_the_inbox_decides(client, mesh):
    await client.board()
    meeting = await client.talk(TALK[0])
    (proposal,) = await client.waiting(meeting.meeting_id)
    owner = next(p for p in (await client.stub.ListPeople(pb.ListPeopleRequest())).people if p.name == "Owner")
    async with mesh.notify_stub() as notify:
        items = []
        while not items:
            inbox = await notify.ListInbox(notify_pb2.ListInboxRequest(address=owner.person_id, open_only=True))
            items = [item for item in inbox.items if item.subject_id == proposal.proposal_id]
            await asyncio.sleep(0.05)
        assert TALK[0][1] in items[0].content.text
        answer = notify_pb2.SubmitAnswerRequest(
            question_id=items[0].question_id, value="approve", account=owner.person_id, idempotency_key="press"
        )
        await notify.SubmitAnswer(answer)
        await client.until(meeting.meeting_id, CLOSED)
        inbox = await notify.ListInbox(notify_pb2.ListInboxRequest(address=owner.person_id))
    assert (await mesh.card(proposal.card.card.card_id)).due == DUE
    decided = (await client.proposals(meeting.meeting_id))[0].decision
    assert (decided.person_name, decided.channel) == ("Owner", "inbox")
    assert not any(item.buttons for item in inbox.items)


async def test_a_meeting_without_a_board_ends_with_its_summary(client):
    meeting = await client.talk(*TALK)
    await client.until(meeting.meeting_id, CLOSED)
    detail = await client.detail(meeting.meeting_id)
    assert detail.summary.overview
    assert not await client.proposals(meeting.meeting_id)


async def test_settings_allow_a_kind_of_change_without_asking(client, mesh):
    await client.board()
    settings = (await client.stub.GetWorkspaceSettings(pb.GetWorkspaceSettingsRequest())).settings
    settings.automatic_changes.append(1)
    await client.stub.UpdateWorkspaceSettings(pb.UpdateWorkspaceSettingsRequest(settings=settings, idempotency_key="s"))
    meeting = await client.talk(*TALK)
    proposals = await client.waiting(meeting.meeting_id)
    comment = next(p for p in proposals if p.proposed.change.HasField("add_comment"))
    applied = await client.proposal_in(comment.proposal_id, ProposalState.PROPOSAL_STATE_APPLIED)
    assert (applied.decision.channel, applied.decision.person_id) == ("auto", "")
    states = {p.proposed.change.WhichOneof("change"): p.state for p in await client.proposals(meeting.meeting_id)}
    assert states["set_due_date"] == ProposalState.PROPOSAL_STATE_PENDING


async def test_the_same_talk_again_proposes_nothing_that_waits_or_is_done(client):
    await client.board()
    first = await client.talk(*TALK)
    proposals = await client.waiting(first.meeting_id)
    await client.decide(proposals[0].proposal_id)
    await client.proposal_in(proposals[0].proposal_id, ProposalState.PROPOSAL_STATE_APPLIED)
    second = await client.talk(*TALK)
    await client.until(second.meeting_id, CLOSED)
    assert not await client.proposals(second.meeting_id)


async def test_silence_means_no(mesh):
    async with mesh.orchestrator() as client:
        await client.board()
        settings = (await client.stub.GetWorkspaceSettings(pb.GetWorkspaceSettingsRequest())).settings
        settings.decision_timeout.FromMilliseconds(700)
        await client.stub.UpdateWorkspaceSettings(
            pb.UpdateWorkspaceSettingsRequest(settings=settings, idempotency_key="s")
        )
        meeting = await client.talk(TALK[0])
        (proposal,) = await client.waiting(meeting.meeting_id)
        await client.until(meeting.meeting_id, CLOSED)
        assert (await client.proposals(meeting.meeting_id))[0].state == ProposalState.PROPOSAL_STATE_EXPIRED
        error = await refused(client.decide(proposal.proposal_id))
        assert error.reason == "ALREADY_DECIDED"


async def test_watching_shows_everything_and_ends(client):
    await client.board()
    meeting = await client.talk(TALK[0])
    seen = []

    async def watch():
        async for update in client.stub.WatchMeeting(pb.WatchMeetingRequest(meeting_id=meeting.meeting_id)):
            seen.append(update)  # noqa: PERF401 - what was seen before a failure counts

    watching = asyncio.create_task(watch())
    (proposal,) = await client.waiting(meeting.meeting_id)
    await client.decide(proposal.proposal_id)
    await asyncio.wait_for(watching, 10)
    kinds = {update.WhichOneof("update") for update in seen}
    assert {"turn", "summary", "proposal", "event", "meeting"} <= kinds
    assert seen[-1].meeting.state == CLOSED
    states = [update.proposal.state for update in seen if update.HasField("proposal")]
    assert states[-1] == ProposalState.PROPOSAL_STATE_APPLIED


async def test_going_back_makes_the_steps_anew(client, mesh):
    await client.board()
    meeting = await client.talk(TALK[0])
    (before,) = await client.waiting(meeting.meeting_id)
    request = pb.GoBackRequest(
        meeting_id=meeting.meeting_id, stage=Stage.STAGE_READ_BOARD, note="доска обновилась", idempotency_key="back"
    )
    await client.stub.GoBack(request)
    await client.stub.GoBack(request)
    end = asyncio.get_running_loop().time() + 15
    pending = []
    while not pending and asyncio.get_running_loop().time() < end:
        pending = [
            p for p in await client.proposals(meeting.meeting_id) if p.state == ProposalState.PROPOSAL_STATE_PENDING
        ]
        await asyncio.sleep(0.05)
    states = {p.proposal_id: p.state for p in await client.proposals(meeting.meeting_id)}
    assert states.pop(before.proposal_id) == ProposalState.PROPOSAL_STATE_SUPERSEDED
    ((again, _),) = states.items()
    await client.waiting(meeting.meeting_id)
    await client.decide(again)
    await client.until(meeting.meeting_id, CLOSED)
    assert (await mesh.card(before.card.card.card_id)).due == DUE
