"""Evaluation of speech: every clip of a manifest through the contract, then word and speaker errors."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import soundfile
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc
from planerka.common.v1 import transcript_pb2

from cli.client import typed_errors
from cli.errors import UsageWrong
from evaluation.speech import (
    DiarizationScore,
    ManifestItem,
    SpeakerSpan,
    WordScore,
    character_errors,
    diarization_errors,
    load_items,
    read_rttm,
    word_errors,
)
from mesh.times import to_seconds

__all__ = [
    "Recognised",
    "Tell",
    "asr_figures",
    "diarization_figures",
    "items_of",
    "recognise",
    "recognition_of",
]

_PIECE = 256 << 10
_SECONDS = 6 * 3600.0

Tell = Callable[[int, int, str], None]
"""Told the number of clips that are done, of how many, and the name of the one that was."""


@dataclass(frozen=True)
class Recognised:
    """What the service made of one clip."""

    item: ManifestItem
    turns: tuple[transcript_pb2.Turn, ...]
    spans: tuple[SpeakerSpan, ...]
    """Who speaks when, seconds from the beginning of the clip."""
    audio_seconds: float
    seconds: float
    """Time that it took."""

    @property
    def text(self) -> str:
        """All words in order."""
        return " ".join(turn.text for turn in self.turns)


def recognition_of(item: ManifestItem, *, diarize: bool) -> asr_pb2.RecognitionConfig:
    """Return how a clip is recognised, as a file and live."""
    return asr_pb2.RecognitionConfig(language=item.language or "", diarize=diarize)


def items_of(path: Path) -> list[ManifestItem]:
    """Return the clips of a manifest, or of the folder that holds it.

    Raises:
        UsageWrong: There is no manifest, or it is broken, or empty.
    """
    try:
        items = load_items(path)
    except OSError as error:
        raise UsageWrong(f"{error.filename}: {error.strerror}. Name a manifest.jsonl or its folder.") from error
    except ValueError as error:
        raise UsageWrong(str(error)) from error
    missing = next((item.audio for item in items if not item.audio.is_file()), None)
    if missing is not None or not items:
        raise UsageWrong(f"{path}: there is no {missing}." if missing is not None else f"{path} has no clips.")
    return items


async def recognise(
    channel: grpc.aio.Channel, items: Sequence[ManifestItem], *, diarize: bool, tell: Tell
) -> list[Recognised]:
    """Recognise the clips one after another."""
    stub = asr_pb2_grpc.AsrServiceStub(channel)
    done = []
    for number, item in enumerate(items, start=1):
        done.append(await _one(stub, item, diarize=diarize))
        tell(number, len(items), item.audio.name)
    return done


def asr_figures(done: Sequence[Recognised]) -> dict[str, Any]:
    """Return the figures of speech recognition under the names of the design."""
    words, characters = WordScore(0, 0, 0, 0), WordScore(0, 0, 0, 0)
    items = []
    for one in done:
        item: dict[str, Any] = {"path": str(one.item.audio), "hypothesis": one.text, "rtf": _rtf([one])}
        if one.item.text is not None:
            own, letters = word_errors(one.item.text, one.text), character_errors(one.item.text, one.text)
            words, characters = words + own, characters + letters
            item |= {
                "wer": own.rate,
                "cer": letters.rate,
                "substitutions": own.substitutions,
                "deletions": own.deletions,
                "insertions": own.insertions,
                "reference_words": own.reference_length,
            }
        items.append(item)
    scored = any(one.item.text is not None for one in done)
    return {
        "wer": words.rate if scored else None,
        "cer": characters.rate if scored else None,
        "rtf": _rtf(done),
        # Files have no latency of words; live streams do.
        "word_latency_p50_s": None,
        "word_latency_p95_s": None,
        "items": items,
    }


def diarization_figures(done: Sequence[Recognised]) -> dict[str, Any]:
    """Return the figures of diarization under the names of the design; rates are shares of the true speech."""
    total = DiarizationScore(0.0, 0.0, 0.0, 0.0, (), 0, 0)
    items, right, scored = [], 0, 0
    for one in done:
        item: dict[str, Any] = {
            "path": str(one.item.audio),
            "hypothesis": [
                {"start": round(span.start, 3), "end": round(span.end, 3), "speaker": span.speaker}
                for span in one.spans
            ],
            "speakers": len({span.speaker for span in one.spans}),
            "rtf": _rtf([one]),
        }
        if one.item.rttm is not None:
            truth = read_rttm(one.item.rttm)
            own = diarization_errors(truth, one.spans, one.item.uem)
            total, scored = total + own, scored + 1
            right += own.reference_speakers == own.hypothesis_speakers
            item |= {**_rates(own), "true_speakers": own.reference_speakers}
        items.append(item)
    return {
        **(_rates(total) if scored else dict.fromkeys(("der", "missed", "false_alarm", "confusion", "jer"))),
        "rtf": _rtf(done),
        "speaker_count_accuracy": right / scored if scored else None,
        "items": items,
    }


def _rates(score: DiarizationScore) -> dict[str, float]:
    speech = score.reference or 1.0
    return {
        "der": score.der,
        "missed": score.missed / speech,
        "false_alarm": score.false_alarm / speech,
        "confusion": score.confusion / speech,
        "jer": score.jer,
    }


def _rtf(done: Sequence[Recognised]) -> float | None:
    audio = sum(one.audio_seconds for one in done)
    return sum(one.seconds for one in done) / audio if audio else None


async def _one(stub: Any, item: ManifestItem, *, diarize: bool) -> Recognised:
    content = await asyncio.to_thread(_content, item)
    recognition = recognition_of(item, diarize=diarize)
    # Who speaks is measured without words, so that the time is that of diarization.
    recognition.speakers_only = diarize
    config = asr_pb2.FileConfig(recognition=recognition, file_name=item.audio.name)

    async def pieces() -> AsyncIterator[asr_pb2.RecognizeFileRequest]:
        yield asr_pb2.RecognizeFileRequest(config=config)
        for start in range(0, len(content), _PIECE):
            yield asr_pb2.RecognizeFileRequest(data=content[start : start + _PIECE])

    turns: list[transcript_pb2.Turn] = []
    spans: list[SpeakerSpan] = []
    length = 0.0
    begun = time.monotonic()
    with typed_errors():
        async for answer in stub.RecognizeFile(pieces(), timeout=_SECONDS):
            kind = answer.WhichOneof("response")
            if kind == "turn":
                turns.append(answer.turn)
            elif kind == "timeline":
                spans += [
                    SpeakerSpan(to_seconds(one.range.start), to_seconds(one.range.end), one.speaker)
                    for one in answer.timeline.segments
                ]
            elif kind == "finished":
                length = to_seconds(answer.finished.duration)
    return Recognised(item, tuple(turns), tuple(spans), length, time.monotonic() - begun)


def _content(item: ManifestItem) -> bytes:
    """Return the clip as a file: the recording itself, or the stretch of it that the manifest names."""
    if item.offset == 0 and (item.duration is None or item.duration >= soundfile.info(item.audio).duration - 0.05):
        return item.audio.read_bytes()
    rate = soundfile.info(item.audio).samplerate
    frames = -1 if item.duration is None else round(item.duration * rate)
    samples, _ = soundfile.read(item.audio, frames=frames, start=round(item.offset * rate), dtype="int16")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC")
    return buffer.getvalue()
