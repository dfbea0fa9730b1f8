"""The kinds of boards, each in a file of its own, chosen in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from board_service.adapters.local import LocalBoards
from board_service.connector import Connector, Connectors
from board_service.errors import ConnectorNotFound
from board_service.settings import BoardSettings

__all__ = ["ADAPTERS", "connect"]

ADAPTERS: Mapping[str, Callable[[BoardSettings], Connector]] = {
    "local": LocalBoards,
}


def connect(settings: BoardSettings) -> Connectors:
    """Return the connectors that the settings name, not yet open.

    Raises:
        ConnectorNotFound: The settings name one that does not exist.
    """
    for name in settings.connectors:
        if name not in ADAPTERS:
            raise ConnectorNotFound(name, ADAPTERS)
    return Connectors(ADAPTERS[name](settings) for name in settings.connectors)
