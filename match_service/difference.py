"""The difference between what was said and what a card says, as typed changes with quotes.

Every change rests on sentences of the turns, letter by letter. What the card says already, or what is applied or waits already, never comes
again. Conditions, questions and plans for later become comments or due dates, never moves.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from planerka.common.v1 import card_pb2, change_pb2

from match_service.cards import CardView, column_of
from match_service.repetition import alike, covers, holds, is_held, known_texts
from match_service.statements import Statement, evidence_of
from match_service.titles import make_title
from match_service.wording import Wording
from mesh.times import from_date, to_date

_PRIORS: Final = {
    "due": 0.75,
    "due_loose": 0.5,
    "takes": 0.8,
    "charged": 0.6,
    "move": 0.8,
    "todo": 0.6,
    "item": 0.7,
    "blocked": 0.6,
    "comment": 0.7,
    "create": 0.7,
    "leaves": 0.7,
    "label": 0.7,
    "description": 0.75,
}
"""How often people approve each kind, until decisions of a workspace tell better."""
_COMMENT_LINES: Final = 8
_COMMENT_CHARS: Final = 1500


@dataclass(frozen=True, slots=True)
class Ground:
    """What a difference is taken against."""

    board: card_pb2.Board
    """The board with columns and members."""
    card: card_pb2.Card | None
    """The card; None when a new one is asked for."""
    members: dict[str, card_pb2.Member]
    """Key of a person -> member of the board."""
    known: Sequence[change_pb2.CardChange]
    """Changes that are applied or wait already."""
    day: date | None
    """Day of the meeting."""
    wording: Wording
    """Texts in the language of the proposals."""
    others: Sequence[CardView] = ()
    """The other cards of the board, any of which may block the card."""


def find_changes(statements: Sequence[Statement], ground: Ground) -> list[change_pb2.ProposedChange]:
    """Return the changes that the statements ask for, the most important first; every one has at least one quote."""
    if not statements:
        return []
    if ground.card is None:
        return _new_card(statements, ground)
    changes = [
        *_moves(statements, ground, ground.card),
        *_due(statements, ground, ground.card),
        *_members(statements, ground, ground.card),
        *_leavers(statements, ground, ground.card),
        *_labels(statements, ground, ground.card),
        *_finished_items(statements, ground, ground.card),
        *_blocked(statements, ground),
        *_description(statements, ground, ground.card),
    ]
    return [*changes, *_todo(statements, ground, ground.card), *_comment(statements, ground, ground.card)]


def _moves(statements: Sequence[Statement], ground: Ground, card: card_pb2.Card) -> list[change_pb2.ProposedChange]:
    said = [s for s in statements if s.column_id]
    if not said or said[-1].column_id == card.column_id:
        return []
    target = column_of(said[-1].column_id, ground.board.columns)
    before = column_of(card.column_id, ground.board.columns)
    if any(
        change.WhichOneof("change") == "move_card" and change.move_card.column_id == target.column_id
        for change in ground.known
    ):
        return []
    change = change_pb2.CardChange(
        move_card=change_pb2.MoveCard(
            column_id=target.column_id,
            column_title=target.title,
            previous_column_id=card.column_id,
            previous_column_title=before.title,
        )
    )
    grounds = [s for s in said if s.column_id == target.column_id]
    reason = ground.wording.text("move_reason", speaker=_speaker(grounds[-1], ground), column=target.title)
    says = ground.wording.text("move_says", column=before.title) if before.title else ""
    return [_proposal(change, grounds, reason, _PRIORS["move"], says)]


def _due(statements: Sequence[Statement], ground: Ground, card: card_pb2.Card) -> list[change_pb2.ProposedChange]:
    chosen = _chosen_due(statements)
    if chosen is None or chosen.due is None:
        return []
    day = chosen.due.date
    before = to_date(card.due) if card.HasField("due") else None
    known = [to_date(c.set_due_date.due) for c in ground.known if c.WhichOneof("change") == "set_due_date"]
    if day == before or day in known:
        return []
    change = change_pb2.CardChange(
        set_due_date=change_pb2.SetDueDate(due=from_date(day), previous=from_date(before) if before else None)
    )
    grounds = [s for s in statements if s.due is not None and s.due.date == day]
    first = grounds[0]
    values = {
        "speaker": _speaker(first, ground),
        "said": first.due.text if first.due else "",
        "day": ground.wording.day(day),
    }
    if before is None:
        reason, says = ground.wording.text("due_reason", **values), ""
    else:
        shown = ground.wording.day(before)
        reason = ground.wording.text("due_changed_reason", before=shown, **values)
        says = ground.wording.text("due_says", before=shown)
    prior = _PRIORS["due" if chosen.promised else "due_loose"]
    return [_proposal(change, grounds, reason, prior, says, contradiction=before is not None)]


def _chosen_due(statements: Sequence[Statement]) -> Statement | None:
    """Return the statement whose date counts: the team's own last promise, else the last date."""
    dated = [s for s in statements if s.due is not None]
    promised = [s for s in dated if s.promised]
    chosen = promised or dated
    return chosen[-1] if chosen else None


