"""The cross-encoder, beside the same weights in sentence-transformers on PyTorch."""

from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import CrossEncoder

from tests import cross_encoder
from textkit.embedder import ModelFolderError
from textkit.reranker import NotACrossEncoderError, Reranker

QUESTION = "когда переносим базу"
TEXTS = (
    "базу переносим в ночь на субботу",
    "the label on the box",
    "",
    "слово " * 700,
    "когда переносим базу",
    "стены офиса зелёные " * 20,
)
WORDS = " ".join((QUESTION, *TEXTS)).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cross_encoder.save(tmp_path_factory.mktemp("cross-encoder"), WORDS)


def test_scores_are_those_of_pytorch(folder: Path) -> None:
    peer = CrossEncoder(str(folder), device="cpu").predict(
        [(QUESTION, text) for text in TEXTS], activation_fn=None, convert_to_numpy=True, apply_softmax=False
    )
    reranker = Reranker(folder)

    scores = reranker.score(QUESTION, TEXTS)

    assert np.ptp(scores) > 0.1, "the weights tell the texts apart"
    # The sigmoid that sentence-transformers adds keeps the order.
    assert np.allclose(1 / (1 + np.exp(-scores)), peer, atol=1e-4)
    assert reranker.order(QUESTION, TEXTS) == list(np.argsort(-peer, kind="stable"))


def test_a_text_has_the_same_score_alone_and_among_longer_ones(folder: Path) -> None:
    reranker = Reranker(folder)

    together = reranker.score(QUESTION, TEXTS)

    assert np.allclose([reranker.score(QUESTION, [text])[0] for text in TEXTS], together, atol=1e-4)
    assert reranker.score(QUESTION, []).shape == (0,)


def test_of_two_classes_the_second_one_is_that_it_fits(tmp_path: Path) -> None:
    folder = cross_encoder.save(tmp_path, WORDS, labels=2)
    peer = CrossEncoder(str(folder), device="cpu").predict([(QUESTION, text) for text in TEXTS], apply_softmax=True)

    scores = Reranker(folder).score(QUESTION, TEXTS)

    assert np.allclose(1 / (1 + np.exp(-scores)), peer[:, 1], atol=1e-4)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    folder = cross_encoder.save(tmp_path / "three", WORDS, labels=3)

    with pytest.raises(NotACrossEncoderError, match="not one score or two classes"):
        Reranker(folder)
    (folder / "model.onnx").write_bytes(b"no model")
    with pytest.raises(NotACrossEncoderError, match="cannot be used"):
        Reranker(folder)
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(NotACrossEncoderError, match="is no tokenizer"):
        Reranker(folder)
    with pytest.raises(ModelFolderError, match=r"model\.onnx"):
        Reranker(tmp_path)
