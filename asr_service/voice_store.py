"""Enrolled voices on disk: one encrypted embedding for each person of a workspace."""

import contextlib
import hashlib
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray
from planerka.asr.v1 import asr_pb2

from asr_service.errors import VoiceNotFound, VoicesLocked
from asr_service.identification import EnrolledVoice
from asr_service.voice_cipher import VoiceCipher
from mesh.database import Database, once
from mesh.times import from_seconds

__all__ = ["VoiceStore"]

_SCHEMA = Path(__file__).with_name("voices.sql")


class VoiceStore:
    """One SQLite file `voices.db`."""

    def __init__(self, folder: Path, cipher: VoiceCipher, model: str) -> None:
        """Keeps embeddings of `model` only; nothing is opened yet."""
        self._database = Database(folder / "voices.db", _SCHEMA)
        self._cipher = cipher
        self._model = model

    async def open(self) -> None:
        """Opens the file, and seals with the current key what an older one sealed."""
        await self._database.open()
        await self._database.run(self._rotate)
        # Nor may the log keep what the older key opens.
        await self._database.empty_log()

    async def check(self) -> None:
        """Raises NotReady where the file cannot be used any more."""
        await self._database.check()

    async def close(self) -> None:
        """Closes the file."""
        await self._database.close()

    async def enroll(
        self, config: asr_pb2.VoiceConfig, audio: bytes, vector: NDArray[np.float32], seconds: float
    ) -> asr_pb2.EnrollVoiceResponse:
        """Adds a sample to a person's voice, once for each idempotency key; samples weigh by their seconds.

        Args:
            config: Whose voice it is.
            audio: SHA-256 of the upload, by which a repeated call is known.
            vector: Unit embedding [192].
            seconds: Speech behind it.

        Raises:
            VoicesLocked: The voice so far cannot be opened.
            IdempotencyKeyReused: The key was used for another person or other audio.
        """
        # The ledger keeps a hash of this, and the answer, which has no embedding.
        witness = asr_pb2.VoiceConfig(
            workspace_id=config.workspace_id, person_id=config.person_id, idempotency_key=audio.hex()
        )

        def work(connection: sqlite3.Connection) -> asr_pb2.EnrollVoiceResponse:
            return once(
                connection,
                "EnrollVoice",
                _key(config.workspace_id, config.idempotency_key),
                witness,
                asr_pb2.EnrollVoiceResponse,
                lambda: self._add(connection, config, vector, seconds),
            )

        return await self._database.run(work)

    async def page(self, workspace_id: str, after: str, limit: int) -> list[asr_pb2.Voice]:
        """The voices of a workspace after a person, in order of the person."""

        def work(connection: sqlite3.Connection) -> list[asr_pb2.Voice]:
            rows = connection.execute(
                "SELECT * FROM voice WHERE workspace_id = ? AND person_id > ? ORDER BY person_id LIMIT ?",
                (workspace_id, after, limit),
            )
            return [_voice(row) for row in rows]

        return await self._database.run(work)

    async def delete(self, request: asr_pb2.DeleteVoiceRequest) -> asr_pb2.DeleteVoiceResponse:
        """Removes a voice for good, from the write-ahead log too; once for each idempotency key.

        Raises:
            VoiceNotFound: There is no such voice.
        """

        def work(connection: sqlite3.Connection) -> asr_pb2.DeleteVoiceResponse:
            return once(
                connection,
                "DeleteVoice",
                _key(request.workspace_id, request.idempotency_key),
                request,
                asr_pb2.DeleteVoiceResponse,
                lambda: _remove(connection, request),
            )

        answer = await self._database.run(work)
        await self._database.empty_log()
        return answer

    async def locked(self) -> int:
        """How many voices no known key opens."""
        marks = ", ".join("?" * len(self._cipher.key_ids))

        def work(connection: sqlite3.Connection) -> int:
            query = f"SELECT count(*) FROM voice WHERE key_id NOT IN ({marks})"  # noqa: S608  # question marks only
            return int(connection.execute(query, tuple(self._cipher.key_ids)).fetchone()[0])

        return await self._database.run(work)

    async def load(self, workspace_id: str) -> tuple[EnrolledVoice, ...]:
        """The voices of a workspace that the current model made and a known key opens."""

        def work(connection: sqlite3.Connection) -> tuple[EnrolledVoice, ...]:
            rows = connection.execute(
                "SELECT * FROM voice WHERE workspace_id = ? AND model = ? ORDER BY person_id",
                (workspace_id, self._model),
            )
            voices = []
            for row in rows:
                with contextlib.suppress(VoicesLocked):
                    voices.append(EnrolledVoice(row["person_id"], _unit(self._opened(row)), row["seconds"]))
            return tuple(voices)

        return await self._database.run(work)

    def _add(
        self, connection: sqlite3.Connection, config: asr_pb2.VoiceConfig, vector: NDArray[np.float32], seconds: float
    ) -> asr_pb2.EnrollVoiceResponse:
        place = (config.workspace_id, config.person_id)
        row: Any = connection.execute("SELECT * FROM voice WHERE workspace_id = ? AND person_id = ?", place).fetchone()
        total, mean = seconds, vector
        # Embeddings of two models have nothing in common, so one of another model is replaced.
        if row is not None and row["model"] == self._model:
            total += row["seconds"]
            mean = (self._opened(row) * row["seconds"] + vector * seconds) / total
        sealed = self._sealed(mean, *place)
        connection.execute(
            "INSERT OR REPLACE INTO voice (workspace_id, person_id, seconds, enrolled_at, model, key_id, sealed) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*place, total, time.time(), self._model, self._cipher.key_id, sealed),
        )
        written = connection.execute("SELECT * FROM voice WHERE workspace_id = ? AND person_id = ?", place).fetchone()
        return asr_pb2.EnrollVoiceResponse(voice=_voice(written))

    def _rotate(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT * FROM voice WHERE key_id <> ?", (self._cipher.key_id,)).fetchall()
        for row in rows:
            with contextlib.suppress(VoicesLocked):
                place = (row["workspace_id"], row["person_id"])
                connection.execute(
                    "UPDATE voice SET key_id = ?, sealed = ? WHERE workspace_id = ? AND person_id = ?",
                    (self._cipher.key_id, self._cipher.seal(self._plain(row), *place, row["model"]), *place),
                )

    def _sealed(self, vector: NDArray[np.float32], workspace_id: str, person_id: str) -> bytes:
        return self._cipher.seal(vector.astype("<f4").tobytes(), workspace_id, person_id, self._model)

    def _opened(self, row: sqlite3.Row) -> NDArray[np.float32]:
        return np.frombuffer(self._plain(row), dtype="<f4").astype(np.float32)

    def _plain(self, row: sqlite3.Row) -> bytes:
        owner = (row["workspace_id"], row["person_id"], row["model"])
        return self._cipher.open(row["key_id"], row["sealed"], *owner)


def _remove(connection: sqlite3.Connection, request: asr_pb2.DeleteVoiceRequest) -> asr_pb2.DeleteVoiceResponse:
    done = connection.execute(
        "DELETE FROM voice WHERE workspace_id = ? AND person_id = ?", (request.workspace_id, request.person_id)
    )
    if done.rowcount == 0:
        raise VoiceNotFound(request.person_id)
    return asr_pb2.DeleteVoiceResponse()


def _key(workspace_id: str, key: str) -> str:
    """Keys of different workspaces do not know each other."""
    return hashlib.sha256(f"{workspace_id}\x1f{key}".encode()).hexdigest()


def _voice(row: sqlite3.Row) -> asr_pb2.Voice:
    enrolled_at = Timestamp()
    enrolled_at.FromNanoseconds(round(row["enrolled_at"] * 1e9))
    return asr_pb2.Voice(
        person_id=row["person_id"], speech=from_seconds(row["seconds"]), enrolled_at=enrolled_at, model=row["model"]
    )


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)
