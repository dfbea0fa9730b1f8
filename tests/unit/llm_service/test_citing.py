"""An answer stands on neighbouring sentences of one source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llm_service.citing import holding, passages_of, quote_answer, speaks_of, support
from llm_service.knowledge import Found
from llm_service.wanted import Kind, number_runs, wanted_of

PEOPLE = ["Александр", "Анна", "Ирина"]


def source(text: str, *speakers: str) -> Found:
    return Found("chk", "d", 1, "Планёрка", "Планёрка · 2026-03-02", text, 1.0, "", "", (), speakers, None, None, None)


SOURCES = [
    source(
        "Александр: А вот пуш уведомления на старых телефонах не приходят.\nАнна: Я могу проверить это сегодня.",
        "Александр",
        "Анна",
    ),
    source(
        "Ирина: Заказчик жалуется, что выгрузка падает.\nАлександр: Там всё собирается в памяти.", "Ирина", "Александр"
    ),
    source("Анна: Рабочую базу переносим в ночь на субботу. Простой 20 минут.", "Анна"),
]


def stand(sentence: str):
    return support(sentence, passages_of(SOURCES), PEOPLE, None)


def test_a_sentence_is_held_by_the_shortest_passage():
    passage = stand("Рабочую базу переносят в ночь на субботу.")
    assert passage.source == 2
    assert len(passage.sentences) == 1


@pytest.mark.parametrize(
    "sentence",
    [
        "Выгрузка падает из-за авторизации на старых телефонах и уведомлений Firebase.",
        "Простой займёт 30 минут.",
        "Ирина переносит рабочую базу в ночь на субботу.",
        "Бюджет рекламы составляет два миллиона.",
    ],
)
def test_what_no_passage_holds_falls(sentence):
    assert stand(sentence) is None


@pytest.mark.parametrize(
    ("answer", "question", "speaks"),
    [
        ("Ирина и Анна заводят новую карточку, Анна подготовит описание.", "Когда займутся тёмной темой?", False),
        ("Тёмную тему отложили на следующий спринт, решили Ирина и Анна.", "Когда займутся тёмной темой?", True),
        ("Переносим рабочую базу в ночь на субботу, предупредив поддержку.", "Когда перенесут базу?", True),
        ("Рустам, к пятнице.", "Кто настроит автопродление сертификатов?", True),
        ("The team moves the working database on Saturday night.", "Когда перенесут базу?", True),
        ("Переносим рабочую базу в ночь на субботу, предупредив поддержку.", "А когда?", True),
    ],
)
def test_an_answer_speaks_of_what_was_asked(answer, question, speaks):
    assert speaks_of(answer, question) is speaks


def quoted(question: str, nearness: float = 0.0, sources=SOURCES):
    passages = passages_of(sources)
    wants = wanted_of(question, PEOPLE)
    return quote_answer(wants, passages, np.full(len(passages), nearness, np.float32), PEOPLE, "ru")


def held(question: str, sources=SOURCES) -> list[int]:
    return holding(wanted_of(question, PEOPLE), sources, passages_of(sources))


def test_a_question_is_answered_by_a_quotation():
    text, passage = quoted("Почему падает выгрузка?")
    assert passage.source == 1
    assert "выгрузка падает" in text


def test_a_question_about_something_else_has_no_quotation():
    assert quoted("Какой бюджет у рекламы?", 1.0) is None


def test_what_a_question_wants_need_not_be_said():
    text, _ = quoted("В какой день и час переносим рабочую базу?")
    assert "субботу" in text


def test_a_question_in_the_source_is_quoted_with_what_was_said_to_it():
    sources = [source("Ирина: Кто настроит сертификаты?\nАнна: Давайте я.\nИрина: Спасибо.", "Ирина", "Анна")]
    text, _ = quoted("Кто настроит сертификаты?", sources=sources)
    assert "Анна: «Давайте я»" in text


@pytest.mark.parametrize(
    ("question", "places"),
    [
        ("Когда переносим базу?", [2]),
        ("Сколько продлится простой базы?", [2]),
        ("Сколько стоит перенос базы?", []),
        ("Какого цвета выгрузка?", []),
        ("Как называется шлюз для выгрузки?", []),
        ("Кто проверит уведомления на телефоне?", [0]),
        ("Какой производитель у телефона?", []),
        ("Что Анна говорит про телефоны?", [0]),
        ("Что Ирина говорит про телефоны?", []),
    ],
)
def test_only_sources_that_speak_of_everything_can_hold_the_answer(question, places):
    assert held(question) == places


def test_a_source_in_another_language_has_to_be_near():
    near = source("Tom: The export of large tables fails.", "Tom")
    assert held("Что с выгрузкой?", [replace(near, score=0.9)]) == [0]
    assert held("Что с выгрузкой?", [replace(near, score=0.7)]) == []
    assert held("Как зовут заказчика?", [replace(near, score=0.9)]) == []


@pytest.mark.parametrize(
    ("question", "kind", "things"),
    [
        ("Сколько коробок плитки не хватает?", Kind.NUMBER, {"коробка", "плитка"}),
        ("How much does the scanner cost?", Kind.MONEY, {"scanner"}),
        ("До какого срока отложили Vault?", Kind.TIME, {"vault"}),
        ("Как зовут директора?", Kind.NAME, {"директор"}),
        ("What colour are the posters?", Kind.COLOUR, {"poster"}),
        ("Почему упало восстановление бэкапа?", Kind.ANYTHING, {"восстановление", "бэкап"}),
        ("Как долго длится смена?", Kind.SPAN, {"смена"}),
    ],
)
def test_what_a_question_asks_for(question, kind, things):
    found = wanted_of(question, PEOPLE)
    assert (found.kind, set(found.things)) == (kind, things)


@pytest.mark.parametrize(
    ("kind", "text", "answers"),
    [
        ("Сколько?", "И ещё одна мысль.", False),
        ("Сколько?", "Нашли двенадцать коробок.", True),
        ("Сколько стоит?", "Доставка через две недели.", False),
        ("Сколько стоит?", "Обед двести рублей.", True),
        ("How long is it?", "We begin on the first of June.", False),
        ("How long is it?", "It is twelve metres long.", True),
        ("Как зовут?", "Я поговорю с директором. Он против.", False),
        ("Как зовут?", "Позвоню Петру Ильичу.", True),
        ("When?", "That one is in review.", False),
        ("Сколько?", "В пятницу семья требует пятно высот.", False),
        ("When?", "By the end of August.", True),
    ],
)
def test_kinds_of_answers(kind, text, answers):
    assert wanted_of(kind, ()).answered_by(text, PEOPLE) is answers


def test_a_number_stands_as_it_was_said():
    sources = [source("Анна: За выходные записалось сто двадцать человек.", "Анна")]
    passages = passages_of(sources)
    assert support("За выходные записалось сто двадцать человек.", passages, PEOPLE, None) is not None
    assert support("За выходные записалось двадцать человек.", passages, PEOPLE, None) is None
    assert support("Сото двадцать человек записалось за выходные.", passages, PEOPLE, None) is None
    assert number_runs("ста двадцати дней, one of twenty five") == {("сто", "двадцать"), ("twenti", "five")}
