"""Killing the real process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from planerka.notify.v1 import notify_pb2 as pb
from planerka.notify.v1 import notify_pb2_grpc

from mesh.channel import open_channel
from mesh.settings import MeshSettings

NAME = "planerka.notify.v1.NotifyService"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def process(home: Path, repository: Path, output: Path, **variables: str):
    port = free_port()
    environment = {
        **os.environ,
        "PLANERKA_HOME": str(home),
        "PLANERKA_NOTIFY__LISTEN": f"127.0.0.1:{port}",
        "PYTHONPATH": os.pathsep.join([str(repository), str(repository / "gen")]),
        **variables,
    }
    with output.open("a") as stdout:
        started = subprocess.Popen([sys.executable, "-m", "notify_service"], env=environment, cwd=home, stdout=stdout)
    try:
        async with open_channel(f"127.0.0.1:{port}", MeshSettings(), [NAME]) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for _ in range(200):
                try:
                    answer = await health.Check(health_pb2.HealthCheckRequest(service=NAME))
                except grpc.aio.AioRpcError:
                    answer = None
                if answer is not None and answer.status == health_pb2.HealthCheckResponse.SERVING:
                    break
                assert started.poll() is None
                await asyncio.sleep(0.05)
            yield started, notify_pb2_grpc.NotifyServiceStub(channel)
    finally:
        started.kill()
        started.wait()


def ask(number: int, channel: str) -> pb.AskDecisionRequest:
    return pb.AskDecisionRequest(
        recipient=pb.Recipient(channel=channel, address="anna"),
        content=pb.MessageContent(text=f"Вопрос номер {number}"),
        buttons=[pb.Button(value="approve", label="Да")],
        subject_id=f"prp_{number}",
        idempotency_key=f"k{number}",
    )


async def sent(stub, message_id: str) -> pb.Delivery:
    async with asyncio.timeout(10):
        while True:
            delivery = (await stub.GetDelivery(pb.GetDeliveryRequest(message_id=message_id))).delivery
            if delivery.state == pb.DELIVERY_STATE_SENT:
                return delivery
            await asyncio.sleep(0.01)


async def test_kill_9_right_after_the_answers_loses_no_message(tmp_path, repository):
    output = tmp_path / "output.txt"
    async with process(tmp_path, repository, output) as (running, stub):
        asked = await asyncio.gather(*(stub.AskDecision(ask(number, "inbox")) for number in range(30)))
        running.send_signal(signal.SIGKILL)
        running.wait()
    async with process(tmp_path, repository, output) as (running, stub):
        assert await asyncio.gather(*(stub.AskDecision(ask(number, "inbox")) for number in range(30))) == asked
        for one in asked:
            await sent(stub, one.delivery.message_id)
        items = (await stub.ListInbox(pb.ListInboxRequest(address="anna"))).items
        assert sorted(item.question_id for item in items) == sorted(one.question_id for one in asked)
        given = await stub.SubmitAnswer(
            pb.SubmitAnswerRequest(
                question_id=asked[0].question_id, value="approve", account="anna", idempotency_key="a"
            )
        )
        running.send_signal(signal.SIGKILL)
        running.wait()
    async with process(tmp_path, repository, output) as (running, stub):
        heard = await stub.WatchAnswers(pb.WatchAnswersRequest()).read()
        assert heard.answer == given.answer
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == 0


async def test_what_was_pending_when_the_process_died_is_sent_after_its_start(tmp_path, repository):
    """With the console off its messages wait, whatever dies meanwhile; with it on they come out."""
    output = tmp_path / "output.txt"
    async with process(tmp_path, repository, output) as (_, stub):
        done = await stub.AskDecision(ask(1, "console"))
        await sent(stub, done.delivery.message_id)
    database = tmp_path / "notify" / "notify.sqlite3"
    revive(database, done.delivery.message_id)
    async with process(tmp_path, repository, output, PLANERKA_NOTIFY__CHANNELS='["inbox"]') as (running, stub):
        await asyncio.sleep(0.2)
        waiting = (await stub.GetDelivery(pb.GetDeliveryRequest(message_id=done.delivery.message_id))).delivery
        assert waiting.state == pb.DELIVERY_STATE_PENDING
        running.send_signal(signal.SIGKILL)
        running.wait()
    async with process(tmp_path, repository, output, PLANERKA_NOTIFY__LANGUAGE="en") as (_, stub):
        assert (await sent(stub, done.delivery.message_id)).attempts == 1
    shown = output.read_text(encoding="utf-8")
    assert shown.count("Вопрос номер 1") == 2
    assert "Вопрос, кому: anna" in shown
    assert "Question to anna" in shown


def revive(database: Path, message_id: str) -> None:
    """Put a message back to where a crash between taking and sending leaves it."""
    import sqlite3

    with sqlite3.connect(database) as connection:
        connection.execute(
            "UPDATE messages SET state = 'pending', attempts = 0, sent_revision = 0, sent_at = NULL WHERE message_id = ?",
            (message_id,),
        )
