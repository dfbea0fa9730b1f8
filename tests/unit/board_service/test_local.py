"""The local board without a server around it."""

from __future__ import annotations

import pytest
from planerka.board.v1 import board_pb2 as pb
from planerka.common.v1.card_pb2 import Card, ChecklistItem, ColumnKind
from planerka.common.v1.time_pb2 import CalendarDate

from board_service import errors
from board_service.adapters.local_cards import MAX_COMMENT_BYTES
from mesh.database import IdempotencyKeyReused
from mesh.errors import InvalidArgument

K = pb.BoardEventKind


async def test_a_board_has_identifiers_and_kinds(desk):
    board = desk.board
    assert board.board_id.startswith("brd_")
    assert board.connector == "local"
    assert [(c.column_id[:4], c.title, c.kind) for c in board.columns] == [
        ("col_", "Бэклог", ColumnKind.COLUMN_KIND_BACKLOG),
        ("col_", "Готово", ColumnKind.COLUMN_KIND_DONE),
    ]
    assert [(m.member_id[:4], m.name) for m in board.members] == [("mem_", "Анна"), ("mem_", "Пётр")]
    assert await desk.boards.get_board(board.board_id) == board


async def test_a_given_kind_wins_over_the_guess(desk):
    columns = [pb.NewColumn(title="Готово", kind=ColumnKind.COLUMN_KIND_ACTIVE)]
    request = pb.CreateBoardRequest(workspace_id="w", name="x", columns=columns, idempotency_key="other")
    assert (await desk.boards.create_board(request)).board.columns[0].kind == ColumnKind.COLUMN_KIND_ACTIVE


async def test_a_new_card_holds_everything(desk):
    member = desk.board.members[1].member_id
    card = await desk.create(
        "Тёмная тема",
        description="Второй набор цветов",
        column_id=desk.board.columns[1].column_id,
        member_ids=[member],
        labels=["ui", "важно"],
        due=CalendarDate(year=2026, month=12, day=1),
        checklist=[ChecklistItem(text="Палитра", checklist="Дизайн", done=True), ChecklistItem(text="Код")],
        key="A3",
    )
    assert card.card_id.startswith("crd_")
    assert (card.key, card.version, card.column_id) == ("A3", "1", desk.board.columns[1].column_id)
    assert list(card.member_ids) == [member]
    assert list(card.labels) == ["ui", "важно"]
    assert card.due == CalendarDate(year=2026, month=12, day=1)
    assert [(i.item_id[:4], i.checklist, i.text, i.done) for i in card.checklist] == [
        ("itm_", "Дизайн", "Палитра", True),
        ("itm_", "", "Код", False),
    ]
    assert card.created_at == card.updated_at
    assert await desk.boards.get_card(card.card_id) == card


async def test_keys_are_given_past_those_taken_and_never_twice(desk):
    await desk.create(key="mp-2")
    first, second = await desk.create(), await desk.create()
    assert (first.key, second.key) == ("MP-1", "MP-3")
    await desk.boards.delete_card(pb.DeleteCardRequest(card_id=second.card_id, idempotency_key="gone"))
    assert (await desk.create()).key == "MP-4"


async def test_a_taken_key_is_refused_whatever_its_case(desk):
    card = await desk.create(key="A1")
    with pytest.raises(errors.KeyTaken) as raised:
        await desk.create(key="a1")
    assert raised.value.resource == ("card", card.card_id)


async def test_only_masked_fields_change(desk):
    card = await desk.create("old", description="keep", labels=["keep"])
    changed = await desk.update(Card(card_id=card.card_id, title="new"), "title")
    assert (changed.title, changed.description, list(changed.labels)) == ("new", "keep", ["keep"])
    assert changed.version == "2"
    assert [(e.kind, list(e.fields)) for e in await desk.events()][1:] == [(K.BOARD_EVENT_KIND_CARD_UPDATED, ["title"])]


async def test_an_update_without_a_difference_leaves_no_trace(desk):
    card = await desk.create("same", due=CalendarDate(year=2026, month=1, day=1), checklist=[ChecklistItem(text="a")])
    again = await desk.update(card, "title", "due", "checklist", "labels", "member_ids", "blocked_by", "description")
    assert again == card
    assert len(await desk.events()) == 1


async def test_a_stale_version_is_refused_with_the_current_one(desk):
    card = await desk.create()
    await desk.update(Card(card_id=card.card_id, title="theirs"), "title", expected="1")
    with pytest.raises(errors.CardChanged) as raised:
        await desk.update(Card(card_id=card.card_id, title="ours"), "title", expected="1")
    assert raised.value.metadata == {"currentVersion": "2", "expectedVersion": "1"}
    assert (await desk.boards.get_card(card.card_id)).title == "theirs"


