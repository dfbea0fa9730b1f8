"""Exported meetings: readable cues, valid files, and the same words when they come back."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planerka.common.v1.transcript_pb2 import SpeakerShare, Turn, Word
from planerka.orchestrator.v1.meeting_pb2 import Meeting, MeetingDetail
from planerka.orchestrator.v1.orchestrator_pb2 import ImportFormat

from cli.cues import LONGEST_SECONDS, LONGEST_TEXT, cues, lines
from cli.errors import UsageWrong
from cli.export import FORMATS, export, format_of
from evaluation.speech import SpeakerSpan, read_rttm
from mesh.times import from_seconds
from orchestrator.imports import read_text, sniff

LONG = (
    "Давайте начнём с авторизации. Вход через Яндекс уже работает, осталось написать тесты, и в пятницу мы переводим "
    "карточку в ревью. Потом посмотрим отчёты: выгрузка падает на больших таблицах, её придётся переписать на поток"
)


def turn(start: float, text: str, speaker: str = "S1", name: str = "", pace: float = 0.4, **fields: object) -> Turn:
    """A turn whose words last `pace` seconds each."""
    words = [
        Word(
            text=word,
            start=from_seconds(start + pace * number),
            end=from_seconds(start + pace * (number + 1)),
            confidence=0.87654,
            speakers=[SpeakerShare(speaker=speaker, confidence=0.9)] if speaker else [],
        )
        for number, word in enumerate(text.split())
    ]
    return Turn(
        turn_id=f"t{start}",
        speaker=speaker,
        speaker_name=name,
        start=from_seconds(start),
        end=from_seconds(start + pace * len(words)),
        text=text,
        words=words,
        language="ru",
        **fields,
    )


def meeting(*turns: Turn) -> MeetingDetail:
    return MeetingDetail(meeting=Meeting(meeting_id="mtg_1", title="Планёрка", language="ru"), turns=turns)


TALK = meeting(
    turn(0.0, LONG, "S1", "Анна Петрова"),
    turn(10.0, "Согласен.", "S2"),
    turn(13.5, "Условие: a < b && b --> c, а R&D &copy подождут.", "S1", "Анна Петрова"),
    turn(20.0, "Никто не знает, кто это сказал.", ""),
)


def said(turns: object) -> dict[str, str]:
    """All words of each speaker."""
    spoken: dict[str, list[str]] = {}
    for one in turns:
        name = one.speaker if not isinstance(one, Turn) else one.speaker_name or one.speaker
        spoken.setdefault(name, []).append(one.text)
    return {name: " ".join(texts) for name, texts in spoken.items()}


def test_cues_can_be_read_in_time_and_end_between_words() -> None:
    found = [cue for cue in cues(TALK.turns) if cue.speaker == "Анна Петрова"]
    assert len(found) >= 5
    for cue in found:
        assert len(cue.text) <= LONGEST_TEXT
        assert cue.end - cue.start <= 1000 * LONGEST_SECONDS
        assert all(len(line) <= LONGEST_TEXT * 0.65 for line in lines(cue.text))
    assert found[0].text == "Давайте начнём с авторизации. Вход через Яндекс уже работает, осталось написать"
    assert all(before.end <= after.start for before, after in pairwise(found))
    second = TALK.turns[0].words[len(found[0].text.split())]
    assert found[1].start == round(1000 * (second.start.seconds + second.start.nanos / 1e9))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 50), st.lists(st.text("абв.", min_size=1, max_size=30), max_size=40), st.sampled_from("AB")
        ),
        max_size=6,
    )
)
def test_cues_of_one_speaker_never_overlap(talk: list[tuple[float, list[str], str]]) -> None:
    turns = sorted((turn(round(start, 3), " ".join(words), who) for start, words, who in talk), key=lambda t: t.turn_id)
    found = cues(turns)
    assert [cue.start for cue in found] == sorted(cue.start for cue in found)
    for speaker in "AB":
        own = [cue for cue in found if cue.speaker == speaker]
        assert all(before.end <= after.start for before, after in pairwise(own))
        assert all(cue.start < cue.end for cue in own)
        words = sorted(word for one in turns if one.speaker == speaker for word in one.text.split())
        assert sorted(word for cue in own for word in cue.text.split()) == words


def test_a_turn_that_tells_no_times_of_words_is_cut_by_length() -> None:
    first = Turn(speaker="S1", text=LONG, start=from_seconds(1), end=from_seconds(19))
    open_end = Turn(speaker="S2", text="Да, хорошо.", start=from_seconds(30))
    last = Turn(speaker="S1", text="Всё.", start=from_seconds(30.4))
    found = cues([first, open_end, last])
    assert " ".join(cue.text for cue in found if cue.speaker == "S1") == f"{LONG} Всё."
    assert found[0].start == 1000
    # The last words of a turn stay on the screen for a second.
    assert 19_000 <= found[-3].end < 20_000
    assert next(cue for cue in found if cue.speaker == "S2").start == 30_000


@pytest.mark.parametrize("form", ["vtt", "jsonl", "txt"])
def test_what_is_exported_comes_back_with_the_same_speakers_and_words(form: str) -> None:
    content = export(TALK, form).encode()
    back = read_text(content, sniff(content, f"meeting.{form}"))
    expected = said(TALK.turns)
    if form == "txt":
        # A line without a name goes on with the one before.
        expected = {"Анна Петрова": f"{expected['Анна Петрова']} {expected.pop('')}".strip(), "S2": expected["S2"]}
        assert said(back.turns)["S2"] == expected["S2"]
        return
    assert said(back.turns) == expected


def test_subrip_comes_back_with_signs_that_it_cannot_write_replaced() -> None:
    content = export(TALK, "srt").encode()
    back = said(read_text(content, sniff(content, "meeting.srt")).turns)
    expected = said(TALK.turns)
    assert back["S2"] == expected["S2"]
    assert back["Анна Петрова"] == expected["Анна Петрова"].replace("-->", "→").replace("<", "‹")
    assert content.decode().startswith("1\n00:00:00,000 --> 00:00:")


def test_webvtt_escapes_what_would_be_markup() -> None:
    text = export(meeting(turn(0, "a --> b <v Ева> & c", "S1", "Ян <b>\nКо")), "vtt")
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:")
    assert text.count("-->") == 1
    assert "<v Ян &lt;b&gt; Ко>a --&gt; b &lt;v Ева&gt; &amp; c" in text
    (back,) = read_text(text.encode(), ImportFormat.IMPORT_FORMAT_WEBVTT).turns
    assert (back.speaker, back.text) == ("Ян <b> Ко", "a --> b <v Ева> & c")


def test_rttm_holds_stretches_of_every_voice(tmp_path: Path) -> None:
    both = turn(5.0, "говорим вместе", "S2")
    both.words[1].speakers.add(speaker="S1", confidence=0.4)
    one = turn(0.0, "раз два", "S1", "Анна Петрова")
    apart = turn(1.2, "три", "S1", "Анна Петрова")
    path = tmp_path / "meeting.rttm"
    path.write_text(export(meeting(one, apart, both, turn(9, "кто", "")), "rttm"), encoding="utf-8")
    assert read_rttm(path) == [
        SpeakerSpan(0.0, pytest.approx(1.6), "Анна_Петрова"),
        SpeakerSpan(5.0, pytest.approx(5.8), "S2"),
        SpeakerSpan(5.4, pytest.approx(5.8), "Анна_Петрова"),
        SpeakerSpan(9.0, pytest.approx(9.4), "unknown"),
    ]


def test_json_tells_everything() -> None:
    found = json.loads(export(TALK, "json"))
    assert found["meeting"]["id"] == "mtg_1"
    first = found["turns"][0]
    assert (first["speaker"], first["voice"], first["start"]) == ("Анна Петрова", "S1", 0.0)
    assert first["words"][1] == {
        "text": "начнём",
        "start": 0.4,
        "end": 0.8,
        "confidence": 0.877,
        "voices": [{"voice": "S1", "confidence": 0.9}],
    }
    assert [json.loads(line) for line in export(TALK, "jsonl").splitlines()] == found["turns"]


def test_a_chat_log_has_no_subtitles_but_text() -> None:
    chat = meeting(Turn(turn_id="1", speaker="S1", speaker_name="Анна", text="Доброе\nутро"))
    for form in ("vtt", "srt", "rttm"):
        with pytest.raises(UsageWrong, match="without times"):
            export(chat, form)
    assert export(chat, "txt") == "Анна: Доброе утро\n"
    assert {form: export(meeting(), form) for form in ("vtt", "srt", "rttm", "jsonl", "txt")} == {
        "vtt": "WEBVTT\n",
        "srt": "",
        "rttm": "",
        "jsonl": "",
        "txt": "",
    }


def test_the_format_follows_the_name_of_the_file() -> None:
    assert format_of(Path("a.SRT")) == "srt"
    assert format_of(Path("a.doc")) == "txt"
    assert format_of(None) == "txt"
    assert {"vtt", "srt", "rttm", "json", "txt"} <= set(FORMATS)
