"""Prompts: Jinja2 templates beside this module, one file per task and language.

A template holds the messages of a chat, each begun by a line such as `=== system`. It is cut into messages before anything is filled in,
so that nothing that somebody said can begin a message of its own.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast

import jinja2

from llm_service.generation import Message

__all__ = ["LANGUAGES", "render"]

LANGUAGES: Final = ("ru", "en")
"""Languages in which the service writes."""

_FOLDER: Final = Path(__file__).with_name("prompts")
_MARK: Final = re.compile(r"^=== (system|user|assistant)\n", re.MULTILINE)


def render(task: str, language: str, **values: Any) -> tuple[Message, ...]:
    """Return the messages of a task (`topic`, `answer`) in a language of `LANGUAGES`."""
    return tuple(Message(role, template.render(**values).strip()) for role, template in _templates(task, language))


@cache
def _templates(task: str, language: str) -> tuple[tuple[Literal["system", "user", "assistant"], jinja2.Template], ...]:
    # The result is plain text for a model, so nothing is escaped as HTML.
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701
    )
    source = (_FOLDER / f"{task}.{language}.j2").read_text(encoding="utf-8")
    pieces = _MARK.split(source)[1:]
    return tuple(
        (cast("Literal['system', 'user', 'assistant']", role), environment.from_string(text))
        for role, text in zip(pieces[::2], pieces[1::2], strict=True)
    )