def _members(statements: Sequence[Statement], ground: Ground, card: card_pb2.Card) -> list[change_pb2.ProposedChange]:
    known = {c.add_member.member_id for c in ground.known if c.WhichOneof("change") == "add_member"}
    found: list[change_pb2.ProposedChange] = []
    names = {member.member_id: member.name for member in ground.board.members}
    says = (
        ground.wording.text("members_say", names=", ".join(names.get(m, m) for m in card.member_ids))
        if card.member_ids
        else ""
    )
    for person in dict.fromkeys(key for s in statements for key, _ in s.takers):
        member = ground.members.get(person)
        if member is None or member.member_id in card.member_ids or member.member_id in known:
            continue
        grounds = [s for s in statements if person in dict(s.takers)]
        takes = any(dict(s.takers)[person] for s in grounds)
        change = change_pb2.CardChange(add_member=change_pb2.AddMember(member_id=member.member_id, name=member.name))
        reason = (
            ground.wording.text("member_takes_reason", member=member.name)
            if takes
            else ground.wording.text("member_charged_reason", speaker=_speaker(grounds[0], ground), member=member.name)
        )
        found.append(_proposal(change, grounds, reason, _PRIORS["takes" if takes else "charged"], says))
    return found


def _finished_items(
    statements: Sequence[Statement], ground: Ground, card: card_pb2.Card
) -> list[change_pb2.ProposedChange]:
    known = {
        c.complete_checklist_item.item_id for c in ground.known if c.WhichOneof("change") == "complete_checklist_item"
    }
    found: list[change_pb2.ProposedChange] = []
    for item in card.checklist:
        grounds = [s for s in statements if s.done and covers(s.sentence.text, item.text)]
        if item.done or not item.item_id or item.item_id in known or not grounds:
            continue
        change = change_pb2.CardChange(
            complete_checklist_item=change_pb2.CompleteChecklistItem(item_id=item.item_id, text=item.text)
        )
        reason = ground.wording.text("item_done_reason", speaker=_speaker(grounds[0], ground))
        found.append(_proposal(change, grounds, reason, _PRIORS["item"], item.text))
    return found


def _leavers(statements: Sequence[Statement], ground: Ground, card: card_pb2.Card) -> list[change_pb2.ProposedChange]:
    known = {c.remove_member.member_id for c in ground.known if c.WhichOneof("change") == "remove_member"}
    found: list[change_pb2.ProposedChange] = []
    for person in dict.fromkeys(key for s in statements for key in s.leavers):
        member = ground.members.get(person)
        if member is None or member.member_id not in card.member_ids or member.member_id in known:
            continue
        grounds = [s for s in statements if person in s.leavers]
        change = change_pb2.CardChange(
            remove_member=change_pb2.RemoveMember(member_id=member.member_id, name=member.name)
        )
        reason = ground.wording.text("member_leaves_reason", speaker=_speaker(grounds[0], ground), member=member.name)
        says = ground.wording.text("members_say", names=member.name)
        found.append(_proposal(change, grounds, reason, _PRIORS["leaves"], says, contradiction=True))
    return found


