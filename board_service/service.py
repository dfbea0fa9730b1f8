"""The board service as the mesh sees it."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from planerka.board.v1 import board_pb2, board_pb2_grpc

from board_service.adapters import connect
from board_service.servicer import BoardServicer
from board_service.settings import BoardSettings

__all__ = ["BoardHosted"]


class BoardHosted:
    """Opens the connectors, and answers the contract through them."""

    def __init__(self, settings: BoardSettings) -> None:
        self._connectors = connect(settings)

    @property
    def names(self) -> Sequence[str]:
        """The one service of the contract."""
        return (board_pb2.DESCRIPTOR.services_by_name["BoardService"].full_name,)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicer."""
        board_pb2_grpc.add_BoardServiceServicer_to_server(BoardServicer(self._connectors), server)

    async def open(self) -> None:
        """Open the connectors."""
        await self._connectors.open()

    async def check(self) -> None:
        """Raise while a connector does not work."""
        await self._connectors.check()

    async def close(self) -> None:
        """Close the connectors."""
        await self._connectors.close()
