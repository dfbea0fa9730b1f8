"""Captions on the terminal: printed once, corrected in lines of their own."""

from __future__ import annotations

import io

from planerka.asr.v1 import asr_pb2
from planerka.common.v1 import transcript_pb2
from planerka.orchestrator.v1 import orchestrator_pb2
from rich.console import Console

from cli import show
from cli.live import LiveTranscript
from cli.output import Output
from cli.texts import Texts
from mesh.times import from_seconds


def output(*, terminal: bool = False) -> Output:
    console = Console(
        file=io.StringIO(),
        width=90,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
        highlight=False,
    )
    return Output(console, console, Texts("en"))


def turn(turn_id: str, text: str, state: str, speaker: str = "S1", stable: int = 0, **fields: object) -> object:
    return transcript_pb2.Turn(
        turn_id=turn_id,
        state=transcript_pb2.TurnState.Value(f"TURN_STATE_{state}"),
        speaker=speaker,
        text=text,
        words=[transcript_pb2.Word(text=word) for word in text.split()],
        start=from_seconds(65),
        end=from_seconds(66),
        stable_words=stable,
        **fields,
    )


def revision(turn_id: str, before: str, after: str, count: int) -> asr_pb2.SpeakerRevision:
    words = asr_pb2.WordRange(turn_id=turn_id, first_word=0, word_count=count)
    change = asr_pb2.SpeakerRevision.Change(words=words, previous_speaker=before, speaker=after, confidence=0.8)
    return asr_pb2.SpeakerRevision(changes=[change])


def event(**fields: object) -> orchestrator_pb2.StreamMeetingResponse:
    return orchestrator_pb2.StreamMeetingResponse(**fields)


def test_final_words_are_printed_once_and_open_ones_at_the_end() -> None:
    out = output()
    with LiveTranscript(out) as live:
        live.take(event(turn=turn("1", "доброе", "PROVISIONAL")))
        live.take(event(turn=turn("1", "доброе утро", "FINAL")))
        live.take(event(turn=turn("1", "доброе утро", "FINAL")))
        live.take(event(turn=turn("2", "всем привет", "STABLE", stable=1)))
        assert "привет" not in out.result.file.getvalue()
    shown = out.result.file.getvalue()
    assert shown.count("доброе") == 1
    assert shown.count("всем привет") == 1
    assert "01:05" in shown


def test_a_corrected_speaker_is_told_for_printed_turns_only() -> None:
    out = output()
    with LiveTranscript(out) as live:
        live.take(event(turn=turn("1", "доброе утро", "FINAL", speaker="S2", speaker_name="Анна")))
        live.take(event(turn=turn("2", "привет вам", "FINAL")))
        live.take(event(turn=turn("3", "ещё открыто", "STABLE", stable=1)))
        live.take(event(speaker_revision=revision("2", "S1", "S2", 2)))
        live.take(event(speaker_revision=revision("3", "S1", "S2", 2)))
        assert live.turns["2"].speaker == "S2"
        assert live.turns["2"].speaker_name == "Анна"
    lines = [" ".join(line.split()) for line in out.result.file.getvalue().splitlines()]
    corrections = [line for line in lines if "↺" in line]
    assert corrections == ["↺ 01:05 S1 → Анна привет вам"]
    assert "01:05 Анна: ещё открыто" in lines


def test_a_name_that_comes_later_is_told_once() -> None:
    out = output()
    with LiveTranscript(out) as live:
        live.take(event(turn=turn("1", "доброе утро", "FINAL")))
        live.take(event(turn=turn("2", "и вам", "PROVISIONAL", speaker_name="Анна")))
        live.take(event(turn=turn("2", "и вам всем", "FINAL", speaker_name="Анна")))
    lines = [" ".join(line.split()) for line in out.result.file.getvalue().splitlines()]
    assert lines == ["01:05 S1: доброе утро", "↺ S1 → Анна", "01:05 Анна: и вам всем"]


def test_words_that_may_change_are_dim_on_a_terminal() -> None:
    out = output(terminal=True)
    out.result.print(show.turn(turn("1", "раз два три", "STABLE", stable=2), out.texts))
    shown = out.result.file.getvalue()
    assert "\x1b[39mраз два\x1b[0m\x1b[2;3;39m три\x1b[0m" in shown
