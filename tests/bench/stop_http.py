"""How long from a tap on Stop, over HTTP, until both pumps say that they stopped; alone, and beside open tabs.

Beside it in each round: the same stop over MQTT, and the bare loop of `stop`. All run in this process, in turns; the
tabs are in another.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from controller.app import App
from controller.service.station import Station
from devices.roles import RunState
from tests.bench.rows import Row, latencies
from tests.bench.running import (
    SETTLE_SECONDS,
    bare,
    letdown,
    letdown_stop,
    mqtt_client,
    pumps_of,
    start_suction,
    until,
)
from tests.bench.tabs import tabs

_AT_MOST = 3.0
_BUSY_AT_MOST = 4.0
_CHROMIUM = 5  # of the tabs are in a real browser


async def measure(rounds: int, count: int) -> list[Row]:
    """Measure `rounds` stops of each kind, while `count` tabs are open, each with its event stream."""
    async with letdown(web=True, most_streams=count + _CHROMIUM) as (app, air), bare(app, air) as bare_stop:
        (station,) = app.stations.values()
        http, mqtt, least = [], [], []
        beside = tabs(_port(app), station.name, count - _CHROMIUM, _CHROMIUM) if count else contextlib.nullcontext()
        async with mqtt_client(app.broker.host, app.broker.port) as client, beside:
            for _ in range(rounds):
                http.append(await _http_stop(app, station, client))
                mqtt.append(await letdown_stop(station, client))
                least.append(await bare_stop(client))
    where, most = (f"beside {count} open tabs", _BUSY_AT_MOST) if count else ("alone", _AT_MOST)
    return [
        *latencies(f"tap on stop (HTTP) to stopped, {where}", http, least, most),
        *latencies(f"stop (MQTT) to stopped, {where}", mqtt, least, most),
    ]


def _port(app: App) -> int:
    assert app.web is not None
    assert app.web.address is not None
    return int(app.web.address.rstrip("/").rpartition(":")[2])


async def _http_stop(app: App, station: Station, client: object) -> float:
    """Start a session, and when the pumps run, post a stop; return the seconds until both say they stopped.

    A browser has a connection open by then: so has this.
    """
    await start_suction(station, client)
    reader, writer = await asyncio.open_connection("127.0.0.1", _port(app))
    await asyncio.sleep(SETTLE_SECONDS)
    pumps, changed = pumps_of(station), asyncio.Event()
    unsubscribe = [pump.on_change(changed.set) for pump in pumps]
    began = time.perf_counter()
    writer.write(f"POST /api/v1/stations/{station.name}/stop HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await until(changed, lambda: all(pump.reading.run_state is RunState.STOPPED for pump in pumps))
    seconds = time.perf_counter() - began
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
    await station.finished()
    for each in unsubscribe:
        each()
    return seconds
