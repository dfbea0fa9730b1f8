"""The contract over a real server."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from planerka.notify.v1 import notify_pb2 as pb
from planerka.notify.v1 import notify_pb2_grpc

from mesh.channel import open_channel
from mesh.errors import remote_error
from mesh.server import host
from mesh.times import from_datetime
from notify_service.service import NotifyHosted

C = grpc.StatusCode
BUTTONS = [
    pb.Button(value="approve", label="Одобрить", style=pb.BUTTON_STYLE_PRIMARY),
    pb.Button(value="reject", label="Отклонить", style=pb.BUTTON_STYLE_DANGER),
]


def ask(key: str, *, channel="inbox", address="anna", seconds: float | None = None, **fields) -> pb.AskDecisionRequest:
    request = pb.AskDecisionRequest(
        recipient=pb.Recipient(channel=channel, address=address),
        content=pb.MessageContent(title="Срок", text="Перенести на пятницу?", url="http://127.0.0.1/p/1"),
        buttons=fields.pop("buttons", BUTTONS),
        subject_id=f"prp_{key}",
        idempotency_key=key,
        **fields,
    )
    if seconds is not None:
        request.deadline.CopyFrom(from_datetime(datetime.now(UTC) + timedelta(seconds=seconds)))
    return request


def answer(question_id: str, value="approve", account="anna", key="a", text="") -> pb.SubmitAnswerRequest:
    return pb.SubmitAnswerRequest(question_id=question_id, value=value, account=account, text=text, idempotency_key=key)


async def refused(call) -> tuple[grpc.StatusCode, str, list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    error = remote_error(raised.value)
    return error.code, error.reason, [violation.field for violation in error.violations]


async def inbox(stub, address="anna", **fields) -> list[pb.InboxItem]:
    return list((await stub.ListInbox(pb.ListInboxRequest(address=address, **fields))).items)


async def delivered(stub, message_id: str) -> pb.Delivery:
    async with asyncio.timeout(5):
        while True:
            delivery = (await stub.GetDelivery(pb.GetDeliveryRequest(message_id=message_id))).delivery
            if delivery.state != pb.DELIVERY_STATE_PENDING:
                return delivery
            await asyncio.sleep(0.005)


async def test_a_message_arrives_in_the_inbox(stub):
    request = pb.SendRequest(
        recipient=pb.Recipient(channel="inbox", address="anna"),
        content=pb.MessageContent(title="Готово", text="Карточка перенесена"),
        idempotency_key="k",
    )
    taken = (await stub.Send(request)).delivery
    assert taken.message_id.startswith("msg_")
    assert (taken.state, taken.recipient) == (pb.DELIVERY_STATE_PENDING, request.recipient)
    sent = await delivered(stub, taken.message_id)
    assert (sent.state, sent.attempts, sent.HasField("sent_at")) == (pb.DELIVERY_STATE_SENT, 1, True)
    (item,) = await inbox(stub)
    assert (item.message_id, item.content, item.question_id) == (taken.message_id, request.content, "")
    assert not item.buttons
    assert not await inbox(stub, "пётр")


async def test_a_question_is_asked_and_answered_once(stub):
    asked = await stub.AskDecision(ask("1", seconds=60))
    await delivered(stub, asked.delivery.message_id)
    (item,) = await inbox(stub, open_only=True)
    assert (item.question_id, item.subject_id, list(item.buttons)) == (asked.question_id, "prp_1", BUTTONS)
    given = (await stub.SubmitAnswer(answer(asked.question_id, text="да"))).answer
    assert (given.subject_id, given.value, given.text, given.channel, given.account) == (
        "prp_1",
        "approve",
        "да",
        "inbox",
        "anna",
    )
    assert (await stub.SubmitAnswer(answer(asked.question_id, text="да"))).answer == given
    assert (await refused(stub.SubmitAnswer(answer(asked.question_id, "reject", key="b"))))[:2] == (
        C.FAILED_PRECONDITION,
        "ALREADY_ANSWERED",
    )
    assert not await inbox(stub, open_only=True)
    (item,) = await inbox(stub)
    assert (item.answer, list(item.buttons)) == (given, [])


async def test_a_hundred_questions_with_one_key_are_one(stub):
    answers = await asyncio.gather(*(stub.AskDecision(ask("same")) for _ in range(100)))
    assert len({a.SerializeToString(deterministic=True) for a in answers}) == 1
    await delivered(stub, answers[0].delivery.message_id)
    assert len(await inbox(stub)) == 1


async def test_of_a_hundred_answers_one_is_taken(stub):
    asked = await stub.AskDecision(ask("1"))
    results = await asyncio.gather(
        *(stub.SubmitAnswer(answer(asked.question_id, key=str(number))) for number in range(100)),
        return_exceptions=True,
    )
    failures = [remote_error(result).reason for result in results if isinstance(result, grpc.RpcError)]
    assert failures == ["ALREADY_ANSWERED"] * 99


async def test_after_the_deadline_nobody_can_answer_but_a_repeated_call_still_hears_the_first_answer(stub):
    request = ask("1", seconds=0.3)
    asked = await stub.AskDecision(request)
    other = await stub.AskDecision(ask("2", seconds=0.3))
    given = await stub.SubmitAnswer(answer(asked.question_id))
    await asyncio.sleep(0.35)
    assert (await refused(stub.SubmitAnswer(answer(other.question_id, key="b"))))[:2] == (
        C.FAILED_PRECONDITION,
        "QUESTION_EXPIRED",
    )
    assert await stub.SubmitAnswer(answer(asked.question_id)) == given
    assert await stub.AskDecision(request) == asked


async def test_closing_a_question_replaces_its_text_and_takes_the_buttons_away(stub):
    asked = await stub.AskDecision(ask("1"))
    await delivered(stub, asked.delivery.message_id)
    update = pb.UpdateMessageRequest(
        message_id=asked.delivery.message_id,
        content=pb.MessageContent(text="Решено без вас"),
        close_question=True,
        idempotency_key="u",
    )
    first = await stub.UpdateMessage(update)
    assert (await delivered(stub, asked.delivery.message_id)).state == pb.DELIVERY_STATE_SENT
    assert await stub.UpdateMessage(update) == first
    (item,) = await inbox(stub)
    assert (item.content.text, list(item.buttons)) == ("Решено без вас", [])
    assert (await refused(stub.SubmitAnswer(answer(asked.question_id))))[:2] == (
        C.FAILED_PRECONDITION,
        "QUESTION_CLOSED",
    )


async def test_the_console_shows_questions(stub, capfd):
    asked = await stub.AskDecision(ask("1", channel="console", address="all"))
    await delivered(stub, asked.delivery.message_id)
    shown = capfd.readouterr().out
    assert "Вопрос, кому: all" in shown
    assert "Ответить: planerka proposals" in shown
    assert (await stub.SubmitAnswer(answer(asked.question_id, account="all"))).answer.channel == "console"


async def test_channels_are_listed_by_name(stub):
    listed = (await stub.ListChannels(pb.ListChannelsRequest())).channels
    assert [(c.name, c.questions, c.updates, c.max_text_length) for c in listed] == [
        ("console", True, True, 4000),
        ("inbox", True, True, 4000),
    ]


async def test_inboxes_are_read_page_by_page_while_messages_come(stub):
    for number in range(5):
        await delivered(stub, (await stub.AskDecision(ask(str(number)))).delivery.message_id)
    seen, token = [], ""
    while True:
        page = await stub.ListInbox(pb.ListInboxRequest(address="anna", page_size=2, page_token=token))
        seen += [item.subject_id for item in page.items]
        token = page.next_page_token
        if not token:
            break
        await delivered(stub, (await stub.AskDecision(ask("late" + token))).delivery.message_id)
    assert seen == [f"prp_{number}" for number in (4, 3, 2, 1, 0)]


async def take(call, count: int) -> list[pb.WatchAnswersResponse]:
    async with asyncio.timeout(5):
        return [await call.read() for _ in range(count)]


async def test_a_watch_replays_then_follows_and_goes_on_after_its_cursor(stub):
    questions = [(await stub.AskDecision(ask(str(number)))).question_id for number in range(6)]
    for question in questions[:3]:
        await stub.SubmitAnswer(answer(question, key=question))
    watch = stub.WatchAnswers(pb.WatchAnswersRequest())
    past = await take(watch, 3)
    pending = asyncio.create_task(take(watch, 1))
    await asyncio.sleep(0.05)
    await stub.SubmitAnswer(answer(questions[3], key="3"))
    live = await pending
    watch.cancel()
    for question in questions[4:]:
        await stub.SubmitAnswer(answer(question, key=question))
    again = stub.WatchAnswers(pb.WatchAnswersRequest(cursor=live[0].cursor))
    rest = await take(again, 2)
    again.cancel()
    assert [r.answer.question_id for r in past + live + rest] == questions


async def test_many_watchers_all_hear_every_answer(stub):
    watches = [stub.WatchAnswers(pb.WatchAnswersRequest()) for _ in range(20)]
    readers = [asyncio.create_task(take(watch, 30)) for watch in watches]
    asked = await asyncio.gather(*(stub.AskDecision(ask(str(number))) for number in range(30)))
    await asyncio.gather(*(stub.SubmitAnswer(answer(a.question_id, key=a.question_id)) for a in asked))
    heard = [[r.answer.answer_id for r in await reader] for reader in readers]
    assert len(set(heard[0])) == 30
    assert all(ids == heard[0] for ids in heard)
    for watch in watches:
        watch.cancel()


async def test_a_watch_survives_a_restart_of_the_service_and_does_not_delay_it(notify_settings, mesh_settings):
    patient = mesh_settings.model_copy(update={"drain_seconds": 30.0})

    async with contextlib.AsyncExitStack() as client:

        async def call(running, hosted) -> notify_pb2_grpc.NotifyServiceStub:
            address = f"127.0.0.1:{running.port}"
            channel = await client.enter_async_context(open_channel(address, patient, hosted.names))
            return notify_pb2_grpc.NotifyServiceStub(channel)

        hosted = NotifyHosted(notify_settings)
        async with host(hosted, "127.0.0.1:0", patient) as running:
            stub = await call(running, hosted)
            first = (await stub.AskDecision(ask("1"))).question_id
            second = (await stub.AskDecision(ask("2"))).question_id
            await stub.SubmitAnswer(answer(first, key="1"))
            watch = stub.WatchAnswers(pb.WatchAnswersRequest())
            heard = await take(watch, 1)
            ending = asyncio.create_task(refused(watch.read()))
            await asyncio.sleep(0.05)
            stopping = time.monotonic()
        assert await ending == (C.UNAVAILABLE, "STOPPING", [])
        assert time.monotonic() - stopping < 5
        hosted = NotifyHosted(notify_settings)
        async with host(hosted, "127.0.0.1:0", patient) as running:
            stub = await call(running, hosted)
            await stub.SubmitAnswer(answer(second, key="2"))
            watch = stub.WatchAnswers(pb.WatchAnswersRequest(cursor=heard[0].cursor))
            again = await take(watch, 1)
            watch.cancel()
        assert [r.answer.question_id for r in heard + again] == [first, second]


async def test_bad_input_gets_a_typed_error_and_leaves_no_trace(stub):
    asked = await stub.AskDecision(ask("1"))
    await delivered(stub, asked.delivery.message_id)

    async def watch(cursor: str):
        await stub.WatchAnswers(pb.WatchAnswersRequest(cursor=cursor)).read()

    twice = [BUTTONS[0], BUTTONS[0]]
    far = ask("bad")
    far.deadline.seconds = 10**13
    nowhere = pb.Recipient(channel="pigeon", address="x")
    content = pb.MessageContent(text="x")
    invalid, missing = (C.INVALID_ARGUMENT, "INVALID_ARGUMENT"), C.NOT_FOUND
    table = [
        (stub.Send(pb.SendRequest(idempotency_key="x")), *invalid),
        (
            stub.Send(pb.SendRequest(recipient=nowhere, content=content, idempotency_key="x")),
            missing,
            "CHANNEL_NOT_FOUND",
        ),
        (stub.Send(pb.SendRequest(recipient=nowhere, content=pb.MessageContent(), idempotency_key="x")), *invalid),
        (
            stub.Send(
                pb.SendRequest(recipient=nowhere, content=pb.MessageContent(text="x" * 4001), idempotency_key="x")
            ),
            *invalid,
        ),
        (stub.AskDecision(ask("x", buttons=[])), *invalid),
        (stub.AskDecision(ask("x", buttons=BUTTONS * 5)), *invalid),
        (stub.AskDecision(ask("x", buttons=twice)), C.INVALID_ARGUMENT, "QUESTION_INVALID"),
        (stub.AskDecision(ask("x", seconds=-1)), C.INVALID_ARGUMENT, "QUESTION_INVALID"),
        (stub.AskDecision(far), C.INVALID_ARGUMENT, "TIME_INVALID"),
        (stub.AskDecision(ask("x", channel="pigeon")), missing, "CHANNEL_NOT_FOUND"),
        (stub.AskDecision(ask("1", address="пётр")), C.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED"),
        (stub.SubmitAnswer(answer("qst_none")), missing, "QUESTION_NOT_FOUND"),
        (stub.SubmitAnswer(answer(asked.question_id, account="пётр")), C.PERMISSION_DENIED, "NOT_ASKED"),
        (stub.SubmitAnswer(answer(asked.question_id, value="maybe")), C.INVALID_ARGUMENT, "ANSWER_VALUE_UNKNOWN"),
        (stub.SubmitAnswer(answer(asked.question_id, value="")), *invalid),
        (stub.SubmitAnswer(answer(asked.question_id, text="x" * 4001)), *invalid),
        (
            stub.UpdateMessage(pb.UpdateMessageRequest(message_id="msg_none", content=content, idempotency_key="x")),
            missing,
            "MESSAGE_NOT_FOUND",
        ),
        (stub.GetDelivery(pb.GetDeliveryRequest(message_id="msg_none")), missing, "MESSAGE_NOT_FOUND"),
        (stub.GetDelivery(pb.GetDeliveryRequest()), *invalid),
        (stub.ListInbox(pb.ListInboxRequest(address="anna", page_token="?")), C.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"),
        (stub.ListInbox(pb.ListInboxRequest(address="anna", page_size=501)), *invalid),
        (stub.ListInbox(pb.ListInboxRequest()), *invalid),
        (watch("nonsense"), C.INVALID_ARGUMENT, "CURSOR_INVALID"),
        (watch("YW5zd2VycyA5OQ"), C.INVALID_ARGUMENT, "CURSOR_INVALID"),
    ]
    for place, (call, code, reason) in enumerate(table):
        assert (await refused(call))[:2] == (code, reason), place
    (item,) = await inbox(stub)
    assert (item.question_id, item.HasField("answer"), len(item.buttons)) == (asked.question_id, False, 2)
