"""Evaluation of summaries: every strategy on whole meetings, beside the beginning of the talk; a broken run goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.timestamp_pb2 import Timestamp
from planerka.common.v1 import transcript_pb2
from planerka.llm.v1 import llm_pb2, llm_pb2_grpc
from planerka.orchestrator.v1 import meeting_pb2

from cli.client import typed_errors
from cli.errors import UsageWrong
from evaluation.summary import (
    Claim,
    Link,
    Meeting,
    grounded,
    lead,
    link_scores,
    read_meetings,
    rouge,
    sentences,
    spread,
    word_recall,
)
from mesh.errors import RemoteError

__all__ = ["STRATEGIES", "choose_meetings", "measure_summaries"]

STRATEGIES = {
    name.removeprefix("SUMMARY_STRATEGY_").lower().replace("_", "-"): number
    for name, number in llm_pb2.SummaryStrategy.items()
    if number
}
"""All strategies by the name that commands give them."""
_WORKSPACE = "evaluation"
_DAY = "2026-03-02T09:00:00Z"
"""The meetings of the sets have no date; relative days are counted from this Monday."""
_SECONDS = 4 * 3600.0
_KINDS = ("decisions", "actions", "questions", "risks")

Tell = Callable[[str, int, int], None]
"""Told which summary is being made, how many are done, and of how many."""


def choose_meetings(path: Path, count: int, names: Sequence[str]) -> list[Meeting]:
    """Read a set, and return the meetings with these names, else `count` of them, the longest first.

    Raises:
        UsageWrong: There is no set, or no meeting with a name.
    """
    try:
        meetings = read_meetings(path)
    except ValueError as error:
        raise UsageWrong(f"{error}.") from error
    if not names:
        return spread(meetings, count or len(meetings))
    known = {meeting.name: meeting for meeting in meetings}
    missing = [name for name in names if name not in known]
    if missing:
        raise UsageWrong(f"{path} has no meeting {missing[0]!r}; it has: {', '.join(known)}.")
    return [known[name] for name in names]


async def measure_summaries(
    channel: grpc.aio.Channel, meetings: Sequence[Meeting], strategies: Sequence[str], keep: Path | None, tell: Tell
) -> dict[str, Any]:
    """Sum every meeting up in every way, and return the figures of each.

    Args:
        channel: The understanding service.
        meetings: The meetings.
        strategies: Names in `STRATEGIES`.
        keep: Folder for the summaries; what is there is not made again.
        tell: Told what goes on.
    """
    stub: Any = llm_pb2_grpc.LlmServiceStub(channel)  # the generated stub's type knows no asynchronous calls
    items: list[dict[str, Any]] = []
    done, total = 0, len(meetings) * len(strategies)
    for meeting in meetings:
        items.append(_lead_figures(meeting))
        for strategy in strategies:
            tell(f"{meeting.name} {strategy}", done, total)
            summary, seconds = await _summary(stub, meeting, strategy, keep)
            items.append(_figures(meeting, strategy, summary, seconds))
            done += 1
    names = ["lead", *strategies]
    by_strategy = {name: _means([item for item in items if item["strategy"] == name]) for name in names}
    shown = "auto" if "auto" in by_strategy else strategies[0]
    head = {key: by_strategy[shown][key] for key in ("rouge1", "rouge2", "rougeL", "grounded_fraction")}
    return {**head, "meetings": len(meetings), "strategies": by_strategy, "items": items}


async def _summary(
    stub: Any, meeting: Meeting, strategy: str, keep: Path | None
) -> tuple[meeting_pb2.Summary | None, float]:
    """Return a summary and how long it took; None where the talk does not fit this way of summing up."""
    file = None if keep is None else keep / f"{meeting.name.replace(':', '-')}.{strategy}.json"
    if file is not None and file.is_file():
        data = json.loads(file.read_text(encoding="utf-8"))
        made = None if data["summary"] is None else ParseDict(data["summary"], meeting_pb2.Summary())
        return made, float(data["seconds"])
    began = time.monotonic()
    summary = await _made(stub, meeting, strategy)
    seconds = time.monotonic() - began
    # What fell back, such as on a machine that was too busy, is made again next time.
    if file is not None and not (summary is not None and summary.finished.fallback_reason):
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        data = {"seconds": seconds, "summary": None if summary is None else MessageToDict(summary)}
        partial.write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")
        partial.replace(file)
    return summary, seconds


async def _made(stub: Any, meeting: Meeting, strategy: str) -> meeting_pb2.Summary | None:
    began = Timestamp()
    began.FromJsonString(_DAY)
    request = llm_pb2.SummarizeRequest(
        workspace_id=_WORKSPACE,
        meeting_id=meeting.name,
        title=meeting.name,
        started_at=began,
        turns=[
            transcript_pb2.Turn(turn_id=turn.turn_id, speaker_name=turn.speaker, text=turn.text)
            for turn in meeting.turns
        ],
        strategy=STRATEGIES[strategy],  # type: ignore[arg-type]  # a number, as enums are
    )
    summary = meeting_pb2.Summary()
    try:
        with typed_errors():
            async for response in stub.Summarize(request, timeout=_SECONDS):
                kind = response.WhichOneof("response")
                if kind == "finished":
                    summary.finished.CopyFrom(response.finished)
                elif kind not in (None, "progress"):
                    getattr(summary, f"{kind}s").append(getattr(response, kind))
    except RemoteError as error:
        if error.reason == "TALK_TOO_LONG":
            return None
        raise
    return summary


def _lead_figures(meeting: Meeting) -> dict[str, Any]:
    text = lead(meeting)
    score = rouge(text, meeting.references)
    return {
        "path": meeting.name,
        "strategy": "lead",
        "rouge1": score.rouge1,
        "rouge2": score.rouge2,
        "rougeL": score.rouge_l,
        "grounded_fraction": 1.0,
        "words": len(text.split()),
        "hypothesis": text,
    }


def _figures(meeting: Meeting, strategy: str, summary: meeting_pb2.Summary | None, seconds: float) -> dict[str, Any]:
    item: dict[str, Any] = {"path": meeting.name, "strategy": strategy, "seconds": seconds}
    if summary is None:
        return {**item, "too_long": 1}
    whole = " ".join(part.text for part in summary.parts)
    text = summary.finished.overview if summary.finished.overview_evidence else whole
    score = rouge(text, meeting.references)
    claims = list(_claims(summary))
    turns = {turn.turn_id: turn for turn in meeting.turns}
    standing = [claim for claim in claims if grounded(claim, turns)]
    return {
        **item,
        "used": llm_pb2.SummaryStrategy.Name(summary.finished.strategy).removeprefix("SUMMARY_STRATEGY_").lower(),
        "fallback": int(bool(summary.finished.fallback_reason)),
        "rouge1": score.rouge1,
        "rouge2": score.rouge2,
        "rougeL": score.rouge_l,
        "word_recall": word_recall(whole, meeting.references),
        "grounded_fraction": len(standing) / len(claims) if claims else 1.0,
        "ungrounded": [claim.text for claim in claims if claim not in standing],
        "claims": len(claims),
        "dropped": summary.finished.dropped,
        "parts": len(summary.parts),
        "words": len(text.split()),
        "part_words": len(whole.split()),
        "calls": summary.finished.usage.calls,
        **_counted("action", [_turns(one.evidence) for one in summary.actions], meeting.actions, meeting),
        **_counted("decision", [_turns(one.evidence) for one in summary.decisions], meeting.decisions, meeting),
        "hypothesis": text,
    }


def _claims(summary: meeting_pb2.Summary) -> Iterable[Claim]:
    finished = summary.finished
    if finished.overview_evidence:
        # The last sentences only count what follows.
        told = sentences(finished.overview)[:-1]
        yield from (Claim(one, _quotes(finished.overview_evidence)) for one in told)
    for part in summary.parts:
        yield from (Claim(one, _quotes(part.evidence)) for one in sentences(part.text))
    for kind in _KINDS:
        yield from (Claim(one.text, _quotes(one.evidence)) for one in getattr(summary, kind))


def _counted(
    name: str, found: Sequence[Sequence[str]], wanted: Sequence[Link] | None, meeting: Meeting
) -> dict[str, int]:
    if wanted is None:
        return {}
    right, all_found, reached, all_wanted = link_scores(found, wanted, meeting.turns)
    return {
        f"{name}_right": right,
        f"{name}_found": all_found,
        f"{name}_reached": reached,
        f"{name}_wanted": all_wanted,
    }


def _means(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return means over meetings, and precision and recall over all actions and decisions together."""
    means: dict[str, Any] = {}
    for key in ("rouge1", "rouge2", "rougeL", "word_recall", "words", "part_words", "seconds"):
        values = [item[key] for item in items if key in item]
        means[key] = sum(values) / len(values) if values else None
    claims = sum(item.get("claims", 0) for item in items)
    standing = sum(item["grounded_fraction"] * item["claims"] for item in items if "claims" in item)
    means["grounded_fraction"] = (
        standing / claims if claims else (1.0 if items and items[0]["strategy"] == "lead" else None)
    )
    for name in ("action", "decision"):
        for figure, part, whole in (("precision", "right", "found"), ("recall", "reached", "wanted")):
            among = sum(item.get(f"{name}_{whole}", 0) for item in items)
            hits = sum(item.get(f"{name}_{part}", 0) for item in items)
            means[f"{name}_{figure}"] = hits / among if among else None
    for key in ("claims", "dropped", "calls", "fallback", "too_long"):
        means[key] = sum(item.get(key, 0) for item in items)
    return means


def _quotes(evidence: Iterable[transcript_pb2.Evidence]) -> tuple[tuple[str, str], ...]:
    return tuple((one.turn_id, one.quote) for one in evidence)


def _turns(evidence: Iterable[transcript_pb2.Evidence]) -> list[str]:
    return [one.turn_id for one in evidence]
