import numpy as np
import pytest

from match_service.cards import CardView
from match_service.corpus import CardCorpus
from match_service.vocabulary import Vocabulary

CARDS = [
    CardView("A1", "Вход через Google и Яндекс", "Авторизация по OAuth", "A1"),
    CardView("A2", "Экспорт отчётов в PDF", "Выгрузка о продажах", "A2"),
    CardView("A4", "Перенос базы на PostgreSQL 16", "Сейчас двенадцатая версия", "A4"),
]


@pytest.fixture
def corpus() -> CardCorpus:
    return CardCorpus(CARDS, np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32))


def compare(corpus: CardCorpus, *texts: str):
    return corpus.compare(texts, np.tile(np.eye(3, dtype=np.float32)[0], (len(texts), 1)))


def test_a_text_in_another_language_says_nothing_lexically(corpus: CardCorpus) -> None:
    scores = compare(corpus, "The weather was lovely yesterday")

    assert scores.lexical.max() == 0
    assert scores.title_share.max() == 0


def test_inflected_words_and_other_scripts_reach_the_title(corpus: CardCorpus) -> None:
    scores = compare(corpus, "Теперь про экспорты отчёта", "Перенос на постгрес идёт", "через гугл")

    assert scores.title_word.argmax(axis=1).tolist() == [1, 2, 0]
    assert scores.lexical.argmax(axis=1).tolist() == [1, 2, 0]
    assert (scores.lexical <= 1).all()


def test_a_key_or_a_whole_title_said_aloud_is_named(corpus: CardCorpus) -> None:
    scores = compare(corpus, "карточка A4, пожалуйста", "это экспорт отчётов в pdf", "A40 и BA4")

    assert scores.named.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_dense_scores_are_centred_both_ways(corpus: CardCorpus) -> None:
    scores = corpus.compare(["a", "b"], np.eye(3, dtype=np.float32)[:2])

    assert scores.dense.mean(axis=1) == pytest.approx([0, 0], abs=1e-5)
    assert scores.dense_back.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-5)


def test_an_empty_board_compares_to_nothing() -> None:
    empty = np.zeros((0, 3), dtype=np.float32)

    assert CardCorpus([], empty, empty).compare(["a"], np.eye(3, dtype=np.float32)[:1]).lexical.shape == (1, 0)


def test_words_are_widened_only_when_the_board_lacks_them() -> None:
    vocabulary = Vocabulary(["перенос", "postgresql", "авторизация", "карта"])

    assert vocabulary.widen(["карта", "картон"]) == {"карта": 1.0}
    assert vocabulary.widen(["постгрес"]) == {"postgresql": 0.8}
    assert "перенос" in vocabulary.widen(["переносить"])
    assert vocabulary.widen(["авторизацея"]).keys() == {"авторизация"}
    assert vocabulary.widen(["42"]) == {}


def test_a_card_is_as_near_as_its_nearest_piece_and_its_centroid_lies_between(corpus: CardCorpus) -> None:
    eye = np.eye(4, dtype=np.float32)
    passages = (eye[[0, 1, 2]] + eye[3]) / np.sqrt(2)
    pieces = [eye[[0, 3]], eye[[1]], eye[[2]]]
    scores = CardCorpus(CARDS, passages, passages, pieces).compare(["a"], eye[[3]])

    assert scores.piece[0].argmax() == 0
    assert scores.piece[0, 0] - scores.piece[0, 1] == pytest.approx(1.0 / 0.03, rel=1e-3)
    assert scores.centroid[0, 0] - scores.centroid[0, 1] == pytest.approx(np.sqrt(0.5) / 0.03, rel=1e-3)
    assert scores.pieced == 1.0
    assert corpus.compare(["a"], eye[:1, :3]).pieced == 0.0


@pytest.mark.parametrize("pieced", [False, True])
def test_vectors_are_compared_as_in_the_plain_way(pieced: bool) -> None:
    rng = np.random.default_rng(5)

    def unit(count: int) -> np.ndarray:
        rows = rng.standard_normal((count, 384), dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    cards = [CardView(f"c{row}", f"card {row}") for row in range(300)]
    passages, titles, texts = unit(300), unit(300), unit(7)
    pieces = [unit(count) for count in rng.integers(1, 7, 300)] if pieced else None
    corpus = CardCorpus(cards, passages, titles, pieces)

    together = corpus.compare(["a"] * 7, texts)
    for number, text in enumerate(texts.astype(np.float64)):
        alone = corpus.compare(["a"], texts[[number]], texts.mean(axis=0))
        for scores, row in ((together, number), (alone, 0)):
            mean = float(np.mean([text @ passage for passage in passages]))
            mean_title = float(np.mean([text @ title for title in titles]))
            centres = [own.sum(axis=0) / np.linalg.norm(own.sum(axis=0)) for own in pieces or passages[:, None]]
            mean_centre = float(np.mean([text @ centre for centre in centres]))
            for card in range(0, 300, 13):
                cosine = text @ passages[card]
                best = max(text @ piece for piece in (pieces[card] if pieces else passages[[card]]))
                back = cosine - texts.mean(axis=0) @ passages[card]
                assert scores.cosine[row, card] == pytest.approx(cosine, abs=1e-6)
                assert 0.03 * scores.dense[row, card] == pytest.approx(cosine - mean, abs=1e-6)
                assert 0.03 * scores.dense_title[row, card] == pytest.approx(text @ titles[card] - mean_title, abs=1e-6)
                assert 0.03 * scores.piece[row, card] == pytest.approx(best - mean, abs=1e-6)
                assert 0.03 * scores.centroid[row, card] == pytest.approx(text @ centres[card] - mean_centre, abs=1e-6)
                assert 0.03 * scores.dense_back[row, card] == pytest.approx(back, abs=1e-6)
