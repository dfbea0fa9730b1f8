"""The understanding service as the mesh sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc
from planerka.llm.v1 import llm_pb2, llm_pb2_grpc

from llm_service.answers import Answerer
from llm_service.errors import ModelNotLoaded
from llm_service.knowledge import Knowledge
from llm_service.ledger import Ledger
from llm_service.providers import Providers
from llm_service.servicer import LlmServicer
from llm_service.settings import LlmSettings
from llm_service.summary import Summarizer
from llm_service.templates import Templates
from mesh.errors import NotReady
from mesh.logs import get_logger
from models import Store, StoreError, default_root
from textkit.embedder import Embedder
from textkit.reranker import NotACrossEncoderError, Reranker

__all__ = ["LlmHosted", "load_embedder", "load_reranker"]


def load_embedder(settings: LlmSettings) -> Embedder:
    """Return the embedding model of the store, in memory.

    Raises:
        ModelNotLoaded: It is missing or not whole; the message says how to get it.
    """
    model = settings.embedding_model
    try:
        embedder = Embedder(Store(default_root()).path(model), threads=settings.threads)
    except (StoreError, FileNotFoundError) as error:
        raise ModelNotLoaded(f"The embedding model cannot be used. {error}", resource=("model", model)) from error
    # The first question and the digest of the files take seconds; both belong to the start.
    embedder.embed_queries(["planerka"])
    _ = embedder.fingerprint
    return embedder


def load_reranker(settings: LlmSettings) -> Reranker | None:
    """Return the cross-encoder that the settings name, in memory; None where they name none.

    Raises:
        ModelNotLoaded: It is missing, or of another kind.
    """
    if settings.reranker is None:
        return None
    try:
        return Reranker(settings.reranker, threads=settings.threads)
    except (FileNotFoundError, NotACrossEncoderError) as error:
        raise ModelNotLoaded(
            f"The reranker cannot be used: {error}. Check `reranker` in the settings.",
            resource=("model", str(settings.reranker)),
        ) from error


class LlmHosted:
    """Loads the models, opens the knowledge base, and answers the contract through them."""

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings
        self._servicer = LlmServicer(settings)
        self._model: Providers | None = None
        self._ledger = Ledger(settings.folder() / "calls.sqlite")
        self._knowledge: Knowledge | None = None
        self._templates: Templates | None = None

    @property
    def names(self) -> Sequence[str]:
        """The one service of the contract."""
        return (llm_pb2.DESCRIPTOR.services_by_name["LlmService"].full_name,)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicer."""
        llm_pb2_grpc.add_LlmServiceServicer_to_server(self._servicer, server)

    async def open(self) -> None:
        """Load the models and open the knowledge base."""
        embedder = await asyncio.to_thread(load_embedder, self._settings)
        get_logger(__name__).info(
            "embedding model loaded", model=self._settings.embedding_model, dimension=embedder.dimension
        )
        knowledge = Knowledge(self._settings, embedder, await asyncio.to_thread(load_reranker, self._settings))
        self._knowledge = knowledge
        await knowledge.open()
        templates = Templates(self._settings.folder())
        await templates.open()
        self._templates = templates
        await self._ledger.open()
        model = Providers(self._settings, self._ledger) if self._settings.all_providers() else None
        # Before it is open, so that a start that fails half-way gives back what it took.
        self._model = model
        if model is not None:
            await model.open()
        self._servicer.open(
            model,
            embedder,
            knowledge,
            Summarizer(
                model, embedder, self._settings.topic_tokens, self._settings.summary_seconds, self._settings.threads
            ),
            Answerer(model, knowledge, self._settings.answer_tokens),
            templates,
        )

    async def check(self) -> None:
        """Raise while a model, the database or the vectors do not work."""
        if self._knowledge is None:
            raise NotReady("The models are still loading.")
        await self._knowledge.check()
        if self._model is not None:
            await self._model.check()

    async def close(self) -> None:
        """Free the models and close the knowledge base."""
        if self._model is not None:
            await self._model.close()
            self._model = None
        await self._ledger.close()
        if self._templates is not None:
            await self._templates.close()
            self._templates = None
        if self._knowledge is not None:
            await self._knowledge.close()
            self._knowledge = None
