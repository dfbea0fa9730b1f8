"""What every command is given: where the orchestrator is, the language, and how to print."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer

from cli.client import Client, connect
from cli.output import Output
from cli.settings import CliSettings, speech_language

__all__ = ["AsJson", "Session", "run", "session_of"]

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@dataclass(frozen=True)
class Session:
    """The options that stand before the command."""

    address: str = ""
    """Address of the orchestrator; empty to find it."""
    language: str = ""
    """`ru` or `en`; empty for the settings and the locale."""

    def output(self, *, as_json: bool = False) -> Output:
        """Return where to print."""
        return Output.standard(self.language or speech_language(CliSettings.load()), as_json=as_json)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Open the channel to the orchestrator."""
        async with connect(self.address) as client:
            yield client


def session_of(context: typer.Context) -> Session:
    """Return what the options before the command said."""
    found = context.find_object(Session)
    return found if found is not None else Session()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command to its end; the one event loop of this process."""
    return asyncio.run(work)
