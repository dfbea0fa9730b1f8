"""What became of the last press, told for some seconds where the person looks."""

from __future__ import annotations

import time
from typing import Final, Literal

import streamlit as st

from ui.wording import plain

__all__ = ["show", "tell"]

_SECONDS: Final = 6.0


def tell(look: Literal["success", "error"], text: str, place: str = "") -> None:
    """Have the next drawings of the page show a sentence in a place of it, above everything where none is named."""
    st.session_state["notice"] = (look, text, place, time.monotonic() + _SECONDS)


def show(place: str = "") -> None:
    """Show the sentence if it belongs here; for some seconds, for the page may be drawn again at once."""
    # Always an element, for what stands below must not move: the browser would forget what is typed there.
    with st.container():
        _show(place)


def _show(place: str) -> None:
    notice = st.session_state.get("notice")
    if notice is None:
        return
    look, text, told_in, until = notice
    if told_in != place:
        return
    if time.monotonic() > until:
        del st.session_state["notice"]
        return
    # Titles stand in it, and what people wrote is never markup.
    (st.success if look == "success" else st.error)(plain(text))
