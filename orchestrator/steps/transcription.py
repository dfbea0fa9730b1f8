"""transcribe: the accurate pass over the whole recording, in place of live turns; texts have their turns already."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from planerka.asr.v1.asr_pb2 import FileConfig, Finished, RecognisedVoices, RecognitionConfig, RecognizeFileRequest
from planerka.common.v1.transcript_pb2 import Turn
from planerka.orchestrator.v1.meeting_pb2 import MeetingSource
from planerka.orchestrator.v1.orchestrator_pb2 import LiveConfig, WatchMeetingResponse
from sqlalchemy import func, select

from mesh.errors import RemoteError
from mesh.logs import get_logger
from mesh.times import to_seconds
from orchestrator.audio import SAMPLE_RATE
from orchestrator.clients import answers
from orchestrator.desk import Desk
from orchestrator.errors import AudioUnreadable, EmptyFile, StepFailed
from orchestrator.meetings import announce_meeting, participants_of, read_row
from orchestrator.people import list_people
from orchestrator.recording import as_file
from orchestrator.steps.job import Job
from orchestrator.tables import AudioSegmentRow, MeetingRow, TurnRow
from orchestrator.texts import say
from orchestrator.transcripts import keep_recognised, replace_turns
from orchestrator.workspaces import language_of

__all__ = ["run", "store_segments"]

_PIECE = 256 << 10


async def run(job: Job) -> dict[str, Any]:
    """Transcribe, and write the turns; a recording without speech has none, which is no error."""
    meeting = await job.meeting()
    if meeting.source == int(MeetingSource.MEETING_SOURCE_TEXT):
        async with job.store.read() as session:
            count = await session.scalar(
                select(func.count()).select_from(TurnRow).where(TurnRow.meeting_id == job.meeting_id)
            )
        return {"turns": count or 0}
    await _seal(job, meeting)
    async with job.store.read() as session:
        rows = await session.scalars(
            select(AudioSegmentRow).where(AudioSegmentRow.meeting_id == job.meeting_id).order_by(AudioSegmentRow.number)
        )
        names = [row.file_name for row in rows]
        hot_words = [person.name for person in await list_people(session, meeting.workspace_id)]
    if not names:
        return {"turns": 0}
    config = RecognitionConfig(
        language=meeting.language,
        hot_words=list(dict.fromkeys([*participants_of(meeting), *hot_words]))[:500],
        diarize=True,
        workspace_id=meeting.workspace_id,
    )
    path, is_copy = await asyncio.to_thread(job.desk.vault.assemble, job.meeting_id, names)
    try:
        turns, voices, finished = await _recognize(job, meeting, config, path)
    finally:
        if is_copy:
            path.unlink(missing_ok=True)
    async with job.store.write() as session:
        row = await read_row(session, job.meeting_id)
        await replace_turns(session, job.meeting_id, turns)
        await keep_recognised(session, job.meeting_id, {match.speaker: match.person_id for match in voices.matches})
        row.language = row.language or finished.language
        row.duration = to_seconds(finished.duration) if finished.HasField("duration") else row.duration
        await announce_meeting(session, row)
    return {"turns": len(turns), "speakers": finished.speakers, "recognised": len(voices.matches)}


async def store_segments(desk: Desk, meeting_id: str, source: Path) -> float:
    """Write a file as the recording of a meeting that exists, and return its length in seconds.

    Raises:
        AudioUnreadable: The file holds no audio.
        EmptyFile: The file is empty.
    """
    segments = await asyncio.to_thread(desk.vault.store, source, meeting_id)
    async with desk.store.write() as session:
        for segment in segments:
            await session.merge(
                AudioSegmentRow(
                    meeting_id=meeting_id,
                    number=segment.number,
                    file_name=segment.file_name,
                    samples=segment.samples,
                    sample_rate=SAMPLE_RATE,
                )
            )
        seconds = sum(segment.samples for segment in segments) / SAMPLE_RATE
        (await read_row(session, meeting_id)).duration = seconds
    return seconds


async def _seal(job: Job, meeting: MeetingRow) -> None:
    """Turn the chunks of a live stream into FLAC segments; done before, it does nothing."""
    if not meeting.live_config:
        return
    folder = job.desk.vault.folder_of(job.meeting_id)
    live = LiveConfig.FromString(meeting.live_config)
    source: Path | None = None
    try:
        source = await asyncio.to_thread(as_file, folder, live)
        if source is None:
            return
        await store_segments(job.desk, job.meeting_id, source)
    except (AudioUnreadable, EmptyFile) as error:
        async with job.store.read() as session:
            language = await language_of(session, meeting.workspace_id)
        raise StepFailed(say(language, "fail_audio", why=error.message)) from error
    finally:
        if source is not None:
            source.unlink(missing_ok=True)
    (folder / "live.chunks").unlink(missing_ok=True)


async def _recognize(
    job: Job, meeting: MeetingRow, config: RecognitionConfig, path: Path
) -> tuple[list[Turn], RecognisedVoices, Finished]:
    async def upload() -> AsyncIterator[RecognizeFileRequest]:
        yield RecognizeFileRequest(config=FileConfig(recognition=config, file_name=meeting.title[:1024]))
        with path.open("rb") as file:
            while data := await asyncio.to_thread(file.read, _PIECE):
                yield RecognizeFileRequest(data=data)

    turns: list[Turn] = []
    voices = RecognisedVoices()
    finished: Finished | None = None
    # Watchers of a live stream have seen its turns already, under other identifiers.
    tell_turns = meeting.source != int(MeetingSource.MEETING_SOURCE_LIVE)
    try:
        async for response in answers(job.desk.services.asr.RecognizeFile(upload())):
            kind = response.WhichOneof("response")
            if kind == "progress":
                job.desk.broadcast.publish(job.meeting_id, WatchMeetingResponse(progress=response.progress))
            elif kind == "turn":
                turns.append(response.turn)
                if tell_turns:
                    job.desk.broadcast.publish(job.meeting_id, WatchMeetingResponse(turn=response.turn))
            elif kind == "voices":
                voices = response.voices
            elif kind == "warning":
                get_logger(__name__).warning(
                    "the speech service warns of a recording",
                    meeting_id=job.meeting_id,
                    advice=response.warning.message,
                )
            elif kind == "finished":
                finished = response.finished
    except RemoteError as error:
        if error.code is not grpc.StatusCode.INVALID_ARGUMENT:
            raise
        async with job.store.read() as session:
            language = await language_of(session, meeting.workspace_id)
        raise StepFailed(say(language, "fail_audio", why=error.message)) from error
    if finished is None:
        raise RemoteError(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "The transcript broke off before its end.")
    return turns, voices, finished
