"""What a live recording tells; times in seconds of the recording, speakers by number from 0."""

from dataclasses import dataclass
from typing import TypeAlias

from asr_service.complaints import Complaint
from asr_service.diarization import Span
from asr_service.identification import VoiceMatch
from asr_service.turns import Turn

__all__ = [
    "Ended",
    "LiveEvent",
    "LiveTurn",
    "Recognised",
    "Revised",
    "SpeakerChange",
    "SpeechBegan",
    "SpeechPaused",
    "Timeline",
]


@dataclass(frozen=True)
class SpeechBegan:
    """Speech begins at `at` seconds."""

    at: float


@dataclass(frozen=True)
class SpeechPaused:
    """Speech ends at `at` seconds."""

    at: float


@dataclass(frozen=True)
class LiveTurn:
    """A turn, or a new version of one; without words it takes back a turn that was not final."""

    number: int
    """From 1, in order of time; with a speaker a channel growing by 8 inside each channel."""
    revision: int
    final: bool
    turn: Turn | None
    stable_words: int = 0


@dataclass(frozen=True)
class SpeakerChange:
    """Words `first` to `first + count` of a final turn get another speaker."""

    number: int
    first: int
    count: int
    before: int | None
    after: int
    confidence: float


@dataclass(frozen=True)
class Revised:
    """Corrected speakers."""

    changes: tuple[SpeakerChange, ...]


@dataclass(frozen=True)
class Timeline:
    """Who speaks when between `start` and `end` in seconds; the whole recording where `end` is None."""

    spans: tuple[Span, ...]
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True)
class Recognised:
    """The voices that are enrolled people, as far as is known now."""

    matches: tuple[VoiceMatch, ...]


@dataclass(frozen=True)
class Ended:
    """The recording is finished."""

    duration: float
    turns: int
    speakers: int
    language: str


LiveEvent: TypeAlias = SpeechBegan | SpeechPaused | LiveTurn | Revised | Timeline | Recognised | Complaint | Ended
