"""Endpoints from probabilities, and chunks from regions."""

import numpy as np
import pytest

from asr_service.audio import SAMPLE_RATE
from asr_service.segmentation import WINDOW, window_starts
from asr_service.transcriber import CHUNK_SECONDS, chunk_regions
from asr_service.vad import FRAME, Endpointer, Region, VadSettings, without_overlap

PER_SECOND = SAMPLE_RATE / FRAME


def probabilities(*stretches: tuple[float, float]) -> np.ndarray:
    return np.concatenate([np.full(round(seconds * PER_SECOND), value) for seconds, value in stretches])


def seconds(region: Region) -> tuple[float, float]:
    return region.start / SAMPLE_RATE, region.end / SAMPLE_RATE


def test_a_region_begins_and_ends_with_padding() -> None:
    endpointer = Endpointer(VadSettings(min_silence=0.4, padding=0.2))
    (region,) = endpointer.push(probabilities((1, 0.0), (2, 0.9), (1, 0.0)))
    assert seconds(region) == pytest.approx((0.8, 3.2), abs=0.05)
    assert endpointer.running_since is None


def test_short_pauses_and_doubtful_frames_do_not_end_a_region() -> None:
    endpointer = Endpointer(VadSettings(min_silence=0.4))
    assert endpointer.push(probabilities((1, 0.9), (0.3, 0.0), (1, 0.9), (5, 0.4), (0.2, 0.0))) == []
    assert seconds(endpointer.finish()[0]) == pytest.approx((0.0, 7.7), abs=0.1)


def test_frame_by_frame_is_the_same_as_at_once() -> None:
    signal = np.random.default_rng(3).choice([0.0, 0.4, 0.9], 2_000, p=[0.6, 0.1, 0.3])
    settings = VadSettings(min_silence=0.1)
    whole, single = Endpointer(settings), Endpointer(settings)
    regions = whole.push(signal) + whole.finish()
    assert [region for frame in signal for region in single.push([frame])] + single.finish() == regions
    assert len(regions) > 5


def test_a_click_is_no_speech() -> None:
    endpointer = Endpointer(VadSettings(min_speech=0.1))
    assert endpointer.push(probabilities((1, 0.0), (0.05, 0.9), (1, 0.0))) == []


def test_a_cut_leaves_no_gap_and_no_overlap() -> None:
    endpointer = Endpointer(VadSettings())
    endpointer.push(probabilities((1, 0.0), (10, 0.9)))
    first = endpointer.cut(6 * SAMPLE_RATE)
    assert first is not None
    (second,) = endpointer.push(probabilities((5, 0.9), (2, 0.0)))
    assert first.end == second.start
    assert seconds(first)[1] == pytest.approx(6.0, abs=0.1)


def test_a_cut_in_silence_is_none() -> None:
    assert Endpointer(VadSettings()).cut(100) is None


def test_overlapping_padding_is_cut_in_the_middle() -> None:
    tidy = without_overlap([Region(0, 1_000), Region(900, 2_000), Region(2_500, 9_999)], 3_000)
    assert tidy == [Region(0, 950), Region(950, 2_000), Region(2_500, 3_000)]


def test_near_regions_are_joined_and_far_ones_are_not() -> None:
    regions = [
        Region(0, 5 * SAMPLE_RATE),
        Region(6 * SAMPLE_RATE, 9 * SAMPLE_RATE),
        Region(15 * SAMPLE_RATE, 16 * SAMPLE_RATE),
    ]
    chunks = chunk_regions(regions, probabilities((16, 0.5)))
    assert [seconds(chunk) for chunk in chunks] == [(0, 9), (15, 16)]


def test_a_long_region_is_cut_in_its_pauses() -> None:
    pauses = (20.0, 41.0, 63.0, 85.0)
    voice = np.full(round(100 * PER_SECOND), 0.9, dtype=np.float16)
    for pause in pauses:
        voice[round(pause * PER_SECOND) : round((pause + 0.3) * PER_SECOND)] = 0.05
    chunks = chunk_regions([Region(0, 100 * SAMPLE_RATE)], voice)
    assert [chunk.start for chunk in chunks[1:]] == [chunk.end for chunk in chunks[:-1]]
    assert (chunks[0].start, chunks[-1].end) == (0, 100 * SAMPLE_RATE)
    assert all(chunk.seconds <= CHUNK_SECONDS for chunk in chunks)
    cuts = [chunk.end / SAMPLE_RATE for chunk in chunks[:-1]]
    assert all(min(abs(cut - pause - 0.15) for pause in pauses) < 0.3 for cut in cuts)


def test_a_long_region_without_any_pause_is_cut_all_the_same() -> None:
    chunks = chunk_regions([Region(0, 90 * SAMPLE_RATE)], np.ones(round(90 * PER_SECOND), dtype=np.float16))
    assert sum(chunk.seconds for chunk in chunks) == pytest.approx(90)
    assert all(4 < chunk.seconds <= CHUNK_SECONDS for chunk in chunks)


def test_windows_without_a_hint_of_speech_are_skipped() -> None:
    voice = np.zeros(round(100 * PER_SECOND), dtype=np.float16)
    voice[round(50 * PER_SECOND)] = 0.2
    starts = window_starts(voice, 100 * SAMPLE_RATE, 60)
    assert starts
    assert all(start <= 50.1 * SAMPLE_RATE and start + WINDOW >= 49.9 * SAMPLE_RATE for start in starts)
    assert window_starts(np.zeros_like(voice), 100 * SAMPLE_RATE, 60) == []
    assert window_starts(np.ones(3, dtype=np.float16), 1_500, 60) == [0]
