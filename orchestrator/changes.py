"""Typed changes against the board: what to send, when the card has changed too much, and the inverse of each change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from planerka.board.v1 import board_pb2
from planerka.common.v1.card_pb2 import Card, ChecklistItem
from planerka.common.v1.change_pb2 import CardChange, ChangeKind
from planerka.common.v1.time_pb2 import CalendarDate

from orchestrator.enums import as_enum
from orchestrator.texts import say

__all__ = [
    "REQUESTS",
    "Changed",
    "Method",
    "Satisfied",
    "Send",
    "describe",
    "edit_problem",
    "inverse",
    "kind_of",
    "plan",
]

Method = Literal["CreateCard", "UpdateCard", "MoveCard", "CommentCard", "DeleteComment", "ArchiveCard"]
REQUESTS: Final[dict[str, type[Message]]] = {
    "CreateCard": board_pb2.CreateCardRequest,
    "UpdateCard": board_pb2.UpdateCardRequest,
    "MoveCard": board_pb2.MoveCardRequest,
    "CommentCard": board_pb2.CommentCardRequest,
    "DeleteComment": board_pb2.DeleteCommentRequest,
    "ArchiveCard": board_pb2.ArchiveCardRequest,
}


@dataclass(frozen=True, slots=True)
class Send:
    """One request makes the change."""

    method: Method
    """Name of the rpc."""
    request: Message
    """The request, with its idempotency key and the version that the card must have."""


@dataclass(frozen=True, slots=True)
class Satisfied:
    """The card is so already; nothing is sent."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What the change is about was changed by somebody else."""

    now: str
    """What the card says now."""


Step = Send | Satisfied | Changed


def kind_of(change: CardChange) -> ChangeKind:
    """Return the kind of a change, for settings and filters."""
    name = (change.WhichOneof("change") or "unspecified").upper()
    return as_enum(ChangeKind, ChangeKind.Value(f"CHANGE_KIND_{name}"))


def describe(change: CardChange, language: str) -> str:
    """Return the change in a few words."""
    name = change.WhichOneof("change") or ""
    if name == "set_due_date":
        return say(language, "change_set_due_date", due=_day(change.set_due_date.due))
    if name == "move_card":
        column = change.move_card.column_title or change.move_card.column_id
        return say(language, "change_move_card", column=column)
    body = getattr(change, name)
    values = {
        field: _short(str(getattr(body, field)))
        for field in ("text", "name", "label", "title", "reason")
        if hasattr(body, field)
    }
    if name in {"add_member", "remove_member"} and not values.get("name"):
        values["name"] = body.member_id
    if name == "complete_checklist_item" and not values.get("text"):
        values["text"] = body.item_id
    if name == "mark_blocked" and not values.get("reason"):
        values["reason"] = body.by_card_id
    return say(language, f"change_{name}", **values)


def edit_problem(change: CardChange, card_id: str) -> str:
    """Return why an edited change cannot stand; empty where it can."""
    creates = change.WhichOneof("change") == "create_card"
    if creates and card_id:
        return "A change that creates a card cannot name an existing one."
    if not creates and not card_id:
        return "The change needs a card: name one in `card_id`."
    return ""


def plan(change: CardChange, frozen: Card, fresh: Card, board_id: str, key: str, author: str, language: str) -> Step:
    """Decide how a change is made on the card as it is now.

    Args:
        change: The approved change.
        frozen: The card when the change was proposed; empty for a new card.
        fresh: The card as it is now; empty for a new card.
        board_id: The board, for a new card.
        key: Idempotency key of the request.
        author: Name that a comment is signed with.
        language: Language of texts that are written to the card.
    """
    name = change.WhichOneof("change")
    if name == "create_card":
        new = change.create_card
        request = board_pb2.CreateCardRequest(
            board_id=board_id,
            column_id=new.column_id,
            title=new.title,
            description=new.description,
            member_ids=list(dict.fromkeys(new.member_ids)),
            labels=list(dict.fromkeys(new.labels)),
            idempotency_key=key,
        )
        if new.HasField("due"):
            request.due.CopyFrom(new.due)
        return Send("CreateCard", request)
    if fresh.archived and not frozen.archived:
        return Changed(say(language, "says_gone"))
    if name == "add_comment":
        return _comment(fresh, change.add_comment.text, author, key)
    if name == "mark_blocked":
        blocked = change.mark_blocked
        if not blocked.by_card_id:
            return _comment(fresh, say(language, "blocked_comment", reason=blocked.reason), author, key)
        if blocked.by_card_id in fresh.blocked_by:
            return Satisfied()
        return _update(fresh, "blocked_by", key, blocked_by=[*fresh.blocked_by, blocked.by_card_id])
    if name == "append_description":
        text = change.append_description.text
        if text in _paragraphs(fresh.description):
            return Satisfied()
        return _update(fresh, "description", key, description="\n\n".join(filter(None, [fresh.description, text])))
    if name == "add_checklist_item":
        item = change.add_checklist_item
        if any(item.text == known.text for known in fresh.checklist):
            return Satisfied()
        checklist = item.checklist or (fresh.checklist[0].checklist if fresh.checklist else "")
        return _update(
            fresh, "checklist", key, checklist=[*fresh.checklist, ChecklistItem(checklist=checklist, text=item.text)]
        )
    if name == "complete_checklist_item":
        return _tick(fresh, change.complete_checklist_item.item_id, key, language, done=True)
    if name == "set_due_date":
        due = change.set_due_date.due
        if fresh.HasField("due") and fresh.due == due:
            return Satisfied()
        if _due(fresh) != _due(frozen):
            return Changed(_due_text(fresh, language))
        return _update(fresh, "due", key, due=due)
    if name == "move_card":
        move = change.move_card
        if fresh.column_id == move.column_id:
            return Satisfied()
        if fresh.column_id != frozen.column_id:
            return Changed(fresh.column_id)
        return _move(fresh, move.column_id, key)
    return _membership(change, fresh, key)


