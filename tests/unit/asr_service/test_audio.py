"""Decoding: every common form becomes 16 kHz mono, and bad input gets a typed error."""

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from asr_service.audio import SAMPLE_RATE, Excerpt, PcmConverter, Recording, decode_file
from asr_service.errors import AudioTooLong, EmptyAudio, NoAudioTrack, TruncatedAudio, UndecodableAudio


def tone(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    wave_form = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
    return np.repeat((wave_form * 32767).astype("<i2")[:, None], channels, axis=1)


def wav(path: Path, seconds: float = 1.0, rate: int = 16_000, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(tone(seconds, rate, channels).tobytes())
    return path


def encoded(path: Path, codec: str, rate: int, seconds: float = 1.0) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(tone(seconds, rate, 2).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.format, layout="stereo", rate=rate, frame_size=stream.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def recording(tmp_path: Path):
    with Recording(tmp_path / "decoded.pcm") as target:
        yield target


def decode(source: Path, recording: Recording, **limits: float) -> Recording:
    list(decode_file(source, recording, **limits))
    return recording


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (8_000, 2), (44_100, 2), (48_000, 1), (11_025, 6)])
def test_wav_of_any_rate_and_channel_count(tmp_path: Path, recording: Recording, rate: int, channels: int) -> None:
    decode(wav(tmp_path / "a.wav", 2.0, rate, channels), recording)
    assert recording.duration == pytest.approx(2.0, abs=0.02)
    spectrum = np.abs(np.fft.rfft(recording.read(8_000, 24_000)))
    assert np.argmax(spectrum) == 440


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.flac", "flac", 16_000),
        ("a.mp3", "libmp3lame", 44_100),
        ("a.m4a", "aac", 44_100),
        ("a.ogg", "libopus", 48_000),
        ("a.webm", "libopus", 48_000),
    ],
)
def test_common_containers(tmp_path: Path, recording: Recording, name: str, codec: str, rate: int) -> None:
    decode(encoded(tmp_path / name, codec, rate), recording)
    assert recording.duration == pytest.approx(1.0, abs=0.1)
    assert np.argmax(np.abs(np.fft.rfft(recording.read(2_000, 14_000), 16_000))) == pytest.approx(440, abs=2)


def test_the_content_decides_not_the_name(tmp_path: Path, recording: Recording) -> None:
    wav(tmp_path / "a.wav").rename(tmp_path / "a.mp3")
    assert decode(tmp_path / "a.mp3", recording).duration == pytest.approx(1.0)


def test_an_empty_file(tmp_path: Path, recording: Recording) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(EmptyAudio):
        decode(tmp_path / "a.wav", recording)


def test_a_wav_without_samples(tmp_path: Path, recording: Recording) -> None:
    with pytest.raises(EmptyAudio):
        decode(wav(tmp_path / "a.wav", 0.0), recording)


@pytest.mark.parametrize("content", [b"Agenda:\n1. release\n" * 50, b"\x00" * 5_000, b"RIFF", bytes(range(256)) * 40])
def test_what_is_no_audio(tmp_path: Path, recording: Recording, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UndecodableAudio):
        decode(tmp_path / "a.wav", recording)


def test_a_playlist_does_not_open_other_files(tmp_path: Path, recording: Recording) -> None:
    other = wav(tmp_path / "secret.wav")
    (tmp_path / "a.wav").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n")
    with pytest.raises(UndecodableAudio):
        decode(tmp_path / "a.wav", recording)


def test_a_film_without_sound(tmp_path: Path, recording: Recording) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(NoAudioTrack):
        decode(tmp_path / "a.mp4", recording)


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_a_file_that_is_cut_off(tmp_path: Path, recording: Recording, kind: str) -> None:
    whole = wav(tmp_path / "a.wav", 10.0) if kind == "wav" else encoded(tmp_path / "a.flac", "flac", 16_000, 10.0)
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    with pytest.raises(TruncatedAudio) as caught:
        decode(whole, recording)
    assert caught.value.reason == "TRUNCATED_AUDIO"
    assert caught.value.decoded == pytest.approx(5.0, abs=1.0)


def test_a_recording_that_is_too_long(tmp_path: Path, recording: Recording) -> None:
    with pytest.raises(AudioTooLong):
        decode(wav(tmp_path / "a.wav", 3.0), recording, max_seconds=2.0)


def test_recording_reads_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "a.pcm"
    with Recording(path) as recording:
        recording.append(np.array([0, 16_384, -32_768], dtype=np.int16))
        recording.append(np.array([32_767], dtype=np.int16))
        recording.sync()
        assert recording.samples == 4
        assert recording.read(1, 99).tolist() == pytest.approx([0.5, -1.0, 32_767 / 32_768])
        assert recording.read(-5, 1).tolist() == [0.0]
        assert len(recording.read(4, 9)) == 0
        assert Excerpt(recording, 1, 3).read(0, 9).tolist() == pytest.approx([0.5, -1.0])
    assert not path.exists()


@pytest.mark.parametrize(("sample_format", "dtype"), [("s16", "<i2"), ("flt", "<f4")])
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_live_pcm_in_odd_pieces(sample_format: str, dtype: str, rate: int) -> None:
    stereo = tone(1.0, rate, 2)
    data = (stereo if dtype == "<i2" else (stereo / 32768).astype("<f4")).tobytes()
    converter = PcmConverter(sample_format, rate, 2)
    step = 37 * converter.frame_bytes
    pieces = [converter.convert(data[place : place + step]) for place in range(0, len(data), step)]
    samples = np.concatenate([*pieces, converter.finish()])
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=20)
    assert np.argmax(np.abs(np.fft.rfft(samples[:SAMPLE_RATE], SAMPLE_RATE))) == 440


def test_live_pcm_that_holds_half_a_sample() -> None:
    with pytest.raises(UndecodableAudio):
        PcmConverter("s16", 16_000, 2).convert(b"\x00\x00\x00")


def test_float_samples_that_are_no_numbers_become_silence() -> None:
    data = np.array([np.nan, np.inf, -np.inf, 0.25], dtype="<f4").tobytes()
    assert PcmConverter("flt", 16_000, 1).convert(data).tolist() == [0, 32_767, -32_768, 8_192]
