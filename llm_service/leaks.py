"""Whether an answer gives the service's own instructions away.

What the talk or a document asks for is data; but a model that obeys such a request repeats its instructions, and they may even pass for
supported where the sources speak of the same things. So every answer is compared with the instructions, whatever the task.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from llm_service.generation import Message
from llm_service.talk import cut_sentences

__all__ = ["may_repeat_instructions", "without_instructions"]

_WORDS: Final = 6
"""Words in a row that nobody says by chance."""
_FEW: Final = 3
"""Words in a row by which a sentence is taken out of a text that is known to repeat instructions."""
_SIZES: Final = (_WORDS, _FEW)

_Run: TypeAlias = "tuple[str, ...]"


def without_instructions(value: Any, messages: Sequence[Message]) -> Any:
    """Return a JSON value without the sentences that repeat the system message.

    Args:
        value: Strings, lists and objects of an answer.
        messages: The prompt; what its last message says itself may be repeated.
    """
    rules = [message.content for message in messages if message.role == "system"]
    asked = "" if messages[-1].role == "system" else messages[-1].content
    return _clean(value, *(set().union(*(_runs(rule, size) for rule in rules)) - _runs(asked, size) for size in _SIZES))


def may_repeat_instructions(text: str, messages: Sequence[Message]) -> bool:
    """Tell whether a sentence has so much in common with the system message that only the whole answer can clear it."""
    rules = [message.content for message in messages if message.role == "system"]
    asked = "" if messages[-1].role == "system" else messages[-1].content
    return bool(_runs(text, _FEW) & (set().union(*(_runs(rule, _FEW) for rule in rules)) - _runs(asked, _FEW)))


def _clean(value: Any, own: set[_Run], pieces: set[_Run]) -> Any:
    if isinstance(value, str):
        # A run may go over the border of two sentences, so the whole text is looked at before its sentences are.
        if not _runs(value, _WORDS) & own:
            return value
        kept = [value[start:end] for start, end in cut_sentences(value) if not _runs(value[start:end], _FEW) & pieces]
        text = " ".join(kept)
        return "" if _runs(text, _WORDS) & own else text
    if isinstance(value, list):
        return [_clean(item, own, pieces) for item in value]
    if isinstance(value, dict):
        return {key: _clean(item, own, pieces) for key, item in value.items()}
    return value


def _runs(text: str, size: int) -> set[_Run]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[place : place + size]) for place in range(len(words) - size + 1)}
