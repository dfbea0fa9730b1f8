"""Where ONNX models run: a real session on the processor, and what is said where a GPU is asked for and missing."""

from pathlib import Path

import ctranslate2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from asr_service.errors import DeviceMissing
from asr_service.onnx import open_session, providers_of, resolve_device, session_device


@pytest.fixture
def doubler(tmp_path: Path) -> Path:
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubler",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_runs_on_the_processor_where_there_is_no_gpu(
    doubler: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    session = open_session(doubler, 1, device)
    assert session_device(session) == "cpu"
    (doubled,) = session.run(None, {"x": np.array([1.5], dtype=np.float32)})
    assert doubled.tolist() == [3.0]


def test_a_gpu_that_is_not_there_is_an_error_that_says_what_to_install(
    doubler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    with pytest.raises(DeviceMissing, match=r"no CUDA device.*extra `gpu`"):
        open_session(doubler, 1, "cuda")


def test_a_gpu_without_onnxruntimes_gpu_build_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert resolve_device("auto") == "cuda", "Whisper does not need onnxruntime"
    assert resolve_device("auto", onnx_only=True) == "cpu"
    with pytest.raises(DeviceMissing, match="the one for processors"):
        resolve_device("cuda", onnx_only=True)


def test_a_session_that_fell_back_to_the_processor_is_no_gpu(doubler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What a GPU build does on a machine whose CUDA libraries do not load: it lists the provider and leaves it out.
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers_of("cuda"))
    assert session_device(open_session(doubler, 1, "auto")) == "cpu"
    with pytest.raises(DeviceMissing, match="cannot load the CUDA libraries"):
        open_session(doubler, 1, "cuda")
