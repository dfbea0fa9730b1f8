import pytest

from match_service.talk import Cue, Said, find_cues, sentences, split_sentences


def test_sentences_are_substrings_with_their_places() -> None:
    turn = Said("t1", "  Хорошо. Тогда в пятницу переводим!  Есть что-то? ", "Ирина", 1.0, 4.0)
    parts = sentences([Said("t0", " "), turn])

    assert [part.text for part in parts] == ["Хорошо.", "Тогда в пятницу переводим!", "Есть что-то?"]
    assert all(turn.text[part.start : part.end] == part.text for part in parts)
    assert [part.first for part in parts] == [True, False, False]
    assert {part.turn for part in parts} == {1}


@pytest.mark.parametrize("text", ["", "...", "?!", "\n\n", "🙂", "a.b.c", "Версия 1.2.3 вышла", "x" * 5000])
def test_odd_texts_are_cut_without_loss_of_letters(text: str) -> None:
    spans = split_sentences(text)

    assert sum(end - start for start, end in spans) <= len(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert "".join(text[a:b] for a, b in spans).count("x") == text.count("x")


def test_long_talk_without_full_stops_is_cut_at_clauses() -> None:
    text = "сначала " * 30 + "сделали, а потом " + "ждали " * 20

    assert len(split_sentences(text)) == 2


@pytest.mark.parametrize(
    ("text", "cue"),
    [
        ("Такой задачи у нас пока нет.", Cue.NEW_CARD),
        ("Тогда заведём новую карточку.", Cue.NEW_CARD),
        ("Этого у нас на доске вообще нет.", Cue.NEW_CARD),
        ("We have no card for it yet.", Cue.NEW_CARD),
        ("Let's create a new ticket.", Cue.NEW_CARD),
        ("Такая карточка уже есть.", Cue.HAS_CARD),
        ("Маркетинг просит сделать промокоды.", Cue.NEED),
        ("Теперь отчёты.", Cue.SWITCH),
        ("What about the ramp?", Cue.SWITCH),
        ("И ещё, апгрейд висит.", Cue.ADDITION),
        ("Хорошо, бери.", Cue.ACKNOWLEDGE),
        ("Коллеги, доброе утро.", Cue.SMALL_TALK),
        ("Have a nice week.", Cue.SMALL_TALK),
    ],
)
def test_cues_are_heard(text: str, cue: Cue) -> None:
    assert cue in find_cues(text)


@pytest.mark.parametrize("text", ["Такая карточка уже есть, новую карточку не заводим.", "Кофемашина приедет завтра."])
def test_cues_that_are_not_there(text: str) -> None:
    assert not {Cue.NEW_CARD, Cue.SMALL_TALK} & find_cues(text)
