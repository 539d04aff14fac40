"""What must be true of what a fleet published, and of what it kept, as pure functions.

`heard`: events as a subscriber heard them, in order, duplicates included; each with `heard_at` in seconds. `kept`: the
rows of the database.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.fleet.observer import Violation

Event = Mapping[str, Any]
Row = Mapping[str, Any]


def distinct(heard: Iterable[Event]) -> list[Event]:
    """Return the events, each once: QoS 1 may deliver one twice."""
    found: dict[str, Event] = {}
    for event in heard:
        found.setdefault(event["id"], event)
    return list(found.values())


def reused_ids(heard: Iterable[Event]) -> list[Violation]:
    """Find ids that stand for two different events.

    How a session ended, a former owner and its successor may both say, each at its time. They say the same, unless it
    ended while the former owner was being lost: then their epochs say who is right (`kept_ends`).
    """
    first: dict[str, str] = {}
    found = []
    for event in heard:
        content = json.dumps(_content(event), sort_keys=True)
        if first.setdefault(_once(event), content) != content:
            found.append(Violation("reused_id", event["heard_at"], event["id"], f"stands for {content}, too"))
    return found


def _content(event: Event) -> Event:
    differs = {"heard_at", "time", "epoch"} if event["type"] == "session_finished" else {"heard_at"}
    return {key: value for key, value in event.items() if key not in differs}


def _once(event: Event) -> str:
    """Return what may stand for one content only: the id, and of an end also who says so, if it is an owner."""
    return f"{event['id']} {event.get('epoch') or ''}" if event["type"] == "session_finished" else str(event["id"])


def kept_ends(heard: Iterable[Event], sessions: Iterable[Row]) -> list[Violation]:
    """Find sessions that ended otherwise in the database than their latest owner said. `sessions`: `id`, `outcome`."""
    latest: dict[str, Event] = {}
    for event in heard:
        if event["type"] == "session_finished":
            before = latest.get(event["session_id"])
            if before is None or (event.get("epoch") or 0) > (before.get("epoch") or 0):
                latest[event["session_id"]] = event
    return [
        Violation("kept_wrong_end", event["heard_at"], row["id"], f"{row['outcome']}, not {event['data']['outcome']}")
        for row in sessions
        if row["outcome"] is not None
        and (event := latest.get(row["id"])) is not None
        and event["data"]["outcome"] != row["outcome"]
    ]


def session_ends(heard: Iterable[Event]) -> list[Violation]:
    """Find sessions with no end, with two, or with an end and no beginning."""
    began: dict[str, Event] = {}
    ends: dict[str, list[Event]] = defaultdict(list)
    found = []
    for event in distinct(heard):
        session = event["session_id"]
        if event["type"] == "session_started":
            if session in began:
                found.append(Violation("began_twice", event["heard_at"], session, "two events say that it began"))
            began[session] = event
        elif event["type"] == "session_finished":
            ends[session].append(event)
    for session, event in began.items():
        if session not in ends:
            found.append(Violation("never_ended", event["heard_at"], session, f"at {event['station']}"))
    for session, events in ends.items():
        if session not in began:
            found.append(Violation("never_began", events[0]["heard_at"], session, f"at {events[0]['station']}"))
        if len(events) > 1:
            words = " and ".join(f"{each['data'].get('reason')} in epoch {each.get('epoch')}" for each in events)
            found.append(Violation("ended_twice", events[1]["heard_at"], session, words))
    return found


def not_published(heard: Iterable[Event], waiting: Iterable[str]) -> list[Violation]:
    """Find events that wait in the journal of a controller, and that were not received."""
    known = {event["id"] for event in heard}
    return [Violation("not_published", 0.0, each, "it is still in a journal") for each in waiting if each not in known]


def kept_sessions(heard: Iterable[Event], sessions: Sequence[Row]) -> list[Violation]:
    """Find sessions that were published and are not in the database once, with an end. `sessions`: `id`, `outcome`."""
    count = Counter(row["id"] for row in sessions)
    outcome = {row["id"]: row["outcome"] for row in sessions}
    found = []
    for event in distinct(heard):
        if event["type"] != "session_started":
            continue
        session = event["session_id"]
        if count[session] != 1:
            found.append(Violation("kept_wrongly", event["heard_at"], session, f"it is there {count[session]} times"))
        elif outcome[session] is None:
            found.append(Violation("kept_without_end", event["heard_at"], session, f"at {event['station']}"))
    known = {event["session_id"] for event in heard if event["type"] == "session_started"}
    found += [Violation("not_heard", 0.0, id_, "it is in the database alone") for id_ in count if id_ not in known]
    return found


def kept_events(heard: Iterable[Event], kept: Sequence[Row]) -> list[Violation]:
    """Find events in the database that were never heard, or that are there twice. `kept`: `id`, `type`."""
    known = {event["id"] for event in heard}
    found = []
    for id_, times in Counter(row["id"] for row in kept).items():
        if times > 1:
            found.append(Violation("kept_twice", 0.0, id_, f"{times} times"))
        if id_ not in known:
            kind = next(row["type"] for row in kept if row["id"] == id_)
            found.append(Violation("event_not_heard", 0.0, id_, f"a {kind}"))
    return found


def not_kept_events(heard: Iterable[Event], kept: Sequence[Row]) -> list[Violation]:
    """Find events of sessions that were heard and are not in the database, of those types that are kept at all."""
    ids, types = {row["id"] for row in kept}, {row["type"] for row in kept}
    return [
        Violation("event_not_kept", event["heard_at"], event["id"], f"a {event['type']} of {event['session_id']}")
        for event in distinct(heard)
        if event["session_id"] is not None and event["type"] in types and event["id"] not in ids
    ]
