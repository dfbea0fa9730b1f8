"""Cross-encoders in onnxruntime: a question and a text are read together, which tells more than two vectors, and takes far longer.

Any `sequence-classification` model that `optimum-cli export onnx` writes will do, such as BAAI/bge-reranker-v2-m3; with two classes the
second one is "fits" (arXiv 1901.04085).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile

from textkit.onnx_text import TokenizerBrokenError, batches, feed, open_session, open_tokenizer, require

__all__ = ["NotACrossEncoderError", "Reranker"]

Scores = npt.NDArray[np.float32]


class NotACrossEncoderError(ValueError):
    """The model does not give one score, or two classes, a pair of texts; the message names its folder."""


class Reranker:
    """A cross-encoder in memory; safe to call from many threads."""

    def __init__(self, model_dir: Path, threads: int = 2, providers: Sequence[str] = ("CPUExecutionProvider",)) -> None:
        """Load `model.onnx` and `tokenizer.json` from `model_dir`, and score one pair.

        Raises:
            ModelFolderError: a file of the model is missing.
            NotACrossEncoderError: the model cannot be loaded, or is of another kind.
        """
        path = require(model_dir / "model.onnx")
        tokenizer = require(model_dir / "tokenizer.json")
        try:
            self._tokenizer, self._pad_id = open_tokenizer(tokenizer)
            self._session = open_session(path, threads, providers)
            shape = self._run([("planerka", "planerka")]).shape
        except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile, TokenizerBrokenError) as error:
            raise NotACrossEncoderError(f"the model in {model_dir} cannot be used: {error}") from error
        if len(shape) != 2 or shape[1] not in {1, 2}:
            raise NotACrossEncoderError(
                f"the model in {model_dir} gives {list(shape)} for one pair of texts, not one score or two classes; export a "
                "cross-encoder with `optimum-cli export onnx --task text-classification`"
            )

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        """Return how well each text fits the question, [texts], higher is better; pairs of more than 512 tokens are cut."""
        if not texts:
            return np.zeros(0, dtype=np.float32)
        logits = self._run([(question, text) for text in texts])
        scores: Scores = (logits[:, -1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]).astype(np.float32)
        return scores

    def order(self, question: str, texts: Sequence[str]) -> list[int]:
        """Return the places of the texts, best first; those that fit equally well keep their order."""
        return [int(place) for place in np.argsort(-self.score(question, texts), kind="stable")]

    def _run(self, pairs: Sequence[tuple[str, str]]) -> Scores:
        encoded = self._tokenizer.encode_batch(list(pairs))
        parts = batches(encoded, self._session)
        logits = [
            self._session.run(None, feed([encoded[place] for place in part], self._pad_id, self._session))[0]
            for part in parts
        ]
        found: Scores = np.concatenate(logits)[np.argsort([place for part in parts for place in part])]
        return found
