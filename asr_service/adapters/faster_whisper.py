"""Whisper through faster-whisper 1.2 on CTranslate2 (https://github.com/SYSTRAN/faster-whisper).

The parts of `WhisperModel` are used instead of its `transcribe`: that goes on behind the last word of a chunk and invents
words in the rest of it (its windows are meant to overlap, ours are whole), and encodes again for each try.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import TranscriptionOptions, get_suppressed_tokens

from asr_service.audio import Samples
from asr_service.transcriber import DecodingTask, Phrase, Word

__all__ = ["FasterWhisper"]

_TEMPERATURES = [0.0, 0.4, 0.8]
"""The first is deterministic; the others are tried when its text is improbable or repeats. Whisper's six steps cost up to
six decodings of a hopeless chunk."""
_NO_SPEECH = 0.6
_LOG_PROBABILITY = -1.0
"""Whisper's own limits: below both, the window holds no speech."""
_BEFORE_WORD, _AFTER_WORD = "\"'“¿([{-«", "\"'.。,，!！?？:：”)]}、»…"


class FasterWhisper:
    """A Whisper model in CTranslate2's format; decodes one chunk at a time."""

    def __init__(self, folder: Path, *, device: str, compute_type: str, threads: int, beam_size: int) -> None:
        """Loads the model from its folder."""
        self._model: Any = WhisperModel(
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
        model = self._model
        features = model.feature_extractor(audio)
        frames = min(features.shape[-1] - 1, model.feature_extractor.nb_max_frames)
        if frames <= 0:
            return []
        encoded = model.encode(pad_or_trim(features[:, :frames]))
        language, probability = task.language or "en", 1.0
        if task.language is None and model.model.is_multilingual:
            token, probability = model.model.detect_language(encoded)[0][0]
            language = token[2:-2]
        tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
        options = self._options(tokenizer, task)
        # Tokens for times make Whisper base worse at words (measured: several points of WER on distant speech); the times
        # of words come from its attention.
        prompt = model.get_prompt(tokenizer, [], without_timestamps=True, hotwords=options.hotwords)
        result, log_probability, _, _ = model.generate_with_fallback(encoded, prompt, tokenizer, options)
        if result.no_speech_prob > _NO_SPEECH and log_probability < _LOG_PROBABILITY:
            return []
        segment = {"seek": 0, "start": 0.0, "end": frames / 100, "tokens": result.sequences_ids[0]}
        model.add_word_timestamps([[segment]], tokenizer, encoded, frames, _BEFORE_WORD, _AFTER_WORD, 0.0)
        words = tuple(_whole_words(segment.get("words", ())))
        if not words:
            return []
        return [Phrase(words, language, float(probability), float(result.no_speech_prob), float(log_probability))]

    def _options(self, tokenizer: Tokenizer, task: DecodingTask) -> TranscriptionOptions:
        return TranscriptionOptions(
            beam_size=1 if task.fast else self._beam_size,
            best_of=3,
            patience=1,
            length_penalty=1,
            repetition_penalty=1.1 if task.careful else 1,
            no_repeat_ngram_size=4 if task.careful else 0,
            log_prob_threshold=_LOG_PROBABILITY,
            no_speech_threshold=_NO_SPEECH,
            compression_ratio_threshold=2.4,
            # Text of the chunk before drags its errors and loops along.
            condition_on_previous_text=False,
            prompt_reset_on_temperature=0.5,
            temperatures=_TEMPERATURES[:1] if task.fast else _TEMPERATURES,
            initial_prompt=None,
            prefix=None,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            without_timestamps=True,
            max_initial_timestamp=1.0,
            word_timestamps=True,
            prepend_punctuations=_BEFORE_WORD,
            append_punctuations=_AFTER_WORD,
            multilingual=False,
            max_new_tokens=None,
            clip_timestamps=[],
            hallucination_silence_threshold=None,
            hotwords=", ".join(task.hot_words) or None,
        )


def _whole_words(pieces: Iterable[dict[str, Any]]) -> list[Word]:
    """Words as people write them; a piece that Whisper begins without a space ("-то") belongs to the one before it."""
    words: list[Word] = []
    for piece in pieces:
        text = piece["word"].strip()
        confidence = min(max(float(piece["probability"]), 0.0), 1.0)
        if not text:
            continue
        # In some languages a piece never begins with a space; there each piece stays a word of its own.
        inside = text[0] in "-'’%.,:/" or (bool(words) and words[-1].text[-1] in "-'’.,:/")
        if words and not piece["word"].startswith(" ") and inside:
            last = words[-1]
            words[-1] = Word(last.text + text, last.start, float(piece["end"]), min(last.confidence, confidence))
        else:
            words.append(Word(text, float(piece["start"]), float(piece["end"]), confidence))
    return words
