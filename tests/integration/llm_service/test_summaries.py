"""Summaries over the wire, without and with the language model; and what the service says when it cannot."""

from __future__ import annotations

import time

import grpc
import pytest
from planerka.llm.v1 import llm_pb2

from llm_service.errors import ModelNotLoaded
from llm_service.service import LlmHosted
from llm_service.settings import LlmSettings
from mesh.errors import remote_error
from mesh.server import host

pytestmark = pytest.mark.models


async def collect(stub, request, timeout: float = 60) -> dict[str, list]:
    found: dict[str, list] = {}
    async for response in stub.Summarize(request, timeout=timeout):
        kind = response.WhichOneof("response")
        found.setdefault(kind, []).append(getattr(response, kind))
    return found


def assert_grounded(found: dict[str, list], standup) -> None:
    """Every statement rests on turns of the talk, and quotes them letter by letter."""
    texts = {f"t{number}": text for number, (_, text) in enumerate(standup, start=1)}
    for part in found["part"]:
        assert part.part_id.startswith("prt_")
        assert set(part.turn_ids) <= set(texts)
    for kind in ("decision", "action", "question", "risk"):
        assert all(item.evidence for item in found.get(kind, []))
    for items in (found.get(kind, []) for kind in ("part", "decision", "action", "question", "risk")):
        for evidence in (one for item in items for one in item.evidence):
            assert evidence.quote in texts[evidence.turn_id]
            assert evidence.HasField("start")


async def test_extracts_need_no_model(serve, without_model, mesh_settings, summary_request, standup):
    async with serve(without_model, mesh_settings) as stub:
        found = await collect(stub, summary_request())
        assert_grounded(found, standup)
        assert [part.turn_ids[-1] for part in found["part"]] == ["t3", "t4"]
        (action,) = found["action"]
        assert (action.owner_person_id, action.owner_name, action.due_text) == ("ppl_s", "Александр", "к пятнице")
        assert (action.due.year, action.due.month, action.due.day) == (2026, 3, 6)
        (decision,) = found["decision"]
        assert decision.text == "Рабочую базу переносим в ночь на субботу."
        (finished,) = found["finished"]
        assert finished.strategy == llm_pb2.SUMMARY_STRATEGY_EXTRACTIVE
        assert finished.language == "ru"
        assert finished.usage.calls == 0
        assert found["progress"][-1].done == found["progress"][-1].total == 2
        assert finished.template == "default"
        assert finished.minutes.startswith("# Планёрка\n\n2026-03-02")
        assert "## Поручения" in finished.minutes
        assert "(Александр, до 2026-03-06)" in finished.minutes


async def test_a_day_is_counted_in_the_zone_of_the_workspace(serve, without_model, mesh_settings, summary_request):
    async with serve(without_model, mesh_settings) as stub:
        # 22:30 in London on Thursday is Friday in Moscow, and «к пятнице» is the next one.
        request = summary_request(time_zone="Europe/Moscow", strategy=llm_pb2.SUMMARY_STRATEGY_EXTRACTIVE)
        request.started_at.FromJsonString("2026-03-05T22:30:00Z")
        (action,) = (await collect(stub, request))["action"]
        assert action.due.day == 13


async def test_what_cannot_be_done_is_said(serve, without_model, mesh_settings, summary_request):
    refused = [
        ({"strategy": llm_pb2.SUMMARY_STRATEGY_MAP_REDUCE}, grpc.StatusCode.FAILED_PRECONDITION, "NO_LANGUAGE_MODEL"),
        ({"strategy": llm_pb2.SUMMARY_STRATEGY_REFINE}, grpc.StatusCode.FAILED_PRECONDITION, "NO_LANGUAGE_MODEL"),
        ({"template": "sprint-review"}, grpc.StatusCode.NOT_FOUND, "TEMPLATE_UNKNOWN"),
        ({"language": "de"}, grpc.StatusCode.INVALID_ARGUMENT, "LANGUAGE_UNKNOWN"),
        ({"time_zone": "Mars/Olympus"}, grpc.StatusCode.INVALID_ARGUMENT, "TIME_ZONE_UNKNOWN"),
    ]
    async with serve(without_model, mesh_settings) as stub:
        for changes, code, reason in refused:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await collect(stub, summary_request(**changes))
            assert caught.value.code() is code
            assert remote_error(caught.value).reason == reason

        request = summary_request()
        del request.turns[:]
        found = await collect(stub, request)
        assert "part" not in found
        assert found["finished"][0].overview


