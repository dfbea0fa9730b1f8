"""Runs the migrations on the connection that the store hands over."""

from __future__ import annotations

from alembic import context

from orchestrator.tables import Base


def run() -> None:
    """Apply what is missing, inside the transaction of the caller."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    context.run_migrations()


run()
