"""A small HTTP server that speaks OpenAI's chat completions, and a talk to sum up."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from llm_service.talk import Said, Talk
from textkit.people import Person


class FakeEndpoint:
    """A server of OpenAI's chat completions.

    `script` holds the answers; the last one again and again. A canary is answered as a server does that keeps to the schema in the way
    `enforces` (json_schema, flat, tool), ignores it (nothing), or refuses every such parameter (refuses). `keeps` is the number of
    tokens behind which it cuts the beginning of a prompt in silence. `requests` are the bodies that came.
    """

    def __init__(self) -> None:
        self.script: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.models: list[dict[str, Any]] = [{"id": "m"}]
        self.enforces = "json_schema"
        self.canary = True
        self.keeps: int | None = None
        self.url = ""

    def say(self, content: str, finish_reason: str = "stop") -> None:
        self.script.append({"status": 200, "content": content, "finish_reason": finish_reason})

    def fail(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.script.append({"status": status, "headers": headers or {}})

    def tell(self, *pieces: str, breaks: bool = False) -> None:
        """Answer in pieces where that is asked for; `breaks` ends the connection behind them."""
        self.script.append(
            {"status": 200, "content": "".join(pieces), "pieces": pieces, "breaks": breaks, "finish_reason": "stop"}
        )

    def stall(self, seconds: float) -> None:
        self.script.append({"status": 200, "content": "{}", "finish_reason": "stop", "delay": seconds})

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(body)
        asked = body["messages"][-1]["content"]
        if self.canary and asked.startswith("Describe the sea"):
            return self._sea(body)
        if self.canary and asked.startswith("The marker is"):
            words = asked.split()
            kept = words if self.keeps is None else words[-self.keeps :]
            said = next((w.rstrip(".") for w in kept[:4] if len(w) == 7), "I do not know")
            return {"status": 200, "content": said, "finish_reason": "stop", "read": len(kept)}
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def _sea(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = body.get("response_format", {})
        schema, way = None, ""
        if "json_schema" in wanted:
            schema, way = wanted["json_schema"]["schema"], "json_schema"
        elif "schema" in wanted:
            schema, way = wanted["schema"], "flat"
        elif "tools" in body:
            schema, way = body["tools"][0]["function"]["parameters"], "tool"
        if self.enforces == "refuses" and way:
            return {"status": 400}
        if way != self.enforces or schema is None:
            return {"status": 200, "content": "The sea is calm.", "finish_reason": "stop"}
        return {
            "status": 200,
            "content": json.dumps({"canary": schema["properties"]["canary"]["enum"][0]}),
            "finish_reason": "stop",
        }


@pytest.fixture
def make_endpoint() -> Iterator[Callable[[], FakeEndpoint]]:
    """Start servers on free ports."""
    with ExitStack() as running:
        yield lambda: running.enter_context(_serving())


@pytest.fixture
def endpoint(make_endpoint: Callable[[], FakeEndpoint]) -> FakeEndpoint:
    """One server on a free port."""
    return make_endpoint()


@contextmanager
def _serving() -> Iterator[FakeEndpoint]:
    fake = FakeEndpoint()
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, {"object": "list", "data": fake.models})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.headers.append(dict(self.headers))
            step = fake.answer(body)
            stop.wait(step.get("delay", 0))
            if step["status"] != 200:
                # Like some real ones, it repeats the key in its complaint.
                complaint = {"error": {"message": f"broken, {self.headers['Authorization']}"}}
                self._send(step["status"], complaint, step.get("headers", {}))
                return
            if body.get("stream") and "pieces" in step:
                self._tell(step["pieces"], breaks=step["breaks"])
                return
            message = {"role": "assistant", "content": step["content"]}
            reason = step["finish_reason"]
            if "tools" in body and reason == "stop":
                name = body["tools"][0]["function"]["name"]
                call = {"id": "c", "type": "function", "function": {"name": name, "arguments": step["content"]}}
                message, reason = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
            read = step.get("read", 7)
            self._send(
                200,
                {
                    "id": "x",
                    "object": "chat.completion",
                    "created": 0,
                    "model": body["model"],
                    "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                    "usage": {"prompt_tokens": read, "completion_tokens": 3, "total_tokens": read + 3},
                },
            )

        def _tell(self, pieces: tuple[str, ...], *, breaks: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            deltas = [({"content": piece}, None) for piece in pieces] + ([] if breaks else [({}, "stop")])
            for delta, reason in deltas:
                self._event([{"index": 0, "delta": delta, "finish_reason": reason}])
            if not breaks:
                self._event([], {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10})
                self.wfile.write(b"data: [DONE]\n\n")

        def _event(self, choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> None:
            chunk = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": choices}
            data = json.dumps({**chunk, "usage": usage})
            self.wfile.write(f"data: {data}\n\n".encode())

        def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            data = json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
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
    try:
        yield fake
    finally:
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
