"""An error on its way over the wire and back, without a wire."""

from datetime import timedelta

import grpc
import pytest

from mesh import errors
from mesh.errors import PlanerkaError, Violation, remote_error, to_status

LEAVES = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, PlanerkaError) and kind is not PlanerkaError
]


class Sent(grpc.RpcError):
    """What the other side sees of a status."""

    def __init__(self, status) -> None:
        self._status = status

    def code(self):
        return self._status.code

    def details(self):
        return self._status.details

    def trailing_metadata(self):
        return self._status.trailing_metadata


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_code_reason_and_message_arrive(kind):
    got = remote_error(Sent(to_status(kind("Что-то не так"))))
    assert (got.code, got.reason, got.message) == (kind.code, kind.default_reason, "Что-то не так")
    assert (got.violations, got.retry_after, got.metadata) == ((), None, {})


def test_every_code_has_one_leaf():
    assert len({kind.code for kind in LEAVES}) == len(LEAVES) == 12


def test_details_arrive():
    error = errors.InvalidArgument(
        "wrong",
        reason="CARD_INVALID",
        violations=[Violation("card.title", "must not be empty"), Violation("card.due", "must be a day")],
        retry_after=timedelta(seconds=1.5),
        resource=("card", "crd_1"),
        metadata={"currentVersion": "7"},
    )
    got = remote_error(Sent(to_status(error)))
    assert got.reason == "CARD_INVALID"
    assert [(v.field, v.description) for v in got.violations] == [
        ("card.title", "must not be empty"),
        ("card.due", "must be a day"),
    ]
    assert got.retry_after == timedelta(seconds=1.5)
    assert got.metadata == {"currentVersion": "7"}
    assert str(got) == "wrong [CARD_INVALID]"


def test_an_error_without_details_is_named_by_its_code():
    class Bare(grpc.RpcError):
        def code(self):
            return grpc.StatusCode.UNAVAILABLE

        def details(self):
            return ""

        def trailing_metadata(self):
            return None

    got = remote_error(Bare())
    assert (got.code, got.reason, got.message) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "UNAVAILABLE")
