"""Answers that people gave on their channels become decisions, if the person behind the account has the right."""

from __future__ import annotations

import asyncio

from planerka.notify.v1.notify_pb2 import Answer, WatchAnswersRequest
from planerka.orchestrator.v1.proposal_pb2 import EventKind, Verdict

from mesh.errors import PlanerkaError, RemoteError
from mesh.logs import get_logger
from orchestrator import journal
from orchestrator.clients import answers
from orchestrator.decisions import Choice, check_right, decide
from orchestrator.desk import Desk
from orchestrator.errors import AlreadyDecided, ProposalNotFound, RoleMissing
from orchestrator.meetings import read_row as read_meeting
from orchestrator.people import by_account
from orchestrator.proposals import read_row
from orchestrator.tables import CursorRow
from orchestrator.texts import say
from orchestrator.workflow import workflow_id_of
from orchestrator.workspaces import language_of

__all__ = ["AnswerDesk"]

_CURSOR = "notify.answers"
_FIRST_PAUSE = 0.25
_VERDICTS = {"approve": Verdict.VERDICT_APPROVE, "reject": Verdict.VERDICT_REJECT}


class AnswerDesk:
    """Takes answers one after another, each exactly once.

    Args:
        desk: Tables and services.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._log = get_logger(__name__)

    async def run(self) -> None:
        """Take answers for ever; while the notification service is away, they wait there."""
        pause = _FIRST_PAUSE
        while True:
            try:
                async with self._desk.store.read() as session:
                    row = await session.get(CursorRow, _CURSOR)
                request = WatchAnswersRequest(cursor=row.value if row is not None else "")
                async for response in answers(self._desk.services.notify.WatchAnswers(request)):
                    pause = _FIRST_PAUSE
                    await self._take(response.answer)
                    async with self._desk.store.write() as session:
                        await session.merge(CursorRow(name=_CURSOR, value=response.cursor))
            except RemoteError as error:
                self._log.debug("answers wait", reason=error.reason)
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._desk.settings.retry_seconds)

    async def _take(self, answer: Answer) -> None:
        verdict = _VERDICTS.get(answer.value)
        if verdict is None:
            self._log.warning("answer without a meaning", value=answer.value, channel=answer.channel)
            return
        try:
            async with self._desk.store.read() as session:
                row = await read_row(session, answer.subject_id)
                known = await by_account(session, answer.channel, answer.account)
            person = next((person for workspace_id, person in known if workspace_id == row.workspace_id), None)
            if person is None:
                await self._refuse_stranger(row.workspace_id, row.meeting_id, row.proposal_id, answer.channel)
                return
            await check_right(self._desk.store, row, person, answer.channel)
            async with self._desk.store.write() as session:
                row = await read_row(session, answer.subject_id)
                choice = Choice(verdict=verdict, channel=answer.channel, note=answer.text)
                await decide(session, row, person, choice)
                meeting = await read_meeting(session, row.meeting_id)
            await self._desk.engine.wake(workflow_id_of(meeting.meeting_id, meeting.round))
        except (AlreadyDecided, RoleMissing, ProposalNotFound) as error:
            self._log.info(
                "answer not taken", proposal_id=answer.subject_id, channel=answer.channel, reason=error.reason
            )
        except PlanerkaError as error:
            # One answer that cannot be taken must not hold up all later ones.
            self._log.error("answer failed", proposal_id=answer.subject_id, channel=answer.channel, reason=error.reason)

    async def _refuse_stranger(self, workspace_id: str, meeting_id: str, proposal_id: str, channel: str) -> None:
        async with self._desk.store.write() as session:
            language = await language_of(session, workspace_id)
            await journal.append(
                session,
                EventKind.EVENT_KIND_REFUSED,
                workspace_id,
                say(language, "unknown_account", channel=channel),
                meeting_id=meeting_id,
                proposal_id=proposal_id,
            )
