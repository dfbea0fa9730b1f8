"""The outbox: brings every message to its channel, however often that takes and whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mesh.database import Database
from mesh.errors import PlanerkaError
from mesh.logs import get_logger
from notify_service import messages
from notify_service.bell import Bell
from notify_service.channel import Channel, Channels
from notify_service.errors import ChannelError, ChannelRefused, ChannelUnavailable, OutboxStopped
from notify_service.messages import Job
from notify_service.settings import NotifySettings

__all__ = ["Outbox"]

_BATCH = 50


class Outbox:
    """Tries what is due, one task for each channel, so that a slow one delays nobody else.

    All state is in the database: what was pending when the process died is tried again after its start.
    """

    def __init__(self, database: Database, channels: Channels, settings: NotifySettings) -> None:
        self._database = database
        self._channels = channels
        self._settings = settings
        self._bell = Bell()
        self._tasks: list[asyncio.Task[None]] = []
        self._log = get_logger(__name__)

    def start(self) -> None:
        """Begin to try; what is pending from earlier comes first."""
        self._tasks = [
            asyncio.create_task(self._serve(channel), name=f"outbox-{channel.name}") for channel in self._channels
        ]

    def wake(self) -> None:
        """Look for new messages now."""
        self._bell.ring()

    def check(self) -> None:
        """Raise `OutboxStopped` where a channel is no longer served."""
        stopped = [task.get_name() for task in self._tasks if task.done()]
        if stopped or not self._tasks:
            raise OutboxStopped(f"The outbox stopped ({', '.join(stopped) or 'not started'}); restart the service.")

    async def stop(self) -> None:
        """Stop trying; a try under way is broken off, and comes again after the next start."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, channel: Channel) -> None:
        while True:
            # Taken before reading: a message that comes between reading and waiting is heard.
            ring = self._bell.listen()
            try:
                jobs = await self._due(channel)
                for job in jobs:
                    await self._try(channel, job)
                pause = 0.0 if jobs else await self._pause(channel)
            except PlanerkaError as error:
                self._log.error("outbox waits", channel=channel.name, reason=error.reason, message=error.message)
                await asyncio.sleep(self._settings.backoff_seconds)
                continue
            if pause != 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ring.wait(), pause)

    async def _due(self, channel: Channel) -> Sequence[Job]:
        now = datetime.now(UTC)
        return await self._database.run(lambda connection: messages.due(connection, channel.name, now, _BATCH))

    async def _pause(self, channel: Channel) -> float | None:
        """Return the seconds until the next try, or None where nothing waits."""
        at = await self._database.run(lambda connection: messages.next_due(connection, channel.name))
        return None if at is None else max((at - datetime.now(UTC)).total_seconds(), 0.001)

    async def _try(self, channel: Channel, job: Job) -> None:
        failure = await self._attempt(channel, job)
        now = datetime.now(UTC)
        if failure is None:
            await self._database.run(lambda connection: messages.sent(connection, job, now))
            return
        why = str(failure) or type(failure).__name__
        last = isinstance(failure, ChannelRefused) or job.attempts + 1 >= self._settings.tries
        self._log.warning(
            "message failed" if last else "message delayed",
            channel=channel.name,
            message_id=job.message.message_id,
            attempts=job.attempts + 1,
            error=why,
        )
        if last:
            await self._database.run(lambda connection: messages.give_up(connection, job, why))
        else:
            at = now + self._delay(job, failure)
            await self._database.run(lambda connection: messages.try_again(connection, job, why, at))

    async def _attempt(self, channel: Channel, job: Job) -> ChannelError | None:
        try:
            async with asyncio.timeout(self._settings.send_seconds):
                await (channel.update(job.message) if job.is_update else channel.send(job.message))
        except ChannelError as error:
            return error
        except TimeoutError:
            return ChannelUnavailable(f"no answer within {self._settings.send_seconds:g} s")
        except PlanerkaError as error:
            return ChannelUnavailable(error.message)
        except Exception as error:  # noqa: BLE001  (one message must not stop all that wait behind it)
            self._log.error("unexpected error of a channel", channel=channel.name, exc_info=error)
            return ChannelUnavailable(f"the channel failed unexpectedly: {type(error).__name__}")
        return None

    def _delay(self, job: Job, failure: ChannelError) -> timedelta:
        if isinstance(failure, ChannelUnavailable) and failure.retry_after is not None:
            return failure.retry_after
        doubled = self._settings.backoff_seconds * 2 ** min(job.attempts, 30)
        limited = min(doubled, self._settings.backoff_limit_seconds)
        # Spread, so that all messages of an outage do not come back in the same instant.
        return timedelta(seconds=limited * random.uniform(0.8, 1.0))  # noqa: S311  (no secret)
