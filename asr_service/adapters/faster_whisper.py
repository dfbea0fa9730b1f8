"""Whisper through faster-whisper 1.2 on CTranslate2 (https://github.com/SYSTRAN/faster-whisper).

The parts of `WhisperModel` are used instead of its `transcribe`, for four reasons: that goes on behind the last word of a chunk
and invents words in the rest of it; it always encodes 30 s, where the encoder's time grows faster than the length of its input
(10 s cost a quarter of 30 s); it decodes one recording at a time, where four windows in one batch cost about as much as two;
and its fallback draws random samples, where equal audio has to give equal words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2 import StorageView
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens
from numpy.typing import NDArray

from asr_service.audio import Samples
from asr_service.transcriber import DecodingTask, Phrase, Word

__all__ = ["FasterWhisper"]

_NO_SPEECH = 0.6
_LOG_PROBABILITY = -1.0
"""Whisper's own limits: below both, the window holds no speech."""
_BEFORE_WORD, _AFTER_WORD = "\"'“¿([{-«", "\"'.。,，!！?？:：”)]}、»…"
_SHORTEST, _LONGEST, _GRAIN = 1000, 3000, 200
"""Lengths of the encoder's input in frames of 10 ms. Below 10 s the model loops often; equal lengths can share a batch."""
_ROOM = 100
"""Frames of silence behind the audio: a window that is full to its last frame makes the model go on with what it said."""
_SURE = 0.7
"""Probability from which a language needs no support."""
_PROMPT_TOKENS = 96
_HOT_WORD_TOKENS = 96
_TOKENS_PER_SECOND, _MORE_TOKENS = 12, 24
"""More than fast Russian needs; a loop ends there instead of at Whisper's limit of 448 tokens."""


@dataclass(frozen=True)
class _Try:
    """One decoding of one window."""

    tokens: list[int]
    log_probability: float
    no_speech: float

    @property
    def silent(self) -> bool:
        return self.no_speech > _NO_SPEECH and self.log_probability < _LOG_PROBABILITY


