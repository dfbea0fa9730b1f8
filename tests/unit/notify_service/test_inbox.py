from datetime import timedelta

from notify_service import answers, inbox, messages
from notify_service.message import Content


async def test_newest_first_and_page_by_page(run, add, make, now):
    for number in range(5):
        await run(inbox.put, await add(make(number)))
    await run(inbox.put, await add(make(9, address="пётр")))
    first = await run(inbox.items, "anna", None, 2, now, open_only=False)
    rest = await run(inbox.items, "anna", first[-1].sequence, 9, now, open_only=False)
    assert [item.message_id for item in [*first, *rest]] == ["msg_4", "msg_3", "msg_2", "msg_1", "msg_0"]


async def test_a_message_lies_there_once_and_takes_new_texts(run, add, make, now):
    message = await add(make())
    await run(inbox.put, message)
    await run(inbox.put, message)
    await run(messages.replace, "msg_1", Content("", "new", ""), now, close_question=False)
    (item,) = await run(inbox.items, "anna", None, 9, now, open_only=False)
    assert item.content == message.content
    await run(inbox.put, await run(messages.read_message, "msg_1"))
    (updated,) = await run(inbox.items, "anna", None, 9, now, open_only=False)
    assert (updated.content.text, updated.sent_at, updated.sequence) == ("new", item.sent_at, item.sequence)


async def test_open_only_are_those_that_can_still_be_answered(run, add, make, now):
    plain, answered, expired, closed, still, endless = (
        make(1, asks=False),
        make(2),
        make(3, deadline=now),
        make(4),
        make(5, deadline=now + timedelta(seconds=1)),
        make(6),
    )
    for message in (plain, answered, expired, closed, still, endless):
        await run(inbox.put, await add(message))
    await run(answers.submit, "qst_2", "approve", "", "anna", now)
    await run(messages.replace, "msg_4", closed.content, now, close_question=True)
    listed = await run(inbox.items, "anna", None, 9, now, open_only=True)
    assert [item.message_id for item in listed] == ["msg_6", "msg_5"]
    everything = await run(inbox.items, "anna", None, 9, now, open_only=False)
    assert [item.message_id for item in everything if item.can_be_answered(now)] == ["msg_6", "msg_5"]
