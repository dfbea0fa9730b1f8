"""Export of a PyTorch module to ONNX and the proof that both compute the same."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn
from torch.serialization import safe_globals
from torch.torch_version import TorchVersion

from models.errors import Unconvertible

OPSET = 17
TOLERANCE = 1e-3
"""Largest absolute difference between ONNX and PyTorch outputs that a finished export may show."""


class _Opaque:
    """Stands for objects of a checkpoint that are not needed: made of anything, holds nothing."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def load_checkpoint(model: nn.Module, path: Path, key: str | None = None, opaque: Sequence[str] = ()) -> None:
    """Load a state dict (or the one under `key`) into `model`; every name and shape must fit.

    Nothing of the file is executed: only tensors, plain values and the classes named in `opaque` are accepted, and the
    latter are read as empty objects.

    Raises:
        Unconvertible: the file is no such checkpoint.
    """
    try:
        with safe_globals([TorchVersion, *((_Opaque, name) for name in opaque)]):
            payload = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(payload if key is None else payload[key], strict=True)
    except (KeyError, EOFError, RuntimeError, UnpicklingError) as error:
        raise Unconvertible(path.name, f"the checkpoint does not fit the network: {error}") from error


def export(
    model: nn.Module,
    example: Tensor,
    target: Path,
    *,
    inputs: Mapping[str, Mapping[int, str]],
    outputs: Mapping[str, Mapping[int, str]],
) -> None:
    """Write `model` as one ONNX file; `inputs` and `outputs` name the tensors and their variable axes."""
    axes = {name: dict(names) for name, names in (*inputs.items(), *outputs.items())}
    with warnings.catch_warnings(), torch.inference_mode():
        # The tracing exporter announces its retirement; its successor needs one more package for the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (example,),
            str(target),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )


def check_same(model: nn.Module, target: Path, examples: Sequence[Tensor], tolerance: float = TOLERANCE) -> None:
    """Compare the ONNX file with the module on some inputs of different shapes.

    Raises:
        Unconvertible: the outputs differ by more than `tolerance`, or in shape.
    """
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    for example in examples:
        with torch.inference_mode():
            expected = model(example).numpy()
        (got,) = session.run(None, {session.get_inputs()[0].name: example.numpy()})
        if got.shape != expected.shape:
            raise Unconvertible(target.name, f"ONNX gives the shape {got.shape}, PyTorch {expected.shape}")
        difference = float(np.abs(got - expected).max())
        if not difference <= tolerance:
            shape = tuple(example.shape)
            raise Unconvertible(target.name, f"ONNX and PyTorch differ by {difference:.2g} for an input {shape}")
