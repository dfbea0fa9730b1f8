"""Opening ONNX models."""

from pathlib import Path

import onnxruntime

__all__ = ["open_session"]


def open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """The model in `path` on the processor, with `threads` threads for each of its operations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads would otherwise spin for milliseconds and take the cores from the other services of this machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
