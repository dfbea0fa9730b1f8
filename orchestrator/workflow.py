"""The workflow of one meeting: one journaled step after another, then decisions as they come.

transcribe -> name_speakers -> summarize -> store_knowledge -> read_board -> match -> difference -> propose -> ask -> wait <-> apply
-> notify -> close. What a run does next depends on nothing but the journaled results of its steps, so it can be resumed anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from planerka.orchestrator.v1.meeting_pb2 import Stage

from orchestrator.desk import Desk
from orchestrator.engine import Flow
from orchestrator.steps import (
    application,
    asking,
    board,
    closing,
    difference,
    knowledge,
    matching,
    naming,
    notice,
    proposing,
    summary,
    transcription,
    waiting,
)
from orchestrator.steps.job import Job, StepBody, perform, stage_name

__all__ = ["FIRST_STAGE", "Workflow", "workflow_id_of"]

FIRST_STAGE = Stage.STAGE_TRANSCRIBE
_MAIN: Final[tuple[tuple[Stage, StepBody], ...]] = (
    (Stage.STAGE_TRANSCRIBE, transcription.run),
    (Stage.STAGE_NAME_SPEAKERS, naming.run),
    (Stage.STAGE_SUMMARIZE, summary.run),
    (Stage.STAGE_STORE_KNOWLEDGE, knowledge.run),
    (Stage.STAGE_READ_BOARD, board.run),
    (Stage.STAGE_MATCH, matching.run),
    (Stage.STAGE_DIFFERENCE, difference.run),
    (Stage.STAGE_PROPOSE, proposing.run),
    (Stage.STAGE_ASK, asking.run),
)


def workflow_id_of(meeting_id: str, round_: int) -> str:
    """Return the identifier of a meeting's run; effects carry it in their keys, so a new round makes its effects anew."""
    return f"{meeting_id}.{round_}"


class Workflow:
    """The steps over a desk.

    Args:
        desk: Returns what the steps work with; the engine opens before the desk is complete.
    """

    def __init__(self, desk: Callable[[], Desk]) -> None:
        self._desk = desk

    async def run(self, flow: Flow, meeting_id: str, round_: int, first: str) -> None:
        """Run a meeting from a step on, until nothing is left to do."""

        async def step(stage: Stage, body: StepBody, name: str | None = None, *, quiet: bool = False) -> dict[str, Any]:
            job = Job(self._desk(), flow.workflow_id, meeting_id, round_, stage)
            return await flow.step(name or stage_name(stage), lambda: perform(job, body, quiet=quiet))

        begin = Stage.Value(first)
        for stage, body in _MAIN:
            if stage < begin:
                continue
            result = await step(stage, body)
            if result["outcome"] == "close":
                break
            if result["outcome"] != "next":
                return
        else:
            if not await self._decide(flow, step):
                return
        result = await step(Stage.STAGE_NOTIFY, notice.run)
        if result["outcome"] in {"next", "close"}:
            await step(Stage.STAGE_CLOSE, closing.run)

    async def _decide(self, flow: Flow, step: Any) -> bool:
        """Wait for decisions and apply what is approved, until nothing waits; tell whether the meeting is still there."""
        while True:
            state = await step(Stage.STAGE_WAIT, waiting.run, quiet=True)
            if state["outcome"] != "next":
                return False
            conflicts = 0
            for proposal_id in state["approved"]:
                result = await step(Stage.STAGE_APPLY, application.of(proposal_id), f"apply {proposal_id}", quiet=True)
                if result["outcome"] != "next":
                    return False
                conflicts += result["state"] == "conflict"
            if state["unsettled"]:
                result = await step(Stage.STAGE_WAIT, waiting.settle, "settle", quiet=True)
                if result["outcome"] != "next":
                    return False
            if conflicts:
                result = await step(Stage.STAGE_ASK, asking.run, "ask again", quiet=True)
                if result["outcome"] != "next":
                    return False
            if state["approved"]:
                continue
            if not state["open"]:
                return True
            await flow.sleep_until_woken(state["seconds"])
