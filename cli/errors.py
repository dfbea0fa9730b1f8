"""What can go wrong on this side of the contract.

PlanerkaError
├── UsageWrong        a file or an argument that cannot be used; exit status 2
├── LaunchFailed      a process of the mesh does not start, or dies
├── MeshRunning       another launcher holds this home folder
└── MeasureFailed     an evaluation cannot be carried through
"""

from __future__ import annotations

from mesh.errors import FailedPrecondition, InvalidArgument, NotReady, PlanerkaError

__all__ = ["LaunchFailed", "MeasureFailed", "MeshRunning", "UsageWrong"]


class UsageWrong(InvalidArgument):
    """What was typed cannot be done: a file that is missing or unreadable, a value that makes no sense."""

    default_reason = "USAGE_WRONG"


class LaunchFailed(NotReady):
    """A process of the mesh does not start, dies, or does not become ready."""

    default_reason = "LAUNCH_FAILED"


class MeshRunning(FailedPrecondition):
    """A launcher runs already in this home folder."""

    default_reason = "MESH_RUNNING"


class MeasureFailed(PlanerkaError):
    """An evaluation could not be carried through; the message names the item."""

    default_reason = "MEASURE_FAILED"
