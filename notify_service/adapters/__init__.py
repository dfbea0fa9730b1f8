"""The kinds of channels, each in a file of its own, chosen in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mesh.database import Database
from notify_service.adapters.console import ConsoleChannel
from notify_service.adapters.inbox import InboxChannel
from notify_service.channel import Channel, Channels
from notify_service.errors import ChannelNotFound
from notify_service.settings import NotifySettings

__all__ = ["ADAPTERS", "connect"]

ADAPTERS: Mapping[str, Callable[[NotifySettings, Database], Channel]] = {
    "console": lambda settings, _database: ConsoleChannel(settings.language),
    "inbox": lambda _settings, database: InboxChannel(database),
}


def connect(settings: NotifySettings, database: Database) -> Channels:
    """Return the channels that the settings name.

    Raises:
        ChannelNotFound: The settings name one that does not exist.
    """
    for name in settings.channels:
        if name not in ADAPTERS:
            raise ChannelNotFound(name, ADAPTERS)
    return Channels(ADAPTERS[name](settings, database) for name in settings.channels)
