"""Speed of the knowledge base: queries over many chunks right after fresh upserts, and indexing against the bare embedding model.

    python -m bench.knowledge shared/eval --chunks 20000 --fresh 1000 --queries 300

The first chunks are real sentences of the evaluation sets in new combinations. Their vectors are those of other real chunks with a
little noise, because embedding 20,000 chunks takes half an hour on two cores and an exact search costs the same whatever the vectors
are. The fresh chunks and the queries go through the real model. Times are wall-clock and processor times, of this process and of
Milvus Lite; on a machine that others use too only the latter and the ratios mean much.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.matching import read_beir
from evaluation.retrieval import percentile
from llm_service.documents import Document, Passage, cut_document
from llm_service.knowledge import Access, Knowledge, Narrowed
from llm_service.settings import LlmSettings
from llm_service.talk import cut_sentences
from models import Store, default_root
from textkit.embedder import Embedder

_WORKSPACE = "bench"
_REAL = 400
"""Real vectors that the filling ones are made of."""
_CHUNKS_PER_DOCUMENT = 10
_AT_ONCE = 50


class Filling(Embedder):
    """The model, whose passages may come from stand-in vectors while the base is filled."""

    filling: np.ndarray | None = None

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        if self.filling is None:
            return super().embed_passages(texts)
        chance = np.random.default_rng(len(texts[0]))
        chosen = self.filling[chance.integers(len(self.filling), size=len(texts))]
        noisy = chosen + 0.01 * chance.standard_normal(chosen.shape).astype(np.float32)
        return noisy / np.linalg.norm(noisy, axis=1, keepdims=True)


async def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    sentences, questions = read_texts(arguments.eval)
    chance = random.Random(1)
    model = Store(default_root()).path("multilingual-e5-small")
    embedder = Filling(model, threads=arguments.threads)
    bare = Embedder(model, threads=arguments.threads, cache_size=1)
    settings = LlmSettings.model_validate({"state": folder, "provider": "none"})
    knowledge = Knowledge(settings, embedder)
    await knowledge.open()
    try:
        passages = [chunk_text(sentences, chance) for _ in range(_REAL)]
        embedder.filling = bare.embed_passages(passages)
        begun = time.perf_counter()
        await write(knowledge, sentences, chance, "old", arguments.chunks - arguments.fresh)
        filled = time.perf_counter() - begun
        embedder.filling = None

        fresh = documents(sentences, chance, "fresh", arguments.fresh)
        texts = [
            [chunk.searched for chunk in cut_document(_WORKSPACE, one, settings.chunk_characters)] for one in fresh
        ]
        # The two are measured in turns, so that a busy machine is as busy for one as for the other.
        indexing, embedding = Clock(), Clock()
        for start in range(0, len(fresh), 10):
            some = fresh[start : start + 10]
            with indexing:
                await knowledge.upsert(_WORKSPACE, some, lambda *_: None)
            with embedding:
                part = sorted((text for group in texts[start : start + 10] for text in group), key=len)
                for place in range(0, len(part), 64):
                    bare.embed_passages(part[place : place + 64])

        access = Access(_WORKSPACE, frozenset({"ppl_bench"}))
        embed_seconds, search_seconds, searching = [], [], Clock()
        for question in questions[: arguments.queries]:
            begun = time.perf_counter()
            embedder.embed_queries([question])
            between = time.perf_counter()
            with searching:  # the embedding is known by now
                await knowledge.search(question, access, Narrowed(), 10)
            embed_seconds.append(between - begun)
            search_seconds.append(time.perf_counter() - between)
        missed = 0
        for one in fresh[:50]:
            found = await knowledge.search(one.passages[0].text[:300], access, Narrowed(), 5)
            missed += one.document_id not in {chunk.document_id for chunk in found}
    finally:
        await knowledge.close()
    both = [one + other for one, other in zip(embed_seconds, search_seconds, strict=True)]
    return {
        "chunks": arguments.chunks,
        "fresh": arguments.fresh,
        "queries": len(both),
        "p50_ms": percentile(both, 50, 1000),
        "p95_ms": percentile(both, 95, 1000),
        "embedding_p50_ms": percentile(embed_seconds, 50, 1000),
        "embedding_p95_ms": percentile(embed_seconds, 95, 1000),
        "without_embedding_p50_ms": percentile(search_seconds, 50, 1000),
        "without_embedding_p95_ms": percentile(search_seconds, 95, 1000),
        "without_embedding_cpu_ms": searching.processor / len(both) * 1000,
        "query_to_embedding": sum(both) / sum(embed_seconds),
        "fill_chunks_per_s": (arguments.chunks - arguments.fresh) / filled,
        "index_chunks_per_s": sum(map(len, texts)) / indexing.wall,
        "bare_chunks_per_s": sum(map(len, texts)) / embedding.wall,
        "index_to_bare_wall": indexing.wall / embedding.wall,
        "index_to_bare_cpu": indexing.processor / embedding.processor,
        "fresh_missed": missed,
        "threads": arguments.threads,
    }


class Clock:
    """Sums wall-clock time, and processor time of this process and of its children."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0

    def __enter__(self) -> None:
        self._wall, self._processor = time.perf_counter(), processor_seconds()

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter() - self._wall
        self.processor += processor_seconds() - self._processor


