"""Fit how voices are recognised and write `asr_service/identification.json`, with figures on people who were left out.

    python bench/fit_voices.py --speech DIR... --cache DIR [--write | --unseen CHANNEL]

The directions of channels come from the spread of one person's embeddings; the weights from made-up meetings: some of the speakers
are enrolled, with other speech and in another channel than the meeting's, others are not. Each fold's figures are of people of
whom neither was fitted.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from scipy.optimize import linear_sum_assignment, minimize

from asr_service import identification
from asr_service.embedding import VoiceEncoder
from asr_service.identification import FEATURES, Calibration, pair_features, probabilities
from bench.voice_samples import Heard, load
from mesh.paths import models_root
from models import Store

FOLDS = 5
DIRECTIONS = 24
SHRINKAGE = 0.1
PIECE_SECONDS = 1.45
LEAST = 4
"""Pieces that a file must have."""
RIDGE = 1e-5
SPLIT = 0.15
"""Share of meetings in which diarization took one speaker for two."""

People = dict[str, list[Heard]]


@dataclass
class Meeting:
    """A made-up one."""

    voices: np.ndarray
    seconds: np.ndarray
    people: np.ndarray
    spoken: np.ndarray
    truth: np.ndarray
    """Index of the person who speaks [speakers], -1 for nobody enrolled."""


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def channel_space(people: People) -> Calibration:
    """Mean and channel directions, each person counting alike."""
    samples = [np.stack([unit(h.pieces.mean(axis=0)) for h in heard]) for heard in people.values()]
    mean = np.mean([s.mean(axis=0) for s in samples], axis=0)
    within = np.mean([(s - s.mean(axis=0)).T @ (s - s.mean(axis=0)) / max(len(s) - 1, 1) for s in samples], axis=0)
    within = (1 - SHRINKAGE) * within + SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
    spread, axes = np.linalg.eigh(within)
    spread, axes = spread[::-1], axes[:, ::-1]
    rest = spread[DIRECTIONS:].mean()
    space = Calibration(mean, axes[:, :DIRECTIONS].T, np.sqrt(rest / spread[:DIRECTIONS]), 0.0, np.zeros(len(FEATURES)))
    centres = space.compensated(np.stack([s.mean(axis=0) for s in samples]))
    likeness = centres @ centres.T
    return replace(space, stranger=float(likeness[~np.eye(len(centres), dtype=bool)].mean()))


def meetings(people: People, count: int, seed: int) -> list[Meeting]:
    rng = np.random.default_rng(seed)
    names = sorted(people)
    made: list[Meeting] = []
    while len(made) < count:
        chosen = rng.permutation(names)
        present, absent = rng.integers(1, 6), rng.integers(0, 9)
        channel = rng.choice(["clean", "telephone", "room", "microphone"])
        enrolled = [n for n in chosen[:present] if rng.random() < 0.6] + list(chosen[present : present + absent])
        if not enrolled:
            continue
        enrolled = list(rng.permutation(enrolled))
        voices, seconds, truth, kept = [], [], [], {}
        for name in chosen[:present]:
            pair = split(people[name], channel, rng)
            if pair is None:
                continue
            heard, kept[name] = pair
            parts = np.array_split(heard, 2) if rng.random() < SPLIT and len(heard) > 3 else [heard]
            for part in parts:
                voices.append(unit(part.mean(axis=0)))
                seconds.append(len(part) * PIECE_SECONDS)
                truth.append(enrolled.index(name) if name in enrolled else -1)
        if not voices:
            continue
        samples = [kept[n] if n in kept else rng.choice(cast("Any", people[n])).pieces for n in enrolled]
        samples = [s[: rng.integers(3, max(len(s), 3) + 1)] for s in samples]
        made.append(
            Meeting(
                np.stack(voices),
                np.array(seconds),
                np.stack([unit(s.mean(axis=0)) for s in samples]),
                np.array([len(s) * PIECE_SECONDS for s in samples]),
                np.array(truth),
            )
        )
    return made


def split(heard: Sequence[Heard], channel: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """Pieces for the meeting in its channel, and others for the enrolment: of other files, else another channel's other half."""
    here = [h for h in heard if h.channel == channel]
    if not here:
        return None
    one = here[rng.integers(len(here))]
    files = [h for h in heard if h.file != one.file]
    if files:
        told = one.pieces
        # What a person says in a meeting comes to more than one file of a few seconds.
        for other in here:
            if other.file != one.file and rng.random() < 0.3:
                told = np.concatenate([told, other.pieces])
                files = [h for h in files if h.file != other.file] or files
        kept = files[rng.integers(len(files))].pieces
    else:
        others = [h for h in heard if h.channel != channel]
        half = len(one.pieces) // 2
        told, kept = one.pieces[:half], others[rng.integers(len(others))].pieces[half:]
    if len(told) == 0 or len(kept) == 0:
        return None
    return told[: rng.integers(1, len(told) + 1)], kept


def fit(made: Sequence[Meeting], space: Calibration) -> Calibration:
    """Conditional logit over the enrolled people and nobody."""
    tables = [pair_features(m.voices, m.seconds, m.people, m.spoken, space) for m in made]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope, rows = RIDGE * weights @ weights, 2 * RIDGE * weights, sum(len(m.truth) for m in made)
        for meeting, table in zip(made, tables, strict=True):
            odds = np.concatenate([np.zeros((len(table), 1)), table @ weights - np.log(table.shape[1])], axis=1)
            top = odds.max(axis=1, keepdims=True)
            shares = np.exp(odds - top)
            total = shares.sum(axis=1, keepdims=True)
            place = np.arange(len(table)), meeting.truth + 1
            value -= (odds[place] - top[:, 0] - np.log(total[:, 0])).sum() / rows
            excess = shares / total
            excess[place] -= 1
            slope = slope + np.einsum("sp,spf->f", excess[:, 1:], table) / rows
        return value, slope

    best = minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B").x
    return replace(space, weights=best)


