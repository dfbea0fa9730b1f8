"""Numbers of the tables as enum values of the contract."""

from __future__ import annotations

from typing import Any, TypeVar, cast

__all__ = ["as_enum"]

E = TypeVar("E")


def as_enum(kind: type[E], number: int) -> E:
    """Return a number as a value of an enum; generated enums are plain numbers at run time, and types only for the checker."""
    del kind
    value: Any = number
    return cast("E", value)
