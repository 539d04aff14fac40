"""Sessions as JSON with all that is kept of them: what `json_import` reads again without loss."""

from __future__ import annotations

import json
from datetime import datetime

from controller.contract.session_record import SessionDetails

FORMAT = "letdown-history"
VERSION = 1
"""Of the format; it is raised when an earlier version of Letdown could not read it any more."""

TAIL = "\n]}\n"


def head(written_at: datetime) -> str:
    """Return what the document begins with, before the first session."""
    head = {"format": FORMAT, "version": VERSION, "written_at": written_at.isoformat(timespec="seconds")}
    return f'{json.dumps(head)[:-1]}, "sessions": ['


def session(details: SessionDetails, *, first: bool) -> str:
    """Return one session, on a line of its own."""
    return ("\n" if first else ",\n") + details.model_dump_json()
