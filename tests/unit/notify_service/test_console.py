import io
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from notify_service.adapters.console import ConsoleChannel, page
from notify_service.errors import ChannelUnavailable
from notify_service.message import Content
from notify_service.texts import TEXTS, Texts


async def test_a_question_tells_what_to_answer_until_when_and_how(make):
    output = io.StringIO()
    deadline = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    await ConsoleChannel("ru", output).send(make(deadline=deadline))
    lines = output.getvalue().splitlines()
    assert lines[1:-1] == [
        "Вопрос, кому: anna",
        "Срок",
        "Перенести? 1",
        "https://x.test/1",
        "Варианты: Одобрить [approve] · Отклонить [reject]",
        "Ответить до 2026-11-23 09:30 UTC",
        "Ответить: planerka proposals",
    ]
    assert lines[0] == lines[-1] == "─" * 72


def test_english_and_plain_messages(make):
    assert page(make(asks=False), TEXTS["en"], changed=False).splitlines()[1:3] == ["Message to anna", "Срок"]
    assert "To answer: planerka proposals" in page(make(), TEXTS["en"], changed=False)


async def test_a_closed_question_says_so_and_offers_nothing(make):
    output = io.StringIO()
    await ConsoleChannel("en", output).update(make(closed=True))
    assert "Updated for anna" in output.getvalue()
    assert "The question is closed" in output.getvalue()
    assert "planerka proposals" not in output.getvalue()
    assert "[approve]" not in output.getvalue()


def test_quotes_cannot_command_the_terminal(make):
    evil = Content("\x1b[2J", "line\r\x1b]0;title\x07\nnext \u202etxt.exe👩\u200d💻", "")
    shown = page(replace(make(asks=False), content=evil), TEXTS["ru"], changed=False)
    assert not {letter for letter in shown if ord(letter) < 32} - {"\n"}
    assert "\u202e" not in shown
    assert "\nnext" in shown
    assert "👩\u200d💻" in shown


async def test_a_closed_output_is_unavailable(make):
    output = io.StringIO()
    output.close()
    with pytest.raises(ChannelUnavailable):
        await ConsoleChannel("ru", output).send(make())


def test_both_languages_fill_in_the_same_things():
    for field in fields(Texts):
        places = {
            language: sorted(
                part for part in ("{address}", "{labels}", "{moment}") if part in getattr(texts, field.name)
            )
            for language, texts in TEXTS.items()
        }
        assert places["ru"] == places["en"], field.name
