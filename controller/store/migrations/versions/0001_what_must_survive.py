"""The first tables. Migrations only go forward: going back would throw away what must survive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "running",
        sa.Column("station", sa.Text(), primary_key=True),
        sa.Column("device", sa.Text(), primary_key=True),
        sa.Column("since", sa.Text(), nullable=False),
    )
    op.create_table(
        "trip",
        sa.Column("station", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("tripped_at", sa.Text(), nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("station", sa.Text(), primary_key=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
    )
    op.create_table(
        "used",
        sa.Column("station", sa.Text(), primary_key=True),
        sa.Column("budget", sa.Text(), primary_key=True),
        sa.Column("used_seconds", sa.Float(), nullable=False),
        sa.Column("last_on", sa.Text(), nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("routine", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("began_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("let_down_seconds", sa.Float()),
        sa.Column("left_ml", sa.Float()),
        sa.Column("right_ml", sa.Float()),
        sa.Column("both_ml", sa.Float()),
        sa.Column("logged_left_ml", sa.Float()),
        sa.Column("logged_right_ml", sa.Float()),
        sa.Column("peak_vacuum_mmhg", sa.Float()),
        sa.Column("warmest_celsius", sa.Float()),
    )
