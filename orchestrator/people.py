"""People of a workspace: their roles, names, and accounts on channels."""

from __future__ import annotations

import time

from planerka.common.v1.card_pb2 import Board
from planerka.common.v1.transcript_pb2 import Person
from planerka.orchestrator.v1.workspace_pb2 import Role, WorkspacePerson
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.errors import Violation
from mesh.ids import derived_id, new_id
from orchestrator.errors import AccountTaken, LastAdmin, PersonNotFound
from orchestrator.tables import AccountRow, PersonRow
from textkit.people import Person as Known
from textkit.people import find_people

__all__ = [
    "add_members",
    "by_account",
    "find_person",
    "list_people",
    "put_person",
    "read_person",
    "remove_person",
    "roster",
]


async def read_person(session: AsyncSession, workspace_id: str, person_id: str) -> WorkspacePerson:
    """Return a person.

    Raises:
        PersonNotFound: There is no such person in the workspace.
    """
    return WorkspacePerson.FromString((await _row(session, workspace_id, person_id)).data)


async def find_person(session: AsyncSession, workspace_id: str, person_id: str) -> WorkspacePerson | None:
    """Return a person of the workspace; None where there is no such one, or no longer."""
    row = await session.get(PersonRow, person_id)
    return None if row is None or row.workspace_id != workspace_id else WorkspacePerson.FromString(row.data)


async def list_people(
    session: AsyncSession, workspace_id: str, after: tuple[str, str] | None = None, limit: int = 10_000
) -> list[WorkspacePerson]:
    """Return people in order of their names, after a pair of name and identifier."""
    query = select(PersonRow.data).where(PersonRow.workspace_id == workspace_id)
    if after is not None:
        name, person_id = after
        query = query.where((PersonRow.name > name) | ((PersonRow.name == name) & (PersonRow.person_id > person_id)))
    rows = await session.scalars(query.order_by(PersonRow.name, PersonRow.person_id).limit(limit))
    return [WorkspacePerson.FromString(data) for data in rows]


async def put_person(session: AsyncSession, workspace_id: str, person: WorkspacePerson) -> WorkspacePerson:
    """Add a person, or replace what is known of one.

    Raises:
        PersonNotFound: The identifier belongs to nobody.
        LastAdmin: The last admin would lose the role.
        AccountTaken: An account belongs to somebody else.
    """
    kept = WorkspacePerson()
    kept.CopyFrom(person)
    if kept.person_id:
        row = await _row(session, workspace_id, kept.person_id)
        if row.role == int(Role.ROLE_ADMIN) and kept.role != Role.ROLE_ADMIN:
            await _require_other_admin(session, workspace_id, kept.person_id)
    else:
        kept.person_id = new_id("ppl")
        row = PersonRow(
            person_id=kept.person_id, workspace_id=workspace_id, name="", role=0, data=b"", created_at=time.time()
        )
        session.add(row)
    row.name, row.role, row.data = kept.name, int(kept.role), kept.SerializeToString()
    await session.flush()
    await session.execute(
        delete(AccountRow).where(AccountRow.workspace_id == workspace_id, AccountRow.person_id == kept.person_id)
    )
    for number, account in enumerate(kept.accounts):
        holder = await session.get(AccountRow, (workspace_id, account.channel, account.account))
        if holder is not None and holder.person_id != kept.person_id:
            raise AccountTaken(
                f"The account {account.account!r} on {account.channel} belongs to another person of the workspace.",
                violations=[Violation(f"person.accounts[{number}]", "must belong to nobody else")],
            )
        if holder is None:
            session.add(
                AccountRow(
                    workspace_id=workspace_id,
                    channel=account.channel,
                    account=account.account,
                    person_id=kept.person_id,
                )
            )
            await session.flush()
    return kept


