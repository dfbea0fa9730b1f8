"""The words of boards and texts, compared with the plain way: one text, one card and one word at a time."""

from collections.abc import Sequence

import numpy as np
import pytest

from match_service.cards import CardView
from match_service.vocabulary import Vocabulary
from match_service.words import CardWords
from textkit import postings
from textkit.bm25 import BM25
from textkit.lemmas import lemmas

WORDS = [
    *(
        "вход",
        "экспорт",
        "экспорты",
        "отчёт",
        "отчёты",
        "перенос",
        "база",
        "тема",
        "авторизация",
        "авторизацея",
        "постгрес",
    ),
    *(
        "OAuth",
        "PostgreSQL",
        "PDF",
        "PaymentGateway",
        "gateway",
        "timeout",
        "retry",
        "refund",
        "invoice",
        "login",
        "export",
    ),
    *("report", "16", "42", "the", "и", "не"),
]


def texts_of(rng: np.random.Generator, count: int, longest: int) -> list[str]:
    return [" ".join(rng.choice(WORDS, rng.integers(0, longest + 1))) for _ in range(count)]


def plain(cards: Sequence[CardView], text: str) -> dict[str, list[float]]:
    documents = [lemmas(card.passage) for card in cards]
    titles = [set(lemmas(card.heading)) for card in cards]
    bm25 = BM25(documents)
    words = set(lemmas(text))
    said = Vocabulary(bm25.vocabulary).widen(lemmas(text))
    best = 2.2 * sum(bm25.idf(word) for word in words)
    mean = sum(map(len, documents)) / len(documents)
    found: dict[str, list[float]] = {"lexical": [], "title_share": [], "title_word": [], "overlap": []}
    for document, title in zip(documents, titles, strict=True):
        score = 0.0
        for word, weight in said.items():
            count = document.count(word)
            score += weight * bm25.idf(word) * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(document) / mean))
        found["lexical"].append(min(score / best, 1.0) if best else 0.0)
        own = sum(bm25.idf(word) * weight for word, weight in said.items() if word in title)
        found["title_share"].append(own / sum(bm25.idf(word) for word in title) if title else 0.0)
        alone = [weight / sum(word in other for other in titles) for word, weight in said.items() if word in title]
        found["title_word"].append(max(alone, default=0.0))
        common = [weight * bm25.idf(word) for word, weight in said.items() if word in document]
        found["overlap"].append(min(sum(common) / bm25.idf(""), 3.0))
    return found


@pytest.mark.parametrize("stretch", [3, 1 << 20])
@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_the_plain_way(seed: int, stretch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "_STRETCH", stretch)
    rng = np.random.default_rng(seed)
    bodies, titles = texts_of(rng, 40, 30), texts_of(rng, 40, 4)
    cards = [CardView(f"c{row}", title, body) for row, (title, body) in enumerate(zip(titles, bodies, strict=True))]
    texts = ["", *texts_of(rng, 20, 12)]

    scores = CardWords(cards).compare(texts)

    assert scores.lexical.max() > 0.5
    for row, text in enumerate(texts):
        for name, values in plain(cards, text).items():
            assert getattr(scores, name)[row] == pytest.approx(values, abs=1e-6), (name, text)
        words = set(lemmas(text))
        assert scores.weight[row, 0] == len(words)
        held = {word for card in cards for word in lemmas(card.passage)}
        assert scores.known[row, 0] == pytest.approx(len(words & held) / max(len(words), 1))


def test_shared_words_come_rarest_first() -> None:
    cards = [CardView("a", "export report", "invoice"), CardView("b", "export", ""), CardView("c", "report", "refund")]
    words = CardWords(cards)

    assert words.shared("refund, the invoice and a report for export", 0) == ["invoic", "report", "export"]
    assert words.shared("refund", 0) == []
    assert words.shared("refund", 2) == ["refund"]
    assert words.shared("theme", 2) == []


def test_neither_cards_nor_texts_are_needed() -> None:
    assert CardWords([]).compare(["export"]).lexical.shape == (1, 0)
    assert CardWords([CardView("a", "export")]).compare([]).overlap.shape == (0, 1)
    assert CardWords([CardView("a", "")]).compare(["export"]).title_share.tolist() == [[0.0]]
