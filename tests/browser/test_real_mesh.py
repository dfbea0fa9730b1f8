"""The page with the whole mesh behind it: a real meeting, real proposals, a real board."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from planerka.orchestrator.v1 import proposal_pb2
from playwright.sync_api import Browser, expect

from cli.launcher import Mesh
from tests.door import Door, State

pytestmark = [pytest.mark.browser, pytest.mark.acceptance, pytest.mark.models, pytest.mark.timeout(900)]

SERVICES = ["asr", "llm", "match", "board", "notify", "orchestrator", "ui"]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Everything, on free ports."""
    with Mesh(tmp_path_factory.mktemp("home"), SERVICES, ports="free") as running:
        yield running


def talk(samples: Path) -> bytes:
    """The first seven turns of the sample meeting as JSON lines."""
    turns = json.loads((samples / "standup_ru" / "truth.json").read_text(encoding="utf-8"))["turns"][:7]
    return "\n".join(
        json.dumps({key: turn[key] for key in ("speaker", "text", "start", "end")}, ensure_ascii=False)
        for turn in turns
    ).encode()


def test_approving_on_the_page_changes_the_real_board(
    mesh: Mesh, browser: Browser, samples: Path, tmp_path: Path
) -> None:
    door = Door(mesh.address("orchestrator"))
    board_id = door.create_board(samples / "standup_ru" / "board.json").board.board_id
    meeting = door.import_bytes(talk(samples), "standup.jsonl", board_id=board_id, language="ru")
    door.wait_for(meeting.meeting_id, State.MEETING_STATE_WAITING)
    chosen = next(
        one
        for one in door.proposals(meeting.meeting_id)
        if one.state == proposal_pb2.PROPOSAL_STATE_PENDING and one.HasField("card")
    )
    before = door.cards(board_id)[chosen.card.card.card_id].version

    context = browser.new_context(viewport={"width": 1280, "height": 1500}, locale="ru-RU")
    page = context.new_page()
    page.goto(f"http://{mesh.address('ui')}/")
    shown = page.locator(f".st-key-proposal-{chosen.proposal_id}")
    expect(shown).to_contain_text(chosen.card.card.title, timeout=30_000)
    expect(shown.locator("blockquote").first).to_be_visible()
    expect(page.locator(".pk-card.changed")).to_have_count(0)
    shown.get_by_role("button", name="Подтвердить", exact=True).click()
    expect(page.locator(".pk-card.changed")).to_have_count(1, timeout=30_000)
    expect(page.locator(".pk-card.changed")).to_have_attribute("data-card", chosen.card.card.key)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    shot = tmp_path / "page.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 20_000
    context.close()

    applied = door.wait_applied(meeting.meeting_id, chosen.proposal_id)
    assert applied.decision.channel == "web"
    assert door.cards(board_id)[chosen.card.card.card_id].version != before
    door.close()
