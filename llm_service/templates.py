"""Templates of summaries: those that come with the product, and what workspaces made of them.

A template tells the model what to look at (`guidance`) and lays the minutes out as Markdown (`layout`). Both are Jinja2 in a sandbox.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from llm_service import sandbox
from llm_service.errors import TemplateUnknown, TooManyTemplates
from llm_service.strategies import Strategy
from mesh.database import Database

__all__ = ["DEFAULT", "Template", "Templates", "built_in"]

DEFAULT: Final = "default"
_MOST: Final = 90
_FOLDER: Final = Path(__file__).with_name("layouts")
_SCHEMA: Final = Path(__file__).with_name("templates.sql")
_TITLES: Final = {
    DEFAULT: ("Default", Strategy.AUTO),
    "stand-up": ("Stand-up · Планёрка", Strategy.AUTO),
    "planning": ("Planning · Планирование", Strategy.AUTO),
    "retro": ("Retrospective · Ретроспектива", Strategy.AUTO),
    "customer-call": ("Customer call · Звонок с заказчиком", Strategy.AUTO),
}


@dataclass(frozen=True)
class Template:
    """How summaries of one kind of meeting are made and laid out."""

    name: str
    title: str
    guidance: str
    """Jinja2 over `title`, `language`, `people`; may be empty."""
    layout: str
    """Jinja2 over the whole summary; gives Markdown."""
    strategy: Strategy = Strategy.AUTO
    """Used where a request leaves the choice to the service."""
    built_in: bool = False
    changed: bool = False

    def guide(self, values: Mapping[str, Any]) -> str:
        """Return what the model is told, on one line.

        Raises:
            TemplateInvalid: The guidance cannot be filled in.
        """
        return " ".join(sandbox.render(self.guidance, values).split())


class Templates:
    """The templates of all workspaces, in one SQLite file.

    Args:
        folder: Folder of the service's state.
    """

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "templates.db", _SCHEMA)

    async def open(self) -> None:
        """Open the file; `Internal` says why it cannot be."""
        await self._database.open()

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()

    async def list(self, workspace_id: str) -> list[Template]:
        """Return the templates of a workspace by name."""
        own = await self._database.run(lambda connection: _own(connection, workspace_id))
        return [own.get(name) or built_in()[name] for name in sorted({*own, *built_in()})]

    async def find(self, workspace_id: str, name: str) -> Template:
        """Return a template; the default one for an empty name.

        Raises:
            TemplateUnknown: The workspace has none of this name.
        """
        name = name or DEFAULT
        own = await self._database.run(lambda connection: _own(connection, workspace_id))
        found = own.get(name) or built_in().get(name)
        if found is None:
            known = ", ".join(sorted({*own, *built_in()}))
            raise TemplateUnknown(
                f"The workspace has no template {name!r}; it has: {known}.", resource=("template", name)
            )
        return found

    async def put(
        self,
        workspace_id: str,
        template: Template,
        remember: Callable[[sqlite3.Connection, Callable[[], Template]], None],
    ) -> None:
        """Let `remember` write a template, or find that it did before, in one transaction.

        Raises:
            TemplateInvalid: It is broken, or uses what templates may not.
            TooManyTemplates: The workspace has as many as it may have.
        """
        for source in (template.guidance, template.layout):
            sandbox.check(source)

        def write(connection: sqlite3.Connection) -> Template:
            own = _own(connection, workspace_id)
            if template.name not in own and len(own) >= _MOST:
                raise TooManyTemplates(
                    f"The workspace has {_MOST} templates already; delete one with `planerka template delete`."
                )
            connection.execute(
                "INSERT OR REPLACE INTO templates (workspace_id, name, title, guidance, layout, strategy) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    workspace_id,
                    template.name,
                    template.title,
                    template.guidance,
                    template.layout,
                    template.strategy.value,
                ),
            )
            return replace(template, built_in=template.name in built_in(), changed=True)

        await self._database.run(lambda connection: remember(connection, lambda: write(connection)))

    async def delete(
        self, workspace_id: str, name: str, remember: Callable[[sqlite3.Connection, Callable[[], bool]], None]
    ) -> None:
        """Let `remember` delete a workspace's template, or find that it did before, in one transaction.

        What it calls returns whether there was one.
        """

        def remove(connection: sqlite3.Connection) -> bool:
            cursor = connection.execute(
                "DELETE FROM templates WHERE workspace_id = ? AND name = ?", (workspace_id, name)
            )
            return cursor.rowcount > 0

        await self._database.run(lambda connection: remember(connection, lambda: remove(connection)))


@cache
def built_in() -> Mapping[str, Template]:
    """Return the templates that come with the product, by name."""
    return {
        name: Template(
            name,
            title,
            (_FOLDER / f"{name}.guidance.j2").read_text(encoding="utf-8").strip() if name != DEFAULT else "",
            (_FOLDER / f"{name}.md.j2").read_text(encoding="utf-8"),
            strategy,
            built_in=True,
        )
        for name, (title, strategy) in _TITLES.items()
    }


def _own(connection: sqlite3.Connection, workspace_id: str) -> dict[str, Template]:
    rows = connection.execute(
        "SELECT name, title, guidance, layout, strategy FROM templates WHERE workspace_id = ?", (workspace_id,)
    )
    return {
        name: Template(name, title, guidance, layout, Strategy(strategy), name in built_in(), changed=True)
        for name, title, guidance, layout, strategy in rows
    }
