"""Answers while the model writes them: each sentence is told once it is checked, over real connections."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from planerka.llm.v1 import llm_pb2

from llm_service.settings import LlmSettings

pytestmark = pytest.mark.models
QUESTION = "Кто готовит отчёт и когда будет перенос базы?"
TALK = (
    ("Ирина", "Анна, подготовь, пожалуйста, отчёт для заказчика."),
    ("Анна", "Отчёт для заказчика подготовлю к пятнице."),
    ("Ирина", "Перенос базы будет в субботу ночью."),
    ("Анна", "Старые зелёные папки с договорами аренды я положила на стол."),
)
GOOD = "Анна подготовит отчёт для заказчика к пятнице."
INVENTED = "Отчёт для Газпрома стоит миллион рублей."
BESIDE = "Анна положила на стол старые зелёные папки с договорами аренды."
LAST = "Перенос базы будет в субботу ночью."


class Writer:
    """A model that writes one piece after another, and waits at each None until it is let go on."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.go = threading.Event()
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._whole({"object": "list", "data": [{"id": "m", "max_model_len": 32768}]})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not body.get("stream"):
                    schema = body["response_format"]["json_schema"]["schema"]
                    content = json.dumps({"canary": schema["properties"]["canary"]["enum"][0]})
                    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
                    self._whole(
                        {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
                    )
                    return
                outer.asked += 1
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                for piece in outer.answers.pop(0):
                    if piece is None:
                        assert outer.go.wait(30)
                    elif piece == "BREAK":
                        return
                    else:
                        self._event([{"index": 0, "delta": {"content": piece}, "finish_reason": None}])
                self._event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
                self._event([], {"prompt_tokens": 90, "completion_tokens": 30, "total_tokens": 120})
                self.wfile.write(b"data: [DONE]\n\n")

            def _event(self, choices, usage=None):
                chunk = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": choices}
                self.wfile.write(f"data: {json.dumps({**chunk, 'usage': usage})}\n\n".encode())

            def _whole(self, body):
                data = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@pytest.fixture
async def asking(serve, tmp_path, mesh_settings, turns_of):
    """Start a service over a writer, with the talk in its knowledge base."""
    stack = []

    async def start(*answers):
        writer = Writer(*answers)
        settings = LlmSettings(
            state=tmp_path / "llm",
            provider="openai_compatible",
            model="m",
            base_url=writer.url,
            endpoint_retries=1,
            threads=1,
        )
        service = serve(settings, mesh_settings)
        stub = await service.__aenter__()
        stack.append((service, writer))
        document = llm_pb2.Document(
            document_id="d", kind=llm_pb2.DOCUMENT_KIND_TRANSCRIPT, title="Планёрка", meeting_id="mtg_1",
            turns=llm_pb2.DocumentTurns(turns=turns_of(TALK)),
        )  # fmt: skip
        await stub.UpsertDocuments(
            llm_pb2.UpsertDocumentsRequest(workspace_id="w", documents=[document], idempotency_key="k")
        )
        request = llm_pb2.AskRequest(workspace_id="w", question=QUESTION, reader=llm_pb2.Reader(person_id="p"))
        return writer, stub.Ask(request, timeout=60)

    yield start
    for service, writer in stack:
        writer.go.set()
        await service.__aexit__(None, None, None)
        writer.server.shutdown()
        writer.server.server_close()


async def read(call):
    """Return the texts, the cited documents, and the end."""
    texts, cited, finished = [], [], None
    async for response in call:
        kind = response.WhichOneof("response")
        if kind == "text":
            texts.append(response.text)
        elif kind == "citation":
            cited.append(response.citation.chunk.document_id)
        else:
            finished = response.finished
    return texts, cited, finished


async def test_a_sentence_is_told_before_the_next_one_is_written(asking):
    begins = f'{{"answered": true, "answer": "{GOOD} {INVENTED} Пере'
    writer, call = await asking([begins, None, 'нос базы будет в субботу ночью.", "sources": [1]}'])
    first = await asyncio.wait_for(call.read(), 30)
    assert first.text == f"{GOOD} [1]"
    assert not writer.go.is_set(), "the model has not ended yet"
    writer.go.set()
    texts, cited, finished = await read(call)
    assert texts == [f" {LAST} [1]"], "what nobody said is left out"
    assert cited == ["d"]
    assert (finished.answered, finished.fallback_reason, finished.usage.completion_tokens) == (True, "", 30)


async def test_an_answer_that_breaks_off_keeps_what_was_told_and_says_so(asking):
    broken = f'{{"answered": true, "answer": "{GOOD} Перенос'
    again = [f'{{"answered": true, "answer": "{GOOD} {LAST}", "sources": [1]}}']
    writer, call = await asking([broken, "BREAK"], again)
    texts, cited, finished = await read(call)
    assert "".join(texts) == f"{GOOD} [1]", "nothing is told twice"
    assert cited == ["d"]
    assert finished.answered
    assert "broke" in finished.fallback_reason
    assert writer.asked >= 1


async def test_an_answer_that_breaks_off_before_anything_is_told_is_asked_for_again(asking):
    again = [f'{{"answered": true, "answer": "{GOOD}", "sources": [1]}}']
    writer, call = await asking(['{"answered": true, "answer": "Анна подго', "BREAK"], again)
    texts, _, finished = await read(call)
    assert ("".join(texts), writer.asked) == (f"{GOOD} [1]", 2)
    assert (finished.answered, finished.fallback_reason) == (True, "")


async def test_nothing_is_told_that_the_model_takes_back(asking):
    _, call = await asking([f'{{"answered": false, "answer": "{GOOD} {LAST} И ещё.", "sources": []}}'])
    texts, _, _ = await read(call)
    assert GOOD not in "".join(texts).partition("«")[0]


async def test_what_was_said_of_something_else_is_no_answer(asking):
    _, call = await asking([f'{{"answered": true, "answer": "{BESIDE}", "sources": [1]}}'])
    texts, cited, finished = await read(call)
    told = "".join(texts)
    assert "папки" not in told
    assert "Отчёт для заказчика" in told, "the passage that speaks of what was asked is quoted"
    assert (cited, finished.answered) == (["d"], True)
