"""GigaChat and YandexGPT on a local port, as their makers describe them: strict about what comes, complete in what goes back.

GigaChat speaks TLS with an authority of its own, as the real one does; its maker's client has to be content with it (see the test).
YandexGPT follows the published messages `CompletionRequest` and `TokenizeRequest` in their JSON form.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

PROSE = "Море спокойно."


class Refused(Exception):
    """What the double answers instead."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def fill(schema: dict[str, Any], prompt: str) -> Any:
    """The smallest value that fits a schema; a free text repeats the last words of the prompt."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"]
    if kind == "object":
        return {name: fill(part, prompt) for name, part in schema["properties"].items()}
    if kind == "array":
        return [fill(schema["items"], prompt) for _ in range(schema.get("minItems", 1))]
    return {"string": prompt, "integer": 1, "number": 1.0, "boolean": True}[kind]


@dataclass
class Stream:
    """An answer that goes out piece by piece; the connection ends where the pieces do."""

    content_type: str
    pieces: Iterator[bytes]


class Double:
    """What both have in common: a server, its requests, and failures to come.

    A streamed answer has the whole answer's text in pieces of a few letters. `writes` says what it has instead, for each of the next
    answers, where None is a wait until `go` is set and `BREAK` a lost connection.
    """

    BREAK = "\0"
    PIECE = 7

    def __init__(self) -> None:
        self.streams = True
        self.streamed = 0
        self.writes: list[list[str | None]] = []
        self.go = threading.Event()
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.failures: list[int] = []
        self.enforces = True
        self.address = ""
        self.truncates = False

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for where, body in self.requests if where.endswith(path)]

    def handle(self, method: str, path: str, headers: Any, raw: bytes) -> Any:
        raise NotImplementedError

    def error(self, status: int, why: str) -> Any:
        raise NotImplementedError

    def pieces(self, content: str) -> Iterator[str]:
        """Yield the text of one streamed answer, and raise `BrokenPipeError` where the connection is lost."""
        self.streamed += 1
        whole = [content[place : place + self.PIECE] for place in range(0, len(content), self.PIECE)]
        for piece in self.writes.pop(0) if self.writes else whole:
            if piece == self.BREAK:
                raise BrokenPipeError
            if piece is None:
                assert self.go.wait(30)
            else:
                yield piece

    def take_failure(self) -> None:
        if self.failures:
            raise Refused(self.failures.pop(0), "out of order")


class GigaChatDouble(Double):
    """`/api/v2/oauth` and `/api/v1/…`; tokens live as long as `lives`."""

    KEY = "Y2xpZW50OnNlY3JldC1vZi10aGUtY2xpZW50"

    def __init__(self) -> None:
        super().__init__()
        self.lives = 1800.0
        self.tells_usage = True
        self.tokens: dict[str, float] = {}

    def handle(self, method: str, path: str, headers: Any, raw: bytes) -> Any:
        if path == "/api/v2/oauth":
            return self._token(headers, raw)
        bearer = headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens.get(bearer, 0) < time.time():
            raise Refused(401, "Token has expired")
        if (method, path) == ("GET", "/api/v1/models"):
            return {"object": "list", "data": [{"id": "GigaChat-2", "object": "model", "owned_by": "salutedevices"}]}
        body = json.loads(raw)
        self.requests.append((path, body))
        if path == "/api/v1/tokens/count":
            return [
                {"object": "tokens", "tokens": len(text) // 4 + 1, "characters": len(text)} for text in body["input"]
            ]
        assert path == "/api/v1/chat/completions", path
        self.take_failure()
        return self._chat(body)

    def _token(self, headers: Any, raw: bytes) -> Any:
        self.requests.append(("/api/v2/oauth", {}))
        if headers.get("Authorization") != f"Basic {self.KEY}":
            raise Refused(401, f"Can't decode 'Authorization' header {headers.get('Authorization')}")
        if headers.get("Content-Type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            raise Refused(400, "wrong content type")
        if uuid.UUID(headers["RqUID"]).version != 4:
            raise Refused(400, "RqUID must be a uuid4")
        if parse_qs(raw.decode()).get("scope") not in (
            ["GIGACHAT_API_PERS"],
            ["GIGACHAT_API_B2B"],
            ["GIGACHAT_API_CORP"],
        ):
            raise Refused(400, "scope is empty")
        token = f"access-{uuid.uuid4()}"
        ends = time.time() + self.lives
        self.tokens[token] = ends
        return {"access_token": token, "expires_at": int(ends * 1000)}

    def _chat(self, body: dict[str, Any]) -> Any:
        known = {"model", "messages", "temperature", "top_p", "max_tokens", "stream", "n", "repetition_penalty", "response_format",
                 "functions", "function_call", "update_interval", "profanity_check"}  # fmt: skip
        if set(body) - known:
            raise Refused(422, f"unknown: {set(body) - known}")
        roles = [message["role"] for message in body["messages"]]
        if not set(roles) <= {"system", "user", "assistant", "function"} or "system" in roles[1:]:
            raise Refused(422, "system message must be the first message")
        if body.get("temperature", 0) < 0 or body.get("max_tokens", 1) < 1:
            raise Refused(422, "wrong number")
        prompt = body["messages"][-1]["content"]
        wanted = body.get("response_format")
        content, reason = PROSE, "stop"
        # The flat form; the nested one of OpenAI has no `schema` here.
        if self.enforces and wanted and wanted["type"] == "json_schema" and "schema" in wanted:
            content = json.dumps(fill(wanted["schema"], prompt), ensure_ascii=False)
        if self.truncates:
            content, reason = content[: len(content) // 2], "length"
        read = sum(len(message["content"]) for message in body["messages"]) // 4 + 1
        usage = {
            "prompt_tokens": read,
            "completion_tokens": 9,
            "total_tokens": read + 9,
            "precached_prompt_tokens": 0,
        }
        frame = {"created": int(time.time()), "model": f"{body['model']}:2.0.28.2", "object": "chat.completion"}
        if body.get("stream") and self.streams:
            return Stream("text/event-stream", self._events(content, reason, frame, usage))
        choice = {"message": {"role": "assistant", "content": content}, "index": 0, "finish_reason": reason}
        return {"choices": [choice], **frame, "usage": usage}

    def _events(self, content: str, reason: str, frame: dict[str, Any], usage: dict[str, Any]) -> Iterator[bytes]:
        """Yield the events that GigaChat documents: no identifier, the role in the first, reason and usage in the last, then `[DONE]`."""

        def event(delta: dict[str, Any], **more: Any) -> bytes:
            choice = {"delta": delta, "index": 0, **{k: v for k, v in more.items() if k == "finish_reason"}}
            body = {"choices": [choice], **frame, **{k: v for k, v in more.items() if k == "usage"}}
            return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()

        role = {"role": "assistant"}
        for piece in self.pieces(content):
            yield event({"content": piece, **role})
            role = {}
        yield event({"content": ""}, finish_reason=reason, **({"usage": usage} if self.tells_usage else {}))
        yield b"data: [DONE]\n\n"

    def error(self, status: int, why: str) -> Any:
        return {"status": status, "message": why}


class YandexDouble(Double):
    """`/foundationModels/v1/completion` and `/tokenize`."""

    KEY = "AQVN-a-key-of-the-service-account"
    FOLDER = "b1gfolder"

    def handle(self, method: str, path: str, headers: Any, raw: bytes) -> Any:
        if headers.get("Authorization") != f"Api-Key {self.KEY}":
            raise Refused(401, f"Unknown api key '{headers.get('Authorization')}'")
        if headers.get("x-folder-id") != self.FOLDER:
            raise Refused(403, "Permission denied to folder")
        body = json.loads(raw)
        self.requests.append((path, body))
        if not re.fullmatch(rf"gpt://{self.FOLDER}/[\w.-]+/[\w.-]+", body["modelUri"]):
            raise Refused(400, "Failed to parse model URI")
        if path == "/foundationModels/v1/tokenize":
            self._require(body, {"modelUri": str, "text": str})
            pieces = re.findall(r".{1,4}", body["text"], re.DOTALL)
            tokens = [{"id": str(n), "text": piece, "special": False} for n, piece in enumerate(pieces)]
            return {"tokens": tokens, "modelVersion": "09.02.2026"}
        assert path == "/foundationModels/v1/completion", path
        self.take_failure()
        return self._completion(body)

    def _completion(self, body: dict[str, Any]) -> Any:
        self._require(
            body, {"modelUri": str, "completionOptions": dict, "messages": list, "jsonSchema": dict, "jsonObject": bool}
        )
        if "jsonSchema" in body and "jsonObject" in body:
            raise Refused(400, "oneof ResponseFormat is set twice")
        self._require(body["completionOptions"], {"stream": bool, "temperature": (int, float), "maxTokens": (str, int)})
        if int(body["completionOptions"]["maxTokens"]) < 1 or not 0 <= body["completionOptions"]["temperature"] <= 1:
            raise Refused(400, "wrong completion options")
        for message in body["messages"]:
            self._require(message, {"role": str, "text": str})
            if message["role"] not in ("system", "user", "assistant"):
                raise Refused(400, "unknown role")
        content, status = PROSE, "ALTERNATIVE_STATUS_FINAL"
        if self.enforces and "jsonSchema" in body:
            self._require(body["jsonSchema"], {"schema": dict})
            content = json.dumps(fill(body["jsonSchema"]["schema"], body["messages"][-1]["text"]), ensure_ascii=False)
        if self.truncates:
            content, status = content[: len(content) // 2], "ALTERNATIVE_STATUS_TRUNCATED_FINAL"
        read = sum(len(message["text"]) for message in body["messages"]) // 4 + 1
        # Numbers of 64 bits are strings in the JSON form of protobuf; a stream's message is wrapped.
        usage = {"inputTextTokens": str(read), "completionTokens": "9", "totalTokens": str(read + 9),
                 "completionTokensDetails": {"reasoningTokens": "0"}}  # fmt: skip

        def message(text: str, status: str) -> dict[str, Any]:
            alternative = {"message": {"role": "assistant", "text": text}, "status": status}
            return {"result": {"alternatives": [alternative], "usage": usage, "modelVersion": "09.02.2026"}}

        if body["completionOptions"]["stream"] and self.streams:
            return Stream("application/json", self._messages(content, status, message))
        return message(content, status)

    def _messages(self, content: str, status: str, message: Callable[[str, str], dict[str, Any]]) -> Iterator[bytes]:
        """Yield a line of JSON for each partial answer, every one with the whole text so far, and the last with its final status."""
        text = ""
        for piece in self.pieces(content):
            if piece.startswith("="):
                # The text is written anew, or an error comes in the middle.
                text = piece[1:]
            elif piece == "ERROR":
                yield json.dumps(self.error(503, "overloaded")).encode() + b"\n"
                return
            else:
                text += piece
            yield json.dumps(message(text, "ALTERNATIVE_STATUS_PARTIAL"), ensure_ascii=False).encode() + b"\n"
        yield json.dumps(message(text, status), ensure_ascii=False).encode() + b"\n"

    @staticmethod
    def _require(body: dict[str, Any], fields: dict[str, Any]) -> None:
        for name, value in body.items():
            if name not in fields or not isinstance(value, fields[name]):
                raise Refused(400, f"{name}: Cannot find field, or wrong type")

    def error(self, status: int, why: str) -> Any:
        return {"error": {"grpcCode": 16, "httpCode": status, "message": why, "httpStatus": "", "details": []}}


@contextmanager
def serving(double: Double, context: ssl.SSLContext | None = None) -> Iterator[None]:
    """Serve a double on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                status, body = 200, double.handle(method, self.path, self.headers, raw)
            except Refused as error:
                status, body = error.status, double.error(error.status, str(error))
            self.send_response(status)
            if isinstance(body, Stream):
                self._stream(body)
                return
            data = json.dumps(body, ensure_ascii=False).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, stream: Stream) -> None:
            self.send_header("Content-Type", stream.content_type)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for piece in stream.pieces:
                    self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                self.wfile.write(b"0\r\n\r\n")
            except BrokenPipeError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if context is None else "https"
    double.address = f"{scheme}://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The makers' clients would send even local calls to a proxy of the environment."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class ObedientDouble(Double):
    """OpenAI's chat completions by a model that gives everything away: every string is its whole prompt and a word of its own."""

    LOOT = "Zylphquark"

    def handle(self, method: str, path: str, headers: Any, raw: bytes) -> Any:
        if method == "GET":
            return {"object": "list", "data": [{"id": "m", "max_model_len": 32768}]}
        body = json.loads(raw)
        self.requests.append((path, body))
        schema = body["response_format"]["json_schema"]["schema"]
        loot = f"{self.LOOT}. {body['messages'][0]['content']} {self.LOOT}"
        message = {"role": "assistant", "content": json.dumps(fill(schema, loot), ensure_ascii=False)}
        read = sum(len(one["content"]) for one in body["messages"]) // 4
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": read, "completion_tokens": 3, "total_tokens": read + 3},
        }

    def error(self, status: int, why: str) -> Any:
        return {"error": {"message": why}}
