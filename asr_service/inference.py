"""One thread for all models of the process.

Models use all cores by themselves; two at once would only get in each other's way. Work comes in steps of a second or
two, and whoever wants the next step queues again, so concurrent recordings take turns and the event loop never waits.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["InferenceThread"]

T = TypeVar("T")
_END = object()


class InferenceThread:
    """Runs functions one after another, in order of their arrival."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")

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
            close = getattr(work, "close", None)
            if close is not None:
                # Behind a step that may still run: a running generator cannot be closed.
                self._executor.submit(close)

    def close(self) -> None:
        """Waits for the running step and drops those that wait."""
        self._executor.shutdown(wait=True, cancel_futures=True)
