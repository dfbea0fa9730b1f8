"""ImportMeeting: a recording or a text becomes a meeting with its workflow, or leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path, PurePath
from typing import TypeVar

from google.protobuf.message import Message
from planerka.orchestrator.v1.meeting_pb2 import MeetingConfig, MeetingSource
from planerka.orchestrator.v1.orchestrator_pb2 import ImportConfig, ImportFormat, ImportMeetingRequest
from sqlalchemy.exc import IntegrityError

from mesh.errors import Exhausted, Violation
from mesh.ids import new_id
from orchestrator.audio import SAMPLE_RATE
from orchestrator.boards import require_board
from orchestrator.desk import Desk
from orchestrator.errors import EmptyFile, MeetingNotFound, StreamOutOfOrder
from orchestrator.imports import read_text, sniff, to_turns
from orchestrator.languages import require_language
from orchestrator.meetings import Beginning, create, find_by_key
from orchestrator.rights import Caller
from orchestrator.tables import AudioSegmentRow, MeetingRow
from orchestrator.transcripts import replace_turns

__all__ = ["first_with_config", "import_meeting"]

T = TypeVar("T", bound=Message)
_HEAD = 64 << 10


async def first_with_config(requests: AsyncIterator[T]) -> T:
    """Take the first message of a stream whose further ones carry the file.

    Raises:
        StreamOutOfOrder: There is none, or it is no config.
    """
    first = await anext(requests, None)
    if first is None or not first.HasField("config"):
        raise StreamOutOfOrder(
            "The first message must carry `config`.", violations=[Violation("config", "must come first")]
        )
    return first


async def import_meeting(desk: Desk, who: Caller, requests: AsyncIterator[ImportMeetingRequest]) -> MeetingRow:
    """Take a file and write its meeting; a call that was made before with the same key changes nothing.

    Raises:
        StreamOutOfOrder: The first message is no config, or a later one is.
        EmptyFile: The file holds nothing.
        AudioUnreadable: It holds no audio that can be decoded.
        TextUnreadable: It is not in its format; the message names the line.
        UnknownLanguage: The config names a language that does not exist.
        BoardMissing: It names a board that does not exist.
        Exhausted: It is too large.
    """
    config = (await first_with_config(aiter(requests))).config
    async with desk.store.read() as session:
        known = await find_by_key(session, who, config.meeting)
    if known is not None:
        return known
    require_language(config.meeting.language)
    await require_board(desk.services, config.meeting.board_id)
    folder = desk.settings.folder() / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    upload = folder / new_id("upl")
    try:
        size = await _receive(requests, upload, desk.settings.max_upload_bytes)
        if size == 0:
            raise EmptyFile("The file is empty. Check that it was saved, and try again.")
        return await _keep(desk, who, config, upload, size)
    except IntegrityError as error:
        return await _first_of_two(desk, who, config.meeting, error)
    finally:
        upload.unlink(missing_ok=True)


async def _receive(requests: AsyncIterator[ImportMeetingRequest], upload: Path, limit: int) -> int:
    size = 0
    with upload.open("wb") as file:
        async for request in requests:
            if not request.HasField("data"):
                raise StreamOutOfOrder("`config` is allowed in the first message only.")
            size += len(request.data)
            if size > limit:
                raise _too_large(limit, "max_upload_bytes")
            await asyncio.to_thread(file.write, request.data)
    return size


async def _keep(desk: Desk, who: Caller, config: ImportConfig, upload: Path, size: int) -> MeetingRow:
    with upload.open("rb") as file:
        head = file.read(_HEAD)
    kind = config.format or sniff(head, config.file_name)
    if kind == ImportFormat.IMPORT_FORMAT_AUDIO:
        return await _keep_audio(desk, who, config, upload)
    if size > desk.settings.max_text_bytes:
        raise _too_large(desk.settings.max_text_bytes, "max_text_bytes")
    spoken = await asyncio.to_thread(lambda: read_text(upload.read_bytes(), kind))
    meeting = MeetingConfig()
    meeting.CopyFrom(config.meeting)
    async with desk.store.write() as session:
        row = await create(
            session,
            Beginning(
                config=meeting,
                source=MeetingSource.MEETING_SOURCE_TEXT,
                who=who,
                duration=spoken.duration,
                participants=spoken.names,
                started_at=spoken.started_at,
            ),
        )
        if spoken.title and not meeting.title:
            row.title = spoken.title
        await replace_turns(session, row.meeting_id, to_turns(spoken.turns))
    return row


async def _keep_audio(desk: Desk, who: Caller, config: ImportConfig, upload: Path) -> MeetingRow:
    meeting_id = new_id("mtg")
    name = PurePath(config.file_name).name or "The file"
    segments = await asyncio.to_thread(desk.vault.store, upload, meeting_id, name)
    beginning = Beginning(
        config=config.meeting,
        source=MeetingSource.MEETING_SOURCE_AUDIO_FILE,
        who=who,
        duration=sum(segment.samples for segment in segments) / SAMPLE_RATE,
        meeting_id=meeting_id,
    )
    try:
        async with desk.store.write() as session:
            row = await create(session, beginning)
            session.add_all(
                AudioSegmentRow(
                    meeting_id=meeting_id,
                    number=segment.number,
                    file_name=segment.file_name,
                    samples=segment.samples,
                    sample_rate=SAMPLE_RATE,
                )
                for segment in segments
            )
    except BaseException:
        await asyncio.to_thread(desk.vault.delete, meeting_id)
        raise
    return row


async def _first_of_two(desk: Desk, who: Caller, config: MeetingConfig, error: IntegrityError) -> MeetingRow:
    """Return what another call with the same key has made in the same moment."""
    async with desk.store.read() as session:
        row = await find_by_key(session, who, config)
    if row is None:
        raise MeetingNotFound("The meeting could not be written.") from error
    return row


def _too_large(limit: int, setting: str) -> Exhausted:
    return Exhausted(
        f"The file has more than {limit:,} bytes, the limit of this service (`[orchestrator] {setting}`).",
        reason="FILE_TOO_LARGE",
        metadata={"maxBytes": str(limit)},
    )
