"""The matching service as the mesh sees it."""

from collections.abc import Sequence

import grpc
from planerka.match.v1 import match_pb2, match_pb2_grpc

from match_service.engine import Engine
from match_service.servicer import MatchServicer
from match_service.settings import MatchSettings
from match_service.store import MatchStore

__all__ = ["MatchHosted"]


class MatchHosted:
    """Loads the model, opens the state, and answers the contract."""

    def __init__(self, settings: MatchSettings) -> None:
        """Make the parts; nothing is opened yet."""
        self._store = MatchStore(settings.folder())
        self._engine = Engine(settings, self._store)

    @property
    def names(self) -> Sequence[str]:
        """The one service of the contract."""
        return (match_pb2.DESCRIPTOR.services_by_name["MatchService"].full_name,)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicer."""
        match_pb2_grpc.add_MatchServiceServicer_to_server(MatchServicer(self._engine, self._store), server)

    async def open(self) -> None:
        """Open the state and load the model."""
        await self._store.open()
        await self._engine.open()

    async def check(self) -> None:
        """Raise while the model is not loaded or the state cannot be read."""
        self._engine.check()
        await self._store.check()

    async def close(self) -> None:
        """Free the model and close the state."""
        await self._engine.close()
        await self._store.close()
