"""Owners and due days of sixty and twenty hand-written snippets of Russian and English talk; none may be invented.

A snippet without an owner and without a day holds no task at all. The expected day of a loose span («на следующей неделе») is its
last working day, as `textkit.dates` promises. The twenty were written after the rules for the sixty, to see how far those reach.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from llm_service.actions import find_remarks
from llm_service.talk import Said, Talk
from textkit.people import Person

_SNIPPETS = Path(__file__).parents[2] / "data" / "tasks"
_ENOUGH = 0.95
_ENOUGH_MISHEARD = 0.9


def _talk(snippet: dict) -> Talk:
    turns = tuple(
        Said(f"t{number}", turn["speaker"], turn["text"], person=turn["speaker"])
        for number, turn in enumerate(snippet["turns"], start=1)
    )
    people = snippet["people"]
    return Talk(
        turns,
        date.fromisoformat(snippet["day"]),
        snippet["id"][:2],
        tuple(Person(name, (name,)) for name in people),
        {name: name for name in people},
    )


def _found(snippet: dict) -> tuple[str, str | None]:
    """Return owner and day of the task that says most; the others may only repeat it."""
    talk = _talk(snippet)
    tasks = find_remarks(talk, talk.lines).tasks
    owners = {task.owner for task in tasks if task.owner}
    days = {task.due.day.isoformat() for task in tasks if task.due}
    owner = owners.pop() if len(owners) == 1 else ("" if not owners else "several")
    return owner, (days.pop() if len(days) == 1 else None if not days else "several")


@pytest.mark.parametrize(("name", "count"), [("owners_and_days", 60), ("owners_and_days_later", 20)])
def test_owners_and_days_are_right_and_none_is_invented(name, count):
    lines = (_SNIPPETS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    snippets = [json.loads(line) for line in lines]
    assert len(snippets) == count
    wrong, invented = [], []
    for snippet in snippets:
        owner, day = _found(snippet)
        wanted = (snippet["owner"], snippet["due"])
        if (owner, day) == wanted:
            continue
        wrong.append((snippet["id"], wanted, (owner, day)))
        if (owner and owner != wanted[0]) or (day and day != wanted[1]):
            invented.append(snippet["id"])
    assert not invented, wrong
    assert 1 - len(wrong) / len(snippets) >= _ENOUGH, wrong


@pytest.mark.parametrize(("name", "count"), [("misheard_names", 56), ("misheard_names_later", 28)])
def test_owners_whose_names_were_misheard_are_found_and_none_is_invented(name, count):
    lines = (_SNIPPETS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == count
    wrong, invented = [], []
    for row in rows:
        said = [{"speaker": row["speaker"], "text": row["text"]}]
        owner, _ = _found({**row, "day": "2026-03-03", "turns": said})
        if owner != row["owner"]:
            wrong.append((row["text"], row["owner"], owner))
            invented += [row["id"]] if owner else []
    assert not invented, wrong
    assert 1 - len(wrong) / len(rows) >= _ENOUGH_MISHEARD, wrong
