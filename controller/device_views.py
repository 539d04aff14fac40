"""Publishes what devices say: a view of each when something changed that matters, and fast values as they come in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from controller import safety
from controller.cautions import cautions_for
from controller.events import DeviceView, Stream, Telemetry
from devices.clock import Clock
from devices.profiles.roles import ProfileRole
from devices.roles import Capability

VIEW_EVERY_SECONDS = 1.0
_FAST = ("vacuum_mmhg", "peak_vacuum_mmhg", "flow_ml_per_s", "volume_ml", "surface_celsius", "intensity")


class DeviceViews:
    """The views of one station's devices."""

    def __init__(self, station: str, roles: Sequence[ProfileRole], clock: Clock, stream: Stream) -> None:
        self._station = station
        self._roles = tuple(roles)
        self._clock = clock
        self._stream = stream
        self._views: dict[str, DeviceView] = {}
        self._states: dict[str, tuple[object, ...]] = {}
        self._viewed_at_seconds: dict[str, float] = {}
        for role in self._roles:
            role.on_change(partial(self._on_change, role))

    @property
    def any_available(self) -> bool:
        """Whether any device is there, by what it says."""
        return any(view.available for view in self._views.values())

    async def run(self) -> None:
        """Show how fresh the devices' values are, every second, until cancelled."""
        while True:
            for role in self._roles:
                self._show(role, at_once=False)
            await self._clock.sleep(VIEW_EVERY_SECONDS)

    def _on_change(self, role: ProfileRole) -> None:
        self._show(role, at_once=True)
        reading = role.reading
        values = {name: value for name in _FAST if (value := getattr(reading, name, None)) is not None}
        if values:
            self._stream.publish(Telemetry(station=self._station, device=role.name, values=values))

    def _show(self, role: ProfileRole, *, at_once: bool) -> None:
        """Publish a device's view: at once when something changed that matters, else once a second."""
        silent = Capability.REPORTS_REGULARLY not in role.capabilities
        age_seconds = role.age_seconds
        fresh = age_seconds is not None and age_seconds < safety.STALE_SECONDS
        available = role.connected and (fresh or silent)
        state = (
            available,
            role.device.link.state,
            role.device.link.trouble,
            role.reading.run_state,
            role.reading.fault,
        )
        now_seconds = self._clock.now()
        due = now_seconds - self._viewed_at_seconds.get(role.name, -VIEW_EVERY_SECONDS) >= VIEW_EVERY_SECONDS
        if at_once and not due and state == self._states.get(role.name):
            return  # only measured values changed; they are shown once a second
        view = DeviceView(
            station=self._station,
            device=role.name,
            profile=role.device.profile.id,
            confidence=role.device.profile.confidence,
            side=role.side,
            link=role.device.link.state,
            available=available,
            trouble=role.device.link.trouble,
            cautions=cautions_for(role),
            reading=role.reading if available else type(role.reading)(),
        )
        if view == self._views.get(role.name):
            return
        self._states[role.name] = state
        self._views[role.name] = view
        self._viewed_at_seconds[role.name] = now_seconds
        self._stream.publish(view)
