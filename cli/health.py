"""How a process of the mesh is: gRPC health for services, HTTP for the web page."""

from __future__ import annotations

import http.client

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cli.services import ServiceKind
from mesh.settings import MeshSettings

__all__ = ["HealthProbe"]

_SERVING = health_pb2.HealthCheckResponse.SERVING
_STREAMLIT_HEALTH = "/_stcore/health"


class HealthProbe:
    """Asks one process again and again; keeps its channel between the questions."""

    def __init__(self, kind: ServiceKind, address: str, mesh: MeshSettings) -> None:
        self._kind = kind
        self._address = address
        self._channel = _channel(address, mesh) if kind.grpc_name else None

    def ready(self, seconds: float = 2.0) -> bool:
        """Tell whether the process answers and says that it is ready."""
        if self._channel is None:
            return _page_answers(self._address, seconds)
        stub = health_pb2_grpc.HealthStub(self._channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=self._kind.grpc_name), timeout=seconds)
        except grpc.RpcError:
            return False
        return bool(answer.status == _SERVING)

    def close(self) -> None:
        """Give the channel back."""
        if self._channel is not None:
            self._channel.close()


def _channel(address: str, mesh: MeshSettings) -> grpc.Channel:
    # A channel that waited long for a dead process would answer late about the new one.
    options = [("grpc.max_reconnect_backoff_ms", 500), ("grpc.initial_reconnect_backoff_ms", 100)]
    if mesh.tls_certificate is None or mesh.tls_key is None or mesh.tls_authority is None:
        return grpc.insecure_channel(address, options=options)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=mesh.tls_authority.read_bytes(),
        private_key=mesh.tls_key.read_bytes(),
        certificate_chain=mesh.tls_certificate.read_bytes(),
    )
    return grpc.secure_channel(address, credentials, options=options)


def _page_answers(address: str, seconds: float) -> bool:
    connection = http.client.HTTPConnection(address, timeout=seconds)
    try:
        connection.request("GET", _STREAMLIT_HEALTH)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
