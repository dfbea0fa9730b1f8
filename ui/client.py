"""The orchestrator as the page calls it: one blocking channel for all sessions, a deadline on every call."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

import grpc
from planerka.common.v1 import card_pb2
from planerka.orchestrator.v1 import (
    calibration_pb2,
    document_pb2,
    meeting_pb2,
    orchestrator_pb2,
    orchestrator_pb2_grpc,
    proposal_pb2,
    workspace_pb2,
)

from mesh.channel import TRANSPORT_OPTIONS
from mesh.errors import remote_error
from mesh.settings import MeshSettings
from ui.settings import UiSettings

__all__ = ["Orchestrator"]

_PAGE = 200
_ANSWER_SECONDS = 180.0
_ADD_SECONDS = 330.0
"""Longer than the orchestrator itself waits for a document, so that its own answer arrives."""
_PIECE = 256 << 10


class _Page(Protocol):
    @property
    def next_page_token(self) -> str: ...


P = TypeVar("P", bound=_Page)


class Orchestrator:
    """Calls that the page makes; every method raises `mesh.errors.RemoteError` where the orchestrator answers so.

    Attributes:
        address: Where the orchestrator is called.
        workspace: Workspace of all requests; empty for the default one.
    """

    def __init__(self, settings: UiSettings, mesh: MeshSettings) -> None:
        self.address = settings.orchestrator or mesh.orchestrator_address
        self.workspace = settings.workspace
        self._seconds = settings.call_seconds
        self._token = settings.token.get_secret_value()
        self._stub = orchestrator_pb2_grpc.OrchestratorServiceStub(_channel(self.address, mesh))

    def meetings(self) -> list[meeting_pb2.Meeting]:
        """Return the newest meetings."""
        request = orchestrator_pb2.ListMeetingsRequest(workspace_id=self.workspace, page_size=100)
        with _typed():
            return list(self._stub.ListMeetings(request, timeout=self._seconds, metadata=self._metadata()).meetings)

    def detail(self, meeting_id: str) -> meeting_pb2.MeetingDetail:
        """Return a meeting with its turns and summary."""
        request = orchestrator_pb2.GetMeetingRequest(meeting_id=meeting_id)
        with _typed():
            return self._stub.GetMeeting(request, timeout=self._seconds, metadata=self._metadata()).detail

    def watch(self, meeting_id: str, seconds: float) -> Iterator[orchestrator_pb2.WatchMeetingResponse]:
        """Yield what happens in a meeting, first what there is already, for at most so many seconds."""
        request = orchestrator_pb2.WatchMeetingRequest(meeting_id=meeting_id)
        call = self._stub.WatchMeeting(request, timeout=seconds, metadata=self._metadata())
        try:
            with _typed():
                yield from call
        finally:
            call.cancel()

    def proposals(self, meeting_id: str) -> list[proposal_pb2.Proposal]:
        """Return all proposals of a meeting."""
        pages = self._pages(
            lambda token: self._stub.ListProposals(
                orchestrator_pb2.ListProposalsRequest(
                    workspace_id=self.workspace, meeting_id=meeting_id, page_size=_PAGE, page_token=token
                ),
                timeout=self._seconds,
                metadata=self._metadata(),
            )
        )
        return [proposal for page in pages for proposal in page.proposals]

    def board(self, board_id: str) -> orchestrator_pb2.GetBoardResponse:
        """Return a board with its cards."""
        request = orchestrator_pb2.GetBoardRequest(board_id=board_id)
        with _typed():
            return self._stub.GetBoard(request, timeout=self._seconds, metadata=self._metadata())

    def boards(self) -> list[card_pb2.Board]:
        """Return the boards of the workspace."""
        pages = self._pages(
            lambda token: self._stub.ListBoards(
                orchestrator_pb2.ListBoardsRequest(workspace_id=self.workspace, page_size=_PAGE, page_token=token),
                timeout=self._seconds,
                metadata=self._metadata(),
            )
        )
        return [board for page in pages for board in page.boards]

    def events(self, meeting_id: str, limit: int) -> Sequence[proposal_pb2.Event]:
        """Return the newest entries of the journal of a meeting."""
        request = orchestrator_pb2.ListEventsRequest(
            workspace_id=self.workspace, meeting_id=meeting_id, page_size=limit
        )
        with _typed():
            return self._stub.ListEvents(request, timeout=self._seconds, metadata=self._metadata()).events

    def calibration(self) -> calibration_pb2.GetCalibrationResponse:
        """Return how far the probabilities and the decisions of the workspace agree."""
        request = calibration_pb2.GetCalibrationRequest(workspace_id=self.workspace)
        with _typed():
            return self._stub.GetCalibration(request, timeout=self._seconds, metadata=self._metadata())

    def people(self) -> list[workspace_pb2.WorkspacePerson]:
        """Return the people of the workspace."""
        pages = self._pages(
            lambda token: self._stub.ListPeople(
                orchestrator_pb2.ListPeopleRequest(workspace_id=self.workspace, page_size=_PAGE, page_token=token),
                timeout=self._seconds,
                metadata=self._metadata(),
            )
        )
        return [person for page in pages for person in page.people]

    def documents(self) -> list[document_pb2.KnowledgeDocument]:
        """Return the documents that people added to the knowledge base, newest first."""
        pages = self._pages(
            lambda token: self._stub.ListDocuments(
                document_pb2.ListDocumentsRequest(workspace_id=self.workspace, page_size=_PAGE, page_token=token),
                timeout=self._seconds,
                metadata=self._metadata(),
            )
        )
        return [document for page in pages for document in page.documents]

    def add_document(
        self, config: document_pb2.AddDocumentConfig, data: bytes, told: Callable[[int], None]
    ) -> document_pb2.AddDocumentResponse:
        """Add a document to the knowledge base; `told` hears from another thread how many bytes are out."""

        def pieces() -> Iterator[document_pb2.AddDocumentRequest]:
            yield document_pb2.AddDocumentRequest(config=config)
            for place in range(0, len(data), _PIECE):
                yield document_pb2.AddDocumentRequest(data=data[place : place + _PIECE])
                told(min(place + _PIECE, len(data)))

        with _typed():
            return self._stub.AddDocument(pieces(), timeout=_ADD_SECONDS, metadata=self._metadata())

    def remove_document(self, document_id: str, key: str) -> None:
        """Remove a document for good; a repeated call with the same key changes nothing."""
        request = document_pb2.RemoveDocumentRequest(
            workspace_id=self.workspace, document_id=document_id, idempotency_key=key
        )
        with _typed():
            self._stub.RemoveDocument(request, timeout=self._seconds, metadata=self._metadata())

    def decide(self, request: orchestrator_pb2.DecideRequest) -> proposal_pb2.Proposal:
        """Take a decision of the person in front of the page."""
        request.channel = "web"
        with _typed():
            return self._stub.Decide(request, timeout=self._seconds, metadata=self._metadata()).proposal

    def ask(self, question: str) -> Iterator[orchestrator_pb2.AskResponse]:
        """Yield the answer to a question: pieces of text, then citations."""
        request = orchestrator_pb2.AskRequest(workspace_id=self.workspace, question=question)
        with _typed():
            yield from self._stub.Ask(request, timeout=_ANSWER_SECONDS, metadata=self._metadata())

    def _pages(self, ask: Callable[[str], P]) -> Iterator[P]:
        token = ""
        while True:
            with _typed():
                page = ask(token)
            yield page
            token = page.next_page_token
            if not token:
                return

    def _metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        found: tuple[tuple[str, str | bytes], ...] = (("x-request-id", secrets.token_hex(8)),)
        return (*found, ("authorization", f"Bearer {self._token}")) if self._token else found


@contextmanager
def _typed() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise remote_error(error) from error


def _channel(address: str, mesh: MeshSettings) -> grpc.Channel:
    options = [
        *TRANSPORT_OPTIONS,
        ("grpc.max_receive_message_length", 4 * mesh.max_message_bytes),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    ]
    if mesh.tls_certificate is None or mesh.tls_key is None or mesh.tls_authority is None:
        return grpc.insecure_channel(address, options=options)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=mesh.tls_authority.read_bytes(),
        private_key=mesh.tls_key.read_bytes(),
        certificate_chain=mesh.tls_certificate.read_bytes(),
    )
    return grpc.secure_channel(address, credentials, options=options)
