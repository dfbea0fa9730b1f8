import pytest

from board_service.keys import first_free, prefix


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Мобильное приложение", "MP"),
        ("Школьный фестиваль науки", "SFN"),
        ("Щука", "SHC"),
        ("clinic", "CLI"),
        ("The very long name of a board", "TVLN"),
        ("Q3 plan", "QP"),
        ("2026", "C"),
        ("会議", "C"),
        ("   ", "C"),
    ],
)
def test_prefix(name, expected):
    assert prefix(name) == expected


def test_numbers_that_are_taken_are_skipped():
    assert first_free("MP", 1, {"MP-1", "MP-2"}.__contains__) == ("MP-3", 4)
    assert first_free("MP", 7, set().__contains__) == ("MP-7", 8)