def _labels(statements: Sequence[Statement], ground: Ground, card: card_pb2.Card) -> list[change_pb2.ProposedChange]:
    """Return labels that go on or off; where the talk says both of one label, its last word counts."""
    worn = {label.casefold(): label for label in card.labels}
    known = {
        (c.WhichOneof("change"), getattr(c, c.WhichOneof("change") or "").label.casefold())
        for c in ground.known
        if c.WhichOneof("change") in {"add_label", "remove_label"}
    }
    last: dict[str, tuple[Statement, str, str]] = {}
    for statement in statements:
        for kind, label in (("add_label", statement.label_on), ("remove_label", statement.label_off)):
            if label:
                last[label.casefold()] = (statement, kind, label)
    found: list[change_pb2.ProposedChange] = []
    for plain, (statement, kind, label) in last.items():
        if (plain in worn) == (kind == "add_label") or (kind, plain) in known:
            continue
        if kind == "add_label":
            change = change_pb2.CardChange(add_label=change_pb2.AddLabel(label=label))
        else:
            change = change_pb2.CardChange(remove_label=change_pb2.RemoveLabel(label=worn[plain]))
        reason = ground.wording.text(f"{kind}_reason", speaker=_speaker(statement, ground), label=label)
        says = ground.wording.text("labels_say", labels=", ".join(card.labels)) if card.labels else ""
        found.append(_proposal(change, [statement], reason, _PRIORS["label"], says))
    return found


def _description(
    statements: Sequence[Statement], ground: Ground, card: card_pb2.Card
) -> list[change_pb2.ProposedChange]:
    """Return one paragraph with all that the description is asked to say besides."""
    held = [card.description, *known_texts(ground.known)]
    told = [s for s in statements if s.describes and not any(holds(text, s.describes) for text in held)]
    if not told:
        return []
    text = " ".join(dict.fromkeys(s.describes for s in told))[:_COMMENT_CHARS]
    change = change_pb2.CardChange(append_description=change_pb2.AppendDescription(text=text))
    reason = ground.wording.text("description_reason", speaker=_speaker(told[0], ground))
    return [_proposal(change, told, reason, _PRIORS["description"], card.description)]


def _blocked(statements: Sequence[Statement], ground: Ground) -> list[change_pb2.ProposedChange]:
    if any(change.WhichOneof("change") == "mark_blocked" for change in ground.known):
        return []
    stuck = [(s, _blocker(s.sentence.text, ground.others)) for s in statements if s.blocked or s.waits]
    grounds = [(s, by) for s, by in stuck if s.blocked or by is not None]
    if not grounds:
        return []
    by = next((by for _, by in grounds if by is not None), None)
    change = change_pb2.CardChange(
        mark_blocked=change_pb2.MarkBlocked(
            by_card_id=by.card_id if by is not None else "", reason=grounds[0][0].sentence.text[:_COMMENT_CHARS]
        )
    )
    speaker = _speaker(grounds[0][0], ground)
    reason = (
        ground.wording.text("blocked_reason", speaker=speaker)
        if by is None
        else ground.wording.text("blocked_by_reason", speaker=speaker, card=by.title)
    )
    return [_proposal(change, [s for s, _ in grounds], reason, _PRIORS["blocked"])]


def _blocker(text: str, others: Sequence[CardView]) -> CardView | None:
    """Return the card that a sentence names by its key or by nearly all words of its title; None where that is not one."""
    named = [
        card
        for card in others
        if (len(card.key) > 1 and re.search(rf"(?<![\w-]){re.escape(card.key)}(?![\w-])", text, re.IGNORECASE))
        or covers(text, card.heading)
    ]
    return named[0] if len(named) == 1 else None


def _todo(statements: Sequence[Statement], ground: Ground, card: card_pb2.Card) -> list[change_pb2.ProposedChange]:
    existing = [item.text for item in card.checklist]
    existing += [c.add_checklist_item.text for c in ground.known if c.WhichOneof("change") == "add_checklist_item"]
    found: list[change_pb2.ProposedChange] = []
    for statement in statements:
        text = "" if _is_order(statement) else statement.todo
        if not text or any(alike(text, other) for other in existing) or covers(card.description, text):
            continue
        existing.append(text)
        change = change_pb2.CardChange(add_checklist_item=change_pb2.AddChecklistItem(text=text))
        reason = ground.wording.text("checklist_reason", speaker=_speaker(statement, ground))
        found.append(_proposal(change, [statement], reason, _PRIORS["todo"]))
    return found


