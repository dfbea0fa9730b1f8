"""Live streams: what comes out depends on the bytes alone, comes early, and bad streams get typed errors."""

import io
import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from asr_service import stream_decoder
from asr_service.audio import Recording, decode_file
from asr_service.errors import TooManyChannels, UndecodableAudio
from asr_service.resampling import to_int16
from asr_service.stream_decoder import Encoding, MultiChannelConverter, StreamDecoder, open_converter

SECONDS = 3.0


def sound(rate: int, channels: int = 1, seconds: float = SECONDS) -> np.ndarray:
    """Something like speech, int16 [samples, channels]: a buzz with pauses, another pitch in each channel."""
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(5).normal(0, 0.01, (len(time), channels))
    pitch = 110 * (1 + np.arange(channels))
    buzz = sum(np.sin(2 * np.pi * pitch * harmonic * time[:, None]) / harmonic for harmonic in range(1, 8))
    loud = (np.sin(2 * np.pi * 1.3 * time) > -0.3)[:, None]
    return to_int16((0.2 * buzz * loud + noise).astype(np.float32))


def encoded(container: str, codec: str, rate: int, samples: np.ndarray, **options: str) -> bytes:
    target = io.BytesIO()
    layout = {1: "mono", 2: "stereo"}.get(samples.shape[1], f"{samples.shape[1]}c")
    with av.open(target, "w", format=container, options={"live": "1"} if container == "webm" else {}) as file:
        stream = file.add_stream(codec, rate=48_000 if codec == "libopus" else rate, layout=layout, options=options)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.format, layout=layout, rate=stream.rate, frame_size=stream.frame_size
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return target.getvalue()


STREAMS: dict[str, tuple[Encoding, bytes]] = {
    "flac": ("flac", encoded("flac", "flac", 16_000, sound(16_000))),
    "flac-stereo": ("flac", encoded("flac", "flac", 44_100, sound(44_100, 2))),
    "ogg": ("ogg", encoded("ogg", "libopus", 48_000, sound(48_000), b="16000", application="voip")),
    "ogg-stereo": ("ogg", encoded("ogg", "libopus", 48_000, sound(48_000, 2), b="64000")),
    "webm": ("webm", encoded("webm", "libopus", 48_000, sound(48_000), b="24000")),
}


def decoded(encoding: Encoding, data: bytes, cuts: list[int] | None = None) -> np.ndarray:
    converter = open_converter(encoding, 16_000, 1)
    edges = [0, *sorted(cuts or []), len(data)]
    pieces = [converter.convert(data[start:end]) for start, end in itertools.pairwise(edges)]
    return np.concatenate([*pieces, converter.finish()])


def decoded_file(data: bytes, folder: Path) -> np.ndarray:
    (folder / "a").write_bytes(data)
    with Recording(folder / "a.pcm") as recording:
        list(decode_file(folder / "a", recording))
        return to_int16(recording.read(0, recording.samples))


@pytest.mark.parametrize("name", STREAMS)
def test_any_cut_gives_what_the_whole_file_gives(name: str, tmp_path: Path) -> None:
    encoding, data = STREAMS[name]
    whole, file = decoded(encoding, data), decoded_file(data, tmp_path)
    assert len(whole) == len(file) == pytest.approx(SECONDS * 16_000, abs=20)
    # Files are decoded by FFmpeg's own Opus decoder, which differs from the reference at low bit rates.
    assert np.corrcoef(whole, file)[0, 1] > 0.995
    if encoding == "flac":
        np.testing.assert_array_equal(whole, file)
    random = np.random.default_rng(7)
    for number in (0, 1, 5, 60):
        cuts = random.integers(0, len(data), number).tolist()
        np.testing.assert_array_equal(decoded(encoding, data, cuts), whole)
    np.testing.assert_array_equal(decoded(encoding, data, list(range(3_000))), whole)


def test_flac_is_lossless() -> None:
    np.testing.assert_array_equal(decoded(*STREAMS["flac"], [100, 9_999]), sound(16_000)[:, 0])


def test_a_flac_frame_comes_out_with_its_last_byte() -> None:
    encoding, data = STREAMS["flac"]
    with av.open(io.BytesIO(data)) as file:
        packets = [packet for packet in file.demux(audio=0) if packet.size]
    end = len(data) - sum(packet.size for packet in packets)
    converter = StreamDecoder(encoding)
    assert len(converter.convert(data[:end])) == 0
    for packet in packets:
        assert len(converter.convert(data[end : end + packet.size - 1])) == 0
        assert len(converter.convert(data[end + packet.size - 1 : end + packet.size])) == packet.duration
        end += packet.size


@pytest.mark.parametrize("name", STREAMS)
def test_nothing_waits_for_the_end(name: str) -> None:
    encoding, data = STREAMS[name]
    converter = StreamDecoder(encoding)
    assert len(converter.convert(data)) >= SECONDS * 16_000 - 500
    assert len(converter.finish()) < 500


OTHERS = {
    **{name: data for name, (_, data) in STREAMS.items()},
    "text": b"Agenda: release",
    "zeros": bytes(500),
    "noise": np.random.default_rng(1).bytes(500),
}


