import pytest

from textkit.misheard import find_misheard, mended
from textkit.people import Person

TEAM = ["Марина Ковалёва", "Кирилл Зайцев", "Виктор Лунин", "Magnus Berg", "Geraldine Moss"]
PEOPLE = tuple(Person(name, (name,)) for name in TEAM)


def named(text, roster=TEAM):
    return [(mention.person, text[mention.start : mention.end]) for mention in find_misheard(text, roster)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Марены, проверь договор.", [("Марина Ковалёва", "Марены")]),
        ("Смету подготовит Марена.", [("Марина Ковалёва", "Марена")]),
        ("Тогда Кирел напишет тесты.", [("Кирилл Зайцев", "Кирел")]),
        ("Кирил, отправь счёт.", [("Кирилл Зайцев", "Кирил")]),
        ("Magus, please update the plan.", [("Magnus Berg", "Magus")]),
        ("So Geraldene will call them.", [("Geraldine Moss", "Geraldene")]),
    ],
)
def test_a_misheard_name_is_found_where_a_name_stands(text, expected):
    assert named(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Марена вырастет к осени.",
        "смету подготовит марена.",
        "Корни, в том числе Марены, лежат на складе.",
        "Вектор покажет направление, а Вектор подпишет договор.",
        "Карина, проверь договор.",
        "Марина, проверь договор.",
        "Vector will store it.",
        "The Magnet will arrive.",
        "Magus is a word.",
        "MAGUS, please restart.",
    ],
)
def test_what_may_be_something_else_is_no_name(text):
    assert named(text) == []


def test_who_is_as_near_as_somebody_else_is_not_named():
    assert named("Кларисо, проверь договор.", ["Клариса Львова"]) == [("Клариса Львова", "Кларисо")]
    assert named("Кларисо, проверь договор.", ["Клариса Львова", "Клариса Орлова"]) == []


def test_another_name_of_the_roster_is_never_taken_for_a_misheard_one():
    assert named("Алёна, проверь договор.", ["Алина Львова"]) == []


def test_a_sentence_is_mended_in_its_own_form_and_else_left_as_it_is():
    assert mended("Попросим Морину и Кирела.", PEOPLE) == "Попросим Марину и Кирела."
    assert mended("Хорошо, Кирел, отправь счёт.", PEOPLE) == "Хорошо, Кирилл, отправь счёт."
    text = "Проверь договор, пожалуйста."
    assert mended(text, PEOPLE) is text
