"""Chunks on the disk, and segments of audio."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from planerka.asr.v1.asr_pb2 import AudioChunk, AudioEncoding
from planerka.orchestrator.v1.orchestrator_pb2 import LiveConfig

from orchestrator.audio import AudioVault
from orchestrator.errors import AudioUnreadable, EmptyFile, StreamOutOfOrder
from orchestrator.recording import CHUNKS, Recording, as_file, seconds_of_chunks

CONFIG = LiveConfig(encoding=AudioEncoding.AUDIO_ENCODING_PCM_S16LE, sample_rate=8000, channels=2)


def chunk(number, size=400):
    return AudioChunk(sequence=number, data=bytes([number % 256]) * size)


@pytest.mark.parametrize("cut", [1, 15, 17, 300])
def test_a_record_that_was_cut_off_is_dropped_and_asked_for_again(tmp_path, cut):
    recording = Recording(tmp_path, CONFIG)
    chunks = [chunk(number) for number in (1, 2, 3)]
    assert all(recording.take(item) for item in chunks)
    recording.write(chunks)
    recording.close()
    path = tmp_path / CHUNKS
    path.write_bytes(path.read_bytes()[:-cut])
    again = Recording(tmp_path, CONFIG)
    assert (again.next_sequence, again.bytes_written) == (3, 800)
    assert again.take(chunk(3))
    again.write([chunk(3)])
    again.close()
    assert Recording(tmp_path, CONFIG).next_sequence == 4


def test_order_and_whole_samples(tmp_path):
    recording = Recording(tmp_path, CONFIG)
    assert recording.take(chunk(1))
    assert not recording.take(chunk(1))
    with pytest.raises(StreamOutOfOrder, match="Chunk 2 is missing"):
        recording.take(chunk(3))
    with pytest.raises(StreamOutOfOrder, match="multiple of 4 bytes"):
        recording.take(chunk(2, 401))
    recording.close()
    assert seconds_of_chunks(CONFIG, 32_000) == 1.0


def test_chunks_become_one_file_and_that_becomes_flac(tmp_path):
    folder = tmp_path / "mtg_1"
    recording = Recording(folder, CONFIG)
    tone = (np.sin(np.arange(16_000) / 5) * 9000).astype("<i2").tobytes()
    chunks = [AudioChunk(sequence=n + 1, data=tone[n * 400 : (n + 1) * 400]) for n in range(80)]
    recording.write(chunks)
    recording.close()
    source = as_file(folder, CONFIG)
    assert soundfile.info(source).frames == 8000
    segments = AudioVault(tmp_path).store(source, "mtg_1")
    assert [segment.file_name for segment in segments] == ["000001.flac"]
    assert segments[0].samples == pytest.approx(16_000, abs=64)


def test_nothing_received_is_no_file(tmp_path):
    assert as_file(tmp_path, CONFIG) is None
    Recording(tmp_path, CONFIG).close()
    assert as_file(tmp_path, CONFIG) is None


def test_a_file_without_audio_leaves_nothing(tmp_path):
    vault = AudioVault(tmp_path / "audio")
    source = tmp_path / "x.wav"
    for content, error in ((b"", EmptyFile), (b"text, not sound\n" * 100, AudioUnreadable)):
        source.write_bytes(content)
        with pytest.raises(error):
            vault.store(source, "mtg_1", "x.wav")
        assert not list(tmp_path.glob("audio/*"))
