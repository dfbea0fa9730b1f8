import pytest

from notify_service.adapters import ADAPTERS, connect
from notify_service.channel import Channels
from notify_service.errors import ChannelCannot, ChannelNotFound, TextTooLong
from notify_service.settings import NotifySettings


def test_the_table_names_the_channels_by_their_names(database):
    channels = connect(NotifySettings(channels=tuple(ADAPTERS)), database)
    assert [channel.name for channel in channels] == sorted(ADAPTERS)


def test_an_unknown_channel_is_named(database):
    with pytest.raises(ChannelNotFound, match="telegrm"):
        connect(NotifySettings(channels=("telegrm",)), database)
    with pytest.raises(ChannelNotFound, match="inbox"):
        connect(NotifySettings(channels=("inbox",)), database).named("console")


def test_what_a_channel_cannot_is_refused_before(channel_type):
    class OneWay(channel_type):
        questions = False
        updates = False

    channels = Channels([OneWay("mail"), channel_type("inbox")])
    channels.check("inbox", "x" * 100, question=True, update=True)
    channels.check("mail", "x")
    with pytest.raises(ChannelCannot, match="questions"):
        channels.check("mail", "x", question=True)
    with pytest.raises(ChannelCannot, match="replace"):
        channels.check("mail", "x", update=True)
    with pytest.raises(TextTooLong):
        channels.check("mail", "x" * 101)
