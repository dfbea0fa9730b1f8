"""Typed changes in words: what kind, what the card has, what it would have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from google.protobuf.json_format import ParseDict, ParseError
from planerka.common.v1 import card_pb2, change_pb2, time_pb2

from cli.errors import UsageWrong
from cli.texts import Texts
from mesh.times import from_date, to_date

__all__ = ["ChangeText", "day", "describe", "kind_of", "rewritten"]


@dataclass(frozen=True)
class ChangeText:
    """A change for people to read."""

    label: str
    """What is done, such as `Move`."""
    old: str
    """What the card has; empty where something only comes in addition."""
    new: str
    """What it would have; empty where something only goes away."""

    @property
    def line(self) -> str:
        """The change in one line."""
        if self.old and self.new:
            return f"{self.label}: {self.old} → {self.new}"
        return f"{self.label}: {self.new or self.old}"


def describe(change: change_pb2.CardChange, texts: Texts) -> ChangeText:
    """Put a change into words."""
    kind = change.WhichOneof("change")
    label = texts(f"change.{kind_of(change)}") if kind else ""
    if kind == "add_comment":
        return ChangeText(label, "", change.add_comment.text)
    if kind == "append_description":
        return ChangeText(label, "", change.append_description.text)
    if kind == "add_checklist_item":
        return ChangeText(label, "", change.add_checklist_item.text)
    if kind == "complete_checklist_item":
        text = change.complete_checklist_item.text or change.complete_checklist_item.item_id
        return ChangeText(label, f"☐ {text}", f"☑ {text}")
    if kind == "set_due_date":
        previous = change.set_due_date.previous if change.set_due_date.HasField("previous") else None
        old = day(previous, texts) if previous is not None else texts("none")
        return ChangeText(label, old, day(change.set_due_date.due, texts))
    if kind == "add_member":
        return ChangeText(label, "", change.add_member.name or change.add_member.member_id)
    if kind == "remove_member":
        return ChangeText(label, change.remove_member.name or change.remove_member.member_id, "")
    if kind == "move_card":
        move = change.move_card
        return ChangeText(label, move.previous_column_title, move.column_title or move.column_id)
    if kind == "add_label":
        return ChangeText(label, "", change.add_label.label)
    if kind == "remove_label":
        return ChangeText(label, change.remove_label.label, "")
    if kind == "create_card":
        return ChangeText(label, "", _new_card(change.create_card, texts))
    if kind == "mark_blocked":
        return ChangeText(label, "", change.mark_blocked.reason or change.mark_blocked.by_card_id)
    return ChangeText(label, "", "")


def kind_of(change: change_pb2.CardChange) -> int:
    """Return the kind of a change; unspecified where it is empty."""
    name = change.WhichOneof("change")
    return change_pb2.ChangeKind.Value(f"CHANGE_KIND_{name.upper()}") if name else change_pb2.CHANGE_KIND_UNSPECIFIED


def day(message: time_pb2.CalendarDate, texts: Texts) -> str:
    """Return a day as people of this language write it."""
    found = to_date(message)
    return found.strftime("%d.%m.%Y") if texts.language == "ru" else found.isoformat()


def rewritten(
    change: change_pb2.CardChange, board: card_pb2.Board, *, text: str, due: str, column: str, member: str, raw: str
) -> change_pb2.CardChange:
    """Return the change as a person wants it instead; the options that are empty change nothing.

    Args:
        change: The change as proposed.
        board: The board, for columns and members by name.
        text: New text of a comment, a paragraph, an item, a label, a reason, or the title of a new card.
        due: New due date as YYYY-MM-DD.
        column: Title of another column.
        member: Name of another member.
        raw: A whole `CardChange` of the contract as JSON.

    Raises:
        UsageWrong: An option does not fit this kind of change, or names something that the board does not have.
    """
    if raw:
        try:
            return ParseDict(json.loads(raw), change_pb2.CardChange())
        except (json.JSONDecodeError, ParseError) as error:
            raise UsageWrong(f"--change is no CardChange of the contract: {error}.") from error
    edited = change_pb2.CardChange()
    edited.CopyFrom(change)
    kind = change.WhichOneof("change") or ""
    inner = getattr(edited, kind)
    if text:
        field = {"add_label": "label", "remove_label": "label", "create_card": "title", "mark_blocked": "reason"}
        name = field.get(kind, "text")
        if name not in inner.DESCRIPTOR.fields_by_name or kind == "complete_checklist_item":
            raise UsageWrong(f"--text does not fit a change of the kind {kind}.")
        setattr(inner, name, text)
    if due:
        if kind not in ("set_due_date", "create_card"):
            raise UsageWrong(f"--due does not fit a change of the kind {kind}.")
        inner.due.CopyFrom(_day_of(due))
    if column:
        found = next((one for one in board.columns if one.title.casefold() == column.casefold()), None)
        if found is None or kind not in ("move_card", "create_card"):
            known = ", ".join(one.title for one in board.columns)
            raise UsageWrong(f"--column must name a column ({known}) and fits moves and new cards only.")
        inner.column_id = found.column_id
        if kind == "move_card":
            inner.column_title = found.title
    if member:
        _set_member(inner, kind, board, member)
    return edited


def _set_member(inner: object, kind: str, board: card_pb2.Board, member: str) -> None:
    found = next((one for one in board.members if one.name.casefold() == member.casefold()), None)
    if found is None or kind not in ("add_member", "remove_member", "create_card"):
        known = ", ".join(one.name for one in board.members)
        raise UsageWrong(f"--member must name a member ({known}) and fits members and new cards only.")
    if isinstance(inner, change_pb2.CreateCard):
        inner.member_ids[:] = [found.member_id]
    elif isinstance(inner, change_pb2.AddMember | change_pb2.RemoveMember):
        inner.member_id, inner.name = found.member_id, found.name


def _day_of(text: str) -> time_pb2.CalendarDate:
    try:
        return from_date(date.fromisoformat(text))
    except ValueError as error:
        raise UsageWrong(f"{text!r} is no day; write it as 2026-11-30.") from error


def _new_card(card: change_pb2.CreateCard, texts: Texts) -> str:
    pieces = [card.title]
    if card.HasField("due"):
        pieces.append(texts("due", day=day(card.due, texts)))
    if card.description:
        pieces.append(card.description)
    return "\n".join(pieces)
