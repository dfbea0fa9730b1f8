"""Errors that cross the wire, and their form as `google.rpc` details.

The tree; every leaf has a gRPC code and a stable reason:

PlanerkaError
├── InvalidArgument      INVALID_ARGUMENT
├── NotFound             NOT_FOUND
├── AlreadyExists        ALREADY_EXISTS
├── FailedPrecondition   FAILED_PRECONDITION
├── Conflict             ABORTED
├── PermissionDenied     PERMISSION_DENIED
├── Unauthenticated      UNAUTHENTICATED
├── Exhausted            RESOURCE_EXHAUSTED
├── NotReady             UNAVAILABLE
├── DeadlineExceeded     DEADLINE_EXCEEDED
├── Unimplemented        UNIMPLEMENTED
└── Internal             INTERNAL

Services derive their own leaves from these in their `errors.py`. `RemoteError` is what a client sees of any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

__all__ = [
    "DOMAIN",
    "AlreadyExists",
    "Conflict",
    "DeadlineExceeded",
    "Exhausted",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "NotReady",
    "PermissionDenied",
    "PlanerkaError",
    "RemoteError",
    "Unauthenticated",
    "Unimplemented",
    "Violation",
    "remote_error",
    "to_status",
]

DOMAIN = "planerka.dev"


class Violation:
    """One field that breaks the contract.

    Attributes:
        field: Path of the field, such as `card.title`.
        description: What is wrong with it, and what would be right.
    """

    __slots__ = ("description", "field")

    def __init__(self, field: str, description: str) -> None:
        self.field = field
        self.description = description

    def __repr__(self) -> str:
        return f"Violation({self.field!r}, {self.description!r})"


class PlanerkaError(Exception):
    """An error with a code, a stable reason, and advice.

    Args:
        message: What went wrong and what to do, in one or two sentences; never a secret.
        reason: Stable UPPER_SNAKE name; the class has a default.
        violations: Fields that break the contract.
        retry_after: When another try makes sense.
        resource: Type and name of the thing concerned, such as `("card", "crd_1")`.
        metadata: Further facts for programs; keys in lowerCamel.
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        violations: Sequence[Violation] = (),
        retry_after: timedelta | None = None,
        resource: tuple[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.resource = resource
        self.metadata = dict(metadata or {})


class InvalidArgument(PlanerkaError):
    """The request breaks the contract, whatever the state of the service."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    default_reason = "INVALID_ARGUMENT"


class NotFound(PlanerkaError):
    """The thing that the request names does not exist."""

    code = grpc.StatusCode.NOT_FOUND
    default_reason = "NOT_FOUND"


class AlreadyExists(PlanerkaError):
    """The thing that the request would create exists already."""

    code = grpc.StatusCode.ALREADY_EXISTS
    default_reason = "ALREADY_EXISTS"


class FailedPrecondition(PlanerkaError):
    """The service is not in the state that the request needs; the same request will not work later by itself."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    default_reason = "FAILED_PRECONDITION"


class Conflict(PlanerkaError):
    """Something changed meanwhile; read it again and decide anew."""

    code = grpc.StatusCode.ABORTED
    default_reason = "CONFLICT"


class PermissionDenied(PlanerkaError):
    """The caller is known but may not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED
    default_reason = "PERMISSION_DENIED"


class Unauthenticated(PlanerkaError):
    """The caller is not known."""

    code = grpc.StatusCode.UNAUTHENTICATED
    default_reason = "UNAUTHENTICATED"


class Exhausted(PlanerkaError):
    """A limit is reached; `retry_after` tells when to try again, where that helps."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    default_reason = "RESOURCE_EXHAUSTED"


class NotReady(PlanerkaError):
    """The service is starting, stopping, or has lost what it needs; trying again helps."""

    code = grpc.StatusCode.UNAVAILABLE
    default_reason = "NOT_READY"


class DeadlineExceeded(PlanerkaError):
    """The work took longer than the caller allowed."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    default_reason = "DEADLINE_EXCEEDED"


class Unimplemented(PlanerkaError):
    """The contract has this, the service has not built it yet or cannot do it."""

    code = grpc.StatusCode.UNIMPLEMENTED
    default_reason = "NOT_BUILT_YET"


class Internal(PlanerkaError):
    """The service is at fault; the log has more under the request id."""


class RemoteError(Exception):
    """An error that another service answered.

    Attributes:
        code: gRPC status code.
        reason: Stable reason from `ErrorInfo`, or the name of the code where there is none.
        message: What went wrong.
        violations: Fields that broke the contract.
        retry_after: When another try makes sense, where the service told.
        metadata: Further facts from `ErrorInfo`.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        retry_after: timedelta | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{message} [{reason}]")
        self.code = code
        self.reason = reason
        self.message = message
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.metadata = dict(metadata or {})


def to_status(error: PlanerkaError) -> grpc.Status:
    """Return the error as a rich status, for `context.abort_with_status`."""
    details = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata),
    ]
    packed = [_pack(detail) for detail in details]
    if error.violations:
        packed.append(
            _pack(
                error_details_pb2.BadRequest(
                    field_violations=[
                        error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
                        for v in error.violations
                    ]
                )
            )
        )
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromTimedelta(error.retry_after)
        packed.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    if error.resource is not None:
        kind, name = error.resource
        packed.append(_pack(error_details_pb2.ResourceInfo(resource_type=kind, resource_name=name)))
    status = status_pb2.Status(code=code_pb2.Code.Value(error.code.name), message=error.message, details=packed)
    converted: grpc.Status = rpc_status.to_status(status)
    return converted


def remote_error(error: grpc.RpcError) -> RemoteError:
    """Return what the other side meant by a failed call, with its details unpacked."""
    code = error.code()
    message = error.details() or code.name
    reason = code.name
    violations: list[Violation] = []
    retry_after: timedelta | None = None
    metadata: dict[str, str] = {}
    for detail in _details(error):
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            violations = [Violation(v.field, v.description) for v in bad.field_violations]
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta()
    return RemoteError(code, reason, message, violations=violations, retry_after=retry_after, metadata=metadata)


def _pack(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _details(error: grpc.RpcError) -> Sequence[any_pb2.Any]:
    trailing: Any = error.trailing_metadata() or ()
    for key, value in trailing:
        if key == rpc_status.GRPC_DETAILS_METADATA_KEY:
            details: Sequence[any_pb2.Any] = status_pb2.Status.FromString(value).details
            return details
    return ()
