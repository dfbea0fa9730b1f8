"""The contract over a real server."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc_health.v1 import health_pb2, health_pb2_grpc
from planerka.board.v1 import board_pb2 as pb
from planerka.common.v1.card_pb2 import Card
from planerka.common.v1.time_pb2 import CalendarDate

from board_service.fields import UPDATABLE
from board_service.service import BoardHosted
from board_service.settings import BoardSettings
from mesh.channel import open_channel
from mesh.errors import Internal, remote_error
from mesh.server import host

C = grpc.StatusCode


async def refused(call) -> tuple[grpc.StatusCode, str, list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    error = remote_error(raised.value)
    return error.code, error.reason, [violation.field for violation in error.violations]


async def new_card(stub, board, title="x", key="k", **fields) -> Card:
    request = pb.CreateCardRequest(board_id=board.board_id, title=title, idempotency_key=key, **fields)
    return (await stub.CreateCard(request)).card


async def test_a_card_lives_from_its_creation_to_its_deletion(stub, board):
    backlog, done = (column.column_id for column in board.columns)
    card = await new_card(stub, board, "Инвентаризация")
    assert (card.key, card.column_id) == ("SKL-1", backlog)
    request = pb.UpdateCardRequest(
        card=Card(card_id=card.card_id, due=CalendarDate(year=2026, month=12, day=31), labels=["срочно"]),
        update_mask=FieldMask(paths=["due", "labels"]),
        expected_version=card.version,
        idempotency_key="u",
    )
    updated = (await stub.UpdateCard(request)).card
    moved = (
        await stub.MoveCard(
            pb.MoveCardRequest(
                card_id=card.card_id, column_id=done, expected_version=updated.version, idempotency_key="m"
            )
        )
    ).card
    commented = await stub.CommentCard(
        pb.CommentCardRequest(card_id=card.card_id, text="Сделано", author="Анна", idempotency_key="c")
    )
    await stub.ArchiveCard(pb.ArchiveCardRequest(card_id=card.card_id, archived=True, idempotency_key="a"))
    await stub.DeleteComment(
        pb.DeleteCommentRequest(card_id=card.card_id, comment_id=commented.comment.comment_id, idempotency_key="d")
    )
    last = (await stub.GetCard(pb.GetCardRequest(card_id=card.card_id))).card
    assert (last.title, last.column_id, last.archived, list(last.labels)) == ("Инвентаризация", done, True, ["срочно"])
    assert [int(v.version) for v in (card, updated, moved, commented.card, last)] == [1, 2, 3, 4, 6]
    await stub.DeleteCard(pb.DeleteCardRequest(card_id=card.card_id, expected_version="6", idempotency_key="x"))
    assert (await refused(stub.GetCard(pb.GetCardRequest(card_id=card.card_id))))[:2] == (C.NOT_FOUND, "CARD_NOT_FOUND")
    changes = await stub.ListChanges(pb.ListChangesRequest(board_id=board.board_id))
    assert [event.kind for event in changes.events] == [1, 2, 3, 4, 6, 5, 8]
    assert not changes.more


async def test_a_hundred_writes_with_one_key_apply_once(stub, board):
    request = pb.CreateCardRequest(board_id=board.board_id, title="once", idempotency_key="the key")
    answers = await asyncio.gather(*(stub.CreateCard(request) for _ in range(100)))
    assert len({answer.SerializeToString(deterministic=True) for answer in answers}) == 1
    cards = (await stub.ListCards(pb.ListCardsRequest(board_id=board.board_id))).cards
    assert list(cards) == [answers[0].card]
    assert len((await stub.ListChanges(pb.ListChangesRequest(board_id=board.board_id))).events) == 1


async def test_of_a_hundred_writers_on_one_version_one_succeeds(stub, board):
    card = await new_card(stub, board)

    def write(number: int):
        return stub.UpdateCard(
            pb.UpdateCardRequest(
                card=Card(card_id=card.card_id, title=str(number)),
                update_mask=FieldMask(paths=["title"]),
                expected_version="1",
                idempotency_key=f"w{number}",
            )
        )

    answers = await asyncio.gather(*(write(number) for number in range(100)), return_exceptions=True)
    failures = [remote_error(answer) for answer in answers if isinstance(answer, grpc.RpcError)]
    assert len(failures) == 99
    assert {(e.code, e.reason, e.metadata["currentVersion"]) for e in failures} == {(C.ABORTED, "CARD_CHANGED", "2")}


async def test_the_same_key_for_another_request_is_refused(stub, board):
    await new_card(stub, board, "first", key="k")
    request = pb.CreateCardRequest(board_id=board.board_id, title="second", idempotency_key="k")
    assert (await refused(stub.CreateCard(request)))[:2] == (C.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED")


async def test_boards_belong_to_their_workspace_and_come_by_name(stub):
    for workspace, name in [("a", "Ящики"), ("a", "Boxes"), ("a", "Ананас" * 150), ("b", "Other")]:
        await stub.CreateBoard(
            pb.CreateBoardRequest(
                workspace_id=workspace, name=name, columns=[pb.NewColumn(title="x")], idempotency_key=name[:9]
            )
        )
    names, token = [], ""
    while True:
        answer = await stub.ListBoards(pb.ListBoardsRequest(workspace_id="a", page_size=1, page_token=token))
        names += [board.name[:6] for board in answer.boards]
        token = answer.next_page_token
        if not token:
            break
    assert names == ["Boxes", "Ананас", "Ящики"]
    wrong = pb.ListBoardsRequest(workspace_id="a", page_token="bm8")
    assert (await refused(stub.ListBoards(wrong)))[:2] == (C.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


async def test_capabilities_are_what_the_board_does(stub, board):
    answer = await stub.GetCapabilities(pb.GetCapabilitiesRequest(board_id=board.board_id))
    assert (answer.connector, tuple(answer.updatable_fields)) == ("local", UPDATABLE)
    assert (answer.comments, answer.archive, answer.delete, answer.atomic_versions, answer.watch) == (True,) * 4 + (
        False,
    )
    comment = "я" * answer.max_comment_length
    card = await new_card(stub, board, description="я" * answer.max_description_length)
    written = await stub.CommentCard(pb.CommentCardRequest(card_id=card.card_id, text=comment, idempotency_key="c"))
    assert written.comment.text == comment


async def test_watching_is_honestly_not_built(stub, board):
    async def watch():
        async for _ in stub.WatchBoard(pb.WatchBoardRequest(board_id=board.board_id)):
            pass

    assert await refused(watch()) == (C.UNIMPLEMENTED, "NOT_BUILT_YET", [])


BAD = [
    ("GetBoard", pb.GetBoardRequest(), C.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    ("GetBoard", pb.GetBoardRequest(board_id="brd_none"), C.NOT_FOUND, "BOARD_NOT_FOUND"),
    ("GetBoard", pb.GetBoardRequest(board_id="'; DROP TABLE boards; --"), C.NOT_FOUND, "BOARD_NOT_FOUND"),
    ("GetCard", pb.GetCardRequest(card_id="crd_none"), C.NOT_FOUND, "CARD_NOT_FOUND"),
    ("GetCard", pb.GetCardRequest(card_id="\x00"), C.NOT_FOUND, "CARD_NOT_FOUND"),
    ("GetCard", pb.GetCardRequest(card_id="x" * 129), C.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    ("ListCards", pb.ListCardsRequest(board_id="brd_none"), C.NOT_FOUND, "BOARD_NOT_FOUND"),
    ("ListCards", pb.ListCardsRequest(board_id="BOARD", column_id="col_none"), C.NOT_FOUND, "COLUMN_NOT_FOUND"),
    ("ListCards", pb.ListCardsRequest(board_id="BOARD", page_size=501), C.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    ("ListCards", pb.ListCardsRequest(board_id="BOARD", page_token="я"), C.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"),
    ("ListChanges", pb.ListChangesRequest(board_id="BOARD", cursor="??"), C.INVALID_ARGUMENT, "CURSOR_INVALID"),
    ("GetCapabilities", pb.GetCapabilitiesRequest(board_id="brd_none"), C.NOT_FOUND, "BOARD_NOT_FOUND"),
    (
        "CreateBoard",
        pb.CreateBoardRequest(workspace_id="w", name="x", idempotency_key="1"),
        C.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
    ),
    (
        "CreateBoard",
        pb.CreateBoardRequest(
            workspace_id="w", name="x", columns=[pb.NewColumn(title="x")], connector="jira", idempotency_key="2"
        ),
        C.NOT_FOUND,
        "CONNECTOR_NOT_FOUND",
    ),
    ("CreateCard", pb.CreateCardRequest(board_id="BOARD", title="x"), C.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    (
        "CreateCard",
        pb.CreateCardRequest(board_id="BOARD", title=" ", idempotency_key="3"),
        C.INVALID_ARGUMENT,
        "FIELDS_INVALID",
    ),
    (
        "CreateCard",
        pb.CreateCardRequest(board_id="BOARD", title="x", column_id="col_none", idempotency_key="4"),
        C.NOT_FOUND,
        "COLUMN_NOT_FOUND",
    ),
    (
        "CreateCard",
        pb.CreateCardRequest(board_id="BOARD", title="x", member_ids=["mem_none"], idempotency_key="5"),
        C.NOT_FOUND,
        "MEMBER_NOT_FOUND",
    ),
    (
        "CreateCard",
        pb.CreateCardRequest(
            board_id="BOARD", title="x", due=CalendarDate(year=2026, month=2, day=30), idempotency_key="6"
        ),
        C.INVALID_ARGUMENT,
        "FIELDS_INVALID",
    ),
    (
        "CreateCard",
        pb.CreateCardRequest(board_id="BOARD", title="x" * 1025, idempotency_key="7"),
        C.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
    ),
    ("UpdateCard", pb.UpdateCardRequest(idempotency_key="8"), C.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    (
        "UpdateCard",
        pb.UpdateCardRequest(card=Card(card_id="CARD"), update_mask=FieldMask(), idempotency_key="9"),
        C.INVALID_ARGUMENT,
        "FIELDS_INVALID",
    ),
    (
        "UpdateCard",
        pb.UpdateCardRequest(card=Card(card_id="CARD"), update_mask=FieldMask(paths=["version"]), idempotency_key="10"),
        C.INVALID_ARGUMENT,
        "FIELDS_INVALID",
    ),
    (
        "UpdateCard",
        pb.UpdateCardRequest(
            card=Card(card_id="crd_none", title="x"), update_mask=FieldMask(paths=["title"]), idempotency_key="11"
        ),
        C.NOT_FOUND,
        "CARD_NOT_FOUND",
    ),
    (
        "MoveCard",
        pb.MoveCardRequest(card_id="CARD", column_id="col_none", idempotency_key="12"),
        C.NOT_FOUND,
        "COLUMN_NOT_FOUND",
    ),
    (
        "DeleteComment",
        pb.DeleteCommentRequest(card_id="CARD", comment_id="cmt_none", idempotency_key="13"),
        C.NOT_FOUND,
        "COMMENT_NOT_FOUND",
    ),
    (
        "CommentCard",
        pb.CommentCardRequest(card_id="CARD", idempotency_key="14"),
        C.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
    ),
    (
        "DeleteCard",
        pb.DeleteCardRequest(card_id="CARD", expected_version="99", idempotency_key="15"),
        C.ABORTED,
        "CARD_CHANGED",
    ),
    (
        "ArchiveCard",
        pb.ArchiveCardRequest(card_id="CARD", archived=True, expected_version="0", idempotency_key="16"),
        C.ABORTED,
        "CARD_CHANGED",
    ),
]


async def test_bad_input_gets_a_typed_error_and_leaves_no_trace(stub, board):
    card = await new_card(stub, board)
    for method, template, code, reason in BAD:
        request = type(template).FromString(template.SerializeToString())
        if getattr(request, "board_id", "") == "BOARD":
            request.board_id = board.board_id
        if getattr(request, "card_id", "") == "CARD":
            request.card_id = card.card_id
        if isinstance(request, pb.UpdateCardRequest) and request.card.card_id == "CARD":
            request.card.card_id = card.card_id
        got = await refused(getattr(stub, method)(request))
        assert got[:2] == (code, reason), (method, str(template), got)
    assert list((await stub.ListCards(pb.ListCardsRequest(board_id=board.board_id))).cards) == [card]
    assert len((await stub.ListBoards(pb.ListBoardsRequest(workspace_id="w"))).boards) == 1
    assert len((await stub.ListChanges(pb.ListChangesRequest(board_id=board.board_id))).events) == 1


async def test_health_follows_the_database(tmp_path, mesh_settings):
    hosted = BoardHosted(BoardSettings(state=tmp_path))
    async with (
        host(hosted, "127.0.0.1:0", mesh_settings) as running,
        open_channel(f"127.0.0.1:{running.port}", mesh_settings, hosted.names) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        question = health_pb2.HealthCheckRequest(service=hosted.names[0])
        assert (await health.Check(question)).status == health_pb2.HealthCheckResponse.SERVING
        (tmp_path / "board.sqlite3").unlink()
        async with asyncio.timeout(5):
            while (await health.Check(question)).status != health_pb2.HealthCheckResponse.NOT_SERVING:
                await asyncio.sleep(0.02)


async def test_state_that_cannot_be_opened_is_named(tmp_path, mesh_settings):
    (tmp_path / "board.sqlite3").write_bytes(b"this is no database" * 100)
    with pytest.raises(Internal, match=r"board\.sqlite3"):
        async with host(BoardHosted(BoardSettings(state=tmp_path)), "127.0.0.1:0", mesh_settings):
            raise AssertionError("it must not open")
