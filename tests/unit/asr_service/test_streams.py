"""Order, acknowledgement and resuming of live streams; the recogniser is a script that counts samples."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from planerka.asr.v1 import asr_pb2

from asr_service.audio import SAMPLE_RATE, PcmConverter, Recording
from asr_service.errors import StreamBroken, StreamTaken, TooManyStreams, UndecodableAudio, UnknownStream
from asr_service.inference import InferenceThread
from asr_service.live import Ended, LiveEvent, SpeechBegan
from asr_service.streams import LiveStream, StreamLimits, StreamTable

LIMITS = StreamLimits(streams=2, resume_window=30.0, max_lag=5.0, max_seconds=3_600.0)


class CountingRecognition:
    """Tells an event for each second of audio that it has heard."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.listened_seconds = 0.0
        self.final_seconds = 0.0
        self.stuck = False

    def advance(self) -> Iterator[LiveEvent | None]:
        while not self.stuck and self.recording.duration - self.listened_seconds >= 1:
            self.listened_seconds += 1
            self.final_seconds = self.listened_seconds
            yield SpeechBegan(self.listened_seconds)

    def flush(self) -> Iterator[LiveEvent | None]:
        yield from self.advance()

    def finish(self) -> Iterator[LiveEvent | None]:
        self.stuck = False
        yield from self.advance()
        yield Ended(self.recording.duration, 0, 0, "")


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[StreamTable]:
    inference = InferenceThread()
    streams = StreamTable(tmp_path, inference, LIMITS)
    yield streams
    await streams.close()
    inference.close()
    assert list(tmp_path.iterdir()) == []


def open_stream(table: StreamTable) -> tuple[LiveStream, CountingRecognition]:
    recording = table.new_recording()
    recognition = CountingRecognition(recording)
    return table.open(recognition, recording, PcmConverter("s16", SAMPLE_RATE, 1)), recognition


def chunk(sequence: int, seconds: float = 0.5) -> asr_pb2.AudioChunk:
    data = np.full(int(seconds * SAMPLE_RATE), sequence, dtype="<i2").tobytes()
    return asr_pb2.AudioChunk(sequence=sequence, data=data)


async def events(stream: LiveStream, connection: int, seen: int = 0) -> list[asr_pb2.StreamingRecognizeResponse]:
    return [response async for response in stream.deliver(connection, seen)]


def seconds_told(responses: list[asr_pb2.StreamingRecognizeResponse]) -> list[int]:
    return [response.speech_event.at.seconds for response in responses if response.HasField("speech_event")]


async def test_a_whole_stream(table: StreamTable) -> None:
    stream, _ = open_stream(table)
    connection = stream.attach()
    for sequence in range(1, 9):
        await stream.take(connection, chunk(sequence))
    stream.end(connection)
    responses = await asyncio.wait_for(events(stream, connection), 5)
    assert seconds_told(responses) == [1, 2, 3, 4]
    assert responses[-1].finished.duration.seconds == 4
    numbered = [response.event_id for response in responses if response.event_id]
    assert numbered == list(range(1, len(numbered) + 1))
    table.release(stream, connection)
    with pytest.raises(UnknownStream):
        table.resume(stream.token)


async def test_a_chunk_that_comes_twice_is_taken_once(table: StreamTable) -> None:
    stream, recognition = open_stream(table)
    connection = stream.attach()
    for sequence in (1, 1, 2, 1, 2, 3):
        await stream.take(connection, chunk(sequence))
    assert stream.next_sequence == 4
    samples = (recognition.recording.read(0, 99_999) * 32_768).astype(int)
    assert [int(value) for value in samples[:: SAMPLE_RATE // 2]] == [1, 2, 3]


async def test_a_gap_is_refused(table: StreamTable) -> None:
    stream, _ = open_stream(table)
    connection = stream.attach()
    await stream.take(connection, chunk(1))
    with pytest.raises(StreamBroken) as caught:
        await stream.take(connection, chunk(3))
    assert (caught.value.reason, caught.value.metadata["nextSequence"]) == ("OUT_OF_ORDER", "2")


async def test_half_a_sample_is_refused_and_leaves_no_trace(table: StreamTable) -> None:
    stream, recognition = open_stream(table)
    with pytest.raises(UndecodableAudio):
        await stream.take(stream.attach(), asr_pb2.AudioChunk(sequence=1, data=b"\x00\x00\x00"))
    assert (stream.next_sequence, recognition.recording.samples) == (1, 0)


async def test_acknowledged_audio_is_on_disk(table: StreamTable) -> None:
    stream, recognition = open_stream(table)
    connection = stream.attach()
    await stream.take(connection, chunk(1))
    async for response in stream.deliver(connection, 0):
        if response.HasField("ack"):
            assert response.ack.sequence == 1
            break
    assert recognition.recording.path.stat().st_size == SAMPLE_RATE


async def test_resuming_loses_nothing_and_repeats_nothing(table: StreamTable) -> None:
    stream, _ = open_stream(table)
    first = stream.attach()
    told: list[int] = []
    seen = 0
    for sequence in range(1, 7):
        await stream.take(first, chunk(sequence))
    async for response in stream.deliver(first, 0):
        told += seconds_told([response])
        seen = max(seen, response.event_id)
        if told == [1, 2]:
            break
    table.release(stream, first)

    again = table.resume(stream.token)
    second = again.attach()
    assert again is stream
    assert again.next_sequence == 7
    for sequence in range(5, 11):
        await again.take(second, chunk(sequence))
    again.end(second)
    told += seconds_told(await asyncio.wait_for(events(again, second, seen), 5))
    assert told == [1, 2, 3, 4, 5]


async def test_the_newer_connection_wins(table: StreamTable) -> None:
    stream, _ = open_stream(table)
    first = stream.attach()
    delivering = asyncio.create_task(events(stream, first))
    await asyncio.sleep(0)
    second = table.resume(stream.token).attach()
    with pytest.raises(StreamTaken):
        await asyncio.wait_for(delivering, 5)
    with pytest.raises(StreamTaken):
        await stream.take(first, chunk(1))
    table.release(stream, first)
    await stream.take(second, chunk(1))
    assert stream.connected


async def test_a_slow_service_withholds_acknowledgements_and_then_the_transport(table: StreamTable) -> None:
    stream, recognition = open_stream(table)
    recognition.stuck = True
    connection = stream.attach()

    async def send_without_end() -> None:
        for sequence in range(1, 1_000):
            await stream.take(connection, chunk(sequence, 1.0))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(send_without_end(), 0.5)
    assert 2 * LIMITS.max_lag < stream.lag <= 2 * LIMITS.max_lag + 1
    responses = []
    async for response in stream.deliver(connection, 0):
        responses.append(response.WhichOneof("response"))
        if len(responses) == 2:
            break
    assert "ack" not in responses
    assert "warning" in responses
    stream.end(connection)
    kinds = [response.WhichOneof("response") for response in await asyncio.wait_for(events(stream, connection), 5)]
    assert kinds[-1] == "finished"


async def test_there_are_only_so_many_streams(table: StreamTable) -> None:
    opened = [open_stream(table)[0] for _ in range(2)]
    connections = [stream.attach() for stream in opened]
    with pytest.raises(TooManyStreams) as caught:
        table.check_room()
    assert caught.value.retry_after is not None
    table.release(opened[0], connections[0])
    table.check_room()


async def test_a_token_that_nobody_gave(table: StreamTable) -> None:
    with pytest.raises(UnknownStream):
        table.resume("made-up")
