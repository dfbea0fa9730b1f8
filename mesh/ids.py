"""Identifiers with a prefix that tells what they name."""

from __future__ import annotations

import hashlib
import secrets
import time

__all__ = ["derived_id", "new_id"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """Return a new identifier such as `mtg_01jd…`: 48 bits of time, so that they sort, and 80 random bits."""
    value = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return f"{prefix}_{_base32(value, 26)}"


def derived_id(prefix: str, *parts: str) -> str:
    """Return the identifier that always belongs to these parts; repeated work finds its own traces by it."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"{prefix}_{_base32(int.from_bytes(digest[:16], 'big'), 26)}"


def _base32(value: int, width: int) -> str:
    digits = []
    for _ in range(width):
        value, digit = divmod(value, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
