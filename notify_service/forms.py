"""Between the contract's messages and the service's own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from planerka.notify.v1 import notify_pb2 as pb

from mesh.errors import Violation
from mesh.times import from_datetime, to_datetime
from notify_service.errors import QuestionInvalid
from notify_service.inbox import InboxItem
from notify_service.message import Answer, Button, ButtonStyle, Content, Delivery, DeliveryState, Question, Recipient

__all__ = ["answer_form", "content", "delivery_form", "item_form", "question", "recipient"]

_STATES: Mapping[DeliveryState, pb.DeliveryState] = {
    DeliveryState.PENDING: pb.DELIVERY_STATE_PENDING,
    DeliveryState.SENT: pb.DELIVERY_STATE_SENT,
    DeliveryState.FAILED: pb.DELIVERY_STATE_FAILED,
}
_STYLES: Mapping[ButtonStyle, pb.ButtonStyle] = {
    ButtonStyle.PLAIN: pb.BUTTON_STYLE_UNSPECIFIED,
    ButtonStyle.PRIMARY: pb.BUTTON_STYLE_PRIMARY,
    ButtonStyle.DANGER: pb.BUTTON_STYLE_DANGER,
}
_STYLES_BACK: Mapping[int, ButtonStyle] = {int(number): style for style, number in _STYLES.items()}


def recipient(form: pb.Recipient) -> Recipient:
    """Return where a message goes."""
    return Recipient(form.channel, form.address)


def content(form: pb.MessageContent) -> Content:
    """Return what a message says."""
    return Content(form.title, form.text, form.url)


def question(request: pb.AskDecisionRequest, question_id: str, now: datetime) -> Question:
    """Return what a request asks.

    Raises:
        QuestionInvalid: Two buttons mean the same, or the deadline has passed.
    """
    deadline = to_datetime(request.deadline) if request.HasField("deadline") else None
    found = []
    if len({button.value for button in request.buttons}) != len(request.buttons):
        found.append(Violation("buttons.value", "must differ from button to button"))
    if deadline is not None and deadline <= now:
        found.append(Violation("deadline", "must lie in the future"))
    if found:
        raise QuestionInvalid(found)
    return Question(
        question_id=question_id,
        subject_id=request.subject_id,
        buttons=tuple(Button(b.value, b.label, _STYLES_BACK[b.style]) for b in request.buttons),
        deadline=deadline,
    )


def delivery_form(delivery: Delivery) -> pb.Delivery:
    """Return what became of a message."""
    return pb.Delivery(
        message_id=delivery.message_id,
        recipient=pb.Recipient(channel=delivery.recipient.channel, address=delivery.recipient.address),
        state=_STATES[delivery.state],
        attempts=delivery.attempts,
        last_error=delivery.last_error,
        sent_at=None if delivery.sent_at is None else from_datetime(delivery.sent_at),
    )


def answer_form(answer: Answer) -> pb.Answer:
    """Return what somebody answered."""
    return pb.Answer(
        answer_id=answer.answer_id,
        question_id=answer.question_id,
        subject_id=answer.subject_id,
        value=answer.value,
        text=answer.text,
        channel=answer.channel,
        account=answer.account,
        answered_at=from_datetime(answer.answered_at),
    )


def item_form(item: InboxItem, now: datetime) -> pb.InboxItem:
    """Return an item of an inbox; it has buttons only while somebody can press them."""
    asked = item.question
    form = pb.InboxItem(
        message_id=item.message_id,
        content=pb.MessageContent(title=item.content.title, text=item.content.text, url=item.content.url),
        answer=None if item.answer is None else answer_form(item.answer),
        sent_at=from_datetime(item.sent_at),
    )
    if asked is not None:
        form.question_id, form.subject_id = asked.question_id, asked.subject_id
        if asked.deadline is not None:
            form.deadline.CopyFrom(from_datetime(asked.deadline))
        if item.can_be_answered(now):
            form.buttons.extend(pb.Button(value=b.value, label=b.label, style=_STYLES[b.style]) for b in asked.buttons)
    return form
