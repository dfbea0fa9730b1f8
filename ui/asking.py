"""The box for questions, and the answer with its sources."""

from __future__ import annotations

import streamlit as st
from planerka.llm.v1 import llm_pb2

from ui.client import Orchestrator
from ui.sections import section
from ui.texts import Texts
from ui.wording import clock, moment, safe

__all__ = ["show"]


def show(orchestrator: Orchestrator, texts: Texts) -> None:
    """Show the box, and once something is asked the answer as it comes."""
    with st.form("ask", border=False):
        question = st.text_area(texts("question"), key="question", height=80, max_chars=4000)
        asked = st.form_submit_button(texts("ask"), type="primary")
    if not asked or not question.strip():
        return
    citations: list[llm_pb2.Citation] = []
    pieces: list[str] = []
    finished = llm_pb2.AskFinished(answered=True)
    place = st.empty()
    with st.spinner(texts("thinking")):
        for answer in orchestrator.ask(question.strip()):
            kind = answer.WhichOneof("response")
            if kind == "text":
                pieces.append(answer.text)
                place.html(f'<p class="pk-text">{safe("".join(pieces))}</p>')
            elif kind == "citation":
                citations.append(answer.citation)
            elif kind == "finished":
                finished = answer.finished
    if not finished.answered and not citations:
        st.caption(texts("unanswered"))
    if finished.fallback_reason:
        st.caption(texts("fallback", reason=finished.fallback_reason))
    if citations:
        section(texts("sources"))
        st.html("".join(_source(one, texts) for one in citations))


def _source(citation: llm_pb2.Citation, texts: Texts) -> str:
    chunk = citation.chunk
    facts = [", ".join(chunk.speakers), texts("page", number=chunk.page) if chunk.page else ""]
    if chunk.HasField("range"):
        facts.append(f"{clock(chunk.range.start)}-{clock(chunk.range.end)}")
    if chunk.HasField("happened_at"):
        facts.append(moment(chunk.happened_at, texts))
    title = safe(chunk.title or chunk.meeting_id or chunk.card_id)
    shown = " · ".join(safe(fact) for fact in facts if fact)
    quote = f'<blockquote class="pk-quote">{safe(chunk.text)}<footer>{shown}</footer></blockquote>'
    return f'<p class="pk-why">[{citation.number}] <b>{title}</b></p>{quote}'
