"""Measure a fleet on this machine, in several processes. Needs root; tests/fleet/install brings what it needs.

    python -m tests.fleet.load --controllers 10 --stations 200 --suction 20,40

First all controllers without a station, then all stations connected, then so many of them in suction, and stops.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.fleet.fleet_bed import say
from tests.fleet.load.measure import measure
from tests.fleet.ward import isolate


def main() -> int:
    """Measure, and print what it came to as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--controllers", type=int, default=10)
    parser.add_argument("--stations", type=int, default=200)
    parser.add_argument("--pumps", type=int, choices=(1, 2), default=2, help="of each station")
    parser.add_argument("--suction", default="10,20", help="how many stations are in suction, step by step")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each step is measured")
    parser.add_argument("--stops", type=int, default=100, help="in the last step")
    parser.add_argument("--folder", type=Path, help="a new folder for all records; default: a temporary one")
    options = parser.parse_args()
    isolate("tests.fleet.load")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="letdown-load-", dir="/dev/shm"))
    folder.mkdir(parents=True, exist_ok=True)
    steps = [int(each) for each in options.suction.split(",")]
    measuring = measure(
        folder,
        options.controllers,
        options.stations,
        steps,
        pumps=options.pumps,
        seconds=options.seconds,
        stops=options.stops,
    )
    found = asyncio.run(measuring)
    (folder / "load.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    say(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
