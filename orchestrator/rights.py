"""Who may do what: the person behind a call, and the role that an action needs."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from planerka.orchestrator.v1.workspace_pb2 import Role, WorkspacePerson

from mesh.errors import PermissionDenied
from orchestrator.errors import RoleMissing, TokenInvalid

__all__ = ["Caller", "caller", "enter", "may_decide", "require"]

_ROLE_NAMES = {
    Role.ROLE_VIEWER: "viewer",
    Role.ROLE_MEMBER: "member",
    Role.ROLE_LEAD: "lead",
    Role.ROLE_ADMIN: "admin",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind a call."""

    workspace_id: str
    """The workspace that the person belongs to."""
    person: WorkspacePerson
    """Role, boards and name."""

    def workspace(self, asked: str) -> str:
        """Return the workspace that a request means; empty means the caller's own.

        Raises:
            PermissionDenied: It is somebody else's.
        """
        if asked and asked != self.workspace_id:
            raise PermissionDenied(f"You do not belong to the workspace {asked!r}.", reason="OTHER_WORKSPACE")
        return self.workspace_id


_current: ContextVar[Caller] = ContextVar("caller")


def enter(who: Caller) -> None:
    """Note who calls; each call runs in a context of its own, so nothing has to be put back."""
    _current.set(who)


def caller() -> Caller:
    """Return who calls.

    Raises:
        TokenInvalid: The call did not pass the door.
    """
    who = _current.get(None)
    if who is None:
        raise TokenInvalid("The caller is not known.")
    return who


def require(role: Role) -> Caller:
    """Return the caller where the role is at least `role`.

    Raises:
        RoleMissing: It is less.
    """
    who = caller()
    if who.person.role < role:
        raise RoleMissing(
            f"This needs the role {_ROLE_NAMES[role]}; you are {_ROLE_NAMES[who.person.role]}. Ask an admin of the workspace.",
            metadata={"role": _ROLE_NAMES[role]},
        )
    return who


def may_decide(person: WorkspacePerson, board_id: str) -> bool:
    """Tell whether a person may decide on proposals of a board: an admin, or a lead of this board or of all."""
    if person.role == Role.ROLE_ADMIN:
        return True
    return person.role == Role.ROLE_LEAD and (not person.board_ids or board_id in person.board_ids)
