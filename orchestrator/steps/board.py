"""read_board: the board as it is now, frozen beside the meeting."""

from __future__ import annotations

from typing import Any

from planerka.orchestrator.v1.orchestrator_pb2 import GetBoardResponse

from orchestrator.boards import find_board, list_cards
from orchestrator.errors import StepFailed
from orchestrator.meetings import announce_meeting, read_row
from orchestrator.steps.job import Job
from orchestrator.steps.knowledge import store_cards
from orchestrator.tables import MatchRow

__all__ = ["frozen_board", "run"]


async def run(job: Job) -> dict[str, Any]:
    """Read the board with its cards; where there is none, the meeting ends here with its summary.

    Raises:
        StepFailed: The meeting names a board that does not exist.
    """
    meeting = await job.meeting()
    board = await find_board(job.desk.services, meeting.workspace_id, meeting.board_id)
    if board is None:
        if meeting.board_id:
            raise StepFailed(
                f"There is no board {meeting.board_id!r}; `planerka board list` shows them. Import the meeting again with one of them."
            )
        return {"outcome": "close", "cards": 0}
    cards = await list_cards(job.desk.services, board.board_id)
    await store_cards(job, meeting.workspace_id, board, cards)
    async with job.store.write() as session:
        row = await read_row(session, job.meeting_id)
        row.board_id = board.board_id
        reading = GetBoardResponse(board=board, cards=cards)
        await session.merge(MatchRow(meeting_id=job.meeting_id, board=reading.SerializeToString(), data=b""))
        await announce_meeting(session, row)
    return {"cards": len(cards)}


async def frozen_board(job: Job) -> GetBoardResponse:
    """Return the board as this meeting's run read it.

    Raises:
        StepFailed: It was not read.
    """
    async with job.store.read() as session:
        row = await session.get(MatchRow, job.meeting_id)
    if row is None:
        raise StepFailed("The board was not read yet; send the meeting back to `read_board` with `planerka back`.")
    return GetBoardResponse.FromString(row.board)
