"""A running understanding service, and calls to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from planerka.common.v1 import transcript_pb2
from planerka.llm.v1 import llm_pb2, llm_pb2_grpc

from llm_service.service import LlmHosted
from llm_service.settings import LlmSettings
from mesh.channel import open_channel
from mesh.server import host
from mesh.settings import MeshSettings

_STANDUP = (
    ("Ирина", "Коллеги, доброе утро. Александр, начни, пожалуйста, с авторизации."),
    ("Александр", "Вход через Яндекс готов. Осталось написать тесты, к пятнице сделаю и отдам в ревью."),
    ("Ирина", "Хорошо. Анна, что у тебя с базой данных?"),
    ("Анна", "Перенос на новый постгрес идёт. Рабочую базу переносим в ночь на субботу. Простой около двадцати минут."),
)


def _turns_of(said: Sequence[tuple[str, str]]) -> list[transcript_pb2.Turn]:
    """Turns of ten seconds each."""
    return [
        transcript_pb2.Turn(
            turn_id=f"t{number}",
            revision=1,
            state=transcript_pb2.TURN_STATE_FINAL,
            speaker=f"S{number % 3}",
            speaker_name=who,
            text=text,
            start=Duration(seconds=10 * number),
            end=Duration(seconds=10 * number + 9),
        )
        for number, (who, text) in enumerate(said, start=1)
    ]


def _summary_request(**changes: object) -> llm_pb2.SummarizeRequest:
    """Ask for a summary of the stand-up of Monday, 2 March 2026."""
    request = llm_pb2.SummarizeRequest(
        workspace_id="wsp_1",
        meeting_id="mtg_1",
        title="Планёрка",
        turns=_turns_of(_STANDUP),
        people=[
            transcript_pb2.Person(person_id="ppl_a", name="Анна Петрова"),
            transcript_pb2.Person(person_id="ppl_s", name="Александр", aliases=["Саша"]),
        ],
    )
    request.started_at.FromJsonString("2026-03-02T07:00:00Z")
    for name, value in changes.items():
        setattr(request, name, value)
    return request


@asynccontextmanager
async def _serve(settings: LlmSettings, mesh: MeshSettings) -> AsyncIterator[llm_pb2_grpc.LlmServiceStub]:
    """A real server on a free port, and a client of it."""
    async with host(LlmHosted(settings), "127.0.0.1:0", mesh) as running:
        channel = open_channel(f"127.0.0.1:{running.port}", mesh, ["planerka.llm.v1.LlmService"])
        try:
            yield llm_pb2_grpc.LlmServiceStub(channel)
        finally:
            await channel.close()


@pytest.fixture
def without_model(tmp_path: Path) -> LlmSettings:
    """Settings of a service without a language model, with a state folder of its own."""
    return LlmSettings(state=tmp_path / "llm", provider="none")


@pytest.fixture
def standup() -> Sequence[tuple[str, str]]:
    """Speakers and texts of a short meeting."""
    return _STANDUP


@pytest.fixture
def turns_of():
    """Makes turns of speakers and texts."""
    return _turns_of


@pytest.fixture
def summary_request():
    """Makes requests for a summary."""
    return _summary_request


@pytest.fixture
def serve():
    """Starts services."""
    return _serve
