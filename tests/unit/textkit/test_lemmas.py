import pytest

from textkit.lemmas import detect_language, lemmas, spans, tokens
from textkit.sounds import sound_key, sounds_alike


def test_forms_of_a_word_share_one_lemma() -> None:
    assert lemmas("миграцию") == lemmas("миграции") == ["миграция"]
    assert lemmas("отчётов") == lemmas("отчет")
    assert lemmas("failing builds") == lemmas("failed build")


def test_stop_words_go_and_numbers_stay() -> None:
    assert lemmas("Давайте это и для 12 the of") == ["12"]
    assert "the" in lemmas("the build", keep_stop_words=True)


def test_camel_case_is_also_split() -> None:
    assert {"paymentgateway", "payment", "gateway"} <= set(lemmas("PaymentGateway"))


def test_spans_point_into_the_original_text() -> None:
    text = "Ёлка, don't 16-й"
    assert [text[token.start : token.end] for token in spans(text)] == ["Ёлка", "don't", "16", "й"]
    assert tokens(text)[0] == "елка"


@pytest.mark.parametrize(
    ("text", "language"),
    [("Привет, мир", "ru"), ("Hello there", "en"), ("сделай merge request для feature", "mixed"), ("123 …", "")],
)
def test_language_is_told_by_letters(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("spoken", "written"),
    [("гугл", "google"), ("джира", "jira"), ("постгрес", "postgresql"), ("файрбейс", "firebase"), ("сентри", "sentry")],
)
def test_names_sound_alike_across_scripts(spoken: str, written: str) -> None:
    assert sounds_alike(spoken, written)


def test_other_words_do_not_sound_alike() -> None:
    assert not sounds_alike("карта", "google")
    assert not sounds_alike("на", "no")
    assert sound_key("") == ""
