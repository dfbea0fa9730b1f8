"""Any process may be killed at any moment: the meeting goes on where it was, and nothing happens twice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from planerka.orchestrator.v1 import meeting_pb2, proposal_pb2

from cli.launcher import Mesh
from tests.door import Door, State

pytestmark = [pytest.mark.acceptance, pytest.mark.models, pytest.mark.timeout(900)]

# What the workflow is doing when the service that it needs is killed.
MOMENTS = {
    "llm": meeting_pb2.STAGE_SUMMARIZE,
    "match": meeting_pb2.STAGE_STORE_KNOWLEDGE,
    "board": meeting_pb2.STAGE_STORE_KNOWLEDGE,
    "notify": meeting_pb2.STAGE_STORE_KNOWLEDGE,
}


def talk() -> bytes:
    """A short talk about two cards of the sample board, as JSON lines."""
    lines = [
        ("Ирина", "Александр, что со входом через Google и Яндекс?", 0, 4),
        ("Александр", "Вход через Яндекс готов, через Google осталось написать тесты, к пятнице сделаю.", 4, 10),
        ("Ирина", "Хорошо. Анна, как перенос базы на PostgreSQL?", 10, 14),
        ("Анна", "Тестовый стенд уже переехал, рабочую базу переносим в ночь на субботу.", 14, 20),
    ]
    rows = [json.dumps({"speaker": s, "text": t, "start": a, "end": b}, ensure_ascii=False) for s, t, a, b in lines]
    return "\n".join(rows).encode()


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """The whole mesh without the page."""
    services = ["asr", "llm", "match", "board", "notify", "orchestrator"]
    with Mesh(tmp_path_factory.mktemp("home"), services, ports="free") as running:
        yield running


@pytest.fixture(scope="module")
def door(mesh: Mesh) -> Iterator[Door]:
    """A client of it."""
    client = Door(mesh.address("orchestrator"))
    yield client
    client.close()


@pytest.fixture
def board_id(door: Door, samples: Path) -> str:
    """A fresh copy of the sample board."""
    return door.create_board(samples / "standup_ru" / "board.json").board.board_id


def pending(door: Door, meeting_id: str) -> list[proposal_pb2.Proposal]:
    """The proposals that nobody has decided."""
    return [one for one in door.proposals(meeting_id) if one.state == proposal_pb2.PROPOSAL_STATE_PENDING]


def comments(door: Door, board_id: str) -> list[str]:
    """All comments on the board."""
    return [comment.text for card in door.cards(board_id).values() for comment in card.comments]


def test_orchestrator_killed_while_it_waits_for_a_decision(mesh: Mesh, door: Door, board_id: str) -> None:
    meeting = door.import_bytes(talk(), "standup.jsonl", board_id=board_id, language="ru")
    door.wait_for(meeting.meeting_id, State.MEETING_STATE_WAITING)
    before = pending(door, meeting.meeting_id)
    comment = next(one for one in before if one.proposed.change.WhichOneof("change") == "add_comment")

    mesh.kill("orchestrator")
    mesh.start("orchestrator")

    assert {one.proposal_id for one in pending(door, meeting.meeting_id)} == {one.proposal_id for one in before}
    door.decide(comment.proposal_id)
    mesh.kill("orchestrator")
    mesh.start("orchestrator")
    applied = door.wait_applied(meeting.meeting_id, comment.proposal_id)
    assert applied.result.comment_id
    assert comments(door, board_id) == [comment.proposed.change.add_comment.text]
    for one in pending(door, meeting.meeting_id):
        door.decide(one.proposal_id, proposal_pb2.VERDICT_REJECT)
    door.wait_for(meeting.meeting_id, State.MEETING_STATE_CLOSED, seconds=60)
    assert comments(door, board_id) == [comment.proposed.change.add_comment.text]


@pytest.mark.parametrize("service", MOMENTS)
def test_service_killed_in_the_middle_of_the_workflow(mesh: Mesh, door: Door, board_id: str, service: str) -> None:
    meeting = door.import_bytes(talk(), f"{service}.jsonl", board_id=board_id, language="ru")
    door.wait_for_stage(meeting.meeting_id, MOMENTS[service])
    mesh.kill(service)
    time.sleep(1)
    mesh.start(service)

    door.wait_for(meeting.meeting_id, State.MEETING_STATE_WAITING)
    proposals = pending(door, meeting.meeting_id)
    assert proposals
    assert len({one.proposal_id for one in proposals}) == len(proposals)
    first = proposals[0]
    door.decide(first.proposal_id)
    door.wait_applied(meeting.meeting_id, first.proposal_id)


def test_board_killed_while_a_change_is_applied(mesh: Mesh, door: Door, board_id: str) -> None:
    meeting = door.import_bytes(talk(), "apply.jsonl", board_id=board_id, language="ru")
    door.wait_for(meeting.meeting_id, State.MEETING_STATE_WAITING)
    wanted = [one for one in pending(door, meeting.meeting_id) if one.proposed.change.HasField("add_comment")]
    mesh.kill("board")
    for one in wanted:
        door.decide(one.proposal_id)
    mesh.start("board")
    for one in wanted:
        door.wait_applied(meeting.meeting_id, one.proposal_id)
    assert sorted(comments(door, board_id)) == sorted(one.proposed.change.add_comment.text for one in wanted)


def test_asr_killed_while_it_transcribes(mesh: Mesh, door: Door, samples: Path) -> None:
    clip = next((samples / "ami_clip").glob("*.flac"))
    meeting = door.import_bytes(clip.read_bytes(), clip.name, language="en")
    door.wait_for_stage(meeting.meeting_id, meeting_pb2.STAGE_TRANSCRIBE)
    mesh.kill("asr")
    time.sleep(1)
    mesh.start("asr")
    done = door.wait_for(meeting.meeting_id, State.MEETING_STATE_WAITING, State.MEETING_STATE_CLOSED)
    assert done.turns > 0
