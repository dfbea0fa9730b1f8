"""Texts that become meetings: what format a file has, and what was said in it.

`sniff` and `read_text` are all that the rest of the service uses; each format is a module of its own, chosen in one table.
"""

from __future__ import annotations

from orchestrator.imports.reading import TEXT_FORMATS, read_text, sniff
from orchestrator.imports.spoken import Spoken, SpokenTurn, to_turns

__all__ = ["TEXT_FORMATS", "Spoken", "SpokenTurn", "read_text", "sniff", "to_turns"]
