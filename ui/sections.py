"""Parts of the page that only show something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st
from planerka.common.v1 import transcript_pb2
from planerka.orchestrator.v1 import meeting_pb2, orchestrator_pb2, proposal_pb2

from mesh.captions import is_open, parts
from ui.texts import Texts
from ui.wording import clock, day, describe, moment, quotes, safe, speaker_of

__all__ = ["PANE_HEIGHT", "board", "chip", "events", "header", "section", "summary", "transcript"]

_SPEAKER_COLOURS = ("#1d5d8f", "#8a4f7d", "#7a6212", "#2f6f4f", "#6a55a3", "#9a4a2f")
_LIVE_TURNS = 60
_NOBODY_COLOUR = "#6b7280"
_STATE_LOOKS = {
    meeting_pb2.MEETING_STATE_LIVE: "info",
    meeting_pb2.MEETING_STATE_PROCESSING: "info",
    meeting_pb2.MEETING_STATE_WAITING: "wait",
    meeting_pb2.MEETING_STATE_CLOSED: "good",
    meeting_pb2.MEETING_STATE_FAILED: "bad",
}
PANE_HEIGHT = 640
"""Pixels of the parts beside each other."""


def chip(text: str, look: str = "") -> str:
    """Return a small label as HTML."""
    return f'<span class="pk-chip {look}">{safe(text)}</span>'


def section(title: str, aside: str = "") -> None:
    """Show the heading of a part of the page."""
    st.html(f'<div class="pk-section">{safe(title)}<small>{safe(aside)}</small></div>')


def header(one: meeting_pb2.Meeting, texts: Texts) -> None:
    """Show which meeting this is, and how it is."""
    facts = [
        moment(one.started_at, texts) if one.HasField("started_at") else "",
        clock(one.duration) if one.HasField("duration") else "",
        ", ".join(one.participants),
    ]
    state = chip(texts(meeting_pb2.MeetingState.Name(one.state)), _STATE_LOOKS.get(one.state, ""))
    if one.state in (meeting_pb2.MEETING_STATE_PROCESSING, meeting_pb2.MEETING_STATE_LIVE):
        state += " " + chip(texts(meeting_pb2.Stage.Name(one.stage)))
    meta = " ".join(f"<span>{safe(fact)}</span>" for fact in facts if fact)
    st.html(f'<h1 class="pk-title">{safe(one.title or one.meeting_id)}</h1><div class="pk-meta">{state}{meta}</div>')
    if one.state == meeting_pb2.MEETING_STATE_FAILED:
        st.error(texts("failed", failure=one.failure))


def transcript(turns: Sequence[transcript_pb2.Turn], texts: Texts, *, status: str = "") -> None:
    """Show the turns; while the meeting is live, which has a `status`, with the newest in sight."""
    if not turns:
        st.caption(status or texts("no_words"))
        return
    voices = {voice: number for number, voice in enumerate(dict.fromkeys(turn.speaker for turn in turns))}
    # A meeting of hours, drawn twice a second, would stop the browser: while it is live, its end is enough.
    earlier = max(0, len(turns) - _LIVE_TURNS) if status else 0
    rows = f'<p class="pk-why">{safe(texts("earlier", count=earlier))}</p>' if earlier else ""
    rows += "".join(_turn(turn, _colour(turn.speaker, voices[turn.speaker]), texts) for turn in turns[earlier:])
    with st.container(height=PANE_HEIGHT, border=False, key="transcript", autoscroll=bool(status)):
        st.html(rows)
    if status:
        st.caption(status)


def _turn(turn: transcript_pb2.Turn, colour: str, texts: Texts) -> str:
    at = clock(turn.start) if turn.HasField("start") else ""
    settled, rest = parts(turn)
    said = f"{safe(settled)} <i>{safe(rest)}</i>" if rest else safe(settled)
    return (
        f'<div class="pk-turn{" open" if is_open(turn) else ""}"><time>{at}</time><div><b style="color:{colour}">'
        f"{safe(speaker_of(turn, texts))}</b>&ensp;{said}</div></div>"
    )


def _colour(voice: str, place: int) -> str:
    """Return the colour of a voice: that of its number, which stays where turns move, else that of its place."""
    if not voice:
        return _NOBODY_COLOUR
    number = voice.removeprefix("S")
    return _SPEAKER_COLOURS[(int(number) - 1 if number.isdecimal() else place) % len(_SPEAKER_COLOURS)]


def summary(detail: meeting_pb2.MeetingDetail, names: Mapping[str, str], texts: Texts) -> None:
    """Show the summary with its quotes."""
    if not detail.HasField("summary"):
        st.caption(texts("no_summary"))
        return
    found = detail.summary
    pieces = []
    overview = found.overview or found.finished.overview
    if overview:
        pieces.append(f'<p class="pk-text">{safe(overview)}</p>')
    parts = [f"<b>{safe(part.title)}</b> {safe(part.text)}{quotes(part.evidence, names, 1)}" for part in found.parts]
    pieces.append(_items(texts("parts"), parts))
    for key, items in (
        ("decisions", found.decisions),
        ("actions", found.actions),
        ("questions", found.questions),
        ("risks", found.risks),
    ):
        pieces.append(_items(texts(key), [_item(one, names, texts) for one in items]))
    if found.finished.fallback_reason:
        pieces.append(f'<p class="pk-why">{safe(texts("fallback", reason=found.finished.fallback_reason))}</p>')
    with st.container(height=PANE_HEIGHT, border=False, key="summary"):
        st.html("".join(pieces))


def events(found: Sequence[proposal_pb2.Event], texts: Texts) -> None:
    """Show the newest entries of the journal."""
    if not found:
        st.caption(texts("no_events"))
        return
    rows = (
        f'<div class="pk-event"><time>{safe(moment(one.happened_at, texts))}</time><div>{safe(one.text)}</div></div>'
        for one in found
    )
    with st.container(height=PANE_HEIGHT, border=False, key="journal"):
        st.html("".join(rows))


def board(found: orchestrator_pb2.GetBoardResponse, proposals: Iterable[proposal_pb2.Proposal], texts: Texts) -> None:
    """Show the board as columns, with what this meeting changed and what still waits for a decision."""
    news: dict[str, list[str]] = {}
    waiting: set[str] = set()
    created: set[str] = set()
    for one in proposals:
        card_id = one.result.card.card_id or one.card.card.card_id
        if one.state == proposal_pb2.PROPOSAL_STATE_APPLIED:
            news.setdefault(card_id, []).append(describe(one.proposed.change, texts).line)
            if one.proposed.change.HasField("create_card"):
                created.add(card_id)
        elif one.state == proposal_pb2.PROPOSAL_STATE_PENDING:
            waiting.add(card_id)
    members = {member.member_id: member.name for member in found.board.members}
    columns = []
    for column in found.board.columns:
        held = [card for card in found.cards if card.column_id == column.column_id and not card.archived]
        cards = "".join(_card(card, members, news, waiting, created, texts) for card in held)
        columns.append(f'<div class="pk-column"><h4>{safe(column.title)}<span>{len(held)}</span></h4>{cards}</div>')
    st.html(f'<div class="pk-board">{"".join(columns)}</div>')


def _card(
    one: Any,
    members: Mapping[str, str],
    news: Mapping[str, Sequence[str]],
    waiting: set[str],
    created: set[str],
    texts: Texts,
) -> str:
    facts = [members.get(member, member) for member in one.member_ids]
    if one.HasField("due"):
        facts.append(texts("due", day=day(one.due, texts)))
    facts += [f"#{label}" for label in one.labels]
    if one.checklist:
        facts.append(f"☑ {sum(item.done for item in one.checklist)}/{len(one.checklist)}")
    if one.comments:
        facts.append(f"💬 {len(one.comments)}")
    look, mark, lines = "", "", ""
    if one.card_id in news:
        look, mark = "changed", chip(texts("new" if one.card_id in created else "changed"), "good")
        lines = "".join(f'<div class="news">{safe(line)}</div>' for line in news[one.card_id])
    elif one.card_id in waiting:
        look, mark = "awaits", chip(texts("awaits"), "wait")
    return (
        f'<div class="pk-card {look}" data-card="{safe(one.key)}"><span class="pk-key">{safe(one.key)}</span>{safe(one.title)}'
        f' {mark}<div class="facts">{safe(", ".join(facts))}</div>{lines}</div>'
    )


def _items(title: str, rows: Sequence[str]) -> str:
    if not rows:
        return ""
    listed = "".join(f"<li>{row}</li>" for row in rows)
    return f'<div class="pk-section">{safe(title)}</div><ul class="pk-list">{listed}</ul>'


def _item(one: Any, names: Mapping[str, str], texts: Texts) -> str:
    marks = ""
    if isinstance(getattr(one, "owner_name", None), str):
        if one.owner_name:
            marks += " " + chip(one.owner_name, "info")
        if one.HasField("due"):
            marks += " " + chip(texts("due", day=day(one.due, texts)), "wait")
    return f"{safe(one.text)}{marks}{quotes(one.evidence, names, 1)}"
