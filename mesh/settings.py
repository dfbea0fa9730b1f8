"""Typed settings: one `planerka.toml` for the whole mesh, overridden by the environment.

A section of the file belongs to one `Section` class. The environment variable `PLANERKA_<SECTION>__<FIELD>` overrides a field,
such as `PLANERKA_ASR__LISTEN`. Every field has its one documentation in its class.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from mesh.errors import PlanerkaError
from mesh.paths import settings_file

__all__ = ["MeshSettings", "Section", "SettingsInvalid", "describe"]

_PREFIX = "PLANERKA_"
_SEPARATOR = "__"


class SettingsInvalid(PlanerkaError):
    """The settings file or an environment variable is wrong; the message names the place and what would be right."""

    default_reason = "SETTINGS_INVALID"


class Section(BaseModel):
    """Base of all settings: frozen, complete with defaults, strict about unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    section: ClassVar[str]

    @classmethod
    def load(cls, file: Path | None = None, environment: Mapping[str, str] | None = None) -> Self:
        """Read the section from the file and the environment.

        Raises:
            SettingsInvalid: A value or a name is wrong, or the file is no TOML.
        """
        path = file or settings_file()
        env = os.environ if environment is None else environment
        values = _from_file(path, cls.section)
        prefix = f"{_PREFIX}{cls.section.upper()}{_SEPARATOR}"
        for name, text in env.items():
            if name.startswith(prefix):
                values[name.removeprefix(prefix).lower()] = _parse(cls, name.removeprefix(prefix).lower(), text)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            wrong = "; ".join(
                f"[{cls.section}] {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)
            )
            raise SettingsInvalid(f"Settings are wrong: {wrong}. See {path} and variables {prefix}….") from error

    def redacted(self) -> dict[str, Any]:
        """Return the values for people to see, secrets as stars."""
        return {name: _show(getattr(self, name)) for name in type(self).model_fields}


class MeshSettings(Section):
    """What all services share."""

    section: ClassVar[str] = "mesh"

    token: SecretStr = Field(SecretStr(""), description="Secret that services show each other; empty for none.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Lowest level that is logged.")
    log_format: str = Field(
        "console", pattern="^(console|json)$", description="`console` for people, `json` for machines."
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file with this machine's certificate chain; none for plain text."
    )
    tls_key: Path | None = Field(None, description="PEM file with the key of the certificate.")
    tls_authority: Path | None = Field(
        None, description="PEM file with the authority that signs all services; both sides are checked."
    )
    max_message_bytes: int = Field(8 << 20, ge=1 << 16, description="Largest message in bytes that a service accepts.")
    max_concurrent_calls: int = Field(
        200, ge=1, description="Calls that a service works on at once; more get RESOURCE_EXHAUSTED."
    )
    drain_seconds: float = Field(20.0, ge=0, description="Seconds that running calls get to end after SIGTERM.")
    drain_delay_seconds: float = Field(
        0.2, ge=0, description="Seconds between turning unhealthy and refusing new calls."
    )
    check_seconds: float = Field(
        5.0, gt=0, description="Seconds between two checks of models and databases for the health service."
    )
    call_seconds: float = Field(30.0, gt=0, description="Deadline in seconds of an ordinary call that names none.")
    stream_seconds: float = Field(6 * 3600.0, gt=0, description="Deadline in seconds of a stream that names none.")
    reflection: bool = Field(default=True, description="Whether services describe themselves to tools such as grpcurl.")
    asr_address: str = Field("127.0.0.1:7071", description="Where the speech service is called.")
    llm_address: str = Field("127.0.0.1:7072", description="Where the understanding service is called.")
    match_address: str = Field("127.0.0.1:7073", description="Where the matching service is called.")
    board_address: str = Field("127.0.0.1:7074", description="Where the board service is called.")
    notify_address: str = Field("127.0.0.1:7075", description="Where the notification service is called.")
    orchestrator_address: str = Field("127.0.0.1:7070", description="Where the orchestrator is called.")

    def address_of(self, name: str) -> str:
        """Return where the service of this name (`asr`, `board`, …) is called."""
        return str(getattr(self, f"{name}_address"))


def describe(section: type[Section]) -> str:
    """Return the section as commented TOML with its defaults."""
    lines = [f"# {line}".rstrip() for line in (section.__doc__ or "").strip().splitlines()[:1]]
    lines.append(f"[{section.section}]")
    for name, field in section.model_fields.items():
        lines.append(f"# {field.description}")
        default = field.get_default(call_default_factory=True)
        # An empty table written out could not be filled by `[section.name]` further down.
        nothing = default is None or default == {}
        lines.append(f"# {name} =" if nothing else f"{name} = {_toml(default)}")
    return "\n".join(lines) + "\n"


def _from_file(path: Path, section: str) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path} is not valid TOML: {error}") from error
    values = content.get(section, {})
    if not isinstance(values, dict):
        raise SettingsInvalid(f"{path}: [{section}] must be a table")
    return dict(values)


def _parse(section: type[Section], name: str, text: str) -> Any:
    """Read a variable: JSON where the field is a list or a table, plain text otherwise."""
    field = section.model_fields.get(name)
    if field is not None and text[:1] in "[{":
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise SettingsInvalid(
                f"{_PREFIX}{section.section.upper()}{_SEPARATOR}{name.upper()}: not valid JSON: {error}"
            ) from error
    return text


def _show(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, BaseModel):
        return {name: _show(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {name: _show(item) for name, item in value.items()}
    return value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, SecretStr):
        return '""'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)
