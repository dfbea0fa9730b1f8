"""Compare matching with plain methods, and our embedder with sentence-transformers, in one run.

    python -m bench.matching --model MODEL_DIR --beir SET_DIR... [--parts methods,embedding,precision,index] [--json FILE]

methods: recall and MRR of BM25 alone, vectors alone, their rank fusion (k = 60), and ours. embedding: texts a second of our
onnxruntime embedder (float32 and int8) and of sentence-transformers on PyTorch with the same weights, texts and threads, in turns,
by wall clock and by processor time. precision: what int8 vectors cost in recall@1. index: one text against 50,000 cards, the real
code, where most cards are noisy copies of real vectors with words of the real cards mixed anew.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.embeddings import CACHE, CachedEmbedder, corpus_of
from bench.torch_embedder import build
from evaluation.matching import BeirSet, Outcome, match_figures, read_beir
from evaluation.retrieval import percentile
from match_service.cards import CardView
from match_service.corpus import CardCorpus
from match_service.matching import match_texts
from match_service.prose import prose
from match_service.weights import built_in
from textkit.bm25 import BM25
from textkit.embedder import Embedder, Precision
from textkit.lemmas import lemmas

PRECISIONS: tuple[Precision, ...] = ("float32", "int8")
PASSAGE = 2400
"""Characters of a card that plain methods read; ours reads as many, without what programs wrote."""
RRF = 60
RANKS = 10
NOISE = 0.35
"""Length of the noise that is added to a copied vector of length 1."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--beir", type=Path, nargs="+", required=True)
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder that keeps vectors for the next run")
    parser.add_argument("--parts", default="methods,embedding,precision,index")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=300, help="texts that are embedded in each round")
    parser.add_argument("--cards", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sets = {folder.name: read_beir(folder) for folder in options.beir}
    parts: dict[str, Callable[[], Any]] = {
        "methods": lambda: methods(sets, options),
        "embedding": lambda: embedding(sets, options),
        "precision": lambda: precision(sets, options),
        "index": lambda: index(sets, options),
    }
    figures = {name: parts[name]() for name in options.parts.split(",")}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def views(data: BeirSet) -> list[CardView]:
    return [CardView(one.document_id, one.title or "-", one.text) for one in data.documents]


def methods(sets: dict[str, BeirSet], options: argparse.Namespace) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return the figures of every method on every set, and print them."""
    embed = CachedEmbedder(options.model, options.cache, options.threads)
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for name, data in sets.items():
        cards = views(data)
        texts = [text for _, text in data.queries]
        passages = ["\n".join(part for part in (one.title, one.text) if part)[:PASSAGE] for one in data.documents]
        bm25 = BM25([lemmas(passage) for passage in passages])
        words = np.stack([bm25.scores(lemmas(text)) for text in texts])
        cosine = embed("query", texts) @ embed("passage", passages).T
        fused = sum(1.0 / (RRF + 1 + ranks(scores)) for scores in (words, cosine))
        written = [prose(text) for text in texts]
        compared = corpus_of(cards, embed).compare(written, embed("query", written))
        ours = match_texts(compared, built_in(), RANKS)
        rankings = {
            "bm25": order(words),
            "dense": order(cosine),
            "fusion": order(np.asarray(fused)),
            "ours": [[candidate.row for candidate in match.candidates] for match in ours],
        }
        found[name] = {}
        for method, rows in rankings.items():
            outcomes = [
                Outcome(query, tuple(cards[row].card_id for row in best), 0.0, auto=False)
                for (query, _), best in zip(data.queries, rows, strict=True)
            ]
            figures = match_figures(outcomes, data.relevant, 0.0)
            found[name][method] = {key: figures[key] for key in ("recall@1", "recall@5", "mrr@10")}
            print(f"{name:14s} {method:7s}", " ".join(f"{k} {v:.3f}" for k, v in found[name][method].items() if v))
    return found


def ranks(scores: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1, kind="stable")


def order(scores: np.ndarray) -> list[list[int]]:
    return [row.tolist() for row in np.argsort(-scores, axis=1, kind="stable")[:, :RANKS]]


def embedding(sets: dict[str, BeirSet], options: argparse.Namespace) -> dict[str, Any]:
    """Return texts a second of all engines, and print them."""
    torch.set_num_threads(options.threads)
    texts = sample([card.passage for data in sets.values() for card in views(data)], options.texts)
    exact = Embedder(options.model, options.threads, cache_size=0)
    rounded = Embedder(options.model, options.threads, cache_size=0, precision="int8")
    peer = build(options.model)
    prefixed = [f"passage: {text}" for text in texts]
    engines: dict[str, Callable[[], np.ndarray]] = {
        "sentence-transformers": lambda: np.asarray(peer.encode(prefixed, batch_size=32, show_progress_bar=False)),
        "float32": lambda: exact.embed_passages(texts),
        "int8": lambda: rounded.embed_passages(texts),
    }
    wall: dict[str, list[float]] = {name: [] for name in engines}
    processor: dict[str, list[float]] = {name: [] for name in engines}
    vectors: dict[str, np.ndarray] = {}
    for number in range(options.rounds + 1):
        for name, run in engines.items():
            begun, spent = time.perf_counter(), time.process_time()
            vectors[name] = run()
            if number:
                wall[name].append(time.perf_counter() - begun)
                processor[name].append(time.process_time() - spent)
    config = json.loads((options.model / "config.json").read_text("utf-8"))
    work = operations([len(ids) for ids in peer.tokenizer(prefixed)["input_ids"]], config)
    figures: dict[str, Any] = {"bare product": {"gflops": bare_product()}}
    print(f"bare product in PyTorch: {figures['bare product']['gflops']:.0f} GFLOPS")
    for name in engines:
        cosine = (vectors[name] * vectors["sentence-transformers"]).sum(axis=1)
        figures[name] = {
            "texts_per_s": len(texts) / float(np.median(wall[name])),
            "gflops": work / float(np.median(wall[name])) / 1e9,
            "times": float(np.median(np.array(wall["sentence-transformers"]) / np.array(wall[name]))),
            "times_by_processor": float(
                np.median(np.array(processor["sentence-transformers"]) / np.array(processor[name]))
            ),
            "cosine_mean": float(cosine.mean()),
            "cosine_least": float(cosine.min()),
        }
        print(f"{name:22s}", " ".join(f"{key} {value:.4f}" for key, value in figures[name].items()))
    return figures


def operations(lengths: Sequence[int], config: Mapping[str, Any]) -> float:
    """Return the floating point operations of the matrix products in a BERT encoder over texts of so many tokens."""
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    weights = 4 * hidden**2 + 2 * hidden * config["intermediate_size"]
    return float(layers * sum(2 * count * weights + 4 * count**2 * hidden for count in lengths))


def bare_product(size: int = 2048, rounds: int = 7) -> float:
    """Return the GFLOPS of one large float32 matrix product in PyTorch, which no encoder in float32 can be much above."""
    one = torch.rand(size, size)
    seconds = []
    for _ in range(rounds):
        begun = time.perf_counter()
        one @ one
        seconds.append(time.perf_counter() - begun)
    return 2 * size**3 / min(seconds) / 1e9


def small(sets: dict[str, BeirSet]) -> list[tuple[str, BeirSet]]:
    return [(name, data) for name, data in sets.items() if len(data.documents) <= 1000]


def precision(sets: dict[str, BeirSet], options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return recall@1 of the vectors alone and of ours with either precision of the vectors, and print it."""
    found: dict[str, dict[str, float]] = {name: {} for name in sets}
    for kind in PRECISIONS:
        embed = CachedEmbedder(options.model, options.cache, options.threads, kind)
        for name, data in sets.items():
            cards = views(data)
            texts = [prose(text) for _, text in data.queries]
            vectors = embed("query", texts)
            ours = match_texts(corpus_of(cards, embed).compare(texts, vectors), built_in(), 1)
            cosine = vectors @ embed("passage", [card.passage for card in cards]).T
            firsts = {"ours": [match.candidates[0].row for match in ours], "dense": cosine.argmax(axis=1).tolist()}
            for method, rows in firsts.items():
                hits = [
                    cards[row].card_id in data.relevant[query]
                    for (query, _), row in zip(data.queries, rows, strict=True)
                    if data.relevant.get(query)
                ]
                found[name][f"{method} {kind}"] = float(np.mean(hits))
    for name, figures in found.items():
        print(f"{name:14s}", " ".join(f"{key} {value:.4f}" for key, value in figures.items()))
    return found


def sample(texts: Sequence[str], count: int) -> list[str]:
    unique = list(dict.fromkeys(texts))
    chosen = np.random.default_rng(5).permutation(len(unique))[:count]
    return [unique[place] for place in chosen]


def index(sets: dict[str, BeirSet], options: argparse.Namespace) -> dict[str, float | None]:
    """Return the milliseconds of one text against many cards, with and without its embedding, and print them."""
    rng = np.random.default_rng(5)
    embedder = Embedder(options.model, options.threads, cache_size=0)
    real = [card for _, data in small(sets) for card in views(data)]
    vectors = embedder.embed_passages([card.passage for card in real])
    titles = embedder.embed_passages([card.heading or card.passage for card in real])
    words = np.array([word for card in real for word in card.passage.split()])
    source = rng.integers(0, len(real), options.cards)
    mixed = words[rng.integers(0, len(words), (options.cards, 36))].tolist()
    cards = [
        CardView(
            f"crd_{number}",
            " ".join(mixed[number][:6]),
            " ".join(mixed[number][6:]),
            key=f"KEY-{number}",
        )
        for number in range(options.cards)
    ]
    begun = time.perf_counter()
    corpus = CardCorpus(cards, noisy(vectors[source], rng), noisy(titles[source], rng))
    built = time.perf_counter() - begun
    texts = sample([text for _, data in small(sets) for _, text in data.queries], options.queries + 5)
    whole, scoring, processor = [], [], []
    for number, text in enumerate(texts):
        started, spent = time.perf_counter(), time.process_time()
        query = embedder.embed_queries([text])
        embedded = time.perf_counter()
        match_texts(corpus.compare([text], query), built_in(), RANKS)
        if number >= 5:
            whole.append(time.perf_counter() - started)
            scoring.append(time.perf_counter() - embedded)
            processor.append(time.process_time() - spent)
    figures = {
        "cards": float(options.cards),
        "build_s": built,
        "p50_ms": percentile(whole, 50, 1000.0),
        "p95_ms": percentile(whole, 95, 1000.0),
        "scoring_p95_ms": percentile(scoring, 95, 1000.0),
        "processor_p95_ms": percentile(processor, 95, 1000.0),
    }
    print("index", {key: round(value, 1) for key, value in figures.items() if value is not None})
    return figures


def noisy(vectors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(vectors.shape, dtype=np.float32) * np.float32(NOISE / np.sqrt(vectors.shape[1]))
    moved = vectors + noise
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), dtype=np.float32)


if __name__ == "__main__":
    sys.exit(main())
