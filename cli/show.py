"""Meetings on the terminal: turns, lists, summaries, matches; coloured there, plain in a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from planerka.common.v1 import transcript_pb2
from planerka.orchestrator.v1 import meeting_pb2
from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cli.changes import day
from cli.texts import Texts
from mesh.captions import Correction, parts
from mesh.times import to_datetime, to_seconds

__all__ = [
    "clock",
    "correction",
    "evidence",
    "heading",
    "local",
    "matches",
    "meeting_head",
    "meetings",
    "moment",
    "naming",
    "percent",
    "speaker_of",
    "summary",
    "table",
    "turn",
]

_SPEAKER_STYLES = ("cyan", "magenta", "yellow", "green", "blue", "red")


def clock(span: Duration) -> str:
    """Return a place in a recording as `MM:SS`, or `H:MM:SS` from the first hour on."""
    seconds = int(to_seconds(span))
    minutes, hours = seconds // 60, seconds // 3600
    return f"{hours}:{minutes % 60:02}:{seconds % 60:02}" if hours else f"{minutes:02}:{seconds % 60:02}"


def moment(stamp: Timestamp) -> str:
    """Return a moment in the time zone of this machine."""
    return local(to_datetime(stamp))


def local(when: datetime) -> str:
    """Return a moment in the time zone of this machine."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M")


def percent(probability: float) -> str:
    """Return a probability for people."""
    return f"{round(100 * probability)} %"


def heading(text: str) -> RenderableType:
    """Return the line above a section."""
    return Group(Text(), Rule(Text(text, style="bold"), style="dim", align="left"))


def table(*columns: str) -> Table:
    """Return an empty table in the style of all our tables."""
    made = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    for title in columns:
        made.add_column(title, overflow="fold")
    return made


def speaker_of(one: transcript_pb2.Turn, texts: Texts) -> str:
    """Return the name of the person, else the voice."""
    return one.speaker_name or one.speaker or texts("unknown_speaker")


def speaker_style(speaker: str) -> str:
    """Return the colour of a voice, the same in every line; the first six voices of a meeting differ."""
    return _SPEAKER_STYLES[sum(speaker.encode()) % len(_SPEAKER_STYLES)]


def turn(one: transcript_pb2.Turn, texts: Texts) -> Table:
    """Return a turn as one paragraph beside its time; words that may still change are dim."""
    line = Text(f"{speaker_of(one, texts)}: ", style=f"bold {speaker_style(one.speaker or one.speaker_name)}")
    settled, rest = parts(one)
    line.append(settled, style="not bold default")
    line.append(f" {rest}" if settled and rest else rest, style="not bold default dim italic")
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", min_width=5, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(clock(one.start) if one.HasField("start") else "", line)
    return grid


def correction(one: Correction, texts: Texts) -> Text:
    """Return a line that tells whose words some really were."""
    before = one.before_name or one.before or texts("unknown_speaker")
    after = one.after_name or one.after or texts("unknown_speaker")
    return Text.assemble(
        ("↺ ", "yellow"),
        (f"{clock(one.turn.start)}  ", "dim"),
        (before, f"strike {speaker_style(one.before)}"),
        (" → ", "dim"),
        (after, f"bold {speaker_style(one.after)}"),
        (f"  {_short(one.text, 60)}", "dim"),
    )


def naming(voice: str, name: str) -> Text:
    """Return a line that tells who a voice is."""
    return Text.assemble(("↺ ", "yellow"), (voice, "dim"), (" → ", "dim"), (name, f"bold {speaker_style(voice)}"))


def meetings(found: Sequence[meeting_pb2.Meeting], texts: Texts) -> Table:
    """Return the list of meetings."""
    made = table(
        texts("col.id"),
        texts("col.when"),
        texts("col.title"),
        texts("col.length"),
        texts("col.state"),
        texts("col.pending"),
    )
    for one in found:
        made.add_row(
            Text(one.meeting_id, style="cyan"),
            moment(one.started_at) if one.HasField("started_at") else "",
            Text(one.title),
            clock(one.duration) if one.HasField("duration") else "",
            texts.name(meeting_pb2.MeetingState.Name(one.state)),
            str(one.pending) if one.pending else "",
        )
    return made


