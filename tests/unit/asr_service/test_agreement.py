"""Which words of running speech stay; the passes are scripts."""

from asr_service.agreement import Agreement
from asr_service.audio import SAMPLE_RATE
from asr_service.transcriber import Word


def words(text: str, start: float = 0.0) -> list[Word]:
    return [Word(part, start + place * 0.5, start + place * 0.5 + 0.4, 0.9) for place, part in enumerate(text.split())]


def said(agreement: Agreement) -> tuple[str, str]:
    texts = [word.text for word in agreement.words]
    return " ".join(texts[: agreement.stable_words]), " ".join(texts[agreement.stable_words :])


def test_what_two_passes_agree_on_stays() -> None:
    agreement = Agreement(0)
    agreement.take(words("мы сделали эк"), SAMPLE_RATE)
    assert said(agreement) == ("", "мы сделали эк")
    agreement.take(words("Мы сделали экспорт"), 2 * SAMPLE_RATE)
    assert said(agreement) == ("Мы сделали", "экспорт")
    assert agreement.known == ["Мы", "сделали"]
    agreement.take(words("экспорт, и", 1.0), 2 * SAMPLE_RATE)
    assert said(agreement) == ("Мы сделали экспорт,", "и")


def test_words_that_disappear_were_never_stable() -> None:
    agreement = Agreement(0)
    agreement.take(words("да нет"), SAMPLE_RATE)
    agreement.take(words("нет"), SAMPLE_RATE)
    assert said(agreement) == ("", "нет")
    agreement.take([], SAMPLE_RATE)
    assert said(agreement) == ("", "")


def test_the_beginning_is_left_behind_at_the_end_of_a_sentence() -> None:
    agreement = Agreement(0)
    text = "а б в г. д е ж з и к л м н о п р с т у ф"
    for _ in range(2):
        agreement.take(words(text), 10 * SAMPLE_RATE)
    assert " ".join(word.text for word in agreement.settled) == "а б в г. д е ж з и к л м н о"
    assert SAMPLE_RATE * 6.9 <= agreement.start <= SAMPLE_RATE * 7
    assert agreement.known == ["п", "р", "с", "т", "у", "ф"]
    assert said(agreement) == (text, "")


def test_passes_that_never_agree_do_not_keep_the_window_growing() -> None:
    agreement = Agreement(0)
    for second in range(10, 16):
        agreement.take(words(f"{second} {second} {second}"), second * SAMPLE_RATE)
    assert agreement.start >= 11 * SAMPLE_RATE


def test_a_careful_pass_replaces_what_the_quick_ones_heard() -> None:
    agreement = Agreement(0)
    for _ in range(2):
        agreement.take(words("пушу видомления не приходят"), 2 * SAMPLE_RATE)
    agreement.settle(words("пуш-уведомления не приходят."), 3 * SAMPLE_RATE)
    assert said(agreement) == ("пуш-уведомления не приходят.", "")
    assert (agreement.known, agreement.start) == ([], 3 * SAMPLE_RATE)


def test_what_was_heard_behind_a_careful_pass_stays() -> None:
    agreement = Agreement(0)
    for text in ("раз два три", "раз два три", "четыре"):
        agreement.take(words(text, 1.5 if text == "четыре" else 0.0), 2 * SAMPLE_RATE)
    agreement.settle(words("рас"), SAMPLE_RATE // 2)
    assert said(agreement) == ("рас два три", "четыре")
    assert agreement.known == ["два", "три"]
