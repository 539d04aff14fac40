"""What must hold in every cell, whatever the fault. The first line of each says it, also in the document."""

from __future__ import annotations

from collections.abc import Callable

from controller import safety
from controller.events import Event, EventType, Snapshot
from devices.profiles.vocabulary import Value
from devices.roles import Phase
from tests.matrix import switches
from tests.matrix.cell import Cell
from tests.matrix.fault import Doubt, GoesOn

_TOLD: dict[Doubt, tuple[EventType, ...]] = {
    Doubt.NEVER: (),
    Doubt.SETTLED: (EventType.UNCERTAIN, EventType.SETTLED),
    Doubt.KEPT: (EventType.UNCERTAIN,),
    Doubt.SAID: (EventType.UNCERTAIN,),
}
_LAST_WORDS = {Doubt.SETTLED: "settled", Doubt.KEPT: "uncertain", Doubt.SAID: "uncertain"}
_A_HAIR_SECONDS = 0.05  # between a decision here and its arrival there
_AFTERWARDS = (  # what may come when a session has ended
    EventType.UNCERTAIN,
    EventType.SETTLED,
    EventType.PAIN,
    EventType.ENFORCED,
    EventType.RUNS_OUTSIDE,
)


def went_as_it_should(cell: Cell) -> None:
    """The session ends by the fault, or goes on in spite of it with just its own devices on, as the table says; and
    each command gets the reply that it must get."""
    assert cell.notes == []
    replies = [(said.action, said.sending.done() and said.sending.result().outcome) for said in cell.said]
    assert replies == [(said.action, said.outcome) for said in cell.said]


def limits_hold(cell: Cell) -> None:
    """No device is ever told, or set to, more than the owner and the hard limits allow, nor without an end or a lease;
    and suction is raised by 20 mmHg in 10 s at most."""
    for heard in cell.truth.heard:
        values = heard.values
        if "vacuum_mmhg" in values:
            assert _number(values["vacuum_mmhg"]) <= _most_mmhg(cell, str(values["phase"])), heard
        assert _number(values.get("celsius")) <= min(safety.HEAT_CELSIUS, cell.fault.owner.heat_celsius), heard
        assert _number(values.get("intensity")) <= safety.VIBRATION_INTENSITY, heard
        assert _number(values.get("lease_seconds")) <= safety.LEASE_SECONDS, heard
        if heard.name in ("start", "set_target", "run"):
            assert _number(values["duration_seconds"]) > 0, heard
            assert _number(values["lease_seconds"]) > 0, heard
    for key in cell.house.home.twins:
        _hold_the_pace(cell, key)


def bodies_are_safe(cell: Cell) -> None:
    """In truth, no vacuum is above 270 mmHg and no surface at 43 °C or more; where the fault itself forces that, it
    is no longer than until everything is off."""
    late = [at for at in cell.truth.too_much_at_seconds if at > cell.caused_at_seconds + cell.end.within_seconds]
    assert late == []
    early = [at for at in cell.truth.too_much_at_seconds if at < cell.struck_at_seconds]
    assert early == []
    if not cell.end.trips:
        assert cell.truth.too_much_at_seconds == []


def all_is_off_in_time(cell: Cell) -> None:
    """In truth, everything is off within the deadline of what ends the session, and stays off."""
    assert cell.off_seconds <= cell.end.within_seconds


def nothing_starts_again(cell: Cell) -> None:
    """In the two minutes after that nothing starts, with links coming back, and with everything coming in late that
    must not start anything: a resume, a skip, retained, expired and repeated starts, and a fresh one while a trip or
    a doubt stands."""
    assert cell.truth.starts_since(cell.caused_at_seconds + cell.end.within_seconds) == []
    assert [change for change in cell.truth.changes if change.on and change.latched] == []


def record_is_complete(cell: Cell) -> None:
    """The session's first event is its start, each step that starts finishes, its last event is its one end with the
    true outcome, and the last snapshot is an end with a reason and no step."""
    told = cell.house.told
    events = [event for event in told.events() if event.type not in _AFTERWARDS]
    started, *between, finished = events
    assert started.type is EventType.SESSION_STARTED
    assert finished.type is EventType.SESSION_FINISHED
    assert finished.data["outcome"] == cell.end.state.value
    assert {EventType.SESSION_STARTED, EventType.SESSION_FINISHED}.isdisjoint(event.type for event in between)
    assert len({event.session_id for event in events}) == 1
    assert len({event.id for event in told.events()}) == len(told.events())
    steps = [event for event in between if event.type in (EventType.STEP_STARTED, EventType.STEP_FINISHED)]
    for at, event in enumerate(steps):
        assert event.type is (EventType.STEP_STARTED, EventType.STEP_FINISHED)[at % 2], steps
        assert event.data["index"] == at // 2
    assert len(steps) % 2 == 0
    snapshot = told.snapshot
    assert snapshot.state is cell.end.state
    assert snapshot.reason == finished.data["reason"] == _reason(cell)
    assert (snapshot.step, snapshot.step_index, snapshot.target_vacuum_mmhg) == (None, None, None)
    assert [step.outcome is not None for step in snapshot.steps] == [
        index < len(steps) // 2 for index in range(len(snapshot.steps))
    ]
    totals = [each.volume_ml.total or 0.0 for each in told.snapshots if each.session_id]
    assert totals == sorted(totals)


