"""What became of the last press, told above the page for some seconds."""

from __future__ import annotations

import time
from typing import Final, Literal

import streamlit as st

from ui.wording import plain

__all__ = ["show", "tell"]

_SECONDS: Final = 6.0


def tell(look: Literal["success", "error"], text: str) -> None:
    """Have the next drawings of the page show a sentence."""
    st.session_state["notice"] = (look, text, time.monotonic() + _SECONDS)


def show() -> None:
    """Show the sentence; for some seconds, for the page may be drawn again at once."""
    notice = st.session_state.get("notice")
    if notice is None:
        return
    look, text, until = notice
    if time.monotonic() > until:
        del st.session_state["notice"]
        return
    # Titles stand in it, and what people wrote is never markup.
    (st.success if look == "success" else st.error)(plain(text))
