"""Bad input gets a clear typed error, or is handled, and leaves no trace."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
from planerka.board.v1 import board_pb2, board_pb2_grpc
from planerka.orchestrator.v1 import orchestrator_pb2, proposal_pb2

from cli.launcher import Mesh
from mesh.errors import RemoteError, remote_error
from tests.door import SECONDS, Door, State

pytestmark = [pytest.mark.acceptance, pytest.mark.models, pytest.mark.timeout(900)]

ENDED = (State.MEETING_STATE_CLOSED, State.MEETING_STATE_WAITING)


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


def refused(door: Door, content: bytes, name: str, **config: str) -> RemoteError:
    """The error of an import, after a check that nothing stayed behind."""
    before = [meeting.meeting_id for meeting in door.meetings()]
    with pytest.raises(grpc.RpcError) as caught:
        door.import_bytes(content, name, **config)
    assert [meeting.meeting_id for meeting in door.meetings()] == before
    error = remote_error(caught.value)
    assert error.reason != error.code.name, "the error has no reason of its own"
    return error


def flac(samples: np.ndarray, rate: int) -> bytes:
    """Samples of shape [frames] or [frames, channels] as a FLAC file."""
    target = io.BytesIO()
    soundfile.write(target, samples, rate, format="FLAC", subtype="PCM_16")
    return target.getvalue()


@pytest.mark.parametrize("name", ["empty.wav", "empty.txt", "empty.vtt", "empty"])
def test_empty_file(door: Door, name: str) -> None:
    error = refused(door, b"", name)
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "empty" in error.message.lower()


def test_text_named_wav(door: Door) -> None:
    error = refused(door, "Это не звук, а просто текст.\n".encode() * 50, "talk.wav")
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "talk.wav" in error.message


def test_unknown_language(door: Door, samples: Path) -> None:
    clip = next((samples / "ami_clip").glob("*.flac"))
    error = refused(door, clip.read_bytes(), clip.name, language="xx")
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_LANGUAGE")


def test_unknown_board(door: Door) -> None:
    error = refused(door, b"Anna: Hello.\n", "talk.txt", board_id="brd_nowhere")
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "BOARD_NOT_FOUND")


def test_broken_json_line_is_named(door: Door) -> None:
    error = refused(door, b'{"speaker": "Anna", "text": "Hello"}\n{"speaker": "Anna", "text": \n', "talk.jsonl")
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "2" in error.message


def test_telephone_stereo_is_converted(door: Door, samples: Path) -> None:
    audio, rate = soundfile.read(samples / "standup_ru" / "meeting.flac", dtype="float32")
    piece = audio[: 20 * rate : rate // 8000]
    stereo = np.stack([piece, piece * 0.5], axis=1)
    meeting = door.import_bytes(flac(stereo, 8000), "call.flac", language="ru")
    done = door.wait_for(meeting.meeting_id, *ENDED)
    assert done.turns > 0
    assert abs(done.duration.ToTimedelta().total_seconds() - 20) < 0.5


def test_meeting_without_speech(door: Door) -> None:
    noise = np.random.default_rng(0).normal(0, 0.002, 30 * 16000).astype(np.float32)
    meeting = door.import_bytes(flac(noise, 16000), "quiet.flac")
    done = door.wait_for(meeting.meeting_id, State.MEETING_STATE_CLOSED)
    assert done.turns == 0
    assert not done.failure


def test_five_silent_hours(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "silence.flac"
    minute = np.zeros(60 * 16000, dtype=np.int16)
    with soundfile.SoundFile(file, "w", 16000, 1, format="FLAC", subtype="PCM_16") as target:
        for _ in range(300):
            target.write(minute)
    meeting = door.import_bytes(file.read_bytes(), file.name)
    done = door.wait_for(meeting.meeting_id, State.MEETING_STATE_CLOSED, seconds=600)
    assert done.turns == 0
    assert done.duration.seconds == 5 * 3600


def test_card_that_does_not_exist(mesh: Mesh) -> None:
    with grpc.insecure_channel(mesh.address("board")) as channel, pytest.raises(grpc.RpcError) as caught:
        board_pb2_grpc.BoardServiceStub(channel).GetCard(board_pb2.GetCardRequest(card_id="crd_x"), timeout=SECONDS)
    error = remote_error(caught.value)
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "CARD_NOT_FOUND")


def test_request_above_the_limit(door: Door) -> None:
    request = orchestrator_pb2.CreateBoardRequest(name="big", columns=["a"], idempotency_key=uuid.uuid4().hex)
    for _ in range(400):
        request.cards.add(title="card", description="x" * 30000)
    with pytest.raises(grpc.RpcError) as caught:
        door.stub.CreateBoard(request, timeout=SECONDS)
    error = remote_error(caught.value)
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")


def test_second_decision(door: Door, samples: Path) -> None:
    board_id = door.create_board(samples / "standup_ru" / "board.json").board.board_id
    talk = "Анна: Перенос базы на PostgreSQL идёт, рабочую базу переносим в ночь на субботу.\n"
    meeting = door.import_bytes(talk.encode(), "talk.txt", board_id=board_id, language="ru")
    door.wait_for(meeting.meeting_id, State.MEETING_STATE_WAITING)
    proposal = door.proposals(meeting.meeting_id)[0]
    door.decide(proposal.proposal_id, key="first")
    again = door.decide(proposal.proposal_id, key="first")
    assert again.proposal_id == proposal.proposal_id, "the same key returns the first answer"
    with pytest.raises(grpc.RpcError) as caught:
        door.decide(proposal.proposal_id, proposal_pb2.VERDICT_REJECT)
    error = remote_error(caught.value)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ALREADY_DECIDED")
    with pytest.raises(grpc.RpcError) as caught:
        door.decide("prp_nowhere")
    assert remote_error(caught.value).reason == "PROPOSAL_NOT_FOUND"
