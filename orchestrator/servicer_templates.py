"""The rpcs about templates of summaries; the understanding service keeps them, the rights are checked here."""

from __future__ import annotations

from typing import Any

from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.proposal_pb2 import EventKind
from planerka.orchestrator.v1.workspace_pb2 import Role

from mesh.ids import derived_id
from orchestrator import journal
from orchestrator.clients import answer
from orchestrator.desk import Desk
from orchestrator.rights import Caller, require
from orchestrator.texts import say
from orchestrator.workspaces import language_of

__all__ = ["TemplateRpcs"]

_SECONDS = 10.0


class TemplateRpcs:
    """Lists and writes templates.

    Args:
        desk: What the rpcs work with.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ListTemplates(self, request: pb.ListTemplatesRequest, context: Any) -> pb.ListTemplatesResponse:  # noqa: N802
        """List the templates."""
        del context
        asked = llm_pb2.ListTemplatesRequest(
            workspace_id=require(Role.ROLE_VIEWER).workspace(request.workspace_id),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        found = await answer(self._desk.services.llm.ListTemplates(asked, timeout=_SECONDS))
        return pb.ListTemplatesResponse(templates=found.templates, next_page_token=found.next_page_token)

    async def PutTemplate(self, request: pb.PutTemplateRequest, context: Any) -> pb.PutTemplateResponse:  # noqa: N802
        """Write a template."""
        del context
        who = require(Role.ROLE_ADMIN)
        workspace_id = who.workspace(request.workspace_id)
        key = _key(workspace_id, request.idempotency_key)
        asked = llm_pb2.PutTemplateRequest(workspace_id=workspace_id, template=request.template, idempotency_key=key)
        written = await answer(self._desk.services.llm.PutTemplate(asked, timeout=_SECONDS))
        await self._note(who, "template_put", key, written.template.name)
        return pb.PutTemplateResponse(template=written.template)

    async def DeleteTemplate(self, request: pb.DeleteTemplateRequest, context: Any) -> pb.DeleteTemplateResponse:  # noqa: N802
        """Delete a template."""
        del context
        who = require(Role.ROLE_ADMIN)
        workspace_id = who.workspace(request.workspace_id)
        key = _key(workspace_id, request.idempotency_key)
        asked = llm_pb2.DeleteTemplateRequest(workspace_id=workspace_id, name=request.name, idempotency_key=key)
        done = await answer(self._desk.services.llm.DeleteTemplate(asked, timeout=_SECONDS))
        if done.deleted:
            await self._note(who, "template_deleted", key, request.name)
        return pb.DeleteTemplateResponse(deleted=done.deleted)

    async def _note(self, who: Caller, text: str, key: str, name: str) -> None:
        async with self._desk.store.write() as session:
            await journal.append(
                session,
                EventKind.EVENT_KIND_ADMINISTRATION,
                who.workspace_id,
                say(await language_of(session, who.workspace_id), text, name=name),
                person_id=who.person.person_id,
                once=(text, key),
            )


def _key(workspace_id: str, key: str) -> str:
    """Return the key of the effect on the understanding service, which no other workspace's can be."""
    return derived_id("tpl", workspace_id, key)
