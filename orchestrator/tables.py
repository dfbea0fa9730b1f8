"""The product's tables. Messages of the contract lie in columns named `data`; what is searched or sorted by has a column of its own.

Times are seconds since 1970 in UTC. The schema is made by the migrations beside this file, never from these classes.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "AccountRow",
    "ApplicationRow",
    "AudioSegmentRow",
    "Base",
    "CursorRow",
    "DecisionRow",
    "DocumentRow",
    "EventRow",
    "KeyRow",
    "MatchRow",
    "MeetingRow",
    "MentionRow",
    "PersonRow",
    "ProposalRow",
    "QuestionRow",
    "SummaryRow",
    "TokenRow",
    "TurnLinkRow",
    "TurnRow",
    "VoiceRow",
    "WorkspaceRow",
]


class Base(DeclarativeBase):
    """Base of all tables."""


class WorkspaceRow(Base):
    """A tenant with its settings (`WorkspaceSettings`)."""

    __tablename__ = "workspaces"
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str]
    data: Mapped[bytes]
    created_at: Mapped[float]


class PersonRow(Base):
    """Somebody with a role in a workspace (`WorkspacePerson`)."""

    __tablename__ = "people"
    person_id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.workspace_id"), index=True)
    name: Mapped[str]
    role: Mapped[int]
    data: Mapped[bytes]
    created_at: Mapped[float]


class AccountRow(Base):
    """An account on a channel, linked to one person of a workspace."""

    __tablename__ = "accounts"
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"), index=True)


class TokenRow(Base):
    """A bearer token; only the SHA-256 of its secret is kept."""

    __tablename__ = "tokens"
    token_id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(index=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    purpose: Mapped[str]
    created_at: Mapped[float]
    expires_at: Mapped[float | None]


class MeetingRow(Base):
    """A meeting, its place in the workflow, and how its stream can be resumed."""

    __tablename__ = "meetings"
    __table_args__ = (
        UniqueConstraint("workspace_id", "idempotency_key", name="meetings_by_key"),
        Index("meetings_by_state", "workspace_id", "state"),
        Index("meetings_by_board", "workspace_id", "board_id", "matched_at"),
    )
    meeting_id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.workspace_id"))
    idempotency_key: Mapped[str]
    request_hash: Mapped[bytes]
    title: Mapped[str]
    language: Mapped[str]
    board_id: Mapped[str]
    source: Mapped[int]
    state: Mapped[int]
    stage: Mapped[int]
    started_at: Mapped[float]
    duration: Mapped[float | None]
    strategy: Mapped[int]
    participants: Mapped[str]
    failure: Mapped[str]
    round: Mapped[int]
    created_by: Mapped[str]
    created_at: Mapped[float]
    finished_at: Mapped[float | None]
    matched_at: Mapped[float | None]
    audio_deleted: Mapped[bool]
    live_config: Mapped[bytes]
    resume_hash: Mapped[bytes]
    touched_at: Mapped[float]
    template: Mapped[str] = mapped_column(default="", server_default="")
    summary_language: Mapped[str] = mapped_column(default="", server_default="")


class TurnRow(Base):
    """A turn of a meeting (`Turn`)."""

    __tablename__ = "turns"
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.meeting_id", ondelete="CASCADE"), primary_key=True)
    turn_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    data: Mapped[bytes]


class VoiceRow(Base):
    """The name of a voice inside one meeting; `given` tells that a person gave it, so that no step may change it."""

    __tablename__ = "voices"
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.meeting_id", ondelete="CASCADE"), primary_key=True)
    speaker: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    person_id: Mapped[str]
    given: Mapped[bool]


class SummaryRow(Base):
    """The summary of a meeting (`Summary`)."""

    __tablename__ = "summaries"
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.meeting_id", ondelete="CASCADE"), primary_key=True)
    data: Mapped[bytes]


class MatchRow(Base):
    """What a meeting's board was when it was read (`GetBoardResponse`), and what was matched (`MatchResponse`)."""

    __tablename__ = "matches"
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.meeting_id", ondelete="CASCADE"), primary_key=True)
    board: Mapped[bytes]
    data: Mapped[bytes]


