"""GigaAM v3 for Russian (https://github.com/salute-developers/GigaAM) in onnxruntime, decoded by onnx-asr.

The family has CTC and RNN-T heads, each plain (lower case, no punctuation, fewest errors) or "e2e" (punctuation, capital
letters, numbers as digits). All of them decode greedily and know no prompt: hot words change nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_asr
from onnx_asr.utils import ModelLoadingError

from asr_service.audio import SAMPLE_RATE, Samples
from asr_service.errors import EngineMissing
from asr_service.onnx import providers_of, resolve_device, session_options
from asr_service.transcriber import DecodingTask, Phrase, Word

__all__ = ["LONGEST_SECONDS", "GigaAm", "words_of"]

LONGEST_SECONDS = 25.0
"""What the model takes in one call; it was trained on no more."""
_FRAME_SECONDS = 0.04
"""Distance of two frames of the encoder."""
_TAIL_SECONDS = 0.12
"""A token's time is where the model becomes sure of it; this much of its sound may follow."""
_SHORTEST = SAMPLE_RATE // 10
"""Samples; below, there is not one whole word."""
_HOP = SAMPLE_RATE // 50


class GigaAm:
    """A GigaAM model; decodes one chunk at a time."""

    def __init__(self, folder: Path, *, device: str, threads: int) -> None:
        """Loads the model from its folder, which carries the name that onnx-asr has for it, such as `gigaam-v3-e2e-rnnt`.

        Raises:
            DeviceMissing: `device` is `cuda` and cannot be had.
            EngineMissing: The folder does not hold the files of such a model.
        """
        self._device = resolve_device(device, onnx_only=True)
        quantized = any(folder.glob("*.int8.onnx"))
        try:
            model = onnx_asr.load_model(
                folder.name,
                folder,
                quantization="int8" if quantized else None,
                sess_options=session_options(threads),
                providers=providers_of(self._device),
                resampler_config={"sess_options": session_options(1), "providers": providers_of("cpu")},
            )
        except ModelLoadingError as error:
            raise EngineMissing(
                f"The folder {folder} holds no GigaAM model that can be read: {error}. "
                f"Get it again: planerka models pull --force {folder.name}"
            ) from error
        self._model: Any = model.with_timestamps()

    @property
    def device(self) -> str:
        """Hardware that the model runs on."""
        return self._device

    @property
    def languages(self) -> frozenset[str]:
        """Russian only."""
        return frozenset({"ru"})

    def decode_many(self, windows: Sequence[tuple[Samples, DecodingTask]]) -> list[list[Phrase]]:
        """One after another: the model has no batches."""
        return [self.decode(audio, task) for audio, task in windows]

    def decode(self, audio: Samples, task: DecodingTask) -> list[Phrase]:
        """Decodes up to 30 seconds, in two pieces where that is too long for one; see `SpeechModel`."""
        del task
        words: list[Word] = []
        scores: list[float] = []
        start = 0
        for piece in _pieces(audio):
            if len(piece) >= _SHORTEST:
                result = self._model.recognize(piece, sample_rate=SAMPLE_RATE)
                offset = start / SAMPLE_RATE
                words += words_of(
                    result.tokens, result.timestamps, result.logprobs, offset, offset + len(piece) / SAMPLE_RATE
                )
                scores += result.logprobs
            start += len(piece)
        if not words:
            return []
        return [Phrase(tuple(words), "ru", 1.0, 0.0, float(np.mean(scores)))]


def words_of(
    tokens: Sequence[str], times: Sequence[float], log_probabilities: Sequence[float], start: float, end: float
) -> list[Word]:
    """Words of tokens, of which those that begin a word begin with a space.

    `times` are seconds since `start`; `start` and `end` are those of the piece in the chunk. A word's confidence is the
    geometric mean of its tokens' probabilities.
    """
    groups: list[list[int]] = []
    for index, token in enumerate(tokens):
        if token.startswith(" ") or not groups:
            groups.append([])
        if token.strip():
            groups[-1].append(index)
    groups = [group for group in groups if group]
    words = []
    for place, group in enumerate(groups):
        first = start + times[group[0]]
        limit = start + times[groups[place + 1][0]] if place + 1 < len(groups) else end
        last = min(start + times[group[-1]] + _FRAME_SECONDS + _TAIL_SECONDS, max(limit, first + _FRAME_SECONDS))
        confidence = float(np.exp(np.mean([log_probabilities[index] for index in group])))
        text = "".join(tokens[index] for index in group).strip()
        words.append(Word(text, first, min(last, end), min(max(confidence, 0.0), 1.0), "ru"))
    return words


def _pieces(audio: Samples) -> list[Samples]:
    """The audio, cut in the quietest place of its middle third where it is too long."""
    if len(audio) <= LONGEST_SECONDS * SAMPLE_RATE:
        return [audio]
    frames = len(audio) // _HOP
    power = np.square(audio[: frames * _HOP].reshape(frames, _HOP)).mean(axis=1)
    smooth = np.convolve(power, np.full(5, 0.2, dtype=np.float32), "same")
    low = frames // 3
    cut = (low + int(np.argmin(smooth[low : 2 * frames // 3]))) * _HOP
    return [*_pieces(audio[:cut]), *_pieces(audio[cut:])]
