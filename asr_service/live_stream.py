"""One live stream: order, acknowledgement, and going on after a broken connection or a restart.

A stream outlives its connection: its audio is on disk, its worker goes on, and its events wait with their numbers. A client that
comes back with the token hears which chunk is wanted next and gets the events that it has not seen. All methods run on the event
loop.
"""

import asyncio
import contextlib
import errno
import time
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator

from planerka.asr.v1 import asr_pb2
from planerka.common.v1 import transcript_pb2

from asr_service.errors import (
    AudioTooLong,
    AudioUnusable,
    DiskFull,
    StreamBroken,
    StreamTaken,
    UndecodableAudio,
    UnknownStream,
)
from asr_service.inference import InferenceThread
from asr_service.journal import AUDIO, END, FLUSH, KnownAnswers
from asr_service.live import LiveWork
from asr_service.live_events import Ended
from asr_service.messages import live_response
from asr_service.stream_parts import StreamLimits, StreamParts
from asr_service.transcriber import Decoding, Phrase
from mesh.errors import Internal, NotReady, PlanerkaError
from mesh.logs import get_logger
from mesh.times import from_seconds

__all__ = ["LiveStream"]

_ACK_SECONDS = 0.2
"""Between two acknowledgements: each makes the audio safe on disk, which takes milliseconds."""
_HEARTBEAT_SECONDS = 5.0
_EARLY_CHUNKS = 256
_EARLY_BYTES = 8 << 20
"""Chunks that may wait for those before them."""
_EVENT_LEAP = 100_000
"""Events that a client may have seen although a power failure has taken them from the disk."""
_REVISION_LEAP = 1_000
_FIRST_COST = 0.15
"""Seconds of work for a second of audio that are assumed while nothing is known yet."""
_COST_SECONDS = 20.0


