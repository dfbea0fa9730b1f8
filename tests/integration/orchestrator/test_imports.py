"""Imports of every format, and bad input that leaves nothing behind."""

from __future__ import annotations

import io
import json

import av
import grpc
import numpy as np
import pytest
import soundfile
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.meeting_pb2 import MeetingConfig, MeetingSource, MeetingState

from mesh.errors import remote_error

CLOSED = MeetingState.MEETING_STATE_CLOSED


def wav(seconds, rate=16000, channels=1, level=0.1):
    shape = (int(seconds * rate), channels)
    target = io.BytesIO()
    soundfile.write(
        target,
        np.random.default_rng(1).normal(0, level, shape).clip(-1, 1) if level else np.zeros(shape),
        rate,
        format="WAV",
    )
    return target.getvalue()


async def refused(client, mesh, data, **config):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.upload(data, **config)
    assert not (await client.stub.ListMeetings(pb.ListMeetingsRequest())).meetings
    left = [path for path in (mesh.home / "orchestrator").rglob("*") if path.is_file() and "sqlite" not in path.name]
    assert not left
    return remote_error(caught.value)


async def test_audio_of_a_telephone_in_stereo(client, mesh):
    meeting = await client.upload(wav(2.0, 8000, 2), name="call.wav")
    assert meeting.source == MeetingSource.MEETING_SOURCE_AUDIO_FILE
    closed = await client.until(meeting.meeting_id, CLOSED)
    assert mesh.asr.servicer.files == [(32000, 16000)]
    assert closed.language == "ru"
    assert closed.duration.seconds == 2
    detail = await client.detail(meeting.meeting_id)
    assert [turn.text for turn in detail.turns] == ["Срок по авторизации пятница.", "Хорошо."]
    (segment,) = (mesh.home / "orchestrator" / "audio" / meeting.meeting_id).iterdir()
    assert segment.suffix == ".flac"


