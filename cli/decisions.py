"""`planerka proposals`, `approve`, `edit`, `reject`, `back`, `undo`: what people decide."""

from __future__ import annotations

from typing import Annotated

import typer
from planerka.orchestrator.v1 import meeting_pb2, orchestrator_pb2, proposal_pb2
from rich.text import Text

from cli import show, show_proposals
from cli.changes import describe, rewritten
from cli.client import Client, fresh_key
from cli.errors import UsageWrong
from cli.following import until_decided
from cli.output import Output
from cli.session import AsJson, Session, run, session_of

__all__ = ["register"]

_APPLY_SECONDS = 30.0
_STAGES = {
    name.removeprefix("STAGE_").lower().replace("_", "-"): name for name, number in meeting_pb2.Stage.items() if number
}

ProposalId = Annotated[str, typer.Argument(help="Identifier of the proposal, from `planerka proposals`.")]
Note = Annotated[str, typer.Option("--note", help="Note for the journal.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("proposals")(proposals)
    app.command("approve")(approve)
    app.command("edit")(edit)
    app.command("reject")(reject)
    app.command("back")(back)
    app.command("undo")(undo)


def proposals(
    context: typer.Context,
    meeting: Annotated[str, typer.Option("--meeting", help="Only of this meeting.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Also those that are decided.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what is proposed, with quotes and reasons; without --all only what waits for a decision."""
    session = session_of(context)
    states = () if everything else (proposal_pb2.PROPOSAL_STATE_PENDING, proposal_pb2.PROPOSAL_STATE_CONFLICT)

    async def work() -> None:
        async with session.client() as client:
            output, found = session.output(as_json=as_json), await client.proposals(meeting, states)
            if as_json:
                output.emit({"proposals": found})
                return
            names = await speakers(client, {one.meeting_id for one in found}, output)
            output.result.print(show_proposals.proposals(found, names, output.texts))
            if found:
                output.note("proposals.next")

    run(work())


def approve(context: typer.Context, proposal_id: ProposalId, note: Note = "", as_json: AsJson = False) -> None:
    """Make the change as proposed."""
    request = orchestrator_pb2.DecideRequest(proposal_id=proposal_id, verdict=proposal_pb2.VERDICT_APPROVE, note=note)
    run(_decide(session_of(context), request, as_json=as_json))


def reject(context: typer.Context, proposal_id: ProposalId, note: Note = "", as_json: AsJson = False) -> None:
    """Do not make the change."""
    request = orchestrator_pb2.DecideRequest(proposal_id=proposal_id, verdict=proposal_pb2.VERDICT_REJECT, note=note)
    run(_decide(session_of(context), request, as_json=as_json))


def edit(
    context: typer.Context,
    proposal_id: ProposalId,
    text: Annotated[
        str, typer.Option(help="Other words: of the comment, item, label, reason, or the new card's title.")
    ] = "",
    due: Annotated[str, typer.Option(help="Another due date, as 2026-11-30.")] = "",
    column: Annotated[str, typer.Option(help="Another column, by its title.")] = "",
    member: Annotated[str, typer.Option(help="Another member, by name.")] = "",
    card: Annotated[str, typer.Option(help="Another card that is meant, by key or identifier.")] = "",
    change: Annotated[str, typer.Option(help="The whole change as JSON of the contract's CardChange.")] = "",
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Make the change otherwise than proposed."""
    if not any((text, due, column, member, card, change)):
        raise typer.BadParameter("say what is different: --text, --due, --column, --member, --card or --change")
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            found = await client.proposal(proposal_id)
            if found is None:
                raise UsageWrong(f"There is no proposal {proposal_id}. See `planerka proposals --all`.")
            board = await client.board(found.board_id)
            request = orchestrator_pb2.DecideRequest(
                proposal_id=proposal_id,
                verdict=proposal_pb2.VERDICT_EDIT,
                note=note,
                edited=rewritten(
                    found.proposed.change, board.board, text=text, due=due, column=column, member=member, raw=change
                ),
            )
            if card:
                meant = next((one for one in board.cards if card.casefold() in (one.key.casefold(), one.card_id)), None)
                if meant is None:
                    raise UsageWrong(f"The board has no card {card!r}. See `planerka board show {found.board_id}`.")
                request.card_id = meant.card_id
            await _carry_out(client, request, session.output(as_json=as_json))

    run(work())


def back(
    context: typer.Context,
    meeting_id: Annotated[str, typer.Argument(help="Identifier of the meeting.")],
    stage: Annotated[str, typer.Argument(help=f"Step to go back to: {', '.join(_STAGES)}.")],
    note: Note = "",
) -> None:
    """Send a meeting back to an earlier step, with a note that the step sees."""
    if stage not in _STAGES:
        raise typer.BadParameter(f"there is no step {stage!r}; choose one of: {', '.join(_STAGES)}")
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            request = orchestrator_pb2.GoBackRequest(
                meeting_id=meeting_id,
                stage=_STAGES[stage],
                note=note,
                idempotency_key=fresh_key(),
            )
            await client.call(lambda seconds: client.stub.GoBack(request, timeout=seconds))
            output = session.output()
            name = output.texts.name(meeting_pb2.Stage.Name(request.stage))
            output.result.print(output.texts("back.done", id=meeting_id, stage=name))

    run(work())


def undo(context: typer.Context, proposal_id: ProposalId, note: Note = "", as_json: AsJson = False) -> None:
    """Take an applied change back."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            request = orchestrator_pb2.UndoRequest(proposal_id=proposal_id, note=note, idempotency_key=fresh_key())
            answer = await client.call(lambda seconds: client.stub.Undo(request, timeout=seconds))
            output = session.output(as_json=as_json)
            if as_json:
                output.emit(answer.proposal)
                return
            change = describe(answer.proposal.proposed.change, output.texts).line
            output.result.print(Text(output.texts("undo.done", change=change), style="green"))

    run(work())


async def speakers(client: Client, meeting_ids: set[str], output: Output) -> dict[str, str]:
    """Return the shown speaker of every turn of these meetings."""
    names: dict[str, str] = {}
    for meeting_id in sorted(meeting_ids):
        detail = await client.detail(meeting_id)
        names.update({turn.turn_id: show.speaker_of(turn, output.texts) for turn in detail.turns})
    return names


async def _decide(session: Session, request: orchestrator_pb2.DecideRequest, *, as_json: bool) -> None:
    async with session.client() as client:
        await _carry_out(client, request, session.output(as_json=as_json))


async def _carry_out(client: Client, request: orchestrator_pb2.DecideRequest, output: Output) -> None:
    decided = await client.decide(request)
    if request.verdict != proposal_pb2.VERDICT_REJECT:
        decided = await until_decided(client, request.proposal_id, _APPLY_SECONDS) or decided
    if output.json:
        output.emit(decided)
    else:
        tell(decided, output)
    if decided.state in (proposal_pb2.PROPOSAL_STATE_CONFLICT, proposal_pb2.PROPOSAL_STATE_FAILED):
        raise typer.Exit(1)


def tell(decided: proposal_pb2.Proposal, output: Output) -> None:
    """Print what became of a decision."""
    texts = output.texts
    change = describe(decided.proposed.change, texts).line
    line = show_proposals.head(decided, texts)
    line.append(f"  {texts.name(proposal_pb2.ProposalState.Name(decided.state))}", style="not bold yellow")
    output.result.print(line)
    if decided.state == proposal_pb2.PROPOSAL_STATE_APPLIED:
        output.result.print(Text(texts("decision.applied", change=change), style="green"))
    elif decided.state == proposal_pb2.PROPOSAL_STATE_CONFLICT:
        output.result.print(Text(texts("decision.conflict"), style="red"))
    elif decided.state == proposal_pb2.PROPOSAL_STATE_FAILED:
        output.result.print(Text(texts("decision.failed", failure=decided.failure), style="red"))
    elif decided.state == proposal_pb2.PROPOSAL_STATE_APPROVED:
        output.note("decision.waiting")
