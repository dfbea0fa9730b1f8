"""Whisper's weights from CTranslate2's format into PyTorch's, for programs that want the same weights in that format.

Source of the layout: `ctranslate2/converters/transformers.py` and `ctranslate2/specs/model_spec.py` (CTranslate2 4,
binary version 6): a header, then each variable as name, rank, sizes, type, length and data; then names of aliases.
Queries, keys and values lie in one matrix there, in three here. Only weights that are not quantized can be converted.
"""

import base64
import gzip
import json
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_FRAMES = 1_500
"""Positions of the encoder, for 30 seconds."""


def convert(model: Path, target: Path) -> str:
    """Writes `target` as a checkpoint of openai/whisper, and returns the alignment heads as such programs take them.

    `model` is a folder with `model.bin` and `config.json`. Raises KeyError where `model.bin` is no Whisper.
    """
    variables = _read(model / "model.bin")
    heads = int(variables["decoder/num_heads"])
    state: dict[str, torch.Tensor] = {}
    layers = {}
    for side in ("encoder", "decoder"):
        names = [name for name in variables if name.startswith(f"{side}/layer_") and name[len(side) + 7].isdigit()]
        layers[side] = 1 + max(int(name.split("/")[1].removeprefix("layer_")) for name in names)
        for layer in range(layers[side]):
            _convert_layer(variables, f"{side}/layer_{layer}/", f"{side}.blocks.{layer}.", state)
        _norm(variables, f"{side}/layer_norm/", "encoder.ln_post." if side == "encoder" else "decoder.ln.", state)
    for name in ("conv1", "conv2"):
        _linear(variables, f"encoder/{name}/", f"encoder.{name}.", state)
    positions = variables.get("encoder/position_encodings/encodings")
    width = variables["decoder/embeddings/weight"].shape[1]
    state["encoder.positional_embedding"] = _sines(width) if positions is None else _tensor(positions)
    state["decoder.positional_embedding"] = _tensor(variables["decoder/position_encodings/encodings"])
    state["decoder.token_embedding.weight"] = _tensor(variables["decoder/embeddings/weight"])
    dims = {
        "n_mels": variables["encoder/conv1/weight"].shape[1],
        "n_audio_ctx": _FRAMES,
        "n_audio_state": width,
        "n_audio_head": heads,
        "n_audio_layer": layers["encoder"],
        "n_vocab": variables["decoder/embeddings/weight"].shape[0],
        "n_text_ctx": variables["decoder/position_encodings/encodings"].shape[0],
        "n_text_state": width,
        "n_text_head": heads,
        "n_text_layer": layers["decoder"],
    }
    torch.save({"dims": dims, "model_state_dict": state}, target)
    mask = np.zeros((layers["decoder"], heads), dtype=bool)
    for layer, head in json.loads((model / "config.json").read_text())["alignment_heads"]:
        mask[layer, head] = True
    return base64.b85encode(gzip.compress(mask.tobytes())).decode()


def _convert_layer(variables: dict[str, Any], source: str, target: str, state: dict[str, torch.Tensor]) -> None:
    attention = variables[f"{source}self_attention/linear_0/weight"], variables[f"{source}self_attention/linear_0/bias"]
    _attention(*attention, ("query", "key", "value"), f"{target}attn.", state)
    _linear(variables, f"{source}self_attention/linear_1/", f"{target}attn.out.", state)
    _norm(variables, f"{source}self_attention/layer_norm/", f"{target}attn_ln.", state)
    if f"{source}attention/linear_0/weight" in variables:
        _linear(variables, f"{source}attention/linear_0/", f"{target}cross_attn.query.", state)
        attention = variables[f"{source}attention/linear_1/weight"], variables[f"{source}attention/linear_1/bias"]
        _attention(*attention, ("key", "value"), f"{target}cross_attn.", state)
        _linear(variables, f"{source}attention/linear_2/", f"{target}cross_attn.out.", state)
        _norm(variables, f"{source}attention/layer_norm/", f"{target}cross_attn_ln.", state)
    _linear(variables, f"{source}ffn/linear_0/", f"{target}mlp.0.", state)
    _linear(variables, f"{source}ffn/linear_1/", f"{target}mlp.2.", state)
    _norm(variables, f"{source}ffn/layer_norm/", f"{target}mlp_ln.", state)


def _attention(weight: Any, bias: Any, names: tuple[str, ...], target: str, state: dict[str, torch.Tensor]) -> None:
    for name, rows, offsets in zip(names, np.split(weight, len(names)), np.split(bias, len(names)), strict=True):
        state[f"{target}{name}.weight"] = _tensor(rows)
        # Whisper's keys have no bias; the other format fills in zeros.
        if name != "key":
            state[f"{target}{name}.bias"] = _tensor(offsets)


def _linear(variables: dict[str, Any], source: str, target: str, state: dict[str, torch.Tensor]) -> None:
    for name in ("weight", "bias"):
        state[target + name] = _tensor(variables[source + name])


def _norm(variables: dict[str, Any], source: str, target: str, state: dict[str, torch.Tensor]) -> None:
    state[f"{target}weight"] = _tensor(variables[f"{source}gamma"])
    state[f"{target}bias"] = _tensor(variables[f"{source}beta"])


def _sines(width: int) -> torch.Tensor:
    """The encoder's positions, which are not stored: sines, then cosines."""
    scales = np.exp(-np.log(10_000) / (width // 2 - 1) * np.arange(width // 2))
    times = np.arange(_FRAMES)[:, None] * scales[None, :]
    return _tensor(np.concatenate([np.sin(times), np.cos(times)], axis=1))


def _tensor(values: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(values, dtype=np.float32))


def _read(file: Path) -> dict[str, Any]:
    with file.open("rb") as source:
        _number(source, "I")
        _text(source)
        _number(source, "I")
        variables = {}
        for _ in range(_number(source, "I")):
            name = _text(source)
            shape = [_number(source, "I") for _ in range(_number(source, "B"))]
            kind = _TYPES[_number(source, "B")]
            data = source.read(_number(source, "I"))
            variables[name] = np.frombuffer(data, kind).reshape(shape)
    return variables


def _number(source: BinaryIO, kind: str) -> int:
    value: int = struct.unpack(f"<{kind}", source.read(struct.calcsize(f"<{kind}")))[0]
    return value


def _text(source: BinaryIO) -> str:
    return source.read(_number(source, "H")).rstrip(b"\0").decode()
