"""The service's state: indexed boards, vectors by content, decisions of people."""

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from planerka.common.v1 import card_pb2
from planerka.match.v1 import match_pb2

from match_service.cards import view_of
from match_service.learning import Vote
from mesh.database import Database, once

Floats = npt.NDArray[np.float32]

_SCHEMA: Final = Path(__file__).with_name("schema.sql")
_QUERY_ROWS: Final = 500


class MatchStore:
    """One SQLite file."""

    def __init__(self, folder: Path) -> None:
        """Keep the file `match.db` in `folder`; nothing is opened yet."""
        self._database = Database(folder / "match.db", _SCHEMA)

    async def open(self) -> None:
        """Open the file."""
        await self._database.open()

    async def check(self) -> None:
        """Raise where the file cannot be read any more."""
        await self._database.check()

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()

    async def index(self, request: match_pb2.IndexCardsRequest) -> match_pb2.IndexCardsResponse:
        """Write the board and its cards, once for each idempotency key."""

        def work(connection: sqlite3.Connection) -> match_pb2.IndexCardsResponse:
            return once(
                connection,
                "IndexCards",
                request.idempotency_key,
                request,
                match_pb2.IndexCardsResponse,
                lambda: _index(connection, request),
            )

        return await self._database.run(work)

    async def board(self, workspace_id: str, board_id: str) -> tuple[card_pb2.Board, list[card_pb2.Card]] | None:
        """Return an indexed board with its cards in order, or None."""

        def work(connection: sqlite3.Connection) -> tuple[card_pb2.Board, list[card_pb2.Card]] | None:
            place = (workspace_id, board_id)
            row = connection.execute(
                "SELECT message FROM board WHERE workspace_id = ? AND board_id = ?", place
            ).fetchone()
            if row is None:
                return None
            cards = connection.execute(
                "SELECT message FROM card WHERE workspace_id = ? AND board_id = ? ORDER BY position", place
            ).fetchall()
            return card_pb2.Board.FromString(row[0]), [card_pb2.Card.FromString(card[0]) for card in cards]

        return await self._database.run(work)

    async def vectors(self, model: str, texts: Sequence[str]) -> dict[str, Floats]:
        """Return the known vectors of `texts`."""
        digests = {text_digest(text): text for text in texts}

        def work(connection: sqlite3.Connection) -> dict[str, Floats]:
            found: dict[str, Floats] = {}
            keys = list(digests)
            for start in range(0, len(keys), _QUERY_ROWS):
                part = keys[start : start + _QUERY_ROWS]
                marks = ", ".join("?" * len(part))
                rows = connection.execute(
                    f"SELECT digest, value FROM vector WHERE model = ? AND digest IN ({marks})",  # noqa: S608 - only marks
                    (model, *part),
                )
                for digest, value in rows:
                    found[digests[digest]] = np.frombuffer(value, dtype="<f4").astype(np.float32)
            return found

        return await self._database.run(work)

    async def remember(self, model: str, vectors: Mapping[str, Floats]) -> None:
        """Keep vectors of texts."""
        rows = [(model, text_digest(text), vector.astype("<f4").tobytes()) for text, vector in vectors.items()]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR IGNORE INTO vector (model, digest, value) VALUES (?, ?, ?)", rows)

        await self._database.run(work)

    async def learn(self, request: match_pb2.LearnRequest) -> match_pb2.LearnResponse:
        """Append a decision, once for each idempotency key."""

        def write(connection: sqlite3.Connection) -> match_pb2.LearnResponse:
            connection.execute(
                "INSERT INTO decision (workspace_id, proposal_id, board_id, proposed_card_id, chosen_card_id, approved, probability,"
                " message) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    request.workspace_id,
                    request.proposal_id,
                    request.board_id,
                    request.proposed_card_id,
                    request.chosen_card_id,
                    int(request.approved),
                    request.probability,
                    request.SerializeToString(deterministic=True),
                ),
            )
            count = connection.execute(
                "SELECT count(*) FROM decision WHERE workspace_id = ?", (request.workspace_id,)
            ).fetchone()[0]
            return match_pb2.LearnResponse(decisions=count)

        def work(connection: sqlite3.Connection) -> match_pb2.LearnResponse:
            return once(
                connection,
                "Learn",
                request.idempotency_key,
                request,
                match_pb2.LearnResponse,
                lambda: write(connection),
            )

        return await self._database.run(work)

    async def votes(self, workspace_id: str) -> list[Vote]:
        """Return the decisions of a workspace about matches with cards, oldest first; of a proposal only the last one counts."""

        def work(connection: sqlite3.Connection) -> list[Vote]:
            rows = connection.execute(
                "SELECT message FROM decision WHERE proposed_card_id != '' AND number IN"
                " (SELECT max(number) FROM decision WHERE workspace_id = ? GROUP BY proposal_id) ORDER BY number",
                (workspace_id,),
            )
            return [_vote(match_pb2.LearnRequest.FromString(row[0])) for row in rows]

        return await self._database.run(work)

    async def last_decision(self, workspace_id: str) -> datetime | None:
        """Return when the workspace last decided, or None."""

        def work(connection: sqlite3.Connection) -> str | None:
            query = "SELECT max(decided_at) FROM decision WHERE workspace_id = ?"
            found: str | None = connection.execute(query, (workspace_id,)).fetchone()[0]
            return found

        told = await self._database.run(work)
        return None if told is None else datetime.fromisoformat(told)


def _vote(request: match_pb2.LearnRequest) -> Vote:
    return Vote(
        built_in=request.signals.built_in_probability or request.probability,
        shown=request.probability,
        right=request.approved and request.chosen_card_id in {"", request.proposed_card_id},
    )


def text_digest(text: str) -> bytes:
    """Return the SHA-256 by which the vector of a text is known."""
    return hashlib.sha256(text.encode()).digest()


def _index(connection: sqlite3.Connection, request: match_pb2.IndexCardsRequest) -> match_pb2.IndexCardsResponse:
    place = (request.workspace_id, request.board.board_id)
    connection.execute(
        "INSERT INTO board (workspace_id, board_id, message) VALUES (?, ?, ?)"
        " ON CONFLICT (workspace_id, board_id) DO UPDATE SET message = excluded.message",
        (*place, request.board.SerializeToString(deterministic=True)),
    )
    rows = connection.execute(
        "SELECT card_id, digest, position FROM card WHERE workspace_id = ? AND board_id = ?", place
    ).fetchall()
    before = {row[0]: row[1] for row in rows}
    following = max((row[2] for row in rows), default=-1) + 1
    indexed = 0
    for number, card in enumerate(request.cards):
        digest = view_of(card, request.board).digest
        indexed += before.get(card.card_id) != digest
        connection.execute(
            "INSERT INTO card (workspace_id, board_id, card_id, position, digest, message) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (workspace_id, board_id, card_id) DO UPDATE SET digest = excluded.digest, message = excluded.message",
            (*place, card.card_id, following + number, digest, card.SerializeToString(deterministic=True)),
        )
    gone = before.keys() - {card.card_id for card in request.cards} if request.complete else set()
    connection.executemany(
        "DELETE FROM card WHERE workspace_id = ? AND board_id = ? AND card_id = ?",
        [(*place, card_id) for card_id in gone],
    )
    unique = len({card.card_id for card in request.cards})
    return match_pb2.IndexCardsResponse(indexed=indexed, unchanged=unique - min(indexed, unique), removed=len(gone))
