"""What a long pull tells its caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from models.texts import text


class Phase(StrEnum):
    """Where a model is on its way; the value is the name in `--json` output."""

    WAIT = "wait"
    """Another process pulls into the same folder."""
    DOWNLOAD = "download"
    JOIN = "join"
    CONVERT = "convert"
    """Bytes are not known here: `total` is 0."""
    VERIFY = "verify"
    READY = "ready"

    def text(self, language: str = "en") -> str:
        """The phase in Russian (`ru`) or English."""
        return text(f"phase.{self.value}", language)


@dataclass(frozen=True)
class Progress:
    """One moment of a pull or a verification, sent several times a second."""

    model_id: str
    phase: Phase
    done: int
    """Bytes done in this phase."""
    total: int
    """Bytes of this phase; 0 where unknown."""
    position: int
    """Number of this model among those asked for, from 1."""
    count: int
    """Models asked for."""
    detail: str = ""
    """The source, the file or the converter at work."""


Listener = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """A listener that hears nothing."""
