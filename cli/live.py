"""The live transcript on the terminal: final turns stay, the newest words move below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from planerka.asr.v1 import asr_pb2
from planerka.common.v1 import transcript_pb2
from planerka.orchestrator.v1 import orchestrator_pb2
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from cli import show
from cli.output import Output
from mesh.captions import Captions, Correction, is_open
from mesh.times import from_seconds

__all__ = ["LiveTranscript"]

_SHOWN = 4
"""Turns that are shown at once while their words may change."""
_CORRECTIONS = 6
"""Corrections of one message that are told one by one."""
_LATE = 3.0
"""Seconds of lag from which it is shown in colour."""


class LiveTranscript:
    """Prints what a live meeting sends.

    A turn is printed once, when its words are final; until then it is shown below the others where there is a terminal,
    with the words dim that may still change. A speaker that is corrected or gets a name later is told in a line of its own.

    Args:
        output: Where to print.
        moving: False where something else moves on the terminal already.
    """

    def __init__(self, output: Output, *, moving: bool = True) -> None:
        self._output = output
        self._console = output.progress if output.json else output.result
        self._captions = Captions()
        self._printed: dict[str, transcript_pb2.Turn] = {}
        self._nameless: set[str] = set()
        self._live = (
            Live(console=self._console, transient=True, refresh_per_second=8)
            if moving and self._console.is_terminal
            else None
        )
        self.meeting_id = ""

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave what is final, and below it the words that did not become so in time."""
        if self._live is not None:
            self._live.update(Text())
            self._live.stop()
        for turn in self._captions.open:
            self._console.print(show.turn(turn, self._output.texts))

    @property
    def turns(self) -> dict[str, transcript_pb2.Turn]:
        """The turns that were printed, as they are now, by identifier."""
        return dict(self._printed)

    def take(self, event: orchestrator_pb2.StreamMeetingResponse) -> None:
        """Show one message of the orchestrator."""
        kind = event.WhichOneof("response")
        if kind == "opened":
            self.meeting_id = event.opened.meeting_id
        elif kind == "turn":
            self.turn(event.turn)
        elif kind == "speaker_revision":
            self.revise(event.speaker_revision)
        elif kind == "progress":
            self._captions.progress(event.progress)
            self._move()
        elif kind == "warning":
            self._output.note("warning", text=event.warning.message)

    def turn(self, one: transcript_pb2.Turn) -> None:
        """Show a turn, or a new revision of one."""
        before = self._printed.get(one.turn_id)
        kept = self._captions.take(one)
        if kept is not None and kept.speaker_name and kept.speaker in self._nameless:
            self._nameless.discard(kept.speaker)
            self._console.print(show.naming(kept.speaker, kept.speaker_name))
        if kept is not None and not is_open(kept):
            self._printed[kept.turn_id] = kept
            if before is None or before.text != kept.text:
                self._console.print(show.turn(kept, self._output.texts))
                if kept.speaker and not kept.speaker_name:
                    self._nameless.add(kept.speaker)
            elif before.speaker != kept.speaker:
                names = (before.speaker_name, kept.speaker_name)
                self._tell([Correction(kept, kept.text, before.speaker, kept.speaker, *names)])
        self._move()

    def revise(self, revision: asr_pb2.SpeakerRevision) -> None:
        """Show corrected speakers: in place where the words still move, in lines of their own where they are printed."""
        made = self._captions.revise(revision)
        self._tell([one for one in made if one.turn.turn_id in self._printed])
        self._move()

    def totals(self) -> None:
        """Tell how much was understood."""
        spoken = self._captions.turns
        voices = {turn.speaker for turn in spoken if turn.speaker}
        self._output.note("live.understood", turns=len(spoken), speakers=len(voices))

    def _tell(self, corrections: Sequence[Correction]) -> None:
        for one in corrections[:_CORRECTIONS]:
            self._console.print(show.correction(one, self._output.texts))
        if len(corrections) > _CORRECTIONS:
            count = len(corrections) - _CORRECTIONS
            self._console.print(Text(self._output.texts("live.more", count=count), style="dim"))

    def _move(self) -> None:
        if self._live is not None:
            self._live.update(self._newest())

    def _newest(self) -> RenderableType:
        texts = self._output.texts
        lines: list[RenderableType] = [show.turn(turn, texts) for turn in self._captions.open[-_SHOWN:]]
        if self._captions.received:
            lag = self._captions.lag
            at = show.clock(from_seconds(self._captions.received))
            status = texts("live.status", at=at, lag=f"{lag:.1f}")
            lines.append(Text(status, style="yellow" if lag > _LATE else "dim"))
        return Group(*lines)
