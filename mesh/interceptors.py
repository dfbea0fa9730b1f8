"""What surrounds every call on the server: request id and log, errors, readiness, token, validation.

All four kinds of calls pass through one wrapper, `AroundInterceptor`; streaming handlers must be async generators.
"""

from __future__ import annotations

import asyncio
import hmac
import inspect
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import timedelta
from typing import Any

import grpc
import protovalidate
import structlog
from google.protobuf.message import Message

from mesh.errors import (
    Exhausted,
    Internal,
    InvalidArgument,
    NotReady,
    PlanerkaError,
    RemoteError,
    Unauthenticated,
    Unimplemented,
    Violation,
    to_status,
)
from mesh.logs import get_logger

__all__ = [
    "AroundInterceptor",
    "Call",
    "Errors",
    "Readiness",
    "RequestLog",
    "ServiceToken",
    "Validation",
    "bearer",
    "is_open_to_all",
]

_OPEN_PREFIXES = ("/grpc.health.v1.", "/grpc.reflection.")


class Call:
    """One call on the server: its method, its metadata and its context."""

    __slots__ = ("context", "metadata", "method")

    def __init__(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.method = method
        self.context = context
        self.metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


class AroundInterceptor(grpc.aio.ServerInterceptor):
    """Runs code around a call and checks each of its requests; subclasses override `around`, `check` or both."""

    def around(self, call: Call) -> AbstractAsyncContextManager[None]:
        """Return what the call runs in; nothing special where a subclass only checks requests."""
        del call
        return nullcontext()

    def check(self, request: Message) -> None:
        """Refuse a request by raising a `PlanerkaError`."""

    def applies(self, method: str) -> bool:
        """Tell whether calls of this method are surrounded at all."""
        return bool(method)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handler of a call."""
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not self.applies(method):
            return handler
        inner = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        wrap = _wrap_stream if handler.response_streaming else _wrap_unary
        make = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[handler.request_streaming, handler.response_streaming]
        return make(
            wrap(self, inner, method, request_streaming=handler.request_streaming),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _requests(interceptor: AroundInterceptor, request: Any, request_streaming: bool) -> Any:
    if not request_streaming:
        interceptor.check(request)
        return request

    async def checked() -> AsyncIterator[Any]:
        async for message in request:
            interceptor.check(message)
            yield message

    return checked()


def _wrap_unary(interceptor: AroundInterceptor, inner: Any, method: str, *, request_streaming: bool) -> Any:
    async def handle(request: Any, context: Any) -> Any:
        async with interceptor.around(Call(method, context)):
            result = inner(_requests(interceptor, request, request_streaming), context)
            return await result if inspect.isawaitable(result) else result

    return handle


def _wrap_stream(interceptor: AroundInterceptor, inner: Any, method: str, *, request_streaming: bool) -> Any:
    async def handle(request: Any, context: Any) -> AsyncIterator[Any]:
        async with interceptor.around(Call(method, context)):
            async for response in inner(_requests(interceptor, request, request_streaming), context):
                yield response

    return handle


class RequestLog(AroundInterceptor):
    """Gives every call a request id, taken over from the caller, and logs how it ended."""

    def __init__(self) -> None:
        self._log = get_logger(__name__)

    def applies(self, method: str) -> bool:
        """Health checks come every few seconds and would drown the rest."""
        return not method.startswith(_OPEN_PREFIXES)

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Bind the id for all logs of the call."""
        structlog.contextvars.bind_contextvars(request_id=call.metadata.get("x-request-id") or secrets.token_hex(8))
        started = time.perf_counter()
        cancelled = False
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            cancelled = True
            raise
        finally:
            code = call.context.code()
            name = code.name if isinstance(code, grpc.StatusCode) else "OK" if not code else str(code)
            name = "CANCELLED" if cancelled and name == "OK" else name
            log = self._log.info if name == "OK" else self._log.warning
            log("call", method=call.method, code=name, seconds=round(time.perf_counter() - started, 3))


class Errors(AroundInterceptor):
    """The one boundary at which exceptions become statuses with details."""

    def __init__(self) -> None:
        self._log = get_logger(__name__)

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Map every exception that leaves a handler."""
        try:
            yield
        except PlanerkaError as error:
            if isinstance(error, Internal):
                self._log.error("internal error", method=call.method, reason=error.reason, exc_info=error)
            await call.context.abort_with_status(to_status(error))
        except RemoteError as error:
            await call.context.abort_with_status(to_status(_passed_on(error)))
        except NotImplementedError:
            # The generated base class raises this for every rpc that a servicer does not override.
            await call.context.abort_with_status(
                to_status(
                    Unimplemented(f"{call.method} is in the contract but not built yet; see docs/architecture.md.")
                )
            )
        except (grpc.aio.AbortError, asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:  # noqa: BLE001  (nothing may cross the wire without a typed status)
            self._log.error("unexpected error", method=call.method, exc_info=error)
            await call.context.abort_with_status(
                to_status(Internal("The service failed unexpectedly; its log has more under the request id."))
            )


def _passed_on(error: RemoteError) -> PlanerkaError:
    """Keep code and reason of an error from deeper in the mesh, so that the caller sees the cause."""
    if error.code is grpc.StatusCode.UNAVAILABLE and error.reason == error.code.name:
        # No service wrote this, but a channel that reached none: as it came, it would read as if nobody stood at this door.
        return NotReady(
            "A service that this needs does not answer; `planerka status` tells which.", reason="SERVICE_AWAY"
        )
    passed = PlanerkaError(
        error.message,
        reason=error.reason,
        violations=error.violations,
        retry_after=error.retry_after,
        metadata=error.metadata,
    )
    passed.code = error.code  # type: ignore[misc]
    return passed


class Readiness(AroundInterceptor):
    """Refuses calls while models and databases are still being opened."""

    def __init__(self, is_open: Callable[[], bool]) -> None:
        self._is_open = is_open

    def applies(self, method: str) -> bool:
        """Health and reflection answer from the first moment."""
        return not is_open_to_all(method)

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Let the call through once the service is open."""
        if not self._is_open():
            raise NotReady(
                f"{call.method} is not ready yet: models or databases are being opened.",
                retry_after=timedelta(seconds=1),
            )
        yield


class ServiceToken(AroundInterceptor):
    """Lets only callers in that know the mesh's shared secret."""

    def __init__(self, token: str) -> None:
        self._token = token

    def applies(self, method: str) -> bool:
        """Probes have no secret."""
        return not is_open_to_all(method)

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Compare in constant time."""
        if not hmac.compare_digest(bearer(call.metadata).encode(), self._token.encode()):
            raise Unauthenticated(
                "The service token is missing or wrong; set PLANERKA_MESH__TOKEN to the same secret on both sides.",
                reason="SERVICE_TOKEN_INVALID",
            )
        yield


class Validation(AroundInterceptor):
    """Checks every request against the rules in its contract."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    def check(self, request: Message) -> None:
        """Refuse a request that is too large or breaks a rule."""
        size = request.ByteSize()
        if size > self._max_bytes:
            raise Exhausted(
                f"The request has {size:,} bytes; at most {self._max_bytes:,} are accepted. Send it in smaller pieces.",
                reason="MESSAGE_TOO_LARGE",
                metadata={"maxBytes": str(self._max_bytes), "bytes": str(size)},
            )
        try:
            protovalidate.validate(request)
        except protovalidate.ValidationError as error:
            violations = [Violation(_path(v.proto), v.proto.message or v.proto.rule_id) for v in error.violations]
            listed = "; ".join(f"{v.field}: {v.description}" for v in violations)
            raise InvalidArgument(f"The request breaks its contract: {listed}", violations=violations) from error


def bearer(metadata: dict[str, str]) -> str:
    """Return the bearer token of a call, or nothing."""
    scheme, _, token = metadata.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def is_open_to_all(method: str) -> bool:
    """Tell whether a method answers without token and before the service is open."""
    return method.startswith(_OPEN_PREFIXES)


def _path(violation: Any) -> str:
    return ".".join(map(_step, violation.field.elements)) or "request"


def _step(element: Any) -> str:
    name: str = element.field_name
    return name if element.subscript is None else f"{name}[{element.subscript.value}]"
