"""The transcript of a live meeting while it grows: revisions of turns, corrected speakers, and how far it has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from planerka.asr.v1.asr_pb2 import Progress, SpeakerRevision
from planerka.common.v1.transcript_pb2 import SpeakerShare, Turn, TurnState

from mesh.times import to_seconds

__all__ = ["Captions", "Correction", "correct", "is_open", "parts"]

_OPEN = frozenset({TurnState.TURN_STATE_PROVISIONAL, TurnState.TURN_STATE_STABLE})
_LEFT_BEHIND = 1.0
"""Seconds by which final text must have passed a turn that is still open before the turn is taken as forgotten."""


@dataclass(frozen=True)
class Correction:
    """Words of a turn that got another speaker."""

    turn: Turn
    """The turn as it is now."""
    text: str
    """The words."""
    before: str
    """The voice that had spoken them; empty for nobody."""
    after: str
    """The voice that speaks them now."""
    before_name: str = ""
    """Name of the person behind the voice; empty while unknown."""
    after_name: str = ""
    """The same of the voice that speaks them now."""


def is_open(turn: Turn) -> bool:
    """Tell whether words of a turn may still change."""
    return turn.state in _OPEN


def parts(turn: Turn) -> tuple[str, str]:
    """Return the text of a turn that will stay, and the rest, which may still change."""
    if not is_open(turn):
        return turn.text, ""
    if not turn.words:
        return (turn.text, "") if turn.state == TurnState.TURN_STATE_STABLE else ("", turn.text)
    words = [word.text for word in turn.words]
    return " ".join(words[: turn.stable_words]), " ".join(words[turn.stable_words :])


def correct(turn: Turn, change: SpeakerRevision.Change) -> str:
    """Give words of a turn another speaker, and the turn the one of most of its words; return the text of those words.

    The name of the turn's person is left empty where the turn gets another voice.
    """
    if not turn.words:
        _speak(turn, change.speaker, change.confidence)
        return turn.text
    first, last = change.words.first_word, change.words.first_word + change.words.word_count
    words = turn.words[first:last]
    for word in words:
        others = [one for one in word.speakers if one.speaker not in (change.previous_speaker, change.speaker)]
        del word.speakers[:]
        word.speakers.extend([SpeakerShare(speaker=change.speaker, confidence=change.confidence), *others])
    voices = Counter(word.speakers[0].speaker if word.speakers else turn.speaker for word in turn.words)
    speaker, count = voices.most_common(1)[0]
    if speaker != turn.speaker:
        _speak(turn, speaker, change.confidence if speaker == change.speaker else count / len(turn.words))
    return " ".join(word.text for word in words)


class Captions:
    """What a live meeting has said so far."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}
        self._names: dict[str, str] = {}
        self._progress = Progress()

    @property
    def turns(self) -> list[Turn]:
        """All turns in order of their beginning."""
        return _in_order(self._turns.values())

    @property
    def open(self) -> list[Turn]:
        """The turns whose words may still change, in order of their beginning."""
        return _in_order(turn for turn in self._turns.values() if is_open(turn))

    @property
    def received(self) -> float:
        """Seconds of audio that the service has received."""
        return to_seconds(self._progress.received)

    @property
    def lag(self) -> float:
        """Seconds by which transcription is behind the received audio."""
        return max(0.0, self.received - to_seconds(self._progress.transcribed))

    def take(self, turn: Turn) -> Turn | None:
        """Take a turn, or a new revision of one; return it with the name of its voice, None where it is old or taken back."""
        known = self._turns.get(turn.turn_id)
        if known is not None and turn.revision < known.revision:
            return None
        if known is not None and not is_open(known) and is_open(turn):
            # A final turn stays final, whatever a replay brings.
            return None
        if not turn.text and not is_open(turn):
            self._turns.pop(turn.turn_id, None)
            return None
        kept = Turn()
        kept.CopyFrom(turn)
        if kept.speaker_name:
            self._names[kept.speaker] = kept.speaker_name
        else:
            kept.speaker_name = self._names.get(kept.speaker, "")
        self._turns[kept.turn_id] = kept
        return kept

    def revise(self, revision: SpeakerRevision) -> list[Correction]:
        """Take corrected speakers; return what changed, in order of the talk."""
        made = []
        for change in revision.changes:
            turn = self._turns.get(change.words.turn_id)
            if turn is None:
                continue
            text = correct(turn, change)
            turn.speaker_name = turn.speaker_name or self._names.get(turn.speaker, "")
            voices = (change.previous_speaker, change.speaker)
            made.append(Correction(turn, text, *voices, *(self._names.get(voice, "") for voice in voices)))
        return sorted(made, key=lambda one: to_seconds(one.turn.start))

    def progress(self, progress: Progress) -> None:
        """Take how far the service has come; open turns that final text has long passed are forgotten."""
        self._progress.CopyFrom(progress)
        passed = to_seconds(progress.final) - _LEFT_BEHIND
        for turn in self.open:
            if turn.HasField("end") and to_seconds(turn.end) < passed:
                del self._turns[turn.turn_id]


def _in_order(turns: Iterable[Turn]) -> list[Turn]:
    return sorted(turns, key=lambda turn: to_seconds(turn.start))


def _speak(turn: Turn, speaker: str, confidence: float) -> None:
    if speaker != turn.speaker:
        turn.speaker_name = ""
    turn.speaker, turn.speaker_confidence = speaker, confidence
