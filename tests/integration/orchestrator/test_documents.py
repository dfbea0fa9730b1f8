"""Documents that people add to the knowledge base, through the public door: who may read them, and that none stays half there."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import document_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.workspace_pb2 import Role, WorkspacePerson

from llm_service.service import LlmHosted
from llm_service.settings import LlmSettings
from mesh.errors import InvalidArgument, remote_error

DOCUMENTS = Path(__file__).parents[2] / "data" / "documents"
RULES = "# Отпуск\n\nЗаявление на отпуск подают за две недели до его начала.\n".encode()


async def add(stub, data, name="rules.md", *, key=None, pieces=1, **config):
    first = document_pb2.AddDocumentConfig(file_name=name, idempotency_key=key or uuid.uuid4().hex, **config)

    async def requests():
        yield document_pb2.AddDocumentRequest(config=first)
        size = len(data) // pieces + 1
        for start in range(0, len(data), size):
            yield document_pb2.AddDocumentRequest(data=data[start : start + size])

    return await stub.AddDocument(requests())


async def listed(stub, size=0):
    found, token = [], ""
    while True:
        page = await stub.ListDocuments(document_pb2.ListDocumentsRequest(page_size=size, page_token=token))
        found += page.documents
        token = page.next_page_token
        if not token:
            return found


async def remove(stub, document_id, key=None):
    request = document_pb2.RemoveDocumentRequest(document_id=document_id, idempotency_key=key or uuid.uuid4().hex)
    await stub.RemoveDocument(request)


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return remote_error(caught.value)


@asynccontextmanager
async def somebody(mesh, client, name, role):
    person = WorkspacePerson(name=name, role=role)
    put = await client.stub.PutPerson(pb.PutPersonRequest(person=person, idempotency_key=uuid.uuid4().hex))
    token = await client.stub.CreateToken(
        pb.CreateTokenRequest(person_id=put.person.person_id, idempotency_key=uuid.uuid4().hex)
    )
    other = mesh.client(client.port, token.secret)
    try:
        yield put.person.person_id, other.stub
    finally:
        await other.close()


async def test_a_document_goes_to_the_knowledge_base_once_and_leaves_it(client, mesh):
    first = await add(client.stub, RULES, key="k", pieces=5, title="Правила")
    document = first.document
    assert document.document_id.startswith("doc_")
    assert (document.title, document.file_name, document.size_bytes) == ("Правила", "rules.md", len(RULES))
    assert document.sha256 == hashlib.sha256(RULES).hexdigest()
    assert document.format == llm_pb2.FILE_FORMAT_MARKDOWN
    assert document.letters == len(RULES.decode())
    sent = mesh.llm.servicer.documents[document.document_id]
    assert (sent.kind, sent.file.data, list(sent.readers)) == (llm_pb2.DOCUMENT_KIND_UPLOAD, RULES, [])

    assert await add(client.stub, RULES, key="k", title="Правила") == first, "a repeated call changes nothing"
    assert mesh.llm.servicer.ledger.effects["UpsertDocumentsRequest"] == 1
    assert (await refusal(add(client.stub, RULES + b"!", key="k", title="Правила"))).reason == "IDEMPOTENCY_KEY_REUSED"
    assert [one.document_id for one in await listed(client.stub)] == [document.document_id]

    await remove(client.stub, document.document_id, key="r")
    await remove(client.stub, document.document_id, key="r")
    assert (await listed(client.stub), dict(mesh.llm.servicer.documents)) == ([], {})
    assert (await refusal(remove(client.stub, document.document_id))).reason == "DOCUMENT_NOT_FOUND"
    told = [event.text for event in await client.events()]
    assert any("Правила" in text and "добавлен" in text for text in told)
    assert any("Правила" in text and "удалён" in text for text in told)


async def test_only_named_people_read_it_and_only_its_owner_and_admins_change_it(client, mesh):
    async with (
        somebody(mesh, client, "Анна", Role.ROLE_MEMBER) as (anna_id, anna),
        somebody(mesh, client, "Пётр", Role.ROLE_MEMBER) as (peter_id, peter),
        somebody(mesh, client, "Вера", Role.ROLE_VIEWER) as (_, vera),
    ):
        secret = (await add(anna, RULES, "salaries.txt", reader_ids=[peter_id])).document
        assert set(secret.reader_ids) == {anna_id, peter_id}, "who adds it reads it"
        assert set(mesh.llm.servicer.documents[secret.document_id].readers) == {anna_id, peter_id}
        assert [one.document_id for one in await listed(peter)] == [secret.document_id]
        assert await listed(vera) == []
        assert [one.document_id for one in await listed(client.stub)] == [secret.document_id], "an admin may remove it"
        assert not any("salaries" in event.text for event in await client.events()), "the journal tells no title"

        assert (await refusal(remove(peter, secret.document_id))).code is grpc.StatusCode.PERMISSION_DENIED
        assert (await refusal(add(peter, b"x", document_id=secret.document_id))).reason == "ROLE_MISSING"
        assert (await refusal(add(vera, RULES))).reason == "ROLE_MISSING", "viewers add nothing"
        assert (await refusal(add(anna, RULES, reader_ids=["ppl_nobody"]))).reason == "PERSON_NOT_FOUND"

        newer = (await add(anna, RULES * 2, "salaries.txt", document_id=secret.document_id)).document
        assert set(newer.reader_ids) == {anna_id, peter_id}, "a new file opens it to nobody else"
        assert newer.changed_at.ToNanoseconds() > newer.added_at.ToNanoseconds()
        opened = await add(anna, RULES, "salaries.txt", document_id=secret.document_id, for_everybody=True)
        assert list(opened.document.reader_ids) == []
        assert [one.document_id for one in await listed(vera)] == [secret.document_id]
        assert (await refusal(remove(vera, secret.document_id))).code is grpc.StatusCode.PERMISSION_DENIED


async def test_what_is_no_document_is_refused_and_leaves_nothing(mesh):
    async with mesh.orchestrator(max_document_bytes=1000) as client:
        assert (await refusal(add(client.stub, b"  \n"))).reason == "EMPTY_FILE"
        assert (await refusal(add(client.stub, bytes(range(256)), "photo.jpg"))).reason == "DOCUMENT_FORMAT_UNKNOWN"
        too_large = await refusal(add(client.stub, b"x" * 1001, "a.txt", pieces=4))
        assert (too_large.code, too_large.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "FILE_TOO_LARGE")

        async def no_config():
            yield document_pb2.AddDocumentRequest(data=b"x")

        assert (await refusal(client.stub.AddDocument(no_config()))).reason == "STREAM_OUT_OF_ORDER"

        mesh.llm.servicer.refuse_documents = InvalidArgument("a scan", reason="FILE_WITHOUT_TEXT")
        assert (await refusal(add(client.stub, RULES, key="again"))).reason == "FILE_WITHOUT_TEXT"
        mesh.llm.servicer.refuse_documents = None
        assert await listed(client.stub) == []
        assert (await add(client.stub, RULES, key="again")).document.size_bytes == len(RULES), (
            "the same key may be used"
        )


async def test_a_removed_document_is_deleted_when_the_service_is_back(client, mesh):
    document = (await add(client.stub, RULES)).document
    await mesh.stop("llm")
    await remove(client.stub, document.document_id)
    assert await listed(client.stub) == []
    assert (await refusal(add(client.stub, RULES))).code is grpc.StatusCode.UNAVAILABLE
    await mesh.start("llm")
    assert document.document_id in mesh.llm.servicer.documents
    for _ in range(200):
        if document.document_id not in mesh.llm.servicer.documents:
            break
        await asyncio.sleep(0.05)
    assert document.document_id not in mesh.llm.servicer.documents
    assert await listed(client.stub) == [], "what never arrived is not listed"


async def test_long_lists_are_paged(client):
    for number in range(5):
        await add(client.stub, RULES + str(number).encode())
    everything = await listed(client.stub)
    assert len(everything) == 5
    assert await listed(client.stub, size=2) == everything


@pytest.mark.models
async def test_an_answer_cites_an_added_pdf_to_those_who_may_read_it(mesh):
    await mesh.stop("llm")
    mesh.llm = LlmHosted(LlmSettings(state=mesh.home / "llm", provider="none", threads=1))
    await mesh.start("llm")

    async def ask(stub, question):
        return [answer async for answer in stub.Ask(pb.AskRequest(question=question))]

    async with (
        mesh.orchestrator() as client,
        somebody(mesh, client, "Анна", Role.ROLE_MEMBER) as (anna_id, anna),
        somebody(mesh, client, "Пётр", Role.ROLE_MEMBER) as (_, peter),
    ):
        question = "За сколько недель подают заявление на отпуск?"
        document = (await add(anna, RULES, reader_ids=[anna_id])).document
        mine, his = await ask(anna, question), await ask(peter, question)
        cited = [one.citation.chunk for one in mine if one.HasField("citation")]
        assert [chunk.document_id for chunk in cited] == [document.document_id]
        assert "две недели" in "".join(one.text for one in mine)
        assert not any(one.HasField("citation") for one in his)
        assert not his[-1].finished.answered

        locked = await refusal(add(anna, (DOCUMENTS / "locked.pdf").read_bytes(), "locked.pdf"))
        assert locked.reason == "FILE_ENCRYPTED"
        pdf = (await add(anna, (DOCUMENTS / "regulations_ru.pdf").read_bytes(), "regulations_ru.pdf")).document
        assert pdf.format == llm_pb2.FILE_FORMAT_PDF
        again = await add(anna, (DOCUMENTS / "regulations_ru.pdf").read_bytes(), document_id=pdf.document_id)
        assert again.chunks == 0, "an unchanged file costs nothing"

        await remove(anna, document.document_id)
        later = [one.citation.chunk.document_id for one in await ask(anna, question) if one.HasField("citation")]
        assert document.document_id not in later
