"""What is inside, and that nothing leaves which must not."""

from __future__ import annotations

import asyncio
import socket

import httpx2
import pytest

from llm_service import perimeter
from llm_service.adapters.openai_compatible import safe_address
from llm_service.adapters.transport import http_client
from llm_service.errors import OutsideRefused, ProviderFailed
from llm_service.perimeter import Reach, may_leave


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("localhost", True),
        ("10.1.2.3", True), ("172.16.0.1", True), ("172.31.255.255", True), ("192.168.1.1", True), ("fd12::1", True),
        ("172.32.0.1", False), ("8.8.8.8", False), ("2001:4860:4860::8888", False), ("::ffff:8.8.8.8", False), ("::ffff:10.0.0.1", True),
        ("169.254.169.254", False), ("100.64.0.1", False), ("203.0.113.5", False), ("0.0.0.0", False), ("198.18.0.1", False),
    ],
)  # fmt: skip
async def test_addresses(host: str, inside: bool) -> None:
    assert await Reach().is_inside(host) is inside


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let every name resolve to the next answer; the last one again and again. Returns the names that were asked for."""
    asked: list[str] = []
    rest = list(answers)

    async def getaddrinfo(self, host, port, **_):
        asked.append(host)
        found = rest.pop(0) if len(rest) > 1 else rest[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0)) for address in found]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


async def test_a_name_is_inside_only_where_all_its_addresses_are(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["10.0.0.1", "10.0.0.2"], ["10.0.0.1", "8.8.8.8"])
    reach = Reach()
    assert await reach.is_inside("llm.company")
    assert not await reach.is_inside("llm.company")


async def test_what_the_settings_list_is_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["8.8.8.8"])
    reach = Reach(["llm.example.org", "*.cloud.example.org", "100.64.0.0/10", "2001:db8::/32"])
    for host, inside in {
        "llm.example.org": True, "LLM.example.org.": True, "a.b.cloud.example.org": True, "cloud.example.org": False,
        "evil-llm.example.org": False, "llm.example.org.evil.com": False, "100.64.7.7": True, "2001:db8::1": True,
    }.items():  # fmt: skip
        assert await reach.is_inside(host) is inside, host


async def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self, host, port, **_):
        raise socket.gaierror("no such name")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", nothing)
    with pytest.raises(ProviderFailed, match="cannot be resolved"):
        await Reach().is_inside("nowhere.example")


async def test_without_a_word_nothing_may_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["8.8.8.8"])
    assert not perimeter.admits_outside()
    async with http_client(Reach(), 5) as http:
        with pytest.raises(OutsideRefused, match="perimeter"):
            await http.post("http://llm.example/v1", json={"text": "secret"})


async def test_a_name_that_changes_its_mind_between_decision_and_connection(
    endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decision saw an address inside, the connection would go outside: it is decided on again, and refused."""
    port = int(endpoint.url.rpartition(":")[2].partition("/")[0])
    asked = resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.1"], ["8.8.8.8"])
    reach = Reach()
    endpoint.say("{}")
    async with http_client(reach, 5) as http:
        assert await reach.is_inside("rebinding.example")
        answer = await http.post(
            f"http://rebinding.example:{port}/v1/x", json={"model": "m", "messages": [{"role": "user", "content": "a"}]}
        )
        assert answer.status_code == 200, "the connection goes to the very address that was admitted"
        assert endpoint.headers[0]["Host"] == f"rebinding.example:{port}"
        with pytest.raises(OutsideRefused):
            await http.post(f"http://rebinding.example:{port}/v1/x", json={})
    assert asked == ["rebinding.example"] * 3, "one look for each request, none by the connection itself"


async def test_neither_proxies_nor_redirects_lead_outside(endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    endpoint.fail(307, {"Location": "http://llm.example/v1"})
    async with http_client(Reach(), 5) as http:
        answer = await http.post(
            f"{endpoint.url}/chat/completions", json={"messages": [{"role": "user", "content": "a"}]}
        )
    assert answer.status_code == 307
    assert len(endpoint.requests) == 1


async def test_may_leave_ends_with_its_block() -> None:
    with may_leave(True):
        assert perimeter.admits_outside()
        with may_leave(False):
            assert not perimeter.admits_outside()
    assert not perimeter.admits_outside()


async def test_the_second_address_is_tried(endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(endpoint.url.rpartition(":")[2].partition("/")[0])
    resolving(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    endpoint.say("{}")
    async with http_client(Reach(), 5) as http:
        assert (await http.get(f"http://two.example:{port}/v1/models")).status_code == httpx2.codes.OK


def test_addresses_in_errors_hold_no_credentials() -> None:
    assert safe_address("https://user:pass@llm.example:8443/v1?key=abc") == "https://llm.example:8443/v1"
