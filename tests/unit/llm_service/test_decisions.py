"""What decides, and what only sounds like it."""

from __future__ import annotations

import pytest

from llm_service.actions import find_remarks
from llm_service.decisions import decides

DECIDED = (
    "We'll go with the rubber case.",
    "We will not support the old televisions.",
    "So we're going to drop the touch screen in favour of voice.",
    "I think we'll keep the blue cover.",
    "On Monday we'll move the database to the new server.",
    "Let's go for a plastic case.",
    "Let's postpone the export to the next sprint.",
    "If the tests pass, we'll publish the release on Friday.",
    "We decided to include voice recognition.",
    "As agreed, we've agreed on two buttons.",
    "Перенесём релиз на следующую среду.",
    "Договор подпишем на этой неделе.",
    "Давайте заведём отдельную доску для поддержки.",
    "Если тесты пройдут, выпустим релиз в пятницу.",
    "Откладываем тёмную тему до осени.",
    "И Vault пока откладываем до марта, людей нет.",
    "Мы решили, что запуск будет в апреле.",
)
NOT_DECIDED = (
    "Then we'll look at the project plan.",
    "We'll go from there.",
    "We're gonna just do a quick opening.",
    "This is about what we are going to do with the budget.",
    "How we're gonna sell the remote control?",
    "We saw a new player we're gonna produce in autumn.",
    "Maybe we'll use rubber for the case.",
    "I guess we'll use rubber for the case.",
    "If we're gonna pick between two cases, tell me.",
    "We'll find them.",
    "Let's do it.",
    "Let's take a short break.",
    "Let's make this quick, I have surgery at nine.",
    "We'll decide about the colour later.",
    "We decided that already.",
    "Если снимем двадцать второго, то успею.",
    "Графики повешу, когда наберём четвёртого сотрудника.",
    "Потом посмотрим на метрики.",
    "Обсудим бюджет после обеда.",
    "Либо берём в аренду, либо покупаем.",
    "Не знаю, как перенесём базу.",
    "Стоим, пока не перенесём базу.",
)


@pytest.mark.parametrize("text", DECIDED)
def test_a_plan_of_work_in_a_clause_of_its_own_decides(text):
    assert decides(text)


@pytest.mark.parametrize("text", NOT_DECIDED)
def test_what_leads_through_the_meeting_or_hangs_on_something_does_not(text):
    assert not decides(text)


def test_hesitations_do_not_hide_what_was_decided(talk_of):
    talk = talk_of(
        ("Tom", "Um so we'll we'll uh drop the touch screen."), ("Ann", "We'll uh look at it."), language="en"
    )
    assert [one.text for one in find_remarks(talk, talk.lines).decisions] == ["We'll drop the touch screen."]
