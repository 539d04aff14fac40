"""Publishes what devices report: a view of each when its state changes or once a second, telemetry as it comes in."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import partial

from controller.contract.cautions import cautions_for
from controller.contract.events import TELEMETRY, DeviceView, Telemetry
from controller.contract.stream import Stream
from controller.safety.limits import STALE_SECONDS
from devices.driver.state_cache import MEASURED
from devices.roles import Button, Capability, LinkState, Role, Scale
from devices.sensor_roles import Thermometer
from devices.support.clock import Clock

VIEW_EVERY_SECONDS = 1.0
REPORTED_EVERY_SECONDS = 10.0  # while only the time of the last report changes
_Shown = Role | Scale | Button | Thermometer
_FAST = tuple(name for names in TELEMETRY.values() for name in names)


class DevicePublisher:
    """Publishes the devices of one station to the stream while `run` runs, and telemetry from its creation on.

    `elsewhere`: the names of those that Bluetooth does not reach.
    """

    def __init__(
        self,
        station: str,
        roles: Sequence[_Shown],
        clock: Clock,
        stream: Stream,
        elsewhere: Collection[str] = (),
    ) -> None:
        self._station = station
        self._elsewhere = frozenset(elsewhere)
        self._roles = tuple(roles)
        self._clock = clock
        self._stream = stream
        self._views: dict[str, DeviceView] = {}
        self._states: dict[str, tuple[object, ...]] = {}
        self._viewed_at_seconds: dict[str, float] = {}
        self._fresh_until_seconds: dict[str, float] = {}
        self._reported_at: dict[str, datetime] = {}
        self._reported_at_seconds: dict[str, float] = {}
        self._ended = False
        for role in self._roles:
            role.on_change(partial(self._on_change, role))

    @property
    def any_available(self) -> bool:
        """Whether any Bluetooth device is connected and reports fresh values; what only advertises never is."""
        return any(
            view.available and view.link is LinkState.CONNECTED
            for name, view in self._views.items()
            if name not in self._elsewhere
        )

    @property
    def all_connected(self) -> bool:
        """Whether every Bluetooth device is connected, so that no advertisement of any is waited for."""
        return all(role.link_state is LinkState.CONNECTED for role in self._roles if role.name not in self._elsewhere)

    async def run(self) -> None:
        """Publish every second how fresh the devices' values are, until cancelled; then that there are none."""
        try:
            while True:
                for role in self._roles:
                    self._publish_view(role, at_once=False)
                await self._clock.sleep(VIEW_EVERY_SECONDS)
        finally:
            self._publish_end()

    def _publish_end(self) -> None:
        """Publish that no device is available, and no value: what is retained outlives the controller."""
        self._ended = True
        for name, view in self._views.items():
            empty = type(view.reading)()
            closed = {"available": False, "link": LinkState.CLOSED, "rssi_dbm": None, "reading": empty}
            self._views[name] = view.model_copy(update=closed)
            self._stream.publish(self._views[name])

    def _on_change(self, role: _Shown) -> None:
        if self._ended:
            return
        self._note_report(role)
        self._publish_view(role, at_once=True)
        reading = vars(role.reading)  # to ask a model for a field that it does not have takes ten times as long
        values = {
            name: value for name in _FAST if (value := reading.get(name)) is not None and not self._is_stale(role, name)
        }
        if values:
            self._stream.publish(Telemetry(station=self._station, device=role.name, values=values))

    def _is_stale(self, role: _Shown, name: str) -> bool:
        """Return whether a device measured a value too long ago, and has reported only others since."""
        if name not in MEASURED:
            return False
        at_seconds = role.updated_at_seconds(name)
        return at_seconds is not None and self._clock.now() - at_seconds >= STALE_SECONDS

    def _publish_view(self, role: _Shown, *, at_once: bool) -> None:
        """Publish a device's view: at once if its state has changed, else at most once a second."""
        silent = Capability.REPORTS_REGULARLY not in role.capabilities
        now_seconds = self._clock.now()
        fresh = self._is_fresh(role, now_seconds)
        available = role.connected and (silent or fresh)
        reading = role.reading
        state = (available, role.link_state, role.link_problem, reading.run_state, reading.fault)
        due = now_seconds - self._viewed_at_seconds.get(role.name, -VIEW_EVERY_SECONDS) >= VIEW_EVERY_SECONDS
        if at_once and not due and state == self._states.get(role.name):
            return  # only measured values changed; they are shown once a second
        view = DeviceView(
            station=self._station,
            device=role.name,
            profile=role.model_id,
            confidence=role.confidence,
            side=role.side,
            link=role.link_state,
            available=available,
            link_problem=role.link_problem,
            rssi_dbm=role.rssi_dbm,
            reported_at=self._reported_at.get(role.name),
            cautions=cautions_for(role),
            reading=reading if available else type(reading)(),
        )
        if not _differs(view, self._views.get(role.name)):
            return
        self._states[role.name] = state
        self._views[role.name] = view
        self._viewed_at_seconds[role.name] = now_seconds
        self._stream.publish(view)

    def _note_report(self, role: _Shown) -> None:
        """Note when the device last reported a value: the newest of all, by the clock."""
        newest = known = self._reported_at_seconds.get(role.name, -math.inf)
        for name in type(role.reading).model_fields:
            at_seconds = role.updated_at_seconds(name)
            if at_seconds is not None and at_seconds > newest:
                newest = at_seconds
        if newest > known:
            self._reported_at_seconds[role.name] = newest
            self._reported_at[role.name] = datetime.now(UTC)

    def _is_fresh(self, role: _Shown, now_seconds: float) -> bool:
        """Return whether all that must be fresh is.

        What a device measured is dropped when it stops: started again at once, it has a moment until it measures again.
        """
        if not role.connected:
            self._fresh_until_seconds.pop(role.name, None)
        elif role.age_seconds is not None:
            self._fresh_until_seconds[role.name] = now_seconds - role.age_seconds + STALE_SECONDS
        return now_seconds < self._fresh_until_seconds.get(role.name, now_seconds)


def _differs(view: DeviceView, before: DeviceView | None) -> bool:
    """Return whether a view has more than the one before it, or a time that is much later."""
    if before is None or view.model_copy(update={"reported_at": before.reported_at}) != before:
        return True
    if view.reported_at is None or before.reported_at is None:
        return view.reported_at != before.reported_at
    return (view.reported_at - before.reported_at).total_seconds() >= REPORTED_EVERY_SECONDS
