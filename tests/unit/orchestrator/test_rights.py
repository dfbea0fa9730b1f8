"""Roles, boards, and what counts as this machine."""

from __future__ import annotations

import pytest
from planerka.common.v1.card_pb2 import Board, Member
from planerka.orchestrator.v1.workspace_pb2 import Role, WorkspacePerson

from mesh.errors import PermissionDenied
from orchestrator.door import is_local
from orchestrator.errors import RoleMissing, UnknownLanguage
from orchestrator.languages import require_language
from orchestrator.people import roster
from orchestrator.rights import Caller, enter, may_decide, require


def person(role, *boards, name="Анна"):
    return WorkspacePerson(person_id="ppl_1", name=name, role=role, board_ids=boards)


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (person(Role.ROLE_VIEWER), False),
        (person(Role.ROLE_MEMBER), False),
        (person(Role.ROLE_MEMBER, "b1"), False),
        (person(Role.ROLE_LEAD), True),
        (person(Role.ROLE_LEAD, "b1"), True),
        (person(Role.ROLE_LEAD, "b2"), False),
        (person(Role.ROLE_ADMIN, "b2"), True),
    ],
)
def test_who_decides(who, expected):
    assert may_decide(who, "b1") is expected


def test_roles_include_the_ones_before():
    enter(Caller("wsp_1", person(Role.ROLE_LEAD)))
    assert require(Role.ROLE_MEMBER).workspace("") == "wsp_1"
    with pytest.raises(RoleMissing, match="needs the role admin"):
        require(Role.ROLE_ADMIN)
    with pytest.raises(PermissionDenied):
        require(Role.ROLE_VIEWER).workspace("wsp_2")


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:7070", True),
        ("127.8.0.1:0", True),
        ("localhost:7070", True),
        ("[::1]:7070", True),
        ("unix:/run/planerka.sock", True),
        ("0.0.0.0:7070", False),
        ("[::]:7070", False),
        ("10.0.0.5:7070", False),
        ("planerka.example:7070", False),
    ],
)
def test_this_machine(listen, expected):
    assert is_local(listen) is expected


def test_languages():
    require_language("")
    require_language("ru")
    with pytest.raises(UnknownLanguage):
        require_language("xx")


def test_a_roster_knows_each_one_once():
    board = Board(members=[Member(member_id="m1", name="Анна Петрова"), Member(member_id="m2", name="Олег")])
    people = [
        WorkspacePerson(person_id="ppl_1", name="Анна Петрова", aliases=["Аня"]),
        WorkspacePerson(person_id="ppl_2", name="Ирина Сергеева"),
    ]
    found = roster(people, ["Аня", "Ирина", "Гость"], board)
    assert [(p.person_id, p.name, p.member_id) for p in found] == [
        ("ppl_1", "Анна Петрова", "m1"),
        ("ppl_2", "Ирина Сергеева", ""),
        ("", "Олег", "m2"),
        ("", "Гость", ""),
    ]
