"""Settings of the board service, section `[board]` of `planerka.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from mesh.paths import home
from mesh.settings import Section

__all__ = ["BoardSettings"]


class BoardSettings(Section):
    """Boards: the local one, and connectors to others."""

    section: ClassVar[str] = "board"

    listen: str = Field("127.0.0.1:7074", description="Address that the service listens on.")
    state: Path | None = Field(None, description="Folder of the local board; none for `board` in the home folder.")
    connectors: tuple[str, ...] = Field(
        ("local",), min_length=1, description="Connectors that are on; `local` is the board in SQLite."
    )
    page_bytes: int = Field(
        2 << 20, ge=1 << 16, description="Bytes of cards after which a page ends early; one card always fits."
    )

    def folder(self) -> Path:
        """Return the folder that holds the service's state."""
        return self.state or home() / "board"
