"""The whole of a meeting in a few sentences, where the model says little."""

from llm_service.digest import filled_up, in_order
from llm_service.parts import Sentence
from llm_service.talk import Line


def sentence(number, letters=80):
    line = Line(number, number, 0, letters, "x" * letters, "spk", "")
    return Sentence("x" * letters, (line,))


def numbers(sentences):
    return [one.lines[0].number for one in sentences]


def test_a_short_overview_gets_what_is_central_and_missing():
    own = [sentence(number) for number in (50, 7, 90, 20, 70, 10)]
    assert numbers(in_order(filled_up([sentence(7)], own, 6, 360))) == [7, 20, 50, 90], (
        "7 is told already, 70 is too much"
    )


def test_a_long_overview_stays_as_it_is():
    told = [sentence(number, 200) for number in (1, 2, 3)]
    assert filled_up(told, [sentence(9)], 6, 600) == tuple(told)


def test_half_of_the_sentences_come_however_long_they_are():
    assert numbers(filled_up([sentence(1, 500)], [sentence(2, 500), sentence(3, 500), sentence(4, 500)], 6, 600)) == [
        1,
        2,
        3,
    ]


def test_there_are_never_more_than_asked():
    told = [sentence(number, 10) for number in range(6)]
    assert filled_up(told, [sentence(9, 10)], 6, 600) == tuple(told)
