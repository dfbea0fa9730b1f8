"""Live meetings: acknowledged audio is never lost."""

from __future__ import annotations

import asyncio
import uuid

import grpc
import numpy as np
import pytest
from planerka.asr.v1 import asr_pb2
from planerka.common.v1.transcript_pb2 import Turn, TurnState, Word
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.meeting_pb2 import MeetingConfig, MeetingState

from mesh.errors import remote_error
from mesh.times import from_seconds

RATE = 16000
CHUNK = RATE // 10
SOUND = (np.random.default_rng(2).normal(0, 0.1, RATE * 4).clip(-1, 1) * 32767).astype("<i2").tobytes()
CHUNKS = [SOUND[start : start + 2 * CHUNK] for start in range(0, len(SOUND), 2 * CHUNK)]


class Stream:
    """A client that streams."""

    def __init__(self, client):
        self.queue = asyncio.Queue()
        self.call = client.stub.StreamMeeting(self._requests())
        self.seen = []

    async def _requests(self):
        while (request := await self.queue.get()) is not None:
            yield request

    def config(self, key=None):
        meeting = MeetingConfig(idempotency_key=key or uuid.uuid4().hex)
        config = pb.LiveConfig(meeting=meeting, encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate=RATE, channels=1)
        self.queue.put_nowait(pb.StreamMeetingRequest(config=config))

    def resume(self, token, last_event_id=0):
        self.queue.put_nowait(
            pb.StreamMeetingRequest(resume=asr_pb2.StreamResume(resume_token=token, last_event_id=last_event_id))
        )

    def audio(self, first, last):
        for number in range(first, last + 1):
            chunk = asr_pb2.AudioChunk(sequence=number, data=CHUNKS[number - 1])
            self.queue.put_nowait(pb.StreamMeetingRequest(audio=chunk))

    async def until(self, kind, condition=lambda value: True):
        async def read():
            async for response in self.call:
                self.seen.append(response)
                if response.WhichOneof("response") == kind and condition(getattr(response, kind)):
                    return getattr(response, kind)
            raise AssertionError(f"the stream ended without {kind}")

        return await asyncio.wait_for(read(), 10)

    def end(self):
        self.queue.put_nowait(None)


async def test_turns_come_back_and_the_recording_is_whole(client, mesh):
    stream = Stream(client)
    stream.config()
    opened = await stream.until("opened")
    assert opened.next_sequence == 1
    watched = []

    async def watch():
        async for update in client.stub.WatchMeeting(pb.WatchMeetingRequest(meeting_id=opened.meeting_id)):
            watched.append(update)  # noqa: PERF401 - what was seen before a failure counts

    watching = asyncio.create_task(watch())
    stream.audio(1, 20)
    await stream.until("ack", lambda ack: ack.sequence == 20)
    live = await stream.until("turn", lambda turn: turn.turn_id == "l20")
    assert live.text == "слышно 20"
    assert (await client.detail(opened.meeting_id)).meeting.state == MeetingState.MEETING_STATE_LIVE
    stream.audio(21, 40)
    stream.end()
    closed = await stream.until("closed")
    assert closed.meeting.state == MeetingState.MEETING_STATE_PROCESSING
    await client.until(opened.meeting_id, MeetingState.MEETING_STATE_CLOSED)
    await asyncio.wait_for(watching, 5)
    assert any(update.turn.turn_id == "l20" for update in watched)
    # The accurate pass heard every sample, and its turns took the place of the live ones.
    assert mesh.asr.servicer.files == [(RATE * 4, RATE)]
    turns = (await client.detail(opened.meeting_id)).turns
    assert [turn.turn_id for turn in turns] == ["a0", "a1"]
    assert not list((mesh.home / "orchestrator" / "audio" / opened.meeting_id).glob("live*"))


