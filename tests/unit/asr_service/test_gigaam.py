"""GigaAM's adapter with the real classes of onnx-asr, on small models with the inputs and outputs of the real ones."""

from pathlib import Path

import numpy as np
import onnx_asr
import pytest

from asr_service.adapters.gigaam import GigaAm, words_of
from asr_service.audio import SAMPLE_RATE
from asr_service.errors import EngineMissing
from asr_service.transcriber import DecodingTask
from tests.gigaam_models import random_rnnt, silence, tone, tone_ctc

TASK = DecodingTask("ru")


@pytest.fixture(scope="module")
def ctc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tone_ctc(tmp_path_factory.mktemp("models") / "gigaam-v3-ctc")


@pytest.fixture(scope="module")
def rnnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_rnnt(tmp_path_factory.mktemp("models") / "gigaam-v3-e2e-rnnt")


def test_tones_become_words_where_they_sound(ctc: Path) -> None:
    audio = np.concatenate(
        [silence(1.0), tone(500, 0.2), silence(0.1), tone(1500, 0.2), tone(3500, 0.2), tone(500, 0.2), silence(1.0)]
    )
    (phrase,) = GigaAm(ctc, device="cpu", threads=1).decode(audio, TASK)
    assert [word.text for word in phrase.words] == ["аб", "а"]
    assert [word.start for word in phrase.words] == pytest.approx([1.0, 1.7], abs=0.05)
    assert phrase.words[0].end == pytest.approx(1.3 + 0.16, abs=0.05)
    assert all(0.5 < word.confidence <= 1 for word in phrase.words)
    assert (phrase.language, phrase.log_probability < 0) == ("ru", True)


def test_more_than_the_model_takes_is_cut_in_silence(ctc: Path) -> None:
    audio = np.concatenate([tone(500, 12.3), silence(0.4), tone(1500, 12.4), silence(2.0), tone(500, 0.4)])
    (phrase,) = GigaAm(ctc, device="cpu", threads=1).decode(audio, TASK)
    assert "".join(word.text for word in phrase.words) == "аба"
    assert [word.start for word in phrase.words] == sorted(word.start for word in phrase.words)
    assert phrase.words[-1].end <= len(audio) / SAMPLE_RATE


@pytest.mark.parametrize("seconds", [0.0, 0.05, 2.0])
def test_silence_and_scraps_have_no_words(ctc: Path, seconds: float) -> None:
    assert GigaAm(ctc, device="cpu", threads=1).decode(silence(seconds), TASK) == []


def test_the_transducer_says_what_onnx_asr_says_by_itself(rnnt: Path) -> None:
    audio = np.random.default_rng(1).normal(0, 0.1, 3 * SAMPLE_RATE).astype(np.float32)
    (phrase,) = GigaAm(rnnt, device="cpu", threads=1).decode(audio, TASK)
    alone = onnx_asr.load_model("gigaam-v3-e2e-rnnt", rnnt, providers=["CPUExecutionProvider"]).recognize(audio)
    assert phrase.text.replace(" ", "") == alone.replace(" ", "")
    assert len(phrase.words) > 3
    for word, following in zip(phrase.words, phrase.words[1:], strict=False):
        assert 0 <= word.start <= word.end <= 3.0
        assert word.start <= following.start


def test_a_folder_without_the_files_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "gigaam-v3-ctc"
    folder.mkdir()
    with pytest.raises(EngineMissing, match="planerka models pull --force gigaam-v3-ctc"):
        GigaAm(folder, device="cpu", threads=1)


def test_tokens_become_words_with_their_punctuation() -> None:
    words = words_of(
        [" при", "вет", ",", " мир", "."],
        [0.2, 0.4, 0.48, 0.8, 1.0],
        list(np.log([0.9, 0.8, 0.9, 0.5, 0.5])),
        10.0,
        11.1,
    )
    assert [word.text for word in words] == ["привет,", "мир."]
    assert [word.start for word in words] == pytest.approx([10.2, 10.8])
    assert [word.end for word in words] == pytest.approx([10.64, 11.1])
    assert words[1].confidence == pytest.approx(0.5)
