"""Let a meeting have a template and a language of its summary."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; meetings of before have neither."""
    for name in ("template", "summary_language"):
        op.add_column("meetings", sa.Column(name, sa.String(), nullable=False, server_default=""))
