"""What every step and every rpc works with."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.audio import AudioVault
from orchestrator.broadcast import Broadcast
from orchestrator.clients import Services
from orchestrator.documents import DocumentJanitor
from orchestrator.engine import Engine
from orchestrator.settings import OrchestratorSettings
from orchestrator.store import Store
from orchestrator.voices import VoiceJanitor

__all__ = ["Desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of the running service, put together once by `house.py`."""

    settings: OrchestratorSettings
    """How the service is set up."""
    store: Store
    """The tables."""
    broadcast: Broadcast
    """Those who watch meetings."""
    services: Services
    """The other services."""
    vault: AudioVault
    """The recordings."""
    engine: Engine
    """The workflows."""
    janitor: VoiceJanitor
    """Forgets voices of people who are gone."""
    documents: DocumentJanitor
    """Deletes the texts of documents that were removed."""
