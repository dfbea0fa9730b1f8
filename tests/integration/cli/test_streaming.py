"""A live meeting from the client's side: back-pressure by acknowledgements, and broken connections."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from cli import streaming
from cli.client import connect
from cli.errors import UsageWrong
from cli.meetings import meeting_config
from cli.streaming import LiveStream
from tests.browser.double import Double

Run = Callable[..., Any]
CHUNK = b"\x00" * 3200


async def chunks(count: int, asked: list[int] | None = None) -> AsyncIterator[bytes]:
    for number in range(count):
        if asked is not None:
            asked.append(number)
        yield CHUNK


async def stream(double: Double, source: AsyncIterator[bytes], window: int = 100) -> list[str]:
    async with connect(double.address) as client:
        live = LiveStream(client, meeting_config("", title="x"), source, window)
        async with aclosing(live.events()) as events:
            return [event.WhichOneof("response") async for event in events]


async def test_all_chunks_arrive_once_and_in_order(double: Double) -> None:
    kinds = await stream(double, chunks(300))
    assert double.received == list(range(1, 301))
    assert kinds[0] == "opened"
    assert kinds[-1] == "closed"
    assert kinds.count("turn") == len(double.turns)


async def test_no_more_than_the_window_is_unacknowledged(double: Double) -> None:
    double.ack_every, double.hears = 10**9, False
    asked: list[int] = []
    async with connect(double.address) as client:
        live = LiveStream(client, meeting_config("", title="x"), chunks(1000, asked), 20)
        async with aclosing(live.events()) as events:
            import asyncio

            assert (await anext(events)).WhichOneof("response") == "opened"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await anext(events)
    assert len(double.received) <= 20
    assert len(asked) <= 20 + 12


async def test_a_broken_connection_loses_and_repeats_nothing(double: Double) -> None:
    double.drop_after = 120
    kinds = await stream(double, chunks(300))
    assert double.received == list(range(1, 301))
    assert kinds.count("opened") == 2
    assert kinds[-1] == "closed"


async def test_a_file_waits_for_its_words(double: Double) -> None:
    async with connect(double.address) as client:
        live = LiveStream(client, meeting_config("", title="x"), chunks(300), 100, 5.0)
        async with aclosing(live.events()) as events:
            async for event in events:
                if event.HasField("progress"):
                    assert live.seconds - event.progress.transcribed.seconds < 5.0 + 0.2
    assert double.received == list(range(1, 301))
    assert double.flushed == 1


async def test_a_file_goes_on_without_words_where_none_come(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "_PATIENCE", 0.2)
    double.hears = False
    async with connect(double.address) as client:
        live = LiveStream(client, meeting_config("", title="x"), chunks(300), 100, 5.0)
        async with aclosing(live.events()) as events:
            kinds = [event.WhichOneof("response") async for event in events]
    assert double.received == list(range(1, 301))
    assert kinds[-1] == "closed"


async def test_a_damaged_recording_keeps_what_came_before(double: Double) -> None:
    async def damaged() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield CHUNK
        raise UsageWrong("cut off")

    with pytest.raises(UsageWrong, match="cut off"):
        await stream(double, damaged())
    assert double.received == list(range(1, 51))


def test_the_command_streams_a_file_and_prints_the_transcript(planerka: Run, double: Double, samples: Path) -> None:
    done = planerka("meeting", "stream", str(samples / "standup_ru" / "meeting.flac"))
    assert done.status == 0, done.err
    assert len(double.received) == 1220
    spoken = " ".join(done.out.split())
    for turn in double.turns:
        assert f"{turn.speaker_name}: {turn.text}" in spoken


SOUNDDEVICE = '''
"""A microphone that hears a tone: what `cli.audio` uses of the package sounddevice."""

import os
import threading
import time


class PortAudioError(Exception):
    pass


def check_input_settings(**settings):
    if os.environ.get("NO_MICROPHONE"):
        raise PortAudioError("Error querying device -1")


class RawInputStream:
    def __init__(self, *, samplerate, channels, dtype, blocksize, callback):
        assert (samplerate, channels, dtype) == (16_000, 1, "int16"), (samplerate, channels, dtype)
        self._block, self._callback, self._stop = bytes([7, 0]) * blocksize, callback, threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._speak)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        self._thread.join()

    def _speak(self):
        while not self._stop.is_set():
            time.sleep(0.05)
            self._callback(memoryview(self._block), len(self._block) // 2, None, None)
'''


def test_no_microphone_opens_no_meeting(
    planerka: Run, double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(double.meetings)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    missing = planerka("meeting", "stream", "--microphone")
    assert missing.status == 2
    assert "planerka[microphone]" in missing.err
    monkeypatch.delitem(sys.modules, "sounddevice")
    (tmp_path / "sounddevice.py").write_text(SOUNDDEVICE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NO_MICROPHONE", "1")
    absent = planerka("meeting", "stream", "--microphone")
    monkeypatch.delitem(sys.modules, "sounddevice")
    assert absent.status == 2
    assert "Is one plugged in?" in absent.err
    assert len(double.meetings) == before


@pytest.mark.timeout(90)
def test_ctrl_c_ends_a_meeting_from_the_microphone(double: Double, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text(SOUNDDEVICE, encoding="utf-8")
    paths = [str(tmp_path), str(repository), str(repository / "gen")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "PLANERKA_HOME": str(tmp_path / "home"),
        "PLANERKA_LANGUAGE": "en",
    }
    command = [sys.executable, "-m", "cli", "--address", double.address, "meeting", "stream", "--microphone"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        deadline = time.monotonic() + 40
        while len(double.received) < 20 and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=40)
    finally:
        running.kill()
    assert running.returncode == 0, err
    assert len(double.received) >= 20
    assert double.received == list(range(1, len(double.received) + 1))
    assert double.flushed == 1
    assert "Ending the meeting" in err
    assert f"Understood: {len(double.turns)} turns of 3 speakers" in err
    assert double.turns[-1].text[:40] in " ".join(out.split())
