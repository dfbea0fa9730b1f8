"""Templates of summaries, through the public door: who may write them, and that meetings use them."""

from __future__ import annotations

import grpc
import pytest
from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.meeting_pb2 import MeetingState
from planerka.orchestrator.v1.proposal_pb2 import EventKind
from planerka.orchestrator.v1.workspace_pb2 import Role, WorkspacePerson

from mesh.errors import remote_error

DONE = (MeetingState.MEETING_STATE_CLOSED, MeetingState.MEETING_STATE_WAITING)


def template(name: str) -> llm_pb2.Template:
    return llm_pb2.Template(name=name, layout="{{ overview }}")


async def test_a_meeting_uses_the_template_that_it_or_its_workspace_names(client, mesh):
    written = await client.stub.PutTemplate(pb.PutTemplateRequest(template=template("demo"), idempotency_key="p"))
    assert written.template.name == "demo"
    names = [one.name for one in (await client.stub.ListTemplates(pb.ListTemplatesRequest())).templates]
    assert names == ["default", "demo"]
    events = [event.text for event in await client.events() if event.kind == EventKind.EVENT_KIND_ADMINISTRATION]
    assert any("demo" in text for text in events)

    said = ("Ирина", "Обсудили авторизацию.")
    meeting = await client.talk(said, template="demo", summary_language="en", language="ru")
    await client.until(meeting.meeting_id, *DONE)
    request = mesh.llm.servicer.summarized[-1]
    assert (request.template, request.language) == ("demo", "en")

    settings = (await client.stub.GetWorkspaceSettings(pb.GetWorkspaceSettingsRequest())).settings
    settings.summary_template = "demo"
    await client.stub.UpdateWorkspaceSettings(pb.UpdateWorkspaceSettingsRequest(settings=settings, idempotency_key="s"))
    meeting = await client.talk(said, language="ru")
    await client.until(meeting.meeting_id, *DONE)
    assert (mesh.llm.servicer.summarized[-1].template, mesh.llm.servicer.summarized[-1].language) == ("demo", "ru")

    gone = await client.stub.DeleteTemplate(pb.DeleteTemplateRequest(name="demo", idempotency_key="d"))
    assert gone.deleted
    meeting = await client.talk(said, language="ru")
    await client.until(meeting.meeting_id, *DONE)
    assert mesh.llm.servicer.summarized[-1].template == "", "a template that is gone costs no summary"
    assert "demo" in (await client.detail(meeting.meeting_id)).summary.finished.fallback_reason


async def test_only_admins_write_templates(client, mesh):
    person = WorkspacePerson(name="Лида", role=Role.ROLE_LEAD)
    lead = (await client.stub.PutPerson(pb.PutPersonRequest(person=person, idempotency_key="l"))).person
    token = await client.stub.CreateToken(pb.CreateTokenRequest(person_id=lead.person_id, idempotency_key="t"))
    other = mesh.client(client.port, token.secret)
    try:
        assert (await other.stub.ListTemplates(pb.ListTemplatesRequest())).templates
        for call in (
            other.stub.PutTemplate(pb.PutTemplateRequest(template=template("x"), idempotency_key="1")),
            other.stub.DeleteTemplate(pb.DeleteTemplateRequest(name="default", idempotency_key="2")),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert remote_error(caught.value).code is grpc.StatusCode.PERMISSION_DENIED
    finally:
        await other.close()
    assert list(mesh.llm.servicer.templates) == ["default"]
