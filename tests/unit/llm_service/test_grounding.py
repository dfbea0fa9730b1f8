"""A written sentence stands only on what was said."""

from __future__ import annotations

import pytest

from llm_service.checks import Checks
from llm_service.evidence import quote_lines
from llm_service.grounding import Trouble, examine, mend_script

SAID = (
    ("Ирина", "Что у тебя с базой данных?"),
    ("Анна", "Перенос на новый постгрес идёт. Рабочую базу переносим в ночь на субботу. Простой около двадцати минут."),
    ("Александр", "Надо переписать выгрузку на потоковую запись."),
)


@pytest.fixture
def talk(talk_of):
    return talk_of(*SAID)


@pytest.mark.parametrize(
    ("sentence", "turns"),
    [
        ("Рабочую базу переносят в ночь на субботу.", {1}),
        ("Простой составит около двадцати минут.", {1}),
        ("Александр предложил переписать выгрузку на потоковую запись.", {2}),
    ],
)
def test_what_was_said_stands(talk, sentence, turns):
    support = examine(sentence, talk.lines, talk, "ru")
    assert support.trouble is None
    assert {line.turn for line in support.lines} == turns


@pytest.mark.parametrize(
    ("sentence", "trouble"),
    [
        ("Команда заказала новые ноутбуки для дизайнеров.", Trouble.WORDS),
        ("Простой около тридцати минут.", Trouble.NUMBER),
        ("Рабочую базу переносят в ночь на понедельник.", Trouble.DAY),
        ("Я переношу рабочую базу.", Trouble.VOICE),
        ("Ирина, рабочую базу переносим в ночь на субботу.", Trouble.VOICE),
        ("Что с базой данных?", Trouble.VOICE),
        ("The database moves to the new server.", Trouble.LANGUAGE),
        ("Ирина переносит рабочую базу в ночь на субботу.", Trouble.NAME),
        ("Выгрузку переписали на потоковую запись.", Trouble.DONE),
        ("Марина переносит рабочую базу в ночь на субботу.", Trouble.NAME),
    ],
)
def test_what_was_not_said_falls(talk, sentence, trouble):
    support = examine(sentence, talk.lines, talk, "ru")
    assert support.trouble is trouble
    assert not support.lines


def test_quotes_are_letter_by_letter(talk):
    quotes = quote_lines(talk, talk.lines[1:3])
    assert len(quotes) == 1
    assert quotes[0].text in talk.turns[1].text
    assert quotes[0].turn_id == "t2"


def test_a_name_in_two_scripts_is_mended():
    assert mend_script("Алексandr обновит Firebase", ["Александр"]) == "Александр обновит Firebase"


def test_figures_of_distant_lines_are_not_put_together(talk_of):
    said = [("Анна", "Встреча о бюджете продлится сорок минут.")]
    said += [
        ("Ирина", f"Подробности про отдел номер {word} расскажет начальник.")
        for word in ("альфа", "бета", "гамма", "дельта")
    ]
    said += [("Анна", "Бюджет проекта утвердили на собрании акционеров компании.")]
    talk = talk_of(*said)
    support = examine("Бюджет проекта утвердили на собрании акционеров: сорок.", talk.lines, talk, "ru")
    assert support.trouble is Trouble.NUMBER


async def test_a_text_that_was_cut_off_loses_its_last_sentence(talk_of):
    talk = talk_of(("Анна", "База переехала на новый сервер."))
    checks = Checks(talk, None, "ru")
    whole = "База переехала. " * 2
    assert [one.text for one in await checks.sentences(whole, talk.lines, 320)] == ["База переехала."]
    assert [one.text for one in await checks.sentences(whole + "на новый" * 40, talk.lines, 320)] == ["База переехала."]
    assert checks.dropped == 0


def test_the_quotes_alone_hold_what_stands_only_with_a_neighbour(talk_of):
    talk = talk_of(("Анна", "Новый сервер у нас."), ("Александр", "В зале жарко."), ("Ирина", "Понятно, спасибо."))
    support = examine("Новый сервер в зале гудит постоянно.", talk.lines, talk, "ru")
    assert [line.turn for line in support.lines] == [0, 1], "«зал» was said by the neighbour only"
    alone = examine("Новый сервер работает.", talk.lines, talk, "ru")
    assert [line.turn for line in alone.lines] == [0], "a neighbour that adds nothing is no evidence"