def _comment(
    statements: Sequence[Statement],
    ground: Ground,
    card: card_pb2.Card,
) -> list[change_pb2.ProposedChange]:
    """Return one comment with everything worth keeping that neither the card nor another change holds."""
    held = [
        card.title,
        card.description,
        *(c.text for c in card.comments),
        *(i.text for i in card.checklist),
        *known_texts(ground.known),
    ]
    told = [
        s for s in statements if s.informative and not _is_said_by_change(s) and not is_held(s.sentence.text, held)
    ][:_COMMENT_LINES]
    if not told:
        return []
    text, used = _comment_text(told, ground)
    change = change_pb2.CardChange(add_comment=change_pb2.AddComment(text=text))
    return [_proposal(change, used, ground.wording.text("comment_reason"), _PRIORS["comment"])]


def _is_said_by_change(statement: Statement) -> bool:
    """Tell whether another kind of change says all of a sentence, whether it comes now or came before."""
    return (
        _is_order(statement)
        or bool(statement.column_id)
        or (bool(statement.todo) and covers(statement.todo, statement.sentence.text))
    )


def _is_order(statement: Statement) -> bool:
    """Tell whether a sentence orders a change of the card itself, which is neither news nor work to be done."""
    return bool(statement.label_on or statement.label_off or statement.describes or statement.leavers)


def _comment_text(told: Sequence[Statement], ground: Ground) -> tuple[str, list[Statement]]:
    head = (
        ground.wording.text("comment_head", day=ground.wording.day(ground.day))
        if ground.day
        else ground.wording.text("comment_head_undated")
    )
    lines = [head]
    used: list[Statement] = []
    previous = ""
    for statement in told:
        name = _speaker(statement, ground)
        line = statement.sentence.text if name == previous else f"— {name}: {statement.sentence.text}"
        if used and sum(map(len, lines)) + len(line) > _COMMENT_CHARS:
            break
        if name == previous:
            lines[-1] = f"{lines[-1]} {line}"
        else:
            lines.append(line[:_COMMENT_CHARS])
        used.append(statement)
        previous = name
    return "\n".join(lines), used


def _new_card(statements: Sequence[Statement], ground: Ground) -> list[change_pb2.ProposedChange]:
    title = make_title([s.sentence for s in statements])[:1024]
    known = [c.create_card.title for c in ground.known if c.WhichOneof("change") == "create_card"]
    if not title or any(alike(title, other) for other in known):
        return []
    told = [s for s in statements if s.informative] or list(statements[:1])
    owners = [ground.members[key] for key in _owners(statements) if key in ground.members]
    due = _chosen_due(statements)
    description, _ = _comment_text(told[:_COMMENT_LINES], ground)
    change = change_pb2.CardChange(
        create_card=change_pb2.CreateCard(
            title=title,
            description=description,
            member_ids=[member.member_id for member in owners],
            due=from_date(due.due.date) if due is not None and due.due is not None else None,
        )
    )
    grounds = [s for s in statements if s in told or s.takers or s.due is not None or s is statements[0]]
    return [_proposal(change, grounds, ground.wording.text("create_reason"), _PRIORS["create"])]


def _owners(statements: Sequence[Statement]) -> list[str]:
    """Return the owner of a new card: who is charged with it or takes it, the last word counts."""
    keys = [key for s in statements for key, _ in s.takers]
    return keys[-1:]


def _proposal(
    change: change_pb2.CardChange,
    grounds: Iterable[Statement],
    reason: str,
    confidence: float,
    says: str = "",
    *,
    contradiction: bool = False,
) -> change_pb2.ProposedChange:
    return change_pb2.ProposedChange(
        change=change,
        evidence=[evidence_of(statement) for statement in grounds][:50],
        reason=reason[:2000],
        confidence=confidence,
        card_says=says[:4096],
        contradiction=contradiction,
    )


def _speaker(statement: Statement, ground: Ground) -> str:
    return statement.turn.speaker or ground.wording.text("unknown_speaker")
