"""Opening ONNX models on the processor or on a GPU, by the same code."""

from pathlib import Path

import ctranslate2
import onnxruntime

from asr_service.errors import DeviceMissing

__all__ = ["open_session", "providers_of", "resolve_device", "session_device", "session_options"]

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


def open_session(path: Path, threads: int, device: str = "cpu") -> onnxruntime.InferenceSession:
    """The model in `path`, with `threads` threads for each of its operations on the processor.

    `device` is `cpu`, `cuda`, or `auto` for a GPU where there is one.

    Raises:
        DeviceMissing: `cuda` was asked for and cannot be had.
    """
    found = resolve_device(device, onnx_only=True)
    session = onnxruntime.InferenceSession(str(path), session_options(threads), providers=providers_of(found))
    # onnxruntime only logs it when the GPU's libraries do not load, and goes on without them.
    if device == "cuda" and session_device(session) != "cuda":
        raise DeviceMissing("onnxruntime sees a GPU and cannot load the CUDA libraries for it")
    return session


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """How all sessions of the service use the processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads would otherwise spin for milliseconds and take the cores from the other services of this machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def providers_of(device: str) -> list[str]:
    """Provider names for `cpu` or `cuda`; what the GPU cannot do falls to the processor, operation by operation."""
    return [_CUDA, _CPU] if device == "cuda" else [_CPU]


def session_device(session: onnxruntime.InferenceSession) -> str:
    """Where a session really runs: `cpu` or `cuda`."""
    return "cuda" if session.get_providers()[0] == _CUDA else "cpu"


def resolve_device(wanted: str, *, onnx_only: bool = False) -> str:
    """`cpu` or `cuda` for `auto`, `cpu` or `cuda`; with `onnx_only` a GPU counts only if onnxruntime can use it too.

    Raises:
        DeviceMissing: `cuda` was asked for and there is none.
    """
    if wanted == "cpu":
        return "cpu"
    seen = ctranslate2.get_cuda_device_count() > 0
    usable = _CUDA in onnxruntime.get_available_providers() or not onnx_only
    if seen and usable:
        return "cuda"
    if wanted == "cuda":
        raise DeviceMissing(
            "the installed onnxruntime is the one for processors"
            if seen
            else "no CUDA device is visible to this process"
        )
    return "cpu"
