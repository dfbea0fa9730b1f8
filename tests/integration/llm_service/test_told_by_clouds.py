"""Questions answered by GigaChat and YandexGPT while they write: each sentence is told once it is checked, over real connections."""

from __future__ import annotations

import asyncio
import json

import pytest
from planerka.llm.v1 import llm_pb2

from llm_service.settings import LlmSettings
from tests.integration.llm_service.provider_doubles import Double, GigaChatDouble, YandexDouble, _no_proxies, serving
from tests.integration.llm_service.test_told_answers import GOOD, INVENTED, LAST, QUESTION, TALK, read

__all__ = ["_no_proxies"]

pytestmark = pytest.mark.models

GIGA = {
    "kind": "gigachat", "model": "GigaChat-2", "base_url": "{}/api/v1", "auth_url": "{}/api/v2/oauth", "api_key": GigaChatDouble.KEY,
}  # fmt: skip
YANDEX = {
    "kind": "yandexgpt", "model": "yandexgpt/latest", "base_url": "{}", "cloud_folder": YandexDouble.FOLDER,
    "api_key": YandexDouble.KEY,
}  # fmt: skip


@pytest.fixture(params=[(GigaChatDouble, GIGA), (YandexDouble, YANDEX)], ids=["gigachat", "yandexgpt"])
async def asking(request, serve, tmp_path, mesh_settings, turns_of):
    """A double, and a call that asks it about the talk."""
    kind, table = request.param
    double: Double = kind()
    with serving(double):
        provider = {name: value.format(double.address) for name, value in table.items()}
        settings = LlmSettings(
            state=tmp_path / "llm",
            provider="none",
            providers={"cloud": {**provider, "context_tokens": 32_768, "retries": 1}},
            perimeter="open",
            threads=1,
        )
        async with serve(settings, mesh_settings) as stub:
            document = llm_pb2.Document(
                document_id="d",
                kind=llm_pb2.DOCUMENT_KIND_TRANSCRIPT,
                title="Планёрка",
                meeting_id="mtg_1",
                turns=llm_pb2.DocumentTurns(turns=turns_of(TALK)),
            )
            await stub.UpsertDocuments(
                llm_pb2.UpsertDocumentsRequest(workspace_id="w", documents=[document], idempotency_key="k")
            )
            asked = llm_pb2.AskRequest(workspace_id="w", question=QUESTION, reader=llm_pb2.Reader(person_id="p"))
            asked.policy.provider = "cloud"
            yield double, lambda: stub.Ask(asked, timeout=60)
            double.go.set()


def written(*, answer: str) -> str:
    return json.dumps({"answered": True, "answer": answer, "sources": [1]}, ensure_ascii=False)


async def test_a_sentence_is_told_before_the_next_one_is_written(asking):
    double, ask = asking
    begins, ends = written(answer=f"{GOOD} {INVENTED} {LAST}").split("нос базы")
    double.writes = [[begins, None, f"нос базы{ends}"]]
    call = ask()
    first = await asyncio.wait_for(call.read(), 30)
    assert first.text == f"{GOOD} [1]"
    assert not double.go.is_set(), "the model has not ended yet"
    double.go.set()
    texts, cited, finished = await read(call)
    assert texts == [f" {LAST} [1]"], "what nobody said is left out"
    assert cited == ["d"]
    assert (finished.answered, finished.fallback_reason, finished.usage.completion_tokens) == (True, "", 9)
    assert double.streamed == 1


async def test_an_answer_that_breaks_off_before_anything_is_told_is_asked_for_again(asking):
    double, ask = asking
    double.writes = [[written(answer=GOOD)[:40], double.BREAK], [written(answer=GOOD)]]
    texts, _, finished = await read(ask())
    assert ("".join(texts), double.streamed) == (f"{GOOD} [1]", 2)
    assert (finished.answered, finished.fallback_reason) == (True, "")


async def test_an_answer_that_breaks_off_keeps_what_was_told_and_says_so(asking):
    double, ask = asking
    broken = [written(answer=f"{GOOD} {LAST}")[: -len(LAST)], double.BREAK]
    double.writes = [broken, broken, broken]
    texts, cited, finished = await read(ask())
    assert "".join(texts) == f"{GOOD} [1]", "nothing is told twice"
    assert cited == ["d"]
    assert "broke" in finished.fallback_reason
