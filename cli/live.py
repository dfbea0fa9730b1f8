"""The live transcript on the terminal: final turns stay, the newest words move below them."""

from __future__ import annotations

from typing import Self

from planerka.common.v1 import transcript_pb2
from planerka.orchestrator.v1 import orchestrator_pb2
from rich.live import Live
from rich.text import Text

from cli import show
from cli.output import Output

__all__ = ["LiveTranscript"]


class LiveTranscript:
    """Prints what a live meeting sends.

    A turn is printed once, when its words are final; until then it is shown below the others where there is a terminal.

    Args:
        output: Where to print.
        moving: False where something else moves on the terminal already.
    """

    def __init__(self, output: Output, *, moving: bool = True) -> None:
        self._output = output
        self._console = output.progress if output.json else output.result
        self._open: dict[str, transcript_pb2.Turn] = {}
        self._printed: dict[str, transcript_pb2.Turn] = {}
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
        """Leave only what is final."""
        if self._live is not None:
            self._live.update(Text())
            self._live.stop()

    @property
    def turns(self) -> dict[str, transcript_pb2.Turn]:
        """The turns that were printed, by identifier."""
        return dict(self._printed)

    def take(self, event: orchestrator_pb2.StreamMeetingResponse) -> None:
        """Show one message of the orchestrator."""
        kind = event.WhichOneof("response")
        if kind == "opened":
            self.meeting_id = event.opened.meeting_id
        elif kind == "turn":
            self.turn(event.turn)
        elif kind == "warning":
            self._output.note("warning", text=event.warning.message)

    def turn(self, one: transcript_pb2.Turn) -> None:
        """Show a turn, or a new revision of one."""
        before = self._printed.get(one.turn_id)
        if one.state == transcript_pb2.TURN_STATE_FINAL:
            self._open.pop(one.turn_id, None)
            if one.text and (before is None or before.text != one.text):
                self._console.print(show.turn(one, self._output.texts))
            self._printed[one.turn_id] = one
        elif before is None:
            self._open[one.turn_id] = one
        if self._live is not None:
            newest = list(self._open.values())[-1:]
            self._live.update(show.turn(newest[0], self._output.texts) if newest else Text())
