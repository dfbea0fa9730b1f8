"""Where commands print: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console

from cli.texts import Texts

__all__ = ["Output", "as_plain"]

_LOG_WIDTH = 100
"""Columns where the output is no terminal, so that a log looks the same everywhere."""
_LINE_SECONDS = 5.0
"""Seconds between two lines about the same work in a log."""


@dataclass(frozen=True)
class Output:
    """The two consoles, the language, and whether the result is JSON."""

    result: Console
    progress: Console
    texts: Texts
    json: bool = False

    @classmethod
    def standard(cls, language: str, *, as_json: bool = False) -> Output:
        """Print on this process's own streams."""
        result = _console(sys.stdout)
        # On one terminal both are one console, so that a moving line and a printed one do not overwrite each other.
        together = sys.stdout.isatty() and sys.stderr.isatty() and not as_json
        return cls(result, result if together else _console(sys.stderr), Texts(language), as_json)

    def note(self, key: str, **fields: object) -> None:
        """Print one line about progress."""
        self.progress.print(self.texts(key, **fields), style="dim", highlight=False, markup=False)

    @contextmanager
    def waiting(self, key: str, **fields: object) -> Iterator[None]:
        """Show that something is going on, only where there is a terminal."""
        with self.status(key, **fields) if self.progress.is_terminal else nullcontext():
            yield

    @contextmanager
    def counting(self) -> Iterator[Callable[[str, int, int], None]]:
        """Show how much of something is done: a line that moves on a terminal, lines every few seconds in a log."""
        status = self.progress.status("") if self.progress.is_terminal else None
        last = 0.0

        def tell(name: str, done: int, total: int) -> None:
            nonlocal last
            line = self.texts("eval.item", done=done, total=total, name=name)
            if status is not None:
                status.update(line)
            elif done == total or time.monotonic() - last > _LINE_SECONDS:
                last = time.monotonic()
                self.progress.print(line, soft_wrap=True)

        if status is None:
            yield tell
            return
        with status:
            yield tell

    def emit(self, data: Message | Mapping[str, Any] | Sequence[Any]) -> None:
        """Print the one JSON object of `--json`."""
        sys.stdout.write(json.dumps(as_plain(data), ensure_ascii=False) + "\n")
        sys.stdout.flush()

    @contextmanager
    def status(self, key: str, **fields: object) -> Iterator[None]:
        """Show that something is going on; one line where there is no terminal."""
        if not self.progress.is_terminal:
            self.note(key, **fields)
            yield
            return
        with self.progress.status(self.texts(key, **fields)):
            yield


def as_plain(data: Message | Mapping[str, Any] | Sequence[Any]) -> Any:
    """Return messages as dictionaries with the names of the contract."""
    if isinstance(data, Message):
        return MessageToDict(data, preserving_proto_field_name=True)
    if isinstance(data, Mapping):
        return {key: as_plain(value) if _deep(value) else value for key, value in data.items()}
    return [as_plain(item) if _deep(item) else item for item in data]


def _deep(value: Any) -> bool:
    return isinstance(value, Message | Mapping | Sequence) and not isinstance(value, str | bytes)


def _console(stream: Any) -> Console:
    return Console(file=stream, width=None if stream.isatty() else _LOG_WIDTH, soft_wrap=False, highlight=False)
