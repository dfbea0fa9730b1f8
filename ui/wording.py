"""Values of the contract as safe HTML and words."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from planerka.common.v1 import change_pb2, time_pb2, transcript_pb2

from mesh.times import to_date, to_datetime, to_seconds
from ui.texts import Texts

__all__ = [
    "ChangeText",
    "clock",
    "day",
    "describe",
    "moment",
    "number",
    "percent",
    "plain",
    "quotes",
    "safe",
    "speaker_of",
]


@dataclass(frozen=True)
class ChangeText:
    """A change for people to read: what is done, what the card has, what it would have."""

    label: str
    old: str
    new: str

    @property
    def line(self) -> str:
        """The change in one line."""
        return (
            f"{self.label}: {self.old} → {self.new}"
            if self.old and self.new
            else f"{self.label}: {self.new or self.old}"
        )


def safe(text: str) -> str:
    """Escape what people said or wrote: it is data, never markup."""
    return html.escape(text, quote=True).replace("\n", "<br>")


def plain(text: str) -> str:
    """Keep what people wrote from being read as Markdown."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]<>()#+-!|:$~" else sign for sign in text)


def clock(span: Duration) -> str:
    """Return a place in a recording as `MM:SS`, or `H:MM:SS` from the first hour on."""
    seconds = int(to_seconds(span))
    minutes, hours = seconds // 60, seconds // 3600
    return f"{hours}:{minutes % 60:02}:{seconds % 60:02}" if hours else f"{minutes:02}:{seconds % 60:02}"


def day(message: time_pb2.CalendarDate, texts: Texts) -> str:
    """Return a day as people of this language write it."""
    found = to_date(message)
    return found.strftime("%d.%m.%Y") if texts.language == "ru" else found.strftime("%d %b %Y")


def moment(stamp: Timestamp, texts: Texts) -> str:
    """Return a moment in the time zone of the server."""
    found = to_datetime(stamp).astimezone()
    return found.strftime("%d.%m.%Y %H:%M") if texts.language == "ru" else found.strftime("%d %b %Y, %H:%M")


def number(count: int, texts: Texts) -> str:
    """Return a whole number with its thousands apart, as people of this language write it."""
    return f"{count:,}".replace(",", "\u00a0") if texts.language == "ru" else f"{count:,}"


def percent(probability: float) -> str:
    """Return a probability for people."""
    return f"{round(100 * probability)} %"


def speaker_of(turn: transcript_pb2.Turn, texts: Texts) -> str:
    """Return the name of the person, else the voice."""
    return turn.speaker_name or turn.speaker or texts("unknown_speaker")


def quotes(evidence: Iterable[transcript_pb2.Evidence], names: Mapping[str, str], limit: int = 3) -> str:
    """Return quotes with speaker and time as HTML."""
    blocks = []
    for one in list(evidence)[:limit]:
        who = names.get(one.turn_id) or one.speaker
        at = clock(one.start) if one.HasField("start") else ""
        by = " · ".join(part for part in (safe(who), at) if part)
        blocks.append(f'<blockquote class="pk-quote">“{safe(one.quote)}”<footer>{by}</footer></blockquote>')
    return "".join(blocks)


def describe(change: change_pb2.CardChange, texts: Texts) -> ChangeText:
    """Put a change into words."""
    kind = change.WhichOneof("change") or ""
    old, new = _sides(kind, change, texts)
    return ChangeText(texts(f"change.{kind}"), old, new)


def _sides(kind: str, change: change_pb2.CardChange, texts: Texts) -> tuple[str, str]:
    if kind == "move_card":
        return change.move_card.previous_column_title, change.move_card.column_title or change.move_card.column_id
    if kind == "set_due_date":
        due = change.set_due_date
        return day(due.previous, texts) if due.HasField("previous") else "", day(due.due, texts)
    if kind == "complete_checklist_item":
        text = change.complete_checklist_item.text or change.complete_checklist_item.item_id
        return f"☐ {text}", f"☑ {text}"
    if kind == "remove_member":
        return change.remove_member.name or change.remove_member.member_id, ""
    if kind == "remove_label":
        return change.remove_label.label, ""
    if kind == "add_member":
        return "", change.add_member.name or change.add_member.member_id
    if kind == "add_label":
        return "", change.add_label.label
    if kind == "mark_blocked":
        return "", change.mark_blocked.reason or change.mark_blocked.by_card_id
    if kind == "create_card":
        card = change.create_card
        due_text = texts("due", day=day(card.due, texts)) if card.HasField("due") else ""
        return "", "\n".join(part for part in (card.title, due_text, card.description) if part)
    return "", str(getattr(getattr(change, kind), "text", "")) if kind else ""
