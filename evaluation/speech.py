"""Measures of speech recognition (WER, CER, cpWER) and of diarization (DER, JER), and readers of their truth.

Diarization is scored as NIST md-eval does with collar 0: overlapping speech counts once per speaker who talks, and the
speakers of the hypothesis are mapped to those of the reference so that the shared time is greatest (Hungarian). Times
are seconds. JER follows DIHARD's dscore: the mean over reference speakers of 1 - intersection/union.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy.optimize import linear_sum_assignment

from evaluation.text import normalise, normalised_words

__all__ = [
    "DiarizationScore",
    "ManifestItem",
    "SpeakerSpan",
    "SpeakerText",
    "WordScore",
    "character_errors",
    "cp_word_errors",
    "diarization_errors",
    "load_items",
    "read_rttm",
    "read_stm",
    "word_errors",
    "write_rttm",
]


@dataclass(frozen=True)
class SpeakerSpan:
    """One stretch of one speaker's speech, in seconds from the start of the recording."""

    start: float
    end: float
    speaker: str


@dataclass(frozen=True)
class SpeakerText(SpeakerSpan):
    """A stretch of speech with what was said in it."""

    text: str


@dataclass(frozen=True)
class WordScore:
    """Edit errors over reference units (words or characters)."""

    substitutions: int
    deletions: int
    insertions: int
    reference_length: int

    @property
    def errors(self) -> int:
        """All errors together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per reference unit; an empty reference gives 0.0 without insertions and 1.0 with any."""
        if self.reference_length == 0:
            return 1.0 if self.insertions else 0.0
        return self.errors / self.reference_length

    def __add__(self, other: "WordScore") -> "WordScore":
        return WordScore(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference_length + other.reference_length,
        )


@dataclass(frozen=True)
class DiarizationScore:
    """Seconds of each kind of diarization error, scored with collar 0 and overlaps."""

    missed: float
    false_alarm: float
    confusion: float
    reference: float
    """Seconds of reference speech; two people at once count twice."""
    jaccard_errors: tuple[float, ...]
    """One Jaccard error (0..1) for each reference speaker."""
    reference_speakers: int
    hypothesis_speakers: int

    @property
    def der(self) -> float:
        """(missed + false alarm + confusion) / reference speech; without reference speech 1.0 for any false alarm."""
        wrong = self.missed + self.false_alarm + self.confusion
        if self.reference == 0:
            return 1.0 if wrong > 0 else 0.0
        return wrong / self.reference

    @property
    def jer(self) -> float:
        """Mean Jaccard error over reference speakers; without any, 1.0 when the hypothesis has speakers."""
        if not self.jaccard_errors:
            return 1.0 if self.hypothesis_speakers else 0.0
        return sum(self.jaccard_errors) / len(self.jaccard_errors)

    def __add__(self, other: "DiarizationScore") -> "DiarizationScore":
        return DiarizationScore(
            self.missed + other.missed,
            self.false_alarm + other.false_alarm,
            self.confusion + other.confusion,
            self.reference + other.reference,
            self.jaccard_errors + other.jaccard_errors,
            self.reference_speakers + other.reference_speakers,
            self.hypothesis_speakers + other.hypothesis_speakers,
        )


def _edit_score(reference: Sequence[str], hypothesis: Sequence[str]) -> WordScore:
    counts = {"replace": 0, "delete": 0, "insert": 0}
    for edit in Levenshtein.editops(reference, hypothesis):
        counts[edit.tag] += 1
    return WordScore(counts["replace"], counts["delete"], counts["insert"], len(reference))


def word_errors(reference: str, hypothesis: str) -> WordScore:
    """Word errors after normalisation of both texts (see `evaluation.text`)."""
    return _edit_score(normalised_words(reference), normalised_words(hypothesis))


def character_errors(reference: str, hypothesis: str) -> WordScore:
    """Character errors after normalisation of both texts; the spaces between words count."""
    return _edit_score(list(normalise(reference)), list(normalise(hypothesis)))


def _words_by_speaker(spans: Iterable[SpeakerText]) -> list[list[str]]:
    speakers: dict[str, list[str]] = {}
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        speakers.setdefault(span.speaker, []).append(span.text)
    return [normalised_words(" ".join(texts)) for texts in speakers.values()]


def cp_word_errors(reference: Iterable[SpeakerText], hypothesis: Iterable[SpeakerText]) -> WordScore:
    """Concatenated minimum-permutation word errors.

    Each speaker's words are joined in time order and speakers are paired so that the errors are fewest; a speaker
    without a partner is all deletions or all insertions.
    """
    references, hypotheses = _words_by_speaker(reference), _words_by_speaker(hypothesis)
    size = max(len(references), len(hypotheses))
    references += [[]] * (size - len(references))
    hypotheses += [[]] * (size - len(hypotheses))
    total = WordScore(0, 0, 0, 0)
    if not size:
        return total
    scores = [[_edit_score(left, right) for right in hypotheses] for left in references]
    rows, columns = linear_sum_assignment(np.array([[score.errors for score in row] for row in scores]))
    for row, column in zip(rows, columns, strict=True):
        total += scores[row][column]
    return total


def _clipped(spans: Iterable[SpeakerSpan], uem: tuple[float, float] | None) -> list[SpeakerSpan]:
    low, high = uem if uem is not None else (-np.inf, np.inf)
    clipped = [SpeakerSpan(max(span.start, low), min(span.end, high), span.speaker) for span in spans]
    return [span for span in clipped if span.end > span.start]


