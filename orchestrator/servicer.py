"""The contract as one servicer: each group of rpcs has a module of its own."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1 import orchestrator_pb2_grpc
from planerka.orchestrator.v1.workspace_pb2 import Role

from mesh.errors import PlanerkaError
from orchestrator.desk import Desk
from orchestrator.live import LiveMeetings
from orchestrator.rights import require
from orchestrator.servicer_boards import BoardRpcs
from orchestrator.servicer_documents import DocumentRpcs
from orchestrator.servicer_meetings import MeetingRpcs
from orchestrator.servicer_people import PeopleRpcs
from orchestrator.servicer_proposals import ProposalRpcs
from orchestrator.servicer_templates import TemplateRpcs

__all__ = ["OrchestratorServicer"]


class OrchestratorServicer(
    MeetingRpcs,
    ProposalRpcs,
    BoardRpcs,
    PeopleRpcs,
    TemplateRpcs,
    DocumentRpcs,
    orchestrator_pb2_grpc.OrchestratorServiceServicer,
):
    """Everything that people and programs outside the mesh call.

    Args:
        desk: What the rpcs work with.
        live: The live meetings of this process.
        address: Where this service listens, for `GetStatus`.
    """

    def __init__(self, desk: Desk, live: LiveMeetings, address: str) -> None:
        MeetingRpcs.__init__(self, desk, live)
        self._address = address

    def stop_watching(self) -> None:
        """End all watches, so that the server can stop."""
        self._stopping.set()

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.GetStatusResponse:  # noqa: N802
        """Tell how every service of the mesh is."""
        del request, context
        require(Role.ROLE_VIEWER)
        own = pb.ServiceStatus(name="orchestrator", ready=True, address=self._address)
        try:
            await self._desk.store.check()
        except PlanerkaError as error:
            own.ready, own.reason = False, error.message
        return pb.GetStatusResponse(services=[own, *await self._desk.services.statuses()], version=_version())


def _version() -> str:
    try:
        return metadata.version("planerka")
    except metadata.PackageNotFoundError:
        return "0"
