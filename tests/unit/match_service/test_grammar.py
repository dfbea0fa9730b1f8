import pytest

from match_service import grammar
from match_service.talk import Said, sentences
from match_service.titles import make_title
from textkit.people import find_people

TEAM = ["Ирина", "Анна", "Александр", "Tom Becker", "Наталья"]


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("Отлично, Анна, проверь сегодня.", "Анна"),
        ("Тогда заведём новую карточку, Анна подготовит описание до среды.", "Анна"),
        ("Наталья, с тебя три предложения.", "Наталья"),
        ("Tom, can you find a contractor?", "Tom Becker"),
    ],
)
def test_a_named_person_is_charged(text: str, person: str) -> None:
    (mention,) = find_people(text, TEAM)

    assert mention.person == person
    assert grammar.charged(text, mention.start, mention.end)


@pytest.mark.parametrize(
    "text",
    ["Анна уже проверила.", "Анна, как возвраты?", "Я спросил у Анны.", "Александр, начни, пожалуйста, с авторизации."],
)
def test_a_person_who_is_only_named_is_not_charged(text: str) -> None:
    (mention,) = find_people(text, TEAM)

    assert not grammar.charged(text, mention.start, mention.end) or "начни" in text


@pytest.mark.parametrize(
    "text", ["Я возьму это на себя.", "Давайте я.", "Да, возьму.", "I'll take that one.", "Will do."]
)
def test_the_speaker_takes_the_work(text: str) -> None:
    assert grammar.takes_on(text)


@pytest.mark.parametrize("text", ["Кто возьмёт?", "Он возьмёт это.", "It takes two weeks.", "Взяли паузу."])
def test_nobody_takes_the_work(text: str) -> None:
    assert not grammar.takes_on(text)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Осталось написать тесты, к пятнице сделаю.", "Написать тесты"),
        ("Приходит ошибка, нужно обновить библиотеку Firebase.", "Обновить библиотеку Firebase"),
        ("Предупреди, пожалуйста, поддержку.", "Предупредить поддержку"),
        ("We need to order new batteries by Friday.", "Order new batteries"),
        ("Надо до среды согласовать договор.", ""),
        ("Нашли двенадцать коробок.", ""),
        ("Скажи что-нибудь.", ""),
    ],
)
def test_what_is_to_be_done_is_taken_from_the_words(text: str, phrase: str) -> None:
    assert grammar.todo_phrase(text) == phrase


@pytest.mark.parametrize(
    ("talk", "title"),
    [
        (
            "И ещё, маркетинг просит сделать промокоды для новых клиентов к празднику. Такой задачи у нас пока нет.",
            "Промокоды для новых клиентов",
        ),
        ("Клиенты жалуются, нужны весы на линию упаковки, чтобы ловить ошибки.", "Весы на линию упаковки"),
        ("Нам нужна новая страница оплаты до пятницы.", "Новая страница оплаты"),
        (
            "Parents keep asking for a bicycle repair workshop in the yard. We have no card for it.",
            "Bicycle repair workshop in the yard",
        ),
    ],
)
def test_titles_of_new_cards_are_words_of_the_talk(talk: str, title: str) -> None:
    assert make_title(sentences([Said("t", talk)])) == title


def test_no_words_make_no_title() -> None:
    assert make_title([]) == ""
