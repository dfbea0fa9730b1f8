"""Enrolled voices: who may enroll them, what they name, and that they go with their people."""

from __future__ import annotations

import asyncio
import io
import uuid

import grpc
import numpy as np
import pytest
import soundfile
from planerka.asr.v1 import asr_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.meeting_pb2 import MeetingConfig, MeetingState
from planerka.orchestrator.v1.workspace_pb2 import Role, WorkspacePerson

from mesh.errors import remote_error

WORKSPACE = "wsp_default"
SAMPLE = b"x" * 12_000


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return remote_error(caught.value)


async def person(client, name, role=Role.ROLE_MEMBER):
    request = pb.PutPersonRequest(person=WorkspacePerson(name=name, role=role), idempotency_key=f"put {name}")
    return (await client.stub.PutPerson(request)).person


def enroll(client, person_id, data=SAMPLE, key=None):
    async def requests():
        config = pb.EnrollVoiceConfig(person_id=person_id, idempotency_key=key or uuid.uuid4().hex)
        yield pb.EnrollVoiceRequest(config=config)
        for start in range(0, len(data), 5000):
            yield pb.EnrollVoiceRequest(data=data[start : start + 5000])

    return client.stub.EnrollVoice(requests())


def forget(client, person_id, key=None):
    return client.stub.DeleteVoice(pb.DeleteVoiceRequest(person_id=person_id, idempotency_key=key or uuid.uuid4().hex))


def remove(client, person_id):
    return client.stub.RemovePerson(pb.RemovePersonRequest(person_id=person_id, idempotency_key=uuid.uuid4().hex))


async def enrolled(client):
    return [voice.person_id for voice in (await client.stub.ListVoices(pb.ListVoicesRequest())).voices]


def recording():
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(1).normal(0, 0.1, 16_000), 16_000, format="WAV")
    return file.getvalue()


async def speakers(client, meeting_id):
    await client.until(meeting_id, MeetingState.MEETING_STATE_CLOSED, MeetingState.MEETING_STATE_WAITING)
    return [(turn.speaker, turn.speaker_name) for turn in (await client.detail(meeting_id)).turns]


async def test_a_voice_is_enrolled_and_forgotten_by_its_owner_or_an_admin(mesh):
    async with mesh.orchestrator() as owner:
        people = [await person(owner, "Вера", Role.ROLE_VIEWER), await person(owner, "Лида", Role.ROLE_LEAD)]
        secrets = []
        for someone in people:
            request = pb.CreateTokenRequest(person_id=someone.person_id, purpose="test", idempotency_key=someone.name)
            secrets.append((await owner.stub.CreateToken(request)).secret)
        vera, lida = (mesh.client(owner.port, secret) for secret in secrets)
        assert (await enroll(vera, people[0].person_id, key="one")).voice.speech.seconds == 12
        assert (await enroll(vera, people[0].person_id, key="one")).voice.speech.seconds == 12
        assert (await refused(enroll(lida, people[0].person_id))).reason == "ROLE_MISSING"
        assert (await refused(forget(lida, people[0].person_id))).reason == "ROLE_MISSING"
        assert (await refused(enroll(lida, people[1].person_id, b"x"))).reason == "TOO_LITTLE_SPEECH"
        assert (await refused(enroll(owner, "ppl_nobody"))).reason == "PERSON_NOT_FOUND"
        await enroll(owner, people[1].person_id)
        assert await enrolled(lida) == sorted(someone.person_id for someone in people)
        await forget(vera, people[0].person_id, key="two")
        await forget(vera, people[0].person_id, key="two")
        assert (await refused(forget(owner, people[0].person_id))).reason == "VOICE_NOT_FOUND"
        texts = [event.text for event in await owner.events()]
        assert texts.count("Голос изучен: Вера.") == texts.count("Голос удалён: Вера.") == 1
        for client in (vera, lida):
            await client.close()


