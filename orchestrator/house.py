"""The orchestrator as the mesh sees it: puts the parts together, opens and closes them in their order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import grpc
from planerka.orchestrator.v1 import orchestrator_pb2, orchestrator_pb2_grpc

from mesh.errors import Internal
from mesh.settings import MeshSettings
from orchestrator.answers import AnswerDesk
from orchestrator.audio import AudioVault
from orchestrator.broadcast import Broadcast
from orchestrator.clients import Services
from orchestrator.desk import Desk
from orchestrator.documents import DocumentJanitor
from orchestrator.door import Door, is_local
from orchestrator.engine import Engine
from orchestrator.live import LiveMeetings
from orchestrator.processing import Sweeper
from orchestrator.servicer import OrchestratorServicer
from orchestrator.settings import OrchestratorSettings
from orchestrator.store import Store
from orchestrator.voices import VoiceJanitor
from orchestrator.workflow import Workflow
from orchestrator.workspaces import ensure_default

__all__ = ["OrchestratorHosted"]


class OrchestratorHosted:
    """The main service.

    Args:
        settings: How it is set up.
        mesh: What all services share.
    """

    def __init__(self, settings: OrchestratorSettings, mesh: MeshSettings) -> None:
        self._settings = settings
        self._mesh = mesh
        broadcast = Broadcast()
        self._store = Store(settings.tables_url(), broadcast)
        self._engine = Engine(settings.journal_database(), settings.executor_id)
        self._broadcast = broadcast
        self._desk: Desk | None = None
        self._live: LiveMeetings | None = None
        self._servicer: OrchestratorServicer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def names(self) -> Sequence[str]:
        """The one service of the contract."""
        return (orchestrator_pb2.DESCRIPTOR.services_by_name["OrchestratorService"].full_name,)

    @property
    def interceptors(self) -> Sequence[grpc.aio.ServerInterceptor]:
        """The public door."""
        local = self._settings.allow_local_owner and is_local(self._settings.listen)
        return (Door(self._store, local_owner=local, service_token=self._mesh.token.get_secret_value()),)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicer, and make the channels, which belong to the running loop."""
        services = Services(self._mesh)
        desk = Desk(
            settings=self._settings,
            store=self._store,
            broadcast=self._broadcast,
            services=services,
            vault=AudioVault(self._settings.folder() / "audio"),
            engine=self._engine,
            janitor=VoiceJanitor(self._store, services),
            documents=DocumentJanitor(self._store, services),
        )
        self._desk, self._live = desk, LiveMeetings(desk)
        self._servicer = OrchestratorServicer(desk, self._live, self._settings.listen)
        orchestrator_pb2_grpc.add_OrchestratorServiceServicer_to_server(self._servicer, server)

    async def open(self) -> None:
        """Open the tables, then the workflows, which go on where they were; then look for what fell between."""
        desk, live = self._parts()
        self._settings.folder().mkdir(parents=True, exist_ok=True)
        await self._store.open()
        async with self._store.write() as session:
            await ensure_default(session, self._settings.owner_name)
        await self._engine.open(Workflow(lambda: desk).run)
        sweeper = Sweeper(desk, live)
        await sweeper.begin()
        for work in (sweeper.run(), AnswerDesk(desk).run()):
            self._tasks.append(asyncio.create_task(work))

    async def check(self) -> None:
        """Raise while the tables cannot be read, or a background task has ended."""
        await self._store.check()
        for task in self._tasks:
            if task.done() and not task.cancelled():
                raise Internal(
                    f"A background task ended: {task.exception()}. Restart the service.", reason="TASK_ENDED"
                )

    async def drain(self) -> None:
        """End the watches."""
        if self._servicer is not None:
            self._servicer.stop_watching()

    async def close(self) -> None:
        """Stop everything where it is; it goes on after the next start."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        desk, live = self._parts()
        live.close()
        await self._engine.close()
        await desk.services.close()
        await self._store.close()

    def _parts(self) -> tuple[Desk, LiveMeetings]:
        if self._desk is None or self._live is None:
            raise Internal("The service was not registered with a server.")
        return self._desk, self._live
