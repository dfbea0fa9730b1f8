"""`kill -9` while documents are written: what was acknowledged is there, whole and in its last version; the rest is there or not."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from planerka.llm.v1 import llm_pb2, llm_pb2_grpc

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]

WORKSPACE = "wsp_kill"
SECTIONS = 5
KILLS = 4


def document(number: int, version: int) -> llm_pb2.Document:
    sections = "\n\n".join(f"# Раздел {part}\n\nстраница {part} версия{version}" for part in range(SECTIONS))
    file = llm_pb2.DocumentFile(format=llm_pb2.FILE_FORMAT_MARKDOWN, data=sections.encode())
    return llm_pb2.Document(
        document_id=f"d{number}",
        kind=llm_pb2.DOCUMENT_KIND_UPLOAD,
        title=f"документ{number}",
        meeting_id=f"m{number}",
        file=file,
    )


class Service:
    """The service as a process of its own, which can be killed with all that it started."""

    def __init__(self, home: Path, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        environment = {
            **os.environ,
            "PLANERKA_HOME": str(home),
            "PLANERKA_LLM__LISTEN": self.address,
            "PLANERKA_LLM__PROVIDER": "none",
        }
        command = [sys.executable, "-m", "llm_service"]
        self.process = subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    async def ready(self) -> llm_pb2_grpc.LlmServiceStub:
        self.channel = grpc.aio.insecure_channel(self.address)
        stub = llm_pb2_grpc.LlmServiceStub(self.channel)
        deadline = time.monotonic() + 120
        while True:
            try:
                await stub.GetCapabilities(llm_pb2.GetCapabilitiesRequest(), timeout=5)
            except grpc.aio.AioRpcError:
                assert self.process.poll() is None, "the service does not start again"
                assert time.monotonic() < deadline
                await asyncio.sleep(0.2)
            else:
                return stub

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


async def test_a_killed_service_loses_nothing_and_halves_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    acknowledged: dict[int, int] = {}
    tried: dict[int, int] = {}
    for kill in range(KILLS + 1):
        service = Service(tmp_path, port)
        stub = await service.ready()
        await check(stub, acknowledged, tried)
        if kill == KILLS:
            service.process.terminate()
            service.process.wait()
            await service.channel.close()
            break
        writing = asyncio.create_task(write(stub, chance, acknowledged, tried))
        before = len(acknowledged)
        deadline = time.monotonic() + 60
        while len(acknowledged) < before + 3 and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        await asyncio.sleep(chance.uniform(0, 0.3))
        service.kill()
        await writing
        await service.channel.close()
    assert len(acknowledged) >= 3 * KILLS


async def write(stub, chance: random.Random, acknowledged: dict[int, int], tried: dict[int, int]) -> None:
    """Write new documents and new versions until the service is gone."""
    while True:
        number = chance.choice(list(tried)) if tried and chance.random() < 0.3 else len(tried)
        version = tried.get(number, 0) + 1
        tried[number] = version
        request = llm_pb2.UpsertDocumentsRequest(
            workspace_id=WORKSPACE, documents=[document(number, version)], idempotency_key=f"{number}:{version}"
        )
        try:
            await stub.UpsertDocuments(request, timeout=30)
        except grpc.aio.AioRpcError:
            return
        acknowledged[number] = version


async def check(stub, acknowledged: dict[int, int], tried: dict[int, int]) -> None:
    for number, last in tried.items():
        request = llm_pb2.SearchRequest(
            workspace_id=WORKSPACE,
            query=f"документ{number} страница",
            limit=100,
            filter=llm_pb2.SearchFilter(meeting_ids=[f"m{number}"]),
        )
        chunks = (await stub.Search(request)).chunks
        versions = {chunk.text.split("версия")[1] for chunk in chunks}
        assert len(versions) <= 1, f"document {number} is a mixture"
        assert len(chunks) in ((SECTIONS,) if number in acknowledged else (0, SECTIONS)), (
            f"document {number} is in pieces"
        )
        if versions:
            assert acknowledged.get(number, 1) <= int(versions.pop()) <= last