def processor_seconds() -> float:
    """Return the processor time of this process and of Milvus Lite, its child."""
    import os

    own = time.process_time()
    ticks = os.sysconf("SC_CLK_TCK")
    # A child belongs to the thread that started it.
    children = {child for one in Path("/proc/self/task").glob("*/children") for child in one.read_text().split()}
    for child in children:
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        own += (int(fields[11]) + int(fields[12])) / ticks
    return own


async def write(knowledge: Knowledge, sentences: Sequence[str], chance: random.Random, name: str, chunks: int) -> None:
    made = documents(sentences, chance, name, chunks)
    for start in range(0, len(made), _AT_ONCE):
        await knowledge.upsert(_WORKSPACE, made[start : start + _AT_ONCE], lambda *_: None)


def documents(sentences: Sequence[str], chance: random.Random, name: str, chunks: int) -> list[Document]:
    made = []
    for number in range(chunks // _CHUNKS_PER_DOCUMENT):
        passages = tuple(Passage(chunk_text(sentences, chance)) for _ in range(_CHUNKS_PER_DOCUMENT))
        moment = 1_750_000_000_000 + number * 3_600_000
        made.append(
            Document(f"{name}:{number}", 1 + number % 6, name.title(), f"m{number % 97}", "", moment, (), passages)
        )
    return made


def chunk_text(sentences: Sequence[str], chance: random.Random) -> str:
    """Return sentences that fill a chunk so far that the next one does not fit."""
    text = chance.choice(sentences)
    while len(text) < 380:
        text = f"{text} {chance.choice(sentences)}"
    return text[:440]


def read_texts(folder: Path) -> tuple[list[str], list[str]]:
    sentences: list[str] = []
    questions: list[str] = []
    for name in ("xquad_ru_a", "xquad_ru_en_a"):
        found = read_beir(folder / "match" / name)
        for document in found.documents:
            sentences += [document.text[start:end] for start, end in cut_sentences(document.text)]
        questions += [text for _, text in found.queries] if not questions else []
    for line in (folder / "summary" / "qmsum_product_val.jsonl").read_text(encoding="utf-8").splitlines():
        turns = json.loads(line)["meeting_transcripts"]
        sentences += [turn["content"] for turn in turns if len(turn["content"]) > 40]
    return [one.strip() for one in sentences], list(dict.fromkeys(questions))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("eval", type=Path, help="folder with the evaluation sets")
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--fresh", type=int, default=1_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="planerka-bench-") as folder:
        print(json.dumps(asyncio.run(measure(arguments, Path(folder))), indent=2))


if __name__ == "__main__":
    main()
