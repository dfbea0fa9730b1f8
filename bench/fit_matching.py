"""Fit the weights of match_service on data and write `match_service/weights.json`, with held-out figures.

    python bench/fit_matching.py --model MODEL_DIR --beir SET_DIR... --meetings MEETING_DIR... [--write]

The BEIR sets give the weights for single texts (each query also once with its answers taken out of the corpus: a case in
which no card fits); the meetings give the chain over a talk, twice: as written, and with recogniser-like slips. Held-out
figures come from leaving out one fold of queries, or one meeting, at a time.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from scipy.stats import beta

from bench.embeddings import CACHE, CachedEmbedder, corpus_of
from evaluation.matching import auroc, link_figures, read_beir
from match_service import features, matching, sequence
from match_service.cards import CardView
from match_service.corpus import CardCorpus, PairScores
from match_service.prose import prose
from match_service.talk import Cue, Said, Sentence, sentences
from match_service.weights import Scale, TalkWeights, Weights, parse
from textkit.people import Person

FOLDS = 5
WANTED = 0.95
CONFIDENCE = 0.9
LEAST_AUTO = 0.85
"""Probability below which no turn is AUTO, whatever the left-out turns allow: the features were chosen while looking at them."""
LARGE = 500
"""Queries from which a set has a say in the AUTO threshold, which must hold on each of them."""
MASKED = 0.15
"""Weight of a query whose answers were taken out, beside one as it is."""
MASKED_RIGHT = 0.05
"""The same where the best card's chance is fitted: most texts that are asked about are about some card."""
RIDGE = 1e-3
TALK_RIDGE = 0.003


@dataclass
class Texts:
    """The queries of one BEIR set with their scores."""

    name: str
    scores: PairScores
    gold: list[list[int]]
    fold: np.ndarray


def load_texts(folder: Path, embed: CachedEmbedder) -> Texts:
    data = read_beir(folder)
    cards = [CardView(d.document_id, d.title or "-", d.text) for d in data.documents]
    corpus = corpus_of(cards, embed)
    texts = [prose(text) for _, text in data.queries]
    scores = corpus.compare(texts, embed("query", texts))
    gold = [[corpus.rows[d] for d in data.relevant.get(query, ())] for query, _ in data.queries]
    fold = np.random.default_rng(7).integers(0, FOLDS, len(texts))
    return Texts(folder.name, scores, gold, fold)


def fit_rank(sets: Sequence[Texts], keep: Callable[[Texts], np.ndarray]) -> dict[str, float]:
    """Conditional logit of the right card among all, a set weighing as the root of its size."""
    blocks = []
    for data in sets:
        rows = [r for r in np.flatnonzero(keep(data)) if data.gold[r]]
        table = np.stack([np.asarray(v)[rows] for v in features.rank_table(data.scores).values()], axis=2).astype(
            np.float64
        )
        wanted = np.full(table.shape[:2], -np.inf)
        for place, row in enumerate(rows):
            wanted[place, data.gold[row]] = 0.0
        blocks.append((table, wanted, np.sqrt(len(rows))))

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = RIDGE * (w @ w), 2 * RIDGE * w
        for table, wanted, weight in blocks:
            share = weight / sum(w for _, _, w in blocks)
            logits = table @ w
            free, bound = softmax(logits, axis=1), softmax(logits + wanted, axis=1)
            value += (logsumexp(logits, axis=1) - logsumexp(logits + wanted, axis=1)).mean() * share
            slope = slope + np.einsum("qc,qcf->f", free - bound, table) / len(table) * share
        return value, slope

    best = minimize(loss, np.zeros(len(features.RANK)), jac=True, method="L-BFGS-B").x
    return dict(zip(features.RANK, best.tolist(), strict=True))


