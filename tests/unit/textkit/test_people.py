import pytest

from textkit.people import Person, find_people, inflections

TEAM = ["Ирина", "Анна", "Александр"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Отлично, Анна, проверь сегодня.", [("Анна", "Анна")]),
        ("скажи Ане и Саше", [("Анна", "Ане"), ("Александр", "Саше")]),
        ("Alex will do it with Ира", [("Александр", "Alex"), ("Ирина", "Ира")]),
        ("обсудили с Александром и Ириной", [("Александр", "Александром"), ("Ирина", "Ириной")]),
        ("Анонс и иринит здесь ни при чём", []),
    ],
)
def test_inflected_and_short_names_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(mention.person, text[mention.start : mention.end]) for mention in find_people(text, TEAM)] == expected


def test_a_surname_tells_two_people_of_one_first_name_apart() -> None:
    text = "Спроси Петрову. Анна сделает. Анна Иванова тоже."
    people = find_people(text, [Person("p1", ("Анна Петрова",)), Person("p2", ("Анна Иванова",))])

    assert [(mention.person, text[mention.start : mention.end]) for mention in people] == [
        ("p1", "Петрову"),
        ("p2", "Анна Иванова"),
    ]


def test_a_short_form_of_two_people_names_neither() -> None:
    assert find_people("Саша сделает", ["Александр", "Александра"]) == []


def test_english_names_and_possessives() -> None:
    text = "Ask Kate Smith about Bob's team; will Will do it?"
    people = find_people(text, ["Katherine Smith", "Robert Jones", "Will Doe"])

    assert [mention.person for mention in people] == ["Katherine Smith", "Robert Jones", "Will Doe"]
    assert text[people[2].start : people[2].end] == "Will"


def test_an_ordinary_word_at_the_start_of_a_sentence_is_no_name() -> None:
    assert find_people("Вера в успех. Роман читают все.", ["Вера", "Роман"]) == []
    assert [mention.person for mention in find_people("Спроси Веру.", ["Вера", "Роман"])] == ["Вера"]


def test_names_outside_the_dictionary_are_inflected_by_rule() -> None:
    assert {"азамат", "азамату", "азаматом"} <= inflections("азамат")
