"""A client of live speech for tests and benchmarks: paced or as fast as it may, and with faults where they are wanted.

The client keeps to the contract: it sends what the service asks for, goes on with its token after a break, and waits while
acknowledgements are withheld. What it hears it checks, and it notes every breach of the contract in `Heard.problems`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import grpc
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc
from planerka.common.v1 import transcript_pb2

from mesh.errors import remote_error
from mesh.times import to_seconds

RATE = 16_000
CHUNK_SECONDS = 0.1
_SAMPLE_BYTES = 2
_FINAL = transcript_pb2.TURN_STATE_FINAL
LOCAL_ERROR = "Internal error from Core"

Request = asr_pb2.StreamingRecognizeRequest
Response = asr_pb2.StreamingRecognizeResponse


def stream_config(
    language: str = "", *, diarize: bool = True, interim: bool = True, channels: int = 1
) -> asr_pb2.StreamConfig:
    """The configuration of a 16 kHz stream of 16-bit samples; several channels carry one speaker each."""
    apart = asr_pb2.CHANNEL_MODE_SPEAKER_PER_CHANNEL if channels > 1 else asr_pb2.CHANNEL_MODE_UNSPECIFIED
    return asr_pb2.StreamConfig(
        recognition=asr_pb2.RecognitionConfig(language=language, diarize=diarize, channel_mode=apart),
        encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE,
        sample_rate=RATE,
        channels=channels,
        interim_results=interim,
    )


@dataclass(frozen=True)
class Faults:
    """What goes wrong on the way, drawn from a seed."""

    seed: int = 0
    disconnects: int = 0
    """Breaks at random chunks, each of a random kind: cancelled call, cut wire, frozen wire."""
    break_at_end: bool = False
    """One more break while the client waits for the end."""
    resend: float = 0.0
    """Share of chunks that are followed by older ones once more."""
    reorder: int = 1
    """Chunks are shuffled within stretches of at most this many; the service holds 256 that come early."""


@dataclass(frozen=True)
class FinalWord:
    """A word as it stands at the end; times in nanoseconds."""

    text: str
    start: int
    end: int
    speaker: str


@dataclass(frozen=True)
class Snapshot:
    """What a reader of the transcript sees at one moment, in seconds since the first sample was due."""

    at: float
    stable: tuple[str, ...]
    """The longest beginning of the transcript that will not change any more."""
    words: tuple[str, ...]
    """All of it."""


@dataclass
class Heard:
    """Everything that one client heard over all its connections."""

    turns: dict[str, transcript_pb2.Turn] = field(default_factory=dict)
    event_ids: list[int] = field(default_factory=list)
    revisions: list[asr_pb2.SpeakerRevision] = field(default_factory=list)
    timelines: list[asr_pb2.SpeakerTimeline] = field(default_factory=list)
    """Those of stretches that became final, and the one of the whole recording at the end."""
    acked: int = 0
    connections: int = 0
    transcribed: float = 0.0
    finished: asr_pb2.Finished | None = None
    finished_at: float = 0.0
    snapshots: list[Snapshot] = field(default_factory=list)
    lags: list[tuple[float, float]] = field(default_factory=list)
    """Moments, and how many seconds of sent audio were not transcribed then."""
    warnings: list[asr_pb2.Warning] = field(default_factory=list)
    unsettled: int = 0
    """How often the stable words of a turn changed; the contract says hardly ever."""
    problems: list[str] = field(default_factory=list)

    def take(self, response: Response) -> str:
        """Note a message of the service, and return its kind."""
        kind = response.WhichOneof("response") or ""
        if response.event_id:
            if self.event_ids and response.event_id <= self.event_ids[-1]:
                self.problems.append(f"event {response.event_id} came after {self.event_ids[-1]}")
            self.event_ids.append(response.event_id)
        if kind == "opened" and response.opened.next_sequence <= self.acked:
            self.problems.append(f"chunk {response.opened.next_sequence} is wanted, but {self.acked} was acknowledged")
        elif kind == "ack":
            if response.ack.sequence < self.acked:
                self.problems.append(f"acknowledgement {response.ack.sequence} came after {self.acked}")
            self.acked = max(self.acked, response.ack.sequence)
        elif kind == "turn":
            self._take_turn(response.turn)
        elif kind == "speaker_revision":
            self.revisions.append(response.speaker_revision)
        elif kind == "timeline":
            self.timelines.append(response.timeline)
        elif kind == "progress":
            self.transcribed = max(self.transcribed, to_seconds(response.progress.transcribed))
        elif kind == "warning":
            self.warnings.append(response.warning)
        elif kind == "finished":
            self.finished = response.finished
        return kind

    def _take_turn(self, turn: transcript_pb2.Turn) -> None:
        before = self.turns.get(turn.turn_id)
        if before is not None and before.state == _FINAL:
            self.problems.append(f"turn {turn.turn_id} came again after it was final")
        if before is not None and turn.revision <= before.revision:
            self.problems.append(f"turn {turn.turn_id}: revision {turn.revision} came after {before.revision}")
        if before is not None and turn.words:
            kept = [word.text for word in before.words[: before.stable_words]]
            if kept != [word.text for word in turn.words[: len(kept)]]:
                self.unsettled += 1
        self.turns[turn.turn_id] = turn

    def ordered_turns(self) -> list[transcript_pb2.Turn]:
        """The newest version of every turn that has words, in order of time."""
        spoken = [turn for turn in self.turns.values() if turn.words]
        return sorted(spoken, key=lambda turn: (turn.start.ToNanoseconds(), turn.turn_id))

    @property
    def text(self) -> str:
        """The whole transcript."""
        return " ".join(turn.text for turn in self.ordered_turns())

    def final_words(self, *, revised: bool = True) -> list[FinalWord]:
        """All final words in order, with the speakers that the last revision gave them, or with those told at first."""
        speakers = {
            (change.words.turn_id, place): change.speaker
            for revision in (self.revisions if revised else ())
            for change in revision.changes
            for place in range(change.words.first_word, change.words.first_word + change.words.word_count)
        }
        return [
            FinalWord(
                word.text,
                word.start.ToNanoseconds(),
                word.end.ToNanoseconds(),
                speakers.get((turn.turn_id, place), word.speakers[0].speaker if word.speakers else turn.speaker),
            )
            for turn in self.ordered_turns()
            if turn.state == _FINAL
            for place, word in enumerate(turn.words)
        ]

    def snapshot(self, at: float) -> Snapshot:
        """What a reader sees now."""
        stable: list[str] = []
        words: list[str] = []
        settled = True
        for turn in self.ordered_turns():
            texts = [word.text for word in turn.words]
            count = len(texts) if turn.state == _FINAL else min(turn.stable_words, len(texts))
            if settled:
                stable += texts[:count]
            settled = settled and count == len(texts)
            words += texts
        return Snapshot(at, tuple(stable), tuple(words))


class Wire:
    """A TCP connection between client and service that can be cut, or frozen so that neither side notices."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset both sides, without a farewell of HTTP/2."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def freeze(self) -> None:
        """Forward nothing any more, and keep both sockets open."""
        for task in self._tasks:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(_pump(source, sink))
            self._tasks.add(task)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
    # A frozen wire is cancelled before this.
    sink.close()


