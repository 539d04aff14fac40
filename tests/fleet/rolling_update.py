"""Update a whole fleet, one controller after the other, as docs/fleet.md says, while mothers pump; needs root.

    python -m tests.fleet.rolling_update --controllers 20 --stations 12

Each controller is drained by `letdown fleet drain NODE --wait`, ended, started anew, and undrained. Every session must
end as it would have without that: when its parent goes on from the only step.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiomqtt

from tests.fleet import event_observer, observer
from tests.fleet.fleet_bed import RecordFile, say, until
from tests.fleet.fleet_settings import ROUTINE, layout
from tests.fleet.listener import EventListener
from tests.fleet.parents import Parents
from tests.fleet.ward import Group, Ward, isolate, ward

_READY_SECONDS = 180.0
_SETTLE_SECONDS = 100.0
_QUIET_SECONDS = 3.0
_PUMP_SECONDS = 12.0  # then its parent has enough
_SLACK_SECONDS = 1.5  # as in `verdict`
_WAITED = "waits for the end of the session"


class QuickParents(Parents):
    """Parents who have enough after some seconds, and go on: the session ends as completed."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._since: dict[str, float] = {}

    async def _look_after(self, client: aiomqtt.Client, station: str, side: str, available: bool) -> None:
        state = self.states.get(station, {})
        pumps = bool(state.get("running")) and not self._waits.get(station)
        since = self._since.setdefault(station, time.monotonic()) if pumps else self._since.pop(station, None)
        if pumps and since is not None and time.monotonic() - since > _PUMP_SECONDS:
            del self._since[station]
            await self._command(client, station, "skip")
        else:
            await super()._look_after(client, station, side, available)


async def update(made: Ward, parents: Parents, name: str) -> dict[str, Any]:
    """Drain, restart and undrain a controller; return how long it took, in seconds."""
    controller, began = made.controllers[name], time.monotonic()
    said = await made.letdown("fleet", "drain", name, "--wait", controller=name)
    drained = time.monotonic()
    code = await controller.end()
    parents.online.discard(name)
    controller.start()
    await until(lambda: name in parents.online, _READY_SECONDS, f"{name} is back")
    await made.letdown("fleet", "undrain", name, controller=name)
    done = time.monotonic()
    found = {"node": name, "drain_seconds": round(drained - began, 1), "seconds": round(done - began, 1)}
    return {**found, "exit_code": code, "waited_for_a_session": _WAITED in said}


async def update_all(folder: Path, controllers: int, stations: int) -> dict[str, Any]:
    """Update every controller, and return the figures, and what was violated."""
    names = [f"c{number + 1}" for number in range(controllers)]
    group = Group(layout(names, stations, alone=False), ROUTINE)
    async with ward(folder, [group]) as made, contextlib.AsyncExitStack() as stack:
        nodes, messages = list(made.cluster.nodes.values()), RecordFile(folder / "messages.jsonl")
        parents = QuickParents(nodes, made.parents(), messages.write)
        events = EventListener(nodes, messages.write)
        for part in (events, parents):
            stack.callback(asyncio.create_task(part.run()).cancel)
        await until(lambda: events.connected, _READY_SECONDS, "the observer is connected")
        await made.start_all(lambda: parents.online)
        await until(lambda: len(parents.running) == stations, _READY_SECONDS, "every station has a session")
        began = time.monotonic()
        updates = []
        for name in names:
            updates.append(await update(made, parents, name))
            say(json.dumps(updates[-1]))
        seconds = time.monotonic() - began
        await until(lambda: len(parents.running) > stations / 2, _READY_SECONDS, "the sessions go on")
        parents.resting = True
        with contextlib.suppress(TimeoutError):  # what did not end is a violation
            await until(lambda: not parents.running and not made.running(), _SETTLE_SECONDS, "all sessions end")
        await asyncio.sleep(_QUIET_SECONDS)
        return {"seconds": round(seconds), "updates": updates, **_verdict(made, events)}


def _verdict(made: Ward, events: EventListener) -> dict[str, Any]:
    air, heard = made.air(), events.events
    found = [
        *observer.two_links(air),
        *observer.two_drivers(air),
        *observer.ran_too_long(air, _SLACK_SECONDS),
        *observer.started_by_itself(air),
        *observer.still_pulls(air),
        *event_observer.reused_ids(heard),
        *event_observer.session_ends(heard),
    ]
    ends = Counter(
        f"{each['data']['outcome']}/{each['data']['reason']}"
        for each in event_observer.distinct(heard)
        if each["type"] == "session_finished"
    )
    return {
        "violations": [dataclasses.asdict(each) for each in found],
        "session_ends": dict(ends),
        "tracebacks": [name for name, each in made.controllers.items() if "Traceback" in each.log],
        "run_ends": dict(Counter(run.why for run in observer.runs(air))),
    }


def main() -> int:
    """Update all, and print what it came to as JSON. Return 0 if no session was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--controllers", type=int, default=20)
    parser.add_argument("--stations", type=int, default=12)
    parser.add_argument("--folder", type=Path, help="a new folder for all records; default: a temporary one")
    options = parser.parse_args()
    isolate("tests.fleet.rolling_update")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="letdown-update-", dir="/dev/shm"))
    folder.mkdir(parents=True, exist_ok=True)
    found = asyncio.run(update_all(folder, options.controllers, options.stations))
    drains = [each["drain_seconds"] for each in found["updates"]]
    found["median_drain_seconds"] = statistics.median(drains)
    (folder / "update.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    say(json.dumps({name: value for name, value in found.items() if name != "updates"}, indent=1))
    return 1 if found["violations"] or found["tracebacks"] else 0


if __name__ == "__main__":
    sys.exit(main())
