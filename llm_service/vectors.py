"""Vectors and lexical terms of chunks in Milvus: a copy of the truth in SQLite, made again where it is lost.

The plain client is used, so that a Milvus server is only another address. Milvus Lite runs as a child process that owns the file; it
ends when the client lets the file's lock go, and also when this process dies.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from llm_service.errors import VectorsUnusable
from mesh.ids import derived_id

__all__ = ["Entry", "Filter", "Floats", "Vectors"]

T = TypeVar("T")
Floats = npt.NDArray[np.float32]

_FILE: Final = "vectors.db"
_CONNECT_SECONDS: Final = 5.0
_QUIET: Final = {"grpc.keepalive_time_ms": 600_000, "grpc.keepalive_permit_without_calls": False}
"""Milvus Lite takes pymilvus' keepalive for an attack and hangs up («too_many_pings») in the middle of a long write."""
_BATCH: Final = 500
_WORDS: Final = 60_000
"""Bytes of lemmas that one chunk may have; Milvus holds 65,535."""


@dataclass(frozen=True)
class Entry:
    """One chunk as it is found."""

    chunk_id: str
    workspace_id: str
    audience: str
    meeting_id: str
    kind: int
    happened_ms: int
    """0 where no moment is known."""
    words: tuple[str, ...]
    """Lemmas of header and text."""
    vector: Floats
    """Shape [dimension], length 1."""


@dataclass(frozen=True)
class Filter:
    """What a search may find; computed before anything is read."""

    workspace_id: str
    audiences: tuple[str, ...] | None = None
    """Audiences whose documents the reader may see, '' for everybody; None for all."""
    kinds: tuple[int, ...] = ()
    meeting_ids: tuple[str, ...] = ()
    after_ms: int | None = None
    before_ms: int | None = None

    def expression(self) -> str:
        """Return it in Milvus' language. Identifiers are hashed, so no text of a caller becomes part of it."""
        terms = [f'workspace == "{_key(self.workspace_id)}"']
        if self.audiences is not None:
            terms.append(f"audience in {_strings(self.audiences)}")
        if self.kinds:
            terms.append(f"kind in [{', '.join(str(int(kind)) for kind in self.kinds)}]")
        if self.meeting_ids:
            terms.append(f"meeting in {_strings(_key(meeting) for meeting in self.meeting_ids)}")
        if self.after_ms is not None:
            terms.append(f"happened >= {int(self.after_ms)}")
        if self.before_ms is not None:
            terms.append(f"happened > 0 and happened < {int(self.before_ms)}")
        return " and ".join(terms)


