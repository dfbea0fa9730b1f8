"""Settings of the web page, section `[ui]` of `planerka.toml`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from mesh.settings import Section

__all__ = ["UiSettings"]


class UiSettings(Section):
    """The web page."""

    section: ClassVar[str] = "ui"

    listen: str = Field("127.0.0.1:8501", description="Address that the page is served on.")
    orchestrator: str = Field(
        "", description="Where the orchestrator is called; empty for the address in [mesh] orchestrator_address."
    )
    token: SecretStr = Field(
        SecretStr(""), description="Bearer token for the orchestrator; not needed where it listens on loopback only."
    )
    workspace: str = Field("", description="Workspace that the page shows; empty for the default one.")
    language: str = Field(
        "", pattern="^(ru|en|)$", description="Language of the page: `ru` or `en`; empty for that of the browser."
    )
    refresh_seconds: float = Field(
        1.5, ge=0.2, le=60, description="Seconds between two looks at a meeting that is live or in work."
    )
    caption_seconds: float = Field(
        0.5, ge=0.2, le=60, description="Seconds between two looks at the captions of a live meeting."
    )
    call_seconds: float = Field(15.0, gt=0, description="Deadline in seconds of an ordinary call to the orchestrator.")
