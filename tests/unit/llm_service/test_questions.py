"""What questions mean; the moment of all of them is the evening of Wednesday, 18 March 2026."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from llm_service.knowledge import Access, Narrowed
from llm_service.questions import Exchange, Listing, Question, inquiry_of, wanted
from llm_service.reading import question as read
from llm_service.wanted import Kind

NOW = datetime(2026, 3, 18, 20, 0, tzinfo=UTC)
MOSCOW = ZoneInfo("Europe/Moscow")


def question(text: str, *earlier: str, zone=UTC, narrowed: Narrowed | None = None) -> Question:
    history = tuple(Exchange(one, "…") for one in earlier)
    return Question(text, Access("w", frozenset()), narrowed or Narrowed(), "ru", history, NOW, zone)


def ms(*parts: int, zone=UTC) -> int:
    return int(datetime(*parts, tzinfo=zone).timestamp() * 1000)


def test_a_span_of_time_becomes_a_filter_in_the_zone_of_the_asker():
    found = inquiry_of(question("Что на прошлой неделе решили про миграцию?", zone=MOSCOW))
    ((query, narrowed),) = found.searches
    assert query == "Что решили про миграцию?"
    assert narrowed.after_ms == ms(2026, 3, 9, zone=MOSCOW)
    assert narrowed.before_ms == ms(2026, 3, 16, zone=MOSCOW)
    assert found.listing is None


def test_the_day_begins_in_the_zone_of_the_asker():
    late = Question(
        "Что решили сегодня?", Access("w", None), Narrowed(), "ru", (), datetime(2026, 3, 18, 22, tzinfo=UTC), MOSCOW
    )
    assert inquiry_of(late).period.start == date(2026, 3, 19)


def test_a_day_of_an_event_is_also_searched_without_the_span():
    found = inquiry_of(question("Какой сервер сломался 12 марта?"))
    assert [narrowed.after_ms for _, narrowed in found.searches] == [ms(2026, 3, 12), None]
    assert found.searches[1][0] == "Какой сервер сломался 12 марта?"


def test_a_span_only_narrows_what_the_caller_allows():
    given = Narrowed(after_ms=ms(2026, 3, 11), before_ms=ms(2026, 3, 30))
    ((_, narrowed),) = inquiry_of(question("Что говорили на прошлой неделе о ценах?", narrowed=given)).searches
    assert (narrowed.after_ms, narrowed.before_ms) == (ms(2026, 3, 11), ms(2026, 3, 16))


@pytest.mark.parametrize(
    ("text", "listing"),
    [
        ("Что решили на прошлой неделе?", Listing.DECISIONS),
        ("Какие решения приняли вчера?", Listing.DECISIONS),
        ("What did we decide last week?", Listing.DECISIONS),
        ("What was decided?", Listing.DECISIONS),
        ("О чём говорили вчера?", Listing.TOPICS),
        ("What did we discuss yesterday?", Listing.TOPICS),
        ("О чём говорили?", None),
        ("Что решили на прошлой неделе про миграцию?", None),
        ("What did we decide last week about the roof?", None),
        ("Кто вчера решил задачу с кластером?", None),
    ],
)
def test_lists(text, listing):
    assert inquiry_of(question(text)).listing is listing


def test_a_follow_up_is_searched_with_what_it_goes_on_from():
    assert inquiry_of(question("А когда он закончит?", "Кто делает авторизацию?")).asked == (
        "Кто делает авторизацию? А когда он закончит?"
    )
    chain = inquiry_of(question("И сколько это стоит?", "Что с сайтом?", "Кто чинит крышу?", "А когда он придёт?"))
    assert chain.asked == "Кто чинит крышу? А когда он придёт? И сколько это стоит?"
    assert inquiry_of(question("Кто чинит крышу?", "Что с сайтом?")).asked == "Кто чинит крышу?"


def test_a_follow_up_may_change_only_the_time():
    found = inquiry_of(question("А на этой неделе?", "Что решили на прошлой неделе?"))
    assert found.listing is Listing.DECISIONS
    assert found.period.start == date(2026, 3, 16)


def test_a_follow_up_wants_the_things_of_the_question_before():
    found = wanted(question("А когда он закончит?", "Кто делает авторизацию?"), ["Александр"])
    assert (found.kind, set(found.things)) == (Kind.TIME, {"авторизация"})
    found = wanted(question("А у принтера?", "Сколько стоит сканер?"), [])
    assert (found.kind, set(found.things)) == (Kind.MONEY, {"принтер"})


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Кто настроит CI pipeline в GitLab?", "ru"),
        ("What did Анна say about постгрес?", "en"),
        ("Who moves the database?", "en"),
        ("Как там staging?", "ru"),
    ],
)
def test_the_language_of_the_question(text, language):
    from planerka.llm.v1 import llm_pb2

    assert read(llm_pb2.AskRequest(workspace_id="w", question=text)).language == language
