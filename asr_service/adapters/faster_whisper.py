"""Whisper through faster-whisper on CTranslate2 (https://github.com/SYSTRAN/faster-whisper)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from faster_whisper import WhisperModel

from asr_service.audio import Samples
from asr_service.transcriber import DecodingTask, Phrase, Word

__all__ = ["FasterWhisper"]

_TEMPERATURES = (0.0, 0.4, 0.8)
"""The first is deterministic; the others are tried when its text is improbable or repeats. Whisper's six steps cost up to
six decodings of a hopeless chunk."""


class FasterWhisper:
    """A Whisper model in CTranslate2's format; decodes one chunk at a time."""

    def __init__(self, folder: Path, *, device: str, compute_type: str, threads: int, beam_size: int) -> None:
        """Loads the model from its folder."""
        self._model = WhisperModel(
            str(folder), device=device, compute_type=compute_type, cpu_threads=threads, local_files_only=True
        )
        self._beam_size = beam_size
        self._device = device

    @property
    def device(self) -> str:
        """Hardware that the model runs on."""
        return self._device

    @property
    def languages(self) -> frozenset[str]:
        """Languages as ISO 639-1 codes (a few that have none carry longer ones, as in Whisper)."""
        return frozenset(self._model.supported_languages)

    def decode(self, audio: Samples, task: DecodingTask) -> list[Phrase]:
        """Decodes up to 30 seconds; see `SpeechModel`."""
        options: dict[str, Any] = {"repetition_penalty": 1.1, "no_repeat_ngram_size": 4} if task.careful else {}
        segments, info = self._model.transcribe(
            audio,
            language=task.language,
            beam_size=1 if task.fast else self._beam_size,
            temperature=_TEMPERATURES[:1] if task.fast else _TEMPERATURES,
            # Text of the chunk before drags its errors and loops along.
            condition_on_previous_text=False,
            # Tokens for times make Whisper base worse at words (measured: 1 to 7 points of WER on distant speech); the
            # times of words come from its attention.
            without_timestamps=True,
            hotwords=", ".join(task.hot_words) or None,
            word_timestamps=True,
            vad_filter=False,
            **options,
        )
        return [
            Phrase(
                words=tuple(_whole_words(segment.words or ())),
                language=info.language,
                language_probability=info.language_probability,
                no_speech=segment.no_speech_prob,
                log_probability=segment.avg_logprob,
            )
            for segment in segments
        ]


def _whole_words(pieces: Iterable[Any]) -> list[Word]:
    """Words as people write them: a piece that Whisper begins without a space ("-то", "25" after "2,") belongs to the one
    before it.
    """
    words: list[Word] = []
    for piece in pieces:
        text = piece.word.strip()
        confidence = min(max(piece.probability, 0.0), 1.0)
        if not text:
            continue
        # In some languages a piece never begins with a space; there each piece stays a word of its own.
        glued = words and not piece.word.startswith(" ") and (text[0] in "-'’%.,:/" or words[-1].text[-1] in "-'’.,:/")
        if glued:
            last = words[-1]
            words[-1] = Word(last.text + text, last.start, piece.end, min(last.confidence, confidence))
        else:
            words.append(Word(text, piece.start, piece.end, confidence))
    return words
