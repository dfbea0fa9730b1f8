"""Both languages say the same things, with the same fields."""

from __future__ import annotations

import string

import pytest
from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import meeting_pb2, proposal_pb2, workspace_pb2

from cli import texts as command
from cli.output import Output
from cli.settings import CliSettings, speech_language
from ui import texts as page


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("table", [command.TEXTS, page.TEXTS], ids=["command", "page"])
def test_every_sentence_exists_twice_with_the_same_fields(table: dict[str, tuple[str, str]]) -> None:
    for key, (english, russian) in table.items():
        assert english, key
        assert russian, key
        assert fields(english) == fields(russian), key


@pytest.mark.parametrize(
    "enum",
    [
        meeting_pb2.MeetingState,
        meeting_pb2.Stage,
        proposal_pb2.ProposalState,
        proposal_pb2.Verdict,
        workspace_pb2.Role,
        llm_pb2.Perimeter,
    ],
)
def test_every_constant_has_a_word(enum: object) -> None:
    for name, number in enum.items():
        if number:
            assert command.Texts("ru").name(name).isascii() is False, name


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "PLANERKA_LANGUAGE": "ru"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "PLANERKA_LANGUAGE": "en"}, "en"),
    ],
)
def test_language_follows_variable_then_locale(variables: dict[str, str], language: str) -> None:
    assert speech_language(CliSettings(), variables) == language


def test_setting_stands_between_variable_and_locale() -> None:
    settings = CliSettings(language="ru")
    assert speech_language(settings, {"LANG": "en_US.UTF-8"}) == "ru"
    assert speech_language(settings, {"PLANERKA_LANGUAGE": "en"}) == "en"


def test_a_note_keeps_what_stands_in_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    Output.standard("en").note("ask.fallback", reason="Set provider in section [llm].")
    assert "section [llm]." in capsys.readouterr().err
