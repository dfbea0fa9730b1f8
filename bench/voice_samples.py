"""Speech of many people in several channels, as embeddings of pieces of 1.45 s: what `fit_voices.py` fits on.

A folder of speech holds one folder for each speaker, or files named `<speaker>-….flac`. Every file is heard as it is, by telephone, and
either across a room or by a poor microphone; all of that is made from the clean recording with fixed seeds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from scipy import signal

from asr_service.audio import SAMPLE_RATE, Recording, decode_file
from asr_service.embedding import VoiceEncoder

PIECE = 143
"""Frames of 10 ms: 1.45 s, as in diarization."""
LONGEST = 11.6
"""Seconds of each file that are used."""
SUFFIXES = {".flac", ".wav", ".mp3", ".ogg", ".opus", ".m4a"}


@dataclass(frozen=True)
class Heard:
    """One file in one channel."""

    speaker: str
    file: str
    channel: str
    pieces: np.ndarray
    """Unit embeddings [pieces, 192]."""


def read(path: Path, scratch: Path) -> np.ndarray:
    with Recording(scratch / f"{path.stem}.pcm") as recording:
        list(decode_file(path, recording))
        return recording.read(0, int(LONGEST * SAMPLE_RATE))


def telephone(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """300 to 3,400 Hz at 8 kHz, mu-law of 8 bits, another level."""
    narrow = signal.resample_poly(clean, 1, 2)
    narrow = signal.sosfilt(signal.butter(4, [300, 3400], "band", fs=8000, output="sos"), narrow)
    narrow = narrow / max(np.abs(narrow).max(), 1e-6)
    coded = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log1p(255) * 127) / 127
    narrow = np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(255)) / 255
    return signal.resample_poly(narrow, 2, 1) * 10 ** (rng.uniform(-20, 0) / 20)


def room(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A reverberation of 0.3 to 0.8 s and a low noise at 8 to 20 dB."""
    length = int(rng.uniform(0.3, 0.8) * SAMPLE_RATE)
    echo = rng.normal(size=length) * np.exp(-6.9 * np.arange(length) / length)
    echo[0] = 0
    echo *= rng.uniform(0.7, 1.5) / np.sqrt((echo**2).sum())
    echo[0] = 1
    wet = signal.fftconvolve(clean, echo)[: len(clean)]
    wet = wet / max(np.abs(wet).max(), 1e-6) * 0.3
    noise = signal.lfilter([1], [1, -0.95], rng.normal(size=len(wet)))
    return wet + noise * np.sqrt((wet**2).mean() / (noise**2).mean()) * 10 ** (-rng.uniform(8, 20) / 20)


def microphone(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A tilted response that ends at 4 to 6.5 kHz, white noise at 15 to 30 dB, another level."""
    tilted = signal.lfilter([1, rng.uniform(-0.6, 0.6)], [1], clean)
    dull = signal.sosfilt(signal.butter(6, rng.uniform(4000, 6500), fs=SAMPLE_RATE, output="sos"), tilted)
    dull = dull + rng.normal(size=len(dull)) * np.sqrt((dull**2).mean()) * 10 ** (-rng.uniform(15, 30) / 20)
    return dull / max(np.abs(dull).max(), 1e-6) * rng.uniform(0.05, 0.9)


def embed(encoder: VoiceEncoder, audio: np.ndarray) -> np.ndarray:
    features = encoder.features(audio.astype(np.float32))
    pieces = [features[first : first + PIECE] for first in range(0, len(features) - PIECE + 1, PIECE)]
    loud = [piece.mean() for piece in pieces]
    return encoder.embed([p for p, level in zip(pieces, loud, strict=True) if level > np.percentile(loud, 90) - 4])


def speaker_of(path: Path, root: Path) -> str:
    return path.parent.name if path.parent != root else path.stem.split("-")[0]


def load(folders: Sequence[Path], encoder: VoiceEncoder, cache: Path) -> Iterator[Heard]:
    """All files in all channels; embeddings are kept in `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    for root in folders:
        for number, path in enumerate(sorted(p for p in root.rglob("*") if p.suffix in SUFFIXES)):
            kept = cache / f"{sha256(str(path.relative_to(root.parent)).encode()).hexdigest()[:24]}.npz"
            if not kept.is_file():
                rng = np.random.default_rng(int(kept.stem[:8], 16))
                clean = read(path, cache)
                third = ("room", room) if number % 2 else ("microphone", microphone)
                channels = (("clean", lambda x, _: x), ("telephone", telephone), third)
                made: dict[str, Any] = {name: embed(encoder, change(clean, rng)) for name, change in channels}
                np.savez(kept, **made)
            with np.load(kept) as stored:
                for channel in stored.files:
                    yield Heard(speaker_of(path, root), path.name, channel, stored[channel])
