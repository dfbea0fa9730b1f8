import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mesh.errors import NotReady
from notify_service import messages
from notify_service.channel import Channels
from notify_service.errors import ChannelRefused, ChannelUnavailable, OutboxStopped
from notify_service.message import Content, DeliveryState
from notify_service.outbox import Outbox
from notify_service.settings import NotifySettings

SETTINGS = NotifySettings(tries=4, backoff_seconds=0.005, backoff_limit_seconds=0.02, send_seconds=0.05)


@pytest.fixture
async def serve(database):
    started = []

    def serve(*channels, settings=SETTINGS) -> Outbox:
        outbox = Outbox(database, Channels(channels), settings)
        outbox.start()
        started.append(outbox)
        return outbox

    yield serve
    for outbox in started:
        await outbox.stop()


@pytest.fixture
def settled(run, until):
    async def settled(message_id: str = "msg_1"):
        async with asyncio.timeout(10):
            while (delivery := await run(messages.read_delivery, message_id)).state is DeliveryState.PENDING:
                await asyncio.sleep(0.002)
        return delivery

    return settled


async def test_pending_messages_are_sent_at_the_start_and_in_order(add, make, channel_type, serve, until):
    for number in (1, 2, 3):
        await add(make(number))
    channel = channel_type()
    serve(channel)
    await until(lambda: len(channel.taken) == 3)
    assert [how_and_id[:2] for how_and_id in channel.taken] == [("send", f"msg_{n}") for n in (1, 2, 3)]


async def test_a_new_message_wakes_the_outbox(add, make, channel_type, serve, settled):
    outbox = serve(channel := channel_type())
    await add(make())
    outbox.wake()
    delivery = await settled()
    assert (delivery.state, delivery.attempts, delivery.last_error) == (DeliveryState.SENT, 1, "")
    assert delivery.sent_at is not None
    assert channel.tries == 1


async def test_an_unavailable_channel_is_tried_again(add, make, channel_type, serve, settled):
    await add(make())
    failures = [ChannelUnavailable("down"), NotReady("the database is full"), RuntimeError("a bug of the adapter")]
    serve(channel_type(failures=failures))
    delivery = await settled()
    assert (delivery.state, delivery.attempts, delivery.last_error) == (DeliveryState.SENT, 4, "")


async def test_after_the_last_try_a_message_has_failed_with_its_reason(add, make, channel_type, serve, settled):
    await add(make())
    channel = channel_type(failures=[ChannelUnavailable(f"down {number}") for number in range(9)])
    serve(channel)
    delivery = await settled()
    assert (delivery.state, delivery.attempts, delivery.last_error) == (DeliveryState.FAILED, 4, "down 3")
    assert (channel.tries, delivery.sent_at) == (4, None)


async def test_a_refusal_is_final_and_delays_nobody_else(add, make, channel_type, serve, settled):
    await add(make(1))
    await add(make(2))
    channel = channel_type(failures=[ChannelRefused("blocked by the user")])
    serve(channel)
    assert (await settled("msg_1")).last_error == "blocked by the user"
    assert (await settled("msg_2")).state is DeliveryState.SENT
    assert channel.tries == 2


async def test_a_stuck_channel_is_given_up_and_delays_no_other_channel(add, make, channel_type, serve, settled, run):
    await add(make(1, "stuck"))
    await add(make(2, "inbox"))
    serve(channel_type("stuck", stuck=True), channel_type("inbox"))
    assert (await settled("msg_2")).state is DeliveryState.SENT
    delivery = await settled("msg_1")
    assert (delivery.state, delivery.last_error) == (DeliveryState.FAILED, "no answer within 0.05 s")


async def test_the_wish_of_the_channel_for_a_pause_is_followed(add, make, channel_type, serve, until, run):
    await add(make())
    channel = channel_type(failures=[ChannelUnavailable("too fast", timedelta(hours=1))])
    serve(channel)
    await until(lambda: channel.tries == 1)
    while not (await run(messages.read_delivery, "msg_1")).attempts:
        await asyncio.sleep(0.001)
    assert await run(messages.next_due, "inbox") - datetime.now(UTC) > timedelta(minutes=59)


async def test_a_new_text_after_sending_is_an_update(add, make, channel_type, serve, settled, run, until, now):
    await add(make())
    outbox = serve(channel := channel_type())
    first = await settled()
    await run(messages.replace, "msg_1", Content("", "new", ""), now, close_question=False)
    outbox.wake()
    second = await settled()
    await until(lambda: len(channel.taken) == 2)
    assert channel.taken == [("send", "msg_1", "Перенести? 1"), ("update", "msg_1", "new")]
    assert second.sent_at == first.sent_at


async def test_a_text_that_was_replaced_on_its_way_does_not_count_as_the_new_one(add, make, run, now):
    await add(make())
    (job,) = await run(messages.due, "inbox", now, 9)
    await run(messages.replace, "msg_1", Content("", "new", ""), now, close_question=False)
    await run(messages.try_again, job, "too late to matter", now)
    await run(messages.give_up, job, "too late to matter")
    delivery = await run(messages.read_delivery, "msg_1")
    assert (delivery.state, delivery.attempts, delivery.last_error) == (DeliveryState.PENDING, 0, "")
    await run(messages.sent, job, now)
    (following,) = await run(messages.due, "inbox", now, 9)
    assert (following.is_update, following.revision, following.message.content.text) == (True, 2, "new")


async def test_a_failed_message_is_tried_again_with_a_new_text(add, make, channel_type, serve, settled, run, now):
    await add(make())
    outbox = serve(channel_type(failures=[ChannelRefused("bad text")]))
    assert (await settled()).state is DeliveryState.FAILED
    await run(messages.replace, "msg_1", Content("", "good", ""), now, close_question=False)
    outbox.wake()
    assert (await settled()).state is DeliveryState.SENT


async def test_messages_of_a_channel_that_is_off_wait(add, make, channel_type, serve, settled, run):
    await add(make(1, "telegram"))
    await add(make(2))
    serve(channel_type())
    assert (await settled("msg_2")).state is DeliveryState.SENT
    assert (await run(messages.read_delivery, "msg_1")).state is DeliveryState.PENDING


async def test_a_stopped_outbox_is_unhealthy(channel_type, serve, until):
    outbox = serve(channel_type())
    outbox.check()
    outbox._tasks[0].cancel()
    await until(outbox._tasks[0].done)
    with pytest.raises(OutboxStopped, match="outbox-inbox"):
        outbox.check()


async def test_pauses_double_up_to_the_limit(add, make, run, database, channel_type, now):
    await add(make())
    (job,) = await run(messages.due, "inbox", now, 9)
    outbox = Outbox(database, Channels([channel_type()]), NotifySettings(backoff_seconds=1, backoff_limit_seconds=10))
    failure = ChannelUnavailable("down")
    pauses = [outbox._delay(replace(job, attempts=tried), failure).total_seconds() for tried in (0, 1, 2, 3, 9, 999)]
    for pause, most in zip(pauses, (1, 2, 4, 8, 10, 10), strict=True):
        assert 0.8 * most <= pause <= most
