import tomllib
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, SecretStr, ValidationError

from mesh.settings import MeshSettings, Section, SettingsInvalid, describe


class Sample(Section):
    """A section for these tests."""

    section: ClassVar[str] = "sample"

    listen: str = Field("127.0.0.1:1", description="Where it listens.")
    threads: int = Field(2, ge=1, description="How many.")
    share: float = Field(0.5, description="How much.")
    fast: bool = Field(default=False, description="Whether it hurries.")
    names: tuple[str, ...] = Field(("a", "ё"), description="Who.")
    folder: Path | None = Field(None, description="Where it keeps things.")
    token: SecretStr = Field(SecretStr(""), description="Secret.")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "planerka.toml"
    path.write_text('[sample]\nthreads = 4\nnames = ["x"]\n[other]\nthreads = 9\n', encoding="utf-8")
    return path


def test_without_a_file_everything_has_its_default(tmp_path):
    settings = Sample.load(tmp_path / "missing.toml", {})
    assert settings == Sample()
    assert (settings.threads, settings.names, settings.folder) == (2, ("a", "ё"), None)


def test_a_file_sets_only_its_own_section(file):
    settings = Sample.load(file, {})
    assert (settings.threads, settings.names, settings.listen) == (4, ("x",), "127.0.0.1:1")


def test_the_environment_overrides_the_file(file):
    env = {
        "PLANERKA_SAMPLE__THREADS": "8",
        "PLANERKA_SAMPLE__FAST": "true",
        "PLANERKA_SAMPLE__NAMES": '["y", "z"]',
        "PLANERKA_SAMPLE__FOLDER": "/tmp/x",
        "PLANERKA_SAMPLE__TOKEN": "s3cret",
        "PLANERKA_OTHER__THREADS": "99",
        "PLANERKA_HOME": "/nowhere",
        "THREADS": "77",
    }
    settings = Sample.load(file, env)
    assert (settings.threads, settings.fast, settings.names, settings.folder) == (8, True, ("y", "z"), Path("/tmp/x"))
    assert settings.token.get_secret_value() == "s3cret"


@pytest.mark.parametrize(
    ("text", "env", "hints"),
    [
        ("[sample]\nthread = 4\n", {}, ["[sample] thread"]),
        ("[sample]\nthreads = 0\n", {}, ["[sample] threads", "greater than or equal to 1"]),
        ("[sample]\nthreads = 'many'\n", {}, ["[sample] threads", "integer"]),
        ("", {"PLANERKA_SAMPLE__THRAEDS": "4"}, ["[sample] thraeds"]),
        ("", {"PLANERKA_SAMPLE__THREADS": "x"}, ["[sample] threads"]),
        ("", {"PLANERKA_SAMPLE__NAMES": "[broken"}, ["PLANERKA_SAMPLE__NAMES", "JSON"]),
        ("sample = 1\n", {}, ["[sample] must be a table"]),
        ("[sample\n", {}, ["not valid TOML"]),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path, text, env, hints):
    path = tmp_path / "planerka.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsInvalid) as raised:
        Sample.load(path, env)
    assert all(hint in raised.value.message for hint in hints), raised.value.message
    assert raised.value.reason == "SETTINGS_INVALID"


def test_a_file_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "planerka.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsInvalid, match=r"planerka\.toml"):
        Sample.load(path, {})


def test_secrets_are_never_shown():
    settings = Sample(token=SecretStr("s3cret"))
    assert settings.redacted()["token"] == "********"
    assert Sample().redacted()["token"] == ""
    assert "s3cret" not in f"{settings!r} {settings.redacted()}"
    with pytest.raises(SettingsInvalid) as raised:
        Sample.load(Path("missing"), {"PLANERKA_SAMPLE__TOKEN": "s3cret", "PLANERKA_SAMPLE__THREADS": "x"})
    assert "s3cret" not in raised.value.message


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        Sample().threads = 3


@pytest.mark.parametrize("section", [Sample, MeshSettings])
def test_the_description_is_toml_that_means_the_defaults(tmp_path, section):
    text = describe(section)
    path = tmp_path / "planerka.toml"
    path.write_text(text, encoding="utf-8")
    assert section.load(path, {}) == section()
    assert all(field.description in text for field in section.model_fields.values())
    assert set(tomllib.loads(text)) == {section.section}


def test_addresses_are_found_by_name():
    mesh = MeshSettings(board_address="board:1")
    assert mesh.address_of("board") == "board:1"
