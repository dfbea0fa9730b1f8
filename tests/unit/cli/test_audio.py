"""Files become chunks of 100 ms at 16 kHz, whatever they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.audio import CHUNK_SECONDS, file_chunks, length_of, paced
from cli.errors import UsageWrong


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """1.25 s of a stereo tone at 44.1 kHz."""
    path = tmp_path / "tone.wav"
    times = np.arange(int(1.25 * 44_100)) / 44_100
    wave = 0.3 * np.sin(2 * np.pi * 440 * times)
    soundfile.write(path, np.stack([wave, wave], axis=1), 44_100)
    return path


def test_chunks_are_100_ms_and_hold_the_whole_recording(tone: Path) -> None:
    chunks = list(file_chunks(tone))
    assert {len(chunk) for chunk in chunks[:-1]} == {3200}
    assert sum(map(len, chunks)) / 2 / 16_000 == pytest.approx(1.25, abs=0.01)
    samples = np.frombuffer(b"".join(chunks), dtype="<i2")
    assert np.abs(samples).max() == pytest.approx(0.3 * 32_767, rel=0.05)


def test_length(tone: Path) -> None:
    assert length_of(tone) == pytest.approx(1.25, abs=0.01)


def test_what_is_no_audio_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "talk.wav"
    text.write_text("Это не звук.")
    empty = tmp_path / "empty.flac"
    empty.touch()
    for path in (tmp_path / "missing.wav", text, empty):
        with pytest.raises(UsageWrong, match=path.name):
            list(file_chunks(path))


async def test_pace_is_kept() -> None:
    import time

    begun = time.monotonic()
    taken = [chunk async for chunk in paced(iter([b"1", b"2", b"3"]), 4.0)]
    assert taken == [b"1", b"2", b"3"]
    # A busy machine may be late, never early.
    assert 2 * CHUNK_SECONDS / 4 - 0.005 < time.monotonic() - begun < 1.0
