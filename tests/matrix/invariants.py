"""What must hold in every cell, whatever the fault. The docstrings are published in the document."""

from __future__ import annotations

from collections.abc import Callable

from controller.contract.events import Event, EventType, Snapshot
from controller.contract.words import Words
from controller.safety.limits import (
    AUTOMATIC_VACUUM_MMHG,
    EXPRESSION_VACUUM_MMHG,
    FIRST_EXPRESSION_VACUUM_MMHG,
    HEAT_CELSIUS,
    LEASE_SECONDS,
    RAISE_EVERY_SECONDS,
    RAISE_STEP_MMHG,
    STIMULATION_VACUUM_MMHG,
    VIBRATION_INTENSITY,
)
from devices.driver.vocabulary import Value
from devices.roles import Phase
from tests.matrix import fault_injection
from tests.matrix.cell import Cell
from tests.matrix.fault import GoesOn, Uncertainty

_EVENTS: dict[Uncertainty, tuple[EventType, ...]] = {
    Uncertainty.NONE: (),
    Uncertainty.UNTIL_CONFIRMED: (EventType.UNCERTAIN, EventType.STOP_CONFIRMED),
    Uncertainty.UNTIL_ACKNOWLEDGED: (EventType.UNCERTAIN,),
    Uncertainty.UNTIL_OFF: (EventType.UNCERTAIN,),
}
_LAST_MESSAGE = {
    Uncertainty.UNTIL_CONFIRMED: "settled",
    Uncertainty.UNTIL_ACKNOWLEDGED: "uncertain",
    Uncertainty.UNTIL_OFF: "uncertain",
}
_TOLERANCE_SECONDS = 0.05  # between a decision and its arrival at the device
_AFTERWARDS = (  # what may come when a session has ended
    EventType.UNCERTAIN,
    EventType.STOP_CONFIRMED,
    EventType.PAIN,
    EventType.ENFORCED,
    EventType.RUNS_OUTSIDE,
)


def outcome_is_as_expected(cell: Cell) -> None:
    """The session ends by the fault, or goes on in spite of it with exactly its own devices on, as the table says; and
    each command gets the expected reply."""
    assert cell.problems == []
    replies = [(sent.action, sent.sending.done() and sent.sending.result().outcome) for sent in cell.sent]
    assert replies == [(sent.action, sent.outcome) for sent in cell.sent]


def limits_hold(cell: Cell) -> None:
    """No command exceeds what the owner and the hard limits allow, no start lacks a duration or a lease, and suction is
    raised by 20 mmHg in 10 s at most."""
    for received in cell.recorder.received:
        values = received.values
        if "vacuum_mmhg" in values:
            assert _number(values["vacuum_mmhg"]) <= _most_mmhg(cell, str(values["phase"])), received
        assert _number(values.get("celsius")) <= min(HEAT_CELSIUS, cell.fault.owner.heat_celsius), received
        assert _number(values.get("intensity")) <= VIBRATION_INTENSITY, received
        assert _number(values.get("lease_seconds")) <= LEASE_SECONDS, received
        if received.name in ("start", "set_target", "run"):
            assert _number(values["duration_seconds"]) > 0, received
            assert _number(values["lease_seconds"]) > 0, received
    for key in cell.house.home.twins:
        _assert_pace(cell, key)


def bodies_are_safe(cell: Cell) -> None:
    """In the bodies, no vacuum is above 270 mmHg and no surface at 43 °C or more; where the fault itself forces that,
    only until everything is off."""
    late = [at for at in cell.recorder.unsafe_at_seconds if at > cell.caused_at_seconds + cell.end.within_seconds]
    assert late == []
    early = [at for at in cell.recorder.unsafe_at_seconds if at < cell.injected_at_seconds]
    assert early == []
    if not cell.end.trips:
        assert cell.recorder.unsafe_at_seconds == []


def all_is_off_in_time(cell: Cell) -> None:
    """In the bodies, everything is off within the deadline of what ends the session, and stays off."""
    assert cell.off_seconds <= cell.end.within_seconds


