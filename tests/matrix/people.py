"""Faults of users, of their phones and clocks, and of the person who runs the controller."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from unittest import mock

from controller.contract.events import EndReason, EventType, SessionState
from controller.safety.persistence import InMemoryPersistence
from tests.helpers.home import PUMPS
from tests.matrix.cell import AT_ONCE_SECONDS, LONG_AGO, Cell
from tests.matrix.fault import End, Fault, GoesOn, stopped
from tests.matrix.moments import ALL_MOMENTS, while_on

_HOUR_SECONDS = 3600.0
_STORM = 30
_STORM_SECONDS = 6.0


async def _stop(cell: Cell) -> None:
    cell.send("stop")


async def _pain(cell: Cell) -> None:
    cell.send("pain")


async def _pause_for_an_hour(cell: Cell) -> None:
    cell.send("pause")
    await cell.house.elapse(1)
    with (  # nothing is on, so nothing needs to be fresh
        mock.patch("devices.virtual.virtual_home._IDLE_TICK_SECONDS", 300.0),
        mock.patch("controller.service.device_publisher.VIEW_EVERY_SECONDS", 300.0),
    ):
        await cell.house.elapse(_HOUR_SECONDS)


async def _start_again(cell: Cell) -> None:
    cell.send("start", "refused", routine="milk", no_symptoms=True)


async def _start_unknown(cell: Cell) -> None:
    cell.send("start", "refused", routine="no such thing", no_symptoms=True)


async def _start_retained(cell: Cell) -> None:
    cell.send("start", "refused", retained=True, routine="milk", no_symptoms=True)


async def _start_expired(cell: Cell) -> None:
    cell.send("start", "refused", expires=LONG_AGO, routine="milk", no_symptoms=True)


async def _start_repeated(cell: Cell) -> None:
    cell.send("start", "refused", id="test-1", routine="everything", no_symptoms=True)


async def _skip_storm(cell: Cell) -> None:
    for _ in range(_STORM):
        await cell.house.send("skip")
        await cell.house.elapse(_STORM_SECONDS / _STORM)


async def _tap_vacuum_up(cell: Cell) -> None:
    await cell.house.elapse(1)
    cell.send("vacuum_down", "accepted" if _pump_runs(cell) else "refused")  # from now on, no routine raises it
    await cell.house.elapse(10)
    for tap in range(10):
        cell.send("vacuum_up", ("accepted" if tap == 0 else "limited") if _pump_runs(cell) else "refused")
        await cell.house.elapse(0.1)


async def _set_vacuum_far_above(cell: Cell) -> None:
    for _ in range(3):
        cell.send("set_vacuum", "limited" if _pump_runs(cell) else "refused", mmhg=250)
        await cell.house.elapse(5)


def _pump_runs(cell: Cell) -> bool:
    """Return whether a pump runs, so that its vacuum can be changed."""
    return "left-pump" in cell.house.on


async def _symptom(cell: Cell) -> None:
    cell.send("answer", question="lump", value=True)


async def _tap_let_down(cell: Cell) -> None:
    for _ in range(10):
        cell.send("let_down")
        await cell.house.elapse(0.05)
    taps = cell.house.recorded.events(EventType.LET_DOWN)
    cell.expect(len(taps) == 1, f"the let-down was published {len(taps)} times")


async def _shut_down(cell: Cell) -> None:
    cell.house.running.cancel()


async def _wind_down(cell: Cell) -> None:
    cell.house.service.wind_down()
    cell.send("start", "refused", routine="milk", no_symptoms=True)


def _wall_at(cell: Cell, at: datetime, zone: str = "UTC") -> None:
    """Let the wall clock show a time, and go on from there with simulated time, in a house in a time zone."""
    now_seconds, clock = cell.house.clock.now(), cell.house.clock

    class Wall(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            shows = at + timedelta(seconds=clock.now() - now_seconds)
            return datetime.fromtimestamp(shows.timestamp(), tz)

    cell.stack.enter_context(mock.patch.dict("os.environ", TZ=zone))
    cell.stack.callback(time.tzset)
    time.tzset()
    for module in ("contract.events", "session.session", "service.body", "contract.commands"):
        cell.stack.enter_context(mock.patch(f"controller.{module}.datetime", Wall))


async def _wall_forward(cell: Cell) -> None:
    _wall_at(cell, datetime.now(UTC) + timedelta(hours=5))


async def _wall_back(cell: Cell) -> None:
    _wall_at(cell, datetime.now(UTC) - timedelta(hours=5))


async def _lose_store(cell: Cell) -> None:
    """Let nothing be kept any more: what runs goes on, and nothing else starts."""
    persistence = cell.house.station.body.persistence
    assert isinstance(persistence, InMemoryPersistence)
    persistence.problem = "the disk is full"
    await cell.house.elapse(2)
    cell.expect(
        cell.house.recorded.snapshot.problem_details == ("the disk is full",), "the full disk is not in the snapshot"
    )


async def _summer_begins(cell: Cell) -> None:
    _wall_at(cell, datetime(2026, 3, 29, 0, 59, 55, tzinfo=UTC), "Europe/Berlin")


async def _summer_ends(cell: Cell) -> None:
    _wall_at(cell, datetime(2026, 10, 25, 0, 59, 55, tzinfo=UTC), "Europe/Berlin")


PEOPLE: tuple[Fault, ...] = (
    Fault("stop", "`stop` is pressed", _stop, ALL_MOMENTS, stopped("stop", "stopped", AT_ONCE_SECONDS)),
    Fault("pain", "`pain` is pressed", _pain, ALL_MOMENTS, stopped("pain", "pain", AT_ONCE_SECONDS, EventType.PAIN)),
    Fault(
        "pause for an hour",
        "`pause` is pressed, and nobody comes back",
        _pause_for_an_hour,
        ALL_MOMENTS,
        stopped("it was paused for an hour", "ended", AT_ONCE_SECONDS),
    ),
    Fault("start again", "`start` comes while the session runs", _start_again),
    Fault("start unknown", "`start` comes for an unknown routine", _start_unknown),
    Fault("start retained", "`start` comes as a retained message", _start_retained),
    Fault("start expired", "`start` comes years after it expired", _start_expired),
    Fault("start repeated", "the `start` that began the session is delivered once more", _start_repeated),
    Fault(
        "skip storm",
        "`skip` is pressed 30 times within 6 s; no question can be skipped",
        _skip_storm,
        ALL_MOMENTS,
        End(SessionState.COMPLETED, _STORM_SECONDS + 1, "completed", "the routine is done"),
        {"check": GoesOn(), "paused": GoesOn()},
    ),
    Fault("quick taps", "`vacuum_up` is tapped ten times in a second, when one step is due", _tap_vacuum_up),
    Fault("far above", "`set_vacuum` asks for 250 mmHg, three times in 15 s", _set_vacuum_far_above),
    Fault(
        "symptom",
        "a question of the check is answered with yes",
        _symptom,
        ALL_MOMENTS,
        stopped(EndReason.SYMPTOM, "symptom", AT_ONCE_SECONDS),
        {"check": GoesOn()},
    ),
    Fault("let-down taps", "`let_down` is tapped ten times in half a second", _tap_let_down),
    Fault("clock forward", "the wall clock jumps forward by five hours", _wall_forward),
    Fault("clock back", "the wall clock jumps back by five hours", _wall_back),
    Fault(
        "store full",
        "the store can no longer be written: what is on goes on, and nothing else starts",
        _lose_store,
        while_on() | {"between"},
        GoesOn(),
        {"between": GoesOn(stops=PUMPS)},
    ),
    Fault("summer time", "five seconds later, an hour is left out: summer time begins", _summer_begins),
    Fault("winter time", "five seconds later, an hour comes a second time: summer time ends", _summer_ends),
    Fault(
        "shut down",
        "the service is asked to end, as by SIGTERM",
        _shut_down,
        ALL_MOMENTS,
        stopped(EndReason.SHUT_DOWN, "shut_down", AT_ONCE_SECONDS),
    ),
    Fault("new settings", "new settings are waiting: the service ends after this session", _wind_down),
)