def fit_rows(data: Texts, weights: Weights) -> tuple[np.ndarray, ...]:
    """Return features, "best is right", "any fits", folds and weights of all queries, and of the answered ones without their answers."""
    logits = matching.rank_logits(data.scores, weights)
    cards = logits.shape[1]
    best = logits.argmax(axis=1)
    table = features.fit_table(data.scores, logits, best, cards)
    right = np.array([b in g for b, g in zip(best, data.gold, strict=True)])
    any_card = np.array([bool(g) for g in data.gold])
    masked = logits.copy()
    for row, gold in enumerate(data.gold):
        masked[row, gold] = -30.0
    other = masked.argmax(axis=1)
    without = features.fit_table(data.scores, masked, other, cards)[any_card]
    zeros = np.zeros(len(without), dtype=bool)
    return (
        np.concatenate([table, without]),
        np.concatenate([right, zeros]),
        np.concatenate([any_card, zeros]),
        np.concatenate([data.fold, data.fold[any_card]]),
        np.concatenate([np.ones(len(table)), np.full(len(without), MASKED)]),
    )


def logistic(rows: np.ndarray, labels: np.ndarray, weight: np.ndarray, ridge: float = 1e-3) -> np.ndarray:
    rows = rows.astype(np.float64)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = rows @ w
        value = np.logaddexp(0, -z * (2 * labels - 1)) @ weight + ridge * (w @ w)
        p = 1 / (1 + np.exp(-z))
        return value, rows.T @ (weight * (p - labels)) + 2 * ridge * w

    return minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 2000}).x


def threshold(probability: np.ndarray, right: np.ndarray, wanted: float) -> float:
    """Smallest threshold whose accepted cases are wrong at most 1 - wanted by the upper binomial bound."""
    order = np.argsort(-probability)
    best = 1.01
    wrong = np.cumsum(~right[order])
    for count in range(1, len(order) + 1):
        bound = beta.ppf(CONFIDENCE, wrong[count - 1] + 1, count - wrong[count - 1]) if wrong[count - 1] < count else 1
        if bound <= 1 - wanted:
            best = float(probability[order[count - 1]])
    return best


TABLES = {
    "card": features.CARD, "nothing": features.NOTHING, "new": features.NEW, "step": features.STEP,
    "stay_nothing": features.STAY_NOTHING, "enter": features.ENTER, "enter_new": features.ENTER_NEW,
}  # fmt: skip
"""The tables of features that the chain's weights are fitted for, by their names in `TalkWeights`."""


@dataclass
class Meeting:
    """One meeting, featurised."""

    name: str
    noisy: bool
    turns: list[Said]
    truth: list[str | None]
    corpus: CardCorpus
    parts: list[Sentence]
    places: dict[int, list[int]]
    block: features.TalkFeatures
    allowed: np.ndarray
    tables: dict[str, np.ndarray]


def slips(text: str, seed: str, rate: float = 0.12) -> str:
    """Return the text as a recogniser might write it: some words lose, change or join letters."""
    rng = random.Random(seed)
    letters = "аеиоустнрл" if any("а" <= c <= "я" for c in text.lower()) else "aeiostnrl"
    out = []
    for said in text.split():
        word = said
        if rng.random() < rate and len(word) > 3:
            at = rng.randrange(1, len(word) - 1)
            word = rng.choice(
                [
                    word[:at] + word[at + 1 :],
                    word[:at] + rng.choice(letters) + word[at + 1 :],
                    word[:at] + " " + word[at:],
                ]
            )
        out.append(word)
    return " ".join(out)


