"""Run a fleet, break it, and judge it: `make test-fleet` does. Prints what it found, and writes it to a folder.

    python -m tests.fleet --faults 200 --seed 7

The same seed gives the same faults at the same times, as far as many processes can do the same twice. Needs root, for a
network of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fleet.fault_plan import plan
from tests.fleet.fleet_bed import NODES, bed, say, seed_of
from tests.fleet.network import isolated, may_isolate
from tests.fleet.verdict import verdict
from tests.helpers.command_line import ROOT


def main() -> int:
    """Run it in a network of its own; return 0 if nothing was violated."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", default=os.environ.get("LETDOWN_TEST_SEED"), help="default: a random one")
    parser.add_argument("--controllers", type=int, default=6)
    parser.add_argument("--stations", type=int, default=6)
    parser.add_argument("--alone", action="store_true", help="controllers without a fleet: each has its own stations")
    parser.add_argument("--kinds", help="only faults of these kinds, with commas between them")
    parser.add_argument("--folder", type=Path, help="a new folder for all records; default: a temporary one")
    options = parser.parse_args()
    if not may_isolate():
        sys.stderr.write("a fleet is tested in a network of its own, which only root may make\n")
        return 2
    if "LETDOWN_TEST_HUB" not in os.environ:
        return subprocess.run(
            isolated((sys.executable, "-m", "tests.fleet", *sys.argv[1:])), check=False, cwd=ROOT
        ).returncode
    folder = options.folder or Path(tempfile.mkdtemp(prefix="letdown-fleet-", dir=_fast()))
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_run(options, folder, seed_of(options.seed)))


async def _run(options: argparse.Namespace, folder: Path, seed: int) -> int:
    say(f"seed {seed}, records in {folder}")
    began = time.monotonic()
    controllers = [f"c{number + 1}" for number in range(options.controllers)]
    faults = plan(seed, options.faults, controllers, NODES)
    if options.kinds:
        faults = [each for each in faults if each.kind in options.kinds.split(",")]
    async with bed(folder, options.controllers, options.stations, alone=options.alone) as fleet:
        say(f"every station runs after {time.monotonic() - began:.0f} s")
        await fleet.break_it(faults)
        say(f"all faults are over after {time.monotonic() - began:.0f} s")
        await fleet.settle()
        found = await verdict(fleet, alone=options.alone)
    result = {"seed": seed, "seconds": round(time.monotonic() - began), **found}
    (folder / "verdict.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    say(json.dumps(result, indent=1))
    return 1 if result["violations"] or result["crashes"] or result["tracebacks"] else 0


def _fast() -> str | None:
    """Return a folder in memory, where there is one: a slow disk is no fault that this test is about."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    sys.exit(main())