class FasterWhisper:
    """A Whisper model in CTranslate2's format."""

    def __init__(
        self, folder: Path, *, device: str, compute_type: str, threads: int, beam_size: int, likely: Sequence[str] = ()
    ) -> None:
        """Loads the model from its folder; a doubtful guess at the language goes to one of the `likely` ones."""
        self._model: Any = WhisperModel(
            str(folder), device=device, compute_type=compute_type, cpu_threads=threads, local_files_only=True
        )
        self._beam_size = beam_size
        self._likely = frozenset(f"<|{language}|>" for language in likely)
        self._device = device
        self._tokenizers: dict[str, Tokenizer] = {}

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
        return self.decode_many([(audio, task)])[0]

    def decode_many(self, windows: Sequence[tuple[Samples, DecodingTask]]) -> list[list[Phrase]]:
        """Decodes several windows; those of one length, language and care share their calls of the model."""
        features = [self._features(audio) for audio, _ in windows]
        phrases: list[list[Phrase]] = [[] for _ in windows]
        groups: dict[tuple[int, int, bool], list[int]] = {}
        for index, ((_, task), frames) in enumerate(zip(windows, features, strict=True)):
            if frames.shape[1] > 0:
                # The whole 30 s make loops rarer, so the second try gets them.
                least = _LONGEST if task.careful else max(frames.shape[1] + _ROOM, _SHORTEST)
                size = min(-(-least // _GRAIN) * _GRAIN, _LONGEST)
                groups.setdefault((size, self._beam(task), task.careful), []).append(index)
        for (size, _, _), indexes in groups.items():
            self._decode_group(size, indexes, windows, features, phrases)
        return phrases

    def _beam(self, task: DecodingTask) -> int:
        return 1 if task.fast else min(task.beam or self._beam_size, self._beam_size)

    def detect_language(self, audio: Samples) -> tuple[str, float]:
        """The most probable language of up to 30 seconds, and its probability; `en` and 1.0 from an English-only model."""
        features = self._features(audio)
        return self._languages(self._encode([features], _LONGEST), [DecodingTask(None)])[0]

    def _features(self, audio: Samples) -> NDArray[np.float32]:
        """The log-mel spectrogram [mels, frames of 10 ms]."""
        features = self._model.feature_extractor(audio)
        return np.asarray(features[:, : min(features.shape[1] - 1, _LONGEST)], dtype=np.float32)

    def _encode(self, features: Sequence[NDArray[np.float32]], size: int) -> StorageView:
        # Silence is the least value of the spectrogram, not zero, which is faster-whisper's padding.
        batch = np.stack([np.full((part.shape[0], size), part.min(), dtype=np.float32) for part in features])
        for row, part in zip(batch, features, strict=True):
            row[:, : part.shape[1]] = part
        # Rows of a batch may go on separately, and only the processor's memory can be cut into rows.
        return self._model.model.encode(StorageView.from_array(np.ascontiguousarray(batch)), to_cpu=len(batch) > 1)

    def _languages(self, encoded: StorageView, tasks: Sequence[DecodingTask]) -> list[tuple[str, float]]:
        if all(task.language for task in tasks) or not self._model.model.is_multilingual:
            return [(task.language or "en", 1.0) for task in tasks]
        detected = self._model.model.detect_language(encoded)
        return [
            (task.language, 1.0) if task.language else self._guess(ranked)
            for task, ranked in zip(tasks, detected, strict=True)
        ]

    def _guess(self, ranked: Sequence[tuple[str, float]]) -> tuple[str, float]:
        """The first language, or the first likely one where that is doubtful; some seconds of an accent may look like any."""
        token, probability = ranked[0]
        if probability < _SURE:
            token, probability = next((pair for pair in ranked if pair[0] in self._likely), ranked[0])
        return token[2:-2], float(probability)

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            multilingual = self._model.model.is_multilingual
            self._tokenizers[language] = Tokenizer(
                self._model.hf_tokenizer, multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]

    def _decode_group(
        self,
        size: int,
        indexes: Sequence[int],
        windows: Sequence[tuple[Samples, DecodingTask]],
        features: Sequence[NDArray[np.float32]],
        phrases: list[list[Phrase]],
    ) -> None:
        tasks = [windows[index][1] for index in indexes]
        frames = [features[index].shape[1] for index in indexes]
        encoded = self._encode([features[index] for index in indexes], size)
        languages = self._languages(encoded, tasks)
        # CTranslate2 decodes rows together whose prompts are equally long before the transcript's first token.
        alike: dict[tuple[str, int], list[int]] = {}
        for row, (task, (language, _)) in enumerate(zip(tasks, languages, strict=True)):
            before = len(self._before(self._tokenizer(language), task))
            alike.setdefault((language, before), []).append(row)
        for (language, _), rows in alike.items():
            tokenizer = self._tokenizer(language)
            part = _rows(encoded, rows, len(indexes))
            tries = self._generate(part, tokenizer, [tasks[row] for row in rows], size)
            spoken = [place for place, attempt in enumerate(tries) if attempt.tokens and not attempt.silent]
            if not spoken:
                continue
            segments = [
                [{"seek": 0, "start": 0.0, "end": frames[rows[place]] / 100, "tokens": tries[place].tokens}]
                for place in spoken
            ]
            lengths = [frames[rows[place]] for place in spoken]
            self._model.add_word_timestamps(
                segments, tokenizer, _rows(part, spoken, len(rows)), lengths, _BEFORE_WORD, _AFTER_WORD, 0.0
            )
            for place, (segment,) in zip(spoken, segments, strict=True):
                words = tuple(_whole_words(segment.get("words", ())))
                attempt, probability = tries[place], languages[rows[place]][1]
                if words:
                    phrases[indexes[rows[place]]] = [
                        Phrase(words, language, probability, attempt.no_speech, attempt.log_probability)
                    ]

    def _generate(
        self, encoded: StorageView, tokenizer: Tokenizer, tasks: Sequence[DecodingTask], size: int
    ) -> list[_Try]:
        """The tokens of each window, those of its prefix included."""
        first = tasks[0]
        prefixes = [tokenizer.encode(" " + task.prefix) if task.prefix else [] for task in tasks]
        prompts = [
            [*self._before(tokenizer, task), *tokenizer.sot_sequence, tokenizer.no_timestamps, *prefix]
            for task, prefix in zip(tasks, prefixes, strict=True)
        ]
        # The same for each window alone and in a batch, whatever the others hold.
        most = len(self._before(tokenizer, first)) + size * _TOKENS_PER_SECOND // 100 + _MORE_TOKENS
        results = self._model.model.generate(
            encoded,
            prompts,
            beam_size=self._beam(first),
            repetition_penalty=1.1 if first.careful else 1,
            no_repeat_ngram_size=4 if first.careful else 0,
            max_length=min(most, 448),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
        )
        tries = []
        for result in results:
            # What stands behind the prompt's last special token counts as generated, so the prefix is among it.
            tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
            tries.append(_Try(tokens, float(result.scores[0]), float(result.no_speech_prob)))
        return tries

    def _before(self, tokenizer: Tokenizer, task: DecodingTask) -> list[int]:
        """Hot words and the text before the window, as Whisper was trained to get them."""
        hot = tokenizer.encode(" " + ", ".join(task.hot_words))[:_HOT_WORD_TOKENS] if task.hot_words else []
        before = tokenizer.encode(" " + task.prompt)[-_PROMPT_TOKENS:] if task.prompt else []
        return [tokenizer.sot_prev, *hot, *before] if hot or before else []


def _rows(encoded: StorageView, rows: Sequence[int], count: int) -> StorageView:
    """Some rows of a batch of `count`."""
    if len(rows) == count:
        return encoded
    return StorageView.from_array(np.ascontiguousarray(np.asarray(encoded)[list(rows)]))


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
