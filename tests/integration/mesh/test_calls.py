"""What surrounds every call."""

from __future__ import annotations

import asyncio

import grpc
import pytest
import structlog
from planerka.asr.v1 import asr_pb2 as asr
from planerka.board.v1 import board_pb2 as pb

from mesh.channel import retry_policy
from mesh.errors import FailedPrecondition, NotReady, RemoteError, Violation, remote_error
from mesh.server import host
from mesh.settings import MeshSettings

C = grpc.StatusCode
BOARD = "planerka.board.v1.BoardService"
ASR = "planerka.asr.v1.AsrService"


async def refused(call) -> RemoteError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return remote_error(raised.value)


def raising(error: BaseException, times: int = 10**6):
    left = times

    async def handle(request):
        nonlocal left
        left -= 1
        if left >= 0:
            raise error
        return pb.GetCardResponse()

    return handle


async def test_an_error_arrives_with_all_its_details(small, client):
    small.board.handler = raising(
        FailedPrecondition("zu spät", reason="TOO_LATE", violations=[Violation("a.b", "no")], metadata={"at": "12:00"})
    )
    error = await refused(client.card())
    assert (error.code, error.reason, error.message) == (C.FAILED_PRECONDITION, "TOO_LATE", "zu spät")
    assert [(v.field, v.description) for v in error.violations] == [("a.b", "no")]
    assert error.metadata == {"at": "12:00"}


async def test_an_error_from_deeper_in_the_mesh_is_passed_on(small, client):
    small.board.handler = raising(RemoteError(C.NOT_FOUND, "CARD_NOT_FOUND", "no card", metadata={"cardId": "7"}))
    error = await refused(client.card())
    assert (error.code, error.reason, error.metadata) == (C.NOT_FOUND, "CARD_NOT_FOUND", {"cardId": "7"})


async def test_a_service_out_of_reach_is_not_taken_for_the_one_that_was_called(small, client):
    small.board.handler = raising(RemoteError(C.UNAVAILABLE, "UNAVAILABLE", "failed to connect to ipv4:10.0.0.7:1"))
    error = await refused(client.card())
    assert (error.code, error.reason) == (C.UNAVAILABLE, "SERVICE_AWAY")
    assert "10.0.0.7" not in error.message
    small.board.handler = raising(RemoteError(C.UNAVAILABLE, "NOT_READY", "models are being opened"))
    assert (await refused(client.card())).reason == "NOT_READY"


async def test_an_unexpected_error_is_internal_and_tells_nothing(small, client):
    small.board.handler = raising(ValueError("the password is 12345"))
    error = await refused(client.card())
    assert (error.code, error.reason) == (C.INTERNAL, "INTERNAL")
    assert "12345" not in error.message


@pytest.mark.parametrize("method", ["GetBoard", "DeleteCard", "WatchBoard"])
async def test_an_rpc_that_is_not_built_says_so(client, method):
    request = {
        "GetBoard": pb.GetBoardRequest(board_id="b"),
        "DeleteCard": pb.DeleteCardRequest(card_id="c", idempotency_key="k"),
        "WatchBoard": pb.WatchBoardRequest(board_id="b"),
    }[method]
    call = getattr(client.board, method)(request)
    error = await refused(call if method != "WatchBoard" else call.read())
    assert (error.code, error.reason) == (C.UNIMPLEMENTED, "NOT_BUILT_YET")
    assert method in error.message


