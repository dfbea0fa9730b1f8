"""What we send to YandexGPT, and what our double of it answers, held to the maker's published protobuf messages.

The maker's SDK (`pip install --no-deps yandexcloud`) carries them; it holds protobuf back to an older version than ours, so it is not among
the development dependencies, and these tests are skipped where it is absent.
"""

from __future__ import annotations

import json
import urllib.request
from itertools import pairwise

import pytest
from google.protobuf import json_format

from llm_service.adapters import make_model, yandexgpt
from llm_service.generation import Answer, Message
from llm_service.perimeter import Reach
from llm_service.settings import ProviderSettings
from tests.integration.llm_service.provider_doubles import YandexDouble, serving

pytest.importorskip("yandex.cloud.ai.foundation_models", reason="pip install --no-deps yandexcloud")
from yandex.cloud.ai.foundation_models.v1 import text_common_pb2
from yandex.cloud.ai.foundation_models.v1.text_generation import text_generation_service_pb2 as spec


class Note(Answer):
    title: str
    done: bool


@pytest.fixture
async def talked():
    """The double after one answer in shape and one count of tokens, and its raw answers to the same requests."""
    double = YandexDouble()
    with serving(double):
        settings = {
            "kind": "yandexgpt", "model": "yandexgpt/latest", "base_url": double.address, "cloud_folder": YandexDouble.FOLDER,
            "api_key": YandexDouble.KEY, "call_seconds": 10,
        }  # fmt: skip
        model = make_model("yandex", ProviderSettings.model_validate(settings), Reach())
        await model.open()
        await model.chat([Message("system", "Кратко."), Message("user", "Запиши: отчёт готов.")], Note, 100)
        assert await model.count_tokens("восемь букв") == 3
        await model.close()
        yield double


def answer_to(double: YandexDouble, path: str, body: dict) -> dict:
    return json.loads(raw_answer_to(double, path, body))


def raw_answer_to(double: YandexDouble, path: str, body: dict) -> bytes:
    request = urllib.request.Request(
        f"{double.address}{path}",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Api-Key {YandexDouble.KEY}", "x-folder-id": YandexDouble.FOLDER},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


async def test_requests_are_messages_of_the_specification(talked: YandexDouble) -> None:
    sent = [body for path, body in list(talked.requests) if path.endswith("/completion")]
    assert len(sent) >= 2, "the canary and the answer"
    for body in sent:
        request = json_format.ParseDict(body, spec.CompletionRequest())
        assert request.model_uri == "gpt://b1gfolder/yandexgpt/latest"
        assert request.completion_options.max_tokens.value > 0
        assert not request.completion_options.stream
        assert [message.role for message in request.messages][-1] == "user"
    assert json_format.ParseDict(sent[-1], spec.CompletionRequest()).json_schema.schema["type"] == "object"
    (counted,) = [body for path, body in talked.requests if path.endswith("/tokenize")]
    assert json_format.ParseDict(counted, spec.TokenizeRequest()).text == "восемь букв"


async def test_the_double_answers_with_messages_of_the_specification(talked: YandexDouble) -> None:
    path, body = next((path, body) for path, body in talked.requests if path.endswith("/completion"))
    response = json_format.ParseDict(answer_to(talked, path, body)["result"], spec.CompletionResponse())
    assert response.alternatives[0].status == text_common_pb2.Alternative.ALTERNATIVE_STATUS_FINAL
    assert response.alternatives[0].message.text
    assert response.usage.total_tokens == response.usage.input_text_tokens + response.usage.completion_tokens
    path, body = next((path, body) for path, body in talked.requests if path.endswith("/tokenize"))
    assert len(json_format.ParseDict(answer_to(talked, path, body), spec.TokenizeResponse()).tokens) == 3


async def test_a_stream_is_messages_of_the_specification_each_with_the_whole_text_so_far() -> None:
    double = YandexDouble()
    body = {
        "modelUri": "gpt://b1gfolder/yandexgpt/latest",
        "completionOptions": {"stream": True, "temperature": 0, "maxTokens": "9"},
        "messages": [{"role": "user", "text": "Привет"}],
    }
    assert json_format.ParseDict(body, spec.CompletionRequest()).completion_options.stream
    with serving(double):
        lines = raw_answer_to(double, "/foundationModels/v1/completion", body).splitlines()
    parts = [json_format.ParseDict(json.loads(line)["result"], spec.CompletionResponse()) for line in lines]
    texts = [part.alternatives[0].message.text for part in parts]
    assert len(texts) > 2
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    statuses = {part.alternatives[0].status for part in parts[:-1]}
    assert statuses == {text_common_pb2.Alternative.ALTERNATIVE_STATUS_PARTIAL}
    assert parts[-1].alternatives[0].status == text_common_pb2.Alternative.ALTERNATIVE_STATUS_FINAL


def test_every_status_that_the_specification_knows_is_translated() -> None:
    known = set(text_common_pb2.Alternative.AlternativeStatus.keys())
    assert set(yandexgpt._REASONS) <= known
    assert known - set(yandexgpt._REASONS) == yandexgpt._UNFINISHED - {""}