def person_is_told(cell: Cell) -> None:
    """The person is told why, in the guide and by an event, and nothing that is not so; the last words are about what
    is in doubt, where anything is."""
    told, words, end = cell.house.told, cell.house.words, cell.end
    said = [guide.words for guide in told.guides(since=cell.struck_at_seconds)]
    trips = told.events(EventType.TRIP)
    message = words.message(end.message, device=_device(cell), words="{words}")
    if end.trips:
        (trip,) = trips
        assert trip.data["kind"] in end.trips
        assert trip.data["device"] == _device(cell)
        message = message.format(words=words.message(f"trip_{trip.data['kind']}"))
    else:
        assert trips == []
    assert set(end.events) <= {event.type for event in told.events()}
    assert bool(told.events(EventType.PAIN)) is (EventType.PAIN in end.events)
    doubted = _doubted(cell)
    assert message in said or (doubted and not end.trips)
    assert all(words.message("uncertain", device=device) in said for device in doubted)
    if isinstance(cell.outcome, GoesOn) or not doubted or (end.trips and end.doubt is Doubt.SETTLED):
        assert said[-1] == message  # that a device is off now is not the last word on a trip
    else:
        assert said[-1] in {words.message(_LAST_WORDS[end.doubt], device=device) for device in doubted}


def doubt_is_shown(cell: Cell) -> None:
    """A device whose stop was not confirmed is told, and shown as uncertain until it is confirmed or acknowledged, and
    no other; nothing goes on unnoticed when the session is over."""
    assert cell.truth.untold == set()
    doubted: set[str] = set()
    told: dict[str, tuple[EventType, ...]] = {}
    for seconds, item in cell.house.told.items:
        if seconds >= cell.acknowledged_at_seconds:
            break
        if isinstance(item, Snapshot):
            assert set(item.uncertain) == doubted
        elif isinstance(item, Event) and item.type in (EventType.UNCERTAIN, EventType.SETTLED):
            device = item.data["device"]
            (doubted.add if item.type is EventType.UNCERTAIN else doubted.remove)(device)
            told[device] = (*told.get(device, ()), item.type)
    assert told == dict.fromkeys(_doubted(cell), _TOLD[cell.outcome.doubt])


def nothing_is_left_behind(cell: Cell) -> None:
    """No task of the session goes on after it, none at all outlives the household, and no error and no traceback is
    logged."""
    assert cell.leaked == []
    assert cell.logged == []


INVARIANTS: tuple[Callable[[Cell], None], ...] = (
    went_as_it_should,
    all_is_off_in_time,
    bodies_are_safe,
    limits_hold,
    nothing_starts_again,
    doubt_is_shown,
    person_is_told,
    record_is_complete,
    nothing_is_left_behind,
)


def _device(cell: Cell) -> str:
    """Return the device that the end is about."""
    return cell.end.device or cell.place.victim


def _doubted(cell: Cell) -> set[str]:
    """Return the devices of which it is not known at once that they have stopped."""
    outcome = cell.outcome
    if outcome.doubt is Doubt.NEVER:
        return set()
    if isinstance(outcome, GoesOn):
        return set(outcome.stops)
    return set(cell.place.on) if outcome.doubted == "all" else {_device(cell)}


def _reason(cell: Cell) -> str:
    """Return the reason that must stand in the record."""
    if cell.end.reason is not None:
        device = cell.end.device or cell.place.victim
        return cell.end.reason.format(device=device, start=switches.start_of(device))
    if not cell.end.trips:
        enforced = cell.house.told.events(EventType.ENFORCED)
        words = next(event.data["words"] for event in reversed(enforced) if event.data["action"] == "stop")
        return f"{_device(cell)} was stopped: {words}"
    (trip,) = cell.house.told.events(EventType.TRIP)
    return f"{trip.data['device']}: {trip.data['words']}"


def _most_mmhg(cell: Cell, phase: str) -> float:
    owner = cell.fault.owner
    if phase == Phase.STIMULATION:
        return min(safety.STIMULATION_VACUUM_MMHG, owner.stimulation_vacuum_mmhg)
    return min(safety.EXPRESSION_VACUUM_MMHG, owner.comfort_vacuum_mmhg or safety.AUTOMATIC_VACUUM_MMHG)


def _hold_the_pace(cell: Cell, device: str) -> None:
    now_mmhg = raised_at_seconds = 0.0
    for heard in cell.truth.heard:
        if heard.device != device or "vacuum_mmhg" not in heard.values:
            continue
        mmhg = _number(heard.values["vacuum_mmhg"])
        if heard.name == "start":
            assert mmhg <= safety.FIRST_EXPRESSION_VACUUM_MMHG, heard
            raised_at_seconds = heard.seconds
        elif mmhg > now_mmhg:
            assert mmhg <= now_mmhg + safety.RAISE_STEP_MMHG, heard
            assert heard.seconds >= raised_at_seconds + safety.RAISE_EVERY_SECONDS - _A_HAIR_SECONDS, heard
            raised_at_seconds = heard.seconds
        now_mmhg = mmhg


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
