"""A private mesh touches nothing that belongs to the machine's own."""

from __future__ import annotations

from pathlib import Path

from cli.launcher import free_addresses
from cli.private import private_environment
from cli.services import ALL, BY_NAME


def test_only_the_engines_keep_their_settings(tmp_path: Path) -> None:
    file = tmp_path / "planerka.toml"
    file.write_text(
        '[asr]\nthreads = 1\nlisten = "127.0.0.1:1"\n[board]\nconnector = "trello"\n[llm]\nprovider = "far"\n'
    )
    given = {
        "PATH": "/bin",
        "PLANERKA_HOME": "/home/me/planerka",
        "PLANERKA_MESH__TOKEN": "secret",
        "PLANERKA_MESH__BOARD_ADDRESS": "127.0.0.1:7074",
        "PLANERKA_NOTIFY__TELEGRAM_TOKEN": "secret",
        "PLANERKA_ASR__THREADS": "2",
        "PLANERKA_ASR__LISTEN": "127.0.0.1:7071",
        "PLANERKA_MATCH__STATE": "/home/me/planerka/match",
    }
    made = private_environment(tmp_path / "home", given, file)
    assert made["PATH"] == "/bin"
    assert made["PLANERKA_HOME"] == str(tmp_path / "home")
    assert made["PLANERKA_ASR__THREADS"] == "2"
    assert made["PLANERKA_LLM__PROVIDER"] == "far"
    assert "secret" not in made.values()
    assert not [name for name in made if name.endswith(("__LISTEN", "__STATE", "_ADDRESS"))]
    assert not [name for name in made if name.startswith("PLANERKA_BOARD")]


def test_free_addresses_differ() -> None:
    found = free_addresses(ALL)
    assert set(found) == {kind.name for kind in ALL}
    assert len(set(found.values())) == len(ALL)


def test_every_service_has_settings_with_an_address() -> None:
    for kind in BY_NAME.values():
        section = kind.section()
        assert section.section == kind.name
        assert "listen" in section.model_fields
