"""A workspace's policy over the wire: refused outside, recorded inside."""

from __future__ import annotations

import grpc
import pytest
from planerka.llm.v1 import llm_pb2

from llm_service.settings import LlmSettings
from mesh.errors import remote_error
from tests.integration.llm_service.provider_doubles import ObedientDouble, serving

pytestmark = pytest.mark.models

NOBODY = "http://203.0.113.5:9/v1"
"""An address for documentation: outside, and nobody is there."""


def question(policy: llm_pb2.ModelPolicy) -> llm_pb2.AskRequest:
    return llm_pb2.AskRequest(workspace_id="wsp_1", question="Когда переносим базу?", policy=policy)


async def drain(stream) -> None:
    async for _ in stream:
        pass


async def refused(stream) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await drain(stream)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    return remote_error(caught.value).reason


async def test_a_policy_chooses_refuses_and_is_recorded(serve, tmp_path, mesh_settings, summary_request) -> None:
    double = ObedientDouble()
    with serving(double):
        tables = {
            "local": {
                "kind": "openai_compatible", "model": "m", "base_url": f"{double.address}/v1", "prompt_price": 100, "currency": "RUB",
            },
            "cloud": {"kind": "openai_compatible", "model": "far", "base_url": NOBODY, "call_seconds": 1, "retries": 0},
        }  # fmt: skip
        settings = LlmSettings.model_validate({"state": tmp_path / "llm", "provider": "none", "providers": tables})
        async with serve(settings, mesh_settings) as stub:
            capabilities = await stub.GetCapabilities(llm_pb2.GetCapabilitiesRequest())
            (local,) = capabilities.providers
            assert (local.name, local.inside, local.context_tokens, local.context_detected) == (
                "local",
                True,
                32768,
                True,
            )
            assert (local.structured_mode, local.schema_enforced) == ("json_schema", True)
            decision = llm_pb2.Document(
                document_id="d", kind=llm_pb2.DOCUMENT_KIND_DECISION, text="Базу переносим в субботу."
            )
            await stub.UpsertDocuments(
                llm_pb2.UpsertDocumentsRequest(workspace_id="wsp_1", documents=[decision], idempotency_key="k")
            )
            inside = llm_pb2.ModelPolicy(provider="cloud", perimeter=llm_pb2.PERIMETER_INSIDE)
            for policy in (llm_pb2.ModelPolicy(provider="cloud"), inside):
                assert await refused(stub.Ask(question(policy), timeout=60)) == "OUTSIDE_REFUSED"
            unknown = llm_pb2.ModelPolicy(provider="moon")
            assert await refused(stub.Ask(question(unknown), timeout=60)) == "PROVIDER_UNKNOWN"
            request = summary_request(strategy=llm_pb2.SUMMARY_STRATEGY_MAP_REDUCE)
            request.policy.CopyFrom(inside)
            assert await refused(stub.Summarize(request, timeout=60)) == "OUTSIDE_REFUSED"

            await drain(stub.Ask(question(llm_pb2.ModelPolicy()), timeout=60))
            usage = (await stub.GetUsage(llm_pb2.GetUsageRequest(workspace_id="wsp_1"))).usage
            (took,) = usage
            assert (took.provider, took.model, took.purpose, took.calls, took.failed) == ("local", "m", "answer", 1, 0)
            assert took.cost_micros == took.prompt_tokens * 100
            assert took.currency == "RUB"
            assert not (await stub.GetUsage(llm_pb2.GetUsageRequest(workspace_id="wsp_2"))).usage
