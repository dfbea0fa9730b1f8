"""`planerka calibration`: how far the probabilities of proposals and people's decisions agree."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from planerka.match.v1.match_pb2 import CalibrationBin
from planerka.orchestrator.v1.calibration_pb2 import GetCalibrationRequest, GetCalibrationResponse
from rich.table import Table
from rich.text import Text

from cli import show
from cli.session import AsJson, run, session_of
from cli.texts import Texts
from mesh.reliability import Verdict, apart, corrected, verdict

__all__ = ["register"]

_STYLES = {
    Verdict.FEW: "dim",
    Verdict.FITS: "green",
    Verdict.TOO_SURE: "red",
    Verdict.TOO_UNSURE: "yellow",
}
_EXAMPLE = 0.9
"""Built-in probability by which it is shown what was learnt."""


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("calibration")(calibration)


def calibration(context: typer.Context, as_json: AsJson = False) -> None:
    """Show how far the probabilities of proposals can be trusted: how many of them people approved."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            request = GetCalibrationRequest(workspace_id=client.workspace)
            found = await client.call(lambda seconds: client.stub.GetCalibration(request, timeout=seconds))
            output = session.output(as_json=as_json)
            if as_json:
                output.emit(found)
                return
            if not found.decisions:
                output.result.print(output.texts("calibration.none"))
                return
            output.result.print(_table(found, output.texts))
            for line in _lines(found, output.texts):
                output.result.print(line, highlight=False, markup=False, soft_wrap=True)

    run(work())


def _table(found: GetCalibrationResponse, texts: Texts) -> Table:
    table = show.table(*(texts(f"col.{name}") for name in ("sure", "decisions", "approved", "interval", "says")))
    for bar in reversed(found.bins):
        if bar.count:
            said = verdict(bar)
            table.add_row(
                _range(bar),
                str(bar.count),
                show.percent(bar.approved_share),
                _span(bar.approved_low, bar.approved_high),
                Text(texts(f"calibration.{said}"), style=_STYLES[said]),
            )
    return table


def _lines(found: GetCalibrationResponse, texts: Texts) -> Iterator[str]:
    said = apart(found.bins)
    if said.keys() == {Verdict.FEW}:
        yield texts("calibration.all_few", count=found.decisions)
    elif not said.keys() & {Verdict.TOO_SURE, Verdict.TOO_UNSURE}:
        yield texts("calibration.agrees")
    gap = show.percent(found.expected_calibration_error)
    if found.HasField("fitted_at"):
        now = show.percent(corrected(_EXAMPLE, found.slope, found.shift))
        yield texts("calibration.gaps", before=gap, after=show.percent(found.learnt_error))
        yield texts("calibration.learnt", moment=show.moment(found.fitted_at), built_in=show.percent(_EXAMPLE), now=now)
    else:
        yield texts("calibration.gap", before=gap)
        yield texts("calibration.unlearnt")
    yield texts(
        "calibration.thresholds", auto=show.percent(found.auto_threshold), confirm=show.percent(found.confirm_threshold)
    )


def _range(bar: CalibrationBin) -> str:
    return _span(bar.lower, bar.upper)


def _span(low: float, high: float) -> str:
    return f"{round(100 * low)}–{round(100 * high)} %"
