"""Workspaces: the default one with its owner, and their settings."""

from __future__ import annotations

import time
import zoneinfo
from collections.abc import Sequence
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from planerka.llm.v1.llm_pb2 import ModelPolicy, SummaryStrategy
from planerka.orchestrator.v1.workspace_pb2 import Role, WorkspacePerson, WorkspaceSettings
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.errors import InvalidArgument, NotFound, Violation
from mesh.ids import derived_id
from orchestrator.languages import require_language
from orchestrator.tables import PersonRow, WorkspaceRow

__all__ = ["DEFAULT_WORKSPACE", "ensure_default", "language_of", "model_policy", "read_settings", "write_settings"]

DEFAULT_WORKSPACE = "wsp_default"
_MOST_NAMES = 5000
"""What the contract takes."""
_DECISION_TIMEOUT = timedelta(days=7)


async def ensure_default(session: AsyncSession, owner_name: str) -> str:
    """Create the default workspace with its owner where it is missing, and return the owner's identifier."""
    row = await session.get(WorkspaceRow, DEFAULT_WORKSPACE)
    if row is not None:
        return row.owner_id
    owner = derived_id("ppl", DEFAULT_WORKSPACE, "owner")
    timeout = Duration()
    timeout.FromTimedelta(_DECISION_TIMEOUT)
    settings = WorkspaceSettings(
        workspace_id=DEFAULT_WORKSPACE,
        language="ru",
        time_zone="UTC",
        summary_strategy=SummaryStrategy.SUMMARY_STRATEGY_AUTO,
        decision_timeout=timeout,
        stale_after_meetings=3,
        stale_after_days=14,
    )
    now = time.time()
    session.add(
        WorkspaceRow(workspace_id=DEFAULT_WORKSPACE, owner_id=owner, data=settings.SerializeToString(), created_at=now)
    )
    await session.flush()
    person = WorkspacePerson(person_id=owner, name=owner_name, role=Role.ROLE_ADMIN)
    session.add(
        PersonRow(
            person_id=owner,
            workspace_id=DEFAULT_WORKSPACE,
            name=owner_name,
            role=int(Role.ROLE_ADMIN),
            data=person.SerializeToString(),
            created_at=now,
        )
    )
    await session.flush()
    return owner


async def read_settings(session: AsyncSession, workspace_id: str) -> WorkspaceSettings:
    """Return the settings of a workspace.

    Raises:
        NotFound: There is no such workspace.
    """
    return WorkspaceSettings.FromString((await _row(session, workspace_id)).data)


async def write_settings(session: AsyncSession, workspace_id: str, settings: WorkspaceSettings) -> WorkspaceSettings:
    """Replace the settings of a workspace.

    Raises:
        InvalidArgument: The language or the time zone does not exist.
    """
    row = await _row(session, workspace_id)
    kept = WorkspaceSettings()
    kept.CopyFrom(settings)
    kept.workspace_id = workspace_id
    require_language(kept.language)
    kept.language = kept.language or "ru"
    kept.time_zone = kept.time_zone or "UTC"
    if kept.time_zone not in zoneinfo.available_timezones():
        raise InvalidArgument(
            f"There is no time zone {kept.time_zone!r}; use an IANA name such as `Europe/Moscow`.",
            reason="UNKNOWN_TIME_ZONE",
            violations=[Violation("settings.time_zone", "must be an IANA name")],
        )
    row.data = kept.SerializeToString()
    return kept


def model_policy(settings: WorkspaceSettings, people: Sequence[WorkspacePerson]) -> ModelPolicy:
    """Return which language models may work for a workspace, and whose names they must not see where texts are redacted."""
    names = (name for person in people for name in (person.name, *person.aliases))
    return ModelPolicy(
        perimeter=settings.perimeter, provider=settings.model_provider, names=list(dict.fromkeys(names))[:_MOST_NAMES]
    )


async def language_of(session: AsyncSession, workspace_id: str) -> str:
    """Return the language in which a workspace is spoken to."""
    return (await read_settings(session, workspace_id)).language or "ru"


async def _row(session: AsyncSession, workspace_id: str) -> WorkspaceRow:
    row = await session.get(WorkspaceRow, workspace_id)
    if row is None:
        raise NotFound(
            f"There is no workspace {workspace_id!r}.",
            reason="WORKSPACE_NOT_FOUND",
            resource=("workspace", workspace_id),
        )
    return row
