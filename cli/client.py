"""Calls to the orchestrator: one channel, one deadline for each call, errors as the contract names them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol, TypeVar

import grpc
from planerka.common.v1 import card_pb2
from planerka.orchestrator.v1 import meeting_pb2, orchestrator_pb2, orchestrator_pb2_grpc, proposal_pb2

from cli import state
from cli.services import BY_NAME
from cli.settings import CliSettings
from mesh import paths
from mesh.channel import open_channel
from mesh.errors import remote_error
from mesh.ids import new_id
from mesh.settings import MeshSettings

__all__ = ["Client", "address_of_orchestrator", "connect", "fresh_key", "typed_errors"]

_PAGE = 200


class Page(Protocol):
    """Any answer that is one page of a list."""

    @property
    def next_page_token(self) -> str:
        """Token of the next page; empty on the last one."""


T = TypeVar("T")
P = TypeVar("P", bound=Page)


class Client:
    """The orchestrator as commands use it.

    Every method raises `mesh.errors.RemoteError` where the orchestrator answers with an error.

    Attributes:
        stub: For calls that have no method here; use `call` around them.
        workspace: Workspace of all requests; empty for the default one.
        address: Where the orchestrator is called.
    """

    def __init__(self, channel: grpc.aio.Channel, settings: CliSettings, address: str) -> None:
        self.stub = orchestrator_pb2_grpc.OrchestratorServiceStub(channel)
        self.workspace = settings.workspace
        self.address = address
        self.seconds = settings.call_seconds

    async def call(self, pending: Callable[[float], Awaitable[T]]) -> T:
        """Await one unary call; `pending` makes it from its deadline in seconds."""
        with typed_errors():
            return await pending(self.seconds)

    async def pages(self, ask: Callable[[str, float], Awaitable[P]]) -> AsyncIterator[P]:
        """Yield the pages of a list; `ask` makes the call from the page's token and the deadline in seconds."""
        token = ""
        while True:
            with typed_errors():
                page = await ask(token, self.seconds)
            yield page
            token = page.next_page_token
            if not token:
                return

    async def meetings(self, limit: int = 0) -> list[meeting_pb2.Meeting]:
        """Return meetings, newest first; all where the limit is 0."""
        found: list[meeting_pb2.Meeting] = []
        size = min(limit or _PAGE, _PAGE)
        pages = self.pages(
            lambda token, seconds: self.stub.ListMeetings(
                orchestrator_pb2.ListMeetingsRequest(workspace_id=self.workspace, page_size=size, page_token=token),
                timeout=seconds,
            )
        )
        async for page in pages:
            found.extend(page.meetings)
            if limit and len(found) >= limit:
                break
        return found[: limit or None]

    async def detail(self, meeting_id: str) -> meeting_pb2.MeetingDetail:
        """Return a meeting with its turns and summary."""
        request = orchestrator_pb2.GetMeetingRequest(meeting_id=meeting_id)
        return (await self.call(lambda s: self.stub.GetMeeting(request, timeout=s))).detail

    async def proposals(
        self, meeting_id: str = "", states: Sequence[proposal_pb2.ProposalState] = ()
    ) -> list[proposal_pb2.Proposal]:
        """Return all proposals, of one meeting or of all, in these states or in any."""
        pages = self.pages(
            lambda token, seconds: self.stub.ListProposals(
                orchestrator_pb2.ListProposalsRequest(
                    workspace_id=self.workspace,
                    meeting_id=meeting_id,
                    states=states,
                    page_size=_PAGE,
                    page_token=token,
                ),
                timeout=seconds,
            )
        )
        return [proposal async for page in pages for proposal in page.proposals]

    async def proposal(self, proposal_id: str) -> proposal_pb2.Proposal | None:
        """Return one proposal; None where there is none with this identifier."""
        return next((one for one in await self.proposals() if one.proposal_id == proposal_id), None)

    async def decide(self, request: orchestrator_pb2.DecideRequest) -> proposal_pb2.Proposal:
        """Decide on a proposal; the channel and the key are filled in."""
        request.channel = request.channel or "cli"
        request.idempotency_key = request.idempotency_key or fresh_key()
        return (await self.call(lambda s: self.stub.Decide(request, timeout=s))).proposal

    async def board(self, board_id: str) -> orchestrator_pb2.GetBoardResponse:
        """Return a board with its cards."""
        request = orchestrator_pb2.GetBoardRequest(board_id=board_id)
        return await self.call(lambda s: self.stub.GetBoard(request, timeout=s))

    async def boards(self) -> list[card_pb2.Board]:
        """Return the boards of the workspace."""
        pages = self.pages(
            lambda token, seconds: self.stub.ListBoards(
                orchestrator_pb2.ListBoardsRequest(workspace_id=self.workspace, page_size=_PAGE, page_token=token),
                timeout=seconds,
            )
        )
        return [board async for page in pages for board in page.boards]

    async def watch(self, meeting_id: str) -> AsyncGenerator[orchestrator_pb2.WatchMeetingResponse]:
        """Yield what happens in a meeting until it is closed, with the mesh's deadline for streams."""
        request = orchestrator_pb2.WatchMeetingRequest(meeting_id=meeting_id)
        with typed_errors():
            async for update in self.stub.WatchMeeting(request):
                yield update


@asynccontextmanager
async def connect(address: str = "", mesh: MeshSettings | None = None) -> AsyncIterator[Client]:
    """Open the channel to the orchestrator.

    Args:
        address: Where it is called; see `address_of_orchestrator` where it is empty.
        mesh: What all services of a private mesh share; this machine's settings and its token where it is None.
    """
    settings, shared = CliSettings.load(), mesh or MeshSettings.load()
    token = settings.token.get_secret_value() if mesh is None else ""
    target = address or address_of_orchestrator(shared)
    channel = open_channel(target, shared, [BY_NAME["orchestrator"].grpc_name], token=token)
    try:
        yield Client(channel, settings, target)
    finally:
        await channel.close()


def address_of_orchestrator(mesh: MeshSettings) -> str:
    """Return the address from the settings where one is set, else that of this machine's mesh, else the default."""
    if "orchestrator_address" in mesh.model_fields_set:
        return mesh.orchestrator_address
    return state.running_address(paths.home(), "orchestrator") or mesh.orchestrator_address


def fresh_key() -> str:
    """Return an idempotency key for one intention of a person."""
    return new_id("cli")


@contextmanager
def typed_errors() -> Iterator[None]:
    """Turn gRPC errors of the block into `RemoteError`."""
    try:
        yield
    except grpc.RpcError as error:
        raise remote_error(error) from error
