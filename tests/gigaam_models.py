"""Small GigaAM models with the inputs, outputs and files of the real ones."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx_asr.preprocessors.numpy_preprocessor import GigaamPreprocessorNumpy

from asr_service.audio import SAMPLE_RATE

__all__ = ["TONES", "random_rnnt", "silence", "tone", "tone_ctc"]

TONES = {"а": 500, "б": 1500, "▁": 3500}
"""What the CTC model hears: a tone is a letter, the highest one the space."""


def tone_ctc(folder: Path) -> Path:
    """Makes a CTC model that hears tones: the mean of four frames, then the loudest of the bands of `TONES`, or the blank."""
    folder.mkdir()
    matrix, bias = np.zeros((64, 4), dtype=np.float32), np.zeros(4, dtype=np.float32)
    for column, frequency in enumerate(TONES.values()):
        matrix[mel_of(frequency), column] = 1.0
    bias[3] = -4.0  # the blank wins where every band is quiet (log energies there are about -20)
    save(
        folder / "v3_ctc.int8.onnx",
        [
            helper.make_node("Unsqueeze", ["features", "one"], ["image"]),
            helper.make_node("AveragePool", ["image"], ["pooled"], kernel_shape=[1, 4], strides=[1, 4], ceil_mode=1),
            helper.make_node("Squeeze", ["pooled", "one"], ["frames"]),
            helper.make_node("Transpose", ["frames"], ["rows"], perm=[0, 2, 1]),
            helper.make_node("MatMul", ["rows", "matrix"], ["scores"]),
            helper.make_node("Add", ["scores", "bias"], ["logits"]),
            helper.make_node("LogSoftmax", ["logits"], ["log_probs"], axis=-1),
        ],
        {"one": np.array([1]), "matrix": matrix, "bias": bias},
        {
            "features": (TensorProto.FLOAT, ["batch", 64, "frames"]),
            "feature_lengths": (TensorProto.INT64, ["batch"]),
        },
        {"log_probs": (TensorProto.FLOAT, ["batch", "steps", 4])},
    )
    vocabulary = [*TONES, "<blk>"]
    (folder / "v3_vocab.txt").write_text("".join(f"{token} {index}\n" for index, token in enumerate(vocabulary)))
    (folder / "config.json").write_text('{"model_type": "gigaam", "version": "v3", "subsampling_factor": 4}')
    return folder


def random_rnnt(folder: Path) -> Path:
    """Makes an RNN-T model with random weights and the three parts of the real one."""
    folder.mkdir()
    draw = np.random.default_rng(5)
    size, hidden, tokens = 16, 320, 12
    save(
        folder / "v3_e2e_rnnt_encoder.onnx",
        [
            helper.make_node("Conv", ["audio_signal", "kernel"], ["encoded"], strides=[4], pads=[1, 1]),
            helper.make_node("Sub", ["length", "one"], ["less"]),
            helper.make_node("Div", ["less", "four"], ["quarter"]),
            helper.make_node("Add", ["quarter", "one"], ["steps"]),
            helper.make_node("Cast", ["steps"], ["encoded_len"], to=TensorProto.INT32),
        ],
        {
            "kernel": draw.normal(0, 0.05, (size, 64, 3)).astype(np.float32),
            "one": np.array([1]),
            "four": np.array([4]),
        },
        {"audio_signal": (TensorProto.FLOAT, ["batch", 64, "frames"]), "length": (TensorProto.INT64, ["batch"])},
        {"encoded": (TensorProto.FLOAT, ["batch", size, "steps"]), "encoded_len": (TensorProto.INT32, ["batch"])},
    )
    state = (TensorProto.FLOAT, [1, 1, hidden])
    save(
        folder / "v3_e2e_rnnt_decoder.onnx",
        [
            helper.make_node("Gather", ["table", "x"], ["embedded"], axis=0),
            helper.make_node("Add", ["embedded", "h.1"], ["sum"]),
            helper.make_node("Tanh", ["sum"], ["dec"]),
            helper.make_node("Identity", ["dec"], ["h"]),
            helper.make_node("Identity", ["c.1"], ["c"]),
        ],
        {"table": draw.normal(0, 1, (tokens, hidden)).astype(np.float32)},
        {"x": (TensorProto.INT64, [1, 1]), "h.1": state, "c.1": state},
        {"dec": state, "h": state, "c": state},
    )
    save(
        folder / "v3_e2e_rnnt_joint.onnx",
        [
            helper.make_node("Transpose", ["enc"], ["enc_rows"], perm=[0, 2, 1]),
            helper.make_node("Transpose", ["dec"], ["dec_rows"], perm=[0, 2, 1]),
            helper.make_node("MatMul", ["enc_rows", "from_enc"], ["left"]),
            helper.make_node("MatMul", ["dec_rows", "from_dec"], ["right"]),
            helper.make_node("Add", ["left", "right"], ["joint"]),
        ],
        {
            "from_enc": draw.normal(0, 1, (size, tokens)).astype(np.float32),
            "from_dec": draw.normal(0, 0.3, (hidden, tokens)).astype(np.float32),
        },
        {"enc": (TensorProto.FLOAT, [1, size, 1]), "dec": (TensorProto.FLOAT, [1, hidden, 1])},
        {"joint": (TensorProto.FLOAT, [1, 1, tokens])},
    )
    vocabulary = ["▁до", "бр", "ый", "▁день", ",", "▁кол", "ле", "ги", ".", "▁Да", "▁нет", "<blk>"]
    (folder / "v3_e2e_rnnt_vocab.txt").write_text(
        "".join(f"{token} {index}\n" for index, token in enumerate(vocabulary))
    )
    (folder / "config.json").write_text('{"model_type": "gigaam", "version": "v3", "subsampling_factor": 4}')
    return folder


def mel_of(frequency: float) -> int:
    """The loudest of GigaAM's 64 bands for a tone, from the real filter bank."""
    wave = tone(frequency, 0.5)[None]
    features, _ = GigaamPreprocessorNumpy("gigaam_v3")(wave, np.array([wave.shape[1]]))
    return int(features[0].mean(axis=1).argmax())


def tone(frequency: float, seconds: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32)


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    weights: dict[str, np.ndarray],
    inputs: dict[str, tuple[int, list[str | int]]],
    outputs: dict[str, tuple[int, list[str | int]]],
) -> None:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(name, *shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, *shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
