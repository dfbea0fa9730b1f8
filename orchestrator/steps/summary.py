"""summarize: topics, decisions, actions and open questions, each with the turns that it rests on."""

from __future__ import annotations

from typing import Any

import grpc
from planerka.llm.v1.llm_pb2 import SummarizeRequest, SummaryStrategy
from planerka.orchestrator.v1.meeting_pb2 import Summary
from planerka.orchestrator.v1.orchestrator_pb2 import WatchMeetingResponse

from mesh.errors import RemoteError
from mesh.logs import get_logger
from orchestrator.boards import find_board
from orchestrator.clients import answers
from orchestrator.enums import as_enum
from orchestrator.meetings import participants_of, read_row
from orchestrator.moments import from_epoch
from orchestrator.people import list_people, roster
from orchestrator.steps.job import Job
from orchestrator.transcripts import read_turns, write_summary
from orchestrator.workspaces import model_policy, read_settings

__all__ = ["run"]

_TEMPLATE_AT_FAULT = frozenset({"TEMPLATE_UNKNOWN", "TEMPLATE_INVALID"})
_MODEL_AT_FAULT = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.FAILED_PRECONDITION})


async def run(job: Job) -> dict[str, Any]:
    """Sum the meeting up; one without turns has an empty summary."""
    async with job.store.read() as session:
        meeting = await read_row(session, job.meeting_id)
        turns = await read_turns(session, job.meeting_id, words=False)
        settings = await read_settings(session, meeting.workspace_id)
        people = await list_people(session, meeting.workspace_id)
    summary = Summary()
    if turns:
        board = await find_board(job.desk.services, meeting.workspace_id, meeting.board_id)
        request = SummarizeRequest(
            workspace_id=meeting.workspace_id,
            meeting_id=job.meeting_id,
            title=meeting.title,
            started_at=from_epoch(meeting.started_at),
            turns=turns,
            people=roster(people, participants_of(meeting), board),
            language=meeting.summary_language or meeting.language,
            strategy=as_enum(SummaryStrategy, meeting.strategy),
            template=meeting.template,
            time_zone=settings.time_zone,
            policy=model_policy(settings, people),
        )
        summary = await _summarize(job, request)
    async with job.store.write() as session:
        await read_row(session, job.meeting_id)
        await write_summary(session, job.meeting_id, summary)
    return {"parts": len(summary.parts), "decisions": len(summary.decisions), "actions": len(summary.actions)}


async def _summarize(job: Job, request: SummarizeRequest) -> Summary:
    """Ask for the wanted strategy; where the model itself fails, for the extractive one, which cannot invent.

    A template that is gone or broken by now must not cost the meeting its summary: the default one takes its place.
    """
    try:
        return await _ask(job, request)
    except RemoteError as error:
        if error.reason in _TEMPLATE_AT_FAULT and request.template:
            get_logger(__name__).warning("summary falls back to the default template", reason=error.reason)
            request.template = ""
            summary = await _summarize(job, request)
            summary.finished.fallback_reason = summary.finished.fallback_reason or error.message
            return summary
        extractive = SummaryStrategy.SUMMARY_STRATEGY_EXTRACTIVE
        at_fault = error.code in _MODEL_AT_FAULT and error.reason != error.code.name
        if not at_fault or request.strategy == extractive:
            raise
        get_logger(__name__).warning("summary falls back to quotations", reason=error.reason)
        request.strategy = extractive
        summary = await _ask(job, request)
        summary.finished.fallback_reason = summary.finished.fallback_reason or error.message
        return summary


async def _ask(job: Job, request: SummarizeRequest) -> Summary:
    summary = Summary()
    async for response in answers(job.desk.services.llm.Summarize(request)):
        kind = response.WhichOneof("response")
        if kind == "progress":
            job.desk.broadcast.publish(job.meeting_id, WatchMeetingResponse(summary_progress=response.progress))
        elif kind == "finished":
            summary.finished.CopyFrom(response.finished)
            summary.overview = response.finished.overview
        elif kind is not None:
            getattr(summary, f"{kind}s").append(getattr(response, kind))
    if not summary.HasField("finished"):
        raise RemoteError(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "The summary broke off before its end.")
    return summary
