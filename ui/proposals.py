"""Proposals on the page: what changes, what speaks for it, and the buttons of the person who may decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

import streamlit as st
from planerka.common.v1 import change_pb2
from planerka.match.v1 import match_pb2
from planerka.orchestrator.v1 import orchestrator_pb2, proposal_pb2

from mesh.errors import RemoteError
from mesh.ids import derived_id, new_id
from mesh.times import from_date, to_date
from ui import notices
from ui.client import Orchestrator
from ui.sections import PANE_HEIGHT, chip, section
from ui.texts import Texts
from ui.wording import describe, percent, quotes, safe

__all__ = ["show"]

_LOOKS = {
    proposal_pb2.PROPOSAL_STATE_APPROVED: "info",
    proposal_pb2.PROPOSAL_STATE_APPLIED: "good",
    proposal_pb2.PROPOSAL_STATE_CONFLICT: "bad",
    proposal_pb2.PROPOSAL_STATE_FAILED: "bad",
}
_FREE = 2
"""Proposals that are shown at full length; more are scrolled, so that the board stays in sight."""
_OPEN = (proposal_pb2.PROPOSAL_STATE_PENDING, proposal_pb2.PROPOSAL_STATE_CONFLICT)
_TEXT_FIELDS = {
    "add_comment": "text",
    "append_description": "text",
    "add_checklist_item": "text",
    "add_label": "label",
    "mark_blocked": "reason",
    "create_card": "title",
}


def show(
    found: Sequence[proposal_pb2.Proposal],
    names: Mapping[str, str],
    board: orchestrator_pb2.GetBoardResponse | None,
    orchestrator: Orchestrator,
    texts: Texts,
) -> None:
    """Show all proposals of a meeting, those that wait for a decision first."""
    waiting = [one for one in found if one.state in _OPEN]
    decided = [one for one in found if one.state not in _OPEN]
    section(texts("proposals"), texts("to_decide", count=len(waiting)) if waiting else "")
    if not found:
        st.caption(f"{texts('no_proposals')} {texts('not_yet')}")
    elif not waiting:
        st.caption(texts("all_decided"))
    with st.container(height=PANE_HEIGHT if len(found) > _FREE else "content", border=False, key="proposals"):
        for one in waiting:
            with st.container(border=True, key=f"proposal-{one.proposal_id}"):
                _body(one, names, texts)
                _buttons(one, board, orchestrator, texts)
        if decided:
            section(texts("decided"))
        for one in decided:
            with st.container(border=True, key=f"proposal-{one.proposal_id}"):
                _body(one, names, texts)


def _body(one: proposal_pb2.Proposal, names: Mapping[str, str], texts: Texts) -> None:
    proposed = one.proposed
    pieces = [_head(one, texts), _difference(one, texts)]
    if proposed.card_says:
        mark = f" {chip(texts('contradiction'), 'bad')}" if proposed.contradiction else ""
        pieces.append(f'<p class="pk-why">{safe(texts("card_says"))}: {safe(proposed.card_says)}{mark}</p>')
    pieces.append(quotes(proposed.evidence, names))
    if proposed.reason:
        pieces.append(f'<p class="pk-why">{safe(proposed.reason)}</p>')
    why = _signals(one.match_signals, texts)
    match = f"{texts('card_match')}: {percent(one.match_probability)}" + (f" ({why})" if why else "")
    others = ", ".join(f"«{other.title}» {percent(other.probability)}" for other in one.candidates[:3])
    if others:
        match += f"; {texts('candidates')} {others}"
    pieces.append(f'<p class="pk-why">{safe(match)}</p>')
    if one.HasField("decision"):
        verdict = texts(proposal_pb2.Verdict.Name(one.decision.verdict))
        by = texts("by", verdict=verdict, person=one.decision.person_name or "—")
        note = f" — {one.decision.note}" if one.decision.note else ""
        pieces.append(f'<p class="pk-why">{safe(f"{by}, {one.decision.channel}{note}")}</p>')
    if one.failure:
        pieces.append(f'<p class="pk-why" style="color:var(--bad)">{safe(one.failure)}</p>')
    st.html("".join(pieces))


def _head(one: proposal_pb2.Proposal, texts: Texts) -> str:
    pending = one.state == proposal_pb2.PROPOSAL_STATE_PENDING
    state = "" if pending else chip(texts(proposal_pb2.ProposalState.Name(one.state)), _LOOKS.get(one.state, ""))
    sure = chip(f"{percent(one.proposed.confidence)} {texts('sure')}")
    if one.HasField("card"):
        card = one.card.card
        name = f'<span class="pk-key">{safe(card.key)}</span><span class="pk-card-title">{safe(card.title)}</span>'
        name += f" {chip(one.card.column_title)}" if one.card.column_title else ""
    else:
        title = safe(one.proposed.change.create_card.title)
        name = f'<span class="pk-card-title">{title}</span> {chip(texts("new_card"), "info")}'
    return f'<div class="pk-row"><div>{name}</div><div style="white-space:nowrap">{sure} {state}</div></div>'


def _difference(one: proposal_pb2.Proposal, texts: Texts) -> str:
    change = describe(one.proposed.change, texts)
    label = f"<b>{safe(change.label)}</b>"
    if change.old and change.new:
        return f'<div class="pk-diff">{label}<del>{safe(change.old)}</del> → <ins>{safe(change.new)}</ins></div>'
    if change.old:
        return f'<div class="pk-diff">{label}<del>{safe(change.old)}</del></div>'
    block = " class='block'" if len(change.new) > 40 or "\n" in change.new else ""
    return f'<div class="pk-diff">{label}<ins{block}>{safe(change.new)}</ins></div>'


def _signals(one: match_pb2.MatchSignals, texts: Texts) -> str:
    pieces = []
    if one.named:
        pieces.append(texts("signal.named"))
    if one.member:
        pieces.append(texts("signal.member"))
    if one.shared_words:
        pieces.append(texts("signal.words", words=", ".join(one.shared_words[:4])))
    return "; ".join(pieces)


def _buttons(
    one: proposal_pb2.Proposal,
    board: orchestrator_pb2.GetBoardResponse | None,
    orchestrator: Orchestrator,
    texts: Texts,
) -> None:
    key = one.proposal_id
    with st.container(horizontal=True, gap="small"):
        # Callbacks: a press counts even where the proposal is decided elsewhere before the page is drawn again.
        st.button(
            texts("approve"),
            key=f"approve-{key}",
            type="primary",
            on_click=_decide,
            args=(one, proposal_pb2.VERDICT_APPROVE, orchestrator, texts),
        )
        with st.popover(texts("edit"), key=f"edit-{key}"):
            _editor(one, board, orchestrator, texts)
        st.button(
            texts("reject"),
            key=f"reject-{key}",
            on_click=_decide,
            args=(one, proposal_pb2.VERDICT_REJECT, orchestrator, texts),
        )


def _editor(
    one: proposal_pb2.Proposal,
    board: orchestrator_pb2.GetBoardResponse | None,
    orchestrator: Orchestrator,
    texts: Texts,
) -> None:
    key = one.proposal_id
    edited = change_pb2.CardChange()
    edited.CopyFrom(one.proposed.change)
    card_id = ""
    with st.form(f"form-{key}", border=False):
        _fields(edited, board, key, texts)
        if board is not None and one.HasField("card"):
            titles = {card.card_id: f"{card.key} {card.title}".strip() for card in board.cards}
            ids = list(titles)
            here = ids.index(one.card.card.card_id) if one.card.card.card_id in titles else 0
            card_id = st.selectbox(texts("other_card"), ids, here, format_func=titles.__getitem__, key=f"card-{key}")
        note = st.text_input(texts("note"), key=f"note-{key}")
        if st.form_submit_button(texts("save"), type="primary"):
            other = card_id if card_id != one.card.card.card_id else ""
            _decide(one, proposal_pb2.VERDICT_EDIT, orchestrator, texts, edited=edited, card_id=other, note=note)
            st.rerun()


def _fields(
    edited: change_pb2.CardChange, board: orchestrator_pb2.GetBoardResponse | None, key: str, texts: Texts
) -> None:
    kind = edited.WhichOneof("change") or ""
    inner = getattr(edited, kind)
    if kind in _TEXT_FIELDS:
        name = _TEXT_FIELDS[kind]
        label = texts("title") if kind == "create_card" else texts("text")
        value = st.text_area(label, getattr(inner, name), key=f"text-{key}")
        if value.strip():
            setattr(inner, name, value.strip())
    if kind in ("set_due_date", "create_card"):
        known = to_date(inner.due) if inner.HasField("due") else None
        shape = "DD.MM.YYYY" if texts.language == "ru" else "YYYY-MM-DD"
        chosen = st.date_input(texts("day"), known, key=f"day-{key}", format=shape)
        if isinstance(chosen, date):
            inner.due.CopyFrom(from_date(chosen))
    if kind in ("move_card", "create_card") and board is not None:
        columns = {column.column_id: column.title for column in board.board.columns}
        ids = list(columns)
        here = ids.index(inner.column_id) if inner.column_id in columns else 0
        inner.column_id = st.selectbox(texts("column"), ids, here, format_func=columns.__getitem__, key=f"column-{key}")
        if kind == "move_card":
            inner.column_title = columns[inner.column_id]
    if kind in ("add_member", "remove_member") and board is not None:
        members = {member.member_id: member.name for member in board.board.members}
        ids = list(members)
        here = ids.index(inner.member_id) if inner.member_id in members else 0
        inner.member_id = st.selectbox(texts("member"), ids, here, format_func=members.__getitem__, key=f"member-{key}")
        inner.name = members[inner.member_id]


def _decide(
    one: proposal_pb2.Proposal,
    verdict: proposal_pb2.Verdict,
    orchestrator: Orchestrator,
    texts: Texts,
    *,
    edited: change_pb2.CardChange | None = None,
    card_id: str = "",
    note: str = "",
) -> None:
    session = st.session_state.setdefault("session", new_id("web"))
    request = orchestrator_pb2.DecideRequest(
        proposal_id=one.proposal_id,
        verdict=verdict,
        edited=edited,
        card_id=card_id,
        note=note,
        # Of the click, not of the call: a press that arrives twice is one decision.
        idempotency_key=derived_id("web", session, one.proposal_id, str(verdict), str(edited), card_id, note),
    )
    try:
        decided = orchestrator.decide(request)
    except RemoteError as error:
        notices.tell("error", f"{error.message} [{error.reason}]")
    else:
        notices.tell(*_outcome(decided, texts))


def _outcome(decided: proposal_pb2.Proposal, texts: Texts) -> tuple[Literal["success", "error"], str]:
    if decided.state == proposal_pb2.PROPOSAL_STATE_APPLIED:
        return "success", texts("done", change=describe(decided.proposed.change, texts).line)
    if decided.state == proposal_pb2.PROPOSAL_STATE_REJECTED:
        return "success", texts("rejected")
    if decided.state == proposal_pb2.PROPOSAL_STATE_CONFLICT:
        return "error", texts("conflict")
    if decided.state == proposal_pb2.PROPOSAL_STATE_FAILED:
        return "error", texts("refused", failure=decided.failure)
    return "success", texts("in_work")
