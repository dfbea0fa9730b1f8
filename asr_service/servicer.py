"""The contract of the speech service, answered by its domain."""

import asyncio
import contextlib
import errno
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc

from asr_service.audio import Recording
from asr_service.channel_recording import ChannelRecording
from asr_service.channels import recognize_channels
from asr_service.engine import Engine
from asr_service.enrolment import LARGEST_SAMPLE, VoiceSample, learn_voice
from asr_service.errors import DiskFull, StreamBroken, UndecodableAudio, UnknownLanguage
from asr_service.inference import InferenceThread
from asr_service.journal import StreamJournal
from asr_service.known_voices import KnownVoices
from asr_service.live import LiveRecognition
from asr_service.live_channels import LiveChannels
from asr_service.live_stream import LiveStream
from asr_service.messages import file_progress, file_responses, task_of
from asr_service.recognizer import StageProgress, Task, Transcript, recognize_file
from asr_service.settings import AsrSettings
from asr_service.stream_decoder import Encoding, MultiChannelConverter, open_converter
from asr_service.stream_parts import StreamParts
from asr_service.streams import StreamTable
from asr_service.uploads import receive
from mesh.errors import NotReady
from mesh.ids import new_id
from mesh.paging import decode_token, encode_token, page_size
from mesh.times import from_seconds

__all__ = ["AsrServicer", "Rooms", "stream_parts"]

_ENCODINGS: dict[asr_pb2.AudioEncoding, Encoding] = {
    asr_pb2.AUDIO_ENCODING_PCM_S16LE: "s16",
    asr_pb2.AUDIO_ENCODING_PCM_F32LE: "flt",
    asr_pb2.AUDIO_ENCODING_FLAC: "flac",
    asr_pb2.AUDIO_ENCODING_OGG_OPUS: "ogg",
    asr_pb2.AUDIO_ENCODING_WEBM_OPUS: "webm",
}
_HALF_CLOSE_SECONDS = 0.3
_Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class Rooms:
    """What exists once the service is open."""

    engine: Engine
    inference: InferenceThread
    streams: StreamTable
    folder: Path
    """Takes uploads while they are worked on."""
    voices: KnownVoices
    """Enrolled voices of all workspaces."""


class AsrServicer(asr_pb2_grpc.AsrServiceServicer):
    """Answers the calls of `planerka.asr.v1.AsrService`; `rooms` is set when the models are loaded."""

    rooms: Rooms | None = None

    def __init__(self, settings: AsrSettings) -> None:
        self._settings = settings

    @property
    def _rooms(self) -> Rooms:
        if self.rooms is None:
            raise NotReady("The speech models are being loaded.", retry_after=timedelta(seconds=1))
        return self.rooms

    async def RecognizeFile(  # noqa: N802
        self, request_iterator: AsyncIterator[asr_pb2.RecognizeFileRequest], context: _Context
    ) -> AsyncIterator[asr_pb2.RecognizeFileResponse]:
        """Takes the upload to disk, then recognises it step by step."""
        del context
        first = await anext(request_iterator, None)
        if first is None or first.WhichOneof("request") != "config":
            raise StreamBroken("The first message of an upload must be its config.")
        task = self._task(first.config.recognition)
        upload = self._rooms.folder / f"{new_id('upl')}.bin"
        try:
            await receive(request_iterator, upload)
            enrolled = await self._rooms.voices.load(first.config.recognition.workspace_id)
            work = self._file_work(upload, replace(task, enrolled=enrolled))
            async with contextlib.aclosing(self._rooms.inference.steps(work)) as steps:
                async for step in steps:
                    if isinstance(step, Transcript):
                        for response in file_responses(step):
                            yield response
                    else:
                        yield file_progress(step)
        finally:
            upload.unlink(missing_ok=True)

    async def StreamingRecognize(  # noqa: N802
        self, request_iterator: AsyncIterator[asr_pb2.StreamingRecognizeRequest], context: _Context
    ) -> AsyncIterator[asr_pb2.StreamingRecognizeResponse]:
        """Connects the client to a new stream, or to the one that it left."""
        del context
        streams = self._rooms.streams
        first = await anext(request_iterator, None)
        kind = None if first is None else first.WhichOneof("request")
        seen = 0
        if first is not None and kind == "config":
            await self._rooms.voices.load(first.config.recognition.workspace_id)
            stream, token = streams.open(first.config)
        elif first is not None and kind == "resume":
            token = first.resume.resume_token
            stream = await streams.resume(token)
            await self._rooms.voices.load(stream.workspace_id)
            seen = first.resume.last_event_id
        else:
            raise StreamBroken("The first message of a stream must be its config, or a resume token.")
        connection = stream.attach()
        reader = asyncio.create_task(_read(stream, connection, request_iterator))
        try:
            yield asr_pb2.StreamingRecognizeResponse(
                opened=asr_pb2.Opened(
                    stream_id=stream.stream_id, resume_token=token, next_sequence=stream.next_sequence
                )
            )
            async with contextlib.aclosing(_until_failure(stream.deliver(connection, seen), reader)) as responses:
                async for response in responses:
                    yield response
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(reader, return_exceptions=True)
            streams.release(stream, token, connection)

    async def EnrollVoice(  # noqa: N802
        self, request_iterator: AsyncIterator[asr_pb2.EnrollVoiceRequest], context: _Context
    ) -> asr_pb2.EnrollVoiceResponse:
        """Learns a voice from the uploaded sample, which does not stay."""
        del context
        first = await anext(request_iterator, None)
        if first is None or first.WhichOneof("request") != "config":
            raise StreamBroken("The first message of a sample must be its config.")
        rooms = self._rooms
        upload = rooms.folder / f"{new_id('upl')}.bin"
        try:
            audio = await receive(request_iterator, upload, LARGEST_SAMPLE)
            sample: VoiceSample | None = None
            async with contextlib.aclosing(rooms.inference.steps(self._sample_work(upload))) as steps:
                async for step in steps:
                    sample = step if isinstance(step, VoiceSample) else sample
        finally:
            upload.unlink(missing_ok=True)
        assert sample is not None
        return await rooms.voices.enroll(first.config, audio, sample.vector, sample.seconds)

    async def ListVoices(  # noqa: N802
        self, request: asr_pb2.ListVoicesRequest, context: _Context
    ) -> asr_pb2.ListVoicesResponse:
        """Lists who is enrolled; embeddings stay here."""
        del context
        limit = page_size(request.page_size)
        voices = await self._rooms.voices.page(request.workspace_id, decode_token(request.page_token), limit + 1)
        token = encode_token(voices[limit - 1].person_id) if len(voices) > limit else ""
        return asr_pb2.ListVoicesResponse(voices=voices[:limit], next_page_token=token)

    async def DeleteVoice(  # noqa: N802
        self, request: asr_pb2.DeleteVoiceRequest, context: _Context
    ) -> asr_pb2.DeleteVoiceResponse:
        """Forgets a voice."""
        del context
        return await self._rooms.voices.delete(request)

    async def GetCapabilities(  # noqa: N802
        self, request: asr_pb2.GetCapabilitiesRequest, context: _Context
    ) -> asr_pb2.GetCapabilitiesResponse:
        """Tells models, languages and limits."""
        del request, context
        settings = self._settings
        model = asr_pb2.GetCapabilitiesResponse.Model
        return asr_pb2.GetCapabilitiesResponse(
            models=[
                model(task=one.task, model_id=one.model_id, device=one.device, languages=sorted(one.languages))
                for one in self._rooms.engine.models
            ],
            languages=sorted(self._rooms.engine.speech.languages),
            encodings=list(_ENCODINGS),
            max_streams=settings.max_streams,
            open_streams=self._rooms.streams.connected,
            max_duration=from_seconds(self._rooms.engine.max_seconds),
            resume_window=from_seconds(settings.resume_minutes * 60),
            voices=self._rooms.voices.usable,
        )

    def _task(self, config: asr_pb2.RecognitionConfig) -> Task:
        task = task_of(config)
        # Told before an upload of gigabytes, not after it.
        if task.language and task.language not in self._rooms.engine.speech.languages:
            raise UnknownLanguage(task.language, self._rooms.engine.speech.languages)
        return task

    def _file_work(self, upload: Path, task: Task) -> Iterator[StageProgress | Transcript]:
        """All work on a file."""
        with self._decoded(upload) as recording:
            recognize = recognize_channels if task.by_channel else recognize_file
            yield from recognize(self._rooms.engine, upload, recording, task)

    def _sample_work(self, upload: Path) -> Iterator[float | VoiceSample]:
        """All work on a sample of a voice."""
        with self._decoded(upload) as recording:
            yield from learn_voice(self._rooms.engine, upload, recording)

    @contextlib.contextmanager
    def _decoded(self, upload: Path) -> Iterator[Recording]:
        """Takes the decoded audio of an upload; owned by the work, so that it goes only when no step reads it any more."""
        try:
            with Recording(upload.with_suffix(".pcm")) as recording:
                yield recording
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFull(self._rooms.folder) from error
            raise UndecodableAudio from error