def figures(made: Sequence[Meeting], calibration: Calibration, threshold: float) -> dict[str, float]:
    """Of speakers after the assignment, and of all probabilities of pairs for the calibration error."""
    right = wrong = missed = enrolled = strangers = named_strangers = 0
    sure, true = [], []
    for meeting in made:
        table = probabilities(meeting.voices, meeting.seconds, meeting.people, meeting.spoken, calibration)
        given = np.full(len(table), -1)
        for speaker, person in zip(*linear_sum_assignment(table, maximize=True), strict=True):
            if table[speaker, person] >= threshold:
                given[speaker] = person
        best = table.argmax(axis=1)
        sure += table.max(axis=1).tolist()
        true += (best == meeting.truth).tolist()
        known = meeting.truth >= 0
        # Of a speaker taken for two, one may stay without a name.
        split_up = np.array([(meeting.truth == t).sum() > 1 for t in meeting.truth])
        enrolled += int((known & ~split_up).sum())
        strangers += int((~known).sum())
        right += int((known & ~split_up & (given == meeting.truth)).sum())
        missed += int((known & ~split_up & (given < 0)).sum())
        wrong += int((known & (given >= 0) & (given != meeting.truth)).sum())
        named_strangers += int((~known & (given >= 0)).sum())
    return {
        "named_right": right / enrolled,
        "not_named": missed / enrolled,
        "named_as_another": wrong / enrolled,
        "stranger_named": named_strangers / strangers,
        "calibration_error": calibration_error(np.array(sure), np.array(true)),
    }


def calibration_error(sure: np.ndarray, true: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width."""
    place = np.minimum((sure * bins).astype(int), bins - 1)
    return float(
        sum(
            (place == b).mean() * abs(sure[place == b].mean() - true[place == b].mean())
            for b in range(bins)
            if (place == b).any()
        )
    )


def in_unseen(people: People, channel: str) -> tuple[People, People]:
    """People without a channel, and people in that one alone: the first half of a recording for the meeting, the second for enrolment."""
    without: People = {n: [h for h in heard if h.channel != channel] for n, heard in people.items()}
    alone: People = {}
    for name, heard in people.items():
        half = [(h, len(h.pieces) // 2) for h in heard if h.channel == channel and len(h.pieces) > 3]
        if half:
            (one, middle), *_ = half
            first, second = one.pieces[:middle], one.pieces[middle:]
            alone[name] = [Heard(name, "meeting", "clean", first), Heard(name, "sample", "room", second)]
    return {n: h for n, h in without.items() if len(h) > 1}, alone


def rounded(calibration: Calibration) -> dict[str, object]:
    return {
        "model": "campplus-zh-en-192",
        "stranger": round(calibration.stranger, 4),
        "weights": {n: round(float(w), 4) for n, w in zip(FEATURES, calibration.weights, strict=True)},
        "damping": [round(float(d), 4) for d in calibration.damping],
        "mean": [round(float(m), 4) for m in calibration.mean],
        "directions": [[round(float(v), 4) for v in row] for row in calibration.directions],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, nargs="+", required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument(
        "--meetings", type=int, default=1500, help="made-up meetings for the fit; a third for the figures"
    )
    parser.add_argument("--threshold", type=float, default=0.9)
    parser.add_argument(
        "--unseen", default="", help="fit without this channel, and tell how it goes when all is heard in it"
    )
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    encoder = VoiceEncoder(Store(models_root()).path("campplus-zh-en-192"))
    people: People = defaultdict(list)
    for heard in load(options.speech, encoder, options.cache):
        if len(heard.pieces) >= LEAST:
            people[heard.speaker].append(heard)
    people = {name: heard for name, heard in people.items() if len(heard) > 1}
    print(f"{len(people)} people, {sum(map(len, people.values()))} recordings in a channel")
    names = np.random.default_rng(7).permutation(sorted(people))
    if options.unseen:
        fitted, _ = in_unseen({n: people[n] for n in names[1::2]}, options.unseen)
        _, met = in_unseen({n: people[n] for n in names[::2]}, options.unseen)
        calibration = fit(meetings(fitted, options.meetings, 0), channel_space(fitted))
        for name, value in figures(meetings(met, options.meetings // 3, 100), calibration, options.threshold).items():
            print(f"{name}: {value:.4f}")
        return 0
    held_out: list[dict[str, float]] = []
    for fold in range(FOLDS):
        out = set(names[fold::FOLDS])
        inside = {n: h for n, h in people.items() if n not in out}
        outside = {n: h for n, h in people.items() if n in out}
        calibration = fit(meetings(inside, options.meetings, fold), channel_space(inside))
        held_out.append(figures(meetings(outside, options.meetings // 3, 100 + fold), calibration, options.threshold))
    for name in held_out[0]:
        print(f"{name}: {np.mean([f[name] for f in held_out]):.4f}")
    calibration = fit(meetings(people, options.meetings, 50), channel_space(people))
    values = rounded(calibration)
    print(json.dumps({"stranger": values["stranger"], "weights": values["weights"]}))
    if options.write:
        path = Path(identification.__file__).with_name("identification.json")
        path.write_text(json.dumps(values, separators=(",", ":")) + "\n", encoding="utf-8")
        print(f"wrote {path.name}, {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