async def test_words_that_may_change_and_corrected_speakers_reach_client_watcher_and_reader(client, mesh):
    words = [Word(text=text) for text in ["слышно", "пять"]]
    growing = Turn(
        turn_id="p1", revision=1, state=TurnState.TURN_STATE_STABLE, text="слышно пять", words=words, stable_words=1
    )
    taken_back = Turn(turn_id="p1", revision=2, state=TurnState.TURN_STATE_FINAL)
    change = asr_pb2.SpeakerRevision.Change(
        words=asr_pb2.WordRange(turn_id="l3", word_count=2), previous_speaker="S1", speaker="S2", confidence=0.7
    )
    mesh.asr.servicer.script = {
        5: [asr_pb2.StreamingRecognizeResponse(turn=growing), asr_pb2.StreamingRecognizeResponse(turn=taken_back)],
        6: [asr_pb2.StreamingRecognizeResponse(speaker_revision=asr_pb2.SpeakerRevision(changes=[change]))],
    }
    stream = Stream(client)
    stream.config()
    opened = await stream.until("opened")
    watched = []

    async def watch():
        async for update in client.stub.WatchMeeting(pb.WatchMeetingRequest(meeting_id=opened.meeting_id)):
            watched.append(update)
            if update.HasField("speaker_revision"):
                return

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.2)
    stream.audio(1, 10)
    told = await stream.until("speaker_revision")
    assert told.changes[0].speaker == "S2"
    await asyncio.wait_for(watching, 5)
    for seen in ([one.turn for one in watched], [one.turn for one in stream.seen]):
        (shown,) = [one for one in seen if one.turn_id == "p1" and one.words]
        assert (shown.stable_words, shown.state) == (1, TurnState.TURN_STATE_STABLE)
    await stream.until("turn", lambda turn: turn.turn_id == "l10")
    turns = {turn.turn_id: turn for turn in (await client.detail(opened.meeting_id)).turns}
    assert (turns["l3"].speaker, turns["l4"].speaker) == ("S2", "S1")
    assert "p1" not in turns
    stream.end()
    await stream.until("closed")


async def test_a_broken_connection_goes_on_where_it_was(client, mesh):
    first = Stream(client)
    first.config()
    opened = await first.until("opened")
    first.audio(1, 10)
    await first.until("ack", lambda ack: ack.sequence == 10)
    seen = await first.until("turn", lambda turn: turn.turn_id == "l5")
    last_event = max(response.event_id for response in first.seen)
    first.call.cancel()
    await asyncio.sleep(0.3)
    assert (await client.detail(opened.meeting_id)).meeting.state == MeetingState.MEETING_STATE_LIVE
    assert seen

    second = Stream(client)
    second.resume(opened.resume_token, last_event)
    again = await second.until("opened")
    assert (again.meeting_id, again.next_sequence) == (opened.meeting_id, 11)
    # Chunks that were received before are ignored.
    second.audio(6, 40)
    await second.until("turn", lambda turn: turn.turn_id == "l40")
    turns = [response.turn.turn_id for response in second.seen if response.HasField("turn")]
    assert turns == [f"l{number}" for number in range(6, 41)]
    second.end()
    await second.until("closed")
    await client.until(opened.meeting_id, MeetingState.MEETING_STATE_CLOSED)
    assert mesh.asr.servicer.files == [(RATE * 4, RATE)]
    late = Stream(client)
    late.resume(opened.resume_token)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await late.until("opened")
    assert remote_error(caught.value).reason == "STREAM_NOT_FOUND"


async def test_a_gap_is_refused_and_nothing_of_it_kept(client):
    stream = Stream(client)
    stream.config()
    opened = await stream.until("opened")
    stream.audio(1, 3)
    stream.audio(5, 5)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.until("closed")
    error = remote_error(caught.value)
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "STREAM_OUT_OF_ORDER")
    assert error.metadata["nextSequence"] == "4"
    again = Stream(client)
    again.resume(opened.resume_token)
    assert (await again.until("opened")).next_sequence == 4
    again.call.cancel()


async def test_audio_is_taken_while_the_speech_service_is_away(client, mesh):
    await mesh.stop("asr")
    stream = Stream(client)
    stream.config()
    opened = await stream.until("opened")
    stream.audio(1, 20)
    await stream.until("ack", lambda ack: ack.sequence == 20)
    await mesh.start("asr")
    stream.audio(21, 40)
    await stream.until("turn")
    assert any(response.HasField("warning") for response in stream.seen)
    stream.end()
    await stream.until("closed")
    await client.until(opened.meeting_id, MeetingState.MEETING_STATE_CLOSED)
    assert mesh.asr.servicer.files == [(RATE * 4, RATE)]