async def test_a_request_that_breaks_the_contract_names_every_field(small, client):
    request = pb.CreateCardRequest(title="x" * 1025, labels=["a", "a"])
    request.checklist.add(text="fine")
    request.checklist.add(text="")
    error = await refused(client.board.CreateCard(request))
    assert (error.code, error.reason) == (C.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    fields = {violation.field for violation in error.violations}
    assert fields == {"board_id", "title", "labels", "checklist[1].text", "idempotency_key"}
    assert all(violation.description for violation in error.violations)
    assert small.board.calls == []


async def test_every_message_of_a_stream_is_checked(small, client):
    async def requests():
        yield asr.StreamingRecognizeRequest(flush=asr.Flush())
        yield asr.StreamingRecognizeRequest()

    call = client.asr.StreamingRecognize(requests())

    async def read():
        return [answer async for answer in call]

    error = await refused(read())
    assert error.code == C.INVALID_ARGUMENT
    assert error.violations
    assert small.asr.received == 1


async def test_a_message_above_the_limit_is_refused_with_the_limit(small, connect, mesh_settings):
    tight = mesh_settings.model_copy(update={"max_message_bytes": 1 << 16})
    async with host(small, "127.0.0.1:0", tight) as running, connect(running.port, tight) as client:
        fits = pb.CreateCardRequest(board_id="b", title="fits", description="я" * 32_000, idempotency_key="k")
        await client.board.CreateCard(fits)
        error = await refused(
            client.board.CreateCard(
                pb.CreateCardRequest(board_id="b", title="large", description="я" * 32_768, idempotency_key="k")
            )
        )
        assert (error.code, error.reason) == (C.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")
        assert error.metadata["maxBytes"] == str(1 << 16)
        assert int(error.metadata["bytes"]) > 1 << 16
        assert small.board.calls == ["fits"]


async def test_more_calls_than_allowed_are_shed(small, connect, mesh_settings):
    release = asyncio.Event()

    async def slow(request):
        await release.wait()
        return pb.GetCardResponse()

    small.board.handler = slow
    few = mesh_settings.model_copy(update={"max_concurrent_calls": 5})
    async with host(small, "127.0.0.1:0", few) as running, connect(running.port, few) as client:
        calls = [asyncio.ensure_future(client.card(str(number))) for number in range(20)]
        done, waiting = await asyncio.wait(calls, timeout=1)
        assert {remote_error(call.exception()).code for call in done} == {C.RESOURCE_EXHAUSTED}
        assert (len(done), len(waiting)) == (15, 5)
        release.set()
        await asyncio.gather(*waiting)


async def test_only_callers_with_the_token_come_in(small, connect, mesh_settings):
    secret = MeshSettings.model_validate({**mesh_settings.model_dump(), "token": "s3cret"})
    async with host(small, "127.0.0.1:0", secret) as running:
        async with connect(running.port, secret) as client:
            assert (await client.card("mine")).card.card_id == "mine"
        for wrong in ("", "s3cre", "s3cret "):
            async with connect(running.port, mesh_settings, token=wrong) as client:
                error = await refused(client.card("theirs"))
                assert (error.code, error.reason) == (C.UNAUTHENTICATED, "SERVICE_TOKEN_INVALID")
                assert "s3cret" not in error.message
                assert await client.state() == "SERVING"
    assert small.board.calls == ["mine"]


async def test_the_public_door_checks_tokens_of_its_own(small, connect, mesh_settings):
    secret = MeshSettings.model_validate({**mesh_settings.model_dump(), "token": "s3cret"})
    async with (
        host(small, "127.0.0.1:0", secret, check_service_token=False) as running,
        connect(running.port, mesh_settings) as client,
    ):
        assert (await client.card()).card.card_id == "crd_1"


async def test_unavailable_is_tried_again_and_nothing_else(small, client):
    small.board.handler = raising(NotReady("wait"), times=2)
    await client.card("patience")
    assert small.board.calls == ["patience"] * 3
    small.board.handler = raising(NotReady("wait"))
    assert (await refused(client.card("hopeless"))).code == C.UNAVAILABLE
    assert small.board.calls.count("hopeless") == 3
    small.board.handler = raising(FailedPrecondition("no"))
    await refused(client.card("once"))
    assert small.board.calls.count("once") == 1


def test_streams_of_requests_are_never_sent_twice():
    names = {(name["service"], name["method"]) for name in retry_policy([BOARD, ASR])["methodConfig"][0]["name"]}
    assert (BOARD, "CreateCard") in names
    assert (ASR, "GetCapabilities") in names
    assert (ASR, "StreamingRecognize") not in names
    assert (ASR, "RecognizeFile") not in names
    assert retry_policy([])["methodConfig"] == []


async def test_every_call_has_a_deadline(small, connect, mesh_settings):
    small.board.handler = raising(NotReady("x"), times=0)
    hasty = mesh_settings.model_copy(update={"call_seconds": 0.2})

    async def endless(request):
        await asyncio.Event().wait()

    async with host(small, "127.0.0.1:0", hasty) as running, connect(running.port, hasty) as client:
        small.board.handler = endless
        assert (await refused(client.card())).code == C.DEADLINE_EXCEEDED
        assert (await refused(client.card(timeout=0.05))).code == C.DEADLINE_EXCEEDED


async def test_the_request_id_travels_from_call_to_call(small, client):
    seen = []

    async def outer(request):
        seen.append(structlog.contextvars.get_contextvars()["request_id"])
        if request.card_id == "outer":
            await client.card("inner")
        return pb.GetCardResponse()

    small.board.handler = outer
    await client.card("outer", metadata=(("x-request-id", "abc123"),))
    assert seen == ["abc123", "abc123"]
    seen.clear()
    await client.card("x")
    await client.card("y")
    assert len({*seen, "abc123"}) == 3
