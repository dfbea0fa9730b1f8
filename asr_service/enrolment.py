"""Learning a voice from a sample of one person's speech."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, Recording, decode_file
from asr_service.clustering import SpeakerLimits
from asr_service.diarization import Diarization
from asr_service.engine import Engine
from asr_service.errors import SeveralVoices, TooLittleSpeech
from asr_service.identification import seconds_of
from asr_service.recognizer import speakers_of
from asr_service.vad import FRAME, VoiceActivity, detect_regions

__all__ = ["LARGEST_SAMPLE", "LONGEST_SAMPLE", "SHORTEST_SPEECH", "VoiceSample", "learn_voice"]

SHORTEST_SPEECH = 3.0
"""Seconds of speech that a voice needs."""
LONGEST_SAMPLE = 600.0
"""Seconds of audio; a longer file is a meeting by mistake."""
LARGEST_SAMPLE = 256 << 20
"""Bytes of the file."""
_FRAME_SECONDS = FRAME / SAMPLE_RATE
_SPEAKS = 0.5
"""Probability of voice activity from which a frame is speech."""
_ANOTHER_SECONDS = 1.5
_ANOTHER_SHARE = 0.1
"""A second voice counts from this many seconds and this share of the speech; less is a cough, a laugh or a door."""


@dataclass(frozen=True)
class VoiceSample:
    """What was learned."""

    vector: NDArray[np.float32]
    """Unit embedding [192]."""
    seconds: float
    """Speech behind it."""

    def __repr__(self) -> str:
        return f"VoiceSample({self.seconds:.1f} s)"


def learn_voice(engine: Engine, source: Path, target: Recording) -> Iterator[float | VoiceSample]:
    """Yields seconds done after each step, and last the `VoiceSample`; `target` gets the decoded audio.

    Raises:
        AudioUnusable: The file cannot be decoded, or is longer than `LONGEST_SAMPLE`; see `decode_file`.
        TooLittleSpeech: There are less than `SHORTEST_SPEECH` seconds of speech.
        SeveralVoices: More than one person speaks.
    """
    yield from decode_file(source, target, LONGEST_SAMPLE)
    voice: VoiceActivity | None = None
    for heard in detect_regions(engine.detector, target, engine.vad):
        if isinstance(heard, VoiceActivity):
            voice = heard
        else:
            yield heard
    assert voice is not None
    diarization = Diarization()
    for step in speakers_of(engine, target, voice, SpeakerLimits()):
        if isinstance(step, Diarization):
            diarization = step
        else:
            yield step
    # Silero knows speech from other sounds, segmentation leaves out the pauses.
    spoken = float((voice.probabilities >= _SPEAKS).sum()) * _FRAME_SECONDS
    yield _only_voice(diarization, spoken)


def _only_voice(diarization: Diarization, spoken: float) -> VoiceSample:
    seconds = seconds_of(diarization)
    total = float(seconds.sum())
    if min(total, spoken) < SHORTEST_SPEECH:
        raise TooLittleSpeech(min(total, spoken), SHORTEST_SPEECH)
    heard = int(((seconds >= _ANOTHER_SECONDS) & (seconds >= _ANOTHER_SHARE * total)).sum())
    if heard > 1:
        raise SeveralVoices(heard)
    main = int(seconds.argmax())
    return VoiceSample(diarization.voices[main], min(float(seconds[main]), spoken))
