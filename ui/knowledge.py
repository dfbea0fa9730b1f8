"""The page of the knowledge base: its documents, a form that adds one, and the box for questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st
from planerka.orchestrator.v1 import document_pb2

from mesh.errors import RemoteError
from mesh.ids import new_id
from ui import asking, notices
from ui.client import Orchestrator
from ui.documents import LARGEST, Row, Sending, failure, objection, outcome, row, size
from ui.sections import chip, section
from ui.texts import Texts
from ui.wording import percent, plain, safe

__all__ = ["show"]

_LOOK_SECONDS: Final = 0.4
_SHOWN: Final = 20
"""Documents that are shown before somebody asks for more."""
_WIDGET_MEGABYTES: Final = 32
"""What Streamlit takes at all; a file above our own limit is refused in the person's language."""
_SENDING, _FORM, _REMOVING, _MORE = "documents.sending", "documents.form", "documents.removing", "documents.more"
_REPLACING: Final = "documents.replacing"
"""The document whose place the file of the form takes."""


def show(orchestrator: Orchestrator, texts: Texts) -> None:
    """Draw the page once."""
    _settle(texts)
    st.html(
        f'<h1 class="pk-title">{safe(texts("knowledge"))}</h1><p class="pk-why">{safe(texts("documents.what"))}</p>'
    )
    found = orchestrator.documents()
    names = {person.person_id: person.name for person in orchestrator.people()}
    left, right = st.columns([1.3, 1], gap="large")
    with right:
        replacing: Row | None = st.session_state.get(_REPLACING)
        section(texts("documents.replacing", title=replacing.title) if replacing else texts("documents.add"))
        notices.show(_FORM)
        _form(orchestrator, names, texts, replacing)
        section(texts("ask"))
        asking.show(orchestrator, texts)
    with left:
        section(texts("documents"), str(len(found)) if found else "")
        notices.show(_REMOVING)
        _list(found, names, orchestrator, texts)


def _settle(texts: Texts) -> None:
    """Tell what became of a file, once it is there or refused."""
    sending: Sending | None = st.session_state.get(_SENDING)
    if sending is None or not sending.done:
        return
    del st.session_state[_SENDING]
    if sending.added is not None:
        # An empty form for the next one; after a refusal it stays filled in.
        _empty_form()
        replaced = bool(sending.config.document_id)
        notices.tell("success", outcome(sending.added, texts, replaced=replaced), _FORM)
    elif sending.error is not None:
        notices.tell("error", f"{sending.name}: {failure(sending.error, texts)}", _FORM)
    else:
        notices.tell("error", texts("documents.error.INTERNAL"), _FORM)


def _form(orchestrator: Orchestrator, names: Mapping[str, str], texts: Texts, replacing: Row | None) -> None:
    form = str(st.session_state.setdefault(_FORM, new_id("web")))
    sending: Sending | None = st.session_state.get(_SENDING)
    title, readers = "", list[str]()
    # A form: what is typed reaches us with the press, so that no drawing of the page meanwhile takes it away. Its fields stay enabled while
    # a file is on its way: Streamlit forgets what was just typed into a field that becomes disabled.
    with st.container(key="add-document"), st.form(f"add-{form}", enter_to_submit=False):
        st.html(_uploader_words(texts))
        file = st.file_uploader(texts("documents.file"), max_upload_size=_WIDGET_MEGABYTES, key=f"file-{form}")
        if replacing is None:
            title = st.text_input(
                texts("title"),
                placeholder=texts("documents.title_hint"),
                max_chars=1024,
                key=f"title-{form}",
            )
            readers = st.multiselect(
                texts("documents.readers"),
                list(names),
                format_func=lambda person: names.get(person, person),
                placeholder=texts("documents.everybody"),
                key=f"readers-{form}",
                select_all=False,
            )
        else:
            st.caption(texts("documents.replacing_keeps"))
        button = texts("documents.replace") if replacing else texts("documents.submit")
        pressed = st.form_submit_button(button, type="primary", key="add", disabled=sending is not None)
    if replacing is not None and sending is None:
        st.button(texts("cancel"), key="replace-no", on_click=_empty_form)
    if sending is not None:
        _progress(sending, texts)
    elif pressed:
        data = file.getvalue() if file is not None else None
        wrong = objection(data, texts)
        if file is None or data is None or wrong:
            notices.tell("error", wrong, _FORM)
        else:
            st.session_state[_SENDING] = Sending(
                orchestrator.add_document,
                form,
                file.name,
                data,
                title,
                readers,
                orchestrator.workspace,
                replacing.document_id if replacing else "",
            )
        st.rerun()


