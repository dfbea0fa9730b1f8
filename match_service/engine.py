"""The model, the boards in memory, and heavy work off the event loop."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidProtobuf, NoSuchFile
from planerka.common.v1 import card_pb2
from planerka.match.v1 import match_pb2

from match_service.cards import CardView, view_of
from match_service.corpus import PIECED_CARDS, CardCorpus, Floats
from match_service.errors import BoardNotIndexed, ModelNotReady
from match_service.learning import Lesson, learn
from match_service.settings import MatchSettings
from match_service.store import MatchStore
from match_service.weights import Weights, built_in
from mesh.errors import PlanerkaError
from models import Store, default_root
from textkit.embedder import Embedder, ModelFolderError
from textkit.reranker import NotACrossEncoderError, Reranker

T = TypeVar("T")

_CHUNK: Final = 64
_PROVIDERS: Final = {"cpu": ("CPUExecutionProvider",), "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider")}


@dataclass(frozen=True)
class IndexedBoard:
    """A board with its index."""

    board: card_pb2.Board
    """The board."""
    corpus: CardCorpus
    """The index of its cards that are not archived."""


class Engine:
    """Everything that scoring needs; one thread does the heavy work, so that calls do not fight for the processor."""

    def __init__(self, settings: MatchSettings, store: MatchStore) -> None:
        """Keep the settings; nothing is loaded yet."""
        self._settings = settings
        self._store = store
        self._embedder: Embedder | None = None
        self.reranker: Reranker | None = None
        """Orders the cards of unsure texts anew; None where the settings name none."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="match")
        self._boards: OrderedDict[tuple[str, str], IndexedBoard] = OrderedDict()
        self._building: dict[tuple[str, str], asyncio.Lock] = {}
        self._lessons: dict[str, Lesson] = {}
        fitted, least = built_in(), settings.auto_threshold
        self.weights: Weights = replace(
            fitted,
            auto_text=max(fitted.auto_text, least),
            auto_whole=max(fitted.auto_whole, least),
            auto_talk=max(fitted.auto_talk, least),
        )

    async def open(self) -> None:
        """Load the models.

        Raises:
            PlanerkaError: a model is missing or damaged; the message says what to do.
        """
        self._embedder = await self.run(self._load)
        self.reranker = await self.run(self._load_reranker)

    def check(self) -> None:
        """Raise while the model is not loaded."""
        if self._embedder is None:
            raise ModelNotReady("The embedding model is not loaded yet; try again in a few seconds.")

    async def close(self) -> None:
        """Let the running work end, and free the model."""
        await asyncio.to_thread(self._thread.shutdown)
        self._embedder = self.reranker = None
        self._boards.clear()

    async def run(self, work: Callable[[], T]) -> T:
        """Run heavy work in the engine's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def queries(self, texts: Sequence[str]) -> Floats:
        """Return the query vectors of texts, [texts, dimension]."""
        embedder = self._ready()
        return await self.run(lambda: embedder.embed_queries(texts))

    async def index(self, request: match_pb2.IndexCardsRequest) -> match_pb2.IndexCardsResponse:
        """Make the cards of a request known; their vectors are computed once for each text, even over failed calls."""
        pieced = request.complete and len(request.cards) <= PIECED_CARDS
        await self._passages([view_of(card, request.board) for card in request.cards], pieced=pieced)
        answer = await self._store.index(request)
        self._boards.pop((request.workspace_id, request.board.board_id), None)
        return answer

    async def lesson(self, workspace_id: str) -> Lesson:
        """Return what the decisions of a workspace teach."""
        known = self._lessons.get(workspace_id)
        if known is None:
            votes = await self._store.votes(workspace_id)
            known = await self.run(lambda: learn(votes, self.weights.wanted_precision, self.weights.auto_talk))
            self._lessons[workspace_id] = known
        return known

    async def take(self, request: match_pb2.LearnRequest) -> match_pb2.LearnResponse:
        """Keep a decision; the next call of its workspace learns from it."""
        answer = await self._store.learn(request)
        self._lessons.pop(request.workspace_id, None)
        return answer

    async def board(self, workspace_id: str, board_id: str) -> IndexedBoard:
        """Return an indexed board.

        Raises:
            BoardNotIndexed: the workspace never indexed it.
        """
        found = await self.find_board(workspace_id, board_id)
        if found is None:
            raise BoardNotIndexed(board_id)
        return found

    async def find_board(self, workspace_id: str, board_id: str) -> IndexedBoard | None:
        """Return an indexed board, or None."""
        place = (workspace_id, board_id)
        async with self._building.setdefault(place, asyncio.Lock()):
            known = self._boards.get(place)
            if known is None:
                stored = await self._store.board(workspace_id, board_id)
                if stored is None:
                    return None
                known = await self._build(*stored)
                self._boards[place] = known
            self._boards.move_to_end(place)
            while len(self._boards) > self._settings.boards_in_memory:
                self._boards.popitem(last=False)
            return known

    async def _build(self, board: card_pb2.Board, cards: Sequence[card_pb2.Card]) -> IndexedBoard:
        views = [view_of(card, board) for card in cards if not card.archived]
        pieced = len(views) <= PIECED_CARDS
        vectors = await self._passages(views, pieced=pieced)
        dimension = self._ready().dimension
        passages = _rows([vectors[view.passage] for view in views], dimension)
        titles = _rows([vectors[view.heading or view.passage] for view in views], dimension)
        pieces = [_rows([vectors[piece] for piece in view.pieces], dimension) for view in views] if pieced else None
        return IndexedBoard(board, await self.run(lambda: CardCorpus(views, passages, titles, pieces)))

    async def _passages(self, views: Sequence[CardView], *, pieced: bool) -> dict[str, Floats]:
        """Return the vectors of the cards' passages, titles and pieces, from the store where it has them."""
        embedder = self._ready()
        fingerprint = await self.run(lambda: embedder.fingerprint)
        texts = list(dict.fromkeys(text for view in views for text in _texts(view, pieced=pieced)))
        known = await self._store.vectors(fingerprint, texts)
        missing = sorted((text for text in texts if text not in known), key=len)
        for start in range(0, len(missing), _CHUNK):
            part = missing[start : start + _CHUNK]
            values = await self.run(lambda part=part: embedder.embed_passages(part))  # type: ignore[misc]
            fresh = dict(zip(part, values, strict=True))
            await self._store.remember(fingerprint, fresh)
            known |= fresh
        return known

    def _ready(self) -> Embedder:
        self.check()
        assert self._embedder is not None
        return self._embedder

    def _load(self) -> Embedder:
        folder = Store(default_root()).path(self._settings.embedding_model)
        try:
            embedder = Embedder(
                folder,
                self._settings.threads,
                _PROVIDERS[self._settings.device],
                self._settings.vector_cache,
                self._settings.precision,
            )
        except ModelFolderError as error:
            raise ModelNotReady(f"{error}.", reason="MODEL_MISSING") from error
        except (Fail, InvalidProtobuf, NoSuchFile) as error:
            raise PlanerkaError(
                f"The embedding model in {folder} cannot be loaded: {error}. Run `planerka models verify`.",
                reason="MODEL_BROKEN",
            ) from error
        embedder.embed_queries(["planerka"])
        return embedder

    def _load_reranker(self) -> Reranker | None:
        folder = self._settings.reranker
        if folder is None:
            return None
        try:
            return Reranker(folder, self._settings.threads, _PROVIDERS[self._settings.device])
        except (ModelFolderError, NotACrossEncoderError) as error:
            raise PlanerkaError(
                f"The reranker cannot be used: {error}. Check `reranker` in the settings.", reason="RERANKER_UNUSABLE"
            ) from error


def _texts(view: CardView, *, pieced: bool) -> tuple[str, ...]:
    return (view.passage, view.heading or view.passage, *(view.pieces if pieced else ()))


def _rows(vectors: Sequence[Floats], dimension: int) -> Floats:
    return np.stack(vectors) if vectors else np.zeros((0, dimension), dtype=np.float32)
