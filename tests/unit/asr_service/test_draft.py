"""The careful passes over running speech: when they come, what they settle, and what of it outlasts the whole stretch."""

from dataclasses import replace

from asr_service.audio import SAMPLE_RATE
from asr_service.draft import Draft, reconciled
from asr_service.transcriber import Word

SECOND = SAMPLE_RATE
PAUSE = SECOND // 4


def words(text: str, start: float = 0.0, confidence: float = 0.9) -> list[Word]:
    return [
        Word(part, start + place * 0.5, start + place * 0.5 + 0.4, confidence)
        for place, part in enumerate(text.split())
    ]


def text(words: list[Word]) -> str:
    return " ".join(word.text for word in words)


def test_a_pass_comes_in_a_pause_and_sooner_or_later_without_one() -> None:
    draft = Draft(SECOND)
    assert not draft.due(int(1.9 * SECOND), PAUSE)
    assert draft.due(3 * SECOND, PAUSE)
    assert not draft.due(3 * SECOND, 0)
    assert draft.due(5 * SECOND, 0)


def test_where_others_want_the_time_a_pass_waits_for_a_pause() -> None:
    draft = Draft(0)
    assert not draft.due(int(1.5 * SECOND), PAUSE, seldom=True)
    assert draft.due(2 * SECOND, PAUSE, seldom=True)
    assert not draft.due(9 * SECOND, 0, seldom=True)


def test_no_pass_follows_another_without_new_speech() -> None:
    draft = Draft(0)
    draft.settle([], 0, 4 * SECOND, 0)
    assert draft.place == 0
    assert not draft.due(5 * SECOND, 0)
    assert draft.due(8 * SECOND, 0)


def test_in_a_pause_everything_is_settled() -> None:
    draft = Draft(0)
    draft.settle(words("мы сделали экспорт."), 0, 2 * SECOND, PAUSE)
    assert text(draft.words) == "мы сделали экспорт."
    assert draft.place == 2 * SECOND - PAUSE // 2


def test_amid_speech_the_last_words_wait() -> None:
    draft = Draft(0)
    draft.settle(words("мы сделали экспорт и имп"), 0, int(2.4 * SECOND), 0)
    assert text(draft.words) == "мы сделали экспорт"
    assert draft.place == int(1.45 * SECOND)


def test_a_pass_hears_some_seconds_before_the_new_ones() -> None:
    draft = Draft(0)
    draft.settle(words("раз два три"), 0, 4 * SECOND, PAUSE)
    draft.settle(words("четыре пять", 4.0), 3, 8 * SECOND, PAUSE)
    assert draft.window(9 * SECOND) == (0, 0)
    assert draft.window(12 * SECOND) == (4 * SECOND - PAUSE // 2, 3)
    assert draft.window(30 * SECOND) == (8 * SECOND - PAUSE // 2, 5)


def test_a_surer_pass_corrects_an_earlier_one() -> None:
    draft = Draft(0)
    draft.settle(words("вот через яндекс", confidence=0.4), 0, 2 * SECOND, PAUSE)
    draft.settle(words("вход через яндекс готов"), 0, 4 * SECOND, PAUSE)
    assert text(draft.words) == "вход через яндекс готов"
    draft.settle(words("ход через яндекс готов и", confidence=0.5), 0, 6 * SECOND, PAUSE)
    assert text(draft.words) == "вход через яндекс готов и"


def test_long_laughter_is_left_behind() -> None:
    draft = Draft(0)
    draft.settle([], 0, 11 * SECOND, 0)
    assert draft.place == 0
    draft.settle([], 0, 13 * SECOND, 0)
    assert draft.place > 9 * SECOND


def test_a_cut_stretch_hands_its_last_words_on() -> None:
    draft = Draft(0)
    draft.settle(words("раз два три четыре"), 0, 3 * SECOND, PAUSE)
    assert text(draft.words_before(SECOND)) == "раз два"
    rest = draft.behind(SECOND)
    assert text(rest.words) == "три четыре"
    assert rest.window(3 * SECOND) == (SECOND, 0)
    assert SECOND < rest.place <= 2 * SECOND


def test_a_draft_stays_unless_the_model_was_much_surer_of_other_words() -> None:
    final, draft = words("Пуш ведомления не приходят", confidence=0.9), "пуш-у видомления не приходят"
    assert text(reconciled(final, words(draft, confidence=0.7))) == draft
    assert text(reconciled(final, words(draft, confidence=0.5))) == text(final)


def test_of_two_drafts_the_surer_one_stays() -> None:
    final, draft = words("Пуш ведомления не приходят", confidence=0.9), words("пуш-у видомления", confidence=0.8)
    assert text(reconciled(final, draft, keep=True)) == text(final)


def test_punctuation_and_case_are_those_of_the_whole_stretch() -> None:
    assert text(reconciled(words("Готово. Дальше."), words("готово дальше"))) == "Готово. Дальше."


def test_what_one_of_them_left_out_is_taken_from_the_whole_stretch() -> None:
    assert text(reconciled(words("раз два три четыре"), words("раз три четыре"))) == "раз два три четыре"
    assert text(reconciled(words("раз три четыре"), words("раз два три четыре"))) == "раз три четыре"
    doubtful = [replace(word, confidence=0.1) for word in words("поток")]
    assert text(reconciled([*words("на"), *doubtful], words("напоток"))) == "на поток"


def test_no_draft_and_no_words() -> None:
    assert reconciled([], words("раз")) == []
    assert text(reconciled(words("раз"), [])) == "раз"