class TurnLinkRow(Base):
    """A turn that is about a card, or about a new card of a group."""

    __tablename__ = "turn_links"
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.meeting_id", ondelete="CASCADE"), primary_key=True)
    turn_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    card_id: Mapped[str]
    new_card_group: Mapped[str]
    proposal_id: Mapped[str]
    card_title: Mapped[str]
    probability: Mapped[float]


class ProposalRow(Base):
    """A proposal (`Proposal`); `state` 0 is a draft that nobody sees yet."""

    __tablename__ = "proposals"
    __table_args__ = (
        Index("proposals_by_meeting", "meeting_id", "position"),
        Index("proposals_by_state", "workspace_id", "state"),
        Index("proposals_by_card", "board_id", "card_id"),
    )
    proposal_id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.meeting_id", ondelete="CASCADE"))
    board_id: Mapped[str]
    card_id: Mapped[str]
    position: Mapped[int]
    round: Mapped[int]
    state: Mapped[int]
    deadline: Mapped[float | None]
    created_at: Mapped[float]
    data: Mapped[bytes]


class DecisionRow(Base):
    """One decision on a proposal; a conflict allows another one, `ordinal` counts them from 1."""

    __tablename__ = "decisions"
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.proposal_id", ondelete="CASCADE"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[str] = mapped_column(index=True)
    verdict: Mapped[int]
    person_id: Mapped[str]
    proposed_card_id: Mapped[str]
    chosen_card_id: Mapped[str]
    settled: Mapped[bool]
    decided_at: Mapped[float]
    data: Mapped[bytes]


class ApplicationRow(Base):
    """One request to the board, written down before it is sent, so that a repeated step sends exactly the same."""

    __tablename__ = "applications"
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.proposal_id", ondelete="CASCADE"), primary_key=True)
    purpose: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    method: Mapped[str]
    request: Mapped[bytes]


class QuestionRow(Base):
    """A question that was sent to somebody about a proposal."""

    __tablename__ = "questions"
    message_id: Mapped[str] = mapped_column(primary_key=True)
    question_id: Mapped[str]
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.proposal_id", ondelete="CASCADE"), index=True)
    person_id: Mapped[str]
    channel: Mapped[str]
    closed: Mapped[bool]


class MentionRow(Base):
    """A card that a meeting spoke about."""

    __tablename__ = "mentions"
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    board_id: Mapped[str] = mapped_column(primary_key=True)
    card_id: Mapped[str] = mapped_column(primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.meeting_id", ondelete="CASCADE"), primary_key=True)
    mentioned_at: Mapped[float]


class EventRow(Base):
    """An entry of the journal; never changed, never deleted."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_by_workspace", "workspace_id", "number"),
        Index("events_by_meeting", "meeting_id", "number"),
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[int]
    workspace_id: Mapped[str]
    meeting_id: Mapped[str]
    proposal_id: Mapped[str]
    stage: Mapped[int]
    person_id: Mapped[str]
    text: Mapped[str]
    happened_at: Mapped[float]


class KeyRow(Base):
    """The first answer to a request with an idempotency key."""

    __tablename__ = "idempotency_keys"
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    method: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes]
    response: Mapped[bytes]
    created_at: Mapped[float]


class AudioSegmentRow(Base):
    """A FLAC file of a meeting's recording."""

    __tablename__ = "audio_segments"
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.meeting_id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    file_name: Mapped[str]
    samples: Mapped[int]
    sample_rate: Mapped[int]


class DocumentRow(Base):
    """A document that somebody added (`KnowledgeDocument`); its text is the understanding service's.

    `state` tells what is known of the text there: `adding` while it is on its way, `ready`, `leaving` until it is deleted.
    """

    __tablename__ = "documents"
    __table_args__ = (
        Index("documents_by_workspace", "workspace_id", "state", "added_at", "document_id"),
        Index("documents_by_state", "state", "touched_at"),
    )
    document_id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.workspace_id"))
    state: Mapped[str]
    added_at: Mapped[float]
    touched_at: Mapped[float]
    data: Mapped[bytes]


class CursorRow(Base):
    """How far a stream of another service was taken care of, or what another service is still to be asked."""

    __tablename__ = "cursors"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
