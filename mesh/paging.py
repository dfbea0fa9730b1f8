"""Opaque page tokens over a sort key or an offset."""

from __future__ import annotations

import base64
import binascii

from mesh.errors import InvalidArgument, Violation

__all__ = ["decode_token", "encode_token", "page_size"]


def encode_token(position: str) -> str:
    """Return the token of the page that begins after `position`."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def decode_token(token: str) -> str:
    """Return the position that a token stands for; empty for the first page.

    Raises:
        InvalidArgument: The token was not made by `encode_token`.
    """
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        # Without `validate`, foreign characters are skipped, and a broken token would mean the first page.
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise InvalidArgument(
            "The page token is not one of ours; begin again without one.",
            reason="PAGE_TOKEN_INVALID",
            violations=[Violation("page_token", "must be the `next_page_token` of an earlier answer, or empty")],
        ) from error


def page_size(asked: int, default: int = 100) -> int:
    """Return the number of items of a page; 0 means the default."""
    return asked or default