def load_meeting(folder: Path, embed: CachedEmbedder, noisy: bool) -> Meeting:
    board = json.loads((folder / "board.json").read_text(encoding="utf-8"))
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    last = board["columns"][-1]
    cards = [
        CardView(c["id"], c["title"], c.get("description", ""), "", tuple(c.get("members", ())), c["column"] == last)
        for c in board["cards"]
    ]
    corpus = corpus_of(cards, embed)
    people = [Person(name, (name,)) for name in board["members"]]
    turns = [
        Said(
            str(i),
            slips(t["text"], f"{folder.name}{i}") if noisy else t["text"],
            t["speaker"],
            t.get("start"),
            t.get("end"),
        )
        for i, t in enumerate(truth["turns"])
    ]
    parts = sentences(turns)
    texts = [turn.text for turn in turns]
    (block,) = features.talk_features(
        corpus, parts, embed("query", [p.text for p in parts]), texts, embed("query", texts), people
    )
    places: dict[int, list[int]] = {}
    for number, part in enumerate(parts):
        places.setdefault(part.turn, []).append(number)
    labels = [t["card"] for t in truth["turns"]]

    def state(card: str | None) -> int:
        if card is None:
            return sequence.NOTHING
        return sequence.NEW if card.startswith("NEW:") else corpus.rows[card] + sequence.FIRST_CARD

    allowed = np.full((len(parts), len(cards) + 2), -np.inf)
    before = sequence.NOTHING
    for turn, numbers in places.items():
        own = state(labels[turn])
        content = [n for n in numbers if Cue.SMALL_TALK not in parts[n].cues] or numbers
        for n in numbers:
            allowed[n, own] = 0
            if n != content[-1]:
                allowed[n, sequence.NOTHING] = 0
                if n < content[-1]:
                    allowed[n, before] = 0
        before = own
    found = {
        "card": block.card, "nothing": block.nothing, "new": block.new, "step": block.step,
        "stay_nothing": block.step, "enter": block.card, "enter_new": block.new,
    }  # fmt: skip
    tables = {
        table: np.stack([found[table][name] for name in names], -1).astype(np.float64)
        for table, names in TABLES.items()
    }
    return Meeting(folder.name, noisy, turns, labels, corpus, parts, places, block, allowed, tables)


SIZES = (*(len(names) for names in TABLES.values()), 1)


def log_sum(chain: sequence.Chain) -> tuple[float, list[np.ndarray]]:
    """Return the chain's log-sum over all paths and its slope by emission, stay, stay_nothing, enter, enter_new and leave."""
    emission = chain.emission
    length, states = emission.shape
    move = np.empty_like(emission)
    move[:, sequence.NOTHING] = chain.leave
    move[:, sequence.NEW] = chain.enter_new
    move[:, sequence.FIRST_CARD :] = chain.enter - np.log(states - sequence.FIRST_CARD)
    keep = np.repeat(chain.stay[:, None], states, axis=1)
    keep[:, sequence.NOTHING] = chain.stay_nothing
    forward, backward = np.empty_like(emission), np.zeros_like(emission)
    sums = np.empty(length)
    forward[0] = emission[0] + move[0]
    for step in range(1, length):
        sums[step] = logsumexp(forward[step - 1])
        forward[step] = np.logaddexp(forward[step - 1] + keep[step], sums[step] + move[step]) + emission[step]
    for step in range(length - 2, -1, -1):
        after = emission[step + 1] + backward[step + 1]
        backward[step] = np.logaddexp(after + keep[step + 1], logsumexp(after + move[step + 1]))
    total = logsumexp(forward[-1])
    slope_emission = np.exp(forward + backward - total)
    behind = emission[1:] + backward[1:] - total
    kept = np.concatenate([np.zeros((1, states)), np.exp(forward[:-1] + keep[1:] + behind)])
    moved = np.concatenate([slope_emission[:1], np.exp(sums[1:, None] + move[1:] + behind)])
    return total, [
        slope_emission,
        kept[:, sequence.NEW :].sum(axis=1),
        kept[:, sequence.NOTHING],
        moved[:, sequence.FIRST_CARD :],
        moved[:, sequence.NEW],
        moved[:, sequence.NOTHING].sum(keepdims=True),
    ]


