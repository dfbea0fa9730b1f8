"""Settings of the notification service, section `[notify]` of `planerka.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mesh.paths import home
from mesh.settings import Section

__all__ = ["NotifySettings"]


class NotifySettings(Section):
    """Notifications: channels, and how hard they are tried."""

    section: ClassVar[str] = "notify"

    listen: str = Field("127.0.0.1:7075", description="Address that the service listens on.")
    state: Path | None = Field(
        None, description="Folder of messages and answers; none for `notify` in the home folder."
    )
    channels: tuple[str, ...] = Field(("console", "inbox"), min_length=1, description="Channels that are on.")
    language: Literal["ru", "en"] = Field(
        "ru", description="Language of what the service itself writes around a message."
    )
    tries: int = Field(10, ge=1, description="Tries of a message before it counts as failed.")
    backoff_seconds: float = Field(
        0.5, gt=0, description="Seconds before the second try; they double with each further one."
    )
    backoff_limit_seconds: float = Field(300.0, gt=0, description="Most seconds between two tries.")
    send_seconds: float = Field(20.0, gt=0, description="Seconds that a channel gets to take one message.")

    def folder(self) -> Path:
        """Return the folder that holds the service's state."""
        return self.state or home() / "notify"