def encoded(container, codec):
    target = io.BytesIO()
    with av.open(target, "w", format=container) as file:
        stream = file.add_stream(codec, rate=48_000, layout="mono")
        tone = (np.sin(np.arange(96_000) / 20) * 0.3).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(tone[None, :], format="flt", layout="mono")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(stream.format, "mono", stream.rate, frame_size=stream.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return target.getvalue()


@pytest.mark.parametrize(
    ("container", "codec", "name"),
    [
        ("mp3", "libmp3lame", "a.mp3"),
        ("ipod", "aac", "a.m4a"),
        ("adts", "aac", "a.aac"),
        ("ogg", "libopus", "voice.oga"),
        ("webm", "libopus", "a.webm"),
        ("mp3", "libmp3lame", ""),
    ],
)
async def test_compressed_audio_by_any_name(client, mesh, container, codec, name):
    meeting = await client.upload(encoded(container, codec), name=name)
    assert meeting.source == MeetingSource.MEETING_SOURCE_AUDIO_FILE
    assert meeting.duration.ToTimedelta().total_seconds() == pytest.approx(2.0, abs=0.1)


async def test_a_meeting_without_speech_closes_calmly(client, mesh):
    await client.board()
    meeting = await client.upload(wav(1.0, level=0), name="silence.wav")
    await client.until(meeting.meeting_id, CLOSED)
    detail = await client.detail(meeting.meeting_id)
    assert not detail.turns
    assert detail.summary.overview == ""
    assert not mesh.llm.servicer.documents


async def test_an_hour_and_more_is_kept_in_segments_and_sent_whole(client, mesh):
    meeting = await client.upload(wav(25 * 60, 1000 * 8, level=0), name="long.wav")
    await client.until(meeting.meeting_id, CLOSED, seconds=60)
    assert mesh.asr.servicer.files == [(25 * 60 * 16000, 16000)]
    names = sorted(path.name for path in (mesh.home / "orchestrator" / "audio" / meeting.meeting_id).iterdir())
    assert names == ["000001.flac", "000002.flac", "000003.flac"]


@pytest.mark.parametrize(
    ("data", "name", "code", "reason"),
    [
        (b"", "meeting.wav", grpc.StatusCode.INVALID_ARGUMENT, "EMPTY_FILE"),
        (b"", "meeting.txt", grpc.StatusCode.INVALID_ARGUMENT, "EMPTY_FILE"),
        (b" \n \n", "meeting.txt", grpc.StatusCode.INVALID_ARGUMENT, "EMPTY_FILE"),
        ("Анна: это не звук\n".encode() * 50, "meeting.wav", grpc.StatusCode.INVALID_ARGUMENT, "AUDIO_UNREADABLE"),
        (b"\0\1\2\3" * 4000, "meeting", grpc.StatusCode.INVALID_ARGUMENT, "AUDIO_UNREADABLE"),
        (wav(0.0), "nothing.wav", grpc.StatusCode.INVALID_ARGUMENT, "AUDIO_UNREADABLE"),
        (
            b'{"speaker": "A", "text": "b"}\n{"speaker": \n',
            "talk.jsonl",
            grpc.StatusCode.INVALID_ARGUMENT,
            "TEXT_UNREADABLE",
        ),
        (b"WEBVTT\n\n00:00 broken", "talk.srt", grpc.StatusCode.INVALID_ARGUMENT, "TEXT_UNREADABLE"),
    ],
)
async def test_bad_files(client, mesh, data, name, code, reason):
    error = await refused(client, mesh, data, name=name)
    assert (error.code, error.reason) == (code, reason)
    if name == "talk.jsonl":
        assert error.metadata["line"] == "2"
        assert "Line 2" in error.message


async def test_an_unknown_language(client, mesh):
    error = await refused(client, mesh, b"text", name="a.txt", language="xx")
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_LANGUAGE")


async def test_a_piece_above_the_limit(client, mesh):
    async def requests():
        yield pb.ImportMeetingRequest(config=pb.ImportConfig(meeting=MeetingConfig(idempotency_key="k")))
        yield pb.ImportMeetingRequest(data=bytes((1 << 20) + 1))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.stub.ImportMeeting(requests())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not (await client.stub.ListMeetings(pb.ListMeetingsRequest())).meetings


async def test_the_same_key_is_the_same_meeting(client):
    first = await client.talk(("Анна", "Доброе утро."), key="k")
    again = await client.talk(("Анна", "Доброе утро."), key="k")
    assert again.meeting_id == first.meeting_id
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.talk(("Анна", "Доброе утро."), key="k", title="другая")
    assert remote_error(caught.value).reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_chat_keeps_its_times_and_its_name(client, mesh):
    export = {
        "name": "Проект",
        "type": "private_group",
        "messages": [
            {"type": "service", "text": ""},
            {
                "type": "message",
                "from": "Анна",
                "date_unixtime": "1772800000",
                "text": ["Привет, ", {"type": "bold", "text": "всем"}],
            },
            {"type": "message", "from": "Олег", "date_unixtime": "1772800060", "text": "Здравствуйте"},
        ],
    }
    meeting = await client.upload(json.dumps(export).encode(), name="result.json")
    await client.until(meeting.meeting_id, CLOSED)
    detail = await client.detail(meeting.meeting_id)
    assert detail.meeting.title == "Проект"
    assert detail.meeting.started_at.seconds == 1772800000
    assert [(turn.speaker_name, turn.text) for turn in detail.turns] == [
        ("Анна", "Привет, всем"),
        ("Олег", "Здравствуйте"),
    ]


async def test_deleting_leaves_nothing_but_the_journal(client, mesh):
    await client.board()
    meeting = await client.upload(wav(1.0), name="talk.wav")
    await client.waiting(meeting.meeting_id)
    assert mesh.llm.servicer.documents
    request = pb.DeleteMeetingRequest(meeting_id=meeting.meeting_id, idempotency_key="d")
    await client.stub.DeleteMeeting(request)
    await client.stub.DeleteMeeting(request)
    assert not [d for d in mesh.llm.servicer.documents.values() if d.meeting_id == meeting.meeting_id]
    assert not (mesh.home / "orchestrator" / "audio" / meeting.meeting_id).exists()
    assert not await client.proposals(meeting.meeting_id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.detail(meeting.meeting_id)
    assert remote_error(caught.value).reason == "MEETING_NOT_FOUND"
    assert await client.events(meeting.meeting_id)


async def test_a_voice_gets_its_name_everywhere(client):
    meeting = await client.upload(wav(1.0), name="talk.wav")
    await client.until(meeting.meeting_id, CLOSED)
    request = pb.RenameSpeakerRequest(meeting_id=meeting.meeting_id, speaker="S1", name="Ирина", idempotency_key="r")
    assert (await client.stub.RenameSpeaker(request)).turns == 1
    turns = (await client.detail(meeting.meeting_id)).turns
    assert {turn.speaker: turn.speaker_name for turn in turns} == {"S1": "Ирина", "S2": ""}


async def test_meetings_are_listed_in_pages_newest_first(client):
    made = [(await client.talk(("Анна", f"Тема {number}."))).meeting_id for number in range(5)]
    listed, token = [], ""
    while True:
        page = await client.stub.ListMeetings(pb.ListMeetingsRequest(page_size=2, page_token=token))
        listed += [meeting.meeting_id for meeting in page.meetings]
        token = page.next_page_token
        if not token:
            break
    assert listed == made[::-1]


async def test_questions_go_on_with_the_readers_rights(client, mesh):
    answers = [answer async for answer in client.stub.Ask(pb.AskRequest(question="Что решили?"))]
    assert answers[0].text == "Ответ на «Что решили?»"
    assert answers[-1].finished.answered
    assert list(mesh.llm.servicer.reader.roles) == ["admin"]


async def test_stale_cards_are_those_that_nobody_speaks_about(client):
    await client.board(cards=(("A1", "Авторизация через Google"), ("A2", "Экспорт отчётов")))
    settings = (await client.stub.GetWorkspaceSettings(pb.GetWorkspaceSettingsRequest())).settings
    settings.stale_after_meetings = 2
    await client.stub.UpdateWorkspaceSettings(pb.UpdateWorkspaceSettingsRequest(settings=settings, idempotency_key="s"))
    for number in range(2):
        meeting = await client.talk(("Ирина", f"Авторизация готова на треть, шаг {number}."))
        await client.waiting(meeting.meeting_id)
    stale = (await client.stub.ListStaleCards(pb.ListStaleCardsRequest())).cards
    assert [(card.card.key, card.meetings_since) for card in stale] == [("A2", 2)]


async def test_the_status_of_the_mesh(client, mesh):
    await mesh.stop("match")
    services = {s.name: s for s in (await client.stub.GetStatus(pb.GetStatusRequest())).services}
    assert list(services) == ["orchestrator", "asr", "llm", "match", "board", "notify"]
    assert [name for name, service in services.items() if not service.ready] == ["match"]
    assert services["match"].reason
