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
from planerka.board.v1 import board_pb2 as pb
from planerka.board.v1 import board_pb2_grpc

from mesh.channel import open_channel
from mesh.settings import MeshSettings

NAME = "planerka.board.v1.BoardService"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def process(home: Path, port: int, repository: Path):
    environment = {
        **os.environ,
        "PLANERKA_HOME": str(home),
        "PLANERKA_BOARD__LISTEN": f"127.0.0.1:{port}",
        "PYTHONPATH": os.pathsep.join([str(repository), str(repository / "gen")]),
    }
    started = subprocess.Popen([sys.executable, "-m", "board_service"], env=environment, cwd=home)
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
            yield started, board_pb2_grpc.BoardServiceStub(channel)
    finally:
        started.kill()
        started.wait()


async def test_kill_9_right_after_an_answer_loses_nothing(tmp_path, repository):
    port = free_port()
    create = pb.CreateBoardRequest(
        workspace_id="w", name="Склад", columns=[pb.NewColumn(title="Бэклог")], idempotency_key="board"
    )
    async with process(tmp_path, port, repository) as (running, stub):
        board = (await stub.CreateBoard(create)).board
        requests = [
            pb.CreateCardRequest(board_id=board.board_id, title=str(number), idempotency_key=f"k{number}")
            for number in range(5)
        ]
        answers = [await stub.CreateCard(request) for request in requests]
        running.send_signal(signal.SIGKILL)
        running.wait()
    async with process(tmp_path, port, repository) as (running, stub):
        cards = (await stub.ListCards(pb.ListCardsRequest(board_id=board.board_id))).cards
        assert list(cards) == [answer.card for answer in answers]
        assert [await stub.CreateCard(request) for request in requests] == answers
        assert (await stub.CreateBoard(create)).board == board
        assert len((await stub.ListChanges(pb.ListChangesRequest(board_id=board.board_id))).events) == 5
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == 0


async def test_kill_9_in_the_middle_of_writes_keeps_every_answered_one_exactly_once(tmp_path, repository):
    port = free_port()
    answered: dict[str, str] = {}
    async with process(tmp_path, port, repository) as (running, stub):
        create = pb.CreateBoardRequest(
            workspace_id="w", name="x", columns=[pb.NewColumn(title="x")], idempotency_key="board"
        )
        board = (await stub.CreateBoard(create)).board

        def request(number: int) -> pb.CreateCardRequest:
            return pb.CreateCardRequest(board_id=board.board_id, title=str(number), idempotency_key=f"k{number}")

        async def write(number: int) -> None:
            answered[str(number)] = (await stub.CreateCard(request(number), timeout=5)).card.card_id
            if len(answered) == 20:
                running.send_signal(signal.SIGKILL)

        await asyncio.gather(*(write(number) for number in range(100)), return_exceptions=True)
        running.wait()
    assert 20 <= len(answered) < 100
    async with process(tmp_path, port, repository) as (_, stub):
        again = await asyncio.gather(*(stub.CreateCard(request(number)) for number in range(100)))
        assert answered.items() <= {answer.card.title: answer.card.card_id for answer in again}.items()
        cards = (await stub.ListCards(pb.ListCardsRequest(board_id=board.board_id, page_size=500))).cards
        assert sorted(int(card.title) for card in cards) == list(range(100))


def test_wrong_settings_end_the_process_with_a_hint(tmp_path, repository):
    environment = {
        **os.environ,
        "PLANERKA_HOME": str(tmp_path),
        "PLANERKA_BOARD__CONNECTORS": '["jira"]',
        "PYTHONPATH": os.pathsep.join([str(repository), str(repository / "gen")]),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "board_service"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == "There is no connector 'jira'; [board] connectors has local.\n"
