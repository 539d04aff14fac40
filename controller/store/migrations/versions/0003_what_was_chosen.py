"""What a person chose beforehand: routine, side and comfort cap."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "chosen",
        sa.Column("station", sa.Text(), primary_key=True),
        sa.Column("routine", sa.Text()),
        sa.Column("side", sa.Text()),
        sa.Column("comfort_vacuum_mmhg", sa.Float()),
    )
