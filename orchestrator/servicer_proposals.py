"""The rpcs about proposals, decisions and the journal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from planerka.llm.v1 import llm_pb2
from planerka.match.v1 import match_pb2
from planerka.orchestrator.v1 import calibration_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.proposal_pb2 import Verdict
from planerka.orchestrator.v1.workspace_pb2 import Role

from mesh.errors import InvalidArgument, Violation
from mesh.paging import decode_token, encode_token, page_size
from mesh.times import now
from orchestrator import journal
from orchestrator.clients import answer, answers
from orchestrator.decisions import Choice, check_right, decide, snapshot_for
from orchestrator.desk import Desk
from orchestrator.errors import EditInvalid
from orchestrator.meetings import read_row as read_meeting
from orchestrator.people import list_people
from orchestrator.proposals import list_rows, message, read_row
from orchestrator.rights import require
from orchestrator.store import once, repeated
from orchestrator.undoing import undo
from orchestrator.workflow import workflow_id_of
from orchestrator.workspaces import model_policy, read_settings

__all__ = ["ProposalRpcs"]

_ROLE_NAMES = {
    Role.ROLE_VIEWER: "viewer",
    Role.ROLE_MEMBER: "member",
    Role.ROLE_LEAD: "lead",
    Role.ROLE_ADMIN: "admin",
}


class ProposalRpcs:
    """Lists and decides proposals, tells how well they are calibrated, reads the journal, answers questions.

    Args:
        desk: What the rpcs work with.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ListProposals(self, request: pb.ListProposalsRequest, context: Any) -> pb.ListProposalsResponse:  # noqa: N802
        """List proposals."""
        del context
        workspace_id = require(Role.ROLE_VIEWER).workspace(request.workspace_id)
        limit = page_size(request.page_size)
        after = _place(decode_token(request.page_token)) if request.page_token else None
        async with self._desk.store.read() as session:
            states = [int(state) for state in request.states]
            rows = await list_rows(session, workspace_id, request.meeting_id, states, after, limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        token = "" if last is None else encode_token(f"{last.meeting_id} {last.position}")
        return pb.ListProposalsResponse(proposals=[message(row) for row in rows[:limit]], next_page_token=token)

    async def Decide(self, request: pb.DecideRequest, context: Any) -> pb.DecideResponse:  # noqa: N802
        """Decide on a proposal."""
        del context
        who = require(Role.ROLE_VIEWER)
        async with self._desk.store.read() as session:
            row = await read_row(session, request.proposal_id, who.workspace_id)
        await check_right(self._desk.store, row, who.person, request.channel)
        choice = await self._choice(request, row)

        async def work() -> pb.DecideResponse:
            current = await read_row(session, request.proposal_id, who.workspace_id)
            return pb.DecideResponse(proposal=await decide(session, current, who.person, choice))

        async with self._desk.store.write() as session:
            response = await once(session, who.workspace_id, request, pb.DecideResponse, work)
            meeting = await read_meeting(session, row.meeting_id)
        await self._desk.engine.wake(workflow_id_of(meeting.meeting_id, meeting.round))
        return response

    async def Undo(self, request: pb.UndoRequest, context: Any) -> pb.UndoResponse:  # noqa: N802
        """Take an applied change back."""
        del context
        who = require(Role.ROLE_VIEWER)
        async with self._desk.store.read() as session:
            row = await read_row(session, request.proposal_id, who.workspace_id)
        await check_right(self._desk.store, row, who.person, "undo")
        async with self._desk.store.read() as session:
            known = await repeated(session, who.workspace_id, request, pb.UndoResponse)
        if known is not None:
            return known
        proposal = await undo(self._desk, request.proposal_id, who.person, request.note)
        response = pb.UndoResponse(proposal=proposal)

        async def work() -> pb.UndoResponse:
            return response

        async with self._desk.store.write() as session:
            return await once(session, who.workspace_id, request, pb.UndoResponse, work)

    async def GetCalibration(  # noqa: N802
        self, request: calibration_pb2.GetCalibrationRequest, context: Any
    ) -> calibration_pb2.GetCalibrationResponse:
        """Tell how far the probabilities of proposals and decisions agree."""
        del context
        workspace_id = require(Role.ROLE_VIEWER).workspace(request.workspace_id)
        asked = match_pb2.GetCalibrationRequest(workspace_id=workspace_id)
        found: match_pb2.GetCalibrationResponse = await answer(self._desk.services.match.GetCalibration(asked))
        return calibration_pb2.GetCalibrationResponse(
            bins=found.bins,
            decisions=found.decisions,
            expected_calibration_error=found.expected_calibration_error,
            learnt_error=found.learnt_error,
            auto_threshold=found.auto_threshold,
            confirm_threshold=found.confirm_threshold,
            wanted_precision=found.wanted_precision,
            fitted_at=found.fitted_at if found.HasField("fitted_at") else None,
            slope=found.slope,
            shift=found.shift,
        )

    async def ListEvents(self, request: pb.ListEventsRequest, context: Any) -> pb.ListEventsResponse:  # noqa: N802
        """List the journal."""
        del context
        workspace_id = require(Role.ROLE_VIEWER).workspace(request.workspace_id)
        limit = page_size(request.page_size)
        before = _number(decode_token(request.page_token)) if request.page_token else None
        async with self._desk.store.read() as session:
            found = await journal.list_events(session, workspace_id, request.meeting_id, before, limit + 1)
        token = encode_token(str(found[limit - 1][0])) if len(found) > limit else ""
        return pb.ListEventsResponse(events=[event for _, event in found[:limit]], next_page_token=token)

    async def Ask(self, request: pb.AskRequest, context: Any) -> AsyncIterator[pb.AskResponse]:  # noqa: N802
        """Answer a question from the knowledge base, with the rights of who asks."""
        del context
        who = require(Role.ROLE_VIEWER)
        workspace_id = who.workspace(request.workspace_id)
        async with self._desk.store.read() as session:
            settings = await read_settings(session, workspace_id)
            people = await list_people(session, workspace_id)
        question = llm_pb2.AskRequest(
            workspace_id=workspace_id,
            question=request.question,
            reader=llm_pb2.Reader(person_id=who.person.person_id, roles=[_ROLE_NAMES[who.person.role]]),
            history=request.history,
            language=request.language,
            asked_at=now(),
            time_zone=settings.time_zone,
            policy=model_policy(settings, people),
        )
        if request.HasField("filter"):
            question.filter.CopyFrom(request.filter)
        async for response in answers(self._desk.services.llm.Ask(question)):
            kind = response.WhichOneof("response")
            if kind is not None:
                yield pb.AskResponse(**{kind: getattr(response, kind)})

    async def _choice(self, request: pb.DecideRequest, row: Any) -> Choice:
        edits = request.verdict == Verdict.VERDICT_EDIT
        if edits != request.HasField("edited"):
            problem = "The verdict EDIT needs `edited`." if edits else "`edited` is allowed with the verdict EDIT only."
            raise EditInvalid(problem, violations=[Violation("edited", problem)])
        if request.card_id and not edits:
            raise EditInvalid(
                "`card_id` is allowed with the verdict EDIT only.", violations=[Violation("card_id", "needs EDIT")]
            )
        snapshot = None
        if edits:
            snapshot = await snapshot_for(self._desk.services, message(row), request.edited, request.card_id)
        return Choice(
            verdict=request.verdict,
            channel=request.channel or "api",
            note=request.note,
            edited=request.edited if edits else None,
            snapshot=snapshot,
        )


def _place(position: str) -> tuple[str, int]:
    meeting_id, _, number = position.partition(" ")
    return meeting_id, _number(number)


def _number(text: str) -> int:
    if not text.isdigit():
        raise InvalidArgument(
            "The page token is not one of ours; begin again without one.",
            reason="PAGE_TOKEN_INVALID",
            violations=[Violation("page_token", "must be the `next_page_token` of an earlier answer, or empty")],
        )
    return int(text)
