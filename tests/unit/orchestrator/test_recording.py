"""Chunks on the disk, and segments of audio."""

from __future__ import annotations

import io

import av
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


def encoded(container, codec, seconds=1.0, channels=1, rate=44_100):
    """A tone that a recorder has written in any format."""
    layout = "stereo" if channels == 2 else "mono"
    tone = (np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 440 / rate) * 9000).astype(np.int16)
    target = io.BytesIO()
    with av.open(target, "w", format=container) as file:
        stream = file.add_stream(codec, rate=48_000 if codec == "libopus" else rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, channels)[None, :], format="s16", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, layout, stream.rate, frame_size=stream.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return target.getvalue()


@pytest.mark.parametrize(
    ("encoding", "container", "codec"),
    [
        (AudioEncoding.AUDIO_ENCODING_FLAC, "flac", "flac"),
        (AudioEncoding.AUDIO_ENCODING_OGG_OPUS, "ogg", "libopus"),
        (AudioEncoding.AUDIO_ENCODING_WEBM_OPUS, "webm", "libopus"),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_compressed_stream_becomes_one_recording(tmp_path, encoding, container, codec, restarted):
    config = LiveConfig(encoding=encoding, sample_rate=48_000, channels=1)
    streams = [encoded(container, codec), encoded(container, codec, 0.5, channels=2)][: 1 + restarted]
    pieces = [stream[place : place + 777] for stream in streams for place in range(0, len(stream), 777)]
    folder = tmp_path / "mtg_1"
    recording = Recording(folder, config)
    recording.write([AudioChunk(sequence=number, data=data) for number, data in enumerate(pieces, start=1)])
    recording.close()
    segments = AudioVault(tmp_path).store(as_file(folder, config), "mtg_1")
    assert sum(segment.samples for segment in segments) == pytest.approx(24_000 if restarted else 16_000, abs=120)
    assert len(list(folder.glob("*.partial*"))) == 1


def test_a_compressed_stream_that_is_text(tmp_path):
    config = LiveConfig(encoding=AudioEncoding.AUDIO_ENCODING_FLAC, sample_rate=48_000, channels=1)
    recording = Recording(tmp_path / "mtg_1", config)
    recording.write([AudioChunk(sequence=number, data=b"fLaC is what I say") for number in (1, 2)])
    recording.close()
    with pytest.raises(AudioUnreadable):
        as_file(tmp_path / "mtg_1", config)
    assert [path.name for path in (tmp_path / "mtg_1").iterdir()] == [CHUNKS]


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp3", "libmp3lame"), ("ipod", "aac"), ("adts", "aac"), ("ogg", "libopus"), ("webm", "libopus")],
)
def test_imports_of_common_formats(tmp_path, container, codec):
    (tmp_path / "a").write_bytes(encoded(container, codec, channels=2))
    (segment,) = AudioVault(tmp_path / "audio").store(tmp_path / "a", "mtg_1")
    assert segment.samples == pytest.approx(16_000, abs=900)
    samples, _ = soundfile.read(tmp_path / "audio" / "mtg_1" / segment.file_name)
    assert np.argmax(np.abs(np.fft.rfft(samples[1_000:], 16_000))) == pytest.approx(440, abs=2)


def test_a_playlist_opens_no_other_file(tmp_path):
    (tmp_path / "secret.mp3").write_bytes(encoded("mp3", "libmp3lame"))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path / 'secret.mp3'}\n#EXT-X-ENDLIST\n"
    (tmp_path / "a.mp3").write_text(playlist)
    with pytest.raises(AudioUnreadable):
        AudioVault(tmp_path / "audio").store(tmp_path / "a.mp3", "mtg_1")
