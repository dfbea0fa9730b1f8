"""Rules of the contracts that buf's own linters do not know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor
from planerka.asr.v1 import asr_pb2
from planerka.board.v1 import board_pb2
from planerka.common.v1 import card_pb2, change_pb2, time_pb2, transcript_pb2
from planerka.llm.v1 import llm_pb2
from planerka.match.v1 import match_pb2
from planerka.notify.v1 import notify_pb2
from planerka.orchestrator.v1 import document_pb2, meeting_pb2, orchestrator_pb2, proposal_pb2, workspace_pb2

FILES = [
    asr_pb2,
    board_pb2,
    card_pb2,
    change_pb2,
    document_pb2,
    llm_pb2,
    match_pb2,
    meeting_pb2,
    notify_pb2,
    orchestrator_pb2,
    proposal_pb2,
    time_pb2,
    transcript_pb2,
    workspace_pb2,
]
SERVICES = [service for module in FILES for service in module.DESCRIPTOR.services_by_name.values()]
# What a verb in front of an rpc's name says about whether a call changes something.
READING = (
    "Get",
    "List",
    "Watch",
    "Search",
    "Ask",
    "Score",
    "Match",
    "Difference",
    "Summarize",
    "Recognize",
    "Streaming",
)


def messages() -> list[Descriptor]:
    """All messages, nested ones too."""
    found: list[Descriptor] = []
    stack = [message for module in FILES for message in module.DESCRIPTOR.message_types_by_name.values()]
    while stack:
        message = stack.pop()
        found.append(message)
        stack += message.nested_types
    return found


def buf() -> str:
    """The buf of this environment."""
    return str(Path(sys.executable).parent / "buf")


def changing() -> list[tuple[ServiceDescriptor, Descriptor]]:
    """The requests of all rpcs that change something."""
    return [
        (service, method.input_type)
        for service in SERVICES
        for method in service.methods
        if not method.name.startswith(READING) or method.name == "AskDecision"
    ]


def carries_key(message: Descriptor, depth: int = 3) -> bool:
    """Whether an idempotency key is in the message, or in the first message of its stream."""
    if "idempotency_key" in message.fields_by_name:
        return True
    inner = (field.message_type for field in message.fields if field.message_type is not None)
    return depth > 0 and any(carries_key(child, depth - 1) for child in inner)


@pytest.mark.parametrize(("service", "request_type"), changing(), ids=lambda d: d.full_name)
def test_every_change_can_be_repeated_safely(service: ServiceDescriptor, request_type: Descriptor) -> None:
    assert carries_key(request_type), f"{service.full_name}: {request_type.name} has no idempotency_key"


def test_nothing_is_untyped() -> None:
    loose = ("google.protobuf.Struct", "google.protobuf.Any", "google.protobuf.Value")
    for message in messages():
        for field in message.fields:
            inner = field.message_type
            assert inner is None or inner.full_name not in loose, field.full_name
            assert inner is None or not inner.GetOptions().map_entry, f"{field.full_name} is a map"


def test_times_and_spans_have_types_of_their_own() -> None:
    for message in messages():
        for field in message.fields:
            if field.name.endswith("_at"):
                assert field.message_type is not None, field.full_name
                assert field.message_type.full_name == "google.protobuf.Timestamp", field.full_name
            if field.type == FieldDescriptor.TYPE_STRING:
                assert not field.name.endswith(("_seconds", "_ms", "_time")), field.full_name


def test_lists_are_paged() -> None:
    unpaged = {"ListChannels", "ListChanges"}
    for service in SERVICES:
        for method in service.methods:
            if method.name.startswith("List") and method.name not in unpaged:
                assert "page_token" in method.input_type.fields_by_name, method.full_name
                assert "next_page_token" in method.output_type.fields_by_name, method.full_name


def test_lint_and_format(repository: Path) -> None:
    for command in (["lint"], ["format", "proto", "--diff", "--exit-code"]):
        done = subprocess.run([buf(), *command], cwd=repository, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_change_breaks_the_released_contracts(repository: Path) -> None:
    baseline = repository / "tests" / "contract" / "baseline.binpb"
    done = subprocess.run(
        [buf(), "breaking", "--against", str(baseline)], cwd=repository, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_guard_notices_a_breaking_change(repository: Path, tmp_path: Path) -> None:
    image = descriptor_pb2.FileDescriptorSet.FromString((repository / "tests/contract/baseline.binpb").read_bytes())
    board = next(file for file in image.file if file.name == "planerka/board/v1/board.proto")
    board.message_type[0].field.add(name="vanished", number=99, type=9, label=1, json_name="vanished")
    changed = tmp_path / "changed.binpb"
    changed.write_bytes(image.SerializeToString())
    done = subprocess.run(
        [buf(), "breaking", "--against", str(changed)], cwd=repository, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "vanished" in done.stdout + done.stderr
