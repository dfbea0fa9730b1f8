"""One way to start and stop a service.

The process serves health from its first moment, opens models and databases, turns ready, and follows their real state. On SIGTERM it
turns unhealthy, lets running calls end, and closes what it opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mesh import logs
from mesh.channel import TRANSPORT_OPTIONS
from mesh.errors import PlanerkaError
from mesh.interceptors import Errors, Readiness, RequestLog, ServiceToken, Validation
from mesh.logs import get_logger
from mesh.settings import MeshSettings, Section

__all__ = ["Draining", "Hosted", "Running", "host", "run"]

_Serving = health_pb2.HealthCheckResponse.ServingStatus


class Hosted(Protocol):
    """A service as the mesh sees it."""

    @property
    def names(self) -> Sequence[str]:
        """Full names of its gRPC services, such as `planerka.asr.v1.AsrService`."""

    def register(self, server: grpc.aio.Server) -> None:
        """Add its servicers."""

    async def open(self) -> None:
        """Load models and open databases; may take long. Raises a `PlanerkaError` that says what to do."""

    async def check(self) -> None:
        """Raise a `PlanerkaError` while something that the service needs does not work."""

    async def close(self) -> None:
        """Give everything back; called after the last call has ended."""


@runtime_checkable
class Draining(Protocol):
    """A service with calls that never end by themselves, such as watches."""

    async def drain(self) -> None:
        """End those calls; called once, when the service begins to stop."""


class Running:
    """A server that is up.

    Attributes:
        port: The port that it listens on; 0 for a unix socket.
    """

    def __init__(self, server: grpc.aio.Server, hosted: Hosted, mesh: MeshSettings, port: int) -> None:
        self.port = port
        self._server = server
        self._hosted = hosted
        self._mesh = mesh
        self._health = health.aio.HealthServicer()
        self._opened = False
        self._reason = "starting"
        self._log = get_logger(__name__)

    @property
    def reason(self) -> str:
        """Why the service is not ready; empty when it is."""
        return self._reason

    def is_open(self) -> bool:
        """Tell whether models and databases were opened."""
        return self._opened

    async def begin(self) -> None:
        """Accept connections, alive but not ready."""
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        await self._health.set("", _Serving.SERVING)
        await self._report("starting")
        await self._server.start()

    async def open(self) -> None:
        """Open what the service needs, and turn ready."""
        await self._hosted.open()
        self._opened = True
        await self.examine()

    async def examine(self) -> None:
        """Ask the service how it is, and tell the health service."""
        try:
            await self._hosted.check()
        except PlanerkaError as error:
            await self._report(error.message)
        except Exception as error:  # noqa: BLE001  (a check that fails unexpectedly must not end the checks, and keep the last good state)
            self._log.error("unexpected error in a check", exc_info=error)
            await self._report("the check failed unexpectedly; the log has more")
        else:
            await self._report("")

    async def watch(self) -> None:
        """Examine for ever."""
        while True:
            await asyncio.sleep(self._mesh.check_seconds)
            await self.examine()

    async def drain(self) -> None:
        """Turn unhealthy, let running calls end, close."""
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(self._mesh.drain_delay_seconds)
        if isinstance(self._hosted, Draining):
            await self._hosted.drain()
        await self._server.stop(self._mesh.drain_seconds)
        await self._hosted.close()

    async def _report(self, reason: str) -> None:
        if reason != self._reason or reason == "starting":
            self._log.info("ready" if not reason else "not ready", reason=reason or None)
        self._reason = reason
        state = _Serving.NOT_SERVING if reason else _Serving.SERVING
        for name in self._hosted.names:
            await self._health.set(name, state)


@asynccontextmanager
async def host(
    hosted: Hosted,
    listen: str,
    mesh: MeshSettings,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    *,
    check_service_token: bool = True,
) -> AsyncIterator[Running]:
    """Serve inside a `with` block: listening and open at its beginning, drained at its end.

    Args:
        hosted: The service.
        listen: Address such as `127.0.0.1:7071`, `127.0.0.1:0` or `unix:/path`.
        mesh: What all services share.
        interceptors: Further interceptors of this service, inside those of the mesh.
        check_service_token: False for the public door, which knows callers by tokens of its own.

    Raises:
        PlanerkaError: The address is taken, or something that the service needs does not open.
    """
    running: Running

    def is_open() -> bool:
        return running.is_open()

    token = mesh.token.get_secret_value()
    chain: list[grpc.aio.ServerInterceptor] = [RequestLog(), Errors(), Readiness(is_open)]
    if token and check_service_token:
        chain.append(ServiceToken(token))
    chain += [*interceptors, Validation(mesh.max_message_bytes)]
    server = grpc.aio.server(
        interceptors=chain,
        options=[
            *TRANSPORT_OPTIONS,
            # The contract's own limit answers with a typed error; the transport's only guards memory.
            ("grpc.max_receive_message_length", 4 * mesh.max_message_bytes),
            ("grpc.max_send_message_length", 4 * mesh.max_message_bytes),
            ("grpc.so_reuseport", 0),
        ],
        maximum_concurrent_rpcs=mesh.max_concurrent_calls,
    )
    hosted.register(server)
    if mesh.reflection:
        reflection.enable_server_reflection([*hosted.names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    try:
        port = _bind(server, listen, mesh)
    except RuntimeError as error:
        raise PlanerkaError(
            f"Cannot listen on {listen}: {error}. Is another mesh running? See `planerka status`.",
            reason="ADDRESS_IN_USE",
        ) from error
    running = Running(server, hosted, mesh, port)
    await running.begin()
    watcher: asyncio.Task[None] | None = None
    try:
        await running.open()
        watcher = asyncio.create_task(running.watch())
        yield running
    finally:
        if watcher is not None:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
        await running.drain()


def run(
    name: str,
    hosted: Hosted,
    listen: str,
    sections: Sequence[Section],
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    *,
    check_service_token: bool = True,
) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit status; the body of every service's `main`.

    Args:
        name: Short name such as `asr`, for the log.
        hosted: The service.
        listen: Address to listen on.
        sections: The settings that it was made from, one of them `MeshSettings`; printed redacted.
        interceptors: Further interceptors of this service.
        check_service_token: See `host`.
    """
    mesh = next(section for section in sections if isinstance(section, MeshSettings))
    logs.configure(mesh, name)
    log = get_logger(__name__)
    for section in sections:
        log.info("settings", section=section.section, **section.redacted())

    async def serve() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with contextlib.AsyncExitStack() as stack:
            serving = host(hosted, listen, mesh, interceptors, check_service_token=check_service_token)
            opening = asyncio.create_task(stack.enter_async_context(serving))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                # Loading a model takes long, and nobody waits for it any more.
                log.info("stopping before ready")
                opening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await opening
                return
            running = await opening
            log.info("listening", address=listen, port=running.port)
            await stopping
            log.info("stopping")

    try:
        asyncio.run(serve())
    except PlanerkaError as error:
        log.error("cannot start", reason=error.reason, message=error.message)
        sys.stderr.flush()
        return 1
    return 0


def _bind(server: grpc.aio.Server, listen: str, mesh: MeshSettings) -> int:
    if mesh.tls_certificate is None:
        return server.add_insecure_port(listen)
    if mesh.tls_key is None or mesh.tls_authority is None:
        raise PlanerkaError(
            "[mesh] tls_certificate needs tls_key and tls_authority beside it.", reason="SETTINGS_INVALID"
        )
    credentials = grpc.ssl_server_credentials(
        [(mesh.tls_key.read_bytes(), mesh.tls_certificate.read_bytes())],
        root_certificates=mesh.tls_authority.read_bytes(),
        require_client_auth=True,
    )
    return server.add_secure_port(listen, credentials)
