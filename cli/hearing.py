"""Evaluation of live streams: clips are sent as fast as they were spoken, and what comes back is measured by when it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc
from planerka.common.v1 import transcript_pb2

from cli.audio import CHUNK_SECONDS, SAMPLE_RATE, file_chunks, paced
from cli.client import typed_errors
from cli.errors import MeasureFailed
from cli.recognising import (
    Recognised,
    Tell,
    asr_figures,
    diarization_figures,
    recognition_of,
)
from evaluation.latency import Hearing, Latencies, LiveWord, SendClock, measure_latencies, median, percentile
from evaluation.speech import ManifestItem, SpeakerSpan
from mesh.times import from_seconds, to_seconds

__all__ = ["HeardLive", "first_labels", "hear", "live_asr_figures", "live_diarization_figures"]

_BYTES_PER_SECOND = SAMPLE_RATE * 2
_SECONDS_PER_SECOND = 5.0
"""Seconds that a stream may take for each second of audio, on top of `_SPARE`."""
_SPARE = 120.0


@dataclass(frozen=True)
class HeardLive:
    """What a live stream told about one clip."""

    recognised: Recognised
    """The final turns in order of time, and the speakers as told at the end."""
    latencies: Latencies
    labels: tuple[SpeakerSpan, ...]
    """Who speaks when, as it was told first while people talked."""
    lag: float | None
    """Seconds by which transcription was behind the received audio when the last piece was sent; None where it was not told."""
    tail: float
    """Seconds from the last piece of audio to the end of the stream."""
    timelines: int
    """Number of timelines that were told."""


@dataclass
class _Stream:
    """One stream while it runs."""

    clock: SendClock = field(default_factory=SendClock)
    hearings: list[Hearing] = field(default_factory=list)
    finals: dict[str, transcript_pb2.Turn] = field(default_factory=dict)
    live: list[asr_pb2.SpeakerTimeline] = field(default_factory=list)
    whole: asr_pb2.SpeakerTimeline | None = None
    progress: asr_pb2.Progress | None = None
    lag: float | None = None
    begun: float = 0.0
    sent: float = 0.0

    def take(self, answer: asr_pb2.StreamingRecognizeResponse, at: float) -> None:
        kind = answer.WhichOneof("response")
        if kind == "turn":
            self._turn(answer.turn, at)
        elif kind == "timeline" and answer.timeline.HasField("range"):
            self.live.append(answer.timeline)
        elif kind == "timeline":
            self.whole = answer.timeline
        elif kind == "progress":
            self.progress = answer.progress

    def _turn(self, turn: transcript_pb2.Turn, at: float) -> None:
        final = turn.state == transcript_pb2.TURN_STATE_FINAL
        words = tuple(LiveWord(word.text, to_seconds(word.start), to_seconds(word.end)) for word in turn.words)
        self.hearings.append(Hearing(at, turn.turn_id, words, len(words) if final else turn.stable_words, final))
        if not final:
            return
        if turn.text:
            self.finals[turn.turn_id] = turn
        else:
            self.finals.pop(turn.turn_id, None)


async def hear(
    channel: grpc.aio.Channel, items: Sequence[ManifestItem], *, diarize: bool, pace: float, tell: Tell
) -> list[HeardLive]:
    """Stream the clips one after another, `pace` times as fast as they were spoken."""
    stub = asr_pb2_grpc.AsrServiceStub(channel)
    done = []
    for number, item in enumerate(items, start=1):
        done.append(await _one(stub, item, diarize=diarize, pace=pace))
        tell(number, len(items), item.audio.name)
    return done


def first_labels(timelines: Iterable[asr_pb2.SpeakerTimeline]) -> list[SpeakerSpan]:
    """Join timelines of stretches as they came; of a stretch that was told twice the first telling counts."""
    spans, told = [], 0.0
    for timeline in timelines:
        low, high = max(told, to_seconds(timeline.range.start)), to_seconds(timeline.range.end)
        for one in timeline.segments:
            start, end = max(low, to_seconds(one.range.start)), min(high, to_seconds(one.range.end))
            if end > start:
                spans.append(SpeakerSpan(start, end, one.speaker))
        told = max(told, high)
    return spans


def live_asr_figures(done: Sequence[HeardLive]) -> dict[str, Any]:
    """Return the figures of speech recognition, with the latencies of words; `rtf` is time of the stream to time of the audio."""
    figures = asr_figures([one.recognised for one in done])
    total = sum((one.latencies for one in done), Latencies())
    items = [
        {**item, **_latency_figures(one.latencies), "lag_s": one.lag, "tail_s": one.tail}
        for item, one in zip(figures["items"], done, strict=True)
    ]
    lags = [one.lag for one in done if one.lag is not None]
    worst = {"lag_s": max(lags, default=None), "tail_s": max((one.tail for one in done), default=None)}
    return {**figures, **_latency_figures(total), **worst, "items": items}


def live_diarization_figures(done: Sequence[HeardLive]) -> dict[str, Any]:
    """Return the figures of the speakers told at the end, and under `live_…` of those told while people talked.

    Raises:
        MeasureFailed: The service tells no timelines in its live streams.
    """
    silent = next((one for one in done if not one.timelines), None)
    if silent is not None:
        raise MeasureFailed(
            f"The service told no timeline of {silent.recognised.item.audio}, so its live labels cannot be measured. "
            "Measure files instead, without --live, or a service that sends `timeline` events."
        )
    figures = diarization_figures([one.recognised for one in done])
    first = diarization_figures([_as_first_told(one) for one in done])
    told = ("der", "missed", "false_alarm", "confusion", "jer", "speaker_count_accuracy")
    items = [
        {
            **item,
            **{f"live_{key}": early[key] for key in (*told[:-1], "speakers") if key in early},
            "live_hypothesis": early["hypothesis"],
            "lag_s": one.lag,
            "tail_s": one.tail,
        }
        for item, early, one in zip(figures["items"], first["items"], done, strict=True)
    ]
    return {**figures, **{f"live_{key}": first[key] for key in told}, "items": items}


def _as_first_told(one: HeardLive) -> Recognised:
    end = one.recognised
    return Recognised(end.item, end.turns, one.labels, end.audio_seconds, end.seconds)


def _latency_figures(found: Latencies) -> dict[str, float | None]:
    return {
        "word_latency_p50_s": median(found.stable),
        "word_latency_p95_s": percentile(found.stable, 95),
        "provisional_latency_p50_s": median(found.provisional),
        "final_latency_p50_s": median(found.final),
        "unstable": found.unstable,
    }


async def _one(stub: Any, item: ManifestItem, *, diarize: bool, pace: float) -> HeardLive:
    samples = await asyncio.to_thread(_samples, item)
    length = len(samples) / _BYTES_PER_SECOND
    loop, stream = asyncio.get_running_loop(), _Stream()
    config = asr_pb2.StreamConfig(
        recognition=recognition_of(item, diarize=diarize),
        encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE,
        sample_rate=SAMPLE_RATE,
        channels=1,
        interim_results=True,
    )

    async def requests() -> AsyncIterator[asr_pb2.StreamingRecognizeRequest]:
        yield asr_pb2.StreamingRecognizeRequest(config=config)
        stream.begun = stream.sent = loop.time()
        sequence = 0
        async for data in paced(_chunks(samples), pace):
            begin, end = sequence * CHUNK_SECONDS, sequence * CHUNK_SECONDS + len(data) / _BYTES_PER_SECOND
            sequence += 1
            chunk = asr_pb2.AudioChunk(sequence=sequence, offset=from_seconds(begin), data=data)
            stream.sent = loop.time()
            stream.clock.sent(end, stream.sent)
            yield asr_pb2.StreamingRecognizeRequest(audio=chunk)
        if stream.progress is not None:
            stream.lag = to_seconds(stream.progress.received) - to_seconds(stream.progress.transcribed)

    with typed_errors():
        timeout = _SPARE + _SECONDS_PER_SECOND * length / min(pace, 1.0)
        async for answer in stub.StreamingRecognize(requests(), timeout=timeout):
            stream.take(answer, loop.time())
    ended = loop.time()
    turns = sorted(stream.finals.values(), key=lambda turn: (to_seconds(turn.start), to_seconds(turn.end)))
    labels = first_labels(stream.live)
    last = labels if stream.whole is None else _spans(stream.whole)
    return HeardLive(
        recognised=Recognised(item, tuple(turns), tuple(last), length, ended - stream.begun),
        latencies=measure_latencies(stream.hearings, stream.clock) if stream.hearings else Latencies(),
        labels=tuple(labels),
        lag=stream.lag,
        tail=ended - stream.sent,
        timelines=len(stream.live) + (stream.whole is not None),
    )


def _spans(timeline: asr_pb2.SpeakerTimeline) -> list[SpeakerSpan]:
    return [
        SpeakerSpan(to_seconds(one.range.start), to_seconds(one.range.end), one.speaker) for one in timeline.segments
    ]


def _samples(item: ManifestItem) -> bytes:
    """Return the stretch of the recording that the manifest names: 16 kHz, mono, signed 16-bit little-endian."""
    samples = b"".join(file_chunks(item.audio))
    first = 2 * round(item.offset * SAMPLE_RATE)
    last = len(samples) if item.duration is None else first + 2 * round(item.duration * SAMPLE_RATE)
    return samples[first:last]


def _chunks(samples: bytes) -> Iterator[bytes]:
    size = round(_BYTES_PER_SECOND * CHUNK_SECONDS)
    for start in range(0, len(samples), size):
        yield samples[start : start + size]
