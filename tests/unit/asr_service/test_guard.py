"""Loops and ghosts are kept out, and what people say is kept."""

import pytest

from asr_service.guard import echoes, is_ghost, is_loop, spoken_once, without_loop


@pytest.mark.parametrize(
    "text",
    [
        "и так далее и так далее и так далее и так далее",
        "so we are going to " * 8,
        "спасибо спасибо спасибо спасибо спасибо",
        "На этом всё. На этом всё. На этом всё. На этом всё. На этом всё.",
    ],
)
def test_loops(text: str) -> None:
    assert is_loop(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Нет, нет, нет, нет, это не так.",
        "Yeah yeah yeah yeah.",
        "Раз, два, три. Раз, два, три. Начали.",
        "Перенос на новый постгрес идёт. Тестовый стенд уже переехал, рабочую базу переносим в ночь на субботу.",
    ],
)
def test_no_loops(text: str) -> None:
    assert not is_loop(text)


def test_a_loop_is_said_once() -> None:
    loop = ["на", "этом", "всё."]
    words = ["Мы", "решили,", *(4 * loop), "до", "завтра"]
    assert [words[index] for index in without_loop(words)] == ["Мы", "решили,", *loop, "до", "завтра"]
    assert without_loop(["да"] * 2) == [0, 1]


@pytest.mark.parametrize("text", ["Субтитры сделал DimaTorzok", "Редактор субтитров А.Синецкая Корректор А.Егорова"])
def test_ghosts(text: str) -> None:
    assert is_ghost(text, no_speech=0.0)


@pytest.mark.parametrize(
    "text", ["Продолжение следует...", "Спасибо за просмотр!", "Thank you.", "Thanks for watching!"]
)
def test_what_people_may_say_is_a_ghost_only_over_silence(text: str) -> None:
    assert is_ghost(text, no_speech=0.9)
    assert not is_ghost(text, no_speech=0.1)


@pytest.mark.parametrize(
    "text", ["Субтитры нужно добавить к пятнице.", "Музыка не играет у части пользователей.", "", "..."]
)
def test_work_talk_is_no_ghost(text: str) -> None:
    assert not is_ghost(text, no_speech=0.9)


def test_echoes_of_hot_words() -> None:
    hot_words = ("экспорт отчётов", "вход через Google", "тёмная тема", "push")
    assert echoes("Экспорт отчётов, вход через Google, тёмная тема, push", hot_words)
    assert not echoes("Экспорт отчётов падает, а вход через Google готов", hot_words)
    assert not echoes("push", ("push",))


def timed(text: str, start: float, each: float) -> list[tuple[str, float, float]]:
    return [(word, start + place * each, start + (place + 1) * each) for place, word in enumerate(text.split())]


def test_a_sentence_that_is_said_again_in_no_time_was_said_once() -> None:
    said, again = timed("It stood amidst the tents.", 0.2, 0.4), timed("It stood amidst the tents.", 2.2, 0.0)
    assert spoken_once([*said, *again, *again]) == [0, 1, 2, 3, 4]
    assert spoken_once([*timed("It stood amidst the tents.", 0.0, 0.01), *said]) == [5, 6, 7, 8, 9]


def test_a_sentence_that_somebody_repeats_stays() -> None:
    twice = [*timed("Мы готовы.", 0.2, 0.3), *timed("Мы готовы.", 1.0, 0.2), *timed("Да, да.", 2.0, 0.1)]
    assert spoken_once(twice) == list(range(6))
    assert spoken_once([]) == []
