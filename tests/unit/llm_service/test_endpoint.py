"""Structured answers over HTTP: the right shape, the wrong one, and none; the ladder of modes; the window."""

from __future__ import annotations

import asyncio
import json

import pytest

from llm_service.adapters import make_model
from llm_service.adapters.openai_compatible import openai_backend
from llm_service.backend import Mode
from llm_service.errors import ContextCut, ModelOutputInvalid, PromptTooLong, ProviderFailed, ProviderTooSlow
from llm_service.generation import Answer, Message, flat_schema
from llm_service.patience import Patience
from llm_service.perimeter import Reach
from llm_service.settings import ProviderSettings
from llm_service.structured import StructuredModel


class Inner(Answer):
    turns: list[int]


class City(Answer):
    name: str
    parts: list[Inner]


RIGHT = json.dumps({"name": "Казань", "parts": [{"turns": [1, 2]}]}, ensure_ascii=False)
QUESTION = [Message("user", "Which city?")]


def model_of(
    endpoint, retries: int = 0, seconds: float = 5, window: int = 8192, parallel: int = 1, **more
) -> StructuredModel:
    settings = ProviderSettings(
        kind="openai_compatible", model="m", base_url=endpoint.url, api_key="k", call_seconds=seconds
    )
    patience = Patience("m", retries, first_pause=0.01, **more)
    return StructuredModel(openai_backend(settings, Reach()), patience, seconds, parallel, window)


async def ready(endpoint, **more) -> StructuredModel:
    """A model whose canary passed; the requests so far are forgotten."""
    model = model_of(endpoint, **more)
    await model.open()
    assert model.mode is Mode.JSON_SCHEMA
    endpoint.requests.clear()
    return model


async def test_a_right_answer_is_parsed_and_its_cost_is_told(endpoint):
    endpoint.say(RIGHT)
    reply = await (await ready(endpoint)).chat(QUESTION, City, 50)
    assert reply.value == City(name="Казань", parts=[Inner(turns=[1, 2])])
    usage = reply.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.calls, usage.retries) == (7, 3, 1, 0)


async def test_the_schema_is_sent_in_the_nested_shape(endpoint):
    endpoint.say(RIGHT)
    await (await ready(endpoint)).chat(QUESTION, City, 50)
    sent = endpoint.requests[0]
    assert sent["response_format"]["type"] == "json_schema"
    assert sent["response_format"]["json_schema"]["schema"] == flat_schema(City)
    assert sent["max_tokens"] == 50
    assert sent["temperature"] == 0


async def test_a_fence_around_the_answer_is_repaired_without_a_second_call(endpoint):
    endpoint.say(f"```json\n{RIGHT}\n```")
    reply = await (await ready(endpoint)).chat(QUESTION, City, 50)
    assert reply.value.name == "Казань"
    assert len(endpoint.requests) == 1


async def test_after_prose_the_model_is_told_what_was_wrong(endpoint):
    endpoint.say("Казань - прекрасный город.")
    endpoint.say(RIGHT)
    reply = await (await ready(endpoint)).chat(QUESTION, City, 50)
    assert reply.value.name == "Казань"
    assert (reply.usage.calls, reply.usage.retries) == (2, 1)
    assert "not accepted" in endpoint.requests[1]["messages"][-1]["content"]


async def test_prose_twice_is_an_honest_error_that_tells_what_it_cost(endpoint):
    endpoint.say("Казань - прекрасный город.")
    with pytest.raises(ModelOutputInvalid) as caught:
        await (await ready(endpoint)).chat(QUESTION, City, 50)
    assert caught.value.reason == "MODEL_OUTPUT_INVALID"
    assert caught.value.usage.calls == 2
    assert len(endpoint.requests) == 2


async def test_json_of_another_shape_is_not_accepted(endpoint):
    endpoint.say('{"city": "Казань"}')
    with pytest.raises(ModelOutputInvalid, match="name"):
        await (await ready(endpoint)).chat(QUESTION, City, 50)


async def test_a_truncated_answer_is_not_accepted_even_if_it_parses(endpoint):
    endpoint.say(RIGHT, finish_reason="length")
    with pytest.raises(ModelOutputInvalid, match="length"):
        await (await ready(endpoint)).chat(QUESTION, City, 50)


