"""ask: everybody who may decide gets each open proposal as a question, on the channels that they chose."""

from __future__ import annotations

from typing import Any

from planerka.notify.v1.notify_pb2 import (
    AskDecisionRequest,
    Button,
    ButtonStyle,
    MessageContent,
    Recipient,
    SendRequest,
)
from planerka.orchestrator.v1.proposal_pb2 import EventKind, Proposal, ProposalState
from planerka.orchestrator.v1.workspace_pb2 import WorkspacePerson
from sqlalchemy import func, select

from mesh.errors import RemoteError
from mesh.logs import get_logger
from mesh.times import to_seconds
from orchestrator import journal
from orchestrator.changes import describe
from orchestrator.clients import answer
from orchestrator.meetings import read_row
from orchestrator.people import list_people
from orchestrator.proposals import OPEN, message, of_meeting
from orchestrator.rights import may_decide
from orchestrator.steps.job import AWAY, Job
from orchestrator.tables import DecisionRow, QuestionRow
from orchestrator.texts import say
from orchestrator.workspaces import language_of

__all__ = ["CONSOLE", "channels_of", "run"]

CONSOLE = Recipient(channel="console", address="operator")
_TEXT_LIMIT = 4000
_TITLE_LIMIT = 256


async def run(job: Job) -> dict[str, Any]:
    """Ask about every open proposal that was not asked about yet; an address that a channel refuses is skipped."""
    async with job.store.read() as session:
        meeting = await read_row(session, job.meeting_id)
        language = await language_of(session, meeting.workspace_id)
        proposals = [message(row) for row in await of_meeting(session, job.meeting_id, OPEN)]
        people = await list_people(session, meeting.workspace_id)
    asked = 0
    for proposal in proposals:
        for person in people:
            if may_decide(person, proposal.board_id):
                for recipient in channels_of(person):
                    asked += await _ask(job, meeting.workspace_id, proposal, person, recipient, language)
    if proposals:
        text = say(language, "console_waiting", title=meeting.title, count=len(proposals))
        request = SendRequest(
            recipient=CONSOLE,
            content=MessageContent(title=meeting.title[:_TITLE_LIMIT], text=text),
            idempotency_key=job.key(f"console:{len(proposals)}"),
        )
        await _try(job, job.desk.services.notify.Send(request), CONSOLE)
    return {"proposals": len(proposals), "asked": asked}


def channels_of(person: WorkspacePerson) -> list[Recipient]:
    """Return where a person is reached: always in the inbox, and on every linked account."""
    accounts = [Recipient(channel=account.channel, address=account.account) for account in person.accounts]
    inbox = Recipient(channel="inbox", address=person.person_id)
    return [inbox, *(account for account in accounts if account.channel != "inbox")]


async def _ask(
    job: Job, workspace_id: str, proposal: Proposal, person: WorkspacePerson, recipient: Recipient, language: str
) -> bool:
    async with job.store.read() as session:
        decisions = await session.scalar(
            select(func.count()).select_from(DecisionRow).where(DecisionRow.proposal_id == proposal.proposal_id)
        )
        waiting = await session.scalar(
            select(QuestionRow.message_id).where(
                QuestionRow.proposal_id == proposal.proposal_id,
                QuestionRow.person_id == person.person_id,
                QuestionRow.channel == recipient.channel,
                QuestionRow.closed.is_(False),
            )
        )
    if waiting is not None:
        return False
    request = AskDecisionRequest(
        recipient=recipient,
        content=_content(proposal, language),
        buttons=[
            Button(value="approve", label=say(language, "button_approve"), style=ButtonStyle.BUTTON_STYLE_PRIMARY),
            Button(value="reject", label=say(language, "button_reject"), style=ButtonStyle.BUTTON_STYLE_DANGER),
        ],
        subject_id=proposal.proposal_id,
        idempotency_key=job.key(f"{proposal.proposal_id}:{decisions}:{person.person_id}:{recipient.channel}"),
    )
    if proposal.HasField("deadline"):
        request.deadline.CopyFrom(proposal.deadline)
    response = await _try(job, job.desk.services.notify.AskDecision(request), recipient)
    if response is None:
        return False
    async with job.store.write() as session:
        await session.merge(
            QuestionRow(
                message_id=response.delivery.message_id or response.question_id,
                question_id=response.question_id,
                proposal_id=proposal.proposal_id,
                person_id=person.person_id,
                channel=recipient.channel,
                closed=False,
            )
        )
        await journal.append(
            session,
            EventKind.EVENT_KIND_ASKED,
            workspace_id,
            say(language, "asked", name=person.name, channel=recipient.channel),
            meeting_id=job.meeting_id,
            proposal_id=proposal.proposal_id,
            stage=job.stage,
            once=(str(decisions), person.person_id, recipient.channel),
        )
    return True


async def _try(job: Job, call: Any, recipient: Recipient) -> Any:
    """Return the answer; None where this one address is refused, which must not keep the others from being asked."""
    try:
        return await answer(call)
    except RemoteError as error:
        if error.code in AWAY or error.reason == error.code.name:
            raise
        get_logger(__name__).warning(
            "address refused", meeting_id=job.meeting_id, channel=recipient.channel, reason=error.reason
        )
        return None


def _content(proposal: Proposal, language: str) -> MessageContent:
    title = proposal.card.card.title or say(language, "question_new_card")
    text = say(
        language,
        "question_text",
        change=describe(proposal.proposed.change, language),
        quotes="\n".join(_quote(evidence) for evidence in proposal.proposed.evidence),
        reason=proposal.proposed.reason,
    )
    if proposal.state == ProposalState.PROPOSAL_STATE_CONFLICT:
        text = say(language, "question_conflict", now=proposal.proposed.card_says, text=text)
    return MessageContent(title=title[:_TITLE_LIMIT], text=text[:_TEXT_LIMIT])


def _quote(evidence: Any) -> str:
    place = ""
    if evidence.HasField("start"):
        minutes, seconds = divmod(int(to_seconds(evidence.start)), 60)
        place = f" ({minutes:02}:{seconds:02})"
    return f"«{evidence.quote}» — {evidence.speaker}{place}" if evidence.speaker else f"«{evidence.quote}»{place}"
