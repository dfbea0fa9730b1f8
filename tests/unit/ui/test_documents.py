"""Documents for the page: words about them, and that one intention is one document."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import grpc
import pytest
from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1.document_pb2 import AddDocumentConfig, AddDocumentResponse, KnowledgeDocument

from llm_service import errors as llm_errors
from mesh.errors import PlanerkaError, RemoteError
from mesh.times import from_datetime
from orchestrator import errors as orchestrator_errors
from ui.documents import LARGEST, Sending, failure, objection, outcome, row, size
from ui.texts import TEXTS, Texts

RU, EN = Texts("ru"), Texts("en")
NAMES = {"ppl_1": "Анна", "ppl_2": "Пётр"}
ADDED = from_datetime(datetime(2026, 11, 23, 12, 0, tzinfo=UTC))


def document(**fields) -> KnowledgeDocument:
    return KnowledgeDocument(**{"document_id": "doc_1", "title": "Правила", "added_at": ADDED, **fields})


def test_a_row_tells_kind_size_of_text_day_person_and_file():
    one = document(
        format=llm_pb2.FILE_FORMAT_DOCX,
        letters=12_400,
        size_bytes=5_000_000,
        added_by="ppl_1",
        file_name="rules.docx",
        changed_at=from_datetime(datetime(2026, 11, 25, 12, 0, tzinfo=UTC)),
        reader_ids=["ppl_1", "ppl_gone"],
    )
    shown = row(one, NAMES, RU)
    assert (shown.title, shown.kind, shown.readers) == ("Правила", "Word", "Анна, ppl_gone")
    letters, added, file = shown.facts
    assert letters == "знаков: 12\u00a0400"
    assert added.startswith("25.11.2026"), "a replaced file shows when it was replaced"
    assert added.endswith(", Анна")
    assert file == "rules.docx"
    assert row(one, NAMES, EN).facts[0] == "12,400 characters"


def test_a_document_from_before_letters_were_counted_shows_the_size_of_its_file():
    shown = row(document(size_bytes=1_500_000, file_name="Правила"), NAMES, RU)
    assert shown.facts[0] == "1,4 МиБ"
    assert len(shown.facts) == 2, "a file with the name of the title is not named twice"
    assert (shown.kind, shown.readers) == ("", "")


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 KiB"), (512, "0.5 KiB"), (20_480, "20 KiB"), (LARGEST, "3 MiB"), (5 << 19, "2.5 MiB")]
)
def test_sizes_are_short(count, shown):
    assert size(count, EN) == shown


def test_what_cannot_be_taken_is_not_sent():
    assert objection(None, RU) == "Сначала выберите файл."
    assert "3 МиБ" in objection(b"x" * (LARGEST + 1), RU)
    assert objection(b" \n", RU) == RU("documents.error.EMPTY_FILE")
    assert objection(b"x" * LARGEST, RU) == ""


@pytest.mark.parametrize(
    "error",
    [
        llm_errors.FileBroken,
        llm_errors.FileEncrypted,
        llm_errors.FileTooLarge,
        llm_errors.FileWithoutText,
        llm_errors.TextNotUtf8,
        orchestrator_errors.EmptyFile,
        orchestrator_errors.FormatUnknown,
        orchestrator_errors.DocumentNotFound,
        orchestrator_errors.PersonNotFound,
        orchestrator_errors.RoleMissing,
        orchestrator_errors.KeyReused,
    ],
)
def test_every_refusal_of_the_services_has_words_in_both_languages(error: type[PlanerkaError]):
    answered = RemoteError(grpc.StatusCode.INVALID_ARGUMENT, error.default_reason, "as the service says it")
    russian, english = failure(answered, RU), failure(answered, EN)
    assert "as the service" not in russian + english
    assert {russian, english} == {
        sentence.format(limit=size(LARGEST, texts))
        for sentence, texts in zip(TEXTS[f"documents.error.{error.default_reason}"], (EN, RU), strict=True)
    }


def test_the_limit_of_this_orchestrator_is_told_and_an_unknown_refusal_keeps_its_own_words():
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    small = RemoteError(code, "FILE_TOO_LARGE", "too large", metadata={"maxBytes": str(1 << 20)})
    assert "1 МиБ" in failure(small, RU)
    away = RemoteError(grpc.StatusCode.UNAVAILABLE, "SERVICE_UNREACHABLE", "llm is away")
    assert failure(away, RU) == RU("documents.error.UNAVAILABLE")
    other = RemoteError(code, "QUOTA", "no more today")
    assert failure(other, RU) == "no more today [QUOTA]"


class Door:
    """Takes documents when it is opened; one key is one document."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.documents: dict[str, AddDocumentConfig] = {}
        self.calls = 0
        self.refuse: RemoteError | None = None

    def add(self, config: AddDocumentConfig, data: bytes, told) -> AddDocumentResponse:
        self.calls += 1
        told(len(data) // 2)
        assert self.open.wait(10)
        if self.refuse is not None:
            raise self.refuse
        told(len(data))
        self.documents[config.idempotency_key] = config
        return AddDocumentResponse(document=document(title=config.title or config.file_name, letters=len(data)))


def test_a_file_on_its_way_tells_how_far_it_is_and_what_became_of_it():
    door = Door()
    sending = Sending(door.add, "form", "rules.md", b"12345678", "  Правила ", ["ppl_2"], "wsp_1")
    for _ in range(1000):
        if sending.share:
            break
        sending.wait(0.01)
    assert (sending.done, sending.share) == (False, 0.5)
    door.open.set()
    assert sending.wait(10)
    assert (sending.share, sending.error) == (1.0, None)
    assert outcome(sending.added, RU) == "«Правила» в базе знаний, знаков текста: 8."
    (config,) = door.documents.values()
    assert (config.title, config.file_name, list(config.reader_ids)) == ("Правила", "rules.md", ["ppl_2"])
    assert config.workspace_id == "wsp_1"


def test_a_press_that_arrives_twice_is_one_document_and_another_intention_another():
    door = Door()
    door.open.set()

    def send(form="form", data=b"text", title="", readers=()):
        assert Sending(door.add, form, "a.txt", data, title, readers).wait(10)

    send()
    send(title=" ")
    assert (door.calls, len(door.documents)) == (2, 1)
    send(form="next form")
    send(data=b"other text")
    send(title="Title")
    send(readers=["ppl_1", "ppl_2"])
    send(readers=["ppl_2", "ppl_1"])
    assert (door.calls, len(door.documents)) == (7, 5)


def test_a_file_that_replaces_another_is_another_intention_and_says_so():
    door = Door()
    door.open.set()
    new = Sending(door.add, "form", "a.txt", b"text")
    instead = Sending(door.add, "form", "a.txt", b"text", document_id="doc_1")
    assert new.wait(10)
    assert instead.wait(10)
    assert [config.document_id for config in door.documents.values()].count("doc_1") == 1
    assert len(door.documents) == 2
    assert outcome(instead.added, RU, replaced=True) == "«a.txt»: заменён."


def test_a_refusal_is_kept_for_the_next_drawing():
    door = Door()
    door.open.set()
    door.refuse = RemoteError(grpc.StatusCode.INVALID_ARGUMENT, "FILE_BROKEN", "broken")
    sending = Sending(door.add, "form", "a.pdf", b"%PDF-")
    assert sending.wait(10)
    assert (sending.added, sending.error) == (None, door.refuse)
