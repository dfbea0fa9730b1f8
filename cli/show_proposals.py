"""Proposals on the terminal: what changes, which words speak for it, how sure we are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planerka.match.v1 import match_pb2
from planerka.orchestrator.v1 import proposal_pb2
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from cli import show
from cli.changes import describe
from cli.texts import Texts

__all__ = ["head", "proposals"]

_STATE_STYLES = {
    proposal_pb2.PROPOSAL_STATE_PENDING: "yellow",
    proposal_pb2.PROPOSAL_STATE_APPROVED: "green",
    proposal_pb2.PROPOSAL_STATE_APPLIED: "green",
    proposal_pb2.PROPOSAL_STATE_CONFLICT: "red",
    proposal_pb2.PROPOSAL_STATE_FAILED: "red",
}


def proposals(found: Sequence[proposal_pb2.Proposal], names: Mapping[str, str], texts: Texts) -> RenderableType:
    """Return the proposals one under another; `names` gives the shown speaker by turn."""
    if not found:
        return Text(texts("proposals.none"), style="dim")
    return Group(*(_one(proposal, names, texts) for proposal in found))


def head(one: proposal_pb2.Proposal, texts: Texts) -> Text:
    """Return the line that names the card."""
    if not one.HasField("card"):
        line = Text(texts("new_card").upper(), style="bold green")
        line.append(f" «{one.proposed.change.create_card.title}»", style="bold default")
        return line
    card = one.card.card
    line = Text(f"{card.key} ".lstrip(), style="bold cyan")
    line.append(f"«{card.title}»", style="bold default")
    if one.card.column_title:
        line.append(f"  [{one.card.column_title}]", style="not bold dim")
    return line


def _one(one: proposal_pb2.Proposal, names: Mapping[str, str], texts: Texts) -> RenderableType:
    first = head(one, texts)
    state = texts.name(proposal_pb2.ProposalState.Name(one.state))
    first.append(f"  {state}", style=f"not bold {_STATE_STYLES.get(one.state, 'dim')}")
    first.append(f"  {one.proposal_id}", style="not bold dim")
    blocks: list[RenderableType] = [first, _change(one, texts)]
    proposed = one.proposed
    if proposed.card_says:
        mark = f" ({texts('contradiction')})" if proposed.contradiction else ""
        blocks.append(_indented(Text(f"{texts('card_says')}{mark}: {proposed.card_says}", style="dim")))
    blocks.append(show.evidence(proposed.evidence, names, limit=3, indent=3))
    if proposed.reason:
        blocks.append(_indented(Text(f"{texts('why')}: {proposed.reason}", style="dim")))
    scores = texts(
        "scores",
        confidence=show.percent(proposed.confidence),
        match=show.percent(one.match_probability),
        signals=signals(one.match_signals, texts),
    )
    blocks.append(_indented(Text(scores.replace(" ()", ""), style="dim")))
    if one.candidates:
        others = ", ".join(f"«{other.title}» {show.percent(other.probability)}" for other in one.candidates[:3])
        blocks.append(_indented(Text(f"{texts('candidates')}: {others}", style="dim")))
    if one.HasField("decision"):
        blocks.append(_indented(_decision(one.decision, texts)))
    if one.failure:
        blocks.append(_indented(Text(one.failure, style="red")))
    return Padding(Group(*blocks), (0, 0, 1, 0))


def signals(one: match_pb2.MatchSignals, texts: Texts) -> str:
    """Return why talk and card were matched, in a few words."""
    pieces = []
    if one.named:
        pieces.append(texts("signal.named"))
    if one.member:
        pieces.append(texts("signal.member"))
    if one.shared_words:
        pieces.append(texts("signal.words", words=", ".join(one.shared_words[:4])))
    if one.dense:
        pieces.append(texts("signal.dense", value=f"{one.dense:.2f}"))
    return ", ".join(pieces)


def _change(one: proposal_pb2.Proposal, texts: Texts) -> RenderableType:
    change = describe(one.proposed.change, texts)
    lines = Text(f"{change.label}: ", style="bold")
    if change.old and change.new and "\n" not in change.old + change.new:
        lines.append(change.old, style="not bold red strike")
        lines.append(" → ", style="not bold dim")
        lines.append(change.new, style="not bold green")
    elif change.old:
        lines.append(f"− {change.old}", style="not bold red")
    else:
        lines.append(f"+ {change.new}", style="not bold green")
    return _indented(lines)


def _decision(one: proposal_pb2.DecisionRecord, texts: Texts) -> Text:
    verdict = texts.name(proposal_pb2.Verdict.Name(one.verdict))
    text = texts("decided", verdict=verdict, person=one.person_name or texts("nobody"), channel=one.channel)
    return Text(text + (f": {one.note}" if one.note else ""), style="dim")


def _indented(inner: RenderableType) -> RenderableType:
    return Padding(inner, (0, 0, 0, 3))
