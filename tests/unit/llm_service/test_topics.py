"""Sentences and topics."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from llm_service.talk import cut_sentences
from llm_service.topics import cut_topics, opens_topic


def test_sentences_keep_their_place_in_the_turn():
    text = "  Вход готов. Осталось написать тесты, т.е. немного!\nА что с базой?"
    spans = cut_sentences(text)
    assert [text[a:b] for a, b in spans] == ["Вход готов.", "Осталось написать тесты, т.е. немного!", "А что с базой?"]


def test_an_empty_turn_has_no_sentences():
    assert cut_sentences(" \n ") == []


@pytest.mark.parametrize(
    "text",
    [
        "Теперь отчёты.",
        "И ещё, маркетинг просит промокоды.",
        "Анна, как возвраты?",
        "Что у тебя с базой данных?",
        "Okay, so what about the budget?",
        "Next, the tests.",
    ],
)
def test_the_subject_is_changed_aloud(text):
    assert opens_topic(text)


@pytest.mark.parametrize("text", ["Да, там всё собирается в памяти.", "Хорошо.", "I agree with that."])
def test_the_subject_goes_on(text):
    assert not opens_topic(text)


def vectors_of(*groups: int) -> np.ndarray:
    """One direction per group, a little noise."""
    noise = np.random.default_rng(7)
    rows = [
        np.eye(16)[number] + noise.normal(scale=0.05, size=16)
        for number, size in enumerate(groups)
        for _ in range(size)
    ]
    rows = np.array(rows, dtype=np.float32) + 2.0
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_topics_follow_the_meaning(talk_of):
    said = [("Анна", f"Перенос рабочей базы данных на новый сервер номер {n}") for n in range(4)]
    said += [("Ирина", f"Промокоды новых клиентов маркетинг просит к празднику {n}") for n in range(4)]
    talk = talk_of(*said)
    assert cut_topics(talk.lines, vectors_of(4, 4)) == [(0, 4), (4, 8)]


def test_topics_cover_the_talk_without_gaps_and_stay_few(talk_of):
    talk = talk_of(*[("Анна", f"Совсем другая длинная тема разговора про предмет {n}") for n in range(30)])
    topics = cut_topics(talk.lines, vectors_of(*[2] * 15), most=5)
    assert len(topics) <= 5
    assert topics[0][0] == 0
    assert topics[-1][1] == 30
    assert all(left[1] == right[0] for left, right in pairwise(topics))


def test_nothing_said_has_no_topics():
    assert cut_topics([], np.zeros((0, 4), np.float32)) == []
