"""Following a meeting through the workflow until people are asked, or nothing is left to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Self

import grpc
from planerka.orchestrator.v1 import meeting_pb2, orchestrator_pb2, proposal_pb2

from cli.client import Client
from cli.output import Output
from mesh.errors import RemoteError

__all__ = ["SETTLED", "Steps", "settle", "until_decided"]

SETTLED = frozenset(
    {
        meeting_pb2.MEETING_STATE_WAITING,
        meeting_pb2.MEETING_STATE_CLOSED,
        meeting_pb2.MEETING_STATE_FAILED,
    }
)
"""States in which the workflow does nothing more by itself."""

_ATTEMPTS = 8

Update = Callable[[orchestrator_pb2.WatchMeetingResponse], None]


class Steps:
    """Prints the steps of the workflow as they begin and end; several attempts at one step count as one."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._stage = meeting_pb2.STAGE_UNSPECIFIED
        self._begun = time.monotonic()
        self._told: set[int] = set()
        self._status = output.progress.status("") if output.progress.is_terminal else None

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Tell the last step, and take the line away."""
        self._end_stage()
        if self._status is not None:
            self._status.stop()

    def __call__(self, update: orchestrator_pb2.WatchMeetingResponse) -> None:
        """Take one message of the orchestrator."""
        kind = update.WhichOneof("update")
        if kind == "meeting" and update.meeting.stage != self._stage:
            self._end_stage()
            self._stage, self._begun = update.meeting.stage, time.monotonic()
            self._show("")
        elif kind == "summary_progress" and update.summary_progress.total:
            self._show(f"{update.summary_progress.done}/{update.summary_progress.total}")
        elif kind == "progress" and update.progress.HasField("total") and update.progress.total.seconds:
            self._show(f"{100 * update.progress.final.seconds // update.progress.total.seconds} %")

    def _name(self) -> str:
        return self._output.texts.name(meeting_pb2.Stage.Name(self._stage))

    def _show(self, detail: str) -> None:
        if self._status is not None and self._stage:
            self._status.update(f"{self._name()} {detail}".strip())

    def _end_stage(self) -> None:
        if not self._stage or self._stage in self._told or self._stage == meeting_pb2.STAGE_WAIT:
            return
        self._told.add(self._stage)
        self._output.note("step.done", stage=self._name(), seconds=f"{time.monotonic() - self._begun:.1f}")


async def settle(client: Client, meeting_id: str, *listeners: Update) -> meeting_pb2.Meeting:
    """Watch a meeting until its workflow has settled, and return it.

    A connection that breaks is made anew: the orchestrator sends everything again from the beginning.

    Raises:
        RemoteError: The meeting does not exist, or the orchestrator stays away.
    """
    failures = 0
    while True:
        try:
            async with aclosing(client.watch(meeting_id)) as updates:
                async for update in updates:
                    failures = 0
                    for listener in listeners:
                        listener(update)
                    if update.WhichOneof("update") == "meeting" and update.meeting.state in SETTLED:
                        return update.meeting
            meeting = (await client.detail(meeting_id)).meeting
            if meeting.state in SETTLED:
                return meeting
        except RemoteError as error:
            failures += 1
            if error.code is not grpc.StatusCode.UNAVAILABLE or failures > _ATTEMPTS:
                raise
        await asyncio.sleep(min(5.0, 0.25 * 2**failures))


async def until_decided(client: Client, proposal_id: str, seconds: float) -> proposal_pb2.Proposal | None:
    """Return the proposal when its change is applied, refused or in conflict; as it is after that many seconds otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        found = await client.proposal(proposal_id)
        waiting = found is not None and found.state == proposal_pb2.PROPOSAL_STATE_APPROVED
        if not waiting or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.3)
