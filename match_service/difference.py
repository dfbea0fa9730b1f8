"""The difference between what was said and what a card says, as typed changes with quotes.

Every change rests on sentences of the turns, letter by letter. What the card says already, or what is applied or waits already, never comes
again. Conditions, questions and plans for later become comments or due dates, never moves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from planerka.common.v1 import card_pb2, change_pb2, transcript_pb2
from rapidfuzz import fuzz

from match_service.cards import column_of
from match_service.statements import Statement
from match_service.titles import make_title
from match_service.wording import Wording
from mesh.times import from_date, from_seconds, to_date
from textkit.lemmas import lemmas

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
}
"""How often people approve each kind, until decisions of a workspace tell better."""
_COMMENT_LINES: Final = 8
_COMMENT_CHARS: Final = 1500
_SAME: Final = 0.75
_SAME_RATIO: Final = 85.0
_QUOTE_CHARS: Final = 2000


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
        *_finished_items(statements, ground, ground.card),
        *_blocked(statements, ground),
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
        grounds = [s for s in statements if s.done and _covers(s.sentence.text, item.text)]
        if item.done or not item.item_id or item.item_id in known or not grounds:
            continue
        change = change_pb2.CardChange(
            complete_checklist_item=change_pb2.CompleteChecklistItem(item_id=item.item_id, text=item.text)
        )
        reason = ground.wording.text("item_done_reason", speaker=_speaker(grounds[0], ground))
        found.append(_proposal(change, grounds, reason, _PRIORS["item"], item.text))
    return found


def _blocked(statements: Sequence[Statement], ground: Ground) -> list[change_pb2.ProposedChange]:
    grounds = [s for s in statements if s.blocked]
    if not grounds or any(change.WhichOneof("change") == "mark_blocked" for change in ground.known):
        return []
    change = change_pb2.CardChange(mark_blocked=change_pb2.MarkBlocked(reason=grounds[0].sentence.text))
    reason = ground.wording.text("blocked_reason", speaker=_speaker(grounds[0], ground))
    return [_proposal(change, grounds, reason, _PRIORS["blocked"])]


def _todo(statements: Sequence[Statement], ground: Ground, card: card_pb2.Card) -> list[change_pb2.ProposedChange]:
    existing = [item.text for item in card.checklist]
    existing += [c.add_checklist_item.text for c in ground.known if c.WhichOneof("change") == "add_checklist_item"]
    found: list[change_pb2.ProposedChange] = []
    for statement in statements:
        text = statement.todo
        if not text or any(_alike(text, other) for other in existing) or _covers(card.description, text):
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
        *_known_texts(ground.known),
    ]
    told = [
        s
        for s in statements
        if s.informative and not _is_said_by_change(s) and not any(_holds(text, s.sentence.text) for text in held)
    ][:_COMMENT_LINES]
    if not told:
        return []
    text, used = _comment_text(told, ground)
    change = change_pb2.CardChange(add_comment=change_pb2.AddComment(text=text))
    return [_proposal(change, used, ground.wording.text("comment_reason"), _PRIORS["comment"])]


def _is_said_by_change(statement: Statement) -> bool:
    """Tell whether another kind of change says all of a sentence, whether it comes now or came before."""
    return bool(statement.column_id) or (bool(statement.todo) and _covers(statement.todo, statement.sentence.text))


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
    if not title or any(_alike(title, other) for other in known):
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


def evidence_of(statement: Statement) -> transcript_pb2.Evidence:
    """Return the sentence of a statement as evidence; its times are those of its share of the turn's characters."""
    turn, sentence = statement.turn, statement.sentence
    evidence = transcript_pb2.Evidence(turn_id=turn.turn_id, quote=sentence.text[:_QUOTE_CHARS], speaker=turn.speaker)
    if turn.start is not None and turn.end is not None and turn.end >= turn.start:
        span = turn.end - turn.start
        length = max(len(turn.text), 1)
        evidence.start.CopyFrom(from_seconds(turn.start + span * sentence.start / length))
        evidence.end.CopyFrom(from_seconds(turn.start + span * sentence.end / length))
    return evidence


def _speaker(statement: Statement, ground: Ground) -> str:
    return statement.turn.speaker or ground.wording.text("unknown_speaker")


def _known_texts(known: Iterable[change_pb2.CardChange]) -> list[str]:
    texts = []
    for change in known:
        kind = change.WhichOneof("change")
        if kind in {"add_comment", "append_description", "add_checklist_item"}:
            texts.append(str(getattr(change, kind).text))
        elif kind == "create_card":
            texts += [change.create_card.title, change.create_card.description]
    return texts


def _holds(text: str, sentence: str) -> bool:
    """Tell whether a text says a sentence already: letter by letter, or nearly all of its words."""
    if not text:
        return False
    return sentence.lower() in text.lower() or _covers(text, sentence)


def _covers(text: str, part: str) -> bool:
    words = set(lemmas(part))
    return bool(words) and len(words & set(lemmas(text))) >= _SAME * len(words) + 0.01


def _alike(one: str, other: str) -> bool:
    return (
        _covers(one, other) or _covers(other, one) or fuzz.token_sort_ratio(one.lower(), other.lower()) >= _SAME_RATIO
    )
