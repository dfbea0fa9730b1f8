"""Formats of texts."""

from __future__ import annotations

import json

import pytest
from planerka.orchestrator.v1.orchestrator_pb2 import ImportFormat as Format

from orchestrator.errors import EmptyFile, TextUnreadable
from orchestrator.imports import SpokenTurn, read_text, sniff, to_turns

VTT = """WEBVTT

00:00:00.500 --> 00:00:04.280
<v Виктор Павлович>Доброе утро. Коротко,

00:00:04.300 --> 00:00:05.000
<v Виктор Павлович>по кругу.

00:00:05.500 --> 00:00:07.000
<v Светлана>Третий ряд <i>пересчитали</i>.
"""
SRT = """1
00:00:00,500 --> 00:00:02,000
Анна: Доброе утро.

2
00:01:05,250 --> 00:01:06,000
И тебе.
"""


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"RIFF\0\0\0\0WAVE", "", Format.IMPORT_FORMAT_AUDIO),
        (b"fLaC\0", "x", Format.IMPORT_FORMAT_AUDIO),
        ("Анна: привет".encode(), "talk.wav", Format.IMPORT_FORMAT_AUDIO),
        (VTT.encode(), "", Format.IMPORT_FORMAT_WEBVTT),
        (b"\xef\xbb\xbfWEBVTT\n", "notes", Format.IMPORT_FORMAT_WEBVTT),
        (SRT.encode(), "", Format.IMPORT_FORMAT_SRT),
        (b'{"speaker": "A", "text": "b"}\n', "", Format.IMPORT_FORMAT_JSON_LINES),
        (b'{"name": "Chat", "type": "private", "messages": []}', "result.json", Format.IMPORT_FORMAT_TELEGRAM),
        ("Анна: привет".encode(), "talk.txt", Format.IMPORT_FORMAT_PLAIN_TEXT),
        ("Анна: привет".encode()[:-1], "", Format.IMPORT_FORMAT_PLAIN_TEXT),
        ("Анна: добрый день, коллеги".encode("cp1251"), "", Format.IMPORT_FORMAT_PLAIN_TEXT),
    ],
)
def test_a_format_is_found_out(head, name, expected):
    assert sniff(head, name) == expected


def test_plain_text_has_names_times_and_lines_that_go_on():
    text = "[00:01:05] Анна Петрова: Доброе утро.\nКоротко, по кругу.\nSam: Fine.\n\nАнна Петрова: Спасибо."
    turns = read_text(text.encode(), Format.IMPORT_FORMAT_PLAIN_TEXT).turns
    assert [(turn.speaker, turn.text, turn.start) for turn in turns] == [
        ("Анна Петрова", "Доброе утро.", 65.0),
        ("Анна Петрова", "Коротко, по кругу.", None),
        ("Sam", "Fine.", None),
        ("Анна Петрова", "Спасибо.", None),
    ]


def test_a_word_before_a_colon_is_no_name():
    text = "Мы начали вовремя.\nИтак: план на неделю.\nПотом обсудили сроки.\nРазошлись."
    assert {turn.speaker for turn in read_text(text.encode(), Format.IMPORT_FORMAT_PLAIN_TEXT).turns} == {""}


def test_webvtt_keeps_voices_and_joins_sentences():
    turns = read_text(VTT.encode(), Format.IMPORT_FORMAT_WEBVTT).turns
    assert turns == (
        SpokenTurn("Виктор Павлович", "Доброе утро. Коротко, по кругу.", 0.5, 5.0),
        SpokenTurn("Светлана", "Третий ряд пересчитали.", 5.5, 7.0),
    )


def test_srt_has_names_where_they_are_written():
    turns = read_text(SRT.encode(), Format.IMPORT_FORMAT_SRT).turns
    assert [(turn.speaker, turn.text, turn.start) for turn in turns] == [
        ("Анна", "Доброе утро.", 0.5),
        ("", "И тебе.", 65.25),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not valid JSON"),
        ("[1]", "must be an object"),
        ('{"speaker": "A"}', "`text`"),
        ('{"text": "a", "speaker": 5}', "`speaker`"),
        ('{"text": "a", "start": -1}', "`start`"),
        ('{"text": "a", "start": true}', "`start`"),
        ('{"text": "a", "start": 2, "end": 1}', "`end`"),
    ],
)
def test_a_broken_json_line_is_named_by_its_number(line, why):
    text = '{"text": "a"}\n\n' + line
    with pytest.raises(TextUnreadable, match="Line 3") as caught:
        read_text(text.encode(), Format.IMPORT_FORMAT_JSON_LINES)
    assert why in caught.value.message
    assert caught.value.metadata == {"line": "3"}


def test_a_telegram_export_without_messages_is_refused():
    with pytest.raises(TextUnreadable, match="messages"):
        read_text(json.dumps({"chats": {"list": []}}).encode(), Format.IMPORT_FORMAT_TELEGRAM)


def test_text_in_other_codes():
    assert read_text("Анна: да".encode("utf-16"), Format.IMPORT_FORMAT_PLAIN_TEXT).turns[0].text == "да"
    assert read_text("Анна: договорились".encode("cp1251"), Format.IMPORT_FORMAT_PLAIN_TEXT).turns[0].speaker == "Анна"
    with pytest.raises(TextUnreadable, match="line 2"):
        read_text(b"twelve letters\nand one more \xff", Format.IMPORT_FORMAT_PLAIN_TEXT)
    with pytest.raises(EmptyFile):
        read_text(b" \n", Format.IMPORT_FORMAT_WEBVTT)


def test_voices_are_numbered_in_the_order_of_their_first_words():
    turns = to_turns([SpokenTurn("Б", "раз"), SpokenTurn("А", "два"), SpokenTurn("Б", "три"), SpokenTurn("", "никто")])
    assert [(turn.turn_id, turn.speaker, turn.speaker_name) for turn in turns] == [
        ("t1", "S1", "Б"),
        ("t2", "S2", "А"),
        ("t3", "S1", "Б"),
        ("t4", "", ""),
    ]


def test_a_text_longer_than_the_contract_allows_becomes_several_turns():
    turns = to_turns([SpokenTurn("А", "ж" * 70_000)])
    assert [len(turn.text) for turn in turns] == [65_536, 4_464]
