"""Speakers of words that were told already and turn out to be others."""

from collections.abc import Sequence
from dataclasses import replace

from asr_service.live_events import SpeakerChange
from asr_service.turns import SpokenWord

__all__ = ["most_heard", "speaker_changes"]


def most_heard(spoken: Sequence[SpokenWord]) -> int | None:
    """Number of the speaker of most words; None where no word has one."""
    speakers = [word.speaker for word in spoken if word.speaker is not None]
    return max(dict.fromkeys(speakers), key=speakers.count, default=None)


def speaker_changes(number: int, before: tuple[SpokenWord, ...], after: list[SpokenWord]) -> list[SpeakerChange]:
    """Runs of words in turn `number` whose most probable speaker is another one than before."""
    changes: list[SpeakerChange] = []
    for place, (was, now) in enumerate(zip(before, after, strict=True)):
        if now.speaker is None or now.speaker == was.speaker:
            continue
        confidence = now.speakers[0][1]
        last = changes[-1] if changes else None
        if last and last.first + last.count == place and (last.before, last.after) == (was.speaker, now.speaker):
            mean = (last.confidence * last.count + confidence) / (last.count + 1)
            changes[-1] = replace(last, count=last.count + 1, confidence=mean)
        else:
            changes.append(SpeakerChange(number, place, 1, was.speaker, now.speaker, confidence))
    return changes