def _empty_form() -> None:
    st.session_state.pop(_FORM, None)
    st.session_state.pop(_REPLACING, None)


def _begin_replacing(one: Row) -> None:
    _empty_form()
    st.session_state[_REPLACING] = one


def _progress(sending: Sending, texts: Texts) -> None:
    @st.fragment(run_every=_LOOK_SECONDS)
    def look() -> None:
        if sending.done:
            st.rerun()
        name = plain(sending.name)
        if sending.share < 1:
            told = texts("documents.sent", name=name, percent=percent(sending.share))
        else:
            told = texts("documents.read", name=name, seconds=int(sending.seconds))
        st.progress(sending.share, text=told)

    look()


def _list(
    found: Sequence[document_pb2.KnowledgeDocument], names: Mapping[str, str], orchestrator: Orchestrator, texts: Texts
) -> None:
    if not found:
        st.caption(texts("documents.none"))
        return
    shown = int(st.session_state.get(_MORE, _SHOWN))
    for one in found[:shown]:
        _document(row(one, names, texts), orchestrator, texts)
    if len(found) > shown:
        st.button(texts("documents.more", count=len(found) - shown), key="more", on_click=_show_more, args=(shown,))


def _show_more(shown: int) -> None:
    st.session_state[_MORE] = shown + 5 * _SHOWN


def _document(one: Row, orchestrator: Orchestrator, texts: Texts) -> None:
    marks = chip(one.kind) if one.kind else ""
    marks += " " + chip(texts("documents.only", readers=one.readers), "wait") if one.readers else ""
    facts = "".join(f"<span>{safe(fact)}</span>" for fact in one.facts)
    removing: dict[str, str] = st.session_state.get(_REMOVING, {})
    with st.container(border=True, key=f"document-{one.document_id}"):
        words, press = st.columns([4, 1], vertical_alignment="center")
        words.html(f'<div class="pk-card-title">{safe(one.title)}</div><div class="pk-meta">{marks}{facts}</div>')
        notices.show(one.document_id)
        if one.document_id not in removing:
            press.button(
                texts("documents.replace"),
                key=f"replace-{one.document_id}",
                type="tertiary",
                on_click=_begin_replacing,
                args=(one,),
                disabled=_SENDING in st.session_state,
            )
            press.button(
                texts("documents.remove"),
                key=f"remove-{one.document_id}",
                type="tertiary",
                on_click=_ask_removal,
                args=(one.document_id,),
            )
            return
        st.warning(texts("documents.sure", title=plain(one.title)))
        with st.container(horizontal=True, gap="small"):
            st.button(
                texts("documents.remove_yes"),
                key=f"remove-yes-{one.document_id}",
                type="primary",
                on_click=_remove,
                args=(one, removing[one.document_id], orchestrator, texts),
            )
            st.button(texts("cancel"), key=f"remove-no-{one.document_id}", on_click=_keep, args=(one.document_id,))


def _ask_removal(document_id: str) -> None:
    # The key is made where the question is asked: however often the answer arrives, it is one removal.
    st.session_state[_REMOVING] = {document_id: new_id("web")}


def _keep(document_id: str) -> None:
    st.session_state.get(_REMOVING, {}).pop(document_id, None)


def _remove(one: Row, key: str, orchestrator: Orchestrator, texts: Texts) -> None:
    try:
        orchestrator.remove_document(one.document_id, key)
    except RemoteError as error:
        place = _REMOVING if error.reason == "DOCUMENT_NOT_FOUND" else one.document_id
        notices.tell("error", failure(error, texts), place)
        if error.code.name in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
            return
    else:
        notices.tell("success", texts("documents.removed", title=one.title), _REMOVING)
    _keep(one.document_id)


def _uploader_words(texts: Texts) -> str:
    """Return a style that puts our words in place of Streamlit's own, which are English and name its limit, not ours."""
    hint = texts("documents.formats", limit=size(LARGEST, texts)).replace('"', "")
    button = texts("documents.choose").replace('"', "")
    inside = '.st-key-add-document [data-testid="stFileUploaderDropzone"]'
    return (
        f'<style>{inside} [data-testid="stFileUploaderDropzoneInstructions"]::after {{content:"{hint}"}}'
        f'{inside} button[kind="secondary"] p::after {{content:"{button}"}}</style>'
    )
