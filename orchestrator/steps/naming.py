"""name_speakers: voices get the names of people: of enrolled ones by their voice, else where the talk itself tells reliably.

Two things in the talk tell a name. Somebody introduces themselves («Меня зовут Анна»). Or somebody is addressed («Александр, начни») and
the next turn is another voice: that voice has a vote for being Александр, and the one who said the name has a vote against. A name is
taken only with a clear margin, in both directions: over the voice's other names, and over the name's other voices.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from planerka.common.v1.transcript_pb2 import Turn
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.boards import find_board
from orchestrator.errors import SpeakerNotFound
from orchestrator.meetings import participants_of, read_row
from orchestrator.people import find_person, list_people, roster
from orchestrator.steps.job import Job
from orchestrator.transcripts import name_voice, read_turns, recognised_in, voices_of
from textkit.people import Person, PersonMention, find_people

__all__ = ["last_one", "name_voices", "run"]

_INTRODUCTION: Final = 4
_ADDRESS: Final = 2
_MENTION_IN_QUESTION: Final = 1
_SELF_MENTION: Final = -2
_THRESHOLD: Final = 2
_MARGIN: Final = 1

_INTRODUCES = re.compile(
    r"(?:меня зовут|это говорит|говорит|на связи|my name is|this is|i am|i'm)\s*[,:—-]?\s*$", re.IGNORECASE
)
_SENTENCE = re.compile(r"[^.!?…]+[.!?…]*")


async def run(job: Job) -> dict[str, Any]:
    """Name the recognised voices, then vote on those that nobody has named yet."""
    async with job.store.write() as session:
        meeting = await read_row(session, job.meeting_id)
        recognised = await _name_recognised(session, job.meeting_id, meeting.workspace_id)
    async with job.store.read() as session:
        turns = await read_turns(session, job.meeting_id, words=False)
        known = await voices_of(session, job.meeting_id)
        people = await list_people(session, meeting.workspace_id)
    board = await find_board(job.desk.services, meeting.workspace_id, meeting.board_id)
    everybody = roster(people, participants_of(meeting), board)
    voted = name_voices(turns, [Person(p.name, (p.name, *p.aliases)) for p in everybody])
    voted |= last_one(turns, voted, participants_of(meeting))
    ids = {person.name: person.person_id for person in everybody}
    named = 0
    async with job.store.write() as session:
        for speaker, name in voted.items():
            if speaker not in known or not known[speaker][1]:
                named += await name_voice(session, job.meeting_id, speaker, name, ids.get(name, ""), given=False) > 0
    return {"named": named, "recognised": recognised}


async def _name_recognised(session: AsyncSession, meeting_id: str, workspace_id: str) -> int:
    """Give voices the names of the enrolled people that they belong to; who has left the workspace is not named."""
    named = 0
    for speaker, person_id in (await recognised_in(session, meeting_id)).items():
        person = await find_person(session, workspace_id, person_id)
        if person is not None:
            # A voice of the timeline alone, without words, has no turns to name.
            with contextlib.suppress(SpeakerNotFound):
                named += await name_voice(session, meeting_id, speaker, person.name, person_id, given=False) > 0
    return named


def name_voices(turns: Sequence[Turn], people: Sequence[Person]) -> dict[str, str]:
    """Return the names of voices that the talk tells reliably; voices whose turns have names already are left out."""
    spoken = [turn for turn in turns if turn.speaker]
    named = {turn.speaker for turn in spoken if turn.speaker_name}
    taken = {turn.speaker_name for turn in spoken if turn.speaker_name}
    votes = _votes(spoken, [person for person in people if person.key not in taken])
    return _winners({speaker: count for speaker, count in votes.items() if speaker not in named})


def last_one(turns: Sequence[Turn], voted: Mapping[str, str], participants: Sequence[str]) -> dict[str, str]:
    """Return the name of the last nameless voice, where as many people take part as voices speak and one of them is left."""
    names = {turn.speaker: turn.speaker_name for turn in turns if turn.speaker} | dict(voted)
    nameless = [speaker for speaker, name in names.items() if not name]
    left = [name for name in participants if name not in names.values()]
    complete = len(participants) == len(names) and all(name in participants for name in names.values() if name)
    return {nameless[0]: left[0]} if complete and len(nameless) == len(left) == 1 else {}


def _votes(turns: Sequence[Turn], people: Sequence[Person]) -> dict[str, Counter[str]]:
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    if not people:
        return votes
    for place, turn in enumerate(turns):
        mentions = find_people(turn.text, people)
        following = turns[place + 1] if place + 1 < len(turns) else None
        for mention in mentions:
            if _INTRODUCES.search(turn.text[: mention.start]):
                votes[turn.speaker][mention.person] += _INTRODUCTION
                continue
            votes[turn.speaker][mention.person] += _SELF_MENTION
            if following is not None and following.speaker != turn.speaker and mention == mentions[-1]:
                votes[following.speaker][mention.person] += _weight(turn.text, mention)
    return votes


def _weight(text: str, mention: PersonMention) -> int:
    """Return how surely the next speaker is the one who is named: addressed at the end of the turn, or asked about something."""
    sentences = [match for match in _SENTENCE.finditer(text) if match.group().strip()]
    if not sentences:
        return 0
    holding = next((number for number, s in enumerate(sentences) if s.start() <= mention.start < s.end()), -1)
    if holding < len(sentences) - 2:
        # Something else was said after it, so the next speaker answers that.
        return 0
    sentence = sentences[holding]
    before = text[sentence.start() : mention.start].strip(' \t«"—-')
    after = text[mention.end : sentence.end()]
    addressed = (not before or before.endswith(",")) and after.lstrip()[:1] in {",", "?", "!", ".", ""}
    if addressed:
        return _ADDRESS
    return _MENTION_IN_QUESTION if sentence.group().rstrip().endswith("?") and not before else 0


def _winners(votes: Mapping[str, Counter[str]]) -> dict[str, str]:
    by_name: dict[str, Counter[str]] = defaultdict(Counter)
    for speaker, names in votes.items():
        for name, count in names.items():
            by_name[name][speaker] = count
    winners: dict[str, str] = {}
    for speaker, names in votes.items():
        winner = _leader(names)
        if winner is not None and _leader(by_name[winner]) == speaker:
            winners[speaker] = winner
    return winners


def _leader(votes: Counter[str]) -> str | None:
    ranked = votes.most_common(2)
    if not ranked or ranked[0][1] < _THRESHOLD:
        return None
    second = ranked[1][1] if len(ranked) > 1 else 0
    return ranked[0][0] if ranked[0][1] - max(second, 0) >= _MARGIN else None
