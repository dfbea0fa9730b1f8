"""The project's own speech service as a process, seen by its clients: over gRPC, at the pace of speech."""

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np
import soundfile
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc

from bench.speech_figures import Said
from cli.launcher import Mesh
from evaluation.speech import SpeakerSpan
from mesh.errors import RemoteError
from mesh.times import to_seconds
from tests.live import Faults, FinalWord, Heard, LiveClient, slope, stream_config
from tests.sounds import RATE, SPEECHLESS, Samples, babble, to_pcm

_PIECE = 256 << 10
_FILE_SECONDS = 3_600
_STEADY_SLOPE = 0.02
"""Seconds of lag that may come on each second; 72 seconds in an hour are taken for the noise of a short measurement."""
_STEADY_LAG = 5.0


class Service:
    """`python -m asr_service` with a home of its own."""

    def __init__(self, streams: int) -> None:
        """`streams` may be open at once."""
        self._home = tempfile.TemporaryDirectory()
        environment = {**os.environ, "PLANERKA_ASR__MAX_STREAMS": str(streams)}
        self._mesh = Mesh(Path(self._home.name), ["asr"], ports="free", environment=environment)

    def __enter__(self) -> Self:
        self._mesh.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._mesh.close()
        self._home.cleanup()

    @property
    def address(self) -> str:
        """Where it is called."""
        return self._mesh.address("asr")

    @property
    def cpu_s(self) -> float:
        """Processor seconds used so far."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Memory now; with `VmHWM` the most so far."""
        lines = Path(f"/proc/{self._pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024

    @property
    def _pid(self) -> int:
        process = self._mesh.process("asr")
        if process is None:
            raise RuntimeError("the speech service was not started")
        return process.pid


def recognise_file(service: Service, content: bytes, language: str, *, diarize: bool) -> tuple[str, list[SpeakerSpan]]:
    """Text and speakers of a whole file."""

    def requests() -> Iterator[asr_pb2.RecognizeFileRequest]:
        recognition = asr_pb2.RecognitionConfig(language=language, diarize=diarize)
        yield asr_pb2.RecognizeFileRequest(config=asr_pb2.FileConfig(recognition=recognition))
        for start in range(0, len(content), _PIECE):
            yield asr_pb2.RecognizeFileRequest(data=content[start : start + _PIECE])

    texts: list[str] = []
    spans: list[SpeakerSpan] = []
    with grpc.insecure_channel(service.address) as channel:
        for answer in asr_pb2_grpc.AsrServiceStub(channel).RecognizeFile(requests(), timeout=_FILE_SECONDS):
            if answer.HasField("turn"):
                texts.append(answer.turn.text)
            elif answer.HasField("timeline"):
                spans += spans_of(answer.timeline)
    return " ".join(texts), spans


def spans_of(timeline: asr_pb2.SpeakerTimeline) -> list[SpeakerSpan]:
    """The stretches of a timeline."""
    return [
        SpeakerSpan(to_seconds(one.range.start), to_seconds(one.range.end), one.speaker) for one in timeline.segments
    ]


def live_spans(heard: Heard) -> tuple[list[SpeakerSpan], list[SpeakerSpan]]:
    """Who spoke as told while it was heard, and as told at the end; from the words where no timeline was sent."""
    early = [span for one in heard.timelines if one.HasField("range") for span in spans_of(one)]
    last = [spans_of(one) for one in heard.timelines if not one.HasField("range")]
    if not heard.timelines:
        return _spans_of_words(heard.final_words(revised=False)), _spans_of_words(heard.final_words())
    return early, last[-1] if last else []


def _spans_of_words(words: Sequence[FinalWord]) -> list[SpeakerSpan]:
    """Neighbouring words of one speaker as one stretch, where less than half a second lies between them."""
    spans: list[SpeakerSpan] = []
    for word in words:
        start, end = word.start / 1e9, word.end / 1e9
        if spans and spans[-1].speaker == word.speaker and start - spans[-1].end < 0.5:
            spans[-1] = SpeakerSpan(spans[-1].start, max(end, spans[-1].end), word.speaker)
        elif word.speaker:
            spans.append(SpeakerSpan(start, end, word.speaker))
    return spans


def recognise_live(service: Service, samples: Samples, language: str) -> tuple[Said, Heard]:
    """One clip at the pace of speech."""
    client = LiveClient(service.address, to_pcm(samples), stream_config(language), pace=1.0, watch=True)
    before = service.cpu_s
    heard = asyncio.run(client.run())
    said = Said(
        text=" ".join(word.text for word in heard.final_words()),
        audio_s=client.seconds,
        cpu_s=service.cpu_s - before,
        states=[(shot.at, shot.stable, shot.words) for shot in heard.snapshots],
        end_lag_s=heard.finished_at - client.seconds,
        complete=heard.finished is not None and not heard.problems,
    )
    return said, heard


def sweep(service: Service, talk: Samples, counts: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """Paced streams at once, more and more, until the lag grows."""
    results = []
    for count in counts:
        results.append(asyncio.run(_streams(service, talk, count, seconds)))
        print(f"{count} streams: {results[-1]}", file=sys.stderr, flush=True)
        if not results[-1]["steady"]:
            break
    return results


async def _streams(service: Service, talk: Samples, count: int, seconds: float) -> dict[str, Any]:
    size = int(seconds * RATE)
    clients = []
    for number in range(count):
        # Everybody speaks at another moment.
        turned = np.roll(np.tile(talk, size // len(talk) + 1), -number * len(talk) // count)[:size]
        clients.append(LiveClient(service.address, to_pcm(turned), stream_config("ru"), pace=1.0))
    before = service.cpu_s
    ends = await asyncio.gather(*(client.run() for client in clients), return_exceptions=True)
    refused = sum(isinstance(end, RemoteError) for end in ends)
    for end in ends:
        if isinstance(end, RemoteError):
            print(f"refused: {end}", file=sys.stderr)
    others = [end for end in ends if isinstance(end, BaseException) and not isinstance(end, RemoteError)]
    if others:
        raise others[0]
    heard = [end for end in ends if isinstance(end, Heard)]
    slopes = [slope(one.lags) for one in heard]
    last = [one.lags[-1][1] for one in heard if one.lags]
    return {
        "streams": count,
        "refused": refused,
        "slope": round(max(slopes, default=0.0), 4),
        "final_lag_s": round(max(last, default=0.0), 1),
        "largest_lag_s": round(max((lag for one in heard for _, lag in one.lags), default=0.0), 1),
        "end_lag_s": round(max((one.finished_at - seconds for one in heard), default=0.0), 1),
        "words": [len(one.final_words()) for one in heard],
        "cpu_per_audio": round((service.cpu_s - before) / (seconds * max(len(heard), 1)), 3),
        "peak_mb": round(service.memory_mb("VmHWM")),
        "load": round(os.getloadavg()[0], 1),
        "steady": not refused
        and max(slopes, default=0.0) <= _STEADY_SLOPE
        and max(last, default=0.0) <= _STEADY_LAG
        and not any(one.problems for one in heard),
    }


def long_stream(service: Service, clips: Sequence[Samples], minutes: float, pace: float) -> dict[str, Any]:
    """One long recording: does memory grow, does the lag?"""
    return asyncio.run(_long_stream(service, clips, minutes, pace))


async def _long_stream(service: Service, clips: Sequence[Samples], minutes: float, pace: float) -> dict[str, Any]:
    client = LiveClient(service.address, to_pcm(meeting(clips, minutes * 60)), stream_config(), pace=pace)
    memory: list[tuple[float, float]] = []

    async def sample() -> None:
        while True:
            memory.append((client.now if memory else 0.0, service.memory_mb()))
            await asyncio.sleep(5.0)

    sampling = asyncio.create_task(sample())
    try:
        heard = await client.run()
    finally:
        sampling.cancel()
    # What models and the first stretches need is there after a tenth.
    warm = memory[len(memory) // 10][1]
    return {
        "minutes": minutes,
        "pace": pace,
        "words": len(heard.final_words()),
        "duration_s": round(to_seconds(heard.finished.duration), 1) if heard.finished else None,
        "memory_first_mb": round(memory[0][1]),
        "memory_warm_mb": round(warm),
        "memory_last_mb": round(memory[-1][1]),
        "growth_mb": round(max(value for _, value in memory[len(memory) // 10 :]) - warm),
        "memory_mb": [round(value) for _, value in memory[:: max(1, len(memory) // 30)]],
        "lag_slope": round(slope(heard.lags), 5),
        "largest_lag_s": round(max((lag for _, lag in heard.lags), default=0.0), 1),
        "final_lag_s": round(heard.lags[-1][1], 1) if heard.lags else None,
        "end_lag_s": round(heard.finished_at - client.seconds / pace, 1),
        "problems": heard.problems,
    }


def meeting(clips: Sequence[Samples], seconds: float, seed: int = 17) -> Samples:
    """Clips in random order with pauses of 0.3 to 3 seconds, exactly this long."""
    generator = random.Random(seed)
    pieces: list[Samples] = []
    length, size = 0, int(seconds * RATE)
    while length < size:
        pieces += [generator.choice(clips), np.zeros(int(generator.uniform(0.3, 3.0) * RATE), dtype=np.float32)]
        length += len(pieces[-1]) + len(pieces[-2])
    return np.concatenate(pieces)[:size]


def breaks(service: Service, clips: Sequence[Samples], minutes: float, disconnects: int) -> dict[str, Any]:
    """A stream that breaks again and again, beside the same one that does not."""
    pcm = to_pcm(meeting(clips, minutes * 60))
    faults = Faults(seed=3, disconnects=disconnects, break_at_end=True, resend=0.2, reorder=40)
    whole = asyncio.run(LiveClient(service.address, pcm, stream_config()).run())
    broken = asyncio.run(LiveClient(service.address, pcm, stream_config(), faults=faults).run())
    left, right = whole.final_words(), broken.final_words()
    different = sum(one != other for one, other in zip(left, right, strict=False)) + abs(len(left) - len(right))
    return {
        "minutes": minutes,
        "disconnects": disconnects,
        "connections": broken.connections,
        "words": len(left),
        "different_words": different,
        "identical": left == right and whole.finished == broken.finished,
        "problems": whole.problems + broken.problems,
    }


def sounds(service: Service, speech: Sequence[Samples], seconds: float) -> dict[str, Any]:
    """Words in sounds without speech, which should be none, and in a murmur of many."""
    made = {name: make(seconds) for name, make in SPEECHLESS.items()} | {"babble": babble(seconds, speech)}
    results: dict[str, Any] = {}
    for name, samples in made.items():
        heard = asyncio.run(LiveClient(service.address, to_pcm(samples), stream_config()).run())
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "sound.flac")
            soundfile.write(file, samples, RATE, subtype="PCM_16")
            text, _ = recognise_file(service, file.read_bytes(), "", diarize=True)
        results[name] = {
            "seconds": seconds,
            "live_words": len(heard.final_words()),
            "file_words": len(text.split()),
            "live_text": heard.text[:200],
            "file_text": text[:200],
        }
        print(f"{name}: {results[name]}", file=sys.stderr, flush=True)
    return results