class LiveStream:
    """One live recording with its events and its worker."""

    def __init__(self, parts: StreamParts, inference: InferenceThread, limits: StreamLimits) -> None:
        """`restore` comes next for a stream that is read again, then `start`."""
        self.stream_id = parts.journal.stream_id
        self.folder = parts.journal.folder
        self.workspace_id = parts.journal.config.recognition.workspace_id
        self.drafts = parts.journal.drafts
        """Whether the stream gets drafts, which take their time from others."""
        self.next_sequence = 1
        self.connection = 0
        """Number of the connection that owns the stream; 0 before the first."""
        self.connected = False
        self.done = False
        self._journal = parts.journal
        self._recording = parts.recording
        self._converter = parts.converter
        self._recognition = parts.recognition
        self._model = parts.model
        self._known = KnownAnswers(parts.journal)
        self._inference = inference
        self._limits = limits
        self._early: dict[int, bytes] = {}
        self._events: list[asr_pb2.StreamingRecognizeResponse] = []
        self._event_number = 0
        self._open_turns: dict[str, int] = {}
        self._voices: asr_pb2.StreamingRecognizeResponse | None = None
        self._told = 0
        self._revision_leap = 0
        self._acked = 0
        self._warned = False
        self._ending = False
        self._error: PlanerkaError | None = None
        self._spent = 0.0
        self._work = asyncio.Event()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._log = get_logger(__name__)

    @property
    def lag(self) -> float:
        """Seconds of audio that were received and not yet looked at."""
        return self._recording.duration - self._recognition.listened_seconds

    @property
    def cost(self) -> float:
        """Seconds of work that cannot be left out for each second of audio."""
        heard = self._recognition.listened_seconds
        return self._spent / heard if heard >= _COST_SECONDS else _FIRST_COST

    @property
    def failed(self) -> bool:
        """Whether recognition has ended with an error."""
        return self._error is not None

    @property
    def over(self) -> bool:
        """Whether the recording is finished: nothing is left to do but to tell it."""
        return bool(self._events) and self._events[-1].HasField("finished")

    def restore(self) -> None:
        """Takes everything from the journal, as after a restart of the service. Blocks."""
        self._events = sorted(self._journal.events(), key=lambda event: event.event_id)
        if self.over:
            self.next_sequence = self._journal.next_sequence()
            self._acked = self.next_sequence - 1
            self._ending = True
            return
        for kind, number, data in self._journal.input():
            if kind == AUDIO:
                self._recording.append(self._converter.convert(data))
                self.next_sequence = number + 1
            elif kind == FLUSH:
                self._recognition.flush_at(self._recording.samples)
            elif kind == END:
                self._recording.append(self._converter.finish())
                self._ending = True
        self._acked = self.next_sequence - 1
        # Who was recognised is asked anew, for it was never certain.
        self._events = [event for event in self._events if not event.HasField("voices")]
        self._told = len(self._events)
        restarts = self._journal.count_restart()
        last = self._events[-1].event_id if self._events else 0
        self._event_number = max(last, (restarts - 1) * _EVENT_LEAP) + _EVENT_LEAP
        self._revision_leap = restarts * _REVISION_LEAP

    def start(self) -> None:
        """Begins to work, where something is left to do."""
        if self.over:
            return
        self._worker = asyncio.create_task(self._run())
        self._work.set()

    def attach(self) -> int:
        """A new connection takes the stream; the one before ends with `StreamTaken`."""
        self.connection += 1
        self.connected = True
        self._early.clear()
        self._news.set()
        return self.connection

    def detach(self, connection: int) -> None:
        """A connection is gone."""
        if connection == self.connection:
            self.connected = False

    async def take(self, connection: int, chunk: asr_pb2.AudioChunk) -> None:
        """Appends a chunk; one that came before is ignored, one that is early waits. Waits while the service is too far behind.

        Raises:
            StreamBroken: Too many chunks are missing, or the stream was half-closed before.
            UndecodableAudio: The data does not hold whole samples, or nothing that can be decoded.
            AudioTooLong, DiskFull, StreamTaken: As they say.
        """
        self._check_owner(connection)
        if chunk.sequence < self.next_sequence:
            return
        if self._ending:
            raise StreamBroken("The stream was half-closed before; it takes no more audio.")
        if len(chunk.data) % self._converter.frame_bytes:
            raise UndecodableAudio(f"Chunk {chunk.sequence} does not hold whole samples of all channels")
        if chunk.sequence > self.next_sequence:
            self._keep(chunk)
            return
        self._append(chunk.sequence, chunk.data)
        while self.next_sequence in self._early:
            self._append(self.next_sequence, self._early.pop(self.next_sequence))
        self._wake()
        # Unread messages fill the transport's window, and the client has to wait.
        while self.lag > 2 * self._limits.max_lag and self._error is None:
            self._room.clear()
            await self._room.wait()
            self._check_owner(connection)

    def flush(self, connection: int) -> None:
        """What was said so far becomes final."""
        self._check_owner(connection)
        if not self._ending:
            self._journal.append_input(FLUSH, self.next_sequence - 1)
            self._recognition.flush_at(self._recording.samples)
            self._wake()

    def end(self, connection: int) -> None:
        """The client half-closed: the recording is complete.

        Raises:
            StreamBroken: Chunks are missing.
        """
        self._check_owner(connection)
        if self._early:
            raise self._gap(min(self._early))
        if not self._ending:
            self._journal.append_input(END, self.next_sequence)
            self._recording.append(self._converter.finish())
            self._ending = True
        self._wake()

    async def deliver(self, connection: int, seen: int) -> AsyncGenerator[asr_pb2.StreamingRecognizeResponse, None]:
        """Events after number `seen`, acknowledgements, progress and heartbeats until the recording is finished."""
        progress: tuple[float, float, float] | None = None
        acked_at = said_at = 0.0
        while True:
            self._news.clear()
            self._check_owner(connection)
            said = False
            # Taken before the events are, for progress must not name words that were not told yet.
            state = (self._recording.duration, self._recognition.listened_seconds, self._recognition.final_seconds)
            for event in self._events[bisect_right(self._events, seen, key=lambda event: event.event_id) :]:
                seen = event.event_id
                said = True
                yield event
            if self.over:
                if self._events[-1].event_id > seen:
                    # The end came while the events before it were being told.
                    continue
                self.done = True
                return
            if self._error is not None:
                raise self._error
            now = time.monotonic()
            if self.next_sequence - 1 > self._acked and now - acked_at >= _ACK_SECONDS and not self._behind():
                acked_at = now
                said = True
                yield asr_pb2.StreamingRecognizeResponse(ack=asr_pb2.Ack(sequence=await self._make_safe()))
            if progress is None or state[1:] != progress[1:]:
                progress = state
                said = True
                received, transcribed, final = map(from_seconds, state)
                yield asr_pb2.StreamingRecognizeResponse(
                    progress=asr_pb2.Progress(received=received, transcribed=transcribed, final=final)
                )
            if said:
                said_at = time.monotonic()
            elif time.monotonic() - said_at >= _HEARTBEAT_SECONDS:
                said_at = time.monotonic()
                yield asr_pb2.StreamingRecognizeResponse(heartbeat=asr_pb2.Heartbeat(lag=from_seconds(self.lag)))
            wait = _ACK_SECONDS if self.next_sequence - 1 > self._acked else _HEARTBEAT_SECONDS
            # Not `wait_for`, which can swallow a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()

    async def close(self, *, keep: bool) -> None:
        """Stops the worker once the step that may run has ended; without `keep` the stream is forgotten."""
        away = NotReady("The speech service is stopping; go on with this stream when it is back.", reason="STOPPING")
        await self._stop(away if keep else UnknownStream())
        if keep:
            self._journal.close()
        else:
            await asyncio.to_thread(self._journal.discard)

    async def settle(self) -> None:
        """Lets go of everything but the events on the disk, for a client that lost the connection as the end was told."""
        await self._stop(None)
        await asyncio.to_thread(self._journal.settle, self.next_sequence)
        self._journal.close()

    async def _stop(self, error: PlanerkaError | None) -> None:
        self._error = self._error or error
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker
        await self._inference.run(self._recording.discard)

    def _check_owner(self, connection: int) -> None:
        if connection != self.connection:
            raise StreamTaken

    def _keep(self, chunk: asr_pb2.AudioChunk) -> None:
        waiting = sum(map(len, self._early.values()))
        if chunk.sequence > self.next_sequence + _EARLY_CHUNKS or waiting + len(chunk.data) > _EARLY_BYTES:
            raise self._gap(chunk.sequence)
        self._early[chunk.sequence] = chunk.data

    def _gap(self, sequence: int) -> StreamBroken:
        return StreamBroken(
            f"Chunk {sequence} came, but {self.next_sequence} is next. Send every chunk, best in order.",
            reason="OUT_OF_ORDER",
            metadata={"nextSequence": str(self.next_sequence)},
        )

    def _append(self, sequence: int, data: bytes) -> None:
        if self._recording.duration > self._limits.max_seconds:
            raise AudioTooLong(self._limits.max_seconds)
        try:
            samples = self._converter.convert(data)
        except AudioUnusable as error:
            # What was taken of a container cannot be given back, so the stream ends here.
            self._error = error
            if isinstance(error, UndecodableAudio):
                self._error = UndecodableAudio(f"Chunk {sequence}: {error.what}")
            self._news.set()
            raise self._error from error
        try:
            self._journal.append_input(AUDIO, sequence, data)
            self._recording.append(samples)
        except OSError as error:
            # The converter is ahead of the disk now; only the journal knows where to go on.
            self._error = (
                DiskFull(self._recording.path.parent)
                if error.errno == errno.ENOSPC
                else Internal("The audio cannot be written; the log of the speech service has more.")
            )
            self._log.error("live audio not written", stream=self.stream_id, exc_info=error)
            self._news.set()
            raise self._error from error
        self.next_sequence = sequence + 1

    def _behind(self) -> bool:
        """Whether acknowledgements are withheld; tells the client once each time it begins."""
        behind = self.lag > self._limits.max_lag
        if behind and not self._warned:
            warning = asr_pb2.Warning(
                reason=asr_pb2.Warning.REASON_FALLING_BEHIND,
                message=f"Transcription is {self.lag:.0f} seconds behind; acknowledgements wait.",
            )
            self._number(asr_pb2.StreamingRecognizeResponse(warning=warning))
        self._warned = behind
        return behind

    async def _make_safe(self) -> int:
        sequence = self.next_sequence - 1
        await asyncio.to_thread(self._journal.sync)
        self._acked = sequence
        return sequence

    def _wake(self) -> None:
        self._work.set()
        self._news.set()

    def _publish(self, response: asr_pb2.StreamingRecognizeResponse) -> None:
        is_open = response.HasField("turn") and response.turn.state != transcript_pb2.TURN_STATE_FINAL
        # Recognised voices depend on who is enrolled now, not on the audio alone.
        lasts = not is_open and not response.HasField("voices")
        if lasts and self._told:
            # Told before the restart.
            self._told -= 1
            return
        if response.HasField("turn"):
            response.turn.revision += self._revision_leap
            self._forget_older(response.turn.turn_id)
        self._number(response)
        if response.HasField("voices"):
            self._voices = response
        if response.HasField("finished") and self._voices is not None:
            # Nobody will work it out again.
            self._journal.append_event(self._voices)
        if is_open:
            self._open_turns[response.turn.turn_id] = response.event_id
        if lasts:
            self._journal.append_event(response)

    def _forget_older(self, turn_id: str) -> None:
        """An older version of the same turn is of no use to anyone who comes back."""
        older = self._open_turns.pop(turn_id, None)
        if older is not None:
            del self._events[bisect_left(self._events, older, key=lambda event: event.event_id)]

    def _number(self, response: asr_pb2.StreamingRecognizeResponse) -> None:
        self._event_number += 1
        response.event_id = self._event_number
        self._events.append(response)
        self._news.set()

    async def _run(self) -> None:
        error: PlanerkaError | None = Internal("Live recognition failed; the log of the speech service has more.")
        try:
            while not self._ending:
                await self._work.wait()
                self._work.clear()
                await self._do(self._recognition.advance())
            await self._do(self._recognition.finish())
            error = None
        except PlanerkaError as failure:
            error = failure
        except (OSError, RuntimeError, ValueError) as failure:
            self._log.error("live recognition failed", stream=self.stream_id, exc_info=failure)
        finally:
            # Whatever went wrong, nobody waits for words that will never come.
            self._error = self._error or error
            self._news.set()
            self._room.set()

    async def _do(self, work: LiveWork) -> None:
        async with contextlib.aclosing(self._inference.converse(work, self._ask, self._spend)) as steps:
            async for event in steps:
                if event is not None:
                    self._publish(live_response(event))
                if isinstance(event, Ended):
                    return
                self._room.set()
                self._news.set()

    async def _ask(self, question: Decoding) -> list[Phrase]:
        known = self._known.find(question)
        if known is not None:
            return known
        phrases, seconds = await self._inference.decode(self._model, question)
        if question.task.lasting:
            self._spend(seconds)
            self._known.keep(question, phrases)
        return phrases

    def _spend(self, seconds: float) -> None:
        self._spent += seconds
