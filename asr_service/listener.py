"""What somebody who listens to a file's speech would complain of: its sound and its language."""

from collections.abc import Generator

from asr_service.audio import Samples
from asr_service.complaints import Complaint, PoorAudio
from asr_service.language_check import LanguageCheck
from asr_service.sound_check import poor_audio
from asr_service.transcriber import Decoding, Phrase

__all__ = ["Listener"]


class Listener:
    """The complaints of one recording, or of one channel of it."""

    def __init__(self, language: str) -> None:
        """`language` is the configured one (ISO 639-1), or empty."""
        self._check = LanguageCheck(language)
        self._complaints: list[Complaint] = []
        self._poor = False

    def hear(self, audio: Samples, seconds: float) -> Generator[Decoding, list[Phrase], None]:
        """Takes a chunk of 16 kHz audio with `seconds` of speech in it."""
        problem = None if self._poor else poor_audio(audio)
        if problem is not None:
            self._poor = True
            self._complaints.append(PoorAudio(problem))
        other = yield from self._check.hear(audio, seconds)
        if other is not None:
            self._complaints.append(other)

    def finish(self) -> tuple[Complaint, ...]:
        """All complaints, at the end of the recording."""
        other = self._check.finish()
        return (*self._complaints, other) if other is not None else tuple(self._complaints)
