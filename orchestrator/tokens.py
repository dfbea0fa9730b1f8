"""Bearer tokens: high-entropy secrets of which only the hash is kept."""

from __future__ import annotations

import hashlib
import secrets
import time

from planerka.orchestrator.v1.workspace_pb2 import Token
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.ids import new_id
from orchestrator.errors import TokenNotFound
from orchestrator.moments import from_epoch
from orchestrator.tables import TokenRow

__all__ = ["create_token", "find_token", "hash_secret", "list_tokens", "revoke_token"]


def hash_secret(secret: str) -> bytes:
    """Return what is kept of a secret; it has 256 random bits, so a plain SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


async def create_token(
    session: AsyncSession, workspace_id: str, person_id: str, purpose: str, lifetime: float | None
) -> tuple[Token, str]:
    """Make a token that lives for `lifetime` seconds, or for ever, and return it with its secret."""
    secret = f"pk_{secrets.token_urlsafe(32)}"
    now = time.time()
    row = TokenRow(
        token_id=new_id("tok"),
        workspace_id=workspace_id,
        person_id=person_id,
        secret_hash=hash_secret(secret),
        purpose=purpose,
        created_at=now,
        expires_at=None if lifetime is None else now + lifetime,
    )
    session.add(row)
    await session.flush()
    return _message(row), secret


async def find_token(session: AsyncSession, secret: str) -> tuple[str, str] | None:
    """Return workspace and person of a secret; None where it is unknown or expired."""
    row = await session.scalar(select(TokenRow).where(TokenRow.secret_hash == hash_secret(secret)))
    if row is None or (row.expires_at is not None and row.expires_at <= time.time()):
        return None
    return row.workspace_id, row.person_id


async def list_tokens(session: AsyncSession, workspace_id: str, person_id: str, before: str, limit: int) -> list[Token]:
    """Return tokens, newest first, of one person or of all, before an identifier."""
    query = select(TokenRow).where(TokenRow.workspace_id == workspace_id)
    if person_id:
        query = query.where(TokenRow.person_id == person_id)
    if before:
        query = query.where(TokenRow.token_id < before)
    return [_message(row) for row in await session.scalars(query.order_by(TokenRow.token_id.desc()).limit(limit))]


async def revoke_token(session: AsyncSession, workspace_id: str, token_id: str) -> None:
    """Make a token invalid.

    Raises:
        TokenNotFound: There is no such token in the workspace.
    """
    row = await session.get(TokenRow, token_id)
    if row is None or row.workspace_id != workspace_id:
        raise TokenNotFound(f"There is no token {token_id!r} in the workspace.", resource=("token", token_id))
    await session.delete(row)
    await session.flush()


def _message(row: TokenRow) -> Token:
    token = Token(
        token_id=row.token_id, person_id=row.person_id, purpose=row.purpose, created_at=from_epoch(row.created_at)
    )
    if row.expires_at is not None:
        token.expires_at.CopyFrom(from_epoch(row.expires_at))
    return token
