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
import onnxruntime
from tokenizers import Tokenizer

Vectors = npt.NDArray[np.float32]
Precision = Literal["float32", "int8"]

_MAX_TOKENS: Final = 512
_BATCH_TOKENS: Final = 4096
_FILES: Final[dict[Precision, str]] = {"float32": "model.onnx", "int8": "model_int8.onnx"}
_SCHEME: Final = "e5-mean-l2-512"


class ModelFolderError(FileNotFoundError):
    """The folder of the embedding model lacks a file; `missing` names it."""

    def __init__(self, missing: Path) -> None:
        """Keep the path that is missing."""
        super().__init__(f"the embedding model lacks {missing.name} in {missing.parent}; run `planerka models pull`")
        self.missing = missing


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
        self._model_path = _require(model_dir / _FILES[precision])
        self._tokenizer_path = _require(model_dir / "tokenizer.json")
        self._name = model_dir.name
        self._tokenizer = Tokenizer.from_file(str(self._tokenizer_path))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._pad_id = self._tokenizer.token_to_id("<pad>") or 0
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that wait spinning take the cores from whatever comes after an embedding, and from other services.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(self._model_path), options, providers=list(providers))
        self._inputs = frozenset(node.name for node in self._session.get_inputs())
        self._cache: OrderedDict[str, Vectors] = OrderedDict()
        self._cache_size = cache_size
        self._lock = threading.Lock()

    @cached_property
    def dimension(self) -> int:
        """The length of every vector (384 for multilingual-e5-small)."""
        return int(self._run([self._tokenizer.encode("query: x").ids]).shape[1])

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
        """Run the model over batches of texts of like length, so that little is spent on padding."""
        encoded = [item.ids for item in self._tokenizer.encode_batch(texts)]
        order = sorted(range(len(encoded)), key=lambda row: len(encoded[row]))
        vectors = np.zeros((len(encoded), self.dimension if encoded else 0), dtype=np.float32)
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and len(encoded[order[end]]) * (end + 1 - start) <= _BATCH_TOKENS:
                end += 1
            rows = order[start:end]
            vectors[rows] = self._run([encoded[row] for row in rows])
            start = end
        return vectors

    def _run(self, ids: list[list[int]]) -> Vectors:
        width = max(len(row) for row in ids)
        input_ids = np.full((len(ids), width), self._pad_id, dtype=np.int64)
        mask = np.zeros((len(ids), width), dtype=np.int64)
        for number, row in enumerate(ids):
            input_ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        feed = {"input_ids": input_ids, "attention_mask": mask, "token_type_ids": np.zeros_like(input_ids)}
        hidden = self._session.run(None, {name: value for name, value in feed.items() if name in self._inputs})[0]
        weights = mask[:, :, None].astype(np.float32)
        pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        normed: Vectors = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
        return normed.astype(np.float32)


def _require(path: Path) -> Path:
    if not path.is_file():
        raise ModelFolderError(path)
    return path