async def remove_person(session: AsyncSession, workspace_id: str, person_id: str) -> WorkspacePerson:
    """Remove a person with all tokens and accounts, and return what was known.

    Raises:
        PersonNotFound: There is no such person.
        LastAdmin: It is the last admin.
    """
    row = await _row(session, workspace_id, person_id)
    if row.role == int(Role.ROLE_ADMIN):
        await _require_other_admin(session, workspace_id, person_id)
    person = WorkspacePerson.FromString(row.data)
    await session.delete(row)
    await session.flush()
    return person


async def by_account(session: AsyncSession, channel: str, account: str) -> list[tuple[str, WorkspacePerson]]:
    """Return who is linked to an account, with the workspace; in the inbox the account is the person's identifier."""
    if channel == "inbox":
        row = await session.get(PersonRow, account)
        return [] if row is None else [(row.workspace_id, WorkspacePerson.FromString(row.data))]
    rows = await session.execute(
        select(PersonRow.workspace_id, PersonRow.data)
        .join(AccountRow, AccountRow.person_id == PersonRow.person_id)
        .where(AccountRow.channel == channel, AccountRow.account == account)
    )
    return [(workspace_id, WorkspacePerson.FromString(data)) for workspace_id, data in rows]


async def add_members(session: AsyncSession, workspace_id: str, board: Board) -> None:
    """Make the members of a new board known as people who may read and import, where nobody has their name yet."""
    known = {name for person in await list_people(session, workspace_id) for name in (person.name, *person.aliases)}
    for member in board.members:
        if member.name in known:
            continue
        person = WorkspacePerson(
            person_id=derived_id("ppl", workspace_id, member.name), name=member.name, role=Role.ROLE_MEMBER
        )
        if await session.get(PersonRow, person.person_id) is None:
            session.add(
                PersonRow(
                    person_id=person.person_id,
                    workspace_id=workspace_id,
                    name=person.name,
                    role=int(person.role),
                    data=person.SerializeToString(),
                    created_at=time.time(),
                )
            )
    await session.flush()


def roster(people: list[WorkspacePerson], participants: list[str], board: Board | None) -> list[Person]:
    """Return everybody whom talk may mean: people of the workspace, members of the board, and participants by name.

    A member of the board and a person with the same name are one; so are a first name («Анна») and the only full name that it fits.
    """
    found = [Person(person_id=p.person_id, name=p.name, aliases=list(p.aliases)) for p in people]
    members = [(member.name, member.member_id) for member in board.members] if board is not None else []
    for name, member_id in [*members, *((name, "") for name in participants)]:
        person = _same(found, name)
        if person is None:
            found.append(Person(name=name, member_id=member_id))
        elif member_id and not person.member_id:
            person.member_id = member_id
    return found


def _same(people: list[Person], name: str) -> Person | None:
    for person in people:
        if name.casefold() in {known.casefold() for known in (person.name, *person.aliases)}:
            return person
    entries = [Known(str(place), (person.name, *person.aliases)) for place, person in enumerate(people)]
    mentions = find_people(name, entries)
    if len(mentions) == 1 and mentions[0].start == 0 and mentions[0].end == len(name):
        return people[int(mentions[0].person)]
    return None


async def _row(session: AsyncSession, workspace_id: str, person_id: str) -> PersonRow:
    row = await session.get(PersonRow, person_id)
    if row is None or row.workspace_id != workspace_id:
        raise PersonNotFound(
            f"There is no person {person_id!r} in the workspace; `planerka people` lists them.",
            resource=("person", person_id),
        )
    return row


async def _require_other_admin(session: AsyncSession, workspace_id: str, person_id: str) -> None:
    others = await session.scalar(
        select(func.count())
        .select_from(PersonRow)
        .where(
            PersonRow.workspace_id == workspace_id,
            PersonRow.role == int(Role.ROLE_ADMIN),
            PersonRow.person_id != person_id,
        )
    )
    if not others:
        raise LastAdmin("This is the last admin of the workspace; make somebody else an admin first.")
