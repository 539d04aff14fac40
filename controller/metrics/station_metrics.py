"""What the stream reports about one station, as metrics."""

from __future__ import annotations

from collections import Counter

from controller.contract.event_data import SessionFinishedData, TripData
from controller.contract.events import DeviceView, Event, EventType, Snapshot
from controller.contract.impersonal import impersonal_reason
from controller.metrics.metric_families import MetricFamilies
from controller.safety.limits import TripKind
from devices.roles import ButtonReading, LinkState, MassagerReading, PumpReading, Reading, ScaleReading, WarmerReading
from devices.sensor_roles import ThermometerReading

_ROLES: dict[type[Reading], str] = {
    PumpReading: "pump",
    WarmerReading: "warmer",
    MassagerReading: "massager",
    ScaleReading: "scale",
    ButtonReading: "button",
    ThermometerReading: "thermometer",
}


class StationMetrics:
    """Counts what happens at a station. `forget` removes what is true only while this controller serves it."""

    def __init__(self, families: MetricFamilies, station: str) -> None:
        self._families = families
        self._station = station
        self._snapshot: Snapshot | None = None
        self._connected: dict[str, tuple[str, bool]] = {}  # role, and whether it is connected
        # A counter that begins at 1 has no increase that Prometheus could see: all begin at 0.
        families.started.labels(station)
        families.uncertain_stops.labels(station)
        for kind in TripKind:
            families.trips.labels(station, kind.value)

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Take the current state."""
        families, before = self._families, self._snapshot
        if before is None or before.state != snapshot.state:
            if before is not None:
                families.stations.labels(before.state.value).dec()
            families.stations.labels(snapshot.state.value).inc()
        self._snapshot = snapshot
        families.running.labels(self._station).set(snapshot.running)
        families.problem.labels(self._station).set(snapshot.problem)
        families.uncertain.labels(self._station).set(len(snapshot.uncertain))
        families.outside.labels(self._station).set(len(snapshot.running_outside))

    def on_device(self, view: DeviceView) -> None:
        """Take the state of a device: a connection that is gone, and was not closed, is lost."""
        role = _ROLES[type(view.reading)]
        lost = self._families.link_losses.labels(self._station, role)
        before = self._connected.get(view.device)
        if before == (role, view.connected):
            return
        self._connected[view.device] = (role, view.connected)
        if before is not None and before[1] and view.link is not LinkState.CLOSED:
            lost.inc()
        there = Counter(each for each, _ in self._connected.values())
        connected = Counter(each for each, is_connected in self._connected.values() if is_connected)
        for each, count in there.items():
            self._families.devices.labels(self._station, each).set(count)
            self._families.connected.labels(self._station, each).set(connected[each])

    def on_event(self, event: Event) -> None:
        """Count an event."""
        families, station = self._families, self._station
        match event.data:
            case SessionFinishedData(outcome=outcome, reason=reason):
                families.finished.labels(station, outcome.value, impersonal_reason(reason)).inc()
            case TripData(kind=kind):
                families.trips.labels(station, kind.value).inc()
            case _ if event.type is EventType.SESSION_STARTED:
                families.started.labels(station).inc()
            case _ if event.type is EventType.UNCERTAIN:
                families.uncertain_stops.labels(station).inc()

    def forget(self) -> None:
        """Remove the gauges of a station that this controller no longer serves. Its counters stay."""
        families, station = self._families, self._station
        if self._snapshot is not None:
            families.stations.labels(self._snapshot.state.value).dec()
            for gauge in (families.running, families.problem, families.uncertain, families.outside):
                gauge.remove(station)
        for role in {role for role, _ in self._connected.values()}:
            families.devices.remove(station, role)
            families.connected.remove(station, role)
        self._snapshot = None
        self._connected.clear()
