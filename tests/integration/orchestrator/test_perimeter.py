"""A workspace's perimeter and provider reach the understanding service, and only an admin changes them."""

from __future__ import annotations

import grpc
import pytest
from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.meeting_pb2 import MeetingState
from planerka.orchestrator.v1.workspace_pb2 import Role, WorkspacePerson

from mesh.errors import remote_error


async def settings_of(client):
    return (await client.stub.GetWorkspaceSettings(pb.GetWorkspaceSettingsRequest())).settings


async def test_summaries_and_questions_carry_the_workspaces_policy(client, mesh):
    settings = await settings_of(client)
    assert settings.perimeter == llm_pb2.PERIMETER_UNSPECIFIED
    settings.perimeter, settings.model_provider = llm_pb2.PERIMETER_REDACTED, "giga"
    await client.stub.UpdateWorkspaceSettings(pb.UpdateWorkspaceSettingsRequest(settings=settings, idempotency_key="s"))
    someone = WorkspacePerson(name="Анна Петрова", aliases=["Аня"], role=Role.ROLE_MEMBER)
    await client.stub.PutPerson(pb.PutPersonRequest(person=someone, idempotency_key="p"))
    meeting = await client.talk(("Ирина", "Перенос базы сделаем к пятнице."))
    await client.until(meeting.meeting_id, MeetingState.MEETING_STATE_CLOSED)
    async for _ in client.stub.Ask(pb.AskRequest(question="Что с базой?")):
        pass
    assert len(mesh.llm.servicer.policies) == 2
    for policy in mesh.llm.servicer.policies:
        assert (policy.perimeter, policy.provider) == (llm_pb2.PERIMETER_REDACTED, "giga")
        assert {"Анна Петрова", "Аня"} <= set(policy.names)


async def test_an_admin_reads_what_models_took(client):
    answer = await client.stub.GetModelUsage(pb.GetModelUsageRequest())
    assert (answer.usage[0].calls, answer.usage[0].cost_micros, answer.providers[0].kind) == (3, 250_000, "gigachat")


async def test_others_neither_read_it_nor_change_the_perimeter(mesh):
    async with mesh.orchestrator() as owner:
        lead = WorkspacePerson(name="Лида", role=Role.ROLE_LEAD)
        put = await owner.stub.PutPerson(pb.PutPersonRequest(person=lead, idempotency_key="p"))
        request = pb.CreateTokenRequest(person_id=put.person.person_id, purpose="test", idempotency_key="t")
        token = (await owner.stub.CreateToken(request)).secret
        client = mesh.client(owner.port, token)
        settings = await settings_of(owner)
        settings.perimeter = llm_pb2.PERIMETER_OPEN
        calls = [
            client.stub.GetModelUsage(pb.GetModelUsageRequest()),
            client.stub.UpdateWorkspaceSettings(
                pb.UpdateWorkspaceSettingsRequest(settings=settings, idempotency_key="s")
            ),
        ]
        for call in calls:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert remote_error(caught.value).reason == "ROLE_MISSING"
        await client.close()
