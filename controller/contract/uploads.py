"""What is sent to another program, Baby Buddy, and what became of it: a summary for all, and each session for a person.

The summary has numbers of sessions alone. When a session was, and how much milk there was, is in no message of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from pydantic import Field

from controller.safety.message import KeyedMessage
from devices.roles import Frozen

UploadState = Literal["waiting", "sent", "rejected", "not_sent", "skipped", "erasing"]
Resolution = Literal["retry", "skip"]


class Upload(Frozen):
    """What became of one session.

    `waiting`: it is sent as soon as possible. `sent`: it is there. `rejected`: the other program does not take it; a
    person decides. `not_sent`: there is nothing to send, such as no known volume. `skipped`: a person decided not to
    send it, or deleted it there. `erasing`: it was erased here, and is to be erased there.
    """

    session_id: str = Field(description="The session.")
    station: str = Field(description="The station.")
    began_at: datetime | None = Field(description="When it began, in UTC; `null` where it was erased here.")
    state: UploadState = Field(description="What became of it.")
    problem: KeyedMessage | None = Field(None, description="Why it is not sent.")
    detail: str | None = Field(None, description="The error text of the other program.")
    next_try_at: datetime | None = Field(None, description="When it is tried again; `null`: as soon as possible.")


class UploadSummary(Frozen):
    """What is still to be sent from a station to Baby Buddy. Numbers of sessions alone."""

    station: str = Field(description="The station.")
    waiting: int = Field(description="Sessions that are sent as soon as possible, or erased there.")
    rejected: int = Field(description="Sessions that Baby Buddy did not take, and that wait for a person.")
    problem: str | None = Field(
        None, description="Why nothing can be sent, or that a session was rejected, in the language of the settings."
    )
    key: str | None = Field(None, description="The same as a key of `reasons` in the language files.")


class ResolveUploadArgs(Frozen):
    """What to do with a session that was not sent. `retry` also sends one that was skipped."""

    session_id: str = Field(max_length=128, description="The session; `all`: every one that waits or was rejected.")
    how: Resolution = Field(description="Try again now, or do not send it.")


class Uploads(Protocol):
    """The uploads of all stations, as interfaces use them. Each method raises `HistoryError`."""

    async def uploads(self, station: str | None = None, *, last: int = 100) -> Sequence[Upload]:
        """Return what became of the latest sessions, the latest first."""

    async def resolve(self, session_id: str, how: Resolution, station: str | None = None) -> int:
        """Try again, or skip. `all`: every one that waits or was rejected. Return how many sessions that were."""
