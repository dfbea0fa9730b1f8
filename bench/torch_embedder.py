"""The weights of our embedding model in sentence-transformers on PyTorch, for comparison."""

import json
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

_PARTS: Final = {
    "attention/self/query": "attention.self.query",
    "attention/self/key": "attention.self.key",
    "attention/self/value": "attention.self.value",
    "attention/output/dense": "attention.output.dense",
    "intermediate/dense": "intermediate.dense",
    "output/dense": "output.dense",
}
"""Node names of the export to parameter names of the network."""
_TOKENS: Final = {"pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>"}


def build(folder: Path) -> SentenceTransformer:
    """Return `folder`'s `model.onnx` as a network of sentence-transformers: the same weights, pooling and tokenizer.

    Raises:
        ValueError: the export has not all weights of the network.
    """
    network = BertModel(BertConfig(**json.loads((folder / "config.json").read_text("utf-8"))), add_pooling_layer=False)
    missing = network.load_state_dict(_weights(folder / "model.onnx"), strict=False)
    lacking = [name for name in missing.missing_keys if "position_ids" not in name]
    if lacking or missing.unexpected_keys:
        raise ValueError(f"{folder}: no weights for {lacking[:3]}, no place for {missing.unexpected_keys[:3]}")
    with tempfile.TemporaryDirectory() as kept:
        network.save_pretrained(kept)
        PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **_TOKENS).save_pretrained(kept)
        encoder = Transformer(kept, max_seq_length=512)
    pooling = Pooling(encoder.get_embedding_dimension(), pooling_mode="mean")
    return SentenceTransformer(modules=[encoder, pooling, Normalize()], device="cpu")


def _weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the network's parameters; the export keeps matrices turned over, under names of its own."""
    graph = onnx.load(path).graph
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    found = {name: value for name, value in values.items() if "::" not in name and name.endswith(("weight", "bias"))}
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in values:
            continue
        number = node.name.split("layer.")[1].split("/")[0]
        part = node.name.split(f"layer.{number}/")[1].removesuffix("/MatMul")
        found[f"encoder.layer.{number}.{_PARTS[part]}.weight"] = values[node.input[1]].T
    return {name: torch.from_numpy(np.array(value, copy=True)) for name, value in found.items()}
