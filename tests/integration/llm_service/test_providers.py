"""GigaChat and YandexGPT over HTTP, and OpenAI's interface of the real server inside llama.cpp."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import gigachat
import openai
import pytest
import trustme
from gigachat.models import Chat, ChatCompletion
from pydantic import SecretStr

from llm_service.adapters import make_model
from llm_service.adapters.embedded import EmbeddedBackend
from llm_service.adapters.openai_compatible import OpenAiBackend
from llm_service.adapters.transport import http_client
from llm_service.backend import Mode
from llm_service.errors import ModelNotLoaded, ModelOutputInvalid, ProviderFailed
from llm_service.generation import Answer, Message
from llm_service.patience import Patience
from llm_service.perimeter import Reach
from llm_service.settings import ProviderSettings
from llm_service.structured import StructuredModel
from tests.integration.llm_service.provider_doubles import (
    PROSE,
    Double,
    GigaChatDouble,
    YandexDouble,
    _no_proxies,
    serving,
)

__all__ = ["_no_proxies"]


class Note(Answer):
    title: str
    done: bool
    turns: list[int]


class Closed(Answer):
    verdict: Literal["done"]


TALK = [Message("system", "Сделай заметку."), Message("user", "Иван обещал отчёт к пятнице.")]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    return file


@pytest.fixture
def giga(authority: trustme.CA) -> Iterator[GigaChatDouble]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    double = GigaChatDouble()
    with serving(double, context):
        yield double


@pytest.fixture
def yandex() -> Iterator[YandexDouble]:
    double = YandexDouble()
    with serving(double):
        yield double


def giga_model(double: GigaChatDouble, bundle: Path | None, **more: object) -> StructuredModel:
    settings = {
        "kind": "gigachat", "model": "GigaChat-2", "base_url": f"{double.address}/api/v1", "auth_url": f"{double.address}/api/v2/oauth",
        "api_key": GigaChatDouble.KEY, "ca_bundle": bundle, "call_seconds": 10, **more,
    }  # fmt: skip
    return make_model("giga", ProviderSettings.model_validate(settings), Reach())


def yandex_model(double: YandexDouble, **more: object) -> StructuredModel:
    settings = {
        "kind": "yandexgpt", "model": "yandexgpt/latest", "base_url": double.address, "cloud_folder": YandexDouble.FOLDER,
        "api_key": YandexDouble.KEY, "call_seconds": 10, **more,
    }  # fmt: skip
    return make_model("yandex", ProviderSettings.model_validate(settings), Reach())


def makers_client(giga: GigaChatDouble, bundle: Path) -> gigachat.GigaChat:
    return gigachat.GigaChat(
        credentials=GigaChatDouble.KEY,
        scope="GIGACHAT_API_PERS",
        model="GigaChat-2",
        base_url=f"{giga.address}/api/v1",
        auth_url=f"{giga.address}/api/v2/oauth",
        ca_bundle_file=str(bundle),
    )


async def test_the_makers_own_client_is_content_with_our_gigachat(giga: GigaChatDouble, bundle: Path) -> None:
    async with makers_client(giga, bundle) as client:
        shape = {"type": "json_schema", "schema": {"type": "string"}, "strict": True}
        answer = await client.achat({"messages": [{"role": "user", "content": "Привет"}], "response_format": shape})
        assert isinstance(answer, ChatCompletion)
        assert answer.choices[0].message.content == '"Привет"'
        counted = await client.atokens_count(["восемь букв"], model="GigaChat-2")
        assert counted[0].tokens == 3
        assert [model.id_ for model in (await client.aget_models()).data] == ["GigaChat-2"]


async def test_gigachat_answers_in_shape_over_its_own_authority(giga: GigaChatDouble, bundle: Path) -> None:
    model = giga_model(giga, bundle)
    await model.open()
    assert (model.mode, model.structured_output) == (Mode.FLAT_SCHEMA, True)
    reply = await model.chat(TALK, Note, 100)
    assert reply.value == Note(title=TALK[1].content, done=True, turns=[1])
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (11, 9)
    assert await model.count_tokens("восемь букв") == 3
    for body in giga.bodies("/chat/completions"):
        assert set(body) <= set(Chat.model_fields), "the maker's model knows every field"
        assert Chat.model_validate(body).response_format is not None
    assert len(giga.bodies("/oauth")) == 1, "one token serves all calls"
    await model.close()


async def test_an_unknown_authority_is_not_believed(giga: GigaChatDouble) -> None:
    model = giga_model(giga, None, retries=0)
    with pytest.raises(ProviderFailed, match="ca_bundle"):
        await model.chat(TALK, Note, 100)
    assert not giga.requests
    await model.close()


def test_a_wrong_authority_is_told_at_the_start(giga: GigaChatDouble, tmp_path: Path) -> None:
    with pytest.raises(ModelNotLoaded, match="PEM"):
        giga_model(giga, tmp_path / "missing.pem")


async def test_a_token_is_renewed_before_it_ends(giga: GigaChatDouble, bundle: Path) -> None:
    model = giga_model(giga, bundle)
    await model.open()
    # Less than the minute that is kept in hand: each call gets a new one.
    giga.lives = 30
    for token in giga.tokens:
        giga.tokens[token] = 0
    await model.chat(TALK, Note, 100)
    assert len(giga.bodies("/oauth")) == 2, "a token that the server ended early is replaced"
    await model.chat(TALK, Note, 100)
    assert len(giga.bodies("/oauth")) == 3
    await model.close()


async def test_many_calls_at_once_ask_for_one_token(giga: GigaChatDouble, bundle: Path) -> None:
    model = giga_model(giga, bundle, parallel=8)
    await asyncio.gather(*(model.chat(TALK, Note, 100) for _ in range(8)))
    assert len(giga.bodies("/oauth")) == 1
    await model.close()


async def test_a_wrong_key_is_told_and_never_repeated_in_the_message(giga: GigaChatDouble, bundle: Path) -> None:
    key = "d3Jvbmc6a2V5LW9mLXRoZS1jbGllbnQ="
    model = giga_model(giga, bundle, api_key=SecretStr(key))
    with pytest.raises(ProviderFailed, match="api_key") as caught:
        await model.chat(TALK, Note, 100)
    assert not caught.value.passing
    assert key not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert len(giga.bodies("/oauth")) == 1, "a wrong key is not tried again"
    await model.close()


async def test_yandex_answers_in_shape(yandex: YandexDouble) -> None:
    model = yandex_model(yandex)
    await model.open()
    assert (model.mode, model.structured_output) == (Mode.JSON_SCHEMA, True)
    reply = await model.chat(TALK, Note, 100)
    assert reply.value == Note(title=TALK[1].content, done=True, turns=[1])
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (11, 9)
    assert await model.count_tokens("восемь букв") == 3
    await model.close()


async def test_yandex_tells_a_wrong_key_without_repeating_it(yandex: YandexDouble) -> None:
    model = yandex_model(yandex, api_key=SecretStr("AQVN-wrong"))
    with pytest.raises(ProviderFailed, match="401") as caught:
        await model.chat(TALK, Note, 100)
    assert "AQVN-wrong" not in f"{caught.value!r} {caught.value.__cause__!r}"
    await model.close()


@pytest.mark.parametrize("kind", ["giga", "yandex"])
async def test_both_are_asked_again_after_passing_failures(kind, giga, yandex, bundle) -> None:
    double = giga if kind == "giga" else yandex
    model = giga_model(giga, bundle) if kind == "giga" else yandex_model(yandex)
    await model.open()
    double.failures = [429, 503]
    assert (await model.chat(TALK, Note, 100)).value.done
    assert not double.failures
    await model.close()


@pytest.mark.parametrize("kind", ["giga", "yandex"])
async def test_both_are_found_out_where_they_ignore_the_schema(kind, giga, yandex, bundle) -> None:
    double = giga if kind == "giga" else yandex
    double.enforces = False
    model = giga_model(giga, bundle) if kind == "giga" else yandex_model(yandex)
    await model.open()
    assert (model.mode, model.structured_output) == (Mode.PROMPT, False)
    with pytest.raises(ModelOutputInvalid):
        await model.chat(TALK, Note, 100)
    await model.close()


@pytest.mark.parametrize("kind", ["giga", "yandex"])
async def test_both_tell_an_answer_that_was_cut(kind, giga, yandex, bundle) -> None:
    double = giga if kind == "giga" else yandex
    model = giga_model(giga, bundle) if kind == "giga" else yandex_model(yandex)
    await model.open()
    double.truncates = True
    with pytest.raises(ModelOutputInvalid, match="length"):
        await model.chat(TALK, Note, 100)
    await model.close()


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.begun = 0
        self.heard: list[dict[str, object]] = []
        self.first = asyncio.Event()

    def begin(self) -> None:
        self.begun += 1
        self.heard.clear()

    def hear(self, partial: Mapping[str, object]) -> None:
        self.heard.append(dict(partial))
        if partial.get("title"):
            self.first.set()


def both(
    kind: str, giga: GigaChatDouble, yandex: YandexDouble, bundle: Path, **more: object
) -> tuple[Double, StructuredModel]:
    return (giga, giga_model(giga, bundle, **more)) if kind == "giga" else (yandex, yandex_model(yandex, **more))


async def test_the_makers_own_client_is_content_with_our_stream(giga: GigaChatDouble, bundle: Path) -> None:
    async with makers_client(giga, bundle) as client:
        chunks = [chunk async for chunk in client.astream("Привет")]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == PROSE
    assert len(chunks) > 2
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 9


@pytest.mark.parametrize("kind", ["giga", "yandex"])
async def test_both_are_heard_while_they_write(kind, giga, yandex, bundle) -> None:
    double, model = both(kind, giga, yandex, bundle)
    await model.open()
    assert double.streamed == 0, "nobody listens to the canary"
    double.writes = [['{"title": "Отчёт Ивана', None, '", "done": true, "turns": [1]}']]
    ear = Ear()
    answer = asyncio.create_task(model.chat(TALK, Note, 100, ear))
    await asyncio.wait_for(ear.first.wait(), 10)
    assert ear.heard[-1] == {"title": "Отчёт Ивана"}
    assert not answer.done(), "the model has not ended yet"
    double.go.set()
    reply = await answer
    assert reply.value == Note(title="Отчёт Ивана", done=True, turns=[1])
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (11, 9), "the ledger misses nothing"
    assert (ear.begun, double.streamed) == (1, 1)
    await model.close()


async def test_a_streamed_request_has_only_what_gigachat_knows(giga: GigaChatDouble, bundle: Path) -> None:
    model = giga_model(giga, bundle)
    await model.chat(TALK, Note, 100, Ear())
    body = giga.bodies("/chat/completions")[-1]
    assert body["stream"] is True
    assert set(body) <= set(Chat.model_fields)
    await model.close()


async def test_a_stream_without_usage_does_not_look_free(giga: GigaChatDouble, bundle: Path) -> None:
    giga.tells_usage = False
    model = giga_model(giga, bundle)
    reply = await model.chat(TALK, Note, 100, Ear())
    assert reply.usage.prompt_tokens >= 11
    assert reply.usage.completion_tokens >= 9
    await model.close()


@pytest.mark.parametrize("kind", ["giga", "yandex"])
async def test_both_are_asked_again_after_a_stream_that_broke_off(kind, giga, yandex, bundle) -> None:
    double, model = both(kind, giga, yandex, bundle)
    double.writes = [['{"title": "Отч', double.BREAK]]
    ear = Ear()
    assert (await model.chat(TALK, Note, 100, ear)).value.title == TALK[1].content
    assert (ear.begun, double.streamed) == (2, 2), "what was heard of the first is void"
    double.writes = [['{"title": "Отч', double.BREAK]] * 3
    with pytest.raises(ProviderFailed) as caught:
        await model.chat(TALK, Note, 100, Ear())
    assert caught.value.passing
    await model.close()


@pytest.mark.parametrize("kind", ["giga", "yandex"])
async def test_an_installation_that_does_not_stream_answers_as_a_whole(kind, giga, yandex, bundle) -> None:
    double, model = both(kind, giga, yandex, bundle)
    double.streams = False
    ear = Ear()
    reply = await model.chat(TALK, Note, 100, ear)
    assert reply.value == Note(title=TALK[1].content, done=True, turns=[1])
    assert (reply.usage.completion_tokens, double.streamed) == (9, 0)
    await model.close()


@pytest.mark.parametrize("kind", ["giga", "yandex"])
async def test_both_tell_a_stream_that_was_cut(kind, giga, yandex, bundle) -> None:
    double, model = both(kind, giga, yandex, bundle)
    await model.open()
    double.truncates = True
    with pytest.raises(ModelOutputInvalid, match="length"):
        await model.chat(TALK, Note, 100, Ear())
    await model.close()


async def test_yandex_may_write_its_text_anew(yandex: YandexDouble) -> None:
    model = yandex_model(yandex)
    yandex.writes = [['{"title": "От', '={"title": "Смета\u2028", "done": true', ', "turns": []}']]
    ear = Ear()
    reply = await model.chat(TALK, Note, 100, ear)
    assert reply.value.title == "Смета\u2028", "the last message counts"
    assert ear.heard == [{"title": "От"}], "what was told cannot be taken back, and nothing is told after it"
    await model.close()


async def test_an_error_within_the_stream_of_yandex_is_one_that_may_pass(yandex: YandexDouble) -> None:
    model = yandex_model(yandex, retries=0)
    await model.open()
    yandex.writes = [['{"title": "От', "ERROR"]]
    with pytest.raises(ProviderFailed, match="503") as caught:
        await model.chat(TALK, Note, 100, Ear())
    assert caught.value.passing
    await model.close()


@pytest.mark.models
async def test_the_real_server_inside_llama_cpp_as_any_endpoint() -> None:
    """The adapter that users point at their own servers, at the HTTP port of the embedded one."""
    settings = ProviderSettings(kind="embedded", model="qwen2.5-coder-1.5b-instruct-q4_k_m", context_tokens=2048)
    embedded = EmbeddedBackend(settings)
    await embedded.open()
    assert embedded._http is not None
    address, bearer = embedded._http.base_url, embedded._http.headers["Authorization"].removeprefix("Bearer ")
    try:
        client = openai.AsyncOpenAI(
            base_url=f"{str(address).rstrip('/')}/v1",
            api_key=bearer,
            max_retries=0,
            http_client=http_client(Reach(), 120),
        )
        backend = OpenAiBackend(client, "openai_compatible", "any")
        model = StructuredModel(backend, Patience("any", 0), 120, 1, 0, probes=True)
        await model.open()
        assert (model.mode, model.structured_output) == (Mode.JSON_SCHEMA, True)
        assert (model.context_tokens, model.context_detected) == (2048, True)
        reply = await model.chat([Message("user", "Note: the report is done.")], Closed, 60)
        assert reply.value.verdict == "done"
        assert reply.usage.prompt_tokens > 5
        modes = [Mode.FLAT_SCHEMA, Mode.PROMPT]
        flat = StructuredModel(OpenAiBackend(client, "openai_compatible", "any", modes), Patience("flat", 0), 120, 1, 0)
        await flat.prepare()
        assert (flat.mode, flat.structured_output) == (Mode.PROMPT, False), (
            "this server ignores the flat form, and the canary sees it"
        )
        await model.close()
    finally:
        await embedded.close()
