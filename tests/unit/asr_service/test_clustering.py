"""How many voices, and which pieces are whose, on vectors with a known truth."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from asr_service.clustering import Piece, SpeakerLimits, centroids, cluster_voices, is_crowded, load_nemo


def voices(counts: list[int], spread: float, seed: int = 0, dimension: int = 192) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around random centres, in random order, and whose they are."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(len(counts), dimension))
    truth = random.permutation(np.repeat(np.arange(len(counts)), counts))
    vectors = centres[truth] + spread * random.normal(size=(len(truth), dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), truth


def pieces(count: int) -> list[Piece]:
    return [Piece(1.5 * place, 1.5 * place + 1.45) for place in range(count)]


def same_partition(labels: np.ndarray, truth: np.ndarray) -> bool:
    return np.array_equal(labels[:, None] == labels[None], truth[:, None] == truth[None])


@pytest.mark.parametrize("spread", [0.4, 0.8, 1.2])
@pytest.mark.parametrize("counts", [[30], [20, 20], [25, 12, 18], [50, 8, 20, 15]])
def test_count_and_labels_whatever_the_noise(counts: list[int], spread: float) -> None:
    vectors, truth = voices(counts, spread)
    assert same_partition(cluster_voices(vectors, pieces(len(truth)), SpeakerLimits()), truth)


def test_short_recordings() -> None:
    assert cluster_voices(np.zeros((0, 192), np.float32), [], SpeakerLimits()).tolist() == []
    vectors, _ = voices([1], 0.5)
    assert cluster_voices(vectors, pieces(1), SpeakerLimits()).tolist() == [0]
    vectors, truth = voices([3, 3], 0.5)
    assert same_partition(cluster_voices(vectors, pieces(6), SpeakerLimits()), truth)


def test_a_short_remark_is_a_voice_only_where_it_differs_clearly() -> None:
    vectors, truth = voices([1, 30], 0.8)
    first = np.argsort(truth, kind="stable")
    short = [Piece(0.0, 0.5), *(Piece(place, place + 1.45) for place in np.arange(1, 46, 1.5))]
    clear = vectors[first].copy()
    clear[0] -= (
        clear[1:].mean(axis=0) * float(clear[0] @ clear[1:].mean(axis=0)) / float((clear[1:].mean(axis=0) ** 2).sum())
    )
    clear[0] /= np.linalg.norm(clear[0])
    assert len(set(cluster_voices(clear, short, SpeakerLimits()))) == 2
    vague = clear.copy()
    vague[0] = clear[0] + 0.4 * clear[1:].mean(axis=0)
    vague[0] /= np.linalg.norm(vague[0])
    assert len(set(cluster_voices(vague, short, SpeakerLimits()))) == 1


@pytest.mark.parametrize(("narrow", "found"), [([False, False], 1), ([True, False], 1), ([True, True], 2)])
def test_voices_that_are_much_alike_are_two_only_by_telephone(narrow: list[bool], found: int) -> None:
    random = np.random.default_rng(3)
    one, other = np.linalg.qr(random.normal(size=(192, 2)))[0].T
    # Between the clusters pieces are alike by 0.7 of what they are within one.
    centres = np.stack([one, 0.7 * one + np.sqrt(1 - 0.7**2) * other])
    truth = np.repeat([0, 1], 20)
    vectors = centres[truth] + 0.04 * random.normal(size=(40, 192))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    heard = [replace(piece, narrow=narrow[voice]) for piece, voice in zip(pieces(40), truth.tolist(), strict=True)]
    labels = cluster_voices(vectors, heard, SpeakerLimits())
    assert len(set(labels)) == found
    assert found == 1 or same_partition(labels, truth)


def test_a_small_part_of_one_stretch_is_no_voice_of_its_own() -> None:
    vectors, truth = voices([1, 30], 0.8)
    vectors = vectors[np.argsort(truth, kind="stable")]
    # Half like the others, as laughter or a second voice behind the first one makes a piece.
    vectors[0] += 0.4 * vectors[1:].mean(axis=0)
    vectors[0] /= np.linalg.norm(vectors[0])
    assert len(set(cluster_voices(vectors, pieces(31), SpeakerLimits()))) == 2
    one_voice = np.ones((31, 31), dtype=np.float32)
    assert len(set(cluster_voices(vectors, pieces(31), SpeakerLimits(), lambda _: one_voice))) == 1


@pytest.mark.parametrize("largest", [1, 2, 3, 4])
def test_more_voices_than_may_be_are_noticed(largest: int) -> None:
    vectors, _ = voices([20, 20, 20], 0.5)
    limits = SpeakerLimits(largest=largest)
    labels = cluster_voices(vectors, pieces(60), limits)
    assert is_crowded(vectors, pieces(60), labels, limits) == (largest < 3)


def test_a_short_remark_is_no_crowd() -> None:
    vectors, _ = voices([30, 2, 30], 0.5)
    limits = SpeakerLimits(largest=2)
    assert not is_crowded(vectors, pieces(62), cluster_voices(vectors, pieces(62), limits), limits)
    assert not is_crowded(vectors[:0], [], np.zeros(0, dtype=np.int64), limits)


def test_limits_are_kept() -> None:
    vectors, _ = voices([20, 20, 20], 0.5)
    assert len(set(cluster_voices(vectors, pieces(60), SpeakerLimits(largest=2)))) == 2
    assert set(cluster_voices(vectors, pieces(60), SpeakerLimits(largest=1))) == {0}
    assert len(set(cluster_voices(vectors, pieces(60), SpeakerLimits(smallest=3, largest=3)))) == 3


def test_long_recordings_are_thinned_out() -> None:
    vectors, truth = voices([2_000, 1_500], 0.6)
    assert same_partition(cluster_voices(vectors, pieces(3_500), SpeakerLimits()), truth)


def test_the_same_audio_gives_the_same_speakers() -> None:
    vectors, _ = voices([20, 20], 1.0)
    runs = [cluster_voices(vectors, pieces(40), SpeakerLimits()).tolist() for _ in range(2)]
    assert runs[0] == runs[1]


def test_centroids_are_unit_means() -> None:
    means = centroids(np.array([[1, 0], [0, 1], [1, 0]], np.float32), np.array([0, 0, 1]))
    assert means.tolist() == pytest.approx(np.array([[0.5**0.5, 0.5**0.5], [1, 0]]))


def test_the_light_import_leaves_a_package_that_others_can_look_for() -> None:
    load_nemo()
    spec = importlib.util.find_spec("nemo")
    assert spec is not None
    assert spec.submodule_search_locations