def meeting_head(one: meeting_pb2.Meeting, texts: Texts) -> Text:
    """Return the lines that introduce a meeting."""
    head = Text(one.title or one.meeting_id, style="bold")
    facts = [
        one.meeting_id,
        moment(one.started_at) if one.HasField("started_at") else "",
        clock(one.duration) if one.HasField("duration") else "",
        one.language,
        texts.name(meeting_pb2.MeetingState.Name(one.state)),
        ", ".join(one.participants),
    ]
    head.append("\n" + " · ".join(fact for fact in facts if fact), style="not bold dim")
    if one.failure:
        head.append("\n" + texts("meeting.failed", failure=one.failure), style="not bold red")
    return head


def evidence(
    quotes: Iterable[transcript_pb2.Evidence], names: Mapping[str, str], *, limit: int = 2, indent: int = 4
) -> RenderableType:
    """Return quotes with speaker and time; `names` gives the shown speaker by turn."""
    lines = []
    for quote in list(quotes)[:limit]:
        line = Text("“" + quote.quote + "”", style="italic")
        who = names.get(quote.turn_id) or quote.speaker
        at = clock(quote.start) if quote.HasField("start") else ""
        line.append("  — " + " ".join(part for part in (who, at) if part), style="not italic dim")
        lines.append(line)
    return Padding(Group(*lines), (0, 0, 0, indent))


def summary(one: meeting_pb2.Summary, names: Mapping[str, str], texts: Texts) -> RenderableType:
    """Return the whole summary with its quotes."""
    blocks: list[RenderableType] = []
    overview = one.overview or one.finished.overview
    if overview:
        blocks += [Text(overview), Text()]
    if one.parts:
        blocks.append(Text(texts("summary.parts"), style="bold"))
    for part in one.parts:
        blocks.append(Padding(Text.assemble("• ", (part.title, "bold"), f"  {part.text}"), (0, 0, 0, 1)))
        blocks.append(evidence(part.evidence, names, limit=1))
    for key, items in (
        ("summary.decisions", one.decisions),
        ("summary.actions", one.actions),
        ("summary.questions", one.questions),
        ("summary.risks", one.risks),
    ):
        if not items:
            continue
        blocks += [Text(), Text(texts(key), style="bold")]
        for item in items:
            line = Text("• " + item.text)
            if key == "summary.actions":
                line.append(_promise(item, texts), style="bold")
            blocks.append(Padding(line, (0, 0, 0, 1)))
            blocks.append(evidence(item.evidence, names, limit=1))
    if one.finished.fallback_reason:
        blocks += [Text(), Text(texts("summary.fallback", reason=one.finished.fallback_reason), style="yellow")]
    if one.finished.dropped:
        blocks += [Text(), Text(texts("summary.dropped", count=one.finished.dropped), style="dim")]
    return Group(*blocks)


def matches(detail: meeting_pb2.MeetingDetail, keys: Mapping[str, str], texts: Texts) -> RenderableType:
    """Return the cards that the talk reached: how sure, in which turns, and what was said; `keys` gives the short keys."""
    order = {one.turn_id: number for number, one in enumerate(detail.turns)}
    spoken = {one.turn_id: one for one in detail.turns}
    found: dict[str, list[meeting_pb2.TurnLink]] = {}
    for link in detail.links:
        found.setdefault(link.card_id or link.proposal_id, []).append(link)
    if not found:
        return Text(texts("matches.none"), style="dim")
    made = table(texts("col.card"), texts("col.probability"), texts("col.turns"), texts("col.said"))
    for links in sorted(found.values(), key=lambda links: -max(link.probability for link in links)):
        best = max(links, key=lambda link: link.probability)
        title = Text(f"{keys.get(best.card_id, '')} ".lstrip(), style="bold cyan")
        title.append(best.card_title, style="not bold default")
        if not best.card_id:
            title.append(f"  ({texts('new_card')})", style="not bold green")
        quoted = spoken.get(best.turn_id)
        made.add_row(
            title,
            percent(best.probability),
            ", ".join(sorted(_places(links, order), key=int)),
            Text(_short(quoted.text if quoted is not None else "", 60), style="italic"),
        )
    return made


def _places(links: Iterable[meeting_pb2.TurnLink], order: Mapping[str, int]) -> set[str]:
    return {str(order[link.turn_id] + 1) for link in links if link.turn_id in order}


def _promise(item: object, texts: Texts) -> str:
    owner = str(getattr(item, "owner_name", ""))
    due = day(item.due, texts) if item.HasField("due") else ""  # type: ignore[attr-defined]
    pieces = [owner, texts("due", day=due) if due else ""]
    shown = ", ".join(piece for piece in pieces if piece)
    return f"  [{shown}]" if shown else ""


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
