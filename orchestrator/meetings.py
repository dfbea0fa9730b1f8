"""Meetings: creation, state, reading and lists."""

from __future__ import annotations

import json
import time
import zoneinfo
from dataclasses import dataclass
from datetime import datetime

from planerka.orchestrator.v1.meeting_pb2 import Meeting, MeetingConfig, MeetingSource, MeetingState, Stage
from planerka.orchestrator.v1.orchestrator_pb2 import LiveConfig, WatchMeetingResponse
from planerka.orchestrator.v1.proposal_pb2 import EventKind, ProposalState
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.database import fingerprint
from mesh.ids import new_id
from mesh.times import from_seconds
from orchestrator import journal
from orchestrator.enums import as_enum
from orchestrator.errors import KeyReused, MeetingNotFound
from orchestrator.languages import require_language
from orchestrator.moments import from_epoch, to_epoch
from orchestrator.rights import Caller
from orchestrator.store import announce
from orchestrator.tables import MeetingRow, ProposalRow, TurnRow
from orchestrator.texts import say
from orchestrator.workspaces import read_settings

__all__ = [
    "ENDED",
    "Beginning",
    "announce_meeting",
    "create",
    "find_by_key",
    "list_rows",
    "message",
    "participants_of",
    "read_row",
    "set_state",
]

