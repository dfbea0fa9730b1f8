"""What is wrong with a recording although it can be recognised, in words for an operator; each is told once at most."""

from dataclasses import dataclass, replace
from typing import TypeAlias

from asr_service.clustering import SpeakerLimits

__all__ = ["Complaint", "OtherLanguage", "PoorAudio", "TooManySpeakers", "of_channel", "too_many_speakers"]


@dataclass(frozen=True)
class PoorAudio:
    """The audio can hardly be understood."""

    problem: str


@dataclass(frozen=True)
class OtherLanguage:
    """The speech does not seem to be in the configured language."""

    problem: str


@dataclass(frozen=True)
class TooManySpeakers:
    """More people speak than may be told apart."""

    problem: str


Complaint: TypeAlias = PoorAudio | OtherLanguage | TooManySpeakers


def too_many_speakers(limits: SpeakerLimits) -> TooManySpeakers:
    """The complaint about more voices than `limits` allow."""
    if limits.largest:
        return TooManySpeakers(
            f"More than {limits.largest} people seem to speak, which is the configured maximum, so some of them share a label; "
            "raise max_speakers or leave it out."
        )
    return TooManySpeakers(f"More than {limits.most} people seem to speak; some of them share a label.")


def of_channel(number: int, complaint: Complaint) -> Complaint:
    """The same about one channel of a recording, by its number from 0."""
    return replace(complaint, problem=f"Channel {number + 1}: {complaint.problem}")
