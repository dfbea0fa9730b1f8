"""Settings of the command line, and the language in which it speaks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, SecretStr

from mesh.settings import Section

__all__ = ["CliSettings", "speech_language"]

_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


class CliSettings(Section):
    """The command line."""

    section: ClassVar[str] = "cli"

    language: str = Field(
        "",
        pattern="^(ru|en|)$",
        description="Language of what commands print: `ru` or `en`; empty to follow the locale.",
    )
    token: SecretStr = Field(
        SecretStr(""), description="Bearer token for the orchestrator; not needed where it listens on loopback only."
    )
    workspace: str = Field("", description="Workspace that commands work in; empty for the default one.")
    start_seconds: float = Field(300.0, gt=0, description="Seconds that services get to become ready after the start.")
    window_chunks: int = Field(
        100, ge=1, le=10_000, description="Chunks of 100 ms that a live stream sends ahead of the acknowledgements."
    )
    ahead_seconds: float = Field(
        20.0, ge=1, description="Seconds of a file that a live stream sends ahead of the transcription."
    )
    call_seconds: float = Field(60.0, gt=0, description="Deadline in seconds of an ordinary call to the orchestrator.")


def speech_language(settings: CliSettings, environment: Mapping[str, str] | None = None) -> str:
    """Return `ru` or `en`: `PLANERKA_LANGUAGE`, then the setting, then the locale, then English."""
    env = os.environ if environment is None else environment
    wanted = env.get("PLANERKA_LANGUAGE", "").lower() or settings.language
    if not wanted:
        wanted = next((env[name] for name in _LOCALE_VARIABLES if env.get(name)), "")
    return "ru" if wanted.lower().startswith("ru") else "en"
