"""The services of the mesh, as the launcher and the commands know them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from cli.errors import LaunchFailed
from mesh.settings import Section

__all__ = ["ALL", "BY_NAME", "UI", "ServiceKind"]


@dataclass(frozen=True)
class ServiceKind:
    """One kind of process in the mesh."""

    name: str
    """Short name, which is also the name of its settings section."""
    module: str
    """What `python -m` runs."""
    settings: str
    """Where its settings class stands, as `module:Class`."""
    grpc_name: str = ""
    """Full name of its gRPC service; empty for the web page, which speaks HTTP."""

    def section(self) -> type[Section]:
        """Import its settings class.

        Raises:
            LaunchFailed: The package of the service is not installed.
        """
        module, _, name = self.settings.partition(":")
        try:
            found: type[Section] = getattr(importlib.import_module(module), name)
        except ImportError as error:
            raise LaunchFailed(
                f"The service {self.name} is not installed: {error}. Run: make setup", reason="SERVICE_MISSING"
            ) from error
        return found


ALL: tuple[ServiceKind, ...] = (
    ServiceKind("asr", "asr_service", "asr_service.settings:AsrSettings", "planerka.asr.v1.AsrService"),
    ServiceKind("llm", "llm_service", "llm_service.settings:LlmSettings", "planerka.llm.v1.LlmService"),
    ServiceKind("match", "match_service", "match_service.settings:MatchSettings", "planerka.match.v1.MatchService"),
    ServiceKind("board", "board_service", "board_service.settings:BoardSettings", "planerka.board.v1.BoardService"),
    ServiceKind(
        "notify", "notify_service", "notify_service.settings:NotifySettings", "planerka.notify.v1.NotifyService"
    ),
    ServiceKind(
        "orchestrator",
        "orchestrator",
        "orchestrator.settings:OrchestratorSettings",
        "planerka.orchestrator.v1.OrchestratorService",
    ),
)
"""All gRPC services, in the order in which people read them."""

UI = ServiceKind("ui", "ui", "ui.settings:UiSettings")
"""The web page."""

BY_NAME: dict[str, ServiceKind] = {kind.name: kind for kind in (*ALL, UI)}
"""Every kind of process by its short name."""
