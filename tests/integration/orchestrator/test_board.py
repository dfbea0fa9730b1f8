"""Every kind of change on the real board: applied, and taken back."""

from __future__ import annotations

import pytest
from planerka.board.v1 import board_pb2
from planerka.common.v1.card_pb2 import ChecklistItem
from planerka.common.v1.change_pb2 import (
    AddChecklistItem,
    AddComment,
    AddLabel,
    AddMember,
    AppendDescription,
    CardChange,
    CompleteChecklistItem,
    MarkBlocked,
    MoveCard,
    RemoveLabel,
    RemoveMember,
    SetDueDate,
)
from planerka.common.v1.time_pb2 import CalendarDate

from orchestrator.changes import Send, inverse, plan


@pytest.fixture
async def board(mesh):
    async with mesh.board_stub() as stub:
        made = (
            await stub.CreateBoard(
                board_pb2.CreateBoardRequest(
                    workspace_id="wsp_default",
                    name="Доска",
                    columns=[board_pb2.NewColumn(title=title) for title in ("Бэклог", "В работе")],
                    member_names=["Анна", "Олег"],
                    idempotency_key="board",
                )
            )
        ).board
        cards = [
            (
                await stub.CreateCard(
                    board_pb2.CreateCardRequest(
                        board_id=made.board_id,
                        title=title,
                        description="Через шлюз.",
                        member_ids=[made.members[0].member_id],
                        labels=["старое"],
                        checklist=[ChecklistItem(text="проверить")],
                        idempotency_key=title,
                    )
                )
            ).card
            for title in ("Возвраты", "Шлюз")
        ]
        yield stub, made, cards


async def test_every_change_goes_there_and_back(board):
    stub, made, (card, other) = board
    changes = [
        CardChange(add_comment=AddComment(text="готово наполовину")),
        CardChange(append_description=AppendDescription(text="Меньше рубля не берёт.")),
        CardChange(add_checklist_item=AddChecklistItem(text="написать в поддержку")),
        CardChange(complete_checklist_item=CompleteChecklistItem(item_id=card.checklist[0].item_id)),
        CardChange(set_due_date=SetDueDate(due=CalendarDate(year=2026, month=3, day=6))),
        CardChange(add_member=AddMember(member_id=made.members[1].member_id)),
        CardChange(remove_member=RemoveMember(member_id=made.members[0].member_id)),
        CardChange(move_card=MoveCard(column_id=made.columns[1].column_id)),
        CardChange(add_label=AddLabel(label="срочно")),
        CardChange(remove_label=RemoveLabel(label="старое")),
        CardChange(mark_blocked=MarkBlocked(by_card_id=other.card_id)),
        CardChange(mark_blocked=MarkBlocked(reason="ждём ответа")),
    ]

    async def read():
        return (await stub.GetCard(board_pb2.GetCardRequest(card_id=card.card_id))).card

    def content(state):
        bare = type(state)()
        bare.CopyFrom(state)
        for name in ("version", "updated_at"):
            bare.ClearField(name)
        return bare

    for number, change in enumerate(changes):
        before = await read()
        step = plan(change, before, before, made.board_id, f"do{number}", "Planerka", "ru")
        assert isinstance(step, Send)
        response = await getattr(stub, step.method)(step.request)
        after = await read()
        assert content(after) != content(before)
        comment_id = response.comment.comment_id if step.method == "CommentCard" else ""
        known = {item.item_id for item in before.checklist}
        item_id = next((item.item_id for item in after.checklist if item.item_id not in known), "")
        back = inverse(change, before, after, comment_id, item_id, f"undo{number}")
        assert back is not None
        await getattr(stub, back.method)(back.request)
        assert content(await read()) == content(before), change
