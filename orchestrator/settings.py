"""Settings of the orchestrator: section `[orchestrator]`, variables `PLANERKA_ORCHESTRATOR__…`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr

from mesh import paths
from mesh.settings import Section

__all__ = ["OrchestratorSettings"]


class OrchestratorSettings(Section):
    """Where the orchestrator listens, keeps its state, and how patient it is."""

    section: ClassVar[str] = "orchestrator"

    listen: str = Field("127.0.0.1:7070", description="Address to listen on: `host:port` or `unix:/path`.")
    state: Path | None = Field(
        None, description="Folder of tables, journal and audio; default: `orchestrator` in the home folder."
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="SQLAlchemy URL of the tables, such as `postgresql+psycopg://…`; empty for SQLite in the state folder.",
    )
    journal_url: SecretStr = Field(
        SecretStr(""),
        description="URL of the workflow journal, such as `postgresql://…`; empty for SQLite in the state folder.",
    )
    executor_id: str = Field(
        "orchestrator-0",
        min_length=1,
        description="Name under which this process finds its own workflows after a restart; unique for each process.",
    )
    allow_local_owner: bool = Field(
        default=True,
        description="Whether calls without a token act as the owner while the service listens on loopback or a unix socket only.",
    )
    owner_name: str = Field(
        "Owner", min_length=1, description="Name of the owner of the default workspace when it is created."
    )
    patience_seconds: float = Field(
        21_600.0,
        gt=0,
        description="Seconds for which a step waits for a service that does not answer before the meeting fails.",
    )
    retry_seconds: float = Field(10.0, gt=0, description="Longest pause in seconds between two tries of a step.")
    resume_window_seconds: float = Field(
        120.0, ge=0, description="Seconds for which a broken live stream may be resumed before its meeting is closed."
    )
    max_upload_bytes: int = Field(4 << 30, ge=1, description="Largest imported recording in bytes.")
    max_text_bytes: int = Field(32 << 20, ge=1, description="Largest imported text in bytes.")
    max_document_bytes: int = Field(
        3 << 20, ge=1, le=3 << 20, description="Largest document for the knowledge base in bytes; at most 3 MiB."
    )
    sweep_seconds: float = Field(
        15.0,
        gt=0,
        description="Seconds between two looks for decisions that no workflow has seen and for streams that died.",
    )

    def folder(self) -> Path:
        """Return the folder of all state."""
        return self.state or paths.home() / "orchestrator"

    def tables_url(self) -> str:
        """Return the SQLAlchemy URL of the tables."""
        return self.database_url.get_secret_value() or f"sqlite+aiosqlite:///{self.folder() / 'orchestrator.sqlite'}"

    def journal_database(self) -> str:
        """Return the URL of the workflow journal."""
        return self.journal_url.get_secret_value() or f"sqlite:///{self.folder() / 'journal.sqlite'}"