async def test_a_due_date_is_set_and_taken_away(desk):
    card = await desk.create()
    due = CalendarDate(year=2028, month=2, day=29)
    assert (await desk.update(Card(card_id=card.card_id, due=due), "due")).due == due
    assert not (await desk.update(Card(card_id=card.card_id), "due")).HasField("due")


async def test_checklist_items_keep_their_identifiers(desk):
    card = await desk.create(checklist=[ChecklistItem(text="a"), ChecklistItem(text="b")])
    first = card.checklist[0]
    wanted = [ChecklistItem(text="new"), ChecklistItem(item_id=first.item_id, text="a", done=True)]
    changed = await desk.update(Card(card_id=card.card_id, checklist=wanted), "checklist")
    assert [(i.text, i.done) for i in changed.checklist] == [("new", False), ("a", True)]
    assert changed.checklist[1].item_id == first.item_id
    assert changed.checklist[0].item_id.startswith("itm_")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"member_ids": ["mem_none"]}, errors.MemberNotFound),
        ({"checklist": [ChecklistItem(item_id="itm_none", text="x")]}, errors.ItemNotFound),
        ({"blocked_by": ["crd_none"]}, errors.CardNotFound),
    ],
)
async def test_references_must_exist_and_a_refused_update_changes_nothing(desk, fields, error):
    card = await desk.create("before")
    wanted = Card(card_id=card.card_id, title="after", **fields)
    with pytest.raises(error):
        await desk.update(wanted, "title", *fields)
    assert await desk.boards.get_card(card.card_id) == card
    assert len(await desk.events()) == 1


async def test_a_card_of_another_board_cannot_block(desk):
    columns = [pb.NewColumn(title="x")]
    other = await desk.boards.create_board(
        pb.CreateBoardRequest(workspace_id="w", name="other", columns=columns, idempotency_key="other")
    )
    foreign = await desk.boards.create_card(
        pb.CreateCardRequest(board_id=other.board.board_id, title="x", idempotency_key="foreign")
    )
    card = await desk.create()
    with pytest.raises(errors.CardNotFound):
        await desk.update(Card(card_id=card.card_id, blocked_by=[foreign.card.card_id]), "blocked_by")
    with pytest.raises(errors.ColumnNotFound):
        await desk.create(column_id=other.board.columns[0].column_id)


async def test_deleting_a_card_frees_those_that_it_blocked(desk):
    blocker, blocked = await desk.create("blocker"), await desk.create("blocked")
    await desk.update(Card(card_id=blocked.card_id, blocked_by=[blocker.card_id]), "blocked_by")
    await desk.boards.delete_card(pb.DeleteCardRequest(card_id=blocker.card_id, idempotency_key="gone"))
    freed = await desk.boards.get_card(blocked.card_id)
    assert (list(freed.blocked_by), freed.version) == ([], "3")
    assert [(e.kind, e.card_id, e.HasField("card")) for e in (await desk.events())[-2:]] == [
        (K.BOARD_EVENT_KIND_CARD_DELETED, blocker.card_id, False),
        (K.BOARD_EVENT_KIND_CARD_UPDATED, blocked.card_id, True),
    ]
    with pytest.raises(errors.CardNotFound):
        await desk.boards.get_card(blocker.card_id)


async def test_moving_puts_a_card_at_the_end_and_to_its_own_column_does_nothing(desk):
    backlog, done = (c.column_id for c in desk.board.columns)
    first, second = await desk.create("1"), await desk.create("2", column_id=done)
    moved = (
        await desk.boards.move_card(pb.MoveCardRequest(card_id=first.card_id, column_id=done, idempotency_key="m"))
    ).card
    assert (moved.column_id, moved.version) == (done, "2")
    assert [c.card_id for c in (await desk.cards()).cards] == [second.card_id, first.card_id]
    same = pb.MoveCardRequest(card_id=first.card_id, column_id=done, expected_version="2", idempotency_key="m2")
    assert (await desk.boards.move_card(same)).card == moved
    with pytest.raises(errors.CardChanged):
        await desk.boards.move_card(
            pb.MoveCardRequest(card_id=first.card_id, column_id=backlog, expected_version="1", idempotency_key="m3")
        )


async def test_archived_cards_are_listed_only_when_asked_for(desk):
    card = await desk.create()
    request = pb.ArchiveCardRequest(card_id=card.card_id, archived=True, idempotency_key="a")
    archived = (await desk.boards.archive_card(request)).card
    assert (archived.archived, archived.version) == (True, "2")
    assert not (await desk.cards()).cards
    assert list((await desk.cards(include_archived=True)).cards) == [archived]
    back = pb.ArchiveCardRequest(card_id=card.card_id, archived=False, idempotency_key="b")
    assert not (await desk.boards.archive_card(back)).card.archived
    kinds = [event.kind for event in await desk.events()]
    assert kinds[1:] == [K.BOARD_EVENT_KIND_CARD_ARCHIVED, K.BOARD_EVENT_KIND_CARD_RESTORED]


