"""The JSON export of a Telegram chat (Telegram Desktop, «Export chat history»)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from orchestrator.errors import TextUnreadable
from orchestrator.imports.spoken import Spoken, SpokenTurn

__all__ = ["looks_like", "read"]


def looks_like(text: str) -> bool:
    """Tell whether a JSON text is such an export."""
    head = text[:4000]
    return head.lstrip().startswith("{") and '"messages"' in head and '"type"' in head


def read(text: str) -> Spoken:
    """Return the messages of a chat; service messages and those without words are left out.

    Raises:
        TextUnreadable: It is no such export.
    """
    try:
        export = json.loads(text)
    except json.JSONDecodeError as error:
        raise TextUnreadable(f"The export is not valid JSON: line {error.lineno}, {error.msg}.") from error
    messages = export.get("messages") if isinstance(export, dict) else None
    if not isinstance(messages, list):
        raise TextUnreadable(
            "The file is no export of one Telegram chat: it has no list `messages`. Export the chat itself, as JSON."
        )
    turns = [turn for message in messages if isinstance(message, dict) and (turn := _turn(message)) is not None]
    title = export.get("name")
    return Spoken(tuple(turns), title if isinstance(title, str) else "")


def _turn(message: dict[str, Any]) -> SpokenTurn | None:
    if message.get("type") != "message":
        return None
    text = _plain(message.get("text")).strip()
    if not text:
        return None
    author = message.get("from")
    return SpokenTurn(author if isinstance(author, str) else "", text, written_at=_moment(message))


def _plain(text: Any) -> str:
    """Join what Telegram splits into strings and objects at every link and bold word."""
    if isinstance(text, str):
        return text
    if not isinstance(text, list):
        return ""
    return "".join(
        part if isinstance(part, str) else str(part.get("text", "")) for part in text if isinstance(part, str | dict)
    )


def _moment(message: dict[str, Any]) -> datetime | None:
    unix = message.get("date_unixtime")
    if isinstance(unix, str) and unix.isdigit():
        return datetime.fromtimestamp(int(unix), UTC)
    date = message.get("date")
    if not isinstance(date, str):
        return None
    try:
        # Older exports have no Unix time; theirs has no zone either.
        return datetime.fromisoformat(date).replace(tzinfo=UTC)
    except ValueError:
        return None