class Vectors:
    """One collection of Milvus.

    Args:
        folder: Where Milvus Lite keeps its file.
        uri: Address of a Milvus server; empty for Milvus Lite.
        token: Token for the server.
        fingerprint: Model and pooling of the vectors; another one gets another collection.
        dimension: Length of the vectors.
        seconds: How long opening may take.
    """

    def __init__(self, folder: Path, uri: str, token: str, fingerprint: str, dimension: int, seconds: float) -> None:
        self._file = folder / _FILE
        self._uri = uri
        self._token = token
        self._name = derived_id("chunks", fingerprint)
        self._dimension = dimension
        self._seconds = seconds
        # Reads may overlap; the knowledge base sees to it that writes do not.
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="milvus")
        self._client: Any = None

    async def open(self) -> None:
        """Connect, and make the collection where it is missing.

        Raises:
            VectorsUnusable: Milvus does not answer, or another process holds the file.
        """
        await self._run(self._open)

    async def check(self) -> None:
        """Raise `VectorsUnusable` while Milvus does not answer."""
        await self._run(lambda: self._client.has_collection(self._name))

    async def close(self) -> None:
        """Disconnect, and end the child process of Milvus Lite."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._close)

    async def upsert(self, entries: Sequence[Entry]) -> None:
        """Write entries; the next search finds them."""
        rows = [
            {
                "chunk_id": entry.chunk_id,
                "workspace": _key(entry.workspace_id),
                "audience": entry.audience,
                "meeting": _key(entry.meeting_id),
                "kind": entry.kind,
                "happened": entry.happened_ms,
                "words": _joined(entry.words),
                "dense": entry.vector.tolist(),
            }
            for entry in entries
        ]
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            await self._run(lambda batch=batch: self._client.upsert(self._name, batch))  # type: ignore[misc]

    async def delete(self, chunk_ids: Sequence[str]) -> None:
        """Delete entries; those that do not exist are ignored."""
        for start in range(0, len(chunk_ids), _BATCH):
            batch = list(chunk_ids[start : start + _BATCH])
            await self._run(lambda batch=batch: self._client.delete(self._name, ids=batch))  # type: ignore[misc]

    async def nearest(self, vector: Floats, allowed: Filter, limit: int) -> list[tuple[str, float]]:
        """Return chunk ids with their cosine, the nearest first."""
        return await self._search([vector.tolist()], "dense", "COSINE", allowed, limit)

    async def matching(self, words: Sequence[str], allowed: Filter, limit: int) -> list[tuple[str, float]]:
        """Return chunk ids with their BM25 score, the best first; chunks without any of the words are not found."""
        query = _joined(words)
        return await self._search([query], "sparse", "BM25", allowed, limit) if query else []

    async def vectors_of(self, chunk_ids: Sequence[str]) -> dict[str, Floats]:
        """Return the vectors of those of these entries that exist."""
        found: dict[str, Floats] = {}
        for start in range(0, len(chunk_ids), _BATCH):
            batch = list(chunk_ids[start : start + _BATCH])
            rows = await self._run(
                lambda batch=batch: self._client.get(self._name, ids=batch, output_fields=["chunk_id", "dense"])  # type: ignore[misc]
            )
            found.update((str(row["chunk_id"]), np.array(row["dense"], dtype=np.float32)) for row in rows)
        return found

    async def chunk_ids(self) -> set[str]:
        """Return the ids of all entries."""
        return await self._run(self._chunk_ids)

    async def count(self) -> int:
        """Return the number of entries."""
        rows = await self._run(lambda: self._client.query(self._name, filter="", output_fields=["count(*)"]))
        return int(rows[0]["count(*)"])

    async def _search(
        self, data: list[Any], field: str, metric: str, allowed: Filter, limit: int
    ) -> list[tuple[str, float]]:
        found = await self._run(
            lambda: self._client.search(
                self._name,
                data,
                anns_field=field,
                limit=limit,
                filter=allowed.expression(),
                search_params={"metric_type": metric},
            )
        )
        return [(str(hit["id"]), float(hit["distance"])) for hit in found[0]]

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._guarded, work)

    def _guarded(self, work: Callable[[], T]) -> T:
        from pymilvus import MilvusException  # noqa: PLC0415 - takes two seconds, and only here

        if self._client is None and work != self._open:
            raise VectorsUnusable("The vectors are not open.")
        try:
            return work()
        except MilvusException as error:
            raise VectorsUnusable(f"Milvus at {self._uri or self._file} failed: {error.message}") from error

    def _open(self) -> None:
        with warnings.catch_warnings():
            # Milvus Lite still asks setuptools for its own version.
            warnings.simplefilter("ignore", UserWarning)
            from pymilvus import MilvusClient, MilvusException  # noqa: PLC0415

            self._file.parent.mkdir(parents=True, exist_ok=True)
            deadline = time.monotonic() + self._seconds
            while True:
                try:
                    self._client = MilvusClient(
                        self._uri or str(self._file),
                        token=self._token,
                        timeout=_CONNECT_SECONDS,
                        grpc_options={} if self._uri else _QUIET,
                    )
                    break
                except MilvusException as error:
                    # The child process of Milvus Lite may take longer to listen than the client waits.
                    if time.monotonic() > deadline or "Open local milvus failed" in str(error.message):
                        raise VectorsUnusable(
                            f"Milvus at {self._uri or self._file} does not open: {error.message}. "
                            "Is another understanding service using the same state folder?"
                        ) from error
        if not self._client.has_collection(self._name):
            self._create()
        self._client.load_collection(self._name)

    def _create(self) -> None:
        from pymilvus import DataType, Function, FunctionType  # noqa: PLC0415

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("chunk_id", DataType.VARCHAR, is_primary=True, max_length=64)
        for name in ("workspace", "audience", "meeting"):
            schema.add_field(name, DataType.VARCHAR, max_length=64)
        for name in ("kind", "happened"):
            schema.add_field(name, DataType.INT64)
        # Lemmas come from our own analyser, the same for both languages; Milvus only has to part them at spaces.
        schema.add_field(
            "words",
            DataType.VARCHAR,
            max_length=65_535,
            enable_analyzer=True,
            analyzer_params={"tokenizer": "whitespace"},
        )
        schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_field("dense", DataType.FLOAT_VECTOR, dim=self._dimension)
        schema.add_function(
            Function(
                name="bm25", function_type=FunctionType.BM25, input_field_names=["words"], output_field_names=["sparse"]
            )
        )
        index = self._client.prepare_index_params()
        index.add_index("dense", index_type="FLAT", metric_type="COSINE")
        index.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
        self._client.create_collection(self._name, schema=schema, index_params=index, consistency_level="Strong")

    def _chunk_ids(self) -> set[str]:
        found: set[str] = set()
        last = ""
        while True:
            rows = self._client.query(
                self._name, filter=f'chunk_id > "{last}"', output_fields=["chunk_id"], limit=16_000
            )
            page = sorted(str(row["chunk_id"]) for row in rows)
            found.update(page)
            if len(page) < 16_000:
                return found
            last = page[-1]

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if not self._uri:
            from milvus_lite.server_manager import server_manager_instance  # noqa: PLC0415

            server_manager_instance.release_server(str(self._file))


def _key(identifier: str) -> str:
    return derived_id("key", identifier) if identifier else ""


def _strings(values: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


def _joined(words: Sequence[str]) -> str:
    text = " ".join(words)
    return text if len(text.encode()) <= _WORDS else text.encode()[:_WORDS].decode(errors="ignore").rsplit(" ", 1)[0]
