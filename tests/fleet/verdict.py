"""Holds the records of a fleet against everything that must be true of it."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import Any

from tests.fleet import event_observer, observer
from tests.fleet.fault_plan import SHARES
from tests.fleet.fleet_bed import Bed, lines_of
from tests.fleet.fleet_settings import OWNERS, TTL_SECONDS
from tests.fleet.moment import moment
from tests.fleet.ownership_observer import drove_without_ownership, longest_ownership, outlived_ownership, ownerships
from tests.fleet.ownership_record import complete, stored_changes, unknown
from tests.fleet.takeovers import lasting, summary, takeovers

_MOMENTS = 3  # of so many violations, the verdict has what happened at that time
_SLACK_SECONDS = 1.5  # virtual devices check the time a few times a second, on a busy machine


async def verdict(bed: Bed, *, alone: bool) -> dict[str, Any]:
    """Return the violations and the figures."""
    air, faults, heard = bed.air(), lines_of(bed.faults.path), bed.events.events
    sessions = [{"id": id_, "outcome": outcome} for id_, outcome in await bed.rows("SELECT id, outcome FROM session")]
    kept = [{"id": id_, "type": kind} for id_, kind in await bed.rows("SELECT id, type FROM session_event")]
    (bed.folder / "kept.json").write_text(json.dumps({"sessions": sessions, "events": kept}), encoding="utf-8")
    violations = [
        *observer.two_links(air),
        *observer.two_drivers(air),
        *observer.ran_too_long(air, _SLACK_SECONDS),
        *observer.started_by_itself(air),
        *observer.still_pulls(air),
        *observer.drove_before_stop(air),
        *event_observer.reused_ids(heard),
        *event_observer.session_ends(heard),
        *event_observer.not_published(heard, bed.waiting_events()),
        *event_observer.kept_sessions(heard, sessions),
        *event_observer.kept_ends(heard, sessions),
        *event_observer.kept_events(heard, kept),
        *event_observer.not_kept_events(heard, kept),
    ]
    stored = []
    if not alone:
        stored = complete(await stored_changes(bed.cluster.urls, OWNERS), bed.ownership.stored())
        (bed.folder / "stored.json").write_text(json.dumps(stored), encoding="utf-8")
        violations += drove_without_ownership(air, ownerships(stored, TTL_SECONDS))
        violations += outlived_ownership(air, [*bed.ownership.changes, *stored], faults, TTL_SECONDS, _SLACK_SECONDS)
    done = Counter(line["what"] for line in faults if line["what"] in SHARES)
    tracebacks = [name for name, each in bed.controllers.items() if "Traceback" in each.log]
    found = takeovers(air, lasting(faults, len(bed.cluster.nodes), TTL_SECONDS))
    return {
        "violations": [dataclasses.asdict(each) for each in violations],
        "moments": [moment(each, air, [*faults, *bed.ownership.changes, *stored]) for each in violations[:_MOMENTS]],
        "crashes": bed.crashes,
        "stalls": bed.stalls,
        "tracebacks": tracebacks,
        "faults": dict(done),
        "takeovers": summary(found),
        "ownership_changes": len(stored),
        "ownership_changes_unknown": unknown(stored),
        "taken_over": sum(each.taken_by is not None for each in found),
        "longest_ownership_seconds": round(longest_ownership(air, bed.ownership.changes), 2),
        "runs": len(observer.runs(air)),
        "ended_by": dict(Counter(run.why for run in observer.runs(air))),
        "links": len(observer.links(air)),
        "sessions": len({each["session_id"] for each in heard if each["type"] == "session_started"}),
        "session_ends": dict(
            Counter(
                f"{each['data'].get('outcome')}/{each['data'].get('reason')}"
                for each in event_observer.distinct(heard)
                if each["type"] == "session_finished"
            )
        ),
        "events": len(event_observer.distinct(heard)),
        "duplicates": len(heard) - len(event_observer.distinct(heard)),
    }