async def test_the_speech_service_dies_in_mid_stream(client, mesh):
    stream = Stream(client)
    stream.config()
    opened = await stream.until("opened")
    stream.audio(1, 10)
    await stream.until("turn", lambda turn: turn.turn_id == "l10")
    await mesh.stop("asr")
    stream.audio(11, 20)
    await stream.until("warning")
    await stream.until("ack", lambda ack: ack.sequence == 20)
    await mesh.start("asr")
    # It knows the stream by its token, and asks for what it lacks.
    await stream.until("turn", lambda turn: turn.turn_id == "l20")
    await mesh.stop("asr")
    mesh.asr.servicer.chunks.clear()
    mesh.asr.servicer.forgets = True
    await mesh.start("asr")
    change = asr_pb2.SpeakerRevision.Change(words=asr_pb2.WordRange(turn_id="l1"), previous_speaker="S1", speaker="S3")
    mesh.asr.servicer.script = {
        2: [
            asr_pb2.StreamingRecognizeResponse(speaker_revision=asr_pb2.SpeakerRevision(changes=[change])),
            asr_pb2.StreamingRecognizeResponse(progress=asr_pb2.Progress(received=from_seconds(0.2))),
        ]
    }
    stream.audio(21, 30)
    await stream.until("ack", lambda ack: ack.sequence == 30)
    for _ in range(200):
        if mesh.asr.servicer.chunks:
            break
        await asyncio.sleep(0.1)
    stream.audio(31, 40)
    # A new stream begins where the meeting is now, under identifiers and times of its own place.
    later = await stream.until("turn", lambda turn: turn.turn_id.startswith("2-"))
    assert later.start.seconds >= 2
    revision = await stream.until("speaker_revision")
    assert revision.changes[0].words.turn_id == "2-l1"
    assert (await stream.until("progress")).received.seconds >= 2
    stream.end()
    await stream.until("closed")
    await client.until(opened.meeting_id, MeetingState.MEETING_STATE_CLOSED)
    assert mesh.asr.servicer.files == [(RATE * 4, RATE)]


async def test_a_client_that_never_comes_back(client, mesh):
    stream = Stream(client)
    stream.config()
    opened = await stream.until("opened")
    stream.audio(1, 10)
    await stream.until("ack", lambda ack: ack.sequence == 10)
    stream.call.cancel()
    await client.until(opened.meeting_id, MeetingState.MEETING_STATE_LIVE)
    for _ in range(100):
        if (await client.detail(opened.meeting_id)).meeting.state == MeetingState.MEETING_STATE_CLOSED:
            break
        await asyncio.sleep(0.1)
    assert mesh.asr.servicer.files == [(RATE, RATE)]


async def test_a_restart_in_the_middle_of_a_stream(mesh):
    async with mesh.orchestrator() as client:
        stream = Stream(client)
        stream.config()
        opened = await stream.until("opened")
        stream.audio(1, 10)
        await stream.until("ack", lambda ack: ack.sequence == 10)
        stream.call.cancel()
    async with mesh.orchestrator() as client:
        stream = Stream(client)
        stream.resume(opened.resume_token, 7)
        assert (await stream.until("opened")).next_sequence == 11
        stream.audio(11, 40)
        stream.end()
        await stream.until("closed")
        await client.until(opened.meeting_id, MeetingState.MEETING_STATE_CLOSED)
    assert mesh.asr.servicer.files == [(RATE * 4, RATE)]


async def test_a_stream_without_audio_closes_calmly(client, mesh):
    stream = Stream(client)
    stream.config()
    opened = await stream.until("opened")
    stream.end()
    await stream.until("closed")
    await client.until(opened.meeting_id, MeetingState.MEETING_STATE_CLOSED)
    assert not mesh.asr.servicer.files
