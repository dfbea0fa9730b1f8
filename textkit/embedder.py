"""Sentence embeddings of an E5 model in onnxruntime: no PyTorch at run time.

The scheme is that of multilingual-e5: prefixes `query: ` and `passage: `, mean pooling over real tokens, L2 norm.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding

from textkit.onnx_text import ModelFolderError, batches, feed, open_session, open_tokenizer, require

__all__ = ["Embedder", "ModelFolderError", "Precision", "Vectors"]

Vectors = npt.NDArray[np.float32]
Precision = Literal["float32", "int8"]

_FILES: Final[dict[Precision, str]] = {"float32": "model.onnx", "int8": "model_int8.onnx"}
_SCHEME: Final = "e5-mean-l2-512"


class Embedder:
    """An embedding model in memory; safe to call from many threads."""

    def __init__(
        self,
        model_dir: Path,
        threads: int = 2,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        cache_size: int = 8192,
        precision: Precision = "float32",
    ) -> None:
        """Load the model from `model_dir` (`model.onnx`, or `model_int8.onnx` where `precision` asks for it, and `tokenizer.json`).

        `threads` is onnxruntime's intra-op pool; `cache_size` is how many vectors (1.5 kB each) stay in memory.

        Raises:
            ModelFolderError: a file of the model is missing.
        """
        self._model_path = require(model_dir / _FILES[precision])
        self._tokenizer_path = require(model_dir / "tokenizer.json")
        self._name = model_dir.name
        self._tokenizer, self._pad_id = open_tokenizer(self._tokenizer_path)
        self._session = open_session(self._model_path, threads, providers)
        self._cache: OrderedDict[str, Vectors] = OrderedDict()
        self._cache_size = cache_size
        self._lock = threading.Lock()

    @cached_property
    def dimension(self) -> int:
        """The length of every vector (384 for multilingual-e5-small)."""
        return int(self._run([self._tokenizer.encode("query: x")]).shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """The model's folder name, pooling scheme and digest: vectors of two fingerprints must never be compared."""
        digest = hashlib.sha256()
        for path in (self._tokenizer_path, self._model_path):
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return f"{self._name}:{_SCHEME}:{digest.hexdigest()[:16]}"

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts that search, shape [n, dimension], each of length 1."""
        return self._embed([f"query: {text}" for text in texts])

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts to be found, shape [n, dimension], each of length 1."""
        return self._embed([f"passage: {text}" for text in texts])

    def _embed(self, texts: list[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        missing: dict[str, list[int]] = {}
        with self._lock:
            for row, text in enumerate(texts):
                known = self._cache.get(text)
                if known is None:
                    missing.setdefault(text, []).append(row)
                else:
                    self._cache.move_to_end(text)
                    vectors[row] = known
        fresh = list(missing)
        for text, vector in zip(fresh, self._encode(fresh), strict=True):
            vectors[missing[text]] = vector
            self._remember(text, vector)
        return vectors

    def _remember(self, text: str, vector: Vectors) -> None:
        with self._lock:
            self._cache[text] = vector
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)

    def _encode(self, texts: list[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(texts)
        vectors = np.zeros((len(encoded), self.dimension if encoded else 0), dtype=np.float32)
        for places in batches(encoded, self._session):
            vectors[places] = self._run([encoded[place] for place in places])
        return vectors

    def _run(self, encoded: list[Encoding]) -> Vectors:
        inputs = feed(encoded, self._pad_id, self._session)
        hidden = self._session.run(None, inputs)[0]
        weights = inputs["attention_mask"][:, :, None].astype(np.float32)
        pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        normed: Vectors = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
        return normed.astype(np.float32)
