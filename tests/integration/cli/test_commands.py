"""Commands against an orchestrator: what they ask of it, what they print, how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planerka.orchestrator.v1 import proposal_pb2, workspace_pb2

from mesh.times import from_datetime
from tests.browser.double import BEGUN, BOARD, MEETING, Double, calibration

Run = Callable[..., Any]


def test_lists_meetings(planerka: Run) -> None:
    done = planerka("meeting", "list")
    assert done.status == 0
    assert MEETING in done.out
    assert "waits for decisions" in done.out
    assert planerka("meeting", "list", "--json").json["meetings"][0]["meeting_id"] == MEETING


def test_shows_transcript_summary_and_matches(planerka: Run, double: Double) -> None:
    done = planerka("meeting", "show", MEETING)
    assert done.status == 0
    flat = " ".join(done.out.split())
    assert "00:08 Александр: Вход через Яндекс готов" in flat
    assert "“Осталось написать тесты” — Александр 00:08" in flat
    assert "[Анна, due 2026-11-25]" in flat
    assert "A3 Тёмная тема" in flat
    assert planerka("meeting", "show", MEETING, "--json").json["turns"][0]["text"] == double.turns[0].text


def test_lists_what_waits_for_a_decision(planerka: Run, double: Double) -> None:
    done = planerka("proposals", "--meeting", MEETING)
    assert "Move: В работе → Ревью" in done.out
    assert "“в пятницу переводим карточку в ревью” — Ирина 00:19" in " ".join(done.out.split())
    assert "NEW CARD «Промокоды для новых клиентов»" in done.out
    double.proposal("prp_move").state = proposal_pb2.PROPOSAL_STATE_APPLIED
    assert "prp_move" not in planerka("proposals").out
    assert "prp_move" in planerka("proposals", "--all").out


def test_approves_with_a_note(planerka: Run, double: Double) -> None:
    done = planerka("approve", "prp_move", "--note", "поехали")
    assert done.status == 0, done.err
    assert "The change is on the board: Move: В работе → Ревью" in done.out
    (decision,) = double.decisions
    assert (decision.verdict, decision.note, decision.channel) == (proposal_pb2.VERDICT_APPROVE, "поехали", "cli")
    assert decision.idempotency_key
    assert double.card("A1").column_id == "col_2"


def test_a_second_decision_is_told_in_one_line(planerka: Run) -> None:
    planerka("approve", "prp_move")
    done = planerka("reject", "prp_move")
    assert done.status == 1
    assert done.err.splitlines() == ["planerka: The proposal is decided already. [ALREADY_DECIDED]"]
    assert done.out == ""


def test_rejects(planerka: Run, double: Double) -> None:
    assert planerka("reject", "prp_due", "--json").json["state"] == "PROPOSAL_STATE_REJECTED"
    assert not double.card("A1").HasField("due")


def test_edits_the_day(planerka: Run, double: Double) -> None:
    assert planerka("edit", "prp_due", "--due", "2026-12-01").status == 0
    due = double.card("A1").due
    assert (due.year, due.month, due.day) == (2026, 12, 1)
    assert double.decisions[0].verdict == proposal_pb2.VERDICT_EDIT


def test_edits_the_card_that_is_meant(planerka: Run, double: Double) -> None:
    assert planerka("edit", "prp_comment", "--card", "a10").status == 0
    assert double.decisions[0].card_id == "crd_a10"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("edit", "prp_due"), "say what is different"),
        (("edit", "prp_due", "--text", "завтра"), "--text does not fit"),
        (("edit", "prp_due", "--card", "A99"), "no card 'A99'"),
        (("edit", "prp_none", "--text", "x"), "no proposal prp_none"),
        (("back", MEETING, "breakfast"), "no step 'breakfast'"),
        (("people", "add", "Анна", "--role", "king"), "no role 'king'"),
        (("people", "add", "Анна", "--account", "telegram"), "channel:account"),
        (("meeting", "stream"), "either a file or --microphone"),
        (("meeting", "stream", "/no/such.flac"), "/no/such.flac"),
        (("meeting", "import", "/no/such.flac"), "/no/such.flac"),
        (("meeting", "import", __file__, "--format", "cassette"), "no format 'cassette'"),
        (("meeting", "import", __file__, "--strategy", "guess"), "no strategy 'guess'"),
        (("meeting", "export", MEETING, "--format", "docx"), "choose one of: vtt, srt"),
        (("meeting", "export", MEETING, "--output", "/no/such/x.vtt"), "cannot be written"),
        (("board", "create", "/no/board.json"), "/no/board.json"),
        (("--language", "fr", "status"), "choose ru or en"),
        (("no-such-command",), "no-such-command"),
        (("config", "show", "garden"), "no section 'garden'"),
        (("eval", "asr", "/no/such"), "manifest"),
        (("eval", "match", "/no/such"), "corpus.jsonl"),
        (("eval", "meeting", "/no/such"), "meeting.flac"),
        (("eval", "rag", "/no/such"), "corpus.jsonl"),
        (("eval", "summary", "/nowhere"), "neither QMSum lines"),
        (("eval", "summary", "/nowhere", "--strategy", "magic"), "map-reduce"),
        (("demo", "--samples", "/no/such"), "--samples"),
    ],
)
def test_wrong_use_ends_with_2_and_says_why(planerka: Run, arguments: tuple[str, ...], words: str) -> None:
    done = planerka(*arguments)
    assert done.status == 2
    assert words in " ".join(done.err.replace("│", " ").split())
    assert "Traceback" not in done.err
    assert done.out == ""


def test_what_is_no_audio_opens_no_meeting(planerka: Run, double: Double) -> None:
    before = len(double.meetings)
    assert planerka("meeting", "stream", __file__).status == 2
    assert len(double.meetings) == before


def test_no_orchestrator(planerka: Run) -> None:
    done = planerka("meeting", "list", address="127.0.0.1:9")
    assert done.status == 1
    assert done.err.splitlines() == [
        "planerka: No orchestrator answers at 127.0.0.1:9. Start it with `planerka up`, or look at `planerka status`."
    ]


def test_a_meeting_that_does_not_exist(planerka: Run) -> None:
    done = planerka("meeting", "show", "mtg_none")
    assert done.status == 1
    assert done.err.splitlines() == ["planerka: There is no meeting mtg_none. [MEETING_NOT_FOUND]"]


def test_wrong_settings_name_their_place(planerka: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANERKA_CLI__WINDOW_CHUNKS", "many")
    done = planerka("meeting", "list")
    assert done.status == 2
    assert "[cli] window_chunks" in done.err


def test_imports_a_file_and_waits(planerka: Run, double: Double, tmp_path: Path) -> None:
    talk = tmp_path / "standup.txt"
    talk.write_text("Анна: привет\n" * 50_000, encoding="utf-8")
    done = planerka("meeting", "import", str(talk), "--json")
    assert done.status == 0, done.err
    assert done.json["state"] == "MEETING_STATE_WAITING"
    assert double.imported["standup.txt"] == talk.read_bytes()
    assert "4 proposals wait for a decision" in done.err


def test_shows_the_board(planerka: Run) -> None:
    done = planerka("board", "show")
    assert "A1 Вход через" in done.out
    assert "Ревью · 1" in done.out
    assert planerka("board", "show", "brd_none").status == 1
    assert planerka("board", "list", "--json").json["boards"][0]["board_id"] == BOARD


def test_a_broken_board_file_is_explained(planerka: Run, tmp_path: Path) -> None:
    file = tmp_path / "board.json"
    file.write_text(json.dumps({"name": "Доска", "columns": [], "cards": [{"title": ""}]}))
    done = planerka("board", "create", str(file))
    assert done.status == 2
    assert "columns" in done.err
    assert "cards.0.title" in done.err


def test_answers_with_sources(planerka: Run) -> None:
    done = planerka("ask", "Когда тесты?")
    assert "к пятнице [1]" in done.out
    assert "[1] Планёрка мобильной команды  Александр · 00:08-00:18" in done.out
    told = planerka("ask", "Когда тесты?", "--json").json
    assert told["finished"]["answered"] is True
    assert told["citations"][0]["chunk"]["meeting_id"] == MEETING


def test_people_events_and_stale_cards(planerka: Run) -> None:
    assert "is lead now: ppl_1" in planerka("people", "add", "Анна", "--role", "lead", "--alias", "Аня").out
    assert planerka("people", "list", "--json").json["people"][0]["aliases"] == ["Аня"]
    assert "Создана встреча" in planerka("events").out
    assert len(planerka("events", "--limit", "2", "--json").json["events"]) == 2
    assert "A9 Карта пунктов выдачи" in planerka("stale").out


def test_voices_are_enrolled_listed_and_forgotten(planerka: Run, double: Double, tmp_path: Path) -> None:
    sample = tmp_path / "anna.wav"
    sample.write_bytes(b"12345678")
    planerka("people", "add", "Анна", "--alias", "Аня")
    assert "No voice is known yet" in planerka("people", "voices").out
    assert "Анна is known from 8 seconds" in planerka("people", "enroll", "аня", str(sample)).out
    assert planerka("people", "enroll", "ppl_1", str(sample), "--json").json["person_id"] == "ppl_1"
    assert "Анна" in planerka("people", "voices").out
    assert [voice["speech"] for voice in planerka("people", "voices", "--json").json["voices"]] == ["8s"]
    assert planerka("people", "enroll", "Борис", str(sample)).status == 2
    assert planerka("people", "enroll", "Анна", "/no/such.wav").status == 2
    assert "forgotten for good" in planerka("people", "forget-voice", "Анна").out
    assert double.voices == {}


def test_renames_a_voice_and_deletes_a_meeting(planerka: Run, double: Double) -> None:
    assert "S2 is now Саша in 5 turns." in planerka("meeting", "rename-speaker", MEETING, "S2", "Саша").out
    assert planerka("meeting", "delete", MEETING, "--yes").status == 0
    assert double.meetings == []


def test_version_and_help(planerka: Run) -> None:
    assert planerka("--version").out.strip()
    shown = planerka("--help").out
    for command in (
        "demo",
        "up",
        "down",
        "status",
        "doctor",
        "meeting",
        "proposals",
        "approve",
        "ask",
        "models",
        "eval",
    ):
        assert f" {command} " in shown


def test_speaks_russian(planerka: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANERKA_LANGUAGE", "ru")
    assert "Перенести: В работе → Ревью" in planerka("proposals").out
    assert "Move: В работе" in planerka("--language", "en", "proposals").out


def test_defaults_are_a_settings_file(planerka: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tomllib

    written = tmp_path / "planerka.toml"
    written.write_text(planerka("config", "defaults").out, encoding="utf-8")
    sections = tomllib.loads(written.read_text(encoding="utf-8"))
    assert {"mesh", "asr", "llm", "match", "board", "notify", "orchestrator", "ui", "cli"} == set(sections)
    monkeypatch.setenv("PLANERKA_CONFIG", str(written))
    assert planerka("config", "show", "--json").status == 0


def test_secrets_are_never_shown(planerka: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANERKA_CLI__TOKEN", "s3cret")
    monkeypatch.setenv("PLANERKA_MESH__TOKEN", "s3cret")
    for arguments in (("config", "show"), ("config", "show", "--json"), ("doctor",)):
        done = planerka(*arguments)
        assert "s3cret" not in done.out + done.err


def test_models_are_listed(planerka: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLANERKA_MODELS", str(tmp_path / "models"))
    assert {one["state"] for one in planerka("models", "list", "--json").json["models"]} == {"missing"}
    assert "planerka models pull" in planerka("models", "list").out
    done = planerka("models", "pull", "no-such-model")
    assert done.status == 1
    assert "no-such-model" in done.err
    assert planerka("models", "verify").status == 1
    assert planerka("doctor", "--json").json["fine"] is False


@pytest.mark.parametrize(
    ("form", "begins"), [("vtt", "WEBVTT\n"), ("srt", "1\n00:00:0"), ("json", "{\n"), ("txt", "[00:00] ")]
)
def test_a_meeting_is_exported_to_a_file_or_to_standard_output(
    planerka: Run, double: Double, tmp_path: Path, form: str, begins: str
) -> None:
    printed = planerka("meeting", "export", MEETING, "--format", form)
    assert printed.status == 0, printed.err
    assert printed.out.startswith(begins)
    path = tmp_path / f"standup.{form}"
    written = planerka("meeting", "export", MEETING, "--output", str(path))
    assert written.status == 0, written.err
    assert path.read_text(encoding="utf-8") == printed.out
    assert f"({len(double.turns)} turns)" in written.err


def test_the_perimeter_is_set_and_the_rest_stays(planerka: Run, double: Double) -> None:
    assert "perimeter as the service is set" in planerka("workspace", "show").out
    assert (
        "perimeter redacted; language model: giga"
        in planerka("workspace", "set", "--perimeter", "redacted", "--provider", "giga").out
    )
    assert double.settings.stale_after_days == 14
    assert planerka("workspace", "set", "--provider", "").status == 0
    shown = planerka("workspace", "show", "--json").json
    assert shown["perimeter"] == "PERIMETER_REDACTED"
    assert not double.settings.model_provider
    assert "perimeter as the service is set" in planerka("workspace", "set", "--perimeter", "default").out
    wrong = planerka("workspace", "set", "--perimeter", "wide")
    assert wrong.status == 2
    assert "inside, redacted, open" in " ".join(wrong.err.replace("│", " ").split())


def test_the_template_of_summaries_is_set(planerka: Run, double: Double) -> None:
    assert "template of summaries: default" in " ".join(planerka("workspace", "show").out.split())
    assert planerka("workspace", "set", "--template", "retro").status == 0
    assert double.settings.summary_template == "retro"
    wrong = planerka("workspace", "set", "--template", "sprint")
    assert (wrong.status, double.settings.summary_template) == (2, "retro")
    assert "default, retro" in wrong.err
    assert planerka("workspace", "set", "--template", "").status == 0
    assert not double.settings.summary_template


def test_documents_are_added_listed_and_removed(planerka: Run, double: Double, tmp_path: Path) -> None:
    person = workspace_pb2.WorkspacePerson(person_id="ppl_7", name="Анна Петрова", role=workspace_pb2.ROLE_MEMBER)
    double.people.append(person)
    first, second, broken = (tmp_path / name for name in ("rules.md", "plan.txt", "scan.pdf"))
    first.write_bytes(b"# Rules\n" * 100_000)
    second.write_text("Plan", encoding="utf-8")
    broken.write_bytes(b"\xff")
    done = planerka("knowledge", "add", str(first), str(broken), str(second), "--reader", person.name)
    assert done.status == 1
    assert "scan.pdf: no text" in done.err
    assert "doc_2" in done.out, "the files behind a broken one are added"
    assert [data for _, data in double.documents] == [first.read_bytes(), second.read_bytes()]
    assert [list(config.reader_ids) for config, _ in double.documents] == [[person.person_id]] * 2
    assert len({config.idempotency_key for config, _ in double.documents}) == 2

    shown = planerka("knowledge", "list").out
    assert "rules.md" in shown
    assert person.name in shown
    assert planerka("knowledge", "list", "--json").json["documents"][1]["title"] == "plan.txt"
    assert planerka("knowledge", "remove", "doc_1").status == 0
    assert [config.file_name for config, _ in double.documents] == ["plan.txt"]
    assert planerka("knowledge", "add", str(second), "--reader", "Nobody").status == 2
    assert planerka("knowledge", "add", str(tmp_path / "none.txt")).status == 2


def test_what_language_models_took_is_shown(planerka: Run) -> None:
    out = planerka("workspace", "usage").out
    assert "1.25 RUB" in out
    assert "prompt, not enforced" in out
    assert planerka("workspace", "usage", "--json").json["usage"][0]["calls"] in (3, "3")
    assert "No calls" in planerka("workspace", "usage", "--since", "2050-01-01").out


def test_calibration_is_a_table_that_says_where_we_were_wrong(planerka: Run, double: Double) -> None:
    double.calibration = calibration(
        (35, 3, 1), (65, 20, 17), (85, 40, 34), (95, 60, 45), learnt_error=0.03, fitted_at=from_datetime(BEGUN)
    )
    double.calibration.shift = -0.6
    done = planerka("calibration")
    assert done.status == 0, done.err
    rows = [" ".join(line.split()) for line in done.out.splitlines() if "–" in line]
    assert rows == [
        "90–100 % 60 75 % 64–84 % less than we said",
        "80–90 % 40 85 % 73–93 % as we said",
        "60–70 % 20 85 % 66–96 % more than we said",
        "30–40 % 3 33 % 2–86 % too few to tell",
    ]
    assert "13 % as shown then, 3 % with what these decisions taught" in done.out
    assert "what would have been 90 % is now shown as 83 %" in done.out
    assert "From 50 % on we ask; from 94 % on" in done.out
    russian = planerka("--language", "ru", "calibration").out
    assert "реже, чем мы обещали" in russian
    told = planerka("calibration", "--json").json
    assert (told["decisions"], len(told["bins"]), told["bins"][9]["count"]) == (123, 10, 60)


def test_few_decisions_and_none_are_told(planerka: Run, double: Double) -> None:
    assert "No decisions so far" in planerka("calibration").out
    double.calibration = calibration((95, 3, 1))
    out = planerka("calibration").out
    assert "Too few decisions so far (3)" in out
    assert "the built-in probabilities are shown as they are" in out
    assert "than we said" not in out


def test_a_matching_service_that_is_away_is_not_taken_for_the_orchestrator(planerka: Run, double: Double) -> None:
    double.calibration = None
    done = planerka("calibration")
    assert done.status == 1
    assert "The matching service does not answer" in done.err
    assert "No orchestrator" not in done.err
