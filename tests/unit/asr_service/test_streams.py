"""Order, acknowledgement and resuming of live streams; the recogniser is a script that counts samples."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planerka.asr.v1 import asr_pb2
from planerka.common.v1 import transcript_pb2

from asr_service.audio import SAMPLE_RATE, PcmConverter, Recording
from asr_service.errors import (
    Overloaded,
    StreamBroken,
    StreamTaken,
    TooManyStreams,
    UndecodableAudio,
    UnknownStream,
)
from asr_service.identification import VoiceMatch
from asr_service.inference import InferenceThread
from asr_service.journal import StreamJournal, _Log
from asr_service.live_events import Ended, LiveEvent, LiveTurn, Recognised, SpeechBegan
from asr_service.live_stream import LiveStream
from asr_service.stream_parts import StreamLimits, StreamParts
from asr_service.streams import StreamTable
from asr_service.transcriber import Decoding, DecodingTask, Phrase, Word
from asr_service.turns import SpokenWord, Turn

LIMITS = StreamLimits(streams=2, resume_window=30.0, max_lag=5.0, max_seconds=3_600.0, drafts=1)
CONFIG = asr_pb2.StreamConfig(
    encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate=SAMPLE_RATE, channels=1, interim_results=True
)


class CountingRecognition:
    """Tells an event for each second of audio that it has heard, and asks the model about every tenth."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.listened_seconds = 0.0
        self.final_seconds = 0.0
        self.stuck = False
        self.flushes: list[int] = []

    def flush_at(self, sample: int) -> None:
        self.flushes.append(sample)

    def advance(self) -> Iterator[LiveEvent | Decoding | None]:
        while not self.stuck and self.recording.duration - self.listened_seconds >= 1:
            self.listened_seconds += 1
            self.final_seconds = self.listened_seconds
            yield SpeechBegan(self.listened_seconds)
            number = int(self.listened_seconds)
            if number % 10 == 0:
                turn = Turn(None, (SpokenWord(Word("so", number - 1, number, 1.0, "en"), ()),))
                yield LiveTurn(number // 10, 1, final=False, turn=turn)
                audio = self.recording.read((number - 1) * SAMPLE_RATE, number * SAMPLE_RATE)
                phrases = yield Decoding(audio, DecodingTask("en"))
                turn = Turn(None, (SpokenWord(phrases[0].words[0], ()),))
                yield LiveTurn(number // 10, 2, final=True, turn=turn, stable_words=1)

    def finish(self) -> Iterator[LiveEvent | Decoding | None]:
        self.stuck = False
        yield from self.advance()
        yield Ended(self.recording.duration, 0, 0, "")


class CountingModel:
    """Says how many questions it was asked."""

    languages = frozenset({"en"})
    device = "cpu"

    def __init__(self) -> None:
        self.asked = 0

    def decode(self, audio: np.ndarray, task: DecodingTask) -> list[Phrase]:
        self.asked += 1
        return [Phrase((Word(str(self.asked), 0.0, 1.0, 1.0, "en"),), "en", 1.0, 0.0, -0.1)]

    def decode_many(self, windows: list[tuple[np.ndarray, DecodingTask]]) -> list[list[Phrase]]:
        return [self.decode(audio, task) for audio, task in windows]


class House:
    """A table, and what it builds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inference = InferenceThread()
        self.recognitions: list[CountingRecognition] = []
        self.model = CountingModel()
        self.limits = LIMITS
        self.table = StreamTable(self.folder, self.inference, self.limits, self.build)

    async def open(self) -> None:
        """Begin as a new process does."""
        self.table = StreamTable(self.folder, self.inference, self.limits, self.build)
        await self.table.recover()

    def build(self, journal: StreamJournal) -> StreamParts:
        journal.audio.unlink(missing_ok=True)
        recording = Recording(journal.audio)
        self.recognitions.append(CountingRecognition(recording))
        return StreamParts(journal, recording, PcmConverter("s16", SAMPLE_RATE, 1), self.recognitions[-1], self.model)

    async def restart(self) -> None:
        """As if the process had ended and another one begun."""
        await self.table.close()
        await self.open()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path / "streams")
    await house.open()
    yield house
    await house.table.close()
    house.inference.close()


@pytest.fixture
def table(house: House) -> StreamTable:
    return house.table


TOKENS: dict[str, str] = {}


def open_stream(house: House) -> tuple[LiveStream, CountingRecognition]:
    stream, token = house.table.open(CONFIG)
    TOKENS[stream.stream_id] = token
    return stream, house.recognitions[-1]


def on_disk(house: House, stream: LiveStream) -> list[tuple[int, int, bytes]]:
    """What stands on the disk at this moment, as another process would find it after a crash."""
    log = _Log(house.folder / stream.stream_id / "input.log")
    try:
        return list(log.records())
    finally:
        log.close()


def token_of(stream: LiveStream) -> str:
    return TOKENS[stream.stream_id]


def chunk(sequence: int, seconds: float = 0.5) -> asr_pb2.AudioChunk:
    data = np.full(int(seconds * SAMPLE_RATE), sequence, dtype="<i2").tobytes()
    return asr_pb2.AudioChunk(sequence=sequence, data=data)


async def events(stream: LiveStream, connection: int, seen: int = 0) -> list[asr_pb2.StreamingRecognizeResponse]:
    return [response async for response in stream.deliver(connection, seen)]


def seconds_told(responses: list[asr_pb2.StreamingRecognizeResponse]) -> list[int]:
    return [response.speech_event.at.seconds for response in responses if response.HasField("speech_event")]


async def test_a_whole_stream(house: House) -> None:
    stream, _ = open_stream(house)
    connection = stream.attach()
    for sequence in range(1, 9):
        await stream.take(connection, chunk(sequence))
    stream.end(connection)
    responses = await asyncio.wait_for(events(stream, connection), 5)
    assert seconds_told(responses) == [1, 2, 3, 4]
    assert responses[-1].finished.duration.seconds == 4
    numbered = [response.event_id for response in responses if response.event_id]
    assert numbered == list(range(1, len(numbered) + 1))


async def test_a_chunk_that_comes_twice_is_taken_once(house: House) -> None:
    stream, recognition = open_stream(house)
    connection = stream.attach()
    for sequence in (1, 1, 2, 1, 2, 3):
        await stream.take(connection, chunk(sequence))
    assert stream.next_sequence == 4
    samples = (recognition.recording.read(0, 99_999) * 32_768).astype(int)
    assert [int(value) for value in samples[:: SAMPLE_RATE // 2]] == [1, 2, 3]


async def test_early_chunks_wait_for_those_before_them(house: House) -> None:
    stream, recognition = open_stream(house)
    connection = stream.attach()
    for sequence in (2, 4, 1, 4, 3):
        await stream.take(connection, chunk(sequence))
    assert stream.next_sequence == 5
    samples = (recognition.recording.read(0, 99_999) * 32_768).astype(int)
    assert [int(value) for value in samples[:: SAMPLE_RATE // 2]] == [1, 2, 3, 4]


async def test_a_gap_that_is_too_wide_or_stays_open_is_refused(house: House) -> None:
    stream, _ = open_stream(house)
    connection = stream.attach()
    await stream.take(connection, chunk(1))
    with pytest.raises(StreamBroken) as caught:
        await stream.take(connection, chunk(259))
    assert (caught.value.reason, caught.value.metadata["nextSequence"]) == ("OUT_OF_ORDER", "2")
    await stream.take(connection, chunk(3))
    with pytest.raises(StreamBroken) as caught:
        stream.end(connection)
    assert caught.value.reason == "OUT_OF_ORDER"


async def test_half_a_sample_is_refused_and_leaves_no_trace(house: House) -> None:
    stream, recognition = open_stream(house)
    with pytest.raises(UndecodableAudio):
        await stream.take(stream.attach(), asr_pb2.AudioChunk(sequence=1, data=b"\x00\x00\x00"))
    assert (stream.next_sequence, recognition.recording.samples) == (1, 0)


async def test_acknowledged_audio_is_on_disk(house: House) -> None:
    stream, recognition = open_stream(house)
    connection = stream.attach()
    await stream.take(connection, chunk(1))
    async for response in stream.deliver(connection, 0):
        if response.HasField("ack"):
            assert response.ack.sequence == 1
            break
    (kind, sequence, data), *rest = on_disk(house, stream)
    assert (kind, sequence, data, rest) == (1, 1, chunk(1).data, [])
    assert recognition.recording.samples == SAMPLE_RATE // 2


async def test_resuming_loses_nothing_and_repeats_nothing(house: House) -> None:
    stream, _ = open_stream(house)
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
    house.table.release(stream, token_of(stream), first)

    again = await house.table.resume(token_of(stream))
    second = again.attach()
    assert again is stream
    assert again.next_sequence == 7
    for sequence in range(5, 11):
        await again.take(second, chunk(sequence))
    again.end(second)
    told += seconds_told(await asyncio.wait_for(events(again, second, seen), 5))
    assert told == [1, 2, 3, 4, 5]


async def test_the_newer_connection_wins(house: House) -> None:
    stream, _ = open_stream(house)
    first = stream.attach()
    delivering = asyncio.create_task(events(stream, first))
    await asyncio.sleep(0)
    second = (await house.table.resume(token_of(stream))).attach()
    with pytest.raises(StreamTaken):
        await asyncio.wait_for(delivering, 5)
    with pytest.raises(StreamTaken):
        await stream.take(first, chunk(1))
    house.table.release(stream, token_of(stream), first)
    await stream.take(second, chunk(1))
    assert stream.connected


async def test_a_slow_service_withholds_acknowledgements_and_then_the_transport(house: House) -> None:
    stream, recognition = open_stream(house)
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


async def test_there_are_only_so_many_streams(house: House) -> None:
    opened = [open_stream(house)[0] for _ in range(2)]
    connections = [stream.attach() for stream in opened]
    with pytest.raises(TooManyStreams) as caught:
        house.table.check_room()
    assert caught.value.retry_after is not None
    house.table.release(opened[0], token_of(opened[0]), connections[0])
    house.table.check_room()


async def test_a_token_that_nobody_gave(house: House) -> None:
    with pytest.raises(UnknownStream):
        await house.table.resume("made-up")


async def test_a_restart_loses_nothing_and_asks_nothing_twice(house: House) -> None:
    stream, _ = open_stream(house)
    connection = stream.attach()
    for sequence in range(1, 32):
        await stream.take(connection, chunk(sequence))
    stream.flush(connection)
    told: list[asr_pb2.StreamingRecognizeResponse] = []
    async for response in stream.deliver(connection, 0):
        told.append(response)
        if seconds_told(told)[-1:] == [15] and any(response.turn.text == "1" for response in told):
            break
    await house.restart()

    again = await house.table.resume(token_of(stream))
    assert again.next_sequence == 32
    assert house.recognitions[-1].flushes == [31 * SAMPLE_RATE // 2]
    connection = again.attach()
    for sequence in range(30, 42):
        await again.take(connection, chunk(sequence))
    again.end(connection)
    seen = max(response.event_id for response in told)
    later = await asyncio.wait_for(events(again, connection, seen), 5)
    assert seconds_told(later) == [16, 17, 18, 19, 20]
    assert house.model.asked == 2
    assert [response.turn.text for response in later if response.turn.state == transcript_pb2.TURN_STATE_FINAL] == ["2"]
    numbers = [response.event_id for response in [*told, *later] if response.event_id]
    assert numbers == sorted(set(numbers))


async def test_a_client_that_had_seen_nothing_gets_everything_after_a_restart(house: House) -> None:
    stream, _ = open_stream(house)
    connection = stream.attach()
    for sequence in range(1, 23):
        await stream.take(connection, chunk(sequence))
    stream.end(connection)
    await asyncio.wait_for(events(stream, connection), 5)
    await house.restart()
    again = await house.table.resume(token_of(stream))
    connection = again.attach()
    replayed = await asyncio.wait_for(events(again, connection), 5)
    assert seconds_told(replayed) == list(range(1, 12))
    assert replayed[-1].HasField("finished")


async def finished(
    house: House, *, release: bool = True
) -> tuple[LiveStream, list[asr_pb2.StreamingRecognizeResponse]]:
    """A stream of four seconds whose end was told, and what was told."""
    stream, _ = open_stream(house)
    connection = stream.attach()
    for sequence in range(1, 9):
        await stream.take(connection, chunk(sequence))
    stream.end(connection)
    told = await asyncio.wait_for(events(stream, connection), 5)
    if release:
        house.table.release(stream, token_of(stream), connection)
    return stream, [response for response in told if response.event_id]


async def on_rest(house: House, stream: LiveStream) -> set[str]:
    """The files that a delivered stream leaves, once it has let go of everything else."""
    async with asyncio.timeout(5):
        while house.table._resting:
            await asyncio.sleep(0.01)
    return {path.name for path in (house.folder / stream.stream_id).iterdir() if path.stat().st_size}


@pytest.mark.parametrize("again", ["at once", "at rest", "after a restart", "after a crash"])
async def test_a_client_that_missed_the_end_comes_back_for_it(house: House, again: str) -> None:
    stream, told = await finished(house, release=again != "after a crash")
    # A crash leaves all files as they were.
    stream.done = again != "after a crash"
    if stream.done and again != "at once":
        assert await on_rest(house, stream) == {"stream.json", "events.log", "finished.json"}
        assert house.table._streams == {}
    if again.startswith("after"):
        await house.restart()
    built = len(house.recognitions)
    for seen in (told[-2].event_id, 0, told[-1].event_id):
        back = await house.table.resume(token_of(stream))
        connection = back.attach()
        assert back.next_sequence == 9
        await back.take(connection, chunk(1))
        back.end(connection)
        later = await asyncio.wait_for(events(back, connection, seen), 5)
        assert later == [response for response in told if response.event_id > seen]
        house.table.release(back, token_of(stream), connection)
        if again != "at once":
            await on_rest(house, stream)
    assert all(one.listened_seconds == 0 for one in house.recognitions[built:])


async def test_voices_are_told_again_with_the_end(house: House) -> None:
    class Knowing(CountingRecognition):
        def finish(self) -> Iterator[LiveEvent | Decoding | None]:
            yield Recognised((VoiceMatch(0, "per_anna", 0.97),))
            yield from super().finish()

    build = house.build

    def knowing(journal: StreamJournal) -> StreamParts:
        parts = build(journal)
        return replace(parts, recognition=Knowing(house.recognitions[-1].recording))

    house.table._build = knowing
    stream, told = await finished(house)
    await on_rest(house, stream)
    await house.restart()
    back = await house.table.resume(token_of(stream))
    assert await asyncio.wait_for(events(back, back.attach()), 5) == told
    assert [response.voices.matches[0].person_id for response in told if response.HasField("voices")] == ["per_anna"]


async def test_the_end_of_a_stream_is_forgotten_in_time(house: House) -> None:
    house.limits = replace(LIMITS, finished_window=0.2)
    await house.restart()
    stream, _ = await finished(house)
    await on_rest(house, stream)
    await house.restart()
    async with asyncio.timeout(5):
        while list(house.folder.iterdir()):
            await asyncio.sleep(0.05)
    with pytest.raises(UnknownStream):
        await house.table.resume(token_of(stream))


async def test_the_end_of_a_stream_needs_no_room(house: House) -> None:
    stream, told = await finished(house)
    await on_rest(house, stream)
    for _ in range(LIMITS.streams):
        open_stream(house)[0].attach()
    back = await house.table.resume(token_of(stream))
    assert await asyncio.wait_for(events(back, back.attach()), 5) == told


async def test_a_record_that_was_cut_off_is_sent_again(house: House) -> None:
    stream, _ = open_stream(house)
    connection = stream.attach()
    for sequence in (1, 2, 3):
        await stream.take(connection, chunk(sequence))
    await house.table.close()
    log = house.folder / stream.stream_id / "input.log"
    log.write_bytes(log.read_bytes()[:-5])
    await house.open()
    again = await house.table.resume(token_of(stream))
    assert again.next_sequence == 3


async def test_streams_that_nobody_came_back_to_are_removed(house: House) -> None:
    stream, _ = open_stream(house)
    await house.table.close()
    log = house.folder / stream.stream_id / "input.log"
    os.utime(log, (0, 0))
    await house.open()
    with pytest.raises(UnknownStream):
        await house.table.resume(token_of(stream))
    assert list(house.folder.iterdir()) == []


async def test_a_stream_that_would_slow_the_others_down_is_refused(house: House) -> None:
    stream, recognition = open_stream(house)
    stream.attach()
    recognition.listened_seconds = 100.0
    stream._spend(50.0)
    with pytest.raises(Overloaded) as caught:
        house.table.check_room()
    assert caught.value.retry_after is not None


async def test_as_many_streams_get_drafts_as_there_is_time_for(house: House) -> None:
    first, second = open_stream(house)[0], open_stream(house)[0]
    assert (first.drafts, second.drafts) == (True, False)
    final_only = asr_pb2.StreamConfig()
    final_only.CopyFrom(CONFIG)
    final_only.interim_results = False
    connection = first.attach()
    first.end(connection)
    await asyncio.wait_for(events(first, connection), 5)
    assert not house.table.open(final_only)[0].drafts
    assert open_stream(house)[0].drafts


async def test_a_stream_keeps_its_drafts_over_restarts(house: House) -> None:
    drafts = {}
    for stream in (open_stream(house)[0], open_stream(house)[0]):
        await stream.take(stream.attach(), chunk(1))
        drafts[token_of(stream)] = stream.drafts
    await house.restart()
    again = {token: (await house.table.resume(token)).drafts for token in reversed(drafts)}
    assert again == drafts
    assert sorted(drafts.values()) == [False, True]


async def test_of_each_open_turn_one_version_is_kept(house: House) -> None:
    class Duet(CountingRecognition):
        def finish(self) -> Iterator[LiveEvent | Decoding | None]:
            for revision in (1, 2, 3):
                for number in (1, 2):
                    turn = Turn(None, (SpokenWord(Word(f"{number}{revision}", 0.0, 1.0, 1.0, "en"), ()),))
                    yield LiveTurn(number, revision, final=(number, revision) == (1, 3), turn=turn)
            yield Ended(0.0, 1, 0, "")

    build = house.build

    def duet(journal: StreamJournal) -> StreamParts:
        parts = build(journal)
        return replace(parts, recognition=Duet(house.recognitions[-1].recording))

    house.table._build = duet
    stream, _ = open_stream(house)
    connection = stream.attach()
    stream.end(connection)
    async with asyncio.timeout(5):
        while not stream.over:
            await asyncio.sleep(0.01)
    told = await asyncio.wait_for(events(stream, connection), 5)
    assert [response.turn.text for response in told if response.HasField("turn")] == ["13", "23"]
