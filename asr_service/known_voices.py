"""The enrolled voices of each workspace in memory, always as they are on disk."""

import asyncio

import numpy as np
from numpy.typing import NDArray
from planerka.asr.v1 import asr_pb2

from asr_service.errors import VoicesLocked
from asr_service.identification import EnrolledVoice
from asr_service.voice_store import VoiceStore
from mesh.logs import get_logger

__all__ = ["KnownVoices"]


class KnownVoices:
    """Enrolled voices, decrypted when a recording of the workspace begins and again when one changes.

    `load` and what changes voices belong to the event loop; `now` may be called from any thread.
    """

    def __init__(self, store: VoiceStore) -> None:
        self._store = store
        self._loaded: dict[str, tuple[EnrolledVoice, ...]] = {}
        self._locked = 0
        # A snapshot that was read before a change must not replace one that was read after it.
        self._reading = asyncio.Lock()

    @property
    def usable(self) -> bool:
        """Whether all voices can be opened with the key at hand."""
        return not self._locked

    async def open(self) -> None:
        """Opens the store; voices that no key opens are not recognised, and everything else goes on."""
        await self._store.open()
        self._locked = await self._store.locked()
        if self._locked:
            advice = str(VoicesLocked())
            get_logger(__name__).warning("enrolled voices cannot be opened", voices=self._locked, advice=advice)

    async def check(self) -> None:
        """Raises NotReady where the store cannot be used any more."""
        await self._store.check()

    async def close(self) -> None:
        """Closes the store and forgets what was decrypted."""
        self._loaded.clear()
        await self._store.close()

    async def load(self, workspace_id: str) -> tuple[EnrolledVoice, ...]:
        """The voices of a workspace as they are on disk; none for the empty name."""
        if not workspace_id:
            return ()
        async with self._reading:
            self._loaded[workspace_id] = await self._store.load(workspace_id)
            return self._loaded[workspace_id]

    def now(self, workspace_id: str) -> tuple[EnrolledVoice, ...]:
        """The voices of a workspace that was loaded before, with all changes since; none of others."""
        return self._loaded.get(workspace_id, ())

    async def enroll(
        self, config: asr_pb2.VoiceConfig, audio: bytes, vector: NDArray[np.float32], seconds: float
    ) -> asr_pb2.EnrollVoiceResponse:
        """Adds a sample; see `VoiceStore.enroll`."""
        answer = await self._store.enroll(config, audio, vector, seconds)
        await self._refresh(config.workspace_id)
        return answer

    async def page(self, workspace_id: str, after: str, limit: int) -> list[asr_pb2.Voice]:
        """Voices as the contract tells them; see `VoiceStore.page`."""
        return await self._store.page(workspace_id, after, limit)

    async def delete(self, request: asr_pb2.DeleteVoiceRequest) -> asr_pb2.DeleteVoiceResponse:
        """Forgets a voice, on disk and here; see `VoiceStore.delete`."""
        answer = await self._store.delete(request)
        self._locked = await self._store.locked()
        await self._refresh(request.workspace_id)
        return answer

    async def _refresh(self, workspace_id: str) -> None:
        async with self._reading:
            if workspace_id in self._loaded:
                self._loaded[workspace_id] = await self._store.load(workspace_id)
