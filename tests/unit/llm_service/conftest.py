"""A small HTTP server that speaks OpenAI's chat completions, and a talk to sum up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from llm_service.talk import Said, Talk
from textkit.people import Person


class FakeEndpoint:
    """Answers each call with the next of `script`; the last one again and again. `requests` are the bodies that came."""

    def __init__(self) -> None:
        self.script: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.url = ""

    def say(self, content: str, finish_reason: str = "stop") -> None:
        self.script.append({"status": 200, "content": content, "finish_reason": finish_reason})

    def fail(self, status: int) -> None:
        self.script.append({"status": status})

    def stall(self, seconds: float) -> None:
        self.script.append({"status": 200, "content": "{}", "finish_reason": "stop", "delay": seconds})

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(body)
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    fake = FakeEndpoint()
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            step = fake.answer(body)
            stop.wait(step.get("delay", 0))
            if step["status"] != 200:
                self._send(step["status"], {"error": {"message": "broken"}})
                return
            message = {"role": "assistant", "content": step["content"]}
            self._send(
                200,
                {
                    "id": "x",
                    "object": "chat.completion",
                    "created": 0,
                    "model": body["model"],
                    "choices": [{"index": 0, "message": message, "finish_reason": step["finish_reason"]}],
                    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
                },
            )

        def _send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    stop.set()
    server.shutdown()
    server.server_close()
    thread.join()


def make_talk(
    *turns: tuple[str, str], language: str = "ru", people: tuple[str, ...] = ("Ирина", "Анна", "Александр")
) -> Talk:
    """A talk of Monday, 2 March 2026; its people have their names as keys."""
    said = tuple(Said(f"t{number}", who, text, person=who) for number, (who, text) in enumerate(turns, start=1))
    return Talk(
        said,
        date(2026, 3, 2),
        language,
        tuple(Person(name, (name,)) for name in people),
        {name: name for name in people},
    )


@pytest.fixture
def talk_of():
    return make_talk
