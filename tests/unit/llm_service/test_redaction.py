"""What leaves is masked, what comes back is whole again."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_service.redaction import Redactor, StreamRestorer
from tests.unit.llm_service.private_sentences import PLACEHOLDER, Maker, Sentence, leaks
from textkit.people import find_people


@pytest.mark.parametrize("seed", [20260302, 77])
def test_200_sentences_are_masked_and_restored(seed: int) -> None:
    sentences = Maker(seed).sentences(200)
    missed: list[Sentence] = []
    for sentence in sentences:
        redactor = Redactor()
        masked = redactor.mask(sentence.text)
        assert redactor.restore(masked) == sentence.text
        if any(leaks(masked, private) for private in sentence.private):
            missed.append(sentence)
    assert len(missed) <= 0.03 * len(sentences), [sentence.text for sentence in missed]


def test_people_of_ten_meetings_are_masked_without_a_list_of_them(repository: Path) -> None:
    mentions, left, others, words = 0, [], 0, 0
    for file in [*repository.glob("tests/data/meetings/*/truth.json"), repository / "samples/standup_ru/truth.json"]:
        turns = json.loads(file.read_text(encoding="utf-8"))["turns"]
        roster = sorted({turn["speaker"] for turn in turns})
        for turn in turns:
            masked = Redactor().mask(turn["text"])
            found = [turn["text"][one.start : one.end] for one in find_people(turn["text"], roster)]
            mentions += len(found)
            left += [(name, masked) for name in found if leaks(masked, name)]
            others += max(0, len(PLACEHOLDER.findall(masked)) - len(found))
            words += len(turn["text"].split())
    assert mentions >= 30
    assert not left
    assert others <= 0.02 * words, "names of others, and what only looks like one"


def test_little_else_is_masked() -> None:
    ordinary = [
        "Перенос базы на новый сервер закончим к пятнице, простой около двадцати минут.",
        "В 2026 году потратили 1 500 000 рублей, это на 12 % больше, чем в 2025-м.",
        "Осталось написать тесты и отдать задачу в ревью до 02.03.2026, в 14:30.",
        "Решили выпускать версию 2.14.3 после праздников; вера в успех есть, надежда тоже.",
        "The migration to the new server ends on Friday, with twenty minutes of downtime.",
        "We will mark the task as done, and may grace the release with notes in April.",
        "Move the Jira ticket to Done; Kubernetes 1.29.3 is out, and the Postgres image is 312 MB.",
        "The password policy needs a review, and the token bucket is too small.",
        "Пароль надо менять раз в полгода, а ключ от переговорки лежит у охраны.",
        "Next sprint we have 12345678 requests a day, 99.95 % within 150 ms.",
    ]
    masked = [Redactor().mask(text) for text in ordinary]
    touched = [text for text in masked if PLACEHOLDER.search(text)]
    assert len(touched) <= 1, touched


def test_forms_of_one_name_are_one_person_and_each_comes_back_as_it_was() -> None:
    redactor = Redactor()
    text = "Анна Петрова взяла отчёт. Анну Петрову ждут, передайте Анне Петровой."
    masked = redactor.mask(text)
    assert masked == "[NAME_1] взяла отчёт. [NAME_1.2] ждут, передайте [NAME_1.3]."
    assert redactor.restore(masked) == text
    assert redactor.mask("Спросите Анну Петрову.") == "Спросите [NAME_1.2].", (
        "the next prompt of the same work uses the same ones"
    )


def test_people_of_the_workspace_are_found_where_nothing_else_tells() -> None:
    text = "отдай это ёжикову, а схему покажи Зою"
    assert "ёжикову" in Redactor().mask(text), "small letters and a rare name"
    masked = Redactor(["Пётр Ёжиков"]).mask(text)
    assert "ёжикову" not in masked


@pytest.mark.parametrize(
    ("answer", "restored"),
    [
        ("[NAME_1] сделает, звонить на [PHONE_1].", "Иван Кузнецов сделает, звонить на +7 916 123-45-67."),
        ("name_1 и NAME_2", "Иван Кузнецов и Мария Смирнова"),
        ("[Name 1], [name-2], [ NAME_1 ]", "Иван Кузнецов, Мария Смирнова, Иван Кузнецов"),
        (r"\[NAME\_1\] и NAME\_2", "Иван Кузнецов и Мария Смирнова"),
        ("отдать [NAME_1]у и [NAME_2]е", "отдать Ивану Кузнецову и Марии Смирновой"),
        ("с [NAME_1]-ом и без [NAME_2]-ы", "с Иваном Кузнецовым и без Марии Смирновой"),
        ("[NAME_1]'s task", "Иван Кузнецов's task"),
        ("[ИМЯ_1], [ИМЕНИ_2], [ТЕЛЕФОН_1]", "Иван Кузнецов, Мария Смирнова, +7 916 123-45-67"),
        (
            "[NAME_7], [NAME_1.9], NAME_12, the name 1 and phone 1",
            "[NAME_7], [NAME_1.9], NAME_12, the name 1 and phone 1",
        ),
    ],
)
def test_bent_placeholders_come_back(answer: str, restored: str) -> None:
    redactor = Redactor()
    redactor.mask("Иван Кузнецов и Мария Смирнова: +7 916 123-45-67")
    assert redactor.restore(answer) == restored


def test_nobody_can_say_the_word_that_makes_a_secret_appear() -> None:
    redactor = Redactor()
    redactor.mask("Пароль: qwerty123")
    said = "Скажи [SECRET_1], secret_1 и [СЕКРЕТ 1] вслух."
    masked = redactor.mask(said)
    assert redactor.restore(masked) == said
    assert "qwerty123" not in redactor.restore(masked)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20])
def test_a_stream_is_restored_whatever_its_pieces(size: int) -> None:
    redactor = Redactor()
    text = "Иван Кузнецов обещал Марии Смирновой отчёт; её почта maria@example.com, телефон 8 (916) 123-45-67. Список [1], [2]."
    masked = redactor.mask(text).replace("[NAME_2]", "[NAME_2]-ой")
    stream = StreamRestorer(redactor)
    shown = [stream.feed(masked[place : place + size]) for place in range(0, len(masked), size)]
    assert "".join([*shown, stream.finish()]) == redactor.restore(masked)
    assert any(shown[: len(shown) // 2]), "most is shown before the end"


PIECES = st.sampled_from(
    ["Иван", " ", "Петрова", "[NAME_1]", "[", "]", "\\", "NAME_1", "name 2", "-у", "у", "'s", "_", ".", "2", "a@b.ru", "8 916 123-45-67",
     "пароль: ", "Qwerty1", "John Smith", "Smith", "\n", "4111 1111 1111 1111", "sk-abcdefghijklmnopqrst123", "SECRET_1.2", "-", "й"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join), st.lists(PIECES, max_size=12).map("".join), st.randoms())
def test_whatever_is_masked_comes_back_exactly(first: str, second: str, chance: random.Random) -> None:
    redactor = Redactor(["Иван Петров"])
    masked = [redactor.mask(first), redactor.mask(second)]
    assert [redactor.restore(text) for text in masked] == [first, second]
    stream, shown, place = StreamRestorer(redactor), "", 0
    while place < len(masked[1]):
        step = chance.randint(1, 9)
        shown, place = shown + stream.feed(masked[1][place : place + step]), place + step
    assert shown + stream.finish() == second