ENDED = (int(MeetingState.MEETING_STATE_CLOSED), int(MeetingState.MEETING_STATE_FAILED))


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a meeting begins."""

    config: MeetingConfig
    """What the client asked for."""
    source: MeetingSource
    """Where it comes from."""
    who: Caller
    """Who began it."""
    live: LiveConfig | None = None
    """Encoding of the audio of a live meeting."""
    resume_hash: bytes = b""
    """SHA-256 of the secret with which a live stream goes on."""
    duration: float | None = None
    """Length of the recording in seconds."""
    participants: tuple[str, ...] = ()
    """Names that the file itself told, beside those of the config."""
    meeting_id: str = ""
    """Identifier that was given beforehand; empty for a new one."""
    started_at: float | None = None
    """Beginning that the file itself told, where the config names none."""


async def find_by_key(session: AsyncSession, who: Caller, config: MeetingConfig) -> MeetingRow | None:
    """Return the meeting that the idempotency key made before.

    Raises:
        KeyReused: It was made with another config.
    """
    workspace_id = who.workspace(config.workspace_id)
    row = await session.scalar(
        select(MeetingRow).where(
            MeetingRow.workspace_id == workspace_id, MeetingRow.idempotency_key == config.idempotency_key
        )
    )
    if row is not None and row.request_hash != fingerprint(config):
        raise KeyReused(
            f"The idempotency key {config.idempotency_key!r} was used before for another meeting; use a new key.",
            resource=("idempotency_key", config.idempotency_key),
        )
    return row


async def create(session: AsyncSession, beginning: Beginning) -> MeetingRow:
    """Write a new meeting.

    Raises:
        UnknownLanguage: The config names a language that does not exist.
    """
    config, who = beginning.config, beginning.who
    require_language(config.language)
    require_language(config.summary_language)
    workspace_id = who.workspace(config.workspace_id)
    settings = await read_settings(session, workspace_id)
    now = time.time()
    started_at = to_epoch(config.started_at) if config.HasField("started_at") else beginning.started_at or now
    live = beginning.source == MeetingSource.MEETING_SOURCE_LIVE
    row = MeetingRow(
        meeting_id=beginning.meeting_id or new_id("mtg"),
        workspace_id=workspace_id,
        idempotency_key=config.idempotency_key,
        request_hash=fingerprint(config),
        title=config.title or _title(started_at, settings.time_zone, config.language or settings.language),
        language=config.language,
        board_id=config.board_id or settings.default_board_id,
        source=int(beginning.source),
        state=int(MeetingState.MEETING_STATE_LIVE if live else MeetingState.MEETING_STATE_PROCESSING),
        stage=int(Stage.STAGE_RECEIVE),
        started_at=started_at,
        duration=beginning.duration,
        strategy=int(config.summary_strategy or settings.summary_strategy),
        participants=json.dumps(
            list(dict.fromkeys([*config.participants, *beginning.participants])), ensure_ascii=False
        ),
        failure="",
        round=1,
        created_by=who.person.person_id,
        created_at=now,
        finished_at=None,
        matched_at=None,
        audio_deleted=False,
        live_config=beginning.live.SerializeToString() if beginning.live is not None else b"",
        resume_hash=beginning.resume_hash,
        touched_at=now,
        template=config.template or settings.summary_template,
        summary_language=config.summary_language,
    )
    session.add(row)
    await session.flush()
    await journal.append(
        session,
        EventKind.EVENT_KIND_MEETING_CREATED,
        workspace_id,
        say(settings.language, "meeting_created", title=row.title),
        meeting_id=row.meeting_id,
        stage=Stage.STAGE_RECEIVE,
        person_id=who.person.person_id,
    )
    return row


async def read_row(session: AsyncSession, meeting_id: str, workspace_id: str | None = None) -> MeetingRow:
    """Return a meeting, of one workspace or of any.

    Raises:
        MeetingNotFound: There is no such meeting.
    """
    row = await session.get(MeetingRow, meeting_id)
    if row is None or (workspace_id is not None and row.workspace_id != workspace_id):
        raise MeetingNotFound(
            f"There is no meeting {meeting_id!r}; `planerka meeting list` shows them.",
            resource=("meeting", meeting_id),
        )
    return row


async def list_rows(session: AsyncSession, workspace_id: str, state: int, before: str, limit: int) -> list[MeetingRow]:
    """Return meetings, newest first, in one state or in all, before an identifier."""
    query = select(MeetingRow).where(MeetingRow.workspace_id == workspace_id)
    if state:
        query = query.where(MeetingRow.state == state)
    if before:
        query = query.where(MeetingRow.meeting_id < before)
    return list(await session.scalars(query.order_by(MeetingRow.meeting_id.desc()).limit(limit)))


async def set_state(
    session: AsyncSession,
    row: MeetingRow,
    state: MeetingState,
    stage: Stage | None = None,
    failure: str = "",
) -> None:
    """Move a meeting on, and tell its watchers."""
    row.state, row.failure = int(state), failure
    row.stage = row.stage if stage is None else int(stage)
    row.finished_at = time.time() if row.state in ENDED else None
    await session.flush()
    await announce_meeting(session, row)


async def announce_meeting(session: AsyncSession, row: MeetingRow) -> None:
    """Tell the watchers of a meeting how it stands."""
    announce(session, row.meeting_id, WatchMeetingResponse(meeting=await message(session, row)))


async def message(session: AsyncSession, row: MeetingRow) -> Meeting:
    """Return a meeting as the contract shows it."""
    visible = ProposalRow.state != 0
    counts = await session.execute(
        select(ProposalRow.state, func.count())
        .where(ProposalRow.meeting_id == row.meeting_id, visible)
        .group_by(ProposalRow.state)
    )
    by_state = dict(counts.tuples().all())
    waiting = (ProposalState.PROPOSAL_STATE_PENDING, ProposalState.PROPOSAL_STATE_CONFLICT)
    meeting = Meeting(
        meeting_id=row.meeting_id,
        workspace_id=row.workspace_id,
        title=row.title,
        language=row.language,
        board_id=row.board_id,
        source=as_enum(MeetingSource, row.source),
        state=as_enum(MeetingState, row.state),
        stage=as_enum(Stage, row.stage),
        started_at=from_epoch(row.started_at),
        turns=await session.scalar(
            select(func.count()).select_from(TurnRow).where(TurnRow.meeting_id == row.meeting_id)
        ),
        proposals=sum(by_state.values()),
        pending=sum(by_state.get(int(state), 0) for state in waiting),
        participants=participants_of(row),
        failure=row.failure,
    )
    if row.duration is not None:
        meeting.duration.CopyFrom(from_seconds(row.duration))
    return meeting


def participants_of(row: MeetingRow) -> list[str]:
    """Return the names of the people who take part."""
    return [str(name) for name in json.loads(row.participants)]


def _title(started_at: float, time_zone: str, language: str) -> str:
    moment = datetime.fromtimestamp(started_at, zoneinfo.ZoneInfo(time_zone or "UTC"))
    return say(language, "meeting_title", date=moment.strftime("%d.%m.%Y %H:%M"))
