import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from match_service import features
from match_service.calibration import expected_calibration_error, reliability
from match_service.cards import CardView
from match_service.corpus import CardCorpus
from match_service.matching import Decision, match_talk, match_texts
from match_service.ranking import mutual, rank_shares, rank_texts_of_cards
from match_service.subject import sentences_about
from match_service.talk import Said, sentences
from match_service.weights import built_in
from textkit.lemmas import lemmas
from textkit.people import Person

CARDS = [
    CardView("A1", "Вход через Google и Яндекс", "Авторизация", "A1", ("Александр",)),
    CardView("A2", "Экспорт отчётов в PDF", "Выгрузка отчёта о продажах", "A2"),
    CardView("A3", "Тёмная тема", "Второй набор цветов", "A3"),
]
TALK = [
    Said("t0", "Коллеги, доброе утро.", "Ирина"),
    Said("t1", "Теперь отчёты. Экспорт отчётов опять падает.", "Ирина"),
    Said("t2", "Да, перепишу.", "Александр"),
    Said("t3", "Ещё вопрос, тёмную тему кто-нибудь делает?", "Анна"),
    Said("t4", "Маркетинг просит сделать промокоды. Такой задачи у нас нет, заведём новую карточку.", "Ирина"),
]


def vectors_of(texts: Sequence[str]) -> np.ndarray:
    """Vectors that are like for like words: hashed lemmas beside a large common part, as cosines of real models are."""
    rows = np.zeros((len(texts), 65), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in lemmas(text):
            rows[row, zlib.crc32(word.encode()) % 64] += 1.0
        rows[row] *= 0.35 / max(float(np.linalg.norm(rows[row])), 1e-6)
        rows[row, 64] = 0.9
    return rows / np.linalg.norm(rows, axis=1, keepdims=True) if len(texts) else rows


@pytest.fixture
def corpus() -> CardCorpus:
    return CardCorpus(CARDS, vectors_of([card.passage for card in CARDS]), vectors_of([card.title for card in CARDS]))


def talk_of(corpus: CardCorpus, turns: list[Said]):
    parts = sentences(turns)
    people = [Person("Александр", ("Александр",))]
    of_parts, of_turns = vectors_of([part.text for part in parts]), vectors_of([turn.text for turn in turns])
    return match_talk(corpus, turns, parts, of_parts, of_turns, people, built_in())


def compare(corpus: CardCorpus, *texts: str):
    return corpus.compare(texts, vectors_of(texts))


def test_the_turns_of_a_talk_are_linked(corpus: CardCorpus) -> None:
    talk = talk_of(corpus, TALK)

    assert [turn.row for turn in talk.turns] == [None, 1, 1, 2, None]
    assert talk.turns[0].decision is Decision.NOTHING
    assert talk.turns[4].decision is Decision.NEW_CARD
    assert talk.turns[4].group == "new1"
    assert all(0 <= turn.probability <= 1 for turn in talk.turns)


def test_a_reply_stays_with_the_card_before_it_until_another_is_named(corpus: CardCorpus) -> None:
    talk = talk_of(
        corpus,
        [
            Said("t0", "Экспорт отчётов падает на больших файлах.", "Ирина"),
            Said("t1", "Хорошо, сделаю к пятнице.", "Александр"),
            Said("t2", "И ещё вход через Google и Яндекс, авторизация готова.", "Александр"),
        ],
    )

    assert [turn.row for turn in talk.turns] == [1, 1, 0]


def features_of(corpus: CardCorpus, turns: list[Said]) -> features.TalkFeatures:
    parts = sentences(turns)
    of_parts, of_turns = vectors_of([part.text for part in parts]), vectors_of([turn.text for turn in turns])
    (block,) = features.talk_features(corpus, parts, of_parts, [turn.text for turn in turns], of_turns, [])
    return block


def test_an_answer_follows_the_question_of_another_person(corpus: CardCorpus) -> None:
    turns = [Said("t0", "Готово? Или нет?", "Ирина"), Said("t1", "Готово. Вчера закончил.", "Александр")]

    assert features_of(corpus, turns).step["answer"].tolist() == [0, 0, 1, 0]


def test_only_a_farewell_closes_the_talk(corpus: CardCorpus) -> None:
    going_on = features_of(corpus, [Said("t0", "Экспорт отчётов падает."), Said("t1", "Хорошо, посмотрю.")])
    over = features_of(corpus, [Said("t0", "Экспорт отчётов падает."), Said("t1", "Всем спасибо.")])

    assert going_on.nothing["closing"].tolist() == [0, 0]
    assert over.nothing["closing"].tolist() == [0, 1]


def test_a_turn_belongs_to_its_last_card_and_keeps_the_other(corpus: CardCorpus) -> None:
    talk = talk_of(corpus, [Said("t0", "Экспорт отчётов падает. Теперь тёмная тема, цветов не хватает.")])

    assert talk.turns[0].row == 2
    assert talk.turns[0].rows == (1, 2)


def test_sentences_about_another_card_are_left_out(corpus: CardCorpus) -> None:
    turn = Said("t0", "Экспорт отчётов падает. Теперь тёмная тема, цветов не хватает.")
    talk = talk_of(corpus, [turn])

    assert [s.text for s in sentences_about(talk, sentences([turn]), 0, 1)] == ["Экспорт отчётов падает."]


def test_an_empty_board_and_an_empty_talk(corpus: CardCorpus) -> None:
    nothing = np.zeros((0, 65), dtype=np.float32)
    empty = CardCorpus([], nothing, nothing)

    assert all(turn.row is None for turn in talk_of(empty, TALK).turns)
    assert talk_of(corpus, []).turns == ()
    assert talk_of(corpus, [Said("t0", "...")]).turns[0].decision is Decision.NOTHING
    assert match_texts(compare(empty, "a"), built_in(), 5)[0].decision is Decision.NOTHING


def test_texts_on_their_own_are_ranked_with_probabilities(corpus: CardCorpus) -> None:
    scores = compare(corpus, "экспорт отчётов", "погода хорошая")
    first, second = match_texts(scores, built_in(), 2)

    assert first.candidates[0].row == 1
    assert len(first.candidates) == 2
    assert first.candidates[0].probability > first.candidates[1].probability
    assert first.no_card < second.no_card


def test_the_thresholds_decide(corpus: CardCorpus) -> None:
    scores = compare(corpus, "экспорт отчётов")

    assert match_texts(scores, replace(built_in(), auto_text=0.0, auto_whole=0.0), 1)[0].decision is Decision.AUTO
    assert (
        match_texts(scores, replace(built_in(), auto_text=1.1, auto_whole=1.1, confirm=0.0), 1)[0].decision
        is Decision.CONFIRM
    )
    assert (
        match_texts(scores, replace(built_in(), auto_text=1.1, auto_whole=1.1, confirm=1.1), 1)[0].decision
        is Decision.NOTHING
    )


def test_cards_rank_texts(corpus: CardCorpus) -> None:
    scores = compare(corpus, "погода", "тёмная тема", "экспорт отчётов")
    (dark, export) = rank_texts_of_cards(scores, built_in(), [2, 1], 2)

    assert (dark[0].number, export[0].number) == (1, 2)
    assert len(dark) == 2


def test_shares_and_mutual_scores() -> None:
    logits = np.array([[3.0, 1.0], [2.0, 5.0]], dtype=np.float32)

    assert rank_shares(logits, 1).tolist() == [[1.0, 0.5], [0.5, 1.0]]
    assert mutual(1.0, 0.5) == pytest.approx(2 / 3)
    assert mutual(0.0, 0.0) == 0.0


def test_every_feature_has_a_fitted_weight() -> None:
    weights = built_in()

    assert tuple(weights.rank) == features.RANK
    assert tuple(weights.talk.card) == features.CARD
    assert len(weights.right) == len(weights.any_card) == len(features.FIT)
    assert weights.auto_talk > 0.5
    assert weights.confirm < weights.auto_text


def test_the_reliability_diagram_and_its_error() -> None:
    diagram = reliability([(0.95, True), (0.95, True), (0.95, False), (1.0, True), (0.1, False)])

    assert [bar.count for bar in diagram] == [0, 1, 0, 0, 0, 0, 0, 0, 0, 4]
    assert diagram[9].mean_probability == pytest.approx(0.9625)
    assert diagram[9].approved_share == pytest.approx(0.75)
    assert expected_calibration_error(diagram) == pytest.approx((4 * 0.2125 + 0.1) / 5)
    assert expected_calibration_error(reliability([])) == 0.0
