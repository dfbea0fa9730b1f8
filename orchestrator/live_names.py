"""Names of enrolled people for the voices of a live meeting, as the speech service recognises them."""

from __future__ import annotations

import contextlib

from planerka.asr.v1.asr_pb2 import RecognisedVoices
from planerka.common.v1.transcript_pb2 import Turn

from orchestrator.errors import MeetingNotFound, SpeakerNotFound
from orchestrator.meetings import read_row
from orchestrator.people import find_person
from orchestrator.store import Store
from orchestrator.transcripts import name_voice, voices_of

__all__ = ["LiveNames"]


class LiveNames:
    """Who speaks, as far as it is known by now.

    Args:
        store: The tables with people and turns.
        meeting_id: The live meeting.
    """

    def __init__(self, store: Store, meeting_id: str) -> None:
        self._store = store
        self._meeting_id = meeting_id
        self._names: dict[str, str] = {}

    def name(self, turn: Turn) -> None:
        """Put the name of its voice into a turn, where it is known."""
        turn.speaker_name = self._names.get(turn.speaker, turn.speaker_name)

    async def recognise(self, voices: RecognisedVoices) -> None:
        """Take what is recognised now in place of what was before; turns that are out already are sent again with their names.

        People who have left the workspace are not named, and a name that a person gave stays.
        """
        async with self._store.write() as session:
            try:
                meeting = await read_row(session, self._meeting_id)
            except MeetingNotFound:
                return
            given = {
                speaker: name
                for speaker, (name, by_person) in (await voices_of(session, self._meeting_id)).items()
                if by_person
            }
            found = {}
            for match in voices.matches:
                person = await find_person(session, meeting.workspace_id, match.person_id)
                if person is not None:
                    found[match.speaker] = (person.name, match.person_id)
            before = self._names
            for speaker in {**before, **found}:
                name, person_id = found.get(speaker, ("", ""))
                if before.get(speaker, "") != name:
                    # Nothing that this voice said is final yet.
                    with contextlib.suppress(SpeakerNotFound):
                        await name_voice(session, self._meeting_id, speaker, name, person_id, given=False)
        self._names = {speaker: name for speaker, (name, _) in found.items()} | given
