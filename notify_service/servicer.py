"""The contract of the notification service."""

# ruff: noqa: ARG002, N802  (the contract names methods and their arguments)

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message as ProtobufMessage
from planerka.notify.v1 import notify_pb2 as pb
from planerka.notify.v1 import notify_pb2_grpc

from mesh.database import Database, once
from mesh.errors import InvalidArgument, Violation
from mesh.ids import new_id
from mesh.paging import decode_token, encode_token, page_size
from notify_service import answers, forms, inbox, messages
from notify_service.bell import Bell
from notify_service.channel import Channels
from notify_service.message import Message
from notify_service.outbox import Outbox

__all__ = ["NotifyServicer"]

M = TypeVar("M", bound=ProtobufMessage)

_Context = grpc.aio.ServicerContext[Any, Any]


class NotifyServicer(notify_pb2_grpc.NotifyServiceServicer):
    """Answers the rpcs of `planerka.notify.v1.NotifyService`.

    Args:
        database: Messages and answers.
        channels: The channels that are on.
        outbox: Is woken when there is something to send.
        bell: Rings when there is an answer.
        clock: Tells this moment in UTC.
    """

    def __init__(
        self,
        database: Database,
        channels: Channels,
        outbox: Outbox,
        bell: Bell,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._channels = channels
        self._outbox = outbox
        self._bell = bell
        self._clock = clock

    async def Send(self, request: pb.SendRequest, context: _Context) -> pb.SendResponse:
        """Take a message."""
        message = Message(new_id("msg"), forms.recipient(request.recipient), forms.content(request.content), None)
        self._channels.check(message.recipient.channel, message.content.text)

        def work(connection: sqlite3.Connection) -> pb.SendResponse:
            return pb.SendResponse(delivery=forms.delivery_form(messages.add(connection, message, self._clock())))

        answer = await self._once(request, request.idempotency_key, pb.SendResponse, work)
        self._outbox.wake()
        return answer

    async def AskDecision(self, request: pb.AskDecisionRequest, context: _Context) -> pb.AskDecisionResponse:
        """Take a question."""
        recipient, content = forms.recipient(request.recipient), forms.content(request.content)
        self._channels.check(recipient.channel, content.text, question=True)

        def work(connection: sqlite3.Connection) -> pb.AskDecisionResponse:
            # Inside, because a repeated call is answered even when the deadline has passed meanwhile.
            question = forms.question(request, new_id("qst"), self._clock())
            delivery = messages.add(connection, Message(new_id("msg"), recipient, content, question), self._clock())
            return pb.AskDecisionResponse(question_id=question.question_id, delivery=forms.delivery_form(delivery))

        answer = await self._once(request, request.idempotency_key, pb.AskDecisionResponse, work)
        self._outbox.wake()
        return answer

    async def UpdateMessage(self, request: pb.UpdateMessageRequest, context: _Context) -> pb.UpdateMessageResponse:
        """Replace a message."""
        content = forms.content(request.content)

        def work(connection: sqlite3.Connection) -> pb.UpdateMessageResponse:
            channel = messages.read_delivery(connection, request.message_id).recipient.channel
            self._channels.check(channel, content.text, update=True)
            delivery = messages.replace(
                connection, request.message_id, content, self._clock(), close_question=request.close_question
            )
            return pb.UpdateMessageResponse(delivery=forms.delivery_form(delivery))

        answer = await self._once(request, request.idempotency_key, pb.UpdateMessageResponse, work)
        self._outbox.wake()
        return answer

    async def WatchAnswers(
        self, request: pb.WatchAnswersRequest, context: _Context
    ) -> AsyncIterator[pb.WatchAnswersResponse]:
        """Send answers as they come."""
        async for answer in answers.watch(self._database, self._bell, request.cursor):
            yield pb.WatchAnswersResponse(answer=forms.answer_form(answer), cursor=answers.cursor_of(answer))

    async def SubmitAnswer(self, request: pb.SubmitAnswerRequest, context: _Context) -> pb.SubmitAnswerResponse:
        """Take an answer."""

        def work(connection: sqlite3.Connection) -> pb.SubmitAnswerResponse:
            answer = answers.submit(
                connection, request.question_id, request.value, request.text, request.account, self._clock()
            )
            return pb.SubmitAnswerResponse(answer=forms.answer_form(answer))

        answer = await self._once(request, request.idempotency_key, pb.SubmitAnswerResponse, work)
        self._bell.ring()
        return answer

    async def ListInbox(self, request: pb.ListInboxRequest, context: _Context) -> pb.ListInboxResponse:
        """List an inbox."""
        before, limit, now = _place(request.page_token), page_size(request.page_size), self._clock()
        found = await self._database.run(
            lambda connection: inbox.items(
                connection, request.address, before, limit + 1, now, open_only=request.open_only
            )
        )
        page = found[:limit]
        return pb.ListInboxResponse(
            items=[forms.item_form(item, now) for item in page],
            next_page_token=encode_token(f"inbox {page[-1].sequence}") if len(found) > limit else "",
        )

    async def ListChannels(self, request: pb.ListChannelsRequest, context: _Context) -> pb.ListChannelsResponse:
        """List the channels that are on."""
        return pb.ListChannelsResponse(
            channels=[
                pb.Channel(
                    name=channel.name,
                    questions=channel.questions,
                    updates=channel.updates,
                    max_text_length=channel.max_text_length,
                )
                for channel in self._channels
            ]
        )

    async def GetDelivery(self, request: pb.GetDeliveryRequest, context: _Context) -> pb.GetDeliveryResponse:
        """Tell what became of a message."""
        delivery = await self._database.run(lambda connection: messages.read_delivery(connection, request.message_id))
        return pb.GetDeliveryResponse(delivery=forms.delivery_form(delivery))

    async def _once(
        self, request: ProtobufMessage, key: str, response: type[M], work: Callable[[sqlite3.Connection], M]
    ) -> M:
        method = request.DESCRIPTOR.name.removesuffix("Request")
        return await self._database.run(
            lambda connection: once(connection, method, key, request, response, lambda: work(connection))
        )


def _place(token: str) -> int | None:
    if not token:
        return None
    kind, _, sequence = decode_token(token).partition(" ")
    if kind != "inbox" or not (sequence.isascii() and sequence.isdigit() and len(sequence) < 19):
        raise InvalidArgument(
            "The page token belongs to another list; begin again without one.",
            reason="PAGE_TOKEN_INVALID",
            violations=[Violation("page_token", "must be the `next_page_token` of ListInbox, or empty")],
        )
    return int(sequence)
