"""Live streams and their connections: order, acknowledgement, and going on after a broken connection.

A stream outlives its connection: its audio is on disk, its worker goes on, and its events wait with their numbers. A client
that comes back with the token hears which chunk is wanted next and gets the events that it has not seen. All methods run
on the event loop.
"""

import asyncio
import contextlib
import errno
import secrets
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path

from planerka.asr.v1 import asr_pb2
from planerka.common.v1 import transcript_pb2

from asr_service.audio import Recording
from asr_service.errors import (
    AudioTooLong,
    DiskFull,
    StreamBroken,
    StreamTaken,
    TooManyStreams,
    UndecodableAudio,
    UnknownStream,
)
from asr_service.inference import InferenceThread
from asr_service.live import Ended, LiveEvent, LiveRecognition
from asr_service.messages import live_response
from asr_service.stream_decoder import Converter
from mesh.errors import Internal, PlanerkaError
from mesh.ids import new_id
from mesh.logs import get_logger
from mesh.times import from_seconds

__all__ = ["LiveStream", "StreamLimits", "StreamTable"]

_ACK_SECONDS = 0.2
"""Between two acknowledgements: each makes the audio safe on disk, which takes milliseconds."""
_HEARTBEAT_SECONDS = 5.0


@dataclass(frozen=True)
class StreamLimits:
    """Limits of live streams, in seconds where not said otherwise."""

    streams: int
    """Connected streams at once."""
    resume_window: float
    max_lag: float
    max_seconds: float


class LiveStream:
    """One live recording with its events and its worker."""

    def __init__(
        self,
        recognition: LiveRecognition,
        recording: Recording,
        converter: Converter,
        inference: InferenceThread,
        limits: StreamLimits,
    ) -> None:
        self.stream_id = new_id("stm")
        self.token = secrets.token_urlsafe(24)
        self.next_sequence = 1
        self.connection = 0
        """Number of the connection that owns the stream; 0 before the first."""
        self.connected = False
        self.done = False
        self._recognition = recognition
        self._recording = recording
        self._converter = converter
        self._inference = inference
        self._limits = limits
        self._events: list[asr_pb2.StreamingRecognizeResponse] = []
        self._event_number = 0
        self._acked = 0
        self._warned = False
        self._flush = False
        self._ending = False
        self._error: PlanerkaError | None = None
        self._work = asyncio.Event()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._worker = asyncio.create_task(self._run())
        self._log = get_logger(__name__)

    @property
    def lag(self) -> float:
        """Seconds of audio that were received and not yet looked at."""
        return self._recording.duration - self._recognition.listened_seconds

    def attach(self) -> int:
        """A new connection takes the stream; the one before ends with `StreamTaken`."""
        self.connection += 1
        self.connected = True
        self._news.set()
        return self.connection

    def detach(self, connection: int) -> None:
        """A connection is gone."""
        if connection == self.connection:
            self.connected = False

    async def take(self, connection: int, chunk: asr_pb2.AudioChunk) -> None:
        """Appends a chunk; one that came before is ignored. Waits while the service is too far behind.

        Raises:
            StreamBroken: Chunks are missing, or the stream was half-closed before.
            UndecodableAudio: The data does not hold whole samples.
            AudioTooLong, DiskFull, StreamTaken: As they say.
        """
        self._check_owner(connection)
        if chunk.sequence < self.next_sequence:
            return
        if self._ending:
            raise StreamBroken("The stream was half-closed before; it takes no more audio.")
        if chunk.sequence > self.next_sequence:
            raise StreamBroken(
                f"Chunk {chunk.sequence} came, but {self.next_sequence} is next. Send every chunk in order.",
                reason="OUT_OF_ORDER",
                metadata={"nextSequence": str(self.next_sequence)},
            )
        if len(chunk.data) % self._converter.frame_bytes:
            raise UndecodableAudio(f"Chunk {chunk.sequence} does not hold whole samples of all channels")
        if self._recording.duration > self._limits.max_seconds:
            raise AudioTooLong(self._limits.max_seconds)
        self._append(chunk.data)
        self.next_sequence += 1
        self._wake()
        # Unread messages fill the transport's window, and the client has to wait.
        while self.lag > 2 * self._limits.max_lag and self._error is None:
            self._room.clear()
            await self._room.wait()
            self._check_owner(connection)

    def flush(self, connection: int) -> None:
        """What was said so far becomes final."""
        self._check_owner(connection)
        self._flush = True
        self._wake()

    def end(self, connection: int) -> None:
        """The client half-closed: the recording is complete."""
        self._check_owner(connection)
        if not self._ending:
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
            for event in [event for event in self._events if event.event_id > seen]:
                seen = event.event_id
                said = True
                yield event
                if event.HasField("finished"):
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
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait)

    async def discard(self) -> None:
        """Stops the worker and removes the audio, once the step that may run has ended."""
        self._worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._worker
        self._error = self._error or UnknownStream()
        self._news.set()
        self._room.set()
        await self._inference.run(self._recording.discard)

    def _check_owner(self, connection: int) -> None:
        if connection != self.connection:
            raise StreamTaken

    def _append(self, data: bytes) -> None:
        try:
            self._recording.append(self._converter.convert(data))
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFull(self._recording.path.parent) from error
            raise

    def _behind(self) -> bool:
        """Whether acknowledgements are withheld; tells the client once each time it begins."""
        behind = self.lag > self._limits.max_lag
        if behind and not self._warned:
            warning = asr_pb2.Warning(
                reason=asr_pb2.Warning.REASON_FALLING_BEHIND,
                message=f"Transcription is {self.lag:.0f} seconds behind; acknowledgements wait.",
            )
            self._publish(asr_pb2.StreamingRecognizeResponse(warning=warning))
        self._warned = behind
        return behind

    async def _make_safe(self) -> int:
        sequence = self.next_sequence - 1
        await asyncio.to_thread(self._recording.sync)
        self._acked = sequence
        return sequence

    def _wake(self) -> None:
        self._work.set()
        self._news.set()

    def _publish(self, response: asr_pb2.StreamingRecognizeResponse) -> None:
        if response.HasField("turn"):
            # An older version of the same turn is of no use to anyone who comes back.
            turn_id = response.turn.turn_id
            self._events = [
                event
                for event in self._events
                if event.turn.turn_id != turn_id or event.turn.state == transcript_pb2.TURN_STATE_FINAL
            ]
        self._event_number += 1
        response.event_id = self._event_number
        self._events.append(response)
        self._news.set()

    async def _run(self) -> None:
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                flush, self._flush = self._flush, False
                if self._ending:
                    await self._do(self._recognition.finish())
                    return
                await self._do(self._recognition.flush() if flush else self._recognition.advance())
        except PlanerkaError as error:
            self._error = error
        except (OSError, RuntimeError, ValueError) as error:
            self._log.error("live recognition failed", stream=self.stream_id, exc_info=error)
            self._error = Internal("Live recognition failed; the log of the speech service has more.")
        finally:
            self._news.set()
            self._room.set()

    async def _do(self, work: Iterator[LiveEvent | None]) -> None:
        async with contextlib.aclosing(self._inference.steps(work)) as steps:
            async for event in steps:
                if event is not None:
                    self._publish(live_response(event))
                if isinstance(event, Ended):
                    return
                self._room.set()
                self._news.set()


