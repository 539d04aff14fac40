"""Every view of a history on a running service, over HTTP, and how long each takes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import httpx

from controller.contract.session_record import SessionRecord

VIEWS = ("history", "history?days=30", "history/sessions", "history/session/{id}")
_API = "api/v1/stations/home/"
_TIMES = 3


async def seconds_of_views(base: str, sessions: Sequence[SessionRecord]) -> dict[str, float]:
    """Return how long each view takes, page and API, in seconds: the shortest of three.

    What the machine does beside it, says nothing. `sessions`: those of the history, the latest first.
    """
    old = sessions[-60]
    paths = [*VIEWS, f"history/sessions?until={old.began_at:%Y-%m-%dT%H:%M:%SZ}", f"history/session/{old.id}"]
    paths += [_API + each for each in ("summary", "history?last=200", f"history/{old.id}")]
    took = {}
    async with httpx.AsyncClient(base_url=base) as client:
        for path in paths:
            seconds = []
            for _ in range(_TIMES):
                began = time.monotonic()
                answer = await client.get(path.format(id=sessions[0].id))
                seconds.append(time.monotonic() - began)
                assert answer.status_code == 200, answer.text
            took[path] = min(seconds)
    return took