async def test_a_workspace_edits_its_templates(serve, without_model, mesh_settings, summary_request):
    async with serve(without_model, mesh_settings) as stub:

        def listed(answer) -> dict:
            return {one.name: one for one in answer.templates}

        asked = llm_pb2.ListTemplatesRequest(workspace_id="wsp_1")
        before = listed(await stub.ListTemplates(asked))
        assert set(before) == {"default", "stand-up", "planning", "retro", "customer-call"}
        assert all(one.built_in and not one.changed for one in before.values())
        first = await stub.ListTemplates(llm_pb2.ListTemplatesRequest(workspace_id="wsp_1", page_size=2))
        rest = await stub.ListTemplates(
            llm_pb2.ListTemplatesRequest(workspace_id="wsp_1", page_size=3, page_token=first.next_page_token)
        )
        assert [one.name for one in (*first.templates, *rest.templates)] == sorted(before)
        assert first.next_page_token
        assert not rest.next_page_token
        layout = "{% for one in actions %}* {{ one.owner }}: {{ one.due }}{% endfor %}"
        put = llm_pb2.PutTemplateRequest(
            workspace_id="wsp_1", template=llm_pb2.Template(name="retro", layout=layout), idempotency_key="1"
        )
        first = await stub.PutTemplate(put)
        assert first.template.built_in
        assert first.template.changed
        found = await collect(stub, summary_request(template="retro"))
        assert found["finished"][0].minutes == "* Александр: 2026-03-06"
        other = await collect(stub, summary_request(template="retro", workspace_id="wsp_2"))
        assert other["finished"][0].minutes.startswith("# Планёрка"), (
            "another workspace keeps the template of the product"
        )

        put.idempotency_key, put.template.layout = "2", "{{ overview }}"
        await stub.PutTemplate(put)
        put.idempotency_key, put.template.layout = "1", layout
        assert await stub.PutTemplate(put) == first, "a repeated call answers as before"
        assert listed(await stub.ListTemplates(asked))["retro"].layout == "{{ overview }}", "and writes nothing"

        put.idempotency_key, put.template.layout = "3", "{{ cycler.__init__.__globals__ }}{{ f() }}"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.PutTemplate(put)
        assert remote_error(caught.value).reason == "TEMPLATE_INVALID"

        gone = llm_pb2.DeleteTemplateRequest(workspace_id="wsp_1", name="retro", idempotency_key="4")
        assert (await stub.DeleteTemplate(gone)).deleted
        assert listed(await stub.ListTemplates(asked)) == before


async def test_an_endpoint_that_is_down_leaves_extracts(serve, tmp_path, mesh_settings, summary_request, standup):
    settings = LlmSettings(
        state=tmp_path / "llm", provider="openai_compatible", base_url="http://127.0.0.1:9/v1", endpoint_retries=0
    )
    async with serve(settings, mesh_settings) as stub:
        assert not (await stub.GetCapabilities(llm_pb2.GetCapabilitiesRequest())).structured_output
        found = await collect(stub, summary_request())
        assert_grounded(found, standup)
        (finished,) = found["finished"]
        assert finished.strategy == llm_pb2.SUMMARY_STRATEGY_EXTRACTIVE
        assert "base_url" in finished.fallback_reason


async def test_a_missing_model_is_an_error_that_says_what_to_do(tmp_path, mesh_settings, monkeypatch):
    settings = LlmSettings(state=tmp_path / "llm", model="no-such-model")
    with pytest.raises(ModelNotLoaded, match="no-such-model"):
        async with host(LlmHosted(settings), "127.0.0.1:0", mesh_settings):
            pass
    monkeypatch.setenv("PLANERKA_MODELS", str(tmp_path / "empty"))
    with pytest.raises(ModelNotLoaded, match="planerka models pull multilingual-e5-small"):
        async with host(LlmHosted(LlmSettings(state=tmp_path / "llm")), "127.0.0.1:0", mesh_settings):
            pass


async def test_the_embedded_model_sums_up_and_answers(
    serve, tmp_path, mesh_settings, summary_request, standup, turns_of
):
    async with serve(LlmSettings(state=tmp_path / "llm"), mesh_settings) as stub:
        capabilities = await stub.GetCapabilities(llm_pb2.GetCapabilitiesRequest())
        assert capabilities.structured_output
        began = time.monotonic()
        found = await collect(stub, summary_request(), timeout=240)
        assert_grounded(found, standup)
        (finished,) = found["finished"]
        assert finished.strategy == llm_pb2.SUMMARY_STRATEGY_BY_TOPIC
        assert finished.usage.calls == len(found["part"]) == 2
        assert not finished.fallback_reason
        assert 0 < finished.usage.elapsed.ToTimedelta().total_seconds() <= time.monotonic() - began
        (action,) = found["action"]
        assert action.owner_person_id == "ppl_s"
        assert action.due.day == 6

        document = llm_pb2.Document(
            document_id="d",
            kind=llm_pb2.DOCUMENT_KIND_TRANSCRIPT,
            title="Планёрка",
            turns=llm_pb2.DocumentTurns(turns=turns_of(standup)),
        )
        await stub.UpsertDocuments(
            llm_pb2.UpsertDocumentsRequest(workspace_id="wsp_1", documents=[document], idempotency_key="k")
        )
        known = await _ask(stub, "Когда переносят рабочую базу?")
        assert "суббот" in known["text"]
        assert known["answered"]
        assert known["cited"] == ["d"]
        unknown = await _ask(stub, "Какой бюджет у рекламы на телевидении?")
        assert not unknown["answered"]
        assert unknown["text"].startswith("Не знаю")
        assert not unknown["cited"]


async def _ask(stub, question: str) -> dict:
    request = llm_pb2.AskRequest(workspace_id="wsp_1", question=question, reader=llm_pb2.Reader(person_id="ppl_a"))
    result: dict = {"text": "", "cited": []}
    async for response in stub.Ask(request, timeout=180):
        kind = response.WhichOneof("response")
        if kind == "text":
            result["text"] += response.text
        elif kind == "citation":
            result["cited"].append(response.citation.chunk.document_id)
        else:
            result["answered"] = response.finished.answered
    return result
