"""`planerka eval … --live` against a speech service that plays a script, in time with the audio that it gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import grpc
import numpy as np
import pytest
import soundfile
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc
from planerka.common.v1 import time_pb2, transcript_pb2

from cli.hearing import first_labels
from mesh.times import from_seconds

Run = Callable[..., Any]
PACE = 4
PATIENCE = 2.0
"""Seconds by which a busy machine may be late."""


class Script(asr_pb2_grpc.AsrServiceServicer):
    """Says, when so many chunks have come, what is written for that number; 0 stands for the end."""

    def __init__(self, lines: dict[int, list[Any]]) -> None:
        self.lines = lines
        self.config: asr_pb2.StreamConfig | None = None
        self.sequences: list[int] = []
        self.samples = 0

    def __enter__(self) -> Self:
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4))
        asr_pb2_grpc.add_AsrServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop(0.2).wait()

    def StreamingRecognize(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        self.config = next(requests).config
        yield response(opened=asr_pb2.Opened(stream_id="stm_1", resume_token="again", next_sequence=1))
        for request in requests:
            self.sequences.append(request.audio.sequence)
            self.samples += len(request.audio.data) // 2
            yield response(ack=asr_pb2.Ack(sequence=request.audio.sequence))
            yield from self.lines.get(request.audio.sequence, ())
        yield from self.lines.get(0, ())
        yield response(finished=asr_pb2.Finished(duration=from_seconds(self.samples / 16_000)))


def response(**fields: Any) -> asr_pb2.StreamingRecognizeResponse:
    return asr_pb2.StreamingRecognizeResponse(**fields)


def turn(text: str, stable: int = 0, *, final: bool = False, turn_id: str = "1", begin: float = 0.0) -> Any:
    """Words of half a second each."""
    words = [
        transcript_pb2.Word(
            text=word, start=from_seconds(begin + number / 2), end=from_seconds(begin + number / 2 + 0.5), confidence=1
        )
        for number, word in enumerate(text.split())
    ]
    state = "FINAL" if final else "STABLE" if stable else "PROVISIONAL"
    made = transcript_pb2.Turn(
        turn_id=turn_id,
        state=transcript_pb2.TurnState.Value(f"TURN_STATE_{state}"),
        start=from_seconds(begin),
        end=from_seconds(begin + len(words) / 2),
        text=text,
        words=words,
        stable_words=len(words) if final else stable,
    )
    return response(turn=made)


def span(start: float, end: float) -> time_pb2.TimeRange:
    return time_pb2.TimeRange(start=from_seconds(start), end=from_seconds(end))


def timeline(*segments: tuple[str, float, float], about: tuple[float, float] | None = None) -> Any:
    made = asr_pb2.SpeakerTimeline(
        segments=[
            asr_pb2.SpeakerTimeline.Segment(speaker=speaker, range=span(start, end)) for speaker, start, end in segments
        ]
    )
    if about is not None:
        made.range.CopyFrom(span(*about))
    return response(timeline=made)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A clip of two seconds, the stretch from one second of its file on, in 22,050 Hz stereo."""
    soundfile.write(tmp_path / "clip.wav", np.zeros((22_050 * 4, 2)), 22_050)
    (tmp_path / "clip.rttm").write_text(
        "SPEAKER clip 1 0.0 1.0 <NA> <NA> a <NA> <NA>\nSPEAKER clip 1 1.0 1.0 <NA> <NA> b <NA> <NA>\n", encoding="utf-8"
    )
    line = {
        "audio_filepath": "clip.wav",
        "offset": 1,
        "duration": 2,
        "text": "раз два три",
        "lang": "ru",
        "rttm_filepath": "clip.rttm",
        "uem": [0, 1.9],
    }
    (tmp_path / "manifest.jsonl").write_text(json.dumps(line), encoding="utf-8")
    return tmp_path


