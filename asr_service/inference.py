"""One thread for all models of the process.

Models use all cores by themselves; two at once would only get in each other's way. Work comes in steps of a fraction of a
second, and whoever wants the next step queues again, so concurrent recordings take turns and the event loop never waits.
Questions to the speech model that wait at the same time are asked together: four windows in one batch cost about as much as two.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from asr_service.transcriber import Decoding, Phrase, SpeechModel

__all__ = ["Ask", "InferenceThread"]

T = TypeVar("T")
_END = object()
_BATCH = 4
"""Questions asked together; eight cost three times as much as one, and everybody waits for all of them."""

Ask = Callable[[Decoding], Awaitable[list[Phrase]]]
"""Finds the answer to a question."""


@dataclass(frozen=True, eq=False)
class _Waiting:
    model: SpeechModel
    question: Decoding
    future: Future[tuple[list[Phrase], float]]

    @property
    def is_fast(self) -> bool:
        return self.question.task.fast


class InferenceThread:
    """Runs functions one after another, in order of their arrival."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")
        self._waiting: deque[_Waiting] = deque()

    async def run(self, function: Callable[[], T]) -> T:
        """The result of `function`, run on the thread; a cancelled caller leaves a started step to its end."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    async def steps(self, work: Iterator[T]) -> AsyncGenerator[T, None]:
        """The values of a generator, each made in a step of its own; closes it on the thread when the reader stops."""
        try:
            while True:
                value = await self.run(lambda: next(work, _END))
                if value is _END:
                    return
                yield value  # type: ignore[misc]  # `_END` is the only value that is no T
        finally:
            self._close(work)

    async def converse(
        self, work: Generator[T | Decoding, list[Phrase], None], ask: Ask, spend: Callable[[float], None]
    ) -> AsyncGenerator[T, None]:
        """The values of a generator as in `steps`; its questions are answered by `ask`. `spend` is told the seconds of steps."""
        answer: Any = None
        try:
            while True:
                value, seconds = await self.run(lambda sent=answer: _send(work, sent))  # type: ignore[misc]
                spend(seconds)
                answer = None
                if value is _END:
                    return
                if isinstance(value, Decoding):
                    answer = await ask(value)
                else:
                    yield value
        finally:
            self._close(work)

    async def decode(self, model: SpeechModel, question: Decoding) -> tuple[list[Phrase], float]:
        """The model's answer, and the seconds that it took; questions of the same kind that wait meanwhile share the call."""
        future: Future[tuple[list[Phrase], float]] = Future()
        self._waiting.append(_Waiting(model, question, future))
        self._executor.submit(self._decode_waiting)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Waits for the running step and drops those that wait."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        for waiting in self._waiting:
            waiting.future.cancel()

    def _close(self, work: Iterator[Any]) -> None:
        close = getattr(work, "close", None)
        if close is not None:
            # Behind a step that may still run: a running generator cannot be closed.
            self._executor.submit(close)

    def _decode_waiting(self) -> None:
        """Asks the oldest question, and those like it that wait behind it."""
        if not self._waiting:
            return
        first = self._waiting.popleft()
        chosen = [first]
        for other in list(self._waiting):
            if len(chosen) < _BATCH and other.model is first.model and other.is_fast == first.is_fast:
                self._waiting.remove(other)
                chosen.append(other)
        chosen = [waiting for waiting in chosen if waiting.future.set_running_or_notify_cancel()]
        if not chosen:
            return
        begun = time.monotonic()
        try:
            answers = first.model.decode_many([(one.question.audio, one.question.task) for one in chosen])
        except BaseException as error:  # noqa: BLE001  (handed to those who wait)
            for one in chosen:
                one.future.set_exception(error)
            return
        share = (time.monotonic() - begun) / len(chosen)
        for one, answer in zip(chosen, answers, strict=True):
            one.future.set_result((answer, share))


def _send(work: Generator[Any, Any, None], sent: Any) -> tuple[Any, float]:
    begun = time.monotonic()
    try:
        value = work.send(sent)
    except StopIteration:
        value = _END
    return value, time.monotonic() - begun