async def test_a_sample_must_begin_with_its_config_and_have_only_one(client):
    async def requests(*kinds):
        config = pb.EnrollVoiceConfig(person_id=someone.person_id, idempotency_key="k")
        for kind in kinds:
            yield pb.EnrollVoiceRequest(**({"config": config} if kind == "config" else {"data": SAMPLE}))

    someone = await person(client, "Вера")
    for kinds in ((), ("data",), ("config", "data", "config")):
        error = await refused(client.stub.EnrollVoice(requests(*kinds)))
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "STREAM_OUT_OF_ORDER")
    assert await enrolled(client) == []


async def test_a_removed_persons_voice_goes_even_while_the_speech_service_is_away(client, mesh):
    first, second = await person(client, "Вера"), await person(client, "Миша")
    await enroll(client, first.person_id)
    await enroll(client, second.person_id)
    await remove(client, first.person_id)
    assert set(mesh.asr.servicer.voices) == {(WORKSPACE, second.person_id)}
    await mesh.stop("asr")
    await remove(client, second.person_id)
    await mesh.start("asr")
    async with asyncio.timeout(15):
        while mesh.asr.servicer.voices:
            await asyncio.sleep(0.1)


async def test_a_recognised_voice_has_its_name_before_the_talk_is_asked(client, mesh):
    anna, oleg = await person(client, "Анна"), await person(client, "Олег")
    mesh.asr.servicer.said = [
        ("S1", "Меня зовут Олег, начнём."),
        ("S2", "Меня зовут Олег."),
        ("S3", "Хорошо."),
    ]
    mesh.asr.servicer.recognised = {"S1": anna.person_id, "S3": "ppl_gone", "S9": oleg.person_id}
    meeting = await client.upload(recording(), name="talk.wav")
    assert await speakers(client, meeting.meeting_id) == [("S1", "Анна"), ("S2", "Олег"), ("S3", "")]

    rename = pb.RenameSpeakerRequest(meeting_id=meeting.meeting_id, speaker="S1", name="Мария", idempotency_key="r")
    await client.stub.RenameSpeaker(rename)
    mesh.asr.servicer.recognised = {"S1": anna.person_id, "S2": anna.person_id}
    back = pb.GoBackRequest(meeting_id=meeting.meeting_id, stage=2, idempotency_key="b")
    await client.stub.GoBack(back)
    async with asyncio.timeout(15):
        while (found := await speakers(client, meeting.meeting_id)) != [("S1", "Мария"), ("S2", "Анна"), ("S3", "")]:
            assert found
            await asyncio.sleep(0.1)


async def test_live_turns_are_named_as_soon_as_their_voice_is_recognised(client, mesh):
    anna = await person(client, "Анна")
    mesh.asr.servicer.recognised = {"S1": anna.person_id, "S2": "ppl_gone"}
    sound = np.random.default_rng(2).integers(-3000, 3000, 1600, dtype="<i2").tobytes()

    async def requests():
        meeting = MeetingConfig(idempotency_key=uuid.uuid4().hex)
        yield pb.StreamMeetingRequest(
            config=pb.LiveConfig(
                meeting=meeting, encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate=16_000, channels=1
            )
        )
        for number in range(1, 7):
            yield pb.StreamMeetingRequest(audio=asr_pb2.AudioChunk(sequence=number, data=sound))
            await asyncio.sleep(0.05)
        await done.wait()

    done = asyncio.Event()
    named, meeting_id = {}, ""
    async with asyncio.timeout(15):
        async for response in client.stub.StreamMeeting(requests()):
            meeting_id = response.opened.meeting_id or meeting_id
            if response.HasField("turn"):
                named[response.turn.turn_id] = response.turn.speaker_name
            if "l6" in named and not done.is_set():
                turns = (await client.detail(meeting_id)).turns
                assert [turn.speaker_name for turn in turns] == ["Анна"] * 6
                done.set()
    assert list(named.values()) == ["", "", "", "Анна", "Анна", "Анна"]
