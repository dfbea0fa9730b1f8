"""The numbers on which decisions rest: per text and card, per text alone, and per step of the talk.

The names are those of the fitted weights in `weights.json`; a feature is 0 where it says nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from match_service.corpus import CardCorpus, PairScores
from match_service.talk import Cue, Sentence
from textkit.people import Person, find_people

Floats = npt.NDArray[np.float32]
Table = Mapping[str, Floats]

RANK: Final = ("dense", "dense_title", "piece", "centroid", "lexical", "title_share", "named")
"""Of a pair of text and card, each text on its own."""
FIT: Final = (
    "one",
    "top_share",
    "margin",
    "cosine",
    "dense",
    "dense_title",
    "piece",
    "centroid",
    "lexical",
    "title_share",
    "named",
    "length",
    "known",
    "pieced",
)
"""Of the best card of a text: whether it is the right one, and whether any is."""
CARD: Final = (
    "dense", "dense_short", "dense_title", "dense_back", "turn_dense", "turn_back", "lexical", "turn_lexical", "title_share",
    "title_word", "overlap", "named", "speaker_member", "mentioned_member", "done",
)  # fmt: skip
"""Of a pair of sentence and card inside a talk."""
NOTHING: Final = ("one", "small_talk", "short", "opening", "closing", "question")
"""Of a sentence about no card."""
NEW: Final = ("one", "cue", "cue_ahead", "cue_behind", "need", "addition", "fit")
"""Of a sentence about work that has no card."""
STEP: Final = ("one", "first", "acknowledge", "switch", "addition", "question", "answer")
"""Of staying on the card, or new card, of the sentence before."""
STAY_NOTHING: Final = ("one", "answer")
"""Of staying away from all cards."""
ENTER: Final = ("title_word", "overlap", "mentioned_member")
"""Of going to a card from another subject, beside what speaks for the card anyway: people name a subject when they turn to it, and
hardly while they stay on it. Without these a reply in which no card is named costs as little on the next card as on its own."""
ENTER_NEW: Final = ("one", "cue", "cue_ahead", "need")
"""Of going to a new card, likewise."""

_SHORT: Final = 3
_AHEAD: Final = 3
_BEHIND: Final = 3
_BLOCK: Final = 1024


@dataclass(frozen=True)
class TalkFeatures:
    """The features of a stretch of sentences."""

    card: Table
    """CARD name -> [sentences, cards]."""
    nothing: Table
    """NOTHING name -> [sentences]."""
    new: Table
    """NEW name -> [sentences]."""
    step: Table
    """STEP name -> [sentences]; STAY_NOTHING names are among them."""
    sentences: PairScores
    """The pair scores of the sentences."""


def rank_table(scores: PairScores) -> Table:
    """Return the RANK features, each [texts, cards]."""
    return {name: getattr(scores, name) for name in RANK}


def fit_table(scores: PairScores, logits: Floats, best: npt.NDArray[np.intp], cards: int) -> Floats:
    """Return the FIT features of the card `best` of every text, [texts, len(FIT)]; `logits` is [texts, cards]."""
    rows = np.arange(len(logits))
    top = logits[rows, best]
    others = logits.copy()
    others[rows, best] = -np.inf
    second = others.max(axis=1) if cards > 1 else top - 10.0
    share = 1.0 / np.exp(logits - top[:, None]).sum(axis=1)
    values = {
        "one": np.ones(len(logits)),
        "top_share": np.log(np.clip(share, 1e-6, 1 - 1e-6) / (1 - np.clip(share, 1e-6, 1 - 1e-6))),
        "margin": np.minimum(top - second, 10.0),
        "cosine": (scores.cosine[rows, best] - 0.83) / 0.03,
        "length": np.log1p(scores.weight[:, 0]),
        "known": scores.known[:, 0],
        "pieced": np.full(len(logits), scores.pieced),
    } | {name: getattr(scores, name)[rows, best] for name in RANK}
    return np.stack([values[name] for name in FIT], axis=1).astype(np.float32)


def talk_features(
    corpus: CardCorpus,
    sentences: Sequence[Sentence],
    vectors: Floats,
    turns: Sequence[str],
    turn_vectors: Floats,
    people: Sequence[Person],
) -> Iterator[TalkFeatures]:
    """Yield the features of the sentences of a whole meeting in blocks of at most 1,024, in order.

    `vectors` are query vectors of the sentences, `turn_vectors` those of the `turns` that the sentences belong to.
    """
    centre = vectors.mean(axis=0) if len(sentences) else np.zeros(vectors.shape[1], dtype=np.float32)
    turn_centre = turn_vectors.mean(axis=0) if len(turns) else centre
    single = _single(sentences)
    for start in range(0, len(sentences), _BLOCK):
        part = slice(start, start + _BLOCK)
        block = sentences[part]
        scores = corpus.compare([sentence.text for sentence in block], vectors[part], centre)
        first, last = block[0].turn, block[-1].turn
        of_turns = corpus.compare(turns[first : last + 1], turn_vectors[first : last + 1], turn_centre)
        yield _features(corpus, block, scores, of_turns, {name: value[part] for name, value in single.items()}, people)


def _features(
    corpus: CardCorpus,
    block: Sequence[Sentence],
    scores: PairScores,
    of_turns: PairScores,
    single: Table,
    people: Sequence[Person],
) -> TalkFeatures:
    turn = np.array([sentence.turn - block[0].turn for sentence in block])
    informative = np.minimum(scores.weight / _SHORT, 1.0)
    card = {
        "dense": scores.dense * informative,
        "dense_short": scores.dense * (1.0 - informative),
        "dense_title": scores.dense_title * informative,
        "dense_back": scores.dense_back * informative,
        "turn_dense": of_turns.dense[turn],
        "turn_back": of_turns.dense_back[turn],
        "lexical": scores.lexical,
        "turn_lexical": of_turns.lexical[turn],
        "title_share": scores.title_share,
        "title_word": scores.title_word,
        "overlap": scores.overlap,
        "named": scores.named,
        "done": np.tile(np.array([float(view.done) for view in corpus.cards], dtype=np.float32), (len(block), 1)),
    } | _member_features(corpus, block, people)
    fit = scores.title_word.max(axis=1, initial=0.0) + scores.overlap.max(axis=1, initial=0.0)
    length = scores.weight[:, 0]
    nothing = {
        "one": single["one"],
        "small_talk": single["small_talk"],
        "short": (length < _SHORT).astype(np.float32),
        "opening": single["opening"],
        "closing": single["closing"],
        "question": single["question"],
    }
    new = {name: single[name] for name in ("one", "cue", "cue_ahead", "cue_behind", "need", "addition")} | {"fit": fit}
    return TalkFeatures(card, nothing, new, {name: single[name] for name in STEP}, scores)


def _member_features(corpus: CardCorpus, block: Sequence[Sentence], people: Sequence[Person]) -> dict[str, Floats]:
    speaker, mentioned = (np.zeros((len(block), len(corpus)), dtype=np.float32) for _ in range(2))
    owned: dict[str, list[int]] = {}
    for row, view in enumerate(corpus.cards):
        for name in view.members:
            owned.setdefault(name, []).append(row)
    for row, sentence in enumerate(block):
        for mention in find_people(sentence.speaker, people) if sentence.speaker else ():
            speaker[row, owned.get(mention.person, [])] = 1.0
        for mention in find_people(sentence.text, people):
            mentioned[row, owned.get(mention.person, [])] = 1.0
    return {"speaker_member": speaker, "mentioned_member": mentioned}


def _single(sentences: Sequence[Sentence]) -> dict[str, Floats]:
    """Return what the sentences tell without the board, each [sentences]."""
    count = len(sentences)
    places = np.arange(count, dtype=np.float32)

    def said(cue: Cue) -> Floats:
        return np.array([float(cue in sentence.cues) for sentence in sentences], dtype=np.float32)

    cue = said(Cue.NEW_CARD)
    ahead, behind = np.zeros(count, dtype=np.float32), np.zeros(count, dtype=np.float32)
    for distance in range(1, min(_AHEAD, count - 1) + 1):
        ahead[:-distance] = np.maximum(ahead[:-distance], cue[distance:] / distance)
    for distance in range(1, min(_BEHIND, count - 1) + 1):
        behind[distance:] = np.maximum(behind[distance:], cue[:-distance] / distance)
    return {
        "one": np.ones(count, dtype=np.float32),
        "first": np.array([float(sentence.first) for sentence in sentences], dtype=np.float32),
        "small_talk": said(Cue.SMALL_TALK),
        "acknowledge": said(Cue.ACKNOWLEDGE),
        "switch": said(Cue.SWITCH),
        "addition": said(Cue.ADDITION),
        "question": said(Cue.QUESTION),
        "need": said(Cue.NEED),
        "cue": cue,
        "cue_ahead": ahead,
        "cue_behind": behind,
        "answer": _answers(sentences),
        "opening": np.exp(-places / 2.0),
        "closing": _closing(sentences) * said(Cue.SMALL_TALK),
    }


def _answers(sentences: Sequence[Sentence]) -> Floats:
    """Return 1 where the sentence before asks and another person speaks now, [sentences]."""
    asked = [Cue.QUESTION in before.cues and before.speaker != now.speaker for before, now in pairwise(sentences)]
    return np.array([False, *asked][: len(sentences)], dtype=np.float32)


def _closing(sentences: Sequence[Sentence]) -> Floats:
    """Return how near the last turn each sentence is, [sentences].

    It counts for what sounds like a farewell only: in a talk that still goes on the last turn is as good as any.
    """
    turns = np.array([sentence.turn for sentence in sentences], dtype=np.float32)
    return np.asarray(np.exp(turns - turns.max(initial=0.0)), dtype=np.float32)
