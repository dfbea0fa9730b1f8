"""Measures against cases that were computed by hand."""

from pathlib import Path

import pytest

from evaluation.speech import (
    SpeakerSpan,
    SpeakerText,
    WordScore,
    character_errors,
    cp_word_errors,
    diarization_errors,
    load_items,
    read_rttm,
    read_stm,
    word_errors,
    write_rttm,
)


def span(start: float, end: float, speaker: str) -> SpeakerSpan:
    return SpeakerSpan(start, end, speaker)


def said(start: float, speaker: str, text: str) -> SpeakerText:
    return SpeakerText(start, start + 1, speaker, text)


def test_word_errors_of_each_kind() -> None:
    score = word_errors("Раз, два, три четыре пять", "раз 2 тройка четыре пять шесть")
    assert score == WordScore(substitutions=1, deletions=0, insertions=1, reference_length=5)
    assert score.rate == pytest.approx(0.4)
    assert word_errors("a b c", "a c") == WordScore(0, 1, 0, 3)


def test_empty_references() -> None:
    assert word_errors("", "").rate == 0.0
    assert word_errors("", "ghost words").rate == 1.0
    assert word_errors("", "ghost words").insertions == 2


def test_character_errors() -> None:
    assert character_errors("кот", "код").rate == pytest.approx(1 / 3)
    assert character_errors("ab cd", "abcd") == WordScore(0, 1, 0, 5)


def test_sums() -> None:
    assert (word_errors("a b", "a") + word_errors("c", "c d")).rate == pytest.approx(2 / 3)


def test_cpwer_ignores_names_and_order_between_speakers() -> None:
    reference = [said(0, "anna", "доброе утро"), said(1, "ivan", "привет"), said(2, "anna", "начнём")]
    hypothesis = [said(0.5, "S2", "привет"), said(1, "S1", "доброе утро"), said(2, "S1", "начнём")]
    assert cp_word_errors(reference, hypothesis).rate == 0.0


def test_cpwer_counts_a_word_of_the_wrong_speaker_twice() -> None:
    reference = [said(0, "a", "one two"), said(1, "b", "three four")]
    hypothesis = [said(0, "x", "one two three"), said(1, "y", "four")]
    assert cp_word_errors(reference, hypothesis) == WordScore(0, 1, 1, 4)


def test_cpwer_with_too_many_and_too_few_speakers() -> None:
    reference = [said(0, "a", "w x y z")]
    assert cp_word_errors(reference, [said(0, "p", "w x y"), said(1, "q", "z")]) == WordScore(0, 1, 1, 4)
    assert cp_word_errors(reference, []).rate == 1.0
    assert cp_word_errors([], []).rate == 0.0


def test_a_perfect_diarization_under_other_names() -> None:
    reference = [span(0, 5, "a"), span(4, 8, "b")]
    score = diarization_errors(reference, [span(0, 5, "S2"), span(4, 8, "S1")])
    assert (score.der, score.jer, score.reference) == (0.0, 0.0, 9.0)


def test_each_part_of_der() -> None:
    # 10 s of reference: 2 s missed, 1 s false alarm, 3 s confused.
    reference = [span(0, 6, "a"), span(6, 10, "b")]
    hypothesis = [span(0, 6, "x"), span(6, 9, "x"), span(10, 11, "y")]
    score = diarization_errors(reference, hypothesis)
    assert (score.missed, score.false_alarm, score.confusion) == pytest.approx((1.0, 1.0, 3.0))
    assert score.der == pytest.approx(0.5)


def test_missed_overlap_counts() -> None:
    score = diarization_errors([span(0, 10, "a"), span(4, 6, "b")], [span(0, 10, "x")])
    assert score.der == pytest.approx(2 / 12)
    assert score.missed == pytest.approx(2.0)


def test_two_spans_of_one_speaker_that_overlap_count_once() -> None:
    score = diarization_errors([span(0, 4, "a"), span(3, 6, "a")], [span(0, 6, "x")])
    assert (score.reference, score.der) == (6.0, 0.0)


def test_the_scored_stretch() -> None:
    reference, hypothesis = [span(0, 10, "a")], [span(5, 20, "x")]
    assert diarization_errors(reference, hypothesis, (5, 10)).der == 0.0
    assert diarization_errors(reference, hypothesis).der == pytest.approx(1.5)


def test_jer_by_hand() -> None:
    # a: 8 of 10 s shared, union 10; b has no partner.
    score = diarization_errors([span(0, 10, "a"), span(20, 21, "b")], [span(0, 8, "x")])
    assert score.jaccard_errors == pytest.approx((0.2, 1.0))
    assert score.jer == pytest.approx(0.6)


def test_nothing_at_all() -> None:
    assert diarization_errors([], []).der == 0.0
    assert diarization_errors([], [span(0, 1, "x")]).der == 1.0
    assert diarization_errors([span(0, 1, "a")], []).der == 1.0
    assert diarization_errors([span(0, 1, "a")], []).jer == 1.0


def test_speaker_counts_are_told() -> None:
    score = diarization_errors([span(0, 1, "a")], [span(0, 0.5, "x"), span(0.5, 1, "y")])
    assert (score.reference_speakers, score.hypothesis_speakers) == (1, 2)
    assert score.confusion == pytest.approx(0.5)


def test_rttm_survives_a_round_trip(tmp_path: Path) -> None:
    spans = [span(0.5, 1.25, "Анна"), span(1.0, 3.0, "S2")]
    write_rttm(tmp_path / "a.rttm", "a", spans)
    assert read_rttm(tmp_path / "a.rttm") == spans


@pytest.mark.parametrize("line", ["SPEAKER a 1 x 2.0 <NA> <NA> S1 <NA> <NA>", "SPEAKER a 1 0.0"])
def test_a_broken_rttm_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.rttm").write_text(f"; comment\n{line}\n")
    with pytest.raises(ValueError, match=r"a\.rttm:2"):
        read_rttm(tmp_path / "a.rttm")


def test_stm_with_and_without_labels(tmp_path: Path) -> None:
    (tmp_path / "a.stm").write_text(";; comment\na 1 anna 0.5 1.5 <o,f0> Доброе утро\na 1 ivan 2 3 Привет .\n")
    assert read_stm(tmp_path / "a.stm") == [
        SpeakerText(0.5, 1.5, "anna", "Доброе утро"),
        SpeakerText(2, 3, "ivan", "Привет ."),
    ]


def test_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text(
        '{"audio_filepath": "a.flac", "duration": 2, "text": "", "lang": "ru", "rttm_filepath": "a.rttm", "uem": [0, 1.5]}\n'
        '\n{"audio_filepath": "b.wav"}\n'
    )
    first, second = load_items(tmp_path)
    assert (first.audio, first.text, first.rttm, first.uem) == (
        tmp_path / "a.flac",
        "",
        tmp_path / "a.rttm",
        (0.0, 1.5),
    )
    assert (second.text, second.rttm, second.uem, second.speakers) == (None, None, None, None)


@pytest.mark.parametrize("line", ["{", '{"text": "no audio"}', "[1]"])
def test_a_broken_manifest_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(ValueError, match=r"manifest\.jsonl:2"):
        load_items(tmp_path)
