"""One way to call a service: deadline on every call, keep-alive, token, request id, and retries where they are safe."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import structlog
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from mesh.settings import MeshSettings

__all__ = ["TRANSPORT_OPTIONS", "open_channel", "retry_policy"]

# Both sides use the same numbers: a client that pings more often than its server allows is cut off.
TRANSPORT_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
)

_RETRY = {
    "maxAttempts": 3,
    "initialBackoff": "0.2s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def open_channel(
    address: str, mesh: MeshSettings, services: Sequence[str], *, token: str | None = None
) -> grpc.aio.Channel:
    """Return a channel; opening is lazy, so this never fails.

    Args:
        address: Target such as `127.0.0.1:7071`, `unix:/path` or `dns:///asr:7071`.
        mesh: What all services share.
        services: Full names of the services that will be called, for their retry policy.
        token: Bearer token; the mesh's own where it is None.
    """
    secret = mesh.token.get_secret_value() if token is None else token
    options: list[tuple[str, Any]] = [
        *TRANSPORT_OPTIONS,
        # A service that was away for long is found again soon after its start; the default pause grows to two minutes.
        ("grpc.initial_reconnect_backoff_ms", 300),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.max_receive_message_length", 4 * mesh.max_message_bytes),
        ("grpc.max_send_message_length", 4 * mesh.max_message_bytes),
        ("grpc.service_config", json.dumps(retry_policy(services))),
    ]
    interceptors = [kind(mesh, secret) for kind in (_UnaryUnary, _UnaryStream, _StreamUnary, _StreamStream)]
    if mesh.tls_certificate is None or mesh.tls_key is None or mesh.tls_authority is None:
        return grpc.aio.insecure_channel(address, options=options, interceptors=interceptors)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=mesh.tls_authority.read_bytes(),
        private_key=mesh.tls_key.read_bytes(),
        certificate_chain=mesh.tls_certificate.read_bytes(),
    )
    return grpc.aio.secure_channel(address, credentials, options=options, interceptors=interceptors)


def retry_policy(services: Sequence[str]) -> dict[str, Any]:
    """Return the service config: UNAVAILABLE is retried where one request may be sent twice.

    Every unary request that changes something carries an idempotency key, so all of them may; a stream of requests may not.
    """
    pool = descriptor_pool.Default()
    names = [
        {"service": service, "method": method.name}
        for service in services
        for method in _methods(pool.FindServiceByName(service))
        if not method.client_streaming
    ]
    return {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [{"name": names, "retryPolicy": _RETRY}] if names else [],
    }


def _methods(service: ServiceDescriptor) -> Sequence[Any]:
    return list(service.methods)


class _Outgoing:
    """Adds to a call what no caller should have to remember."""

    def __init__(self, mesh: MeshSettings, token: str) -> None:
        self._mesh = mesh
        self._token = token

    def complete(self, details: grpc.aio.ClientCallDetails, seconds: float) -> grpc.aio.ClientCallDetails:
        given: Any = details.metadata or ()
        metadata = grpc.aio.Metadata(*given)
        present = {key for key, _ in given}
        if "x-request-id" not in present:
            bound = structlog.contextvars.get_contextvars().get("request_id")
            metadata.add("x-request-id", bound or secrets.token_hex(8))
        if self._token and "authorization" not in present:
            metadata.add("authorization", f"Bearer {self._token}")
        return grpc.aio.ClientCallDetails(
            method=details.method,
            timeout=seconds if details.timeout is None else details.timeout,
            metadata=metadata,
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
        )


class _UnaryUnary(_Outgoing, grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]
    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self.complete(client_call_details, self._mesh.call_seconds), request)


class _UnaryStream(_Outgoing, grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[type-arg]
    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self.complete(client_call_details, self._mesh.stream_seconds), request)


class _StreamUnary(_Outgoing, grpc.aio.StreamUnaryClientInterceptor):  # type: ignore[type-arg]
    async def intercept_stream_unary(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request_iterator: Any
    ) -> Any:
        return await continuation(self.complete(client_call_details, self._mesh.stream_seconds), request_iterator)


class _StreamStream(_Outgoing, grpc.aio.StreamStreamClientInterceptor):  # type: ignore[type-arg]
    async def intercept_stream_stream(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request_iterator: Any
    ) -> Any:
        return await continuation(self.complete(client_call_details, self._mesh.stream_seconds), request_iterator)
