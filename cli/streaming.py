"""A live meeting as a client sees it: audio goes out no faster than it is acknowledged, turns come back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

import grpc
from planerka.asr.v1 import asr_pb2
from planerka.orchestrator.v1 import meeting_pb2, orchestrator_pb2

from cli.audio import CHUNK_SECONDS, SAMPLE_RATE
from cli.client import Client
from cli.errors import UsageWrong
from mesh.errors import remote_error
from mesh.times import from_seconds, to_seconds

__all__ = ["LiveStream"]

_ATTEMPTS = 5
"""Broken connections in a row, without a new acknowledgement between, after which the client gives up."""
_BROKEN = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL})
"""What a broken connection looks like; gRPC itself says INTERNAL where it broke while a chunk was being written."""
_PATIENCE = 60.0
"""Seconds without any progress of the transcription after which audio is sent without it."""
_GOODBYE = 5.0
"""The same at the end of a recording whose source cannot wait: somebody sits before the terminal and wants to go."""
_END = 0.5
"""Seconds at the end of a recording that hold no word any more."""
_AHEAD = 10
"""Chunks that are decoded before they can be sent."""


@dataclass(frozen=True)
class _Chunk:
    sequence: int
    data: bytes

    def message(self) -> orchestrator_pb2.StreamMeetingRequest:
        offset = from_seconds((self.sequence - 1) * CHUNK_SECONDS)
        audio = asr_pb2.AudioChunk(sequence=self.sequence, offset=offset, data=self.data)
        return orchestrator_pb2.StreamMeetingRequest(audio=audio)


class LiveStream:
    """Sends one recording and yields what comes back; goes on where it was when the connection breaks.

    Args:
        client: The orchestrator.
        config: How the meeting is treated.
        chunks: Pieces of 100 ms: 16 kHz, mono, signed 16-bit little-endian.
        window: Chunks that may be sent ahead of the acknowledgements.
        ahead_seconds: Seconds of audio that may be sent ahead of the transcription; None for a source that cannot wait. An
            acknowledgement tells only that audio is safe: a file that is sent as fast as the disk takes it would be over
            before its first turn. At its end every recording waits a while until its last words are final.
    """

    def __init__(
        self,
        client: Client,
        config: meeting_pb2.MeetingConfig,
        chunks: AsyncIterator[bytes],
        window: int,
        ahead_seconds: float | None = None,
    ) -> None:
        self._client = client
        self._config = config
        self._chunks = chunks
        # Between the source and the connection, so that a broken connection interrupts no source.
        self._ready: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
        self._feeder: asyncio.Task[None] | None = None
        self._failure: UsageWrong | None = None
        self._window = window
        self._ahead = ahead_seconds
        self._patience = _GOODBYE if ahead_seconds is None else _PATIENCE
        self._hears = True
        self._transcribed = self._final = 0.0
        self._sent: deque[_Chunk] = deque()
        self._next = 1
        self._over = False
        self._token = ""
        self._seen = 0
        self._room = asyncio.Event()
        self._opened = asyncio.Event()
        self._needed = 1

    @property
    def seconds(self) -> float:
        """Seconds of audio that were sent."""
        return (self._next - 1) * CHUNK_SECONDS

    def finish(self) -> None:
        """Send nothing more; the meeting is complete with what was sent, and its last words get some seconds."""
        self._ahead, self._patience = None, _GOODBYE
        self._room.set()
        if self._feeder is not None:
            self._feeder.cancel()
        while not self._ready.empty():
            self._ready.get_nowait()
        self._ready.put_nowait(None)

    async def events(self) -> AsyncGenerator[orchestrator_pb2.StreamMeetingResponse]:
        """Yield the service's messages until the meeting is closed.

        Raises:
            RemoteError: The service refuses, or stays away.
            UsageWrong: The recording is damaged; raised after the meeting was closed with what came before.
        """
        self._feeder = asyncio.create_task(self._feed())
        try:
            async for event in self._events():
                yield event
        finally:
            self._feeder.cancel()
        if self._failure is not None:
            raise self._failure

    async def _feed(self) -> None:
        try:
            async for chunk in self._chunks:
                await self._ready.put(chunk)
        except UsageWrong as error:
            # What was said before the damage is a meeting all the same; the error is told at its end.
            self._failure = error
        await self._ready.put(None)

    async def _events(self) -> AsyncIterator[orchestrator_pb2.StreamMeetingResponse]:
        failures = 0
        while True:
            self._opened.clear()
            acknowledged = self._sent[0].sequence if self._sent else self._next
            call = self._client.stub.StreamMeeting(self._requests())
            try:
                async for event in call:
                    self._note(event)
                    yield event
                    if event.WhichOneof("response") == "closed":
                        return
            except grpc.RpcError as error:
                lost = error.code() in _BROKEN and bool(self._token)
                now = self._sent[0].sequence if self._sent else self._next
                failures = 1 if now > acknowledged else failures + 1
                if not lost or failures > _ATTEMPTS:
                    raise remote_error(error) from error
                await asyncio.sleep(min(5.0, 0.5 * 2**failures))
            else:
                return
            finally:
                call.cancel()

    async def _requests(self) -> AsyncIterator[orchestrator_pb2.StreamMeetingRequest]:
        yield self._first()
        await self._opened.wait()
        for chunk in [chunk for chunk in self._sent if chunk.sequence >= self._needed]:
            yield chunk.message()
        while not self._over:
            while len(self._sent) >= self._window:
                self._room.clear()
                await self._room.wait()
            await self._hearing(lambda: self._ahead is None or self.seconds - self._transcribed < self._ahead)
            data = await self._ready.get()
            if data is None:
                self._over = True
                if self._hears and self._next > 1:
                    yield orchestrator_pb2.StreamMeetingRequest(flush=asr_pb2.Flush())
                    await self._hearing(lambda: self._final > self.seconds - _END)
                return
            chunk = _Chunk(self._next, data)
            self._next += 1
            self._sent.append(chunk)
            yield chunk.message()

    async def _hearing(self, enough: Callable[[], bool]) -> None:
        """Wait until the transcription has come far enough, as long as it comes further at all."""
        while self._hears and not enough():
            self._room.clear()
            try:
                await asyncio.wait_for(self._room.wait(), self._patience)
            except TimeoutError:
                # Live words are a service to those who watch; the recording itself needs nobody who listens.
                self._hears = False

    def _first(self) -> orchestrator_pb2.StreamMeetingRequest:
        if self._token:
            resume = asr_pb2.StreamResume(resume_token=self._token, last_event_id=self._seen)
            return orchestrator_pb2.StreamMeetingRequest(resume=resume)
        config = orchestrator_pb2.LiveConfig(
            meeting=self._config,
            encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE,
            sample_rate=SAMPLE_RATE,
            channels=1,
        )
        return orchestrator_pb2.StreamMeetingRequest(config=config)

    def _note(self, event: orchestrator_pb2.StreamMeetingResponse) -> None:
        self._seen = max(self._seen, event.event_id)
        kind = event.WhichOneof("response")
        if kind == "opened":
            self._token = event.opened.resume_token
            self._needed = event.opened.next_sequence or 1
            self._forget(self._needed - 1)
            self._opened.set()
        elif kind == "ack":
            self._forget(event.ack.sequence)
        elif kind == "progress":
            self._transcribed = to_seconds(event.progress.transcribed)
            self._final = to_seconds(event.progress.final)
            self._room.set()

    def _forget(self, sequence: int) -> None:
        while self._sent and self._sent[0].sequence <= sequence:
            self._sent.popleft()
        self._room.set()
