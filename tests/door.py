"""A blocking client of the orchestrator for tests with real processes."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc
from planerka.common.v1 import card_pb2
from planerka.orchestrator.v1 import meeting_pb2, orchestrator_pb2, orchestrator_pb2_grpc, proposal_pb2

State = meeting_pb2.MeetingState
SECONDS = 30.0


class Door:
    """The orchestrator of one mesh."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address)
        self.stub = orchestrator_pb2_grpc.OrchestratorServiceStub(self.channel)

    def create_board(self, file: Path) -> orchestrator_pb2.CreateBoardResponse:
        """Create a board from a `board.json`."""
        board = json.loads(file.read_text(encoding="utf-8"))
        cards = [
            orchestrator_pb2.NewCard(
                key=card["id"],
                title=card["title"],
                description=card.get("description", ""),
                column=card["column"],
                members=card.get("members", []),
            )
            for card in board["cards"]
        ]
        return self.stub.CreateBoard(
            orchestrator_pb2.CreateBoardRequest(
                name=board["name"],
                columns=board["columns"],
                members=board["members"],
                cards=cards,
                idempotency_key=uuid.uuid4().hex,
            ),
            timeout=SECONDS,
        )

    def import_bytes(
        self, content: bytes, name: str, *, board_id: str = "", language: str = "", key: str = "", timeout: float = 300
    ) -> meeting_pb2.Meeting:
        """Import a file."""

        def requests() -> Iterator[orchestrator_pb2.ImportMeetingRequest]:
            config = meeting_pb2.MeetingConfig(
                title=name, language=language, board_id=board_id, idempotency_key=key or uuid.uuid4().hex
            )
            config.started_at.FromJsonString("2026-11-18T07:00:00Z")
            yield orchestrator_pb2.ImportMeetingRequest(
                config=orchestrator_pb2.ImportConfig(meeting=config, file_name=name)
            )
            for begin in range(0, len(content), 1 << 19):
                yield orchestrator_pb2.ImportMeetingRequest(data=content[begin : begin + (1 << 19)])

        return self.stub.ImportMeeting(requests(), timeout=timeout).meeting

    def meeting(self, meeting_id: str) -> meeting_pb2.MeetingDetail:
        """Read a meeting."""
        return self.stub.GetMeeting(orchestrator_pb2.GetMeetingRequest(meeting_id=meeting_id), timeout=SECONDS).detail

    def meetings(self) -> list[meeting_pb2.Meeting]:
        """List the newest meetings."""
        return list(self.stub.ListMeetings(orchestrator_pb2.ListMeetingsRequest(), timeout=SECONDS).meetings)

    def wait_for(self, meeting_id: str, *states: int, seconds: float = 300) -> meeting_pb2.Meeting:
        """Return the meeting once it is in one of the states."""
        deadline = time.monotonic() + seconds
        last = None
        while time.monotonic() < deadline:
            last = self.meeting(meeting_id).meeting
            if last.state in states:
                return last
            assert last.state != State.MEETING_STATE_FAILED, last.failure
            time.sleep(0.3)
        raise AssertionError(f"{meeting_id} is not in {states} after {seconds} s: {last}")

    def wait_for_stage(self, meeting_id: str, stage: int, seconds: float = 300) -> meeting_pb2.Meeting:
        """Return the meeting once it has reached a step."""
        deadline = time.monotonic() + seconds
        last = None
        while time.monotonic() < deadline:
            last = self.meeting(meeting_id).meeting
            if last.stage >= stage:
                return last
            time.sleep(0.05)
        raise AssertionError(f"{meeting_id} has not reached step {stage} after {seconds} s: {last}")

    def proposals(self, meeting_id: str) -> list[proposal_pb2.Proposal]:
        """List the proposals of a meeting."""
        request = orchestrator_pb2.ListProposalsRequest(meeting_id=meeting_id, page_size=500)
        return list(self.stub.ListProposals(request, timeout=SECONDS).proposals)

    def decide(
        self, proposal_id: str, verdict: int = proposal_pb2.VERDICT_APPROVE, key: str = ""
    ) -> proposal_pb2.Proposal:
        """Decide on a proposal."""
        request = orchestrator_pb2.DecideRequest(
            proposal_id=proposal_id, verdict=verdict, channel="cli", idempotency_key=key or uuid.uuid4().hex
        )
        return self.stub.Decide(request, timeout=SECONDS).proposal

    def wait_applied(self, meeting_id: str, proposal_id: str, seconds: float = 60) -> proposal_pb2.Proposal:
        """Return the proposal once it is on the board."""
        deadline = time.monotonic() + seconds
        found = None
        while time.monotonic() < deadline:
            found = next(one for one in self.proposals(meeting_id) if one.proposal_id == proposal_id)
            if found.state == proposal_pb2.PROPOSAL_STATE_APPLIED:
                return found
            time.sleep(0.2)
        raise AssertionError(f"not applied after {seconds} s: {found}")

    def cards(self, board_id: str) -> dict[str, card_pb2.Card]:
        """Read the cards of a board by identifier."""
        answer = self.stub.GetBoard(orchestrator_pb2.GetBoardRequest(board_id=board_id), timeout=SECONDS)
        return {card.card_id: card for card in answer.cards}

    def close(self) -> None:
        """Close the channel."""
        self.channel.close()
