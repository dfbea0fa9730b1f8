"""Turns, names of voices, summaries, and the links from turns to cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from planerka.asr.v1.asr_pb2 import SpeakerRevision
from planerka.common.v1.transcript_pb2 import Turn
from planerka.orchestrator.v1.meeting_pb2 import Summary, TurnLink
from planerka.orchestrator.v1.orchestrator_pb2 import WatchMeetingResponse
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.captions import correct
from orchestrator.errors import SpeakerNotFound
from orchestrator.store import announce
from orchestrator.tables import SummaryRow, TurnLinkRow, TurnRow, VoiceRow

__all__ = [
    "correct_speakers",
    "keep_recognised",
    "name_voice",
    "put_turn",
    "read_links",
    "read_summary",
    "read_turns",
    "recognised_in",
    "replace_turns",
    "voices_of",
    "write_summary",
]


async def replace_turns(session: AsyncSession, meeting_id: str, turns: Sequence[Turn]) -> None:
    """Write the turns of a meeting in order, in place of all that were there."""
    await session.execute(delete(TurnRow).where(TurnRow.meeting_id == meeting_id))
    session.add_all(
        TurnRow(meeting_id=meeting_id, turn_id=turn.turn_id, position=position, data=turn.SerializeToString())
        for position, turn in enumerate(turns)
    )
    await session.flush()


async def put_turn(session: AsyncSession, meeting_id: str, turn: Turn) -> None:
    """Write one turn of a live meeting, or a new revision of it, at the end or in its old place."""
    row = await session.get(TurnRow, (meeting_id, turn.turn_id))
    if row is not None:
        row.data = turn.SerializeToString()
        return
    last = await session.scalar(select(func.max(TurnRow.position)).where(TurnRow.meeting_id == meeting_id))
    position = 0 if last is None else last + 1
    session.add(TurnRow(meeting_id=meeting_id, turn_id=turn.turn_id, position=position, data=turn.SerializeToString()))


async def correct_speakers(session: AsyncSession, meeting_id: str, revision: SpeakerRevision) -> None:
    """Write corrected speakers into the turns of a live meeting; a turn that is not written yet comes with its own."""
    for change in revision.changes:
        row = await session.get(TurnRow, (meeting_id, change.words.turn_id))
        if row is not None:
            turn = Turn.FromString(row.data)
            correct(turn, change)
            row.data = turn.SerializeToString()


async def read_turns(session: AsyncSession, meeting_id: str, *, words: bool = True) -> list[Turn]:
    """Return the turns in order, with the names of their voices; without words where only the text matters."""
    rows = await session.scalars(
        select(TurnRow.data).where(TurnRow.meeting_id == meeting_id).order_by(TurnRow.position)
    )
    names = {speaker: name for speaker, (name, _) in (await voices_of(session, meeting_id)).items()}
    turns = [Turn.FromString(data) for data in rows]
    for turn in turns:
        turn.speaker_name = names.get(turn.speaker, turn.speaker_name)
        if not words:
            turn.ClearField("words")
    return turns


async def voices_of(session: AsyncSession, meeting_id: str) -> dict[str, tuple[str, bool]]:
    """Return the names of voices, and whether a person gave them."""
    rows = await session.scalars(select(VoiceRow).where(VoiceRow.meeting_id == meeting_id))
    return {row.speaker: (row.name, row.given) for row in rows}


async def keep_recognised(session: AsyncSession, meeting_id: str, recognised: Mapping[str, str]) -> None:
    """Write which voices (`S1`) are which enrolled people, in place of all that was found out about voices before.

    Their names come later, from who is in the workspace then; what a person gave stays.
    """
    await session.execute(delete(VoiceRow).where(VoiceRow.meeting_id == meeting_id, VoiceRow.given.is_(False)))
    for speaker, person_id in recognised.items():
        if await session.get(VoiceRow, (meeting_id, speaker)) is None:
            session.add(VoiceRow(meeting_id=meeting_id, speaker=speaker, name="", person_id=person_id, given=False))
    await session.flush()


async def recognised_in(session: AsyncSession, meeting_id: str) -> dict[str, str]:
    """Return the people of recognised voices that have no name yet."""
    rows = await session.scalars(
        select(VoiceRow).where(VoiceRow.meeting_id == meeting_id, VoiceRow.name == "", VoiceRow.person_id != "")
    )
    return {row.speaker: row.person_id for row in rows}


async def name_voice(
    session: AsyncSession, meeting_id: str, speaker: str, name: str, person_id: str, *, given: bool
) -> int:
    """Name a voice in all its turns, and return how many they are; what a person gave stays unless a person changes it.

    Raises:
        SpeakerNotFound: No turn has that voice.
    """
    turns = [turn for turn in await read_turns(session, meeting_id) if turn.speaker == speaker]
    if not turns:
        raise SpeakerNotFound(
            f"The meeting has no voice {speaker!r}; `planerka meeting show` lists them.", resource=("speaker", speaker)
        )
    row = await session.get(VoiceRow, (meeting_id, speaker))
    if row is not None and row.given and not given:
        return 0
    if row is None:
        session.add(VoiceRow(meeting_id=meeting_id, speaker=speaker, name=name, person_id=person_id, given=given))
    else:
        row.name, row.person_id, row.given = name, person_id, given
    await session.flush()
    for turn in turns:
        turn.speaker_name = name
        turn.revision += 1
        announce(session, meeting_id, WatchMeetingResponse(turn=turn))
    return len(turns)


async def write_summary(session: AsyncSession, meeting_id: str, summary: Summary) -> None:
    """Write the summary of a meeting, in place of an earlier one, and send it to the watchers."""
    await session.merge(SummaryRow(meeting_id=meeting_id, data=summary.SerializeToString()))
    announce(session, meeting_id, WatchMeetingResponse(summary=summary))


async def read_summary(session: AsyncSession, meeting_id: str) -> Summary | None:
    """Return the summary of a meeting; None while there is none."""
    row = await session.get(SummaryRow, meeting_id)
    return None if row is None else Summary.FromString(row.data)


async def read_links(session: AsyncSession, meeting_id: str) -> list[TurnLink]:
    """Return the links from turns to cards and to proposed cards, in the order of the talk."""
    rows: Iterable[TurnLinkRow] = await session.scalars(
        select(TurnLinkRow).where(TurnLinkRow.meeting_id == meeting_id).order_by(TurnLinkRow.position)
    )
    return [
        TurnLink(
            turn_id=row.turn_id,
            card_id=row.card_id,
            proposal_id=row.proposal_id,
            card_title=row.card_title,
            probability=row.probability,
        )
        for row in rows
        if row.card_id or row.proposal_id
    ]