class LiveClient:
    """Sends one recording, and goes on after every break until the service has finished it.

    Args:
        address: The service.
        pcm: 16-bit little-endian samples at 16 kHz, interleaved where there are several channels.
        config: How to recognise.
        pace: Speed beside that of speech; None sends as fast as acknowledgements allow.
        faults: What goes wrong.
        window: Most chunks that are sent without acknowledgement.
        patience: Seconds without any message, or without a service, after which the client gives up with TimeoutError.
        watch: Keep snapshots of the transcript, for latencies.
    """

    def __init__(
        self,
        address: str,
        pcm: bytes,
        config: asr_pb2.StreamConfig,
        *,
        pace: float | None = None,
        faults: Faults = Faults(),
        window: int = 256,
        patience: float = 120.0,
        watch: bool = False,
    ) -> None:
        self.heard = Heard()
        frame = _SAMPLE_BYTES * config.channels
        self.seconds = len(pcm) / (frame * RATE)
        self.sent_seconds = 0.0
        self._address = address
        self._pcm = pcm
        self._config = config
        self._pace = pace
        self._faults = faults
        self._window = window
        self._patience = patience
        self._watch = watch
        self._random = random.Random(faults.seed)
        self._chunk_bytes = int(RATE * CHUNK_SECONDS) * frame
        self._total = -(-len(pcm) // self._chunk_bytes)
        self._breaks = sorted(self._random.randint(1, self._total) for _ in range(faults.disconnects))
        self._end_breaks = int(faults.break_at_end)
        self._token = ""
        self._begun = 0.0
        self._room = asyncio.Event()

    async def run(self) -> Heard:
        """Return what was heard when the recording is finished.

        Raises:
            RemoteError: The service refused.
            TimeoutError: It was silent, or away, for longer than the patience.
        """
        self._begun = time.monotonic()
        away_since: float | None = None
        while self.heard.finished is None:
            acked = self.heard.acked
            try:
                await self._connect()
                away_since = None
            except grpc.RpcError as error:
                if not (_is_break(error) and self._token):
                    raise remote_error(error) from error
                now = time.monotonic()
                away_since = now if away_since is None or acked != self.heard.acked else away_since
                if now - away_since > self._patience:
                    raise TimeoutError(f"the service is away for {now - away_since:.0f} s") from error
                await asyncio.sleep(0.2)
        return self.heard

    @property
    def now(self) -> float:
        """Seconds since the first sample was due."""
        return time.monotonic() - self._begun

    async def _connect(self) -> None:
        """One connection, to the finish or to the next break."""
        wire = Wire(self._address)
        async with wire as address, grpc.aio.insecure_channel(address) as channel:
            opened: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            broken = asyncio.Event()
            call = asr_pb2_grpc.AsrServiceStub(channel).StreamingRecognize(
                self._requests(opened, broken), timeout=6 * 3600
            )
            reading = asyncio.create_task(self._read(call, opened))
            breaking = asyncio.create_task(broken.wait())
            try:
                await asyncio.wait({reading, breaking}, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    await reading
                else:
                    await self._break(call, wire)
            finally:
                # What was read until now counts; the rest will come again.
                reading.cancel()
                breaking.cancel()
                call.cancel()
                opened.cancel()
                await asyncio.gather(reading, breaking, return_exceptions=True)

    async def _break(self, call: grpc.aio.StreamStreamCall, wire: Wire) -> None:
        if self._random.random() < 0.5:
            await asyncio.sleep(self._random.uniform(0.0, 0.3))
        kind = self._random.choice(("cancel", "cut", "freeze"))
        if kind == "cancel":
            call.cancel()
        elif kind == "cut":
            wire.cut()
        else:
            wire.freeze()

    async def _read(self, call: grpc.aio.StreamStreamCall, opened: asyncio.Future[int]) -> None:
        responses = aiter(call)
        while True:
            async with asyncio.timeout(self._patience):
                response = await anext(responses, None)
            if response is None:
                return
            kind = self.heard.take(response)
            if kind == "opened":
                self.heard.connections += 1
                self._token = response.opened.resume_token
                opened.set_result(response.opened.next_sequence)
            elif kind == "ack":
                self._room.set()
            elif kind == "finished":
                self.heard.finished_at = self.now
                return
            elif kind == "turn" and self._watch:
                self.heard.snapshots.append(self.heard.snapshot(self.now))
            if self._pace is not None and (not self.heard.lags or self.now - self.heard.lags[-1][0] >= 0.5):
                self.heard.lags.append((self.now, self.sent_seconds - self.heard.transcribed))

    async def _requests(self, opened: asyncio.Future[int], broken: asyncio.Event) -> AsyncIterator[Request]:
        if self._token:
            seen = max(self.heard.event_ids, default=0)
            yield Request(resume=asr_pb2.StreamResume(resume_token=self._token, last_event_id=seen))
        else:
            yield Request(config=self._config)
        following = await opened
        async for sequence in self._sequences(following):
            yield Request(audio=asr_pb2.AudioChunk(sequence=sequence, data=self._data(sequence)))
            self.sent_seconds = max(self.sent_seconds, min(sequence * CHUNK_SECONDS, self.seconds))
            if self._breaks and sequence >= self._breaks[0]:
                self._breaks.pop(0)
                broken.set()
                await asyncio.Event().wait()
        if self._end_breaks:
            self._end_breaks -= 1
            asyncio.get_running_loop().call_later(self._random.uniform(0.0, 0.5), broken.set)

    async def _sequences(self, following: int) -> AsyncIterator[int]:
        """The numbers to send from `following` on, when each is due, with faults."""
        if self._faults.resend and following > 1:
            # Chunks that the service has acknowledged, once more.
            for sequence in range(max(1, following - self._random.randint(0, 30)), following):
                yield sequence
        for stretch in self._stretches(following):
            await self._wait_for_room(stretch.start)
            await self._wait_until_due(stretch.stop - 1)
            numbers = list(stretch)
            self._random.shuffle(numbers)
            for sequence in numbers:
                yield sequence
                if self._random.random() < self._faults.resend:
                    for _ in range(self._random.randint(1, 3)):
                        yield self._random.randint(max(1, sequence - 100), sequence)

    def _stretches(self, following: int) -> Iterator[range]:
        while following <= self._total:
            size = 1 if self._faults.reorder == 1 else self._random.randint(1, self._faults.reorder)
            yield range(following, min(following + size, self._total + 1))
            following += size

    async def _wait_for_room(self, sequence: int) -> None:
        while sequence - self.heard.acked > self._window:
            self._room.clear()
            await self._room.wait()

    async def _wait_until_due(self, sequence: int) -> None:
        if self._pace is not None:
            # A sound can be sent when it has been made, not before.
            due = self._begun + sequence * CHUNK_SECONDS / self._pace
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _data(self, sequence: int) -> bytes:
        return self._pcm[(sequence - 1) * self._chunk_bytes : sequence * self._chunk_bytes]


def _is_break(error: grpc.RpcError) -> bool:
    """Whether the connection is gone, rather than the stream refused."""
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return True
    # What grpc.aio says by itself when a message cannot be sent any more because the call has just ended.
    return (error.details() or "").startswith(LOCAL_ERROR)


def slope(points: list[tuple[float, float]]) -> float:
    """How fast the second half of a series grows, as the least-squares slope; 0.0 for fewer than three points."""
    half = points[len(points) // 2 :]
    if len(half) < 3:
        return 0.0
    mean_x = sum(x for x, _ in half) / len(half)
    mean_y = sum(y for _, y in half) / len(half)
    spread = sum((x - mean_x) ** 2 for x, _ in half)
    return sum((x - mean_x) * (y - mean_y) for x, y in half) / spread if spread else 0.0


def monotone(values: list[int]) -> bool:
    """Whether every value is at least the one before."""
    return all(left <= right for left, right in pairwise(values))