def stream_parts(engine: Engine, settings: AsrSettings, voices: KnownVoices, journal: StreamJournal) -> StreamParts:
    """What a live stream with the configuration in `journal` consists of.

    Raises:
        UnknownLanguage, InvalidArgument, TooManyChannels: The configuration asks for something that cannot be.
    """
    config = journal.config
    task = task_of(config.recognition)
    journal.audio.unlink(missing_ok=True)
    interim = settings.interim_seconds if config.interim_results else None
    encoded = _ENCODINGS[config.encoding], config.sample_rate, config.channels
    if task.by_channel:
        apart = MultiChannelConverter(*encoded)
        channels = ChannelRecording(journal.audio)
        by_channel = LiveChannels(engine, channels, task, interim, drafts=journal.drafts)
        return StreamParts(journal, channels, apart, by_channel, engine.speech)
    recording = Recording(journal.audio)
    enrolled = partial(voices.now, config.recognition.workspace_id)
    recognition = LiveRecognition(engine, recording, task, interim, enrolled, drafts=journal.drafts)
    return StreamParts(journal, recording, open_converter(*encoded), recognition, engine.speech)


async def _read(
    stream: LiveStream, connection: int, requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest]
) -> None:
    """Takes what the client sends, to the half-close."""
    async for request in requests:
        kind = request.WhichOneof("request")
        if kind == "audio":
            await stream.take(connection, request.audio)
        elif kind == "flush":
            stream.flush(connection)
        else:
            raise StreamBroken("Config and resume token belong into the first message only.")
    # A broken connection also ends the requests, a moment before it cancels this call; only what stays is a half-close.
    await asyncio.sleep(_HALF_CLOSE_SECONDS)
    stream.end(connection)


async def _until_failure(
    responses: AsyncGenerator[asr_pb2.StreamingRecognizeResponse, None], reader: asyncio.Task[None]
) -> AsyncGenerator[asr_pb2.StreamingRecognizeResponse, None]:
    """The responses, until there are no more or the reader fails."""
    while True:
        following = asyncio.ensure_future(anext(responses, None))
        try:
            await asyncio.wait({following, reader}, return_when=asyncio.FIRST_COMPLETED)
            if reader.done() and not reader.cancelled() and reader.exception() is not None:
                await reader
            response = await following
        finally:
            if not following.done():
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
        if response is None:
            return
        yield response