@pytest.mark.parametrize(("status", "asked"), [(500, 3), (429, 3), (503, 3), (400, 1), (401, 1), (403, 1), (404, 1)])
async def test_only_what_may_pass_is_repeated(endpoint, status, asked):
    model = await ready(endpoint, retries=2)
    endpoint.fail(status)
    with pytest.raises(ProviderFailed, match=str(status)):
        await model.chat(QUESTION, City, 50)
    assert len(endpoint.requests) == asked


async def test_a_passing_failure_is_overcome(endpoint):
    model = await ready(endpoint, retries=2)
    endpoint.fail(503)
    endpoint.say(RIGHT)
    assert (await model.chat(QUESTION, City, 50)).value.name == "Казань"


async def test_the_endpoints_own_pause_is_kept(endpoint):
    model = await ready(endpoint, retries=1)
    endpoint.fail(429, {"Retry-After": "0.3"})
    endpoint.say(RIGHT)
    began = asyncio.get_running_loop().time()
    await model.chat(QUESTION, City, 50)
    assert asyncio.get_running_loop().time() - began >= 0.3


async def test_after_failures_in_a_row_the_provider_rests_and_then_gets_another_chance(endpoint):
    model = await ready(endpoint, failures=2, rest_seconds=0.3)
    endpoint.fail(500)
    for _ in range(2):
        with pytest.raises(ProviderFailed):
            await model.chat(QUESTION, City, 50)
    assert await model.resting()
    with pytest.raises(ProviderFailed, match="rests"):
        await model.chat(QUESTION, City, 50)
    assert len(endpoint.requests) == 2, "a resting provider is not asked"
    await asyncio.sleep(0.35)
    endpoint.script.clear()
    endpoint.say(RIGHT)
    assert (await model.chat(QUESTION, City, 50)).value.name == "Казань"
    assert not await model.resting()


async def test_wrong_requests_do_not_make_a_provider_rest(endpoint):
    model = await ready(endpoint, failures=1)
    endpoint.fail(400)
    for _ in range(3):
        with pytest.raises(ProviderFailed, match="400"):
            await model.chat(QUESTION, City, 50)
    assert not await model.resting()


async def test_every_call_has_a_deadline(endpoint):
    model = await ready(endpoint, seconds=0.5)
    endpoint.stall(30)
    with pytest.raises(ProviderTooSlow):
        await model.chat(QUESTION, City, 50)
    assert len(endpoint.requests) == 1, "what was too slow is not repeated"


async def test_an_endpoint_that_hangs_gets_a_rest(endpoint):
    model = await ready(endpoint, seconds=0.3, failures=2, rest_seconds=60)
    endpoint.stall(30)
    for _ in range(2):
        with pytest.raises(ProviderTooSlow):
            await model.chat(QUESTION, City, 50)
    with pytest.raises(ProviderFailed, match="rests"):
        await model.chat(QUESTION, City, 50)
    assert len(endpoint.requests) == 2


async def test_nobody_listens():
    class Nobody:
        url = "http://user:hunter2@127.0.0.1:9/v1"

    with pytest.raises(ProviderFailed, match="base_url") as caught:
        await model_of(Nobody).chat(QUESTION, City, 50)
    assert "hunter2" not in str(caught.value)


async def test_calls_are_put_in_order_and_a_cancelled_one_gives_its_place_free(endpoint):
    model = await ready(endpoint, seconds=60)
    endpoint.stall(30)
    endpoint.say(RIGHT)
    first = asyncio.create_task(model.chat(QUESTION, City, 50))
    while not endpoint.requests:
        await asyncio.sleep(0.005)
    second = asyncio.create_task(model.chat(QUESTION, City, 50))
    await asyncio.sleep(0.05)
    assert len(endpoint.requests) == 1
    first.cancel()
    assert (await second).value.name == "Казань"


