"""Remember the documents that people add to the knowledge base."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "documents",
        sa.Column("document_id", sa.String(), primary_key=True),
        sa.Column("workspace_id", sa.String(), sa.ForeignKey("workspaces.workspace_id"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.Column("touched_at", sa.Double(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_index("documents_by_workspace", "documents", ["workspace_id", "state", "added_at", "document_id"])
    op.create_index("documents_by_state", "documents", ["state", "touched_at"])
