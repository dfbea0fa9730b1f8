"""A board on the terminal: columns side by side, with what changed since another look at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from planerka.common.v1 import card_pb2
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.changes import day
from cli.texts import Texts

__all__ = ["board", "changed_cards"]


def changed_cards(before: Iterable[card_pb2.Card], after: Iterable[card_pb2.Card]) -> set[str]:
    """Return the cards that are new or differ in anything that people see."""
    known = {card.card_id: _visible(card) for card in before}
    return {card.card_id for card in after if known.get(card.card_id) != _visible(card)}


def board(
    one: card_pb2.Board,
    cards: Sequence[card_pb2.Card],
    texts: Texts,
    *,
    before: Sequence[card_pb2.Card] | None = None,
) -> RenderableType:
    """Return the board; cards that differ from `before` are marked with what is different."""
    earlier = {card.card_id: card for card in before or ()}
    changed = set() if before is None else changed_cards(before, cards)
    titles = {column.column_id: column.title for column in one.columns}
    members = {member.member_id: member.name for member in one.members}
    grid = Table(box=None, expand=True, padding=(0, 1), show_header=True, header_style="bold", pad_edge=False)
    stacks: list[RenderableType] = []
    for column in one.columns:
        held = [card for card in cards if card.column_id == column.column_id and not card.archived]
        grid.add_column(Text(f"{column.title} · {len(held)}"), ratio=1, overflow="fold")
        panels = [
            _card(
                card,
                members,
                titles,
                texts,
                marked=card.card_id in changed,
                earlier=earlier.get(card.card_id),
            )
            for card in held
        ]
        stacks.append(Group(*panels))
    grid.add_row(*stacks)
    return grid


def _card(
    one: card_pb2.Card,
    members: Mapping[str, str],
    columns: Mapping[str, str],
    texts: Texts,
    *,
    marked: bool,
    earlier: card_pb2.Card | None,
) -> Panel:
    body = Text(f"{one.key} ".lstrip(), style="bold cyan")
    body.append(one.title, style="not bold default")
    facts = [members.get(member, member) for member in one.member_ids]
    if one.HasField("due"):
        facts.append(texts("due", day=day(one.due, texts)))
    facts += [f"#{label}" for label in one.labels]
    if one.checklist:
        facts.append(f"☑ {sum(item.done for item in one.checklist)}/{len(one.checklist)}")
    if facts:
        body.append("\n" + ", ".join(facts), style="dim")
    if not marked:
        return Panel(body, box=box.ROUNDED, border_style="dim", padding=(0, 1))
    for line in _news(one, earlier, members, columns, texts):
        body.append("\n" + line, style="bold green")
    word = texts("board.changed" if earlier is not None else "board.new")
    return Panel(body, box=box.HEAVY, border_style="green", title=f"★ {word}", title_align="left", padding=(0, 1))


def _news(
    now: card_pb2.Card,
    then: card_pb2.Card | None,
    members: Mapping[str, str],
    columns: Mapping[str, str],
    texts: Texts,
) -> list[str]:
    if then is None:
        return []
    news = []
    if now.column_id != then.column_id:
        news.append(f"{columns.get(then.column_id, then.column_id)} → {columns.get(now.column_id, now.column_id)}")
    if now.due != then.due:
        news.append("+ " + (texts("due", day=day(now.due, texts)) if now.HasField("due") else texts("none")))
    if now.title != then.title:
        news.append(f"{then.title} → {now.title}")
    if now.description != then.description:
        news.append("+ " + now.description.removeprefix(then.description).strip())
    seen = {comment.comment_id for comment in then.comments}
    news += [f"+ “{comment.text}”" for comment in now.comments if comment.comment_id not in seen]
    ticked = {item.item_id: item.done for item in then.checklist}
    for item in now.checklist:
        if item.item_id not in ticked or ticked[item.item_id] != item.done:
            news.append(f"{'☑' if item.done else '☐'} {item.text}")
    for sign, left, right in (("+", now, then), ("−", then, now)):
        news += [f"{sign} {members.get(one, one)}" for one in left.member_ids if one not in right.member_ids]
        news += [f"{sign} #{label}" for label in left.labels if label not in right.labels]
    return news


def _visible(one: card_pb2.Card) -> bytes:
    kept = card_pb2.Card()
    kept.CopyFrom(one)
    kept.ClearField("version")
    kept.ClearField("updated_at")
    return kept.SerializeToString(deterministic=True)
