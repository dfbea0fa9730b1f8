"""Which provider works for a workspace, on which form of its texts, and what is written down about it."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from llm_service.errors import BudgetSpent, OutsideRefused, ProviderFailed, ProviderUnknown
from llm_service.generation import Answer, Message
from llm_service.ledger import Ledger
from llm_service.perimeter import Call, Perimeter, call, enter
from llm_service.providers import Providers
from llm_service.settings import LlmSettings

SECRET = "key-that-nobody-may-see"


class Note(Answer):
    text: str


class Twice(Answer):
    notes: list[Note]


def answer_of(text: str) -> str:
    return json.dumps({"text": text}, ensure_ascii=False)


@pytest.fixture
async def serve(tmp_path, make_endpoint):
    """Open providers by name over endpoints; `outside` ones are reached by a name that is not inside."""
    opened = []

    async def start(names, outside=(), **settings):
        endpoints = {name: make_endpoint() for name in names}
        tables = {
            name: {
                "kind": "openai_compatible", "model": f"model-{name}", "api_key": SECRET, "call_seconds": 5, "probe_context": False,
                "retries": 0, "base_url": endpoint.url, "prompt_price": 200, "completion_price": 400, "currency": "RUB",
            }
            for name, endpoint in endpoints.items()
        }  # fmt: skip
        rest = names[1:]
        made = LlmSettings(
            provider="none", state=tmp_path, providers=tables, fallbacks=settings.pop("fallbacks", rest), **settings
        )
        ledger = Ledger(tmp_path / "calls.sqlite")
        await ledger.open()
        providers = Providers(made, ledger)
        for name in outside:
            client = providers._models[name]._backend._client
            client.base_url = endpoints[name].url.replace("127.0.0.1", "127.0.0.1.outside")
        opened.append((providers, ledger))
        await providers.open()
        for endpoint in endpoints.values():
            endpoint.requests.clear()
        return providers, endpoints

    yield start
    for providers, ledger in opened:
        await providers.close()
        await ledger.close()


@pytest.fixture(autouse=True)
def names_outside(monkeypatch):
    """Names that end in `.outside` resolve to this machine, and are outside."""
    from llm_service import perimeter

    real = perimeter._resolve

    async def resolve(host):
        return await real(host.removesuffix(".outside"))

    inside = perimeter.Reach.is_inside
    admit = perimeter.Reach.admit

    async def is_inside(self, host):
        return False if host.endswith(".outside") else await inside(self, host)

    async def admitted(self, host):
        if host.endswith(".outside") and not perimeter.admits_outside():
            raise perimeter.refused(host)
        return await admit(self, host)

    monkeypatch.setattr(perimeter, "_resolve", resolve)
    monkeypatch.setattr(perimeter.Reach, "is_inside", is_inside)
    monkeypatch.setattr(perimeter.Reach, "admit", admitted)


PRIVATE = "Анна Петрова дала Ивану телефон 8 (916) 123-45-67 и пароль: Zima2026!"
ASKED = [Message("system", "Ты секретарь."), Message("user", PRIVATE)]


async def test_inside_refuses_an_endpoint_outside_and_sends_nothing(serve):
    providers, endpoints = await serve(["cloud"], outside=["cloud"])
    enter(Call("w", "summary", Perimeter.INSIDE))
    with pytest.raises(OutsideRefused, match="planerka workspace set") as caught:
        await providers.chat(ASKED, Note, 50)
    assert caught.value.reason == "OUTSIDE_REFUSED"
    assert not endpoints["cloud"].requests


async def test_a_workspace_that_chose_nothing_is_inside(serve):
    providers, endpoints = await serve(["cloud"], outside=["cloud"])
    enter(Call("w", "summary"))
    with pytest.raises(OutsideRefused):
        await providers.chat(ASKED, Note, 50)
    assert not endpoints["cloud"].requests
    assert await providers.count_tokens("слово") == 3, "not even counting sends a text away"


async def test_inside_skips_to_a_provider_inside_but_keeps_to_an_explicit_choice(serve):
    providers, endpoints = await serve(["cloud", "local"], outside=["cloud"])
    endpoints["local"].say(answer_of("да"))
    enter(Call("w", "summary", Perimeter.INSIDE))
    assert (await providers.chat(ASKED, Note, 50)).value.text == "да"
    assert (providers.name, call().used) == ("model-local", "local")
    enter(Call("w", "summary", Perimeter.INSIDE, "cloud"))
    with pytest.raises(OutsideRefused):
        await providers.chat(ASKED, Note, 50)
    assert not endpoints["cloud"].requests


async def test_redacted_masks_what_leaves_and_restores_what_comes(serve):
    providers, endpoints = await serve(["cloud"], outside=["cloud"])
    endpoints["cloud"].say(json.dumps({"notes": [{"text": "[NAME_1] и [NAME_2]у, [phone_1]"}, {"text": "[SECRET_1]"}]}))
    enter(Call("w", "answer", Perimeter.REDACTED, names=("Ирина",)))
    reply = await providers.chat(ASKED, Twice, 50)
    sent = json.dumps(endpoints["cloud"].requests, ensure_ascii=False)
    for private in ("Анна", "Петров", "Иван", "916", "Zima2026"):
        assert private not in sent
    assert "Переписывай метки" in sent
    assert [note.text for note in reply.value.notes] == ["Анна Петрова и Ивану, 8 (916) 123-45-67", "Zima2026!"]
    (took,) = await providers.took("w", None, None)
    assert (took.redacted, took.purpose) == (1, "answer")


async def test_redacted_leaves_texts_for_a_provider_inside_as_they_are(serve):
    providers, endpoints = await serve(["local"])
    endpoints["local"].say(answer_of("да"))
    enter(Call("w", "answer", Perimeter.REDACTED))
    await providers.chat(ASKED, Note, 50)
    assert endpoints["local"].requests[0]["messages"][1]["content"] == PRIVATE


async def test_open_sends_texts_as_they_are_unless_the_service_is_narrower(serve):
    providers, endpoints = await serve(["cloud"], outside=["cloud"])
    endpoints["cloud"].say(answer_of("да"))
    enter(Call("w", "answer", Perimeter.OPEN))
    await providers.chat(ASKED, Note, 50)
    assert endpoints["cloud"].requests[0]["messages"][1]["content"] == PRIVATE
    narrow, endpoints = await serve(["cloud"], outside=["cloud"], widest_perimeter="inside")
    with pytest.raises(OutsideRefused):
        await narrow.chat(ASKED, Note, 50)
    assert not endpoints["cloud"].requests


async def test_the_next_provider_takes_over_and_the_ledger_tells_both(serve):
    providers, endpoints = await serve(["first", "second"])
    endpoints["first"].fail(500)
    endpoints["second"].say(answer_of("да"))
    enter(Call("w", "summary", Perimeter.OPEN))
    assert (await providers.chat(ASKED, Note, 50)).value.text == "да"
    took = {one.provider: one for one in await providers.took("w", None, None)}
    assert (took["first"].calls, took["first"].failed, took["first"].cost_micros) == (1, 1, 0)
    # 7 and 3 tokens at 200 and 400 roubles a million.
    assert (
        took["second"].calls,
        took["second"].failed,
        took["second"].prompt_tokens,
        took["second"].completion_tokens,
    ) == (1, 0, 7, 3)
    assert (took["second"].cost_micros, took["second"].currency) == (7 * 200 + 3 * 400, "RUB")
    assert not await providers.took("another", None, None)
    assert not await providers.took("w", None, 1000)


async def test_without_an_order_nobody_takes_over(serve):
    providers, endpoints = await serve(["first", "second"], fallbacks=[])
    endpoints["first"].fail(500)
    enter(Call("w", "summary", Perimeter.OPEN))
    with pytest.raises(ProviderFailed, match="500"):
        await providers.chat(ASKED, Note, 50)
    assert not endpoints["second"].requests


async def test_a_workspace_has_the_provider_that_it_chose(serve):
    providers, endpoints = await serve(["first", "second"], fallbacks=[])
    endpoints["second"].say(answer_of("да"))
    enter(Call("w", "summary", Perimeter.OPEN, "second"))
    assert (await providers.chat(ASKED, Note, 50)).value.text == "да"
    assert not endpoints["first"].requests
    enter(Call("w", "summary", Perimeter.OPEN, "third"))
    with pytest.raises(ProviderUnknown, match="first, second"):
        await providers.chat(ASKED, Note, 50)


async def test_a_workspace_has_a_budget_for_a_day(serve):
    providers, endpoints = await serve(["only"], daily_tokens=15)
    endpoints["only"].say(answer_of("да"))
    enter(Call("w", "summary"))
    await providers.chat(ASKED, Note, 50)
    await providers.chat(ASKED, Note, 50)
    with pytest.raises(BudgetSpent, match="daily_tokens"):
        await providers.chat(ASKED, Note, 50)
    enter(Call("v", "summary"))
    assert (await providers.chat(ASKED, Note, 50)).value.text == "да", "another workspace has its own"


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
async def test_keys_and_texts_are_in_no_log_and_no_error(serve, status, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    providers, endpoints = await serve(["only"])
    endpoints["only"].fail(status)
    enter(Call("w", "summary", names=("Анна Петрова",)))
    with structlog.testing.capture_logs() as logs, pytest.raises(ProviderFailed) as caught:
        await providers.chat(ASKED, Note, 50)
    import traceback

    seen = (
        "".join(traceback.format_exception(caught.value))
        + repr(logs)
        + caplog.text
        + "".join(capsys.readouterr())
        + repr(call())
    )
    assert SECRET not in seen
    assert "Zima2026" not in seen
    assert "Анна" not in seen


def test_settings_never_show_keys_of_providers():
    settings = LlmSettings.model_validate(
        {
            "providers": {"giga": {"kind": "gigachat", "model": "GigaChat-2", "api_key": SECRET}},
            "fallbacks": ["giga", "default"],
        }
    )
    assert SECRET not in repr(settings)
    assert SECRET not in repr(settings.redacted())
    assert settings.redacted()["providers"]["giga"]["api_key"] == "********"


@pytest.mark.parametrize(
    "wrong",
    [
        {"fallbacks": ["nobody"]},
        {"providers": {"default": {"kind": "gigachat", "model": "m"}}},
        {"providers": {"y": {"kind": "yandexgpt", "model": "yandexgpt"}}},
        {"providers": {"y": {"kind": "telepathy", "model": "m"}}},
    ],
)
def test_wrong_settings_are_told_at_once(wrong):
    with pytest.raises(ValueError, match=r"nobody|default|cloud_folder|kind"):
        LlmSettings.model_validate(wrong)


class Ear:
    """Keeps what it hears."""

    def __init__(self):
        self.begun, self.heard = 0, []

    def begin(self):
        self.begun += 1
        self.heard.clear()

    def hear(self, partial):
        self.heard.append(dict(partial))


async def test_an_answer_is_heard_while_it_is_written_with_its_names_put_back(serve):
    providers, endpoints = await serve(["cloud"], outside=["cloud"])
    endpoints["cloud"].tell('{"te', 'xt": "Отчёт подгото', "вит [NA", "ME_1]. Срок пят", "ница. Потом ещё сло", 'ва."}')
    ear = Ear()
    enter(Call("w", "answer", Perimeter.REDACTED, names=("Анна Петрова",)))
    reply = await providers.chat([Message("user", "Анна Петрова готовит отчёт.")], Note, 100, ear)
    assert "Анна" not in json.dumps(endpoints["cloud"].requests, ensure_ascii=False)
    assert reply.value.text == "Отчёт подготовит Анна Петрова. Срок пятница. Потом ещё слова."
    texts = [one["text"] for one in ear.heard if "text" in one]
    assert len(texts) > 2
    assert all(reply.value.text.startswith(text) for text in texts), "no half of a placeholder is ever shown"
    assert any("Анна Петрова." in text for text in texts)
    assert (ear.begun, reply.usage.prompt_tokens) == (1, 7)


async def test_an_endpoint_that_does_not_stream_is_asked_as_ever(serve):
    providers, endpoints = await serve(["local"])
    endpoints["local"].fail(400)
    endpoints["local"].say(answer_of("готово"))
    ear = Ear()
    reply = await providers.chat([Message("user", "Что?")], Note, 100, ear)
    assert (reply.value.text, ear.heard) == ("готово", [])
    assert [bool(body.get("stream")) for body in endpoints["local"].requests] == [True, False]
    endpoints["local"].requests.clear()
    assert (await providers.chat([Message("user", "Что?")], Note, 100, ear)).value.text == "готово"
    assert [bool(body.get("stream")) for body in endpoints["local"].requests] == [False]


async def test_an_answer_that_breaks_off_is_a_failure(serve):
    providers, endpoints = await serve(["local"])
    endpoints["local"].tell('{"text": "Отчёт', breaks=True)
    with pytest.raises(ProviderFailed, match="broke off"):
        await providers.chat([Message("user", "Что?")], Note, 100, Ear())
