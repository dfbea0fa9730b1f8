"""Jinja2 that a user may write: loops, conditions and a few filters over given data; it always ends, and reaches nothing else.

Jinja2's own sandbox keeps a template from the program, but not from eating memory and time (`{{ "x" * 10**9 }}`, loops in loops). So the
syntax tree is held to a short list first: nothing is called, set, imported, added up or multiplied, and loops nest twice at most. What is
left grows with the data and the source only, and the output is bounded as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from llm_service.errors import TemplateInvalid

__all__ = ["check", "render"]

_FILTERS: Final = frozenset(
    {
        "capitalize",
        "default",
        "first",
        "groupby",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "map",
        "reject",
        "rejectattr",
    }
    | {"reverse", "select", "selectattr", "sort", "string", "title", "trim", "truncate", "unique", "upper"}
)
_NODES: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice,
    nodes.Filter, nodes.Test, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.Neg, nodes.Tuple, nodes.List, nodes.Keyword,
)  # fmt: skip
_DEPTH: Final = 2
_MOST_LETTERS: Final = 400_000
_WORDS: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Call: "calls", nodes.Assign: "set", nodes.AssignBlock: "set", nodes.Macro: "macros", nodes.Include: "include",
    nodes.Import: "import", nodes.FromImport: "import", nodes.Extends: "extends", nodes.Block: "blocks", nodes.With: "with",
    nodes.Mul: "*", nodes.Pow: "**", nodes.Mod: "%", nodes.Add: "+", nodes.Concat: "~", nodes.FilterBlock: "filter blocks",
}  # fmt: skip


class _Environment(ImmutableSandboxedEnvironment):
    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Keep to the fields of the data: no methods."""
        return super().is_safe_attribute(obj, attr, value) and not callable(value)

    def is_safe_callable(self, obj: Any) -> bool:
        """Let nothing be called."""
        del obj
        return False


def check(source: str) -> None:
    """Refuse a template that is broken, or uses what templates may not.

    Raises:
        TemplateInvalid: The message names the line.
    """
    environment = _environment()
    try:
        _walk(environment.parse(source), 0)
        # Compiling computes constants, so nothing may be compiled before the walk.
        environment.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateInvalid(f"Line {error.lineno}: {error.message}") from error


def render(source: str, values: Mapping[str, Any]) -> str:
    """Return the text that a template makes of plain values (strings, numbers, lists, mappings).

    Raises:
        TemplateInvalid: It is broken, stumbles over the values, or its text becomes too long.
    """
    check(source)
    pieces: list[str] = []
    letters = 0
    try:
        for piece in _environment().from_string(source).generate(**values):
            letters += len(piece)
            if letters > _MOST_LETTERS:
                raise TemplateInvalid(f"The text becomes longer than {_MOST_LETTERS} characters.")
            pieces.append(piece)
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise TemplateInvalid(f"The template cannot be filled in: {error}") from error
    return "".join(pieces).strip()


def _environment() -> _Environment:
    # The result is Markdown and plain text for a model, so nothing is escaped as HTML.
    environment = _Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)
    environment.globals.clear()
    filters: dict[str, Callable[..., Any]] = {name: environment.filters[name] for name in _FILTERS}
    environment.filters = filters
    return environment


def _walk(node: nodes.Node, depth: int) -> None:
    for child in _children(node):
        if not isinstance(child, _NODES):
            what = _WORDS.get(type(child), type(child).__name__)
            raise TemplateInvalid(
                f"Line {child.lineno}: templates may not use {what}; loops, conditions and filters only."
            )
        deeper = depth
        if isinstance(child, nodes.For):
            deeper += 1
            if child.recursive or deeper > _DEPTH:
                raise TemplateInvalid(f"Line {child.lineno}: loops may stand in one other loop, and not deeper.")
        _walk(child, deeper)


def _children(node: nodes.Node) -> Iterator[nodes.Node]:
    return node.iter_child_nodes()
