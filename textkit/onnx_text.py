"""What every model for texts in onnxruntime needs: its files, its session, and its tokens as one block."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding, Tokenizer

MAX_TOKENS: Final = 512
_BATCH_TOKENS: Final = {"CPUExecutionProvider": 512}
"""Tokens of a batch on a processor, where more of them no longer fit its cache and cost half as much again."""
_BATCH_TOKENS_ELSEWHERE: Final = 4096

Ids = npt.NDArray[np.int64]


class ModelFolderError(FileNotFoundError):
    """The folder of a model lacks a file; `missing` names it."""

    def __init__(self, missing: Path) -> None:
        """Keep the path that is missing."""
        super().__init__(f"the model lacks {missing.name} in {missing.parent}; run `planerka models pull`")
        self.missing = missing


class TokenizerBrokenError(ValueError):
    """A file is no tokenizer; the message names it, and says what is wrong."""


def require(path: Path) -> Path:
    """Return the path.

    Raises:
        ModelFolderError: there is no such file.
    """
    if not path.is_file():
        raise ModelFolderError(path)
    return path


def open_session(path: Path, threads: int, providers: Sequence[str]) -> onnxruntime.InferenceSession:
    """Load a model; `threads` is onnxruntime's intra-op pool."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that wait spinning take the cores from whatever comes after a call, and from other services.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=list(providers))


def open_tokenizer(path: Path) -> tuple[Tokenizer, int]:
    """Return a tokenizer that cuts at `MAX_TOKENS` and does not pad, and the id that pads.

    Raises:
        TokenizerBrokenError: it cannot be read.
    """
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers has no class of its own for what it cannot read
        raise TokenizerBrokenError(f"{path} is no tokenizer: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer, tokenizer.token_to_id("<pad>") or tokenizer.token_to_id("[PAD]") or 0


def batches(encoded: Sequence[Encoding], session: onnxruntime.InferenceSession) -> list[list[int]]:
    """Return the places of the texts in batches of like length, so that little is spent on padding."""
    most = _BATCH_TOKENS.get(session.get_providers()[0], _BATCH_TOKENS_ELSEWHERE)
    order = sorted(range(len(encoded)), key=lambda place: len(encoded[place].ids))
    found: list[list[int]] = []
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and len(encoded[order[end]].ids) * (end + 1 - start) <= most:
            end += 1
        found.append(order[start:end])
        start = end
    return found


def feed(encoded: Sequence[Encoding], pad_id: int, session: onnxruntime.InferenceSession) -> dict[str, Ids]:
    """Return the inputs of a BERT-like model, each [texts, longest text]; those that it does not have are left out."""
    shape = (len(encoded), max(len(one.ids) for one in encoded))
    blocks = {
        "input_ids": np.full(shape, pad_id, dtype=np.int64),
        "attention_mask": np.zeros(shape, dtype=np.int64),
        "token_type_ids": np.zeros(shape, dtype=np.int64),
    }
    for row, one in enumerate(encoded):
        blocks["input_ids"][row, : len(one.ids)] = one.ids
        blocks["attention_mask"][row, : len(one.ids)] = 1
        blocks["token_type_ids"][row, : len(one.ids)] = one.type_ids
    wanted = {node.name for node in session.get_inputs()}
    return {name: block for name, block in blocks.items() if name in wanted}