def fit_talk(meetings: Sequence[Meeting]) -> TalkWeights:
    """Conditional log-likelihood of the turns' cards; which sentences of a turn are about its card stays open."""
    count = sum(len(m.truth) for m in meetings)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        card, nothing, new, step, stay_nothing, enter, enter_new, leave = np.split(w, np.cumsum(SIZES)[:-1])
        value, slope = TALK_RIDGE * 0.1 * (w @ w), 2 * TALK_RIDGE * 0.1 * w
        for m in meetings:
            t = m.tables
            emission = np.concatenate(
                [(t["nothing"] @ nothing)[:, None], (t["new"] @ new)[:, None], t["card"] @ card], axis=1
            )
            chain = sequence.Chain(
                emission=emission,
                stay=t["step"] @ step,
                stay_nothing=t["stay_nothing"] @ stay_nothing,
                enter=t["enter"] @ enter,
                leave=leave[0],
                enter_new=t["enter_new"] @ enter_new,
            )
            free, free_slope = log_sum(chain)
            bound, bound_slope = log_sum(replace(chain, emission=emission + m.allowed))
            value += (free - bound) / count
            by_emission, by_stay, by_away, by_enter, by_new, by_leave = (
                f - b for f, b in zip(free_slope, bound_slope, strict=True)
            )
            parts = [
                np.einsum("sc,scf->f", by_emission[:, sequence.FIRST_CARD :], t["card"]),
                by_emission[:, sequence.NOTHING] @ t["nothing"],
                by_emission[:, sequence.NEW] @ t["new"],
                by_stay @ t["step"],
                by_away @ t["stay_nothing"],
                np.einsum("sc,scf->f", by_enter, t["enter"]),
                by_new @ t["enter_new"],
                by_leave,
            ]
            slope = slope + np.concatenate(parts) / count
        return value, slope

    best = minimize(loss, np.zeros(sum(SIZES)), jac=True, method="L-BFGS-B", options={"maxiter": 150}).x
    *named, (leave,) = (part.tolist() for part in np.split(best, np.cumsum(SIZES)[:-1]))
    fitted = {
        table: dict(zip(names, part, strict=True)) for (table, names), part in zip(TABLES.items(), named, strict=True)
    }
    return TalkWeights(**fitted, leave=leave)


def answers(meeting: Meeting, weights: TalkWeights) -> tuple[list[str | None], list[float]]:
    """Return the found card of every turn and its uncalibrated log-odds."""
    states, chances = matching.read_chain(matching.block_chain(meeting.block, weights), meeting.parts)
    groups = matching.new_card_groups(states)
    found: list[str | None] = []
    odds: list[float] = []
    for turn in range(len(meeting.turns)):
        numbers = meeting.places.get(turn, [])
        state, value = matching.turn_log_odds(numbers, states, chances)
        odds.append(value)
        if state == sequence.NOTHING:
            found.append(None)
        elif state == sequence.NEW:
            found.append("NEW:" + next(groups[n] for n in reversed(numbers) if n in groups))
        else:
            found.append(meeting.corpus.cards[state - sequence.FIRST_CARD].card_id)
    return found, odds


