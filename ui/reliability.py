"""How far the page's probabilities can be trusted: the reliability diagram, the numbers behind it, and what they mean in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import streamlit as st
from planerka.match.v1.match_pb2 import CalibrationBin
from planerka.orchestrator.v1.calibration_pb2 import GetCalibrationResponse

from mesh.reliability import Verdict, apart, corrected, verdict
from ui.sections import chip
from ui.texts import Texts
from ui.wording import moment, percent, safe

__all__ = ["show"]

_COLOURS: Final = {
    Verdict.FEW: "#9aa1ab",
    Verdict.FITS: "#1f7a4d",
    Verdict.TOO_SURE: "#a63d3d",
    Verdict.TOO_UNSURE: "#8a6100",
}
_LOOKS: Final = {Verdict.FITS: "good", Verdict.TOO_SURE: "bad", Verdict.TOO_UNSURE: "wait"}
_EXAMPLE: Final = 0.9
"""Built-in probability by which the page shows what was learnt."""
_HEIGHT: Final = 320


def show(found: GetCalibrationResponse, texts: Texts) -> None:
    """Show the calibration of the workspace; before the first decision only that there is none."""
    if not found.decisions:
        st.caption(texts("reliability.none"))
        return
    left, right = st.columns([1, 1.15], gap="large")
    with left:
        st.vega_lite_chart(_diagram(found.bins, texts), theme=None, width="stretch")
    with right:
        st.html("".join(f'<p class="pk-text">{safe(line)}</p>' for line in _words(found, texts)))
        st.html(_numbers(found.bins, texts))
        st.html("".join(f'<p class="pk-why">{safe(line)}</p>' for line in _footnotes(found, texts)))


def _words(found: GetCalibrationResponse, texts: Texts) -> list[str]:
    """Return what the diagram means: the fullest bin that says something, then where probabilities and approvals part."""
    said = apart(found.bins)
    telling = [bar for bar in found.bins if bar.count and verdict(bar) is not Verdict.FEW]
    if not telling:
        return [texts("reliability.few")]
    fullest = max(telling, key=lambda bar: (bar.count, bar.lower))
    share = percent(fullest.approved_share)
    lines = [texts("reliability.said", range=_range(fullest), count=fullest.count, share=share)]
    lines += [
        texts(f"reliability.says.{one}", ranges=", ".join(map(_range, said[one])))
        for one in (Verdict.TOO_SURE, Verdict.TOO_UNSURE)
        if one in said
    ]
    return lines if len(lines) > 1 else [*lines, texts("reliability.says.fits")]


def _footnotes(found: GetCalibrationResponse, texts: Texts) -> Iterator[str]:
    yield texts("reliability.decisions", count=found.decisions)
    yield texts("reliability.approved")
    before = percent(found.expected_calibration_error)
    if found.HasField("fitted_at"):
        now = percent(corrected(_EXAMPLE, found.slope, found.shift))
        yield texts("reliability.gaps", before=before, after=percent(found.learnt_error))
        yield texts("reliability.learnt", moment=moment(found.fitted_at, texts), built_in=percent(_EXAMPLE), now=now)
    else:
        yield texts("reliability.gap", before=before)
        yield texts("reliability.unlearnt")
    yield texts("reliability.thresholds", auto=percent(found.auto_threshold), confirm=percent(found.confirm_threshold))


def _numbers(bins: Sequence[CalibrationBin], texts: Texts) -> str:
    heads = "".join(f"<th>{safe(texts(f'reliability.{name}'))}</th>" for name in ("sure", "count", "share", "interval"))
    rows = "".join(
        f"<tr><td>{_range(bar)}</td><td>{bar.count}</td><td>{percent(bar.approved_share)}</td>"
        f"<td>{_span(bar.approved_low, bar.approved_high)}</td><td>{_chip(bar, texts)}</td></tr>"
        for bar in reversed(bins)
        if bar.count
    )
    table = f"<table><thead><tr>{heads}<th></th></tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="pk-table">{table}</div>'


def _chip(bar: CalibrationBin, texts: Texts) -> str:
    found = verdict(bar)
    return chip(texts(f"reliability.{found}_mark"), _LOOKS.get(found, ""))


def _diagram(bins: Sequence[CalibrationBin], texts: Texts) -> dict[str, Any]:
    """Return the diagram as a Vega-Lite specification: a point a bin, its interval, and the line on which all would lie."""
    rows = [
        {
            "sure": bar.mean_probability,
            "share": bar.approved_share,
            "low": bar.approved_low,
            "high": bar.approved_high,
            "count": bar.count,
            "interval": _span(bar.approved_low, bar.approved_high),
            "colour": _COLOURS[verdict(bar)],
        }
        for bar in bins
        if bar.count
    ]
    whole = {"domain": [0, 1]}
    axis = {"format": ".0%", "tickCount": 5, "grid": True, "gridColor": "#efece6", "titleFontWeight": "normal"}
    x = {"field": "sure", "type": "quantitative", "scale": whole, "title": texts("reliability.axis_sure"), "axis": axis}
    y = {"type": "quantitative", "scale": whole, "title": texts("reliability.axis_share"), "axis": axis}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    tips = [
        {"field": "sure", "type": "quantitative", "format": ".0%", "title": texts("reliability.axis_sure")},
        {"field": "share", "type": "quantitative", "format": ".0%", "title": texts("reliability.share")},
        {"field": "interval", "type": "nominal", "title": texts("reliability.interval")},
        {"field": "count", "type": "quantitative", "title": texts("reliability.count")},
    ]
    size = {"field": "count", "type": "quantitative", "scale": {"range": [40, 400], "zero": True}, "legend": None}
    return {
        "height": _HEIGHT,
        "background": "transparent",
        "config": {"view": {"stroke": None}, "font": "system-ui, sans-serif"},
        # Marks of an SVG can be read aloud and searched; those of a canvas cannot.
        "usermeta": {"embedOptions": {"renderer": "svg", "actions": False}},
        "layer": [
            {
                "data": {"values": [{"sure": 0, "share": 0}, {"sure": 1, "share": 1}]},
                "mark": {"type": "line", "color": "#b8b2a7", "strokeDash": [5, 4]},
                "encoding": {"x": x, "y": {**y, "field": "share"}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.55},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "circle", "opacity": 1},
                "encoding": {"x": x, "y": {**y, "field": "share"}, "size": size, "color": colour, "tooltip": tips},
            },
        ],
    }


def _range(bar: CalibrationBin) -> str:
    return _span(bar.lower, bar.upper)


def _span(low: float, high: float) -> str:
    return f"{round(100 * low)}–{round(100 * high)} %"
