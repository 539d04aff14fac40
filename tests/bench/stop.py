"""How long from a `stop` leaving a client until both pumps say that they stopped, idle and beside busy stations.

Both loops run in this process, in turns. The bare loop does the least that could work: a message comes, four bytes are
written, a notification is awaited.
"""

from __future__ import annotations

from tests.bench.rows import Row, latencies
from tests.bench.running import bare, letdown, letdown_stop, mqtt_client, start_suction

_AT_MOST = 2.0


async def measure(rounds: int, stations: int) -> list[Row]:
    """Measure `rounds` stops at one station, while `stations` more are in suction."""
    async with letdown(stations + 1) as (app, air), bare(app, air) as bare_stop:
        first, *others = app.stations.values()
        ours, theirs = [], []
        async with mqtt_client(app.broker.host, app.broker.port) as client:
            for station in others:
                await start_suction(station, client)
            for _ in range(rounds):
                ours.append(await letdown_stop(first, client))
                theirs.append(await bare_stop(client))
    where = f"beside {stations} stations in suction" if stations else "idle"
    return latencies(f"stop to stopped, {where}", ours, theirs, _AT_MOST)
