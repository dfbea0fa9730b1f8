"""An answer stands on neighbouring sentences of one source."""

from __future__ import annotations

import numpy as np
import pytest

from llm_service.citing import passages_of, quote_answer, support
from llm_service.knowledge import Found

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


def test_a_question_is_answered_by_a_quotation():
    passages = passages_of(SOURCES)
    text, passage = quote_answer("Почему падает выгрузка?", passages, np.zeros(len(passages), np.float32), "ru")
    assert passage.source == 1
    assert "выгрузка падает" in text


def test_a_question_about_something_else_has_no_quotation():
    passages = passages_of(SOURCES)
    assert quote_answer("Какой бюджет у рекламы?", passages, np.ones(len(passages), np.float32), "ru") is None


def test_what_a_question_wants_need_not_be_said():
    passages = passages_of(SOURCES)
    text, _ = quote_answer(
        "В какой день и час переносим рабочую базу?", passages, np.zeros(len(passages), np.float32), "ru"
    )
    assert "субботу" in text
