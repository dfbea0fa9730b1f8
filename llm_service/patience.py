"""Patience with a provider: repetitions with growing random pauses where that can help, and a rest after repeated failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OPENED, OpenedState
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from llm_service.errors import ProviderFailed, ProviderTooSlow
from mesh.logs import get_logger

__all__ = ["Patience"]

T = TypeVar("T")

_LONGEST_PAUSE: Final = 30.0


class Patience:
    """Repeats and rests for one provider.

    Args:
        name: Name of the provider in the settings.
        retries: Repetitions of a call whose failure may pass.
        failures: Calls in a row that fail, repetitions included, before the provider gets a rest.
        rest_seconds: Seconds of the rest; then one call tries again.
        first_pause: Upper bound in seconds of the first random pause; it doubles with every repetition.
    """

    def __init__(
        self, name: str, retries: int, failures: int = 3, rest_seconds: float = 30.0, first_pause: float = 0.5
    ) -> None:
        self._name = name
        self._retries = retries
        self._rest_seconds = rest_seconds
        self._growing = wait_random_exponential(multiplier=first_pause, max=_LONGEST_PAUSE)
        # A request that is wrong in itself says nothing about the provider's health, and neither does a caller who hung up.
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=failures,
            default_ttl=rest_seconds,
            exclude=[
                (ProviderFailed, lambda error: not error.passing),
                (Exception, lambda error: not isinstance(error, ProviderFailed | ProviderTooSlow)),
                asyncio.CancelledError,
            ],
        )
        self._log = get_logger(__name__)

    async def resting(self) -> bool:
        """Tell whether calls are held back now."""
        return (await self._breakers.get_breaker(self._name)).context.state == OPENED

    async def run(self, work: Callable[[], Awaitable[T]], seconds: float) -> T:
        """Return what `work` returns, after repetitions where they help.

        Args:
            work: One try.
            seconds: Deadline of all tries together.

        Raises:
            ProviderFailed: The last failure; or the provider rests, and nothing was asked.
            ProviderTooSlow: See `Backend.complete`; never repeated, for the next call would take as long.
        """
        breaker = await self._breakers.get_breaker(self._name)
        try:
            async with breaker:
                return await self._in_time(work, seconds)
        except OpenedState:
            error = ProviderFailed(
                f"The provider {self._name} failed repeatedly and rests for {self._rest_seconds:.0f} s; "
                "see base_url and api_key of it in section [llm]."
            )
            error.pause = self._rest_seconds
            raise error from None

    async def _in_time(self, work: Callable[[], Awaitable[T]], seconds: float) -> T:
        # Inside the breaker: an endpoint that hangs needs a rest more than one that complains.
        try:
            async with asyncio.timeout(seconds):
                return await self._repeated(work)
        except TimeoutError:
            raise ProviderTooSlow(
                f"The provider {self._name} did not answer within {seconds:.0f} s; raise call_seconds in section [llm]."
            ) from None

    async def _repeated(self, work: Callable[[], Awaitable[T]]) -> T:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._retries + 1),
            wait=self._pause,
            retry=retry_if_exception(lambda error: isinstance(error, ProviderFailed) and error.passing),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await work()
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.pause if isinstance(error, ProviderFailed) else None
        # The provider's own word counts; the random part keeps several callers from coming back at the same moment.
        pause = self._growing(state) + (min(asked, _LONGEST_PAUSE) if asked is not None else 0.0)
        self._log.warning("provider is asked again", provider=self._name, attempt=state.attempt_number, pause=pause)
        return pause
