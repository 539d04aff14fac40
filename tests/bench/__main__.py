"""Measure Letdown beside a bare bleak + aiomqtt loop in the same run, and compare with what is promised."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from tests.bench import long_history, memory, start_up, stop, stop_http, telemetry
from tests.bench.rows import Row, as_data, print_rows

_MEASURES = ("stop", "stop-busy", "stop-http", "stop-http-busy", "telemetry", "memory", "start-up", "history")


async def _measure(name: str, rounds: int, stations: int) -> list[Row]:  # noqa: PLR0911 - a table
    match name:
        case "stop":
            return await stop.measure(rounds, 0)
        case "stop-busy":
            return await stop.measure(rounds, stations)
        case "stop-http" | "stop-http-busy":
            return await stop_http.measure(rounds, 100 if name.endswith("busy") else 0)
        case "telemetry":
            return await telemetry.measure(stations, 10.0)
        case "memory":
            return memory.measure()
        case "history":
            return await long_history.measure()
        case _:
            return start_up.measure(max(5, rounds // 10))


def main() -> None:
    """Run the measures that are named, one after another, and print what they came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measures", nargs="*", choices=[*_MEASURES, []], default=_MEASURES, metavar="MEASURE")
    parser.add_argument("--rounds", type=int, default=100, help="stops, or starts of a command by tens")
    parser.add_argument("--stations", type=int, default=20, help="stations in suction")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.measures:
        rows += asyncio.run(_measure(name, options.rounds, options.stations))
    if options.json:
        json.dump(as_data(rows), sys.stdout, indent=2)
    else:
        print_rows(rows)


if __name__ == "__main__":
    main()
