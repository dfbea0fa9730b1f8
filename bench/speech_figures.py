"""From what systems said, and when, to figures.

Word latencies are measured for all systems in one way: the clock is the time at which a word ended according to plain
faster-whisper on the whole clip (word times of the same weights), and a system's final words are aligned with that text.
A word is there provisionally when the transcript that a client sees is long enough to hold it, in whatever form; it is
stable when the part that the system calls stable holds it as it is at the end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

from evaluation.speech import (
    DiarizationScore,
    ManifestItem,
    SpeakerSpan,
    WordScore,
    diarization_errors,
    read_rttm,
    word_errors,
)
from evaluation.text import normalise

NO_WORDS = WordScore(0, 0, 0, 0)
NO_SPEAKERS = DiarizationScore(0.0, 0.0, 0.0, 0.0, (), 0, 0)

State = tuple[float, Sequence[str], Sequence[str]]
"""Seconds since the first sample was due, the stable words, all words."""


@dataclass
class Said:
    """What a system made of one clip."""

    text: str
    audio_s: float
    cpu_s: float
    states: list[State] = field(default_factory=list)
    """In order of time; none for a system that takes whole files."""
    end_lag_s: float | None = None
    """Seconds from the last sample to the end; None for a system that takes whole files."""
    complete: bool = True
    """Whether the end came in time."""


@dataclass(frozen=True)
class Timed:
    """A word and when it ends, in seconds."""

    text: str
    end: float


def latencies(
    states: Sequence[State], final: Sequence[str], timeline: Sequence[Timed]
) -> tuple[list[float], list[float]]:
    """Seconds from the end of each aligned word to its first form, and to its stable one."""
    left = [normalise(word.text) for word in timeline]
    right = [normalise(word) for word in final]
    first: list[float] = []
    stable: list[float] = []
    for block in Levenshtein.opcodes(left, right):
        if block.tag != "equal":
            continue
        for shift in range(block.src_end - block.src_start):
            place, end = block.dest_start + shift, timeline[block.src_start + shift].end
            seen = next((at for at, _, words in states if len(words) > place), None)
            settled = next(
                (at for at, words, _ in states if len(words) > place and normalise(words[place]) == right[place]), None
            )
            if seen is not None:
                first.append(seen - end)
            if settled is not None:
                stable.append(settled - end)
    return first, stable


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Median and 95th percentile."""
    if not values:
        return {"p50": None, "p95": None}
    return {"p50": round(float(np.median(values)), 2), "p95": round(float(np.percentile(values, 95)), 2)}


def word_figures(
    items: Sequence[ManifestItem], said: Sequence[Said], timelines: Sequence[Sequence[Timed]] | None
) -> dict[str, Any]:
    """Figures of one system over the clips of one set."""
    words = NO_WORDS
    first: list[float] = []
    stable: list[float] = []
    for number, (item, one) in enumerate(zip(items, said, strict=True)):
        if item.text is not None:
            words += word_errors(item.text, one.text)
        if one.states and timelines is not None:
            own_first, own_stable = latencies(one.states, one.text.split(), timelines[number])
            first += own_first
            stable += own_stable
    audio = sum(one.audio_s for one in said)
    behind = [one.end_lag_s for one in said if one.end_lag_s is not None]
    return {
        "wer": round(words.rate, 4) if words.reference_length else None,
        "errors": words.errors,
        "reference_words": words.reference_length,
        "cpu_per_audio": round(sum(one.cpu_s for one in said) / audio, 3),
        "first_s": spread(first),
        "stable_s": spread(stable),
        "end_lag_s": round(max(behind), 1) if behind else None,
        "complete": all(one.complete for one in said),
    }


def speaker_figures(
    items: Sequence[ManifestItem], spans: Sequence[Sequence[SpeakerSpan]], cpu_s: float, audio_s: float
) -> dict[str, Any]:
    """DER without collar, overlaps scored, over the clips that have a truth."""
    scores = [
        diarization_errors(read_rttm(item.rttm), own, item.uem)
        for item, own in zip(items, spans, strict=True)
        if item.rttm is not None
    ]
    total = sum(scores, NO_SPEAKERS)
    return {
        "der": round(total.der, 4),
        "mean_der": round(sum(score.der for score in scores) / len(scores), 4),
        "missed": round(total.missed / total.reference, 4),
        "false_alarm": round(total.false_alarm / total.reference, 4),
        "confusion": round(total.confusion / total.reference, 4),
        "counts_right": sum(score.reference_speakers == score.hypothesis_speakers for score in scores),
        "clips": len(scores),
        # Two threads work at once, so this is the real-time factor on an idle machine with two cores.
        "rtf_of_two_cores": round(cpu_s / 2 / audio_s, 4),
    }


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """Ours by theirs; None where one is missing or theirs is zero."""
    if ours is None or not theirs:
        return None
    return round(ours / theirs, 3)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of Markdown; None is an empty cell."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join("" if cell is None else str(cell) for cell in line) + " |" for line in lines)
