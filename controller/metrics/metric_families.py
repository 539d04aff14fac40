"""Every metric there is: its name, what it counts, and its labels. Stations are the only label that grows.

No label holds an address, and no metric anything of a health record: see `controller/contract/impersonal.py`.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From a stop that leaves at once to one that a device never confirms (2 s, see docs/safety.md).
_STOP_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
_HANDLING_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


class MetricFamilies:
    """The metrics, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        station = ("station",)
        device = ("station", "role")
        self.build = Gauge("letdown_build_info", "Always 1.", ("version", "node"), registry=registry)
        self.stations = Gauge(
            "letdown_stations",
            "Stations of this controller, by the state of their session.",
            ("state",),
            registry=registry,
        )
        self.problem = Gauge(
            "letdown_station_problem",
            "1 while a person must take care of something before anything can start.",
            station,
            registry=registry,
        )
        self.running = Gauge("letdown_session_running", "1 while a session is under way.", station, registry=registry)
        self.started = Counter("letdown_sessions_started", "Sessions that started.", station, registry=registry)
        self.finished = Counter(
            "letdown_sessions_finished",
            "Sessions that ended, by outcome and reason; what a person did or felt is `person`.",
            ("station", "outcome", "reason"),
            registry=registry,
        )
        self.trips = Counter(
            "letdown_trips", "Hard stops by the guard, by what was wrong.", ("station", "kind"), registry=registry
        )
        self.uncertain_stops = Counter(
            "letdown_uncertain_stops", "Stops that a device did not confirm.", station, registry=registry
        )
        self.uncertain = Gauge(
            "letdown_devices_uncertain",
            "Devices that were on and have not confirmed that they stopped.",
            station,
            registry=registry,
        )
        self.outside = Gauge(
            "letdown_devices_running_outside",
            "Devices that run and were not started by the controller.",
            station,
            registry=registry,
        )
        self.devices = Gauge("letdown_devices", "Devices of a station.", device, registry=registry)
        self.connected = Gauge(
            "letdown_devices_connected",
            "Devices that are connected, or received where they only advertise.",
            device,
            registry=registry,
        )
        self.link_losses = Counter("letdown_link_losses", "Connections that were lost.", device, registry=registry)
        self.scanner = Gauge("letdown_bluetooth_working", "1 while Bluetooth works, 0 if not.", registry=registry)
        self.commands = Counter(
            "letdown_commands",
            "Commands over MQTT and HTTP; pain counts as a stop.",
            ("action", "outcome"),
            registry=registry,
        )
        self.handling = Histogram(
            "letdown_command_handling_seconds",
            "From a command to its reply, without stops.",
            buckets=_HANDLING_SECONDS,
            registry=registry,
        )
        self.stop = Histogram(
            "letdown_stop_confirmation_seconds",
            "From a stop command until every device confirmed that it is off.",
            buckets=_STOP_SECONDS,
            registry=registry,
        )
        self.queue = Gauge("letdown_queue_length", "What waits in a queue.", ("queue",), registry=registry)
        self.lag = Histogram(
            "letdown_event_loop_lag_seconds",
            "How late the event loop wakes a task.",
            buckets=_LAG_SECONDS,
            registry=registry,
        )
        self.owned = Gauge(
            "letdown_station_owned", "1 while this controller owns the station.", station, registry=registry
        )
        self.epoch = Gauge(
            "letdown_station_epoch",
            "The epoch of this controller's ownership of the station.",
            station,
            registry=registry,
        )
        self.ownership_changes = Counter(
            "letdown_ownership_changes",
            "Stations that this controller took over, or released.",
            ("station", "change"),
            registry=registry,
        )