class StreamTable:
    """All live streams of the process by their tokens."""

    def __init__(self, folder: Path, inference: InferenceThread, limits: StreamLimits) -> None:
        self._folder = folder
        self._inference = inference
        self._limits = limits
        self._streams: dict[str, LiveStream] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        self._removals: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> int:
        """Number of streams with a connection."""
        return sum(stream.connected for stream in self._streams.values())

    def new_recording(self) -> Recording:
        """A recording in a file of its own; DiskFull where it cannot be made."""
        try:
            return Recording(self._folder / f"{new_id('rec')}.pcm")
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFull(self._folder) from error
            raise

    def check_room(self) -> None:
        """Raises TooManyStreams when no further stream may be opened."""
        if self.connected >= self._limits.streams:
            raise TooManyStreams(self._limits.streams)

    def open(self, recognition: LiveRecognition, recording: Recording, converter: Converter) -> LiveStream:
        """A new stream."""
        stream = LiveStream(recognition, recording, converter, self._inference, self._limits)
        self._streams[stream.token] = stream
        return stream

    def resume(self, token: str) -> LiveStream:
        """The stream of a token; UnknownStream where there is none."""
        stream = self._streams.get(token)
        if stream is None:
            raise UnknownStream
        if not stream.connected:
            self.check_room()
        timer = self._expiries.pop(token, None)
        if timer is not None:
            timer.cancel()
        return stream

    def release(self, stream: LiveStream, connection: int) -> None:
        """A connection has ended: a delivered stream goes now, another one after the resume window."""
        if connection != stream.connection:
            return
        stream.detach(connection)
        if stream.done:
            self._remove(stream)
            return
        loop = asyncio.get_running_loop()
        self._expiries[stream.token] = loop.call_later(self._limits.resume_window, self._remove, stream)

    async def close(self) -> None:
        """Drops all streams."""
        for stream in list(self._streams.values()):
            self._remove(stream)
        await asyncio.gather(*self._removals)

    def _remove(self, stream: LiveStream) -> None:
        self._streams.pop(stream.token, None)
        timer = self._expiries.pop(stream.token, None)
        if timer is not None:
            timer.cancel()
        task = asyncio.create_task(stream.discard())
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)