def _activity(spans: Sequence[SpeakerSpan], speakers: Sequence[str], edges: np.ndarray) -> np.ndarray:
    """Who is active in each piece between neighbouring edges: bool [speakers, pieces]."""
    active = np.zeros((len(speakers), max(len(edges) - 1, 0)), dtype=bool)
    rows = {speaker: row for row, speaker in enumerate(speakers)}
    for span in spans:
        first, last = np.searchsorted(edges, (span.start, span.end))
        active[rows[span.speaker], first:last] = True
    return active


def diarization_errors(
    reference: Iterable[SpeakerSpan], hypothesis: Iterable[SpeakerSpan], uem: tuple[float, float] | None = None
) -> DiarizationScore:
    """Diarization errors, exact to the sample: no frames, no collar, overlaps scored.

    `uem` is the scored stretch (start, end); without it everything is scored.
    """
    truth, guess = _clipped(reference, uem), _clipped(hypothesis, uem)
    true_names = sorted({span.speaker for span in truth})
    guess_names = sorted({span.speaker for span in guess})
    edges = np.unique([time for span in [*truth, *guess] for time in (span.start, span.end)])
    true_active = _activity(truth, true_names, edges)
    guess_active = _activity(guess, guess_names, edges)
    lengths = np.diff(edges) if len(edges) else np.zeros(0)

    shared = (true_active * lengths) @ guess_active.T.astype(float)
    rows, columns = linear_sum_assignment(shared, maximize=True)
    true_count, guess_count = true_active.sum(axis=0), guess_active.sum(axis=0)
    correct = float(shared[rows, columns].sum())
    missed = float((np.maximum(true_count - guess_count, 0) * lengths).sum())
    false_alarm = float((np.maximum(guess_count - true_count, 0) * lengths).sum())
    confusion = float((np.minimum(true_count, guess_count) * lengths).sum()) - correct

    true_time = (true_active * lengths).sum(axis=1)
    guess_time = (guess_active * lengths).sum(axis=1)
    union = true_time[:, None] + guess_time[None, :] - shared
    jaccard = 1.0 - np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    errors = np.ones(len(true_names))
    paired_rows, paired_columns = linear_sum_assignment(jaccard)
    errors[paired_rows] = jaccard[paired_rows, paired_columns]
    return DiarizationScore(
        missed,
        false_alarm,
        max(confusion, 0.0),
        float((true_count * lengths).sum()),
        tuple(float(error) for error in errors),
        len(true_names),
        len(guess_names),
    )


def read_rttm(path: Path) -> list[SpeakerSpan]:
    """The SPEAKER lines of an RTTM file; ValueError names a line that does not parse."""
    spans = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        try:
            start, length, speaker = float(fields[3]), float(fields[4]), fields[7]
        except (IndexError, ValueError) as error:
            raise ValueError(f"{path}:{number}: not an RTTM SPEAKER line: {line!r}") from error
        spans.append(SpeakerSpan(start, start + length, speaker))
    return spans


def write_rttm(path: Path, recording: str, spans: Iterable[SpeakerSpan]) -> None:
    """Writes SPEAKER lines with millisecond times; `recording` is the id in the second column."""
    lines = (
        f"SPEAKER {recording} 1 {span.start:.3f} {span.end - span.start:.3f} <NA> <NA> {span.speaker} <NA> <NA>\n"
        for span in spans
    )
    path.write_text("".join(lines), encoding="utf-8")


def read_stm(path: Path) -> list[SpeakerText]:
    """The segments of an STM file (recording, channel, speaker, start, end, [<label>], words); `;;` lines are comments."""
    spans = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith(";;"):
            continue
        fields = line.split()
        try:
            speaker, start, end = fields[2], float(fields[3]), float(fields[4])
        except (IndexError, ValueError) as error:
            raise ValueError(f"{path}:{number}: not an STM segment: {line!r}") from error
        words = fields[6:] if len(fields) > 5 and fields[5].startswith("<") and fields[5].endswith(">") else fields[5:]
        spans.append(SpeakerText(start, end, speaker, " ".join(words)))
    return spans


@dataclass(frozen=True)
class ManifestItem:
    """One clip of a NeMo manifest; a field that the line lacks is None, paths are resolved beside the manifest."""

    audio: Path
    offset: float
    duration: float | None
    text: str | None
    language: str | None
    rttm: Path | None
    stm: Path | None
    speakers: int | None
    uem: tuple[float, float] | None


def _item(line: Mapping[str, Any], folder: Path) -> ManifestItem:
    if not isinstance(line, Mapping):
        raise TypeError("not an object")

    def beside(key: str) -> Path | None:
        return folder / line[key] if line.get(key) else None

    audio = beside("audio_filepath")
    if audio is None:
        raise KeyError("audio_filepath")
    uem = line.get("uem")
    return ManifestItem(
        audio=audio,
        offset=float(line.get("offset") or 0.0),
        duration=float(line["duration"]) if line.get("duration") is not None else None,
        text=line.get("text"),
        language=line.get("lang"),
        rttm=beside("rttm_filepath"),
        stm=beside("stm_filepath"),
        speakers=int(line["num_speakers"]) if line.get("num_speakers") is not None else None,
        uem=(float(uem[0]), float(uem[1])) if uem else None,
    )


def load_items(path: Path) -> list[ManifestItem]:
    """The clips of a manifest file, or of the folder that holds `manifest.jsonl`; ValueError names a broken line."""
    manifest = path / "manifest.jsonl" if path.is_dir() else path
    items = []
    for number, line in enumerate(manifest.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            items.append(_item(json.loads(line), manifest.parent))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{manifest}:{number}: not a manifest line: {error}") from error
    return items
