"""Which speakers of a recording are enrolled people, with a calibrated probability; who is nobody enrolled stays unknown.

1. One person's embeddings differ from one channel to another (telephone, room, microphone) mostly along few directions, more than two
   people's do: two strangers on the telephone have a cosine of 0.37, two on a good microphone one of 0.06. Embeddings are centred, and
   these directions damped as far as the spread within people demands (within-class covariance normalisation, Hatch et al. 2006).
2. A cosine is set against what the same speaker scores with other enrolled people, and what other speakers of the recording score with
   the same person (symmetric score normalisation, as far as there are others), and against how much speech stands behind both.
3. A logistic model makes log-odds of it, and these compete: a speaker is one of the enrolled people, or nobody of them.
4. Every person is at most one speaker (Hungarian), and only a probability above the threshold makes a match.

The numbers are fitted by `bench/fit_voices.py` and lie in `identification.json`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from asr_service.diarization import Diarization

__all__ = [
    "FEATURES",
    "Calibration",
    "EnrolledVoice",
    "VoiceMatch",
    "built_in",
    "identify",
    "pair_features",
    "parse",
    "probabilities",
    "seconds_of",
]

FEATURES = ("constant", "cosine", "over_people", "over_speakers", "shortness", "cosine_shortness")
"""Of a pair of a speaker and a person, in the order of `Calibration.weights`."""
_OTHERS = 2.0
"""How many others the expected score of strangers counts for in score normalisation: with few others it decides."""
_LEAST_SECONDS = 0.5
_LEAST_NAMED = 1.45
"""Seconds of speech below which nobody is named: the probabilities were fitted from there on, and below they are far too sure (0.5 s of
one person were another with 0.997)."""
_FILE = Path(__file__).with_name("identification.json")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class EnrolledVoice:
    """A person's voice as it is compared."""

    person_id: str
    vector: NDArray[np.float32]
    """Unit embedding [192]."""
    seconds: float
    """Speech that it was learned from."""

    def __repr__(self) -> str:
        # An embedding is personal data and must not come into a log by way of a message.
        return f"EnrolledVoice({self.person_id!r}, {self.seconds:.1f} s)"


@dataclass(frozen=True)
class VoiceMatch:
    """A speaker who is an enrolled person."""

    speaker: int
    """Number of the speaker, from 0."""
    person_id: str
    confidence: float
    """Probability from 0 to 1 that it is this person."""


@dataclass(frozen=True)
class Calibration:
    """The fitted numbers for one embedding model."""

    mean: Floats
    """Mean embedding of many people [192]."""
    directions: Floats
    """Unit directions in which channels differ [k, 192]."""
    damping: Floats
    """What stays of each direction [k], from 0 to 1."""
    stranger: float
    """Mean cosine of two different people after damping."""
    weights: Floats
    """Of `FEATURES`, in the log-odds before they compete."""

    def compensated(self, vectors: NDArray[np.float32]) -> Floats:
        """Unit vectors [n, 192] with the channel's share damped."""
        centred = np.asarray(vectors, dtype=np.float64) - self.mean
        centred -= ((centred @ self.directions.T) * (1 - self.damping)) @ self.directions
        return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9))


@cache
def built_in() -> Calibration:
    """The calibration that comes with the service."""
    return parse(json.loads(_FILE.read_text(encoding="utf-8")))


def parse(values: Mapping[str, Any]) -> Calibration:
    """The calibration of a parsed `identification.json`; KeyError where a number is missing."""
    return Calibration(
        mean=np.asarray(values["mean"], dtype=np.float64),
        directions=np.asarray(values["directions"], dtype=np.float64),
        damping=np.asarray(values["damping"], dtype=np.float64),
        stranger=float(values["stranger"]),
        weights=np.array([float(values["weights"][name]) for name in FEATURES]),
    )


def identify(
    voices: NDArray[np.float32],
    seconds: Sequence[float] | NDArray[np.float64],
    enrolled: Sequence[EnrolledVoice],
    threshold: float = 0.9,
    calibration: Calibration | None = None,
) -> tuple[VoiceMatch, ...]:
    """The speakers who are enrolled people, in order of the speaker.

    Args:
        voices: Unit embedding of each speaker of the recording [speakers, 192].
        seconds: Speech behind each of them [speakers].
        enrolled: Who is known; one entry for a person.
        threshold: Probability from which a speaker is named.
        calibration: Fitted numbers; the built-in ones where it is None.
    """
    if len(voices) == 0 or not enrolled:
        return ()
    # A live recording may have numbers that nobody has any more, and who said one word must not take a name from who said more.
    present = np.flatnonzero(voices.any(axis=1) & (np.asarray(seconds) >= _LEAST_NAMED))
    if len(present) < len(voices):
        found = identify(voices[present], np.asarray(seconds)[present], enrolled, threshold, calibration)
        return tuple(replace(match, speaker=int(present[match.speaker])) for match in found)
    people = np.stack([voice.vector for voice in enrolled])
    spoken = np.array([voice.seconds for voice in enrolled])
    sure = probabilities(voices, np.asarray(seconds, dtype=np.float64), people, spoken, calibration or built_in())
    matches = [
        VoiceMatch(int(speaker), enrolled[person].person_id, float(sure[speaker, person]))
        for speaker, person in zip(*linear_sum_assignment(sure, maximize=True), strict=True)
        if sure[speaker, person] >= threshold
    ]
    return tuple(sorted(matches, key=lambda match: match.speaker))


def probabilities(
    voices: NDArray[np.float32],
    seconds: Floats,
    people: NDArray[np.float32],
    spoken: Floats,
    calibration: Calibration,
) -> Floats:
    """How probably each speaker is each person [speakers, people]; what a row lacks to 1 is nobody of them."""
    table = pair_features(voices, seconds, people, spoken, calibration)
    # Who is enrolled shares one prior: the more people, the less probable is each before anything was heard.
    odds = table @ calibration.weights - np.log(len(people))
    highest = np.maximum(odds.max(axis=1, keepdims=True), 0.0)
    shares = np.exp(odds - highest)
    return np.asarray(shares / (np.exp(-highest) + shares.sum(axis=1, keepdims=True)))


def pair_features(
    voices: NDArray[np.float32],
    seconds: Floats,
    people: NDArray[np.float32],
    spoken: Floats,
    calibration: Calibration,
) -> Floats:
    """`FEATURES` of each speaker with each person [speakers, people, features].

    `voices` [speakers, 192] have `seconds` [speakers] of speech behind them, `people` [people, 192] have `spoken` [people].
    """
    cosine = calibration.compensated(voices) @ calibration.compensated(people).T
    expected = _OTHERS * calibration.stranger
    over_people = cosine - (expected + cosine.sum(axis=1, keepdims=True) - cosine) / (_OTHERS + cosine.shape[1] - 1)
    over_speakers = cosine - (expected + cosine.sum(axis=0, keepdims=True) - cosine) / (_OTHERS + cosine.shape[0] - 1)
    shortness = np.sqrt(
        1 / np.maximum(seconds, _LEAST_SECONDS)[:, None] + 1 / np.maximum(spoken, _LEAST_SECONDS)[None, :]
    )
    return np.stack([np.ones_like(cosine), cosine, over_people, over_speakers, shortness, cosine * shortness], axis=2)


def seconds_of(diarization: Diarization) -> Floats:
    """Speech of each speaker in seconds [speakers], 0 for a number that nobody has."""
    seconds = np.zeros(len(diarization.voices))
    for span in diarization.spans:
        seconds[span.speaker] += span.end - span.start
    return seconds
