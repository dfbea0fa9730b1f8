"""Structured answers over HTTP: the right shape, the wrong one, and none."""

from __future__ import annotations

import asyncio
import json

import openai
import pytest

from llm_service.adapters.openai_compatible import Endpoint
from llm_service.errors import ModelOutputInvalid, ProviderFailed, ProviderTooSlow
from llm_service.generation import Answer, Message, flat_schema


class Inner(Answer):
    turns: list[int]


class City(Answer):
    name: str
    parts: list[Inner]


RIGHT = json.dumps({"name": "Казань", "parts": [{"turns": [1, 2]}]}, ensure_ascii=False)
QUESTION = [Message("user", "Which city?")]


def client_of(endpoint, retries: int = 0, seconds: float = 5) -> Endpoint:
    client = openai.AsyncOpenAI(base_url=endpoint.url, api_key="k", max_retries=retries)
    return Endpoint(client, "m", seconds)


async def test_a_right_answer_is_parsed_and_its_cost_is_told(endpoint):
    endpoint.say(RIGHT)
    reply = await client_of(endpoint).chat(QUESTION, City, 50)
    assert reply.value == City(name="Казань", parts=[Inner(turns=[1, 2])])
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.calls, reply.usage.retries) == (
        7,
        3,
        1,
        0,
    )


async def test_the_schema_is_sent_in_the_nested_shape(endpoint):
    endpoint.say(RIGHT)
    await client_of(endpoint).chat(QUESTION, City, 50)
    sent = endpoint.requests[0]
    assert sent["response_format"]["type"] == "json_schema"
    assert sent["response_format"]["json_schema"]["schema"] == flat_schema(City)
    assert sent["max_tokens"] == 50
    assert sent["temperature"] == 0


async def test_a_fence_around_the_answer_is_repaired_without_a_second_call(endpoint):
    endpoint.say(f"```json\n{RIGHT}\n```")
    reply = await client_of(endpoint).chat(QUESTION, City, 50)
    assert reply.value.name == "Казань"
    assert len(endpoint.requests) == 1


async def test_after_prose_the_model_is_told_what_was_wrong(endpoint):
    endpoint.say("Казань - прекрасный город.")
    endpoint.say(RIGHT)
    reply = await client_of(endpoint).chat(QUESTION, City, 50)
    assert reply.value.name == "Казань"
    assert (reply.usage.calls, reply.usage.retries) == (2, 1)
    assert "not accepted" in endpoint.requests[1]["messages"][-1]["content"]


async def test_prose_twice_is_an_honest_error(endpoint):
    endpoint.say("Казань - прекрасный город.")
    with pytest.raises(ModelOutputInvalid) as caught:
        await client_of(endpoint).chat(QUESTION, City, 50)
    assert caught.value.reason == "MODEL_OUTPUT_INVALID"
    assert len(endpoint.requests) == 2


async def test_json_of_another_shape_is_not_accepted(endpoint):
    endpoint.say('{"city": "Казань"}')
    with pytest.raises(ModelOutputInvalid, match="name"):
        await client_of(endpoint).chat(QUESTION, City, 50)


async def test_a_truncated_answer_is_not_accepted_even_if_it_parses(endpoint):
    endpoint.say(RIGHT, finish_reason="length")
    with pytest.raises(ModelOutputInvalid, match="length"):
        await client_of(endpoint).chat(QUESTION, City, 50)


async def test_an_endpoint_that_fails_is_told_apart(endpoint):
    endpoint.fail(500)
    with pytest.raises(ProviderFailed, match="500"):
        await client_of(endpoint).chat(QUESTION, City, 50)


async def test_a_passing_failure_is_overcome(endpoint):
    endpoint.fail(500)
    endpoint.say(RIGHT)
    reply = await client_of(endpoint, retries=2).chat(QUESTION, City, 50)
    assert reply.value.name == "Казань"


async def test_every_call_has_a_deadline(endpoint):
    endpoint.stall(30)
    with pytest.raises(ProviderTooSlow):
        await client_of(endpoint, seconds=0.1).chat(QUESTION, City, 50)


async def test_nobody_listens():
    client = openai.AsyncOpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0)
    with pytest.raises(ProviderFailed, match="base_url"):
        await Endpoint(client, "m", 5).chat(QUESTION, City, 50)


async def test_calls_are_put_in_order_and_a_cancelled_one_gives_its_place_free(endpoint):
    endpoint.stall(30)
    endpoint.say(RIGHT)
    model = client_of(endpoint, seconds=60)
    first = asyncio.create_task(model.chat(QUESTION, City, 50))
    while not endpoint.requests:
        await asyncio.sleep(0.005)
    second = asyncio.create_task(model.chat(QUESTION, City, 50))
    await asyncio.sleep(0.05)
    assert len(endpoint.requests) == 1
    first.cancel()
    assert (await second).value.name == "Казань"


async def test_the_canary_believes_only_what_it_asked_for(endpoint):
    endpoint.say("The sea is calm.")
    assert not await client_of(endpoint).enforces_schema()
    schema = endpoint.requests[0]["response_format"]["json_schema"]["schema"]
    value = schema["properties"]["canary"]["enum"][0]
    endpoint.script = []
    endpoint.say(json.dumps({"canary": value}))
    assert not await client_of(endpoint).enforces_schema(), "the value is another one on each run"


async def test_the_canary_passes_where_the_schema_is_enforced(endpoint):
    class Honest(list):
        def __getitem__(self, place):
            schema = endpoint.requests[-1]["response_format"]["json_schema"]["schema"]
            content = json.dumps({"canary": schema["properties"]["canary"]["enum"][0]})
            return {"status": 200, "content": content, "finish_reason": "stop"}

    endpoint.script = Honest([{}])
    assert await client_of(endpoint).enforces_schema()


def test_schemas_are_flat_and_closed():
    schema = flat_schema(City)
    assert "$defs" not in schema
    assert schema["required"] == ["name", "parts"]
    inner = schema["properties"]["parts"]["items"]
    assert inner["additionalProperties"] is False
    assert inner["properties"]["turns"]["items"] == {"type": "integer"}