def show_meeting(title: str, meeting: Meeting, weights: TalkWeights, *, verbose: bool) -> float:
    """Print the figures of a meeting, and its wrong turns if wanted; return its link_f1."""
    found, odds = answers(meeting, weights)
    figures = link_figures(meeting.truth, found)
    print(
        f"{title:10s} {meeting.name:14s} {'slips' if meeting.noisy else 'clean':6s}",
        {k: round(v, 3) for k, v in figures.items()},
    )
    if verbose:
        for turn, true, answer, value in zip(meeting.turns, meeting.truth, found, odds, strict=True):
            wrong = answer != true and not (answer and true and answer[:4] == true[:4] == "NEW:")
            if wrong:
                print(f"      {true!s:8.8s} {answer!s:8.8s} {value:5.1f}  {turn.text[:110]}")
    return figures["link_f1"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--beir", type=Path, nargs="*", default=[])
    parser.add_argument("--meetings", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--held-out", type=Path, nargs="*", default=[], help="meetings that are measured, never fitted on"
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder that keeps vectors for the next run")
    parser.add_argument("--texts-only", action="store_true", help="keep the fitted talk of weights.json")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--pairs", type=Path, help="write the held-out probability and truth of every best card here")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    embed = CachedEmbedder(options.model, options.cache)

    values: dict = {
        "provenance": {
            "model": embed.embedder.fingerprint,
            "beir": [p.name for p in options.beir],
            "meetings": [p.name for p in options.meetings],
        }
    }
    path = Path(matching.__file__).with_name("weights.json")
    if options.texts_only:
        values = json.loads(path.read_text(encoding="utf-8"))
    else:
        measure_talk(values, options, embed)
    sets = [load_texts(p, embed) for p in options.beir]
    held = fit_texts(values, sets)
    if options.pairs:
        lines = [
            f"{name}\t{chance:.5f}\t{int(rank == 1)}"
            for name, figures in held.items()
            for chance, rank in zip(figures["right"], figures["rank"], strict=True)
        ]
        options.pairs.write_text("\n".join(["set\tprobability\tright", *lines]) + "\n", encoding="utf-8")
    if options.write:
        path.write_text(json.dumps(rounded(values), indent=1) + "\n", encoding="utf-8")
    return 0


def measure_talk(values: dict, options: argparse.Namespace, embed: CachedEmbedder) -> None:
    """Fit the chain with every meeting left out once, then on all, and put it into `values`."""
    meetings = [load_meeting(p, embed, noisy) for p in options.meetings for noisy in (False, True)]
    tests = [load_meeting(p, embed, noisy) for p in options.held_out for noisy in (False, True)]

    log_odds, right = [], []
    scores: dict[bool, list[float]] = {False: [], True: []}
    for name in dict.fromkeys(m.name for m in meetings):
        weights = fit_talk([m for m in meetings if m.name != name])
        for meeting in (m for m in meetings if m.name == name):
            scores[meeting.noisy].append(show_meeting("left out", meeting, weights, verbose=options.verbose))
            found, odds = answers(meeting, weights)
            for answer, true, value in zip(found, meeting.truth, odds, strict=True):
                if answer and not answer.startswith("NEW:"):
                    log_odds.append(value)
                    right.append(answer == true)
    print("left out   mean link_f1", {"slips" if k else "clean": np.mean(v).round(3) for k, v in scores.items()})
    talk = fit_talk(meetings)
    for meeting in tests:
        show_meeting("held out", meeting, talk, verbose=options.verbose)
    x = np.array(log_odds)
    labels = np.array(right)
    shift, slope = logistic(np.stack([np.ones_like(x), x], 1), labels.astype(float), np.full(len(x), 1 / len(x)))
    calibrated = np.array([matching.calibrated(v, Scale(slope, shift)) for v in x])
    values["talk"] = {name: getattr(talk, name) for name in [*TABLES, "leave"]}
    values["talk_scale"] = {"slope": slope, "shift": shift}
    values["auto_talk"] = max(threshold(calibrated, labels, WANTED), LEAST_AUTO)
    values["wanted_precision"] = WANTED
    auto = calibrated >= values["auto_talk"]
    print(
        "talk: links",
        len(x),
        "right",
        labels.mean().round(3),
        "auto from",
        round(values["auto_talk"], 3),
        "coverage",
        auto.mean().round(3),
        "precision",
        labels[auto].mean().round(3) if auto.any() else None,
    )


def fit_texts(values: dict, sets: Sequence[Texts]) -> dict[str, dict[str, np.ndarray]]:
    """Fit the weights of single texts into `values`; return the held-out figures of every set."""
    blank = values | {
        "right": dict.fromkeys(features.FIT, 0.0),
        "any_card": dict.fromkeys(features.FIT, 0.0),
        "auto_text": 1,
        "auto_whole": 1,
        "confirm": 0.5,
    }
    held: dict[str, dict[str, np.ndarray]] = {
        s.name: {
            "right": np.zeros(len(s.gold)),
            "any": np.zeros(len(s.gold)),
            "best": np.zeros(len(s.gold), dtype=int),
            "rank": np.zeros(len(s.gold), dtype=int),
        }
        for s in sets
    }
    for fold in [*range(FOLDS), None]:

        def keep(data: Texts, fold: int | None = fold) -> np.ndarray:
            return data.fold != fold if fold is not None else np.ones(len(data.fold), dtype=bool)

        rank = fit_rank(sets, keep)
        weights = parse(blank | {"rank": rank})
        rows = [fit_rows(s, weights) for s in sets]
        inside = [r[3] != fold if fold is not None else np.ones(len(r[3]), dtype=bool) for r in rows]
        x = np.concatenate([r[0][k] for r, k in zip(rows, inside, strict=True)])
        w = np.concatenate([r[4][k] / np.sqrt(k.sum()) for r, k in zip(rows, inside, strict=True)])
        w /= w.sum()
        masked = np.concatenate([r[4][k] < 1 for r, k in zip(rows, inside, strict=True)])
        labels = np.concatenate([r[1][k] for r, k in zip(rows, inside, strict=True)]).astype(float)
        right = logistic(x, labels, np.where(masked, w * MASKED_RIGHT / MASKED, w))
        any_card = logistic(x, np.concatenate([r[2][k] for r, k in zip(rows, inside, strict=True)]).astype(float), w)
        if fold is None:
            values |= {
                "rank": rank,
                "right": dict(zip(features.FIT, right.tolist(), strict=True)),
                "any_card": dict(zip(features.FIT, any_card.tolist(), strict=True)),
            }
            break
        for data, (whole, *_rest) in zip(sets, rows, strict=True):
            out = np.flatnonzero(data.fold == fold)
            logits = matching.rank_logits(data.scores, weights)
            table = whole[: len(data.gold)]
            h = held[data.name]
            h["right"][out] = matching.logistic(table @ right)[out]
            h["any"][out] = matching.logistic(table @ any_card)[out]
            order = np.argsort(-logits, axis=1, kind="stable")[:, :10]
            for r in out:
                hit = [k + 1 for k, c in enumerate(order[r]) if c in data.gold[r]]
                h["rank"][r] = hit[0] if hit else 0
    large = [held[s.name] for s in sets if len(s.gold) >= LARGE]
    values["auto_text"] = max(threshold(h["right"], h["rank"] == 1, WANTED) for h in large)
    wide = [held[s.name] for s in sets if not s.scores.pieced]
    values["auto_whole"] = max([threshold(h["right"], h["rank"] == 1, WANTED) for h in wide], default=1.01)
    values["confirm"] = 0.3
    for data in sets:
        h, has = held[data.name], np.array([bool(g) for g in data.gold])
        auto = h["right"] >= values["auto_text" if data.scores.pieced else "auto_whole"]
        ranks = h["rank"][has]
        hit = h["rank"] == 1
        # What probabilities that are exactly right would show with so few queries.
        draws = np.random.default_rng(5).random((200, len(hit))) < h["right"]
        chance = np.mean([calibration_error(h["right"], draw) for draw in draws])
        mrr = np.mean([1 / r if r else 0 for r in ranks])
        no_card = auroc(list(1 - h["any"][~has]), list(1 - h["any"][has]))
        precision = hit[auto].mean() if auto.any() else None
        near = ((ranks > 0) & (ranks <= 5)).mean()
        print(f"{data.name:14s} r@1 {(ranks == 1).mean():.3f} r@5 {near:.3f} mrr {mrr:.3f} auroc {no_card}", end=" ")
        print(f"auto p {precision} c {auto.mean():.3f}", end=" ")
        print(f"ece {calibration_error(h['right'], hit):.3f} by chance {chance:.3f}")
    return held


def calibration_error(chances: np.ndarray, hits: np.ndarray) -> float:
    """Return the expected calibration error in ten bins."""
    bins = np.minimum((chances * 10).astype(int), 9)
    return float(
        sum(
            abs(chances[bins == b].mean() - hits[bins == b].mean()) * (bins == b).mean()
            for b in range(10)
            if (bins == b).any()
        )
    )


def rounded(value: object) -> object:
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return round(value, 5) if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
