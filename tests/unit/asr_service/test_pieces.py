"""Stretches of one voice, and what windows know about pieces."""

import numpy as np

from asr_service.clustering import Piece
from asr_service.pieces import StretchFinder, mean_over_windows, voice_links
from asr_service.segmentation import CERTAIN, FRAME_SECONDS, WINDOW_FRAMES, LocalActivity

STEP = 59


def activity(*spans: tuple[int, int, int], frames: int = 1_200) -> LocalActivity:
    """What perfect windows see of spans (first frame, frame after the last, voice)."""
    whole = np.zeros((frames + WINDOW_FRAMES, 3), dtype=np.uint8)
    for first, last, voice in spans:
        whole[first:last, voice] = CERTAIN
    starts = np.arange(0, max(frames - WINDOW_FRAMES, 0) + STEP, STEP, dtype=np.int64)
    return LocalActivity(starts, np.stack([whole[start : start + WINDOW_FRAMES] for start in starts]), frames)


def test_stretches_are_cut_at_changes_and_left_out_where_two_speak() -> None:
    heard = activity((100, 300, 0), (303, 500, 1), (600, 900, 2), (700, 760, 1))
    stretches = StretchFinder().take(heard, heard.frames, last=True)
    assert stretches == [(100, 300), (303, 500), (600, 700), (760, 900)]


def test_a_change_without_a_pause_cuts_in_the_middle() -> None:
    ((_, left), (right, _)) = StretchFinder().take(activity((100, 300, 0), (300, 500, 1)), 1_200, last=True)
    assert left == right
    assert abs(left - 300) <= 4


def test_stretches_found_bit_by_bit_cover_the_same_speech_once() -> None:
    heard = activity((100, 300, 0), (300, 560, 1), (600, 1_100, 2))
    finder = StretchFinder()
    found = [stretch for until in range(STEP, 1_200, STEP) for stretch in finder.take(heard, until, last=False)]
    found += finder.take(heard, heard.frames, last=True)
    covered = np.zeros(1_200, dtype=int)
    for first, last in found:
        covered[first:last] += 1
    assert covered.max() == 1
    assert [covered[100:560].min(), covered[600:1_100].min(), covered.sum()] == [1, 1, 960]
    assert any(abs(last - 300) <= 4 for _, last in found)


def test_windows_link_pieces_of_one_voice_and_part_those_of_two() -> None:
    heard = activity((100, 300, 0), (310, 500, 1), (1_100, 1_190, 0))
    pieces = [
        Piece(first * FRAME_SECONDS, last * FRAME_SECONDS)
        for first, last in ((100, 190), (200, 290), (320, 410), (1_105, 1_185))
    ]
    links = voice_links(heard, pieces)
    assert links[0, 1] == 1
    assert links[0, 2] == links[2, 0] == -1
    assert links[0, 3] == 0


def test_mean_over_windows_counts_only_windows_that_cover_a_frame() -> None:
    means = mean_over_windows(np.array([-2, 1]), np.array([[1, 2, 3], [5, 6, 7]], np.float32), 5)
    assert means.tolist() == [3, 5, 6, 7, 0]