@pytest.mark.parametrize(
    ("enforces", "mode", "proved"),
    [("json_schema", "json_schema", True), ("flat", "flat_schema", True), ("tool", "tool", True), ("nothing", "prompt", False),
     ("refuses", "prompt", False)],
)  # fmt: skip
async def test_the_canary_finds_the_mode_that_the_server_keeps_to(endpoint, enforces, mode, proved):
    endpoint.enforces = enforces
    model = model_of(endpoint)
    await model.open()
    assert (model.mode.value, model.structured_output) == (mode, proved)
    endpoint.requests.clear()
    endpoint.say(RIGHT)
    endpoint.canary = False
    assert (await model.chat(QUESTION, City, 50)).value.name == "Казань"
    told = endpoint.requests[0]["messages"][-1]["content"]
    assert ("JSON schema" in told) is (mode == "prompt"), "only where nothing enforces it the schema is told in words"
    assert ("tools" in endpoint.requests[0]) is (mode == "tool")


async def test_a_server_that_is_down_at_the_start_is_examined_before_its_first_call(endpoint):
    endpoint.canary = False
    endpoint.fail(500)
    model = model_of(endpoint)
    await model.open()
    assert model.mode is None
    endpoint.canary = True
    endpoint.script.clear()
    endpoint.say(RIGHT)
    assert (await model.chat(QUESTION, City, 50)).value.name == "Казань"
    assert model.mode is Mode.JSON_SCHEMA


async def test_after_doubts_the_canary_is_sent_again(endpoint):
    model = await ready(endpoint)
    endpoint.say("Проза.")
    for _ in range(3):
        with pytest.raises(ModelOutputInvalid):
            await model.chat(QUESTION, City, 50)
    endpoint.enforces = "nothing"
    endpoint.script.clear()
    endpoint.say(RIGHT)
    await model.chat(QUESTION, City, 50)
    assert model.mode is Mode.PROMPT


async def test_the_window_that_the_server_tells_is_kept_to_and_nothing_is_sent_that_does_not_fit(endpoint):
    endpoint.models = [{"id": "other", "max_model_len": 99}, {"id": "m", "max_model_len": 3000}]
    model = await ready(endpoint)
    assert (model.context_tokens, model.context_detected) == (3000, True)
    with pytest.raises(PromptTooLong, match="3000"):
        await model.chat([Message("user", "слово " * 1200)], City, 50)
    assert not endpoint.requests


async def test_a_server_that_read_less_than_it_was_sent_is_found_out(endpoint):
    model = await ready(endpoint, window=32768)
    endpoint.say(RIGHT)
    with pytest.raises(ContextCut, match="7 tokens"):
        await model.chat([Message("user", "слово " * 1000)], City, 50)


@pytest.mark.parametrize(("keeps", "window"), [(None, 8192), (2048, 2048)])
async def test_where_the_window_is_not_told_a_long_prompt_shows_whether_the_server_cuts(endpoint, keeps, window):
    endpoint.keeps = keeps
    settings = ProviderSettings(kind="openai_compatible", model="m", base_url=endpoint.url)
    model = StructuredModel(openai_backend(settings, Reach()), Patience("m", 0), 5, 1, 0, probes=True)
    await model.open()
    assert model.context_tokens == window


def test_schemas_are_flat_and_closed():
    schema = flat_schema(City)
    assert "$defs" not in schema
    assert schema["required"] == ["name", "parts"]
    inner = schema["properties"]["parts"]["items"]
    assert inner["additionalProperties"] is False
    assert inner["properties"]["turns"]["items"] == {"type": "integer"}


@pytest.mark.parametrize(
    ("more", "at_once"),
    [
        ({"kind": "openai_compatible"}, 2),
        ({"kind": "openai_compatible", "parallel": 8}, 8),
        ({"kind": "gigachat"}, 1),
        ({"kind": "gigachat", "scope": "GIGACHAT_API_CORP"}, 2),
        ({"kind": "gigachat", "parallel": 3}, 3),
        ({"kind": "embedded", "parallel": 8}, 1),
    ],
)
def test_a_provider_gets_as_many_calls_at_once_as_it_takes(more, at_once):
    settings = ProviderSettings.model_validate({"model": "m", **more})
    assert (settings.at_once, make_model("m", settings, Reach()).parallel) == (at_once, at_once)
