"""Measures of matching: BEIR folders of texts and cards, and the links of a meeting that is read as text.

The measures need nothing but lists, so any matcher can be measured; the reading of folders is the BEIR layout (`corpus.jsonl`,
`queries.jsonl`, `qrels/test.tsv`), in which a query without a row of relevance fits no card.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = [
    "BeirSet",
    "Document",
    "Outcome",
    "link_figures",
    "match_figures",
    "ndcg",
    "read_beir",
    "recall",
]

NEW_PREFIX: Final = "NEW:"
_CUTOFF: Final = 10
_NEAR: Final = 5


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a corpus: here, a card."""

    document_id: str
    """Identifier."""
    title: str
    """Title; may be empty."""
    text: str
    """Text; may be empty."""


@dataclass(frozen=True, slots=True)
class BeirSet:
    """A set in the BEIR layout."""

    documents: tuple[Document, ...]
    """The corpus."""
    queries: tuple[tuple[str, str], ...]
    """Identifier and text of every query."""
    relevant: Mapping[str, frozenset[str]]
    """Query -> documents that answer it; a query that is missing here fits none."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a matcher answered to one query."""

    query_id: str
    """The query."""
    ranked: tuple[str, ...]
    """Documents, best first; ten are enough."""
    no_card: float
    """Score that grows with the belief that no document fits."""
    auto: bool
    """Whether the matcher would act on its first document without asking."""


def read_beir(folder: Path) -> BeirSet:
    """Read a BEIR folder.

    Raises:
        ValueError: a file is missing or broken; the message names it and the line.
    """
    documents = tuple(
        Document(str(row["_id"]), str(row.get("title") or ""), str(row.get("text") or ""))
        for row in _json_lines(folder / "corpus.jsonl")
    )
    queries = tuple((str(row["_id"]), str(row["text"])) for row in _json_lines(folder / "queries.jsonl"))
    relevant: dict[str, set[str]] = {}
    path = folder / "qrels" / "test.tsv"
    for number, line in enumerate(_lines(path), start=1):
        fields = line.split("\t")
        if number == 1 and fields[-1] == "score":
            continue
        if len(fields) != 3 or not fields[2].lstrip("-").isdigit():
            raise ValueError(f"{path}:{number}: expected query, document and score with tabs between them")
        if int(fields[2]) > 0:
            relevant.setdefault(fields[0], set()).add(fields[1])
    return BeirSet(documents, queries, {query: frozenset(found) for query, found in relevant.items()})


def match_figures(
    outcomes: Sequence[Outcome], relevant: Mapping[str, frozenset[str]], seconds: float
) -> dict[str, float | None]:
    """Return recall@1, recall@5, mrr@10, ndcg@10, auroc_no_card, auto_precision, auto_coverage and queries_per_s.

    Ranks are taken over queries that have an answer; AUTO over all. A figure without any case is None: `auroc_no_card` where every
    query (or none) has an answer, `auto_precision` where nothing was AUTO.
    """
    answered = [outcome for outcome in outcomes if relevant.get(outcome.query_id)]
    automatic = [outcome for outcome in outcomes if outcome.auto]
    right = sum(1 for outcome in automatic if _first_rank(outcome, relevant, 1))
    return {
        "recall@1": _mean(float(bool(_first_rank(outcome, relevant, 1))) for outcome in answered),
        "recall@5": _mean(recall(outcome.ranked, relevant[outcome.query_id], _NEAR) for outcome in answered),
        "mrr@10": _mean(1 / rank if (rank := _first_rank(outcome, relevant, _CUTOFF)) else 0.0 for outcome in answered),
        "ndcg@10": _mean(ndcg(outcome.ranked, relevant[outcome.query_id]) for outcome in answered),
        "auroc_no_card": auroc(
            [outcome.no_card for outcome in outcomes if not relevant.get(outcome.query_id)],
            [outcome.no_card for outcome in answered],
        ),
        "auto_precision": right / len(automatic) if automatic else None,
        "auto_coverage": len(automatic) / len(outcomes) if outcomes else None,
        "queries_per_s": len(outcomes) / seconds if seconds > 0 else None,
    }


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Return the probability that a positive scores above a negative (ties count half); None without either."""
    if not positive or not negative:
        return None
    ordered = sorted([(score, 1) for score in positive] + [(score, 0) for score in negative])
    rank_sum, place = 0.0, 0
    while place < len(ordered):
        end = place
        while end < len(ordered) and ordered[end][0] == ordered[place][0]:
            end += 1
        rank_sum += (place + 1 + end) / 2 * sum(kind for _, kind in ordered[place:end])
        place = end
    wins = rank_sum - len(positive) * (len(positive) + 1) / 2
    return wins / (len(positive) * len(negative))


def link_figures(truth: Sequence[str | None], found: Sequence[str | None]) -> dict[str, float]:
    """Return link_precision, link_recall and link_f1 over turns; both lists are in the order of the true turns.

    A found new card stands for the true new card with which most of its turns are linked.

    Raises:
        ValueError: the lists differ in length.
    """
    votes: dict[str, Counter[str]] = {}
    for true, answer in zip(truth, found, strict=True):
        if answer and answer.startswith(NEW_PREFIX) and true and true.startswith(NEW_PREFIX):
            votes.setdefault(answer, Counter())[true] += 1
    meant = {answer: counter.most_common(1)[0][0] for answer, counter in votes.items()}
    right = sum(1 for true, answer in zip(truth, found, strict=True) if answer and meant.get(answer, answer) == true)
    given = sum(1 for answer in found if answer)
    wanted = sum(1 for true in truth if true)
    precision = right / given if given else float(wanted == 0)
    recall = right / wanted if wanted else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"link_precision": precision, "link_recall": recall, "link_f1": f1}


def _first_rank(outcome: Outcome, relevant: Mapping[str, frozenset[str]], cutoff: int) -> int:
    """Return the rank of the first right document, from 1; 0 when none is among the first `cutoff`."""
    wanted = relevant.get(outcome.query_id, frozenset())
    return next((rank for rank, found in enumerate(outcome.ranked[:cutoff], start=1) if found in wanted), 0)


def recall(ranked: Sequence[str], wanted: frozenset[str], cutoff: int) -> float:
    """Return the share of `wanted` that is among the first `cutoff`."""
    return len(wanted & set(ranked[:cutoff])) / len(wanted)


def ndcg(ranked: Sequence[str], wanted: frozenset[str]) -> float:
    """Return the discounted gain of the first ten as a share of the best possible one."""
    gain = sum(1 / math.log2(rank + 1) for rank, found in enumerate(ranked[:_CUTOFF], start=1) if found in wanted)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(wanted), _CUTOFF) + 1))
    return gain / ideal


def _mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else None


def _json_lines(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(_lines(path), start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}:{number}: no JSON: {error}") from error
        if not isinstance(row, dict) or "_id" not in row:
            raise ValueError(f"{path}:{number}: expected an object with `_id`")
        rows.append(row)
    return rows


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