def inverse(change: CardChange, frozen: Card, fresh: Card, comment_id: str, item_id: str, key: str) -> Send | None:
    """Return the request that takes an applied change back; None where the card changed too much since.

    Args:
        change: The change as it was applied.
        frozen: The card before it; for a created card, as the board answered it.
        fresh: The card now.
        comment_id: The comment that it wrote.
        item_id: The checklist item that it wrote.
        key: Idempotency key of the request.
    """
    name = change.WhichOneof("change")
    if comment_id:
        if all(comment.comment_id != comment_id for comment in fresh.comments):
            return None
        request = board_pb2.DeleteCommentRequest(card_id=fresh.card_id, comment_id=comment_id, idempotency_key=key)
        return Send("DeleteComment", request)
    if name == "create_card":
        if fresh.archived or fresh.version != frozen.version:
            return None
        archive = board_pb2.ArchiveCardRequest(
            card_id=fresh.card_id, archived=True, expected_version=fresh.version, idempotency_key=key
        )
        return Send("ArchiveCard", archive)
    if name == "append_description":
        paragraphs, text = _paragraphs(fresh.description), change.append_description.text
        if not fresh.description.endswith(text) and paragraphs.count(text) != 1:
            return None
        rest = fresh.description.removesuffix(text).rstrip("\n")
        if rest == fresh.description:
            rest = "\n\n".join(paragraph for paragraph in paragraphs if paragraph != text)
        return _update(fresh, "description", key, description=rest)
    if name == "add_checklist_item":
        rest_items = [item for item in fresh.checklist if item.item_id != item_id]
        if len(rest_items) == len(fresh.checklist):
            return None
        return _update(fresh, "checklist", key, checklist=rest_items)
    if name == "complete_checklist_item":
        step = _tick(fresh, change.complete_checklist_item.item_id, key, "", done=False)
        return step if isinstance(step, Send) else None
    if name == "set_due_date":
        if not fresh.HasField("due") or fresh.due != change.set_due_date.due:
            return None
        return _update(fresh, "due", key, due=frozen.due if frozen.HasField("due") else None)
    if name == "move_card":
        return _move(fresh, frozen.column_id, key) if fresh.column_id == change.move_card.column_id else None
    if name == "mark_blocked":
        blocker = change.mark_blocked.by_card_id
        if blocker not in fresh.blocked_by:
            return None
        return _update(fresh, "blocked_by", key, blocked_by=[card for card in fresh.blocked_by if card != blocker])
    back = _membership(_opposite(change), fresh, key)
    return back if isinstance(back, Send) else None


def _membership(change: CardChange, fresh: Card, key: str) -> Step:
    name = change.WhichOneof("change") or ""
    field = "member_ids" if name.endswith("member") else "labels"
    body = getattr(change, name)
    value = body.member_id if field == "member_ids" else body.label
    present: list[str] = list(getattr(fresh, field))
    if (value in present) == name.startswith("add"):
        return Satisfied()
    wanted = [*present, value] if name.startswith("add") else [known for known in present if known != value]
    return _update(fresh, field, key, **{field: wanted})


def _opposite(change: CardChange) -> CardChange:
    name = change.WhichOneof("change") or ""
    other = name.replace("add_", "remove_") if name.startswith("add_") else name.replace("remove_", "add_")
    opposite = CardChange()
    # Both messages of a pair have the same fields under the same numbers.
    getattr(opposite, other).ParseFromString(getattr(change, name).SerializeToString())
    getattr(opposite, other).SetInParent()
    return opposite


def _comment(fresh: Card, text: str, author: str, key: str) -> Send:
    request = board_pb2.CommentCardRequest(card_id=fresh.card_id, text=text, author=author, idempotency_key=key)
    return Send("CommentCard", request)


def _update(fresh: Card, field: str, key: str, **values: object) -> Send:
    # The contract requires a title in every card message; the mask keeps it from being written.
    card = Card(card_id=fresh.card_id, title=fresh.title, **values)  # type: ignore[arg-type]
    return Send(
        "UpdateCard",
        board_pb2.UpdateCardRequest(
            card=card, update_mask=FieldMask(paths=[field]), expected_version=fresh.version, idempotency_key=key
        ),
    )


def _move(fresh: Card, column_id: str, key: str) -> Send:
    request = board_pb2.MoveCardRequest(
        card_id=fresh.card_id, column_id=column_id, expected_version=fresh.version, idempotency_key=key
    )
    return Send("MoveCard", request)


def _tick(fresh: Card, item_id: str, key: str, language: str, *, done: bool) -> Step:
    item = next((item for item in fresh.checklist if item.item_id == item_id), None)
    if item is None:
        return Changed(say(language, "says_item_gone"))
    if item.done == done:
        return Satisfied()
    checklist = [
        ChecklistItem(item_id=known.item_id, checklist=known.checklist, text=known.text, done=done)
        if known.item_id == item_id
        else known
        for known in fresh.checklist
    ]
    return _update(fresh, "checklist", key, checklist=checklist)


def _paragraphs(text: str) -> list[str]:
    return text.split("\n\n")


def _due(card: Card) -> tuple[int, int, int] | None:
    return (card.due.year, card.due.month, card.due.day) if card.HasField("due") else None


def _due_text(card: Card, language: str) -> str:
    return _day(card.due) if card.HasField("due") else say(language, "says_nothing")


def _day(day: CalendarDate) -> str:
    return f"{day.day:02}.{day.month:02}.{day.year}"


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:119]}…"
