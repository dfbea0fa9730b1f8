"""Live meetings: audio goes to the disk before it is acknowledged, turns come back, and a broken connection costs nothing."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator

from planerka.asr.v1.asr_pb2 import (
    Ack,
    AudioChunk,
    Heartbeat,
    RecognitionConfig,
    StreamConfig,
    StreamingRecognizeResponse,
    StreamResume,
)
from planerka.common.v1.transcript_pb2 import TurnState
from planerka.orchestrator.v1.meeting_pb2 import MeetingSource, MeetingState
from planerka.orchestrator.v1.orchestrator_pb2 import (
    LiveConfig,
    MeetingOpened,
    StreamMeetingRequest,
    StreamMeetingResponse,
    WatchMeetingResponse,
)
from sqlalchemy import select, update

from orchestrator.asr_link import AsrLink
from orchestrator.boards import require_board
from orchestrator.desk import Desk
from orchestrator.errors import StreamNotFound, StreamOutOfOrder
from orchestrator.live_names import LiveNames
from orchestrator.meetings import Beginning, create, find_by_key, participants_of
from orchestrator.people import list_people
from orchestrator.recording import Recording
from orchestrator.rights import Caller
from orchestrator.tables import MeetingRow
from orchestrator.tokens import hash_secret
from orchestrator.transcripts import correct_speakers, put_turn
from orchestrator.workspaces import language_of

__all__ = ["LiveMeeting", "LiveMeetings"]

_QUEUE = 256
_HEARTBEAT_SECONDS = 5.0
_REMEMBERED = 5000
_RELAYED = ("turn", "speaker_revision", "progress", "warning")
_NUMBERED = frozenset({"turn", "speaker_revision", "warning"})


class LiveMeeting:
    """One meeting whose audio is coming in; it outlives its connections.

    Args:
        desk: Tables and services.
        meeting_id: The meeting.
        recording: Its chunks.
        config: How to recognise.
        language: Language of warnings.
        last_event: Highest number of an event that the client has seen from an earlier process.
    """

    def __init__(
        self, desk: Desk, meeting_id: str, recording: Recording, config: StreamConfig, language: str, last_event: int
    ) -> None:
        self._desk = desk
        self._meeting_id = meeting_id
        self._recording = recording
        self._link = AsrLink(desk.services.asr, config, recording, self._heard, language)
        self._carrying = asyncio.create_task(self._link.run())
        self._events: deque[StreamMeetingResponse] = deque(maxlen=_REMEMBERED)
        self._last_event = last_event
        self._names = LiveNames(desk.store, meeting_id)
        self._client: asyncio.Queue[StreamMeetingResponse | None] | None = None

    @property
    def is_attached(self) -> bool:
        """Whether a client is connected."""
        return self._client is not None

    async def serve(
        self, requests: AsyncIterator[StreamMeetingRequest], token: str, last_event: int
    ) -> AsyncIterator[StreamMeetingResponse]:
        """Talk with a client until it half-closes; when this ends without an error, the recording is complete.

        A client that comes while another is connected takes its place: the old connection is dead and does not know it.

        Raises:
            StreamOutOfOrder: The client broke the contract.
        """
        if self._client is not None:
            self._client.put_nowait(None)
        client: asyncio.Queue[StreamMeetingResponse | None] = asyncio.Queue()
        self._client = client
        opened = MeetingOpened(
            meeting_id=self._meeting_id, resume_token=token, next_sequence=self._recording.next_sequence
        )
        taking = asyncio.create_task(self._take(requests, client))
        try:
            yield StreamMeetingResponse(opened=opened)
            for event in list(self._events):
                if event.event_id > last_event:
                    yield event
            while True:
                try:
                    response = await asyncio.wait_for(client.get(), _HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield StreamMeetingResponse(heartbeat=Heartbeat())
                    continue
                if response is None:
                    break
                yield response
            if self._client is not client:
                raise StreamOutOfOrder("Another connection has taken this stream over.", reason="STREAM_TAKEN_OVER")
            await taking
        finally:
            taking.cancel()
            with contextlib.suppress(asyncio.CancelledError, StreamOutOfOrder):
                await taking
            if self._client is client:
                self._client = None

    def close(self) -> None:
        """Stop carrying audio to the speech service, and close the file."""
        self._carrying.cancel()
        self._recording.close()

    async def _take(
        self, requests: AsyncIterator[StreamMeetingRequest], client: asyncio.Queue[StreamMeetingResponse | None]
    ) -> None:
        pending: asyncio.Queue[AudioChunk] = asyncio.Queue(_QUEUE)
        writing = asyncio.create_task(self._write(pending, client))
        try:
            async for request in requests:
                kind = request.WhichOneof("request")
                if kind == "audio":
                    if self._recording.take(request.audio):
                        await pending.put(request.audio)
                    elif request.audio.sequence <= self._recording.written_sequence:
                        client.put_nowait(_ack(self._recording.written_sequence))
                elif kind == "flush":
                    self._link.flush()
                else:
                    raise StreamOutOfOrder("`config` and `resume` are allowed in the first message only.")
            await pending.join()
        finally:
            # What was taken must reach the disk even when the connection breaks now, or its numbers would be lost.
            await asyncio.shield(pending.join())
            writing.cancel()
            client.put_nowait(None)

    async def _write(
        self, pending: asyncio.Queue[AudioChunk], client: asyncio.Queue[StreamMeetingResponse | None]
    ) -> None:
        """Write what has gathered while the last write ran, all with one sync, and acknowledge it."""
        while True:
            chunks = [await pending.get()]
            while not pending.empty():
                chunks.append(pending.get_nowait())
            await asyncio.to_thread(self._recording.write, chunks)
            for _ in chunks:
                pending.task_done()
            self._link.written()
            client.put_nowait(_ack(self._recording.written_sequence))

    async def _heard(self, heard: StreamingRecognizeResponse) -> None:
        kind = heard.WhichOneof("response")
        if kind == "voices":
            await self._names.recognise(heard.voices)
        if kind not in _RELAYED:
            return
        if kind == "turn":
            self._names.name(heard.turn)
        response = StreamMeetingResponse(**{kind: getattr(heard, kind)})
        if kind in _NUMBERED:
            self._last_event += 1
            response.event_id = self._last_event
            self._events.append(response)
        if kind != "warning":
            update_ = WatchMeetingResponse(**{kind: getattr(heard, kind)})
            self._desk.broadcast.publish(self._meeting_id, update_)
        if kind == "turn" and heard.turn.state == TurnState.TURN_STATE_FINAL and heard.turn.text:
            # A final turn without words only takes back one that was never written.
            async with self._desk.store.write() as session:
                await put_turn(session, self._meeting_id, heard.turn)
        elif kind == "speaker_revision":
            async with self._desk.store.write() as session:
                await correct_speakers(session, self._meeting_id, heard.speaker_revision)
        if self._client is not None:
            self._client.put_nowait(response)


class LiveMeetings:
    """The live meetings of this process.

    Args:
        desk: Tables and services.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._open: dict[str, LiveMeeting] = {}

    def is_attached(self, meeting_id: str) -> bool:
        """Tell whether a client is connected to a meeting."""
        meeting = self._open.get(meeting_id)
        return meeting is not None and meeting.is_attached

    def drop(self, meeting_id: str) -> None:
        """Forget a meeting whose recording is complete."""
        meeting = self._open.pop(meeting_id, None)
        if meeting is not None:
            meeting.close()

    def close(self) -> None:
        """Let go of all meetings; they can be resumed in the next process."""
        for meeting_id in list(self._open):
            self.drop(meeting_id)

    async def touch(self, meeting_id: str) -> None:
        """Begin the time in which a broken stream may come back."""
        async with self._desk.store.write() as session:
            await session.execute(
                update(MeetingRow).where(MeetingRow.meeting_id == meeting_id).values(touched_at=time.time())
            )

    async def begin(self, who: Caller, config: LiveConfig) -> tuple[LiveMeeting, str, str]:
        """Open a new live meeting, or the one that the idempotency key made before; return it, its identifier and its secret.

        Raises:
            StreamNotFound: The key's meeting is complete already.
            BoardMissing: The config names a board that does not exist.
        """
        await require_board(self._desk.services, config.meeting.board_id)
        token = secrets.token_urlsafe(32)
        async with self._desk.store.write() as session:
            row = await find_by_key(session, who, config.meeting)
            if row is None:
                row = await create(
                    session,
                    Beginning(
                        config=config.meeting,
                        source=MeetingSource.MEETING_SOURCE_LIVE,
                        who=who,
                        live=config,
                        resume_hash=hash_secret(token),
                    ),
                )
            else:
                # The secret was told only once; whoever repeats the call gets a new one.
                row.resume_hash = hash_secret(token)
            _require_live(row)
        return await self._meeting(row, 0), row.meeting_id, token

    async def resume(self, resume: StreamResume) -> tuple[LiveMeeting, str]:
        """Go on with a meeting after a broken connection.

        Raises:
            StreamNotFound: The token is unknown, or the recording is complete.
        """
        async with self._desk.store.read() as session:
            row = await session.scalar(
                select(MeetingRow).where(MeetingRow.resume_hash == hash_secret(resume.resume_token))
            )
        if row is None:
            raise StreamNotFound("The resume token is unknown; begin a new meeting.")
        _require_live(row)
        return await self._meeting(row, resume.last_event_id), row.meeting_id

    async def _meeting(self, row: MeetingRow, last_event: int) -> LiveMeeting:
        known = self._open.get(row.meeting_id)
        if known is not None:
            return known
        config = LiveConfig.FromString(row.live_config)
        async with self._desk.store.read() as session:
            people = await list_people(session, row.workspace_id)
            language = row.language or await language_of(session, row.workspace_id)
        recording = await asyncio.to_thread(Recording, self._desk.vault.folder_of(row.meeting_id), config)
        stream = StreamConfig(
            recognition=RecognitionConfig(
                language=row.language,
                hot_words=list(dict.fromkeys([*participants_of(row), *(person.name for person in people)]))[:500],
                diarize=True,
                workspace_id=row.workspace_id,
            ),
            encoding=config.encoding,
            sample_rate=config.sample_rate,
            channels=config.channels,
            interim_results=True,
        )
        known = self._open.get(row.meeting_id)
        if known is not None:
            # Another connection has opened it while this one read the disk.
            recording.close()
            return known
        meeting = LiveMeeting(self._desk, row.meeting_id, recording, stream, language, last_event)
        self._open[row.meeting_id] = meeting
        return meeting


def _require_live(row: MeetingRow) -> None:
    if row.state != int(MeetingState.MEETING_STATE_LIVE):
        raise StreamNotFound(
            f"The recording of {row.meeting_id} is complete; `planerka meeting show` shows what came of it.",
            resource=("meeting", row.meeting_id),
        )


def _ack(sequence: int) -> StreamMeetingResponse:
    return StreamMeetingResponse(ack=Ack(sequence=sequence))