def nothing_starts_again(cell: Cell) -> None:
    """In the two minutes after that nothing starts, while links come back and late commands arrive: a resume, a skip,
    retained, expired and repeated starts, and a new one while a trip or an uncertain stop is latched."""
    assert cell.recorder.starts_since(cell.caused_at_seconds + cell.end.within_seconds) == []
    assert [change for change in cell.recorder.changes if change.on and change.latched] == []


def record_is_complete(cell: Cell) -> None:
    """The session's first event is its start, each step that starts finishes, its last event is its one end with the
    true outcome, and the last snapshot is an end with a reason and no step."""
    recorded = cell.house.recorded
    events = [event for event in recorded.events() if event.type not in _AFTERWARDS]
    started, *between, finished = events
    assert started.type is EventType.SESSION_STARTED
    assert finished.type is EventType.SESSION_FINISHED
    assert finished.data.outcome == cell.end.state.value
    assert {EventType.SESSION_STARTED, EventType.SESSION_FINISHED}.isdisjoint(event.type for event in between)
    assert len({event.session_id for event in events}) == 1
    assert len({event.id for event in recorded.events()}) == len(recorded.events())
    steps = [event for event in between if event.type in (EventType.STEP_STARTED, EventType.STEP_FINISHED)]
    for at, event in enumerate(steps):
        assert event.type is (EventType.STEP_STARTED, EventType.STEP_FINISHED)[at % 2], steps
        assert event.data.index == at // 2
    assert len(steps) % 2 == 0
    snapshot = recorded.snapshot
    assert snapshot.state is cell.end.state
    assert snapshot.reason == finished.data.reason
    assert snapshot.reason_words == finished.data.reason_words
    assert _reason(cell) in (snapshot.reason, snapshot.reason_words)
    assert (snapshot.step, snapshot.step_index, snapshot.target_vacuum_mmhg) == (None, None, None)
    assert [step.outcome is not None for step in snapshot.steps] == [
        index < len(steps) // 2 for index in range(len(snapshot.steps))
    ]
    totals = [each.volume_ml.total or 0.0 for each in recorded.snapshots if each.session_id]
    assert totals == sorted(totals)


def user_is_told(cell: Cell) -> None:
    """The user learns why, in the guide and by an event, and nothing untrue; the last message is about the uncertain
    device, where there is one."""
    recorded, words, end = cell.house.recorded, cell.house.words, cell.end
    shown = [guide.words for guide in recorded.guides(since=cell.injected_at_seconds)]
    relevant = [each for each in shown if each != words.message("acknowledged")]  # that is done at the end of each cell
    trips = recorded.events(EventType.TRIP)
    message = words.message(end.message, device=_device(cell), words="{words}")
    if end.trips:
        (trip,) = trips
        assert trip.data.kind in end.trips
        assert trip.data.device == _device(cell)
        message = message.format(words=words.reasons[f"trip_{trip.data.kind}"])
    else:
        assert trips == []
    assert set(end.events) <= {event.type for event in recorded.events()}
    assert bool(recorded.events(EventType.PAIN)) is (EventType.PAIN in end.events)
    uncertain = _uncertain(cell)
    assert message in relevant or (uncertain and not end.trips)
    for device in uncertain:
        assert any(_says_uncertain(each, device, words) for each in relevant)
    if (
        isinstance(cell.outcome, GoesOn)
        or not uncertain
        or (end.trips and end.uncertainty is Uncertainty.UNTIL_CONFIRMED)
    ):
        assert relevant[-1] == message  # that a device is off now is not the last word on a trip
    elif _LAST_MESSAGE[end.uncertainty] == "uncertain":
        assert any(_says_uncertain(relevant[-1], device, words) for device in uncertain)
    else:
        assert relevant[-1] in {words.message(_LAST_MESSAGE[end.uncertainty], device=device) for device in uncertain}


