"""The models of the product as they lie on this machine: whole, and doing their job."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import State, Store, default_root

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def store() -> Store:
    return Store(default_root())


def session(path: Path) -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def test_every_byte_is_what_was_stored(store: Store) -> None:
    needed = {model.id for model in store.manifest.models.values() if not model.optional}
    states = {status.id: status.state for status in store.verify()}
    assert states.keys() >= needed
    assert set(states.values()) == {State.PRESENT}


def test_the_conversions_compute(store: Store) -> None:
    from tokenizers import Tokenizer

    segmentation = session(store.path("pyannote-segmentation-3.0") / "model.onnx")
    (frames,) = segmentation.run(None, {"waveforms": np.zeros((2, 1, 160_000), np.float32)})
    assert frames.shape == (2, 589, 7)
    np.testing.assert_allclose(np.exp(frames).sum(-1), 1, atol=1e-4)
    assert np.exp(frames[..., 0]).mean() > 0.9, "silence is nobody"

    embedding = session(store.path("campplus-zh-en-192") / "model.onnx")
    (vector,) = embedding.run(None, {"fbank": np.random.default_rng(0).normal(size=(3, 145, 80)).astype(np.float32)})
    assert vector.shape == (3, 192)
    assert np.isfinite(vector).all()

    e5 = store.path("multilingual-e5-small")
    tokenizer = Tokenizer.from_file(str(e5 / "tokenizer.json"))

    def embed(name: str, text: str) -> np.ndarray:
        tokens = np.asarray([tokenizer.encode(text).ids], np.int64)
        feed = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
        (hidden,) = encoders[name].run(None, feed)
        mean = hidden[0].mean(0)
        return mean / np.linalg.norm(mean)

    encoders = {name: session(e5 / name) for name in ("model.onnx", "model_int8.onnx")}
    query = "query: когда переносим миграцию базы?"
    passages = ["passage: The database migration moves to Thursday.", "passage: Anna buys flowers for the party."]
    for name in encoders:
        scores = [embed(name, query) @ embed(name, passage) for passage in passages]
        assert scores[0] > scores[1] + 0.03, (name, scores)
    assert embed("model.onnx", query) @ embed("model_int8.onnx", query) > 0.97
