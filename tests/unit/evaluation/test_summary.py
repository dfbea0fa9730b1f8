"""Measures of summaries."""

from __future__ import annotations

import json

import pytest

from evaluation.summary import (
    Claim,
    Link,
    Said,
    grounded,
    lead,
    link_scores,
    read_meetings,
    rouge,
    sentences,
    spread,
    word_recall,
)

TURNS = (
    Said("t1", "Anna", "The search got slow."),
    Said("t2", "Tom", "I will fix it by Friday."),
    Said("t3", "Anna", "Good."),
)
BY_ID = {turn.turn_id: turn for turn in TURNS}


def test_rouge_counts_grams_and_the_longest_common_subsequence():
    score = rouge("the cat sat on the mat", ["the cat lay on the mat"])
    assert score.rouge1 == pytest.approx(5 / 6)
    assert score.rouge2 == pytest.approx(3 / 5)
    assert score.rouge_l == pytest.approx(5 / 6)
    assert rouge("мигрируем базу", ["базы мигрируем"]).rouge1 == pytest.approx(1.0), "forms of a word count as one"
    assert rouge("", ["words"]).rouge1 == 0
    assert rouge("a b", ["c", "a b"]).rouge1 == 1, "the best reference counts"
    assert word_recall("a b c d", ["a b x y"]) == 0.5


def test_a_statement_rests_on_literal_quotes_that_hold_its_words_and_numbers():
    quote = (("t2", "I will fix it by Friday."),)
    assert grounded(Claim("Tom will fix it by Friday.", quote), BY_ID)
    assert not grounded(Claim("Tom will fix it by Friday.", ()), BY_ID)
    assert not grounded(Claim("Tom will fix it.", (("t2", "I will fix it on Friday."),)), BY_ID), "not letter by letter"
    assert not grounded(Claim("Tom will fix it.", (("t9", "I will fix it."),)), BY_ID)
    assert not grounded(Claim("The budget was doubled by the customer.", quote), BY_ID)
    assert not grounded(Claim("Tom will fix 12 of it by Friday.", quote), BY_ID)


def test_actions_are_compared_by_the_turns_they_quote():
    wanted = [Link("Fix the search", ("t2",)), Link("Write", ("t9",)), Link("Call", ("t0",))]
    turns = [Said(f"t{number}", "x", "y") for number in range(20)]
    assert link_scores([["t4"], ["t15"], ["t5"]], wanted, turns) == (1, 3, 1, 3)
    assert link_scores([], wanted, turns) == (0, 0, 0, 3)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Анна: «База переехала». Олег: «Хорошо». Всё.", ["Анна: «База переехала».", "Олег: «Хорошо».", "Всё."]),
        ("Anna: “Done.” Tom agrees.", ["Anna: “Done.”", "Tom agrees."]),
        ("It took 2.5 s. Good", ["It took 2.5 s.", "Good"]),
    ],
)
def test_sentences_end_behind_quotation_marks_too(text, wanted):
    assert sentences(text) == wanted


def test_meetings_of_both_layouts_are_read(tmp_path):
    qmsum = {
        "meeting_transcripts": [
            {"speaker": "PM", "content": "{vocalsound} Hello , all ."},
            {"speaker": "ID", "content": "{gap}"},
        ],
        "general_query_list": [{"query": "Summarize.", "answer": "They said hello."}],
    }
    (tmp_path / "q.jsonl").write_text(json.dumps(qmsum) + "\n", encoding="utf-8")
    ami = {
        "id": "ES1",
        "turns": [{"id": "a", "speaker": "D", "role": "UI", "text": "I will draw the buttons and the case today."}],
        "abstract": ["One.", "Two."],
        "actions": [{"text": "Draw", "turn_ids": ["a"]}],
        "decisions": [],
    }
    (tmp_path / "ami").mkdir()
    (tmp_path / "ami" / "ES1.json").write_text(json.dumps(ami), encoding="utf-8")
    first, second = sorted(read_meetings(tmp_path), key=lambda meeting: meeting.name)
    assert (first.name, first.turns[0].speaker, first.references) == ("ES1", "UI", ("One. Two.",))
    assert [turn.text for turn in second.turns] == ["Hello, all."]
    assert second.actions is None
    assert lead(first) == "I will"
    assert spread([second, first], 1) == [first], "the longest first"
    (tmp_path / "q.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"q\.jsonl"):
        read_meetings(tmp_path)
