"""The knowledge base over the wire: real embeddings, real Milvus Lite."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from planerka.common.v1 import transcript_pb2
from planerka.llm.v1 import llm_pb2

from llm_service.errors import ModelNotLoaded
from llm_service.service import load_reranker
from mesh.errors import remote_error
from tests import cross_encoder
from textkit.reranker import Reranker

pytestmark = pytest.mark.models

WORKSPACE = "wsp_1"
DOCUMENTS = Path(__file__).parents[2] / "data" / "documents"


def text(
    document_id: str,
    content: str,
    readers: tuple[str, ...] = (),
    kind: int = llm_pb2.DOCUMENT_KIND_DECISION,
    **more: object,
):
    return llm_pb2.Document(
        document_id=document_id, kind=kind, title=more.pop("title", ""), text=content, readers=readers, **more
    )


def upsert(key: str, *documents: llm_pb2.Document, workspace: str = WORKSPACE) -> llm_pb2.UpsertDocumentsRequest:
    return llm_pb2.UpsertDocumentsRequest(workspace_id=workspace, documents=documents, idempotency_key=key)


async def search(
    stub, query: str, person: str = "ppl_1", roles: tuple[str, ...] = (), workspace: str = WORKSPACE, **more
):
    reader = llm_pb2.Reader(person_id=person, roles=roles)
    request = llm_pb2.SearchRequest(workspace_id=workspace, query=query, reader=reader, **more)
    return [chunk.document_id for chunk in (await stub.Search(request)).chunks]


async def test_documents_are_found_replaced_and_deleted(serve, without_model, mesh_settings, turns_of, standup):
    async with serve(without_model, mesh_settings) as stub:
        meeting = llm_pb2.Document(
            document_id="d_meeting",
            kind=llm_pb2.DOCUMENT_KIND_TRANSCRIPT,
            title="Планёрка",
            meeting_id="mtg_1",
            turns=llm_pb2.DocumentTurns(turns=turns_of(standup)),
        )
        request = upsert("k1", meeting, text("d_office", "Решили красить стены офиса в зелёный цвет."))
        first = await stub.UpsertDocuments(request)
        assert (first.written, first.unchanged) == (2, 0)
        assert await stub.UpsertDocuments(request) == first, "the same key gets the first answer"

        found = (await stub.Search(llm_pb2.SearchRequest(workspace_id=WORKSPACE, query="перенести базы"))).chunks
        assert found[0].document_id == "d_meeting"
        assert "t4" in found[0].turn_ids
        assert "Анна" in found[0].speakers
        assert found[0].range.end.seconds == 49

        again = await stub.UpsertDocuments(upsert("k2", meeting, text("d_office", "Стены останутся белыми.")))
        assert (again.written, again.unchanged, again.chunks) == (1, 1, 1)
        chunks = (await stub.Search(llm_pb2.SearchRequest(workspace_id=WORKSPACE, query="цвет стен офиса"))).chunks
        assert [chunk.text for chunk in chunks if chunk.document_id == "d_office"] == ["Стены останутся белыми."]

        gone = await stub.DeleteDocuments(
            llm_pb2.DeleteDocumentsRequest(workspace_id=WORKSPACE, meeting_id="mtg_1", idempotency_key="k3")
        )
        assert gone.deleted == 1
        assert await search(stub, "перенос базы") == ["d_office"]
        gone = await stub.DeleteDocuments(
            llm_pb2.DeleteDocumentsRequest(workspace_id=WORKSPACE, document_id="d_nothing", idempotency_key="k4")
        )
        assert gone.deleted == 0


async def test_nobody_sees_what_is_not_theirs(serve, without_model, mesh_settings):
    async with serve(without_model, mesh_settings) as stub:
        await stub.UpsertDocuments(
            upsert(
                "k",
                text("d_all", "Бюджет проекта обсудим в мае."),
                text("d_anna", "Бюджет проекта: личная заметка.", ("ppl_anna",)),
                text("d_leads", "Бюджет проекта для руководителей.", ("lead",)),
            )
        )
        await stub.UpsertDocuments(upsert("k", text("d_all", "Бюджет проекта чужой команды."), workspace="wsp_2"))
        assert set(await search(stub, "бюджет проекта", "ppl_boris")) == {"d_all"}
        assert set(await search(stub, "бюджет проекта", "ppl_anna")) == {"d_all", "d_anna"}
        assert set(await search(stub, "бюджет проекта", "ppl_boris", ("lead",))) == {"d_all", "d_leads"}
        assert set(await search(stub, "бюджет проекта", "")) == {"d_all", "d_anna", "d_leads"}, "the system itself"
        other = (await stub.Search(llm_pb2.SearchRequest(workspace_id="wsp_2", query="бюджет проекта"))).chunks
        assert [chunk.text for chunk in other] == ["Бюджет проекта чужой команды."]
        assert not await search(stub, "бюджет проекта", workspace='wsp_1" or workspace != "')


async def test_a_cross_encoder_orders_what_was_found(serve, without_model, mesh_settings, tmp_path):
    said = {
        "d1": "Базу переносим в ночь на субботу.",
        "d2": "Стены офиса красим в зелёный цвет.",
        "d3": "Касса принимает карты с понедельника.",
        "d4": "Базу данных смотрит Анна.",
    }
    query = "Когда переносим базу?"
    folder = cross_encoder.save(
        tmp_path / "reranker", " ".join([query, *said.values()]).replace(".", " ").replace("?", " ").split()
    )
    with_reranker = without_model.model_copy(
        update={"state": tmp_path / "other", "reranker": folder, "reranked": 3},
    )
    documents = [text(document_id, content) for document_id, content in said.items()]
    async with serve(without_model, mesh_settings) as stub:
        await stub.UpsertDocuments(upsert("k1", *documents))
        plain = await search(stub, query)
    async with serve(with_reranker, mesh_settings) as stub:
        await stub.UpsertDocuments(upsert("k1", *documents))
        reranked = await search(stub, query)
        assert await search(stub, query, limit=1) == reranked[:1]

    first = plain[:3]
    order = Reranker(folder).order(query, [said[document_id] for document_id in first])
    assert reranked == [first[place] for place in order] + plain[3:]
    assert reranked != plain
    with pytest.raises(ModelNotLoaded, match=r"model\.onnx.*Check `reranker`"):
        load_reranker(without_model.model_copy(update={"reranker": tmp_path / "nothing"}))


async def test_filters_narrow(serve, without_model, mesh_settings):
    early, late = Timestamp(seconds=1_700_000_000), Timestamp(seconds=1_770_000_000)
    async with serve(without_model, mesh_settings) as stub:
        await stub.UpsertDocuments(
            upsert(
                "k",
                text("d_old", "Релиз перенесли на весну.", happened_at=early, meeting_id="mtg_1"),
                text("d_new", "Релиз перенесли на осень.", happened_at=late, meeting_id="mtg_2"),
                text("d_card", "Релиз мобильного приложения.", kind=llm_pb2.DOCUMENT_KIND_CARD, card_id="crd_1"),
            )
        )
        middle = Timestamp(seconds=1_750_000_000)
        assert await search(stub, "релиз", filter=llm_pb2.SearchFilter(after=middle)) == ["d_new"]
        assert await search(stub, "релиз", filter=llm_pb2.SearchFilter(before=middle)) == ["d_old"]
        assert await search(stub, "релиз", filter=llm_pb2.SearchFilter(meeting_ids=["mtg_1"])) == ["d_old"]
        assert await search(stub, "релиз", filter=llm_pb2.SearchFilter(kinds=[llm_pb2.DOCUMENT_KIND_CARD])) == [
            "d_card"
        ]


async def test_a_restart_keeps_documents_and_heals_the_vectors(serve, without_model, mesh_settings):
    async with serve(without_model, mesh_settings) as stub:
        await stub.UpsertDocuments(upsert("k", text("d_1", "Миграция базы в субботу."), text("d_2", "Отчёты готовы.")))
    assert not _milvus_of(without_model.folder()), "the child process ended with the service"

    # As after the loss of the file, and after a death between writing vectors and committing their rows.
    (without_model.folder() / "vectors.db").unlink()
    database = sqlite3.connect(without_model.folder() / "knowledge.sqlite")
    database.execute("INSERT INTO stray SELECT 'chk_gone'")
    database.commit()
    database.close()
    async with serve(without_model, mesh_settings) as stub:
        assert (await search(stub, "миграцию"))[0] == "d_1"
        assert (await search(stub, "отчёт"))[0] == "d_2"
    shutil.rmtree(without_model.folder())


async def test_files_and_keys(serve, without_model, mesh_settings):
    async with serve(without_model, mesh_settings) as stub:
        file = llm_pb2.DocumentFile(
            format=llm_pb2.FILE_FORMAT_MARKDOWN, data="# Отпуск\n\nЗаявление за две недели.".encode()
        )
        uploaded = llm_pb2.Document(document_id="d", kind=llm_pb2.DOCUMENT_KIND_UPLOAD, title="Правила", file=file)
        await stub.UpsertDocuments(upsert("k", uploaded))
        assert await search(stub, "заявление на отпуск") == ["d"]

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.UpsertDocuments(upsert("k", text("d", "другое")))
        assert remote_error(caught.value).reason == "IDEMPOTENCY_KEY_REUSED"

        file.format = llm_pb2.FILE_FORMAT_PDF
        file.data = (DOCUMENTS / "regulations_ru.pdf").read_bytes()
        uploaded.file.CopyFrom(file)
        await stub.UpsertDocuments(upsert("k2", uploaded))
        request = llm_pb2.SearchRequest(workspace_id=WORKSPACE, query="кто составляет графики дежурства", limit=1)
        (found,) = (await stub.Search(request)).chunks
        assert found.page == 2
        assert "Ольга Смирнова" in found.text
        assert not await search(stub, "Заявление за две недели", filter=llm_pb2.SearchFilter(meeting_ids=["mtg_1"]))

        uploaded.file.data = (DOCUMENTS / "locked.pdf").read_bytes()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.UpsertDocuments(upsert("k4", text("d_new", "новое"), uploaded))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert remote_error(caught.value).reason == "FILE_ENCRYPTED"
        assert set(await search(stub, "новое")) == {"d"}, "a bad file writes nothing of its call"

        uploaded.file.format = llm_pb2.FILE_FORMAT_TEXT
        uploaded.file.data = b"\xff\xfe\x00"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.UpsertDocuments(upsert("k3", uploaded))
        assert remote_error(caught.value).reason == "TEXT_NOT_UTF8"


def _milvus_of(folder) -> str:
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in listing.splitlines() if str(folder) in line)


async def test_questions_without_a_model(serve, without_model, mesh_settings):
    """Decisions of a span of time as a list, quotations with their source, and "I don't know" in the question's language."""
    last, before = Timestamp(seconds=1_773_230_400), Timestamp(seconds=1_772_625_600)  # 11 and 4 March 2026
    chat = [
        transcript_pb2.Turn(turn_id="c1", speaker_name="Олег", text="Кто чинит принтер?", written_at=last),
        transcript_pb2.Turn(turn_id="c2", speaker_name="Анна", text="Принтер чиню я, к пятнице.", written_at=last),
    ]
    async with serve(without_model, mesh_settings) as stub:
        await stub.UpsertDocuments(
            upsert(
                "k",
                text("d_1", "Решили переехать на новый сервер.", happened_at=last, title="Планёрка"),
                text("d_2", "Решили нанять тестировщика.", happened_at=before, title="Планёрка"),
                text("d_3", "Решили уволить Петра.", ("lead",), happened_at=last),
                llm_pb2.Document(
                    document_id="d_chat",
                    kind=llm_pb2.DOCUMENT_KIND_CHAT,
                    title="Чат",
                    turns=llm_pb2.DocumentTurns(turns=chat),
                ),
            )
        )
        listed = await ask(stub, "Что решили на прошлой неделе?")
        assert "новый сервер" in listed["text"]
        assert "(2026-03-11, Планёрка) [1]" in listed["text"]
        assert listed["cited"] == ["d_1"], "neither another week's nor what only leads may read"
        again = await ask(stub, "А на позапрошлой неделе?", ("Что решили на прошлой неделе?", listed["text"]))
        assert again["cited"] == ["d_2"]
        nothing = await ask(stub, "What did we decide yesterday?")
        assert nothing["text"].startswith("I don't know")
        assert not nothing["finished"].answered

        quoted = await ask(stub, "Кто чинит принтер?")
        assert "Анна: «Принтер чиню я, к пятнице»" in quoted["text"]
        assert quoted["cited"] == ["d_chat"]
        assert quoted["finished"].fallback_reason
        assert quoted["chunks"][0].happened_at == last, "the moment of the message"
        unknown = await ask(stub, "Сколько стоит принтер?")
        assert unknown["text"].startswith("Не знаю")
        assert not unknown["cited"]


async def ask(stub, question: str, *history: tuple[str, str]) -> dict:
    request = llm_pb2.AskRequest(
        workspace_id=WORKSPACE,
        question=question,
        reader=llm_pb2.Reader(person_id="ppl_1"),
        history=[llm_pb2.Exchange(question=asked, answer=answer) for asked, answer in history],
        asked_at=Timestamp(seconds=1_773_835_200),  # 18 March 2026
        time_zone="Europe/Moscow",
    )
    found: dict = {"text": "", "chunks": [], "cited": []}
    async for response in stub.Ask(request, timeout=120):
        kind = response.WhichOneof("response")
        if kind == "text":
            found["text"] += response.text
        elif kind == "citation":
            found["chunks"].append(response.citation.chunk)
            found["cited"].append(response.citation.chunk.document_id)
        else:
            found["finished"] = response.finished
    return found
