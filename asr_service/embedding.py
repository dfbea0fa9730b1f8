"""Voice embeddings: CAM++ (https://github.com/modelscope/3D-Speaker, zh-en, 192 numbers) over 80-bin filter banks."""

from collections.abc import Sequence
from pathlib import Path

import kaldi_native_fbank
import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, Samples
from asr_service.onnx import open_session

__all__ = ["DIMENSION", "HOP", "VoiceEncoder", "is_narrow"]

DIMENSION = 192
HOP = SAMPLE_RATE // 100
"""Samples between two feature frames (10 ms)."""

_BATCH = 32
_HEARD_BY_TELEPHONE = slice(40, 57)
"""Filter banks from 1.8 to 3.5 kHz."""
_LOST_BY_TELEPHONE = slice(64, 80)
"""Filter banks from 4.6 kHz on."""
_NARROW = -4.0
"""Natural logarithm of the power in the second over that in the first: speech of a whole band has a median of -3.0 to 1 (rooms, good and
poor microphones), of 8 kHz -10.4 to -4.6, its noise included."""


class VoiceEncoder:
    """The loaded model."""

    def __init__(self, folder: Path, threads: int = 1, device: str = "cpu") -> None:
        """Loads `model.onnx` from the model's folder."""
        self._session = open_session(folder / "model.onnx", threads, device)

    @staticmethod
    def features(audio: Samples) -> NDArray[np.float32]:
        """Filter banks [frames of 10 ms, 80] of a stretch; empty below 25 ms."""
        options = kaldi_native_fbank.FbankOptions()
        options.frame_opts.samp_freq = SAMPLE_RATE
        options.frame_opts.dither = 0.0
        options.frame_opts.snip_edges = True
        options.mel_opts.num_bins = 80
        bank = kaldi_native_fbank.OnlineFbank(options)
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


def is_narrow(features: NDArray[np.float32]) -> bool:
    """Whether speech with these filter banks [frames, 80] came through 8 kHz: its louder half has nothing above 4 kHz."""
    level = features[:, : _HEARD_BY_TELEPHONE.stop].mean(axis=1)
    power = np.exp(features[level >= np.median(level)].astype(np.float64))
    return bool(np.log(power[:, _LOST_BY_TELEPHONE].mean() / power[:, _HEARD_BY_TELEPHONE].mean()) < _NARROW)
