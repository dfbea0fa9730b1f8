"""The same meeting twice, and a corrected version of it, through the real orchestrator, board and match services."""

from __future__ import annotations

import asyncio
import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.meeting_pb2 import MeetingState
from planerka.orchestrator.v1.proposal_pb2 import ProposalState

pytestmark = pytest.mark.models

TALK = (
    ("Ирина", "Александр, начни, пожалуйста, с авторизации через Google."),
    ("Александр", "Авторизация через Google почти готова. Осталось написать тесты, к пятнице сделаю."),
    (
        "Ирина",
        "Поставь на неё метку срочно. Теперь экспорт отчётов в PDF, заказчик жалуется, что выгрузка отчётов падает.",
    ),
    ("Александр", "Экспорт отчётов всё собирает в памяти. Надо переписать на потоковую запись. Я возьму это на себя."),
    (
        "Ирина",
        "И ещё, маркетинг просит сделать промокоды для новых клиентов. Такой задачи у нас нет, заведём новую карточку.",
    ),
    ("Александр", "Промокоды для новых клиентов займут недели две, если с историей применения."),
    ("Ирина", "Спасибо всем, хорошего дня."),
)
CORRECTED = (
    ("Ирина", "Так, Александр, начни, пожалуйста, с авторизации через Google."),
    ("Александр", "Авторизация через Google почти готова. Осталось написать тесты, сделаю к пятнице."),
    ("Ирина", "Поставь на неё метку «срочно». Теперь экспорт отчётов в PDF: заказчик жалуется, что выгрузка отчётов падает."),
    ("Александр", "Экспорт отчётов всё собирает в памяти, надо переписать на потоковую запись. Я возьму это на себя."),
    ("Ирина", "И ещё: маркетинг просит сделать промокоды для новых клиентов. Такой задачи у нас нет, заведём новую карточку."),
    ("Александр", "Промокоды для новых клиентов займут недели две, если с историей применения."),
    ("Ирина", "Всем спасибо, хорошего дня!"),
)  # fmt: skip
CARDS = (
    ("A1", "Авторизация через Google"),
    ("A2", "Экспорт отчётов в PDF"),
    ("A3", "Тёмная тема"),
    ("A4", "Карта пунктов выдачи"),
)


async def again(client, talk, key, **config):
    """Import a talk and return what is proposed when nothing moves any more."""
    meeting = await client.talk(*talk, key=key, **config)
    for _ in range(1200):
        state, found = (
            (await client.detail(meeting.meeting_id)).meeting.state,
            await client.proposals(meeting.meeting_id),
        )
        if found or state == MeetingState.MEETING_STATE_CLOSED:
            assert (await client.detail(meeting.meeting_id)).links
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("neither proposals nor an end")


def shown(proposals):
    return [(p.card.card.key, p.proposed.change.WhichOneof("change"), str(p.proposed.change)) for p in proposals]


@pytest.mark.parametrize("approved", ["all", "half", "none"])
async def test_what_is_applied_or_waits_never_comes_again(matched, approved):
    async with matched.orchestrator() as client:
        await client.board(cards=CARDS)
        first = await again(client, TALK, "one")
        kinds = {p.proposed.change.WhichOneof("change") for p in first}
        assert {"set_due_date", "add_label", "add_member", "add_comment", "create_card"} <= kinds
        chosen = {"all": first, "half": first[::2], "none": []}[approved]
        for proposal in chosen:
            await client.decide(proposal.proposal_id)
            await client.proposal_in(proposal.proposal_id, ProposalState.PROPOSAL_STATE_APPLIED)

        assert shown(await again(client, TALK, "two")) == []
        assert shown(await again(client, CORRECTED, "three")) == []


async def test_news_in_a_corrected_version_still_comes(matched):
    async with matched.orchestrator() as client:
        await client.board(cards=CARDS)
        await again(client, TALK, "one")
        news = (
            *CORRECTED[:2],
            ("Ирина", "Анну подключать не будем, авторизация через Google заблокирована банком."),
            *CORRECTED[2:],
        )
        found = await again(client, news, "two")
        assert [p.proposed.change.WhichOneof("change") for p in found] == ["mark_blocked", "add_comment"]
        assert all("заблокирована банком" in p.proposed.evidence[0].quote for p in found)


async def test_who_is_spoken_of_as_staying_in_the_backlog_is_not_stale(matched):
    async with matched.orchestrator() as client:
        await client.board(cards=CARDS)
        asked = pb.GetWorkspaceSettingsRequest()
        settings = (await client.stub.GetWorkspaceSettings(asked)).settings
        settings.stale_after_meetings = 2
        begin = int(time.time()) - 4 * 86_400
        await client.stub.UpdateWorkspaceSettings(
            pb.UpdateWorkspaceSettingsRequest(settings=settings, idempotency_key="s")
        )
        for day, talk in ((1, TALK), (2, (*TALK[:2], ("Ирина", "Тёмная тема пока остаётся в бэклоге.")))):
            for copy in ("", "corrected"):
                await again(client, talk, f"{day}{copy}", started_at=Timestamp(seconds=begin + day * 86_400))
        stale = {card.card.key: card for card in (await client.stub.ListStaleCards(pb.ListStaleCardsRequest())).cards}

        assert set(stale) == {"A4"}
        assert stale["A4"].meetings_since == 2
        assert not stale["A4"].HasField("last_mentioned_at")
        settings.stale_after_meetings = 1
        await client.stub.UpdateWorkspaceSettings(
            pb.UpdateWorkspaceSettingsRequest(settings=settings, idempotency_key="t")
        )
        stale = {card.card.key: card for card in (await client.stub.ListStaleCards(pb.ListStaleCardsRequest())).cards}
        assert "A3" not in stale
        assert stale["A2"].last_mentioned_at.seconds == begin + 86_400
