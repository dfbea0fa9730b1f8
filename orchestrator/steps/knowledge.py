"""store_knowledge: transcript, summary and decisions become documents that questions are answered from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planerka.common.v1.card_pb2 import Board, Card
from planerka.llm.v1.llm_pb2 import (
    DeleteDocumentsRequest,
    Document,
    DocumentKind,
    DocumentTurns,
    UpsertDocumentsRequest,
)
from planerka.orchestrator.v1.meeting_pb2 import MeetingSource, Summary

from orchestrator.boards import column_title
from orchestrator.clients import answer
from orchestrator.meetings import read_row
from orchestrator.moments import from_epoch
from orchestrator.steps.job import Job
from orchestrator.tables import MeetingRow
from orchestrator.transcripts import read_summary, read_turns

__all__ = ["run", "store_cards"]

_BATCH = 100


async def run(job: Job) -> dict[str, Any]:
    """Write the documents of the meeting; one without turns has none, and ends here."""
    async with job.store.read() as session:
        meeting = await read_row(session, job.meeting_id)
        turns = await read_turns(session, job.meeting_id, words=False)
        summary = await read_summary(session, job.meeting_id) or Summary()
    if not turns:
        return {"outcome": "close", "documents": 0}
    if job.round > 1:
        # An earlier round may have left decisions that this one does not make.
        request = DeleteDocumentsRequest(
            workspace_id=meeting.workspace_id, meeting_id=job.meeting_id, idempotency_key=job.key("delete")
        )
        await answer(job.desk.services.llm.DeleteDocuments(request))
    chat = meeting.source == int(MeetingSource.MEETING_SOURCE_TEXT) and turns[0].HasField("written_at")
    kind = DocumentKind.DOCUMENT_KIND_CHAT if chat else DocumentKind.DOCUMENT_KIND_TRANSCRIPT
    documents = [_document(meeting, "transcript", kind, turns=DocumentTurns(turns=turns))]
    text = _summary_text(summary)
    if text:
        documents.append(_document(meeting, "summary", DocumentKind.DOCUMENT_KIND_SUMMARY, text=text))
    documents += [
        _document(meeting, f"decision:{number}", DocumentKind.DOCUMENT_KIND_DECISION, text=decision.text)
        for number, decision in enumerate(summary.decisions, 1)
        if decision.text
    ]
    await _upsert(job, meeting.workspace_id, documents, "meeting")
    return {"documents": len(documents)}


async def store_cards(job: Job, workspace_id: str, board: Board, cards: Sequence[Card]) -> None:
    """Write the cards of a board as documents, so that answers can cite them; unchanged ones cost nothing."""
    documents = []
    for card in cards:
        lines = [card.title, card.description, f"{board.name}: {column_title(board, card.column_id)}"]
        lines += [item.text for item in card.checklist] + [comment.text for comment in card.comments]
        document = Document(
            document_id=f"card:{card.card_id}",
            kind=DocumentKind.DOCUMENT_KIND_CARD,
            title=card.title,
            card_id=card.card_id,
            text="\n".join(line for line in lines if line),
        )
        if card.HasField("updated_at"):
            document.happened_at.CopyFrom(card.updated_at)
        documents.append(document)
    await _upsert(job, workspace_id, documents, "cards")


async def _upsert(job: Job, workspace_id: str, documents: Sequence[Document], name: str) -> None:
    for start in range(0, len(documents), _BATCH):
        request = UpsertDocumentsRequest(
            workspace_id=workspace_id,
            documents=documents[start : start + _BATCH],
            idempotency_key=job.key(f"{name}{start // _BATCH + 1}"),
        )
        await answer(job.desk.services.llm.UpsertDocuments(request))


def _document(meeting: MeetingRow, name: str, kind: DocumentKind, **content: Any) -> Document:
    return Document(
        document_id=f"{meeting.meeting_id}:{name}",
        kind=kind,
        title=meeting.title,
        meeting_id=meeting.meeting_id,
        happened_at=from_epoch(meeting.started_at),
        **content,
    )


def _summary_text(summary: Summary) -> str:
    lines = [summary.overview]
    lines += [f"{part.title}\n{part.text}".strip() for part in summary.parts]
    lines += [
        item.text for items in (summary.decisions, summary.actions, summary.questions, summary.risks) for item in items
    ]
    return "\n\n".join(line for line in lines if line)
