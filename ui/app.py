"""The page: meetings at the left, what they propose in the middle, what was said beside it, the board below."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from planerka.orchestrator.v1 import meeting_pb2, proposal_pb2

from mesh.errors import RemoteError
from mesh.settings import MeshSettings
from mesh.times import from_seconds
from ui import asking, knowledge, notices, proposals, reliability, sections
from ui.client import Orchestrator
from ui.live import Watches
from ui.settings import UiSettings
from ui.texts import Texts
from ui.wording import clock, moment, plain, safe, speaker_of

__all__ = ["main"]

_BUSY = (meeting_pb2.MEETING_STATE_LIVE, meeting_pb2.MEETING_STATE_PROCESSING)
_EVENTS = 30
_STYLE = Path(__file__).with_name("style.css")


@st.cache_resource
def _orchestrator() -> Orchestrator:
    return Orchestrator(_settings(), MeshSettings.load())


@st.cache_resource
def _watches() -> Watches:
    return Watches(_orchestrator())


@st.cache_resource
def _settings() -> UiSettings:
    return UiSettings.load()


def main() -> None:
    """Draw the page once; Streamlit calls this again after every press."""
    st.set_page_config(page_title="Planerka", page_icon="🗂️", layout="wide", initial_sidebar_state="expanded")
    st.html(f"<style>{_STYLE.read_text(encoding='utf-8')}</style>")
    texts = Texts(_language())
    orchestrator = _orchestrator()
    try:
        _page(orchestrator, texts)
    except RemoteError as error:
        if error.reason == "UNAVAILABLE":
            st.error(texts("unreachable", address=orchestrator.address))
        else:
            st.error(f"{error.message} [{error.reason}]")


def _language() -> str:
    if "language" not in st.session_state:
        locale = st.context.locale or ""
        st.session_state["language"] = _settings().language or ("ru" if locale.lower().startswith("ru") else "en")
    return str(st.session_state["language"] or "en")


def _page(orchestrator: Orchestrator, texts: Texts) -> None:
    with st.sidebar:
        st.html(f'<div class="pk-brand">{safe(texts("name"))}<span>{safe(texts("tagline"))}</span></div>')
        place = st.segmented_control(
            texts("place"),
            ["meetings", "knowledge"],
            default="meetings",
            format_func=texts,
            key="place",
            label_visibility="collapsed",
            required=True,
        )
        slot = st.container()
        st.segmented_control(
            texts("language"), ["ru", "en"], key="language", format_func={"ru": "Русский", "en": "English"}.__getitem__
        )
    if place == "knowledge":
        knowledge.show(orchestrator, texts)
        return
    found = orchestrator.meetings()
    with slot:
        chosen = _choose(found, texts)
    if chosen is None:
        st.info(texts("no_meetings"))
        return
    notices.show()
    _meeting(chosen, orchestrator, texts)
    _reliability(orchestrator, texts)


def _choose(found: list[meeting_pb2.Meeting], texts: Texts) -> str | None:
    sections.section(texts("meetings"))
    by_id = {one.meeting_id: one for one in found}
    if not by_id:
        return None

    def line(meeting_id: str) -> str:
        # Streamlit knows options by their labels: one that changes, as a number would, loses its mark.
        return plain(by_id[meeting_id].title or meeting_id)

    def below(meeting_id: str) -> str:
        one = by_id[meeting_id]
        when = moment(one.started_at, texts) if one.HasField("started_at") else ""
        waits = (
            texts("to_decide", count=one.pending) if one.pending else texts(meeting_pb2.MeetingState.Name(one.state))
        )
        return f"{when} · {waits}"

    return st.radio(
        texts("meetings"),
        list(by_id),
        format_func=line,
        captions=[below(one) for one in by_id],
        key="meeting",
        label_visibility="collapsed",
    )


def _meeting(meeting_id: str, orchestrator: Orchestrator, texts: Texts) -> None:
    detail = orchestrator.detail(meeting_id)
    meeting = detail.meeting
    found = orchestrator.proposals(meeting_id)
    board = orchestrator.board(meeting.board_id) if meeting.board_id else None
    names = {turn.turn_id: speaker_of(turn, texts) for turn in detail.turns}
    applying = any(one.state == proposal_pb2.PROPOSAL_STATE_APPROVED for one in found)
    sections.header(meeting, texts)
    if meeting.state in _BUSY or applying:
        _follow(meeting_id, meeting.state, meeting.stage, applying, orchestrator)
    left, right = st.columns([1.3, 1], gap="large")
    with left:
        proposals.show(found, names, board, orchestrator, texts)
    with right:
        views = ["transcript", "summary", "journal", "ask"]
        first = "transcript" if meeting.state in _BUSY else "summary"
        view = st.segmented_control(
            texts("view"),
            views,
            default=first,
            format_func=texts,
            key="view",
            label_visibility="collapsed",
            required=True,
        )
        if view == "summary":
            sections.summary(detail, names, texts)
        elif view == "journal":
            sections.events(orchestrator.events(meeting_id, _EVENTS), texts)
        elif view == "ask":
            asking.show(orchestrator, texts)
        else:
            _transcript(meeting_id, detail, orchestrator, texts)
    if board is None:
        sections.section(texts("board"))
        st.caption(texts("no_board"))
        return
    sections.section(texts("board"), board.board.name)
    sections.board(board, found, texts)


def _follow(
    meeting_id: str,
    state: meeting_pb2.MeetingState,
    stage: meeting_pb2.Stage,
    applying: bool,
    orchestrator: Orchestrator,
) -> None:
    """Draw the whole page again when the meeting has come further."""

    @st.fragment(run_every=_settings().refresh_seconds)
    def look() -> None:
        now = orchestrator.detail(meeting_id).meeting
        still = applying and any(
            one.state == proposal_pb2.PROPOSAL_STATE_APPROVED for one in orchestrator.proposals(meeting_id)
        )
        if (now.state, now.stage, still) != (state, stage, applying):
            st.rerun()

    look()


def _transcript(meeting_id: str, detail: meeting_pb2.MeetingDetail, orchestrator: Orchestrator, texts: Texts) -> None:
    if detail.meeting.state != meeting_pb2.MEETING_STATE_LIVE:
        sections.transcript(detail.turns, texts)
        return

    @st.fragment(run_every=_settings().caption_seconds)
    def live() -> None:
        shown = _watches().look(meeting_id)
        if shown is None:
            sections.transcript(orchestrator.detail(meeting_id).turns, texts, status=texts("listening"))
            return
        at = clock(from_seconds(shown.received))
        told = texts("live_status", at=at, lag=f"{shown.lag:.1f}") if shown.received else texts("listening")
        sections.transcript(shown.turns, texts, status=told)

    live()


def _reliability(orchestrator: Orchestrator, texts: Texts) -> None:
    part = st.expander(texts("reliability"), key="reliability", on_change="rerun")
    if not part.open:
        return
    with part:
        try:
            found = orchestrator.calibration()
        except RemoteError as error:
            if error.code.name != "UNAVAILABLE" or error.reason == "UNAVAILABLE":
                raise
            st.caption(texts("reliability.away"))
            return
        reliability.show(found, texts)


if __name__ == "__main__":
    main()