def _says_uncertain(text: str, device: str, words: Words) -> bool:
    """Whether a message says that it is not known whether a device is off, alone or among others."""
    several = words.messages["uncertain_several"].partition("{")[0]
    return text == words.uncertain([device]) or (text.startswith(several) and device in text)


def uncertainty_is_shown(cell: Cell) -> None:
    """A device whose stop was not confirmed is published and shown as uncertain until it is confirmed or acknowledged,
    and no other; nothing goes on unnoticed when the session is over."""
    assert cell.recorder.unreported == set()
    uncertain: set[str] = set()
    recorded: dict[str, tuple[EventType, ...]] = {}
    for seconds, item in cell.house.recorded.items:
        if seconds >= cell.acknowledged_at_seconds:
            break
        if isinstance(item, Snapshot):
            assert set(item.uncertain) == uncertain
        elif isinstance(item, Event) and item.type in (EventType.UNCERTAIN, EventType.STOP_CONFIRMED):
            device = item.data.device
            (uncertain.add if item.type is EventType.UNCERTAIN else uncertain.remove)(device)
            recorded[device] = (*recorded.get(device, ()), item.type)
    assert recorded == dict.fromkeys(_uncertain(cell), _EVENTS[cell.outcome.uncertainty])


def nothing_is_left_behind(cell: Cell) -> None:
    """No task of the session goes on after it, none at all outlives the home, and no error or traceback is logged."""
    assert cell.leaked == []
    assert cell.logged == []


INVARIANTS: tuple[Callable[[Cell], None], ...] = (
    outcome_is_as_expected,
    all_is_off_in_time,
    bodies_are_safe,
    limits_hold,
    nothing_starts_again,
    uncertainty_is_shown,
    user_is_told,
    record_is_complete,
    nothing_is_left_behind,
)


def _device(cell: Cell) -> str:
    """Return the device that the end is about."""
    return cell.end.device or cell.moment.victim


def _uncertain(cell: Cell) -> set[str]:
    """Return the devices whose stop is not confirmed at once."""
    outcome = cell.outcome
    if outcome.uncertainty is Uncertainty.NONE:
        return set()
    if isinstance(outcome, GoesOn):
        return set(outcome.stops)
    return set(cell.moment.on) if outcome.uncertain == "all" else {_device(cell)}


def _reason(cell: Cell) -> str:
    """Return the reason that the record must contain: the key, or the words with the device."""
    if cell.end.reason is not None:
        device = cell.end.device or cell.moment.victim
        return cell.end.reason.format(device=device, start=fault_injection.start_of(device))
    if not cell.end.trips:
        enforced = cell.house.recorded.events(EventType.ENFORCED)
        words = next(event.data.words for event in reversed(enforced) if event.data.action == "stop")
        return f"{_device(cell)} was stopped: {words}"
    (trip,) = cell.house.recorded.events(EventType.TRIP)
    return f"{trip.data.device}: {trip.data.words}"


def _most_mmhg(cell: Cell, phase: str) -> float:
    owner = cell.fault.owner
    if phase == Phase.STIMULATION:
        return min(STIMULATION_VACUUM_MMHG, owner.stimulation_vacuum_mmhg)
    return min(EXPRESSION_VACUUM_MMHG, owner.comfort_vacuum_mmhg or AUTOMATIC_VACUUM_MMHG)


def _assert_pace(cell: Cell, device: str) -> None:
    now_mmhg = raised_at_seconds = 0.0
    for received in cell.recorder.received:
        if received.device != device or "vacuum_mmhg" not in received.values:
            continue
        mmhg = _number(received.values["vacuum_mmhg"])
        if received.name == "start":
            assert mmhg <= FIRST_EXPRESSION_VACUUM_MMHG, received
            raised_at_seconds = received.seconds
        elif mmhg > now_mmhg:
            assert mmhg <= now_mmhg + RAISE_STEP_MMHG, received
            assert received.seconds >= raised_at_seconds + RAISE_EVERY_SECONDS - _TOLERANCE_SECONDS, received
            raised_at_seconds = received.seconds
        now_mmhg = mmhg


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
