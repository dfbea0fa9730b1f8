"""close: nothing is left to do."""

from __future__ import annotations

from typing import Any

from planerka.orchestrator.v1.meeting_pb2 import MeetingState, Stage

from orchestrator.meetings import read_row, set_state
from orchestrator.steps.job import Job, note_finished

__all__ = ["run"]


async def run(job: Job) -> dict[str, Any]:
    """Close the meeting; its watchers are told, and go."""
    async with job.store.write() as session:
        row = await read_row(session, job.meeting_id)
        # Watchers leave when the meeting is closed, so the last entry of the journal comes before.
        await note_finished(session, job, row, {})
        await set_state(session, row, MeetingState.MEETING_STATE_CLOSED, Stage.STAGE_CLOSE)
    return {}
