"""Vectors of the sets that matching is measured on: computed once for each text, kept in a file."""

import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from match_service.cards import CardView
from match_service.corpus import PIECED_CARDS, CardCorpus
from mesh.paths import models_root
from textkit.embedder import Embedder, Precision

CACHE = models_root().with_name("bench")
"""Where vectors are kept unless told otherwise."""
CHUNK = 64
"""Texts after which what was computed is on disk, so that a run that is broken off goes on from there."""


class CachedEmbedder:
    """Vectors kept by model, kind and text; also across runs, and across sets with texts in common."""

    def __init__(self, model: Path, cache: Path, threads: int = 2, precision: Precision = "float32") -> None:
        self.embedder = Embedder(model, threads, cache_size=1, precision=precision)
        cache.mkdir(parents=True, exist_ok=True)
        self.file = sqlite3.connect(cache / "vectors.db", timeout=60)
        self.file.execute(
            "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
        )

    def __call__(self, kind: str, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors of texts of a kind, `query` or `passage`, [texts, dimension]."""
        keys = {text: self.key(kind, text) for text in texts}
        missing = sorted((text for text, key in keys.items() if self.find(key) is None), key=len)
        embed = self.embedder.embed_queries if kind == "query" else self.embedder.embed_passages
        for start in range(0, len(missing), CHUNK):
            part = missing[start : start + CHUNK]
            rows = [(keys[text], vector.tobytes()) for text, vector in zip(part, embed(part), strict=True)]
            with self.file:
                self.file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
        found = [self.find(keys[text]) for text in texts]
        return np.array(found, dtype=np.float32).reshape(len(texts), self.embedder.dimension)

    def key(self, kind: str, text: str) -> bytes:
        return sha256(f"{self.embedder.fingerprint}\x1f{kind}\x1f{text}".encode()).digest()

    def find(self, key: bytes) -> np.ndarray | None:
        row = self.file.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        return None if row is None else np.frombuffer(row[0], dtype=np.float32)


def corpus_of(cards: Sequence[CardView], embed: CachedEmbedder) -> CardCorpus:
    """Return the index of cards, read in pieces where the service would."""
    pieces = None
    if len(cards) <= PIECED_CARDS:
        vectors = embed("passage", [piece for card in cards for piece in card.pieces])
        pieces = np.split(vectors, np.cumsum([len(card.pieces) for card in cards])[:-1])
    return CardCorpus(
        cards,
        embed("passage", [c.passage for c in cards]),
        embed("passage", [c.heading or c.passage for c in cards]),
        pieces,
    )
