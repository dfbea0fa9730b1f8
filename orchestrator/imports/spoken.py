"""What every text format comes down to: who said what, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from planerka.common.v1.transcript_pb2 import Turn, TurnState

from mesh.times import from_datetime, from_seconds

__all__ = ["Spoken", "SpokenTurn", "to_turns"]

_LONGEST_TEXT = 65_536
_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """One turn of an imported text."""

    speaker: str
    """Name as it is written; empty where there is none."""
    text: str
    """What was said."""
    start: float | None = None
    """Beginning in seconds from the start of the recording."""
    end: float | None = None
    """End in seconds from the start of the recording."""
    written_at: datetime | None = None
    """Moment of a chat message, in UTC."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """An imported text."""

    turns: tuple[SpokenTurn, ...]
    """The turns in order; none where nobody said anything."""
    title: str = ""
    """Title that the file itself tells; empty where it does not."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody who speaks, in the order of their first words."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns if turn.speaker))

    @property
    def duration(self) -> float | None:
        """End of the last turn in seconds; None where the text has no times."""
        return max((turn.end for turn in self.turns if turn.end is not None), default=None)

    @property
    def started_at(self) -> float | None:
        """Moment of the first message in seconds since 1970; None where the text has no dates."""
        return min((turn.written_at.timestamp() for turn in self.turns if turn.written_at is not None), default=None)


def to_turns(spoken: Sequence[SpokenTurn]) -> list[Turn]:
    """Return the turns as the contract shows them: voices `S1`, `S2`, … in the order in which they begin to speak."""
    voices: dict[str, str] = {}
    turns: list[Turn] = []
    for item in spoken:
        for text in _pieces(item.text):
            turn = Turn(
                turn_id=f"t{len(turns) + 1}",
                revision=1,
                state=TurnState.TURN_STATE_FINAL,
                speaker_name=item.speaker[:_LONGEST_NAME],
                text=text,
            )
            if item.speaker:
                turn.speaker = voices.setdefault(item.speaker, f"S{len(voices) + 1}")
                turn.speaker_confidence = 1.0
            if item.start is not None:
                turn.start.CopyFrom(from_seconds(item.start))
            if item.end is not None:
                turn.end.CopyFrom(from_seconds(item.end))
            if item.written_at is not None:
                turn.written_at.CopyFrom(from_datetime(item.written_at))
            turns.append(turn)
    return turns


def _pieces(text: str) -> list[str]:
    return [text[place : place + _LONGEST_TEXT] for place in range(0, len(text), _LONGEST_TEXT)]
