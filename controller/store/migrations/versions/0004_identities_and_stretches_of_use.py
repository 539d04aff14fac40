"""Devices with what finds them, uses as stretches of time, all answers; moments that no wall clock can make older."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"

_KEEP_RUNNING = "INSERT INTO running SELECT station, device, since, '', 'both', NULL, NULL, '{}' FROM running_0003"
# Those below are of an unknown boot: '' and 0.
_KEEP_ANSWERS = """
INSERT INTO answers
SELECT station, day, answers, '[]', 0, '', 0, '1970-01-01T00:00:00.000000+00:00' FROM answers_0003
"""
_KEEP_USES = """
INSERT INTO use
SELECT station, rowid, CASE budget WHEN 'hot' THEN '["heat", "hot"]' ELSE '["' || budget || '"]' END,
       used_seconds, 0, '', 0, last_on
FROM used WHERE budget IN ('suction', 'heat', 'hot', 'vibration')
"""


def upgrade() -> None:
    """Make the tables anew, with what was in the old ones."""
    _running()
    _answers()
    _use()


def _running() -> None:
    """Keep devices that may still run: of those, nothing but the name is known."""
    op.rename_table("running", "running_0003")
    op.create_table(
        "running",
        sa.Column("station", sa.Text(), primary_key=True),
        sa.Column("device", sa.Text(), primary_key=True),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("address", sa.Text()),
        sa.Column("advertised_name", sa.Text()),
        sa.Column("uuids", sa.JSON(), nullable=False),
    )
    op.execute(_KEEP_RUNNING)
    op.drop_table("running_0003")


def _answers() -> None:
    """Keep the day's answers. When they were given is unknown: as before, they hold as long as the date is the same."""
    op.rename_table("answers", "answers_0003")
    op.create_table(
        "answers",
        sa.Column("station", sa.Text(), primary_key=True),
        sa.Column("day", sa.Date()),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("standing", sa.JSON(), nullable=False),
        sa.Column("day_left_seconds", sa.Float(), nullable=False),
        *_stamp_columns(),
    )
    op.execute(_KEEP_ANSWERS)
    op.drop_table("answers_0003")


def _use() -> None:
    """Keep what was used as one stretch that ended when it was on last. Time that is hot is also time of heat."""
    op.create_table(
        "use",
        sa.Column("body", sa.Text(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("budgets", sa.JSON(), nullable=False),
        sa.Column("began_seconds_ago", sa.Float(), nullable=False),
        sa.Column("ended_seconds_ago", sa.Float(), nullable=False),
        *_stamp_columns(),
    )
    op.execute(_KEEP_USES)
    op.drop_table("used")


def _stamp_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("monotonic_seconds", sa.Float(), nullable=False),
        sa.Column("wall", sa.Text(), nullable=False),
    )