async def test_comments_are_written_and_deleted(desk):
    card = await desk.create()
    request = pb.CommentCardRequest(card_id=card.card_id, text="Готово наполовину", author="Анна", idempotency_key="c")
    answer = await desk.boards.comment_card(request)
    assert answer.comment.comment_id.startswith("cmt_")
    assert list(answer.card.comments) == [answer.comment]
    assert (await desk.events())[-1].actor == "Анна"
    delete = pb.DeleteCommentRequest(card_id=card.card_id, comment_id=answer.comment.comment_id, idempotency_key="d")
    assert not (await desk.boards.delete_comment(delete)).card.comments
    delete.idempotency_key = "d2"
    with pytest.raises(errors.CommentNotFound):
        await desk.boards.delete_comment(delete)


async def test_a_card_carries_its_newest_200_comments_in_order(desk):
    card = await desk.create()
    await desk.write_comments(card, (str(number) for number in range(203)))
    shown = (await desk.boards.get_card(card.card_id)).comments
    assert [c.text for c in shown] == [str(number) for number in range(3, 203)]


async def test_long_comments_do_not_make_a_card_too_large_to_send(desk):
    card = await desk.create()
    await desk.write_comments(card, ["я" * 16_384] * 40)
    read = await desk.boards.get_card(card.card_id)
    assert len(read.comments) == MAX_COMMENT_BYTES // (2 * 16_384)


async def test_pages_are_stable_while_cards_come(desk):
    titles = [str(number) for number in range(7)]
    for title in titles:
        await desk.create(title)
    seen, token = [], ""
    while True:
        answer = await desk.cards(page_size=3, page_token=token)
        seen += [card.title for card in answer.cards]
        token = answer.next_page_token
        if not token:
            break
        await desk.create("late " + token)
    assert seen[:7] == titles
    assert len(set(seen)) == len(seen)


async def test_a_page_ends_early_rather_than_growing_too_large(desk):
    for number in range(4):
        await desk.create(str(number), description="x" * 30_000)
    desk.boards._page_bytes = 1 << 16
    answer = await desk.cards(page_size=4)
    assert (len(answer.cards), bool(answer.next_page_token)) == (2, True)
    rest = await desk.cards(page_size=4, page_token=answer.next_page_token)
    assert ([c.title for c in rest.cards], rest.next_page_token) == (["2", "3"], "")


@pytest.mark.parametrize("token", ["!!!", "я", "YWJj", "a"])
async def test_foreign_page_tokens_are_refused(desk, token):
    with pytest.raises(InvalidArgument) as raised:
        await desk.cards(page_token=token)
    assert raised.value.reason == "PAGE_TOKEN_INVALID"


async def test_changes_are_read_piece_by_piece_without_loss(desk):
    for number in range(5):
        await desk.create(str(number))
    cursor, seen = "", []
    while True:
        answer = await desk.boards.list_changes(
            pb.ListChangesRequest(board_id=desk.board.board_id, cursor=cursor, page_size=2)
        )
        seen += [event.card.title for event in answer.events]
        cursor = answer.next_cursor
        if not answer.more:
            break
    assert seen == ["0", "1", "2", "3", "4"]
    assert not await desk.events(cursor)
    await desk.create("5")
    assert [event.card.title for event in await desk.events(cursor)] == ["5"]


@pytest.mark.parametrize("cursor", ["nonsense!", "YnJkX3ggMQ", "YnJkX3g"])
async def test_foreign_cursors_are_refused(desk, cursor):
    with pytest.raises(errors.CursorInvalid):
        await desk.events(cursor)


async def test_a_key_of_idempotency_answers_once_and_keeps_the_first_answer(desk):
    request = pb.CreateCardRequest(board_id=desk.board.board_id, title="x", idempotency_key="k")
    first = await desk.boards.create_card(request)
    await desk.update(Card(card_id=first.card.card_id, title="y"), "title")
    assert await desk.boards.create_card(request) == first
    request.title = "other"
    with pytest.raises(IdempotencyKeyReused):
        await desk.boards.create_card(request)
    assert len((await desk.cards()).cards) == 1


async def test_a_refused_write_does_not_use_up_its_key(desk):
    request = pb.CreateCardRequest(board_id=desk.board.board_id, title="x", key="A1", idempotency_key="k")
    blocking = await desk.create(key="A1")
    with pytest.raises(errors.KeyTaken):
        await desk.boards.create_card(request)
    await desk.boards.delete_card(pb.DeleteCardRequest(card_id=blocking.card_id, idempotency_key="gone"))
    assert (await desk.boards.create_card(request)).card.key == "A1"
