"""The page in a real browser: Streamlit as its own process, Debian's Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from cli.launcher import Mesh
from tests.browser.double import Double

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; a machine without it fails, for the page would be untested."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("There is no Chromium on this machine; install it: apt-get install -y chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def double(samples: Path) -> Iterator[Double]:
    """An orchestrator with the sample meeting."""
    with Double(samples / "standup_ru") as running:
        yield running


@pytest.fixture
def visit(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Page]]:
    """Opens the page for an orchestrator's address, in Russian."""
    with ExitStack() as stack:

        def open_page(orchestrator: str) -> Page:
            monkeypatch.setenv("PLANERKA_MESH__ORCHESTRATOR_ADDRESS", orchestrator)
            mesh = stack.enter_context(Mesh(tmp_path / "page", ["ui"], ports="free"))
            context = browser.new_context(viewport={"width": 1280, "height": 1500}, locale="ru-RU")
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.goto(f"http://{mesh.address('ui')}/")
            return page

        yield open_page