@pytest.mark.parametrize(
    ("encoding", "other"),
    [(one, other) for one in ("flac", "ogg", "webm") for other in OTHERS if not other.startswith(one)],
)
def test_another_stream_than_announced_is_refused_at_once(encoding: Encoding, other: str) -> None:
    data = OTHERS[other]
    with pytest.raises(UndecodableAudio, match="announced as") as caught:
        StreamDecoder(encoding).convert(data[:200])
    assert ("it looks like" in str(caught.value)) == (other in STREAMS)


@pytest.mark.parametrize("name", STREAMS)
def test_damage_in_the_middle_loses_only_what_is_damaged(name: str) -> None:
    encoding, data = STREAMS[name]
    whole = decoded(encoding, data)
    middle = len(data) // 2
    broken = data[:middle] + np.random.default_rng(3).bytes(700) + data[middle + 700 :]
    heard = decoded(encoding, broken, [middle + 300])
    np.testing.assert_array_equal(heard[:8_000], whole[:8_000])
    # Numbers of frames and pages tell how much was lost; blocks of WebM do not.
    assert len(heard) == pytest.approx(len(whole), abs=16_000 if encoding == "webm" else 0)
    assert np.corrcoef(heard[-4_000:], whole[-4_000:])[0, 1] > 0.99


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_turns_into_garbage_fails(name: str) -> None:
    encoding, data = STREAMS[name]
    garbage = np.random.default_rng(4).bytes(1 << 20)
    with pytest.raises(UndecodableAudio, match="damaged"):
        decoded(encoding, data + garbage, list(range(len(data), len(data) + len(garbage), 1 << 16)))


@pytest.mark.parametrize("name", STREAMS)
def test_random_bytes_never_break_anything_else(name: str) -> None:
    encoding, data = STREAMS[name]
    random = np.random.default_rng(11)
    for _ in range(4):
        broken = np.frombuffer(data, dtype=np.uint8).copy()
        places = random.integers(0, len(broken), random.integers(1, 200))
        broken[places] = random.integers(0, 256, len(places))
        cuts = random.integers(0, len(data), 4).tolist()
        results = []
        for some in (cuts, []):
            try:
                results.append(decoded(encoding, broken.tobytes(), some))
            except UndecodableAudio as error:
                results.append(np.frombuffer(error.reason.encode(), dtype=np.uint8))
        np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("first", "second"), [("ogg", "ogg-stereo"), ("flac", "flac-stereo"), ("flac-stereo", "flac"), ("webm", "webm")]
)
def test_streams_one_after_the_other(first: str, second: str) -> None:
    encoding, before = STREAMS[first]
    after = STREAMS[second][1]
    both = decoded(encoding, before + after, [len(before) + 2])
    parts = [decoded(encoding, before), decoded(encoding, after)]
    seam = len(parts[0])
    # A resampler that need not change hears both streams at the seam.
    np.testing.assert_array_equal(both[: seam - 50], parts[0][:-50])
    np.testing.assert_array_equal(both[seam + 50 :], parts[1][50:])


def test_a_bomb_of_silence_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_decoder, "_LONGEST_STEP", 60 * 16_000)
    packet = bytes([0xE3, 0x30])  # 48 frames of 2.5 ms each
    converter = StreamDecoder("webm")
    head = STREAMS["webm"][1]
    converter.convert(head)
    block = b"\xa3" + bytes([0x80 | (4 + len(packet))]) + b"\x81\x00\x00\x80" + packet
    with pytest.raises(UndecodableAudio, match="minutes"):
        converter.convert(block * 1_000)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_channels_stay_apart(rate: int) -> None:
    samples = sound(rate, 2)
    flac = encoded("flac", "flac", rate, samples)
    results = []
    for encoding, data in (("s16", samples.tobytes()), ("flac", flac)):
        converter = MultiChannelConverter(encoding, rate, 2)
        step = 1_000 * converter.frame_bytes
        pieces = [converter.convert(data[place : place + step]) for place in range(0, len(data), step)]
        results.append(np.concatenate([piece for piece in [*pieces, converter.finish()] if piece.size], axis=1))
        assert converter.channels == 2
    np.testing.assert_array_equal(*results)
    assert results[0].shape[1] == pytest.approx(SECONDS * 16_000, abs=20)
    if rate == 16_000:
        np.testing.assert_array_equal(results[0], samples.T)
    spectra = np.abs(np.fft.rfft(results[0].astype(np.float32), 16_000, axis=1))
    assert np.argmax(spectra, axis=1).tolist() == [110, 220]


def test_more_channels_than_can_be_told_apart() -> None:
    with pytest.raises(TooManyChannels) as caught:
        MultiChannelConverter("s16", 16_000, 9)
    assert caught.value.reason == "TOO_MANY_CHANNELS"


def test_a_number_of_channels_that_changes() -> None:
    converter = MultiChannelConverter("ogg", 48_000, 2)
    assert converter.convert(STREAMS["ogg"][1]).shape[0] == 1
    with pytest.raises(UndecodableAudio, match="channels changed from 1 to 2"):
        converter.convert(STREAMS["ogg-stereo"][1])
