"""The live stream to the speech service: fed from the disk, resumed when it breaks, and never in the way of the recording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, BinaryIO

import grpc
from planerka.asr.v1.asr_pb2 import (
    AudioChunk,
    AudioEncoding,
    Flush,
    StreamConfig,
    StreamingRecognizeRequest,
    StreamingRecognizeResponse,
    StreamResume,
)
from planerka.asr.v1.asr_pb2 import (
    Warning as AsrWarning,
)

from mesh.errors import RemoteError
from mesh.logs import get_logger
from mesh.times import from_seconds, to_seconds
from orchestrator.clients import answers
from orchestrator.recording import Recording, read_record, seconds_of_chunks
from orchestrator.texts import say

__all__ = ["AsrLink"]

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_PCM = frozenset({AudioEncoding.AUDIO_ENCODING_PCM_S16LE, AudioEncoding.AUDIO_ENCODING_PCM_F32LE})
_LOST = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.OUT_OF_RANGE})

Receive = Callable[[StreamingRecognizeResponse], Awaitable[None]]


class AsrLink:
    """Carries one live meeting to the speech service.

    Args:
        asr: Stub of the service.
        config: How to recognise.
        recording: Where the chunks are.
        receive: Called with everything that the service says, and with warnings of the link itself.
        language: Language of warnings.
    """

    def __init__(self, asr: Any, config: StreamConfig, recording: Recording, receive: Receive, language: str) -> None:
        self._asr = asr
        self._config = config
        self._recording = recording
        self._receive = receive
        self._language = language
        self._more = asyncio.Event()
        self._flush_after = 0
        self._token = ""
        self._last_event = 0
        self._generation = 0
        self._base = 0
        self._shift = 0.0
        self._log = get_logger(__name__)

    def written(self) -> None:
        """Tell that new chunks are on the disk."""
        self._more.set()

    def flush(self) -> None:
        """Force an endpoint after everything received so far."""
        self._flush_after = self._recording.next_sequence - 1
        self._more.set()

    async def run(self) -> None:
        """Carry audio and turns until cancelled; the speech service may go and come back meanwhile."""
        pause, warned = _FIRST_PAUSE, False
        while True:
            try:
                async for response in self._connect():
                    pause, warned = _FIRST_PAUSE, False
                    await self._receive(response)
                reason = "the stream ended"
            except RemoteError as error:
                reason = error.message
                if error.code in _LOST:
                    self._token = ""
                elif error.code is grpc.StatusCode.INVALID_ARGUMENT:
                    self._log.warning("live recognition refused", reason=error.reason)
                    await self._warn("live_refused", error.message)
                    return
            if not warned:
                warned = True
                self._log.warning("live recognition interrupted", reason=reason)
                await self._warn("live_interrupted", reason)
            if not self._token and self._generation and self._config.encoding not in _PCM:
                # A container's header came long ago, so only the accurate pass can understand the rest.
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _connect(self) -> AsyncIterator[StreamingRecognizeResponse]:
        opened: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async for response in answers(self._asr.StreamingRecognize(self._requests(opened))):
            if response.HasField("opened"):
                # Without a token this is a new stream; a resumed one is the same even where its token is a new one.
                self._generation += not self._token
                self._token = response.opened.resume_token
                if not opened.done():
                    opened.set_result(response.opened.next_sequence)
                continue
            self._last_event = max(self._last_event, response.event_id)
            self._place(response)
            yield response

    async def _requests(self, opened: asyncio.Future[int]) -> AsyncIterator[StreamingRecognizeRequest]:
        if self._token:
            resume = StreamResume(resume_token=self._token, last_event_id=self._last_event)
            yield StreamingRecognizeRequest(resume=resume)
        else:
            self._last_event = 0
            if self._generation:
                # What the lost stream had heard is understood later, from the disk; live goes on from here.
                self._base = self._recording.written_sequence
                self._shift = seconds_of_chunks(self._recording.config, self._recording.bytes_written)
            yield StreamingRecognizeRequest(config=self._config)
        needed = await opened + self._base
        with self._recording.path.open("rb") as file:
            while True:
                self._more.clear()
                for chunk in self._available(file):
                    if chunk.sequence >= needed:
                        sent = AudioChunk(sequence=chunk.sequence - self._base, data=chunk.data)
                        yield StreamingRecognizeRequest(audio=sent)
                    needed = max(needed, chunk.sequence + 1)
                if self._flush_after and needed > self._flush_after:
                    self._flush_after = 0
                    yield StreamingRecognizeRequest(flush=Flush())
                await self._more.wait()

    def _available(self, file: BinaryIO) -> Any:
        while file.tell() < self._recording.end_on_disk:
            record = read_record(file)
            if record is None:
                return
            yield AudioChunk(sequence=record[0], data=record[1])

    def _place(self, response: StreamingRecognizeResponse) -> None:
        """Put what a later stream says where it belongs in the whole recording, under identifiers of its own."""
        if self._generation <= 1:
            return
        kind = response.WhichOneof("response")
        if kind == "turn":
            turn = response.turn
            turn.turn_id = self._own(turn.turn_id)
            for span in (turn, *turn.words):
                self._move(span, "start", "end")
        elif kind == "speaker_revision":
            for change in response.speaker_revision.changes:
                change.words.turn_id = self._own(change.words.turn_id)
        elif kind == "progress":
            self._move(response.progress, "received", "transcribed", "final")

    def _own(self, turn_id: str) -> str:
        return f"{self._generation}-{turn_id}"

    def _move(self, message: Any, *fields: str) -> None:
        for name in fields:
            if message.HasField(name):
                getattr(message, name).CopyFrom(from_seconds(to_seconds(getattr(message, name)) + self._shift))

    async def _warn(self, key: str, why: str) -> None:
        warning = AsrWarning(reason=AsrWarning.Reason.REASON_FALLING_BEHIND, message=say(self._language, key, why=why))
        await self._receive(StreamingRecognizeResponse(warning=warning))
