"""Between the contract and the domain: what a request means, and how a result is written."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, TypeAlias

import grpc
from planerka.llm.v1 import llm_pb2, llm_pb2_grpc

from llm_service import reading, writing
from llm_service.answers import Answered, Answerer
from llm_service.knowledge import Knowledge, Written
from llm_service.perimeter import enter
from llm_service.prompts import LANGUAGES
from llm_service.providers import Providers
from llm_service.settings import LlmSettings
from llm_service.strategies import Strategy
from llm_service.summary import Progress, Summarizer
from llm_service.templates import Template, Templates
from mesh.database import once
from mesh.errors import NotReady
from mesh.paging import decode_token, encode_token, page_size
from textkit.embedder import Embedder

__all__ = ["LlmServicer"]

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_DEFAULT_LIMIT: Final = 10


class LlmServicer(llm_pb2_grpc.LlmServiceServicer):
    """Answers `planerka.llm.v1.LlmService`; opened once the models are loaded."""

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings
        self._model: Providers | None = None
        self._parts: tuple[Embedder, Knowledge, Summarizer, Answerer] | None = None
        self._templates: Templates | None = None

    def open(
        self,
        model: Providers | None,
        embedder: Embedder,
        knowledge: Knowledge,
        summarizer: Summarizer,
        answerer: Answerer,
        templates: Templates,
    ) -> None:
        """Take what the answers are made with."""
        self._templates = templates
        self._model = model
        self._parts = (embedder, knowledge, summarizer, answerer)

    async def Summarize(  # noqa: N802 - the contract's name
        self, request: llm_pb2.SummarizeRequest, context: Context
    ) -> AsyncIterator[llm_pb2.SummarizeResponse]:
        """Stream progress, then the summary."""
        del context
        enter(reading.call(request, "summary"))
        template = await self._opened_templates().find(request.workspace_id, request.template)
        strategy = reading.strategy(request.strategy)
        strategy = template.strategy if strategy is Strategy.AUTO else strategy
        talk = reading.talk(request)
        language = reading.language(request.language) or talk.language
        guidance = template.guide({"title": talk.title, "language": language, "people": list(talk.names.values())})
        async for step in self._opened()[2].summarize(talk, language, strategy, guidance):
            if isinstance(step, Progress):
                yield llm_pb2.SummarizeResponse(progress=writing.progress(step))
            else:
                minutes = writing.Minutes(request.meeting_id, talk, template)
                for response in await asyncio.to_thread(minutes.responses, step, self._model):
                    yield response

    async def ListTemplates(  # noqa: N802
        self, request: llm_pb2.ListTemplatesRequest, context: Context
    ) -> llm_pb2.ListTemplatesResponse:
        """List the templates of a workspace."""
        del context
        after = decode_token(request.page_token) if request.page_token else ""
        found = [one for one in await self._opened_templates().list(request.workspace_id) if one.name > after]
        page = found[: page_size(request.page_size)]
        return llm_pb2.ListTemplatesResponse(
            templates=[writing.template(one) for one in page],
            next_page_token=encode_token(page[-1].name) if len(found) > len(page) else "",
        )

    async def PutTemplate(  # noqa: N802
        self, request: llm_pb2.PutTemplateRequest, context: Context
    ) -> llm_pb2.PutTemplateResponse:
        """Write a template."""
        del context
        key = f"{request.workspace_id}\x1f{request.idempotency_key}"
        answer = llm_pb2.PutTemplateResponse()

        def remember(connection: sqlite3.Connection, write: Callable[[], Template]) -> None:
            def work() -> llm_pb2.PutTemplateResponse:
                return llm_pb2.PutTemplateResponse(template=writing.template(write()))

            answer.CopyFrom(once(connection, "PutTemplate", key, request, llm_pb2.PutTemplateResponse, work))

        await self._opened_templates().put(request.workspace_id, reading.template(request.template), remember)
        return answer

    async def DeleteTemplate(  # noqa: N802
        self, request: llm_pb2.DeleteTemplateRequest, context: Context
    ) -> llm_pb2.DeleteTemplateResponse:
        """Delete a template."""
        del context
        key = f"{request.workspace_id}\x1f{request.idempotency_key}"
        answer = llm_pb2.DeleteTemplateResponse()

        def remember(connection: sqlite3.Connection, remove: Callable[[], bool]) -> None:
            def work() -> llm_pb2.DeleteTemplateResponse:
                return llm_pb2.DeleteTemplateResponse(deleted=remove())

            answer.CopyFrom(once(connection, "DeleteTemplate", key, request, llm_pb2.DeleteTemplateResponse, work))

        await self._opened_templates().delete(request.workspace_id, request.name, remember)
        return answer

    async def UpsertDocuments(  # noqa: N802
        self, request: llm_pb2.UpsertDocumentsRequest, context: Context
    ) -> llm_pb2.UpsertDocumentsResponse:
        """Write documents; they are found by the next query."""
        del context
        knowledge = self._opened()[1]
        key = f"{request.workspace_id}\x1f{request.idempotency_key}"
        known = await knowledge.answered("UpsertDocuments", key, request, llm_pb2.UpsertDocumentsResponse)
        if known is not None:
            return known
        documents = [await asyncio.to_thread(reading.document, document) for document in request.documents]
        letters = sum(len(passage.text) for document in documents for passage in document.passages)
        answer = llm_pb2.UpsertDocumentsResponse()

        def remember(connection: sqlite3.Connection, written: Written) -> None:
            answer.CopyFrom(
                once(
                    connection,
                    "UpsertDocuments",
                    key,
                    request,
                    llm_pb2.UpsertDocumentsResponse,
                    lambda: llm_pb2.UpsertDocumentsResponse(
                        written=written.written,
                        unchanged=written.unchanged,
                        chunks=written.chunks,
                        letters=letters,
                    ),
                )
            )

        await knowledge.upsert(request.workspace_id, documents, remember)
        return answer

    async def DeleteDocuments(  # noqa: N802
        self, request: llm_pb2.DeleteDocumentsRequest, context: Context
    ) -> llm_pb2.DeleteDocumentsResponse:
        """Delete one document, or all of a meeting."""
        del context
        knowledge = self._opened()[1]
        key = f"{request.workspace_id}\x1f{request.idempotency_key}"
        known = await knowledge.answered("DeleteDocuments", key, request, llm_pb2.DeleteDocumentsResponse)
        if known is not None:
            return known
        answer = llm_pb2.DeleteDocumentsResponse()

        def remember(connection: sqlite3.Connection, deleted: int) -> None:
            answer.CopyFrom(
                once(
                    connection,
                    "DeleteDocuments",
                    key,
                    request,
                    llm_pb2.DeleteDocumentsResponse,
                    lambda: llm_pb2.DeleteDocumentsResponse(deleted=deleted),
                )
            )

        await knowledge.delete(
            request.workspace_id, document_id=request.document_id, meeting_id=request.meeting_id, remember=remember
        )
        return answer

    async def Search(  # noqa: N802
        self, request: llm_pb2.SearchRequest, context: Context
    ) -> llm_pb2.SearchResponse:
        """Find chunks."""
        del context
        found = await self._opened()[1].search(
            request.query,
            reading.access(request.workspace_id, request.reader, request.HasField("reader")),
            reading.narrowed(request.filter),
            request.limit or _DEFAULT_LIMIT,
        )
        return llm_pb2.SearchResponse(chunks=[writing.chunk(one) for one in found])

    async def Ask(  # noqa: N802
        self, request: llm_pb2.AskRequest, context: Context
    ) -> AsyncIterator[llm_pb2.AskResponse]:
        """Stream an answer, then its sources."""
        del context
        enter(reading.call(request, "answer"))
        async for step in self._opened()[3].ask(reading.question(request)):
            if isinstance(step, Answered):
                for number, source in enumerate(step.citations, start=1):
                    yield llm_pb2.AskResponse(citation=llm_pb2.Citation(number=number, chunk=writing.chunk(source)))
                usage = writing.usage(step.usage, self._model)
                finished = llm_pb2.AskFinished(answered=step.known, usage=usage, fallback_reason=step.fallback_reason)
                yield llm_pb2.AskResponse(finished=finished)
            else:
                yield llm_pb2.AskResponse(text=step)

    async def GetCapabilities(  # noqa: N802
        self, request: llm_pb2.GetCapabilitiesRequest, context: Context
    ) -> llm_pb2.GetCapabilitiesResponse:
        """Tell models and strategies."""
        del request, context
        embedder = self._opened()[0]
        model = self._model
        usable = list(Strategy) if model is not None else [Strategy.AUTO, Strategy.EXTRACTIVE]
        strategies = [writing.strategy(one) for one in usable]
        return llm_pb2.GetCapabilitiesResponse(
            model=model.name if model else "",
            provider=model.provider if model else "",
            context_tokens=model.context_tokens if model else 0,
            structured_output=model.structured_output if model else False,
            strategies=sorted(strategies),
            embedding_model=self._settings.embedding_model,
            embedding_dimension=embedder.dimension,
            languages=LANGUAGES,
            providers=[writing.provider(state) for state in await model.states()] if model else [],
        )

    async def GetUsage(  # noqa: N802
        self, request: llm_pb2.GetUsageRequest, context: Context
    ) -> llm_pb2.GetUsageResponse:
        """Tell what calls of language models took."""
        del context
        if self._model is None:
            return llm_pb2.GetUsageResponse()
        after = request.after.ToMilliseconds() if request.HasField("after") else None
        before = request.before.ToMilliseconds() if request.HasField("before") else None
        took = await self._model.took(request.workspace_id, after, before)
        return llm_pb2.GetUsageResponse(usage=[writing.took(one) for one in took])

    def _opened_templates(self) -> Templates:
        if self._templates is None:
            raise NotReady("The models are still loading.")
        return self._templates

    def _opened(self) -> tuple[Embedder, Knowledge, Summarizer, Answerer]:
        if self._parts is None:
            raise NotReady("The models are still loading.")
        return self._parts