def test_words_are_measured_from_when_they_were_said(planerka: Run, manifest: Path) -> None:
    progress = asr_pb2.Progress(received=from_seconds(1.9), transcribed=from_seconds(1.5))
    lines = {
        8: [turn("раз два")],
        12: [turn("раз двое", 2)],
        16: [turn("раз два три", 2)],
        19: [response(progress=progress)],
        0: [turn("раз два", final=True), turn("тир", final=True, turn_id="2", begin=1.0)],
    }
    with Script(lines) as asr:
        done = planerka("eval", "asr", str(manifest), "--live", "--pace", str(PACE), "--address", asr.address, "--json")
    assert done.status == 0, done.err
    figures = done.json
    assert asr.config.interim_results
    assert (asr.config.recognition.language, asr.config.sample_rate, asr.config.channels) == ("ru", 16_000, 1)
    assert asr.sequences == list(range(1, 21))
    assert asr.samples == 32_000

    (item,) = figures["items"]
    assert item["hypothesis"] == "раз два тир"
    assert figures["wer"] == pytest.approx(1 / 3, abs=1e-3)
    assert figures["lag_s"] == pytest.approx(0.4)
    # Of the stable words «раз», «двое», «два» one stayed no word of the text.
    assert figures["unstable"] == pytest.approx(1 / 3, abs=1e-3)
    # «раз» ended with chunk 5 and was seen after chunk 8; «два» with 10, seen before its end; «тир» only at the end, with 15.
    assert 0.3 / PACE * 0.5 < figures["provisional_latency_p50_s"] < 0.3 / PACE + PATIENCE
    # «два» was stable after chunk 16, and the last word only when it was final.
    assert 0.6 / PACE * 0.5 < figures["word_latency_p50_s"] < 0.6 / PACE + PATIENCE
    assert figures["provisional_latency_p50_s"] <= figures["word_latency_p50_s"] <= figures["final_latency_p50_s"]
    assert figures["word_latency_p50_s"] <= figures["word_latency_p95_s"]
    assert item["word_latency_p50_s"] == figures["word_latency_p50_s"]


def test_first_and_last_labels_are_measured_apart(planerka: Run, manifest: Path) -> None:
    lines = {
        10: [timeline(("S1", 0, 1), about=(0, 1))],
        19: [timeline(("S1", 1, 1.9), about=(1, 1.9))],
        0: [timeline(("S1", 0, 1), ("S2", 1, 1.9))],
    }
    with Script(lines) as asr:
        done = planerka(
            "eval", "diarization", str(manifest), "--live", "--pace", "20", "--address", asr.address, "--json"
        )
    assert done.status == 0, done.err
    figures = done.json
    assert asr.config.recognition.diarize
    assert figures["der"] == 0
    assert figures["live_der"] == pytest.approx(0.9 / 1.9, abs=1e-3)
    assert figures["live_confusion"] == pytest.approx(0.9 / 1.9, abs=1e-3)
    assert (figures["speaker_count_accuracy"], figures["live_speaker_count_accuracy"]) == (1, 0)
    (item,) = figures["items"]
    assert (item["speakers"], item["live_speakers"], item["true_speakers"]) == (2, 1, 2)


def test_a_service_without_timelines_gets_no_invented_figures(planerka: Run, manifest: Path) -> None:
    with Script({0: [turn("раз", final=True)]}) as asr:
        done = planerka("eval", "diarization", str(manifest), "--live", "--pace", "20", "--address", asr.address)
    assert done.status == 1
    assert "told no timeline" in done.err


def test_a_stretch_told_twice_counts_as_it_was_told_first() -> None:
    told = [
        timeline(("S1", 0, 2), about=(0, 2)).timeline,
        timeline(("S2", 1, 3.5), about=(1, 3)).timeline,
    ]
    assert [(span.start, span.end, span.speaker) for span in first_labels(told)] == [(0, 2, "S1"), (2, 3, "S2")]
