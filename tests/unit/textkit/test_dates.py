from datetime import date

import pytest

from textkit.dates import DateKind, find_dates

WEDNESDAY = date(2026, 3, 11)


@pytest.mark.parametrize(
    ("text", "said", "day", "kind"),
    [
        ("Осталось написать тесты, к пятнице сделаю.", "к пятнице", date(2026, 3, 13), DateKind.DEADLINE),
        ("Анна подготовит описание до среды.", "до среды", date(2026, 3, 18), DateKind.DEADLINE),
        ("Через два дня покажу.", "Через два дня", date(2026, 3, 13), DateKind.POINT),
        ("через три рабочих дня", "через три рабочих дня", date(2026, 3, 16), DateKind.POINT),
        ("Завтра посмотрю", "Завтра", date(2026, 3, 12), DateKind.POINT),
        ("в следующий понедельник", "в следующий понедельник", date(2026, 3, 16), DateKind.POINT),
        ("в прошлую пятницу", "в прошлую пятницу", date(2026, 3, 6), DateKind.PAST),
        ("сдадим к 15 марта", "к 15 марта", date(2026, 3, 15), DateKind.DEADLINE),
        ("двадцать первого апреля релиз", "двадцать первого апреля", date(2026, 4, 21), DateKind.POINT),
        ("не позднее 1 июня 2027 года", "не позднее 1 июня 2027 года", date(2027, 6, 1), DateKind.DEADLINE),
        ("базу переносим в ночь на субботу", "в ночь на субботу", date(2026, 3, 14), DateKind.POINT),
        ("в ночь с пятницы на субботу", "в ночь с пятницы на субботу", date(2026, 3, 14), DateKind.POINT),
        ("до конца месяца", "до конца месяца", date(2026, 3, 31), DateKind.DEADLINE),
        ("до конца июня", "до конца июня", date(2026, 6, 30), DateKind.DEADLINE),
        ("by the end of April", "by the end of April", date(2026, 4, 30), DateKind.DEADLINE),
        ("подпишу до тридцать первого.", "до тридцать первого", date(2026, 3, 31), DateKind.DEADLINE),
        ("через две недельки", "через две недельки", date(2026, 3, 25), DateKind.POINT),
        ("на следующей неделе", "на следующей неделе", date(2026, 3, 20), DateKind.WINDOW),
        ("I'll send it by Thursday", "by Thursday", date(2026, 3, 12), DateKind.DEADLINE),
        ("by the end of next week", "by the end of next week", date(2026, 3, 20), DateKind.DEADLINE),
        ("next Friday works", "next Friday", date(2026, 3, 20), DateKind.POINT),
        ("in two weeks", "in two weeks", date(2026, 3, 25), DateKind.POINT),
        ("the 15th of June", "15th of June", date(2026, 6, 15), DateKind.POINT),
        ("yesterday", "yesterday", date(2026, 3, 10), DateKind.PAST),
        ("from Monday", "from Monday", date(2026, 3, 16), DateKind.START),
        ("срок 2026-05-01", "срок 2026-05-01", date(2026, 5, 1), DateKind.DEADLINE),
        ("5 января", "5 января", date(2027, 1, 5), DateKind.POINT),
    ],
)
def test_said_dates_are_found_with_their_words_and_role(text: str, said: str, day: date, kind: DateKind) -> None:
    (mention,) = find_dates(text, WEDNESDAY)

    assert (mention.text, mention.date, mention.kind) == (said, day, kind)
    assert text[mention.start : mention.end] == said


@pytest.mark.parametrize(
    "text",
    [
        "каждую пятницу созвон",
        "по пятницам отчёт",
        "every Monday",
        "on Fridays",
        "оценка три дня",
        "простой около двадцати минут",
        "к празднику",
        "в следующем спринте",
        "в тестовой среде",
        "до среды разработки",
        "версия 1.02",
        "31 февраля",
        "we may do it",
        "через 15 минут",
        "",
    ],
)
def test_what_is_no_date_is_not_made_one(text: str) -> None:
    assert find_dates(text, WEDNESDAY) == []


def test_several_dates_come_in_order_without_overlap() -> None:
    mentions = find_dates("Завтра проверю, к понедельнику отдам, 20.03.2026 релиз", WEDNESDAY)

    assert [mention.date for mention in mentions] == [date(2026, 3, 12), date(2026, 3, 16), date(2026, 3, 20)]


def test_the_same_weekday_means_the_one_of_the_next_week() -> None:
    (mention,) = find_dates("в среду", WEDNESDAY)

    assert mention.date == date(2026, 3, 18)
