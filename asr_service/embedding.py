"""Voice embeddings: CAM++ (https://github.com/modelscope/3D-Speaker, zh-en, 192 numbers) over 80-bin filter banks."""

from collections.abc import Sequence
from pathlib import Path

import kaldi_native_fbank
import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, Samples
from asr_service.onnx import open_session

__all__ = ["DIMENSION", "HOP", "VoiceEncoder"]

DIMENSION = 192
HOP = SAMPLE_RATE // 100
"""Samples between two feature frames (10 ms)."""

_BATCH = 32


class VoiceEncoder:
    """The loaded model."""

    def __init__(self, folder: Path, threads: int = 1, device: str = "cpu") -> None:
        """Loads `model.onnx` from the model's folder."""
        self._session = open_session(folder / "model.onnx", threads, device)
        self._options = kaldi_native_fbank.FbankOptions()
        self._options.frame_opts.samp_freq = SAMPLE_RATE
        self._options.frame_opts.dither = 0.0
        self._options.frame_opts.snip_edges = True
        self._options.mel_opts.num_bins = 80

    def features(self, audio: Samples) -> NDArray[np.float32]:
        """Filter banks [frames of 10 ms, 80] of a stretch; empty below 25 ms."""
        bank = kaldi_native_fbank.OnlineFbank(self._options)
        bank.accept_waveform(SAMPLE_RATE, audio)
        bank.input_finished()
        if bank.num_frames_ready == 0:
            return np.zeros((0, 80), dtype=np.float32)
        return np.stack([bank.get_frame(index) for index in range(bank.num_frames_ready)])

    def embed(self, pieces: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Unit vectors [pieces, 192] of features [frames, 80]; pieces of one length share a call."""
        vectors = np.zeros((len(pieces), DIMENSION), dtype=np.float32)
        by_length: dict[int, list[int]] = {}
        for index, piece in enumerate(pieces):
            by_length.setdefault(len(piece), []).append(index)
        for indexes in by_length.values():
            for first in range(0, len(indexes), _BATCH):
                chosen = indexes[first : first + _BATCH]
                batch = np.stack([pieces[index] for index in chosen])
                # The model was trained on features without their mean over time.
                batch = batch - batch.mean(axis=1, keepdims=True)
                (output,) = self._session.run(None, {"fbank": batch})
                vectors[chosen] = output
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)
