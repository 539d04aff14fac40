"""The topics under which a controller, its stations and their devices are found. Only names; nothing is sent here."""

from __future__ import annotations

_CONTROLLER = "controller"  # stands where a station's name stands, for what concerns the controller itself
_FORBIDDEN = frozenset("/+#\0")
_WILDCARDS = frozenset("+#\0")


def check_name(name: str, what: str = "a name") -> str:
    """Return `name` if it can be one level of a topic. Raise `ValueError` naming `what` if it cannot."""
    if not name or name.startswith("$") or not _FORBIDDEN.isdisjoint(name):
        raise ValueError(f"{what} must not be empty, begin with $, or contain / + #")
    return name


def check_station(name: str) -> str:
    """Return `name` if a station can have it. Raise `ValueError` if not."""
    if name == _CONTROLLER:
        raise ValueError(f"a station cannot be called {_CONTROLLER!r}: that is where the controller's own topics are")
    return check_name(name, "a station's name")


def check_base(base: str) -> str:
    """Return `base` if topics can begin with it; it may have several levels. Raise `ValueError` if not."""
    for level in base.split("/"):
        check_name(level, "each level of the base topic")
    return base


class Topics:
    """All topics of one controller. Every function raises `ValueError` on a name that fits in no topic."""

    def __init__(self, base: str = "letdown", node: str = "local") -> None:
        self.base = check_base(base)
        self.node = check_name(node, "the node's name")

    def status(self) -> str:
        """Whether this controller is there: `online` or `offline`."""
        return f"{self.base}/{_CONTROLLER}/{self.node}/status"

    def statuses(self) -> str:
        """Whether each controller is there, as a filter to subscribe to."""
        return f"{self.base}/{_CONTROLLER}/+/status"

    def instance(self) -> str:
        """Which process this controller is, so that no second one serves its stations; empty after a clean end."""
        return f"{self.base}/{_CONTROLLER}/{self.node}/instance"

    def instances(self) -> str:
        """The instances of all controllers, as a filter to subscribe to."""
        return f"{self.base}/{_CONTROLLER}/+/instance"

    def ping(self, node: str | None = None) -> str:
        """Asks a controller whether it is there. The payload is anything but its own instance id."""
        return f"{self.base}/{_CONTROLLER}/{check_name(node or self.node, 'the node')}/ping"

    def pong(self) -> str:
        """This controller's answer to a ping: its instance."""
        return f"{self.base}/{_CONTROLLER}/{self.node}/pong"

    def pongs(self) -> str:
        """The answers of all controllers, as a filter to subscribe to."""
        return f"{self.base}/{_CONTROLLER}/+/pong"

    def radio(self) -> str:
        """Whether this controller's Bluetooth hears anything: `online` or `offline`."""
        return f"{self.base}/{_CONTROLLER}/{self.node}/radio"

    def announced(self) -> str:
        """What this controller announced to Home Assistant, so that it can take back what is no more."""
        return f"{self.base}/{_CONTROLLER}/{self.node}/announced"

    def state(self, station: str) -> str:
        """All there is to know of the session."""
        return self._of(station, "state")

    def guide(self, station: str) -> str:
        """What the person is to do now."""
        return self._of(station, "guide")

    def choices(self, station: str) -> str:
        """What a start takes that names nothing, and the comfort cap."""
        return self._of(station, "choices")

    def event(self, station: str) -> str:
        """What happened."""
        return self._of(station, "event")

    def command(self, station: str) -> str:
        """What is asked of the station."""
        return self._of(station, "command")

    def reply(self, station: str) -> str:
        """What became of it."""
        return self._of(station, "reply")

    def is_below_replies(self, station: str, topic: str) -> bool:
        """Say whether a topic is one below the station's replies, such as `letdown/home/reply/my-app`."""
        start = f"{self.reply(station)}/"
        return topic.startswith(start) and len(topic) > len(start) and _WILDCARDS.isdisjoint(topic)

    def set(self, station: str, feature: str) -> str:
        """What one feature of the station is asked for, as a plain payload."""
        return self._of(station, f"{check_name(feature, 'a feature')}/set")

    def set_filters(self, station: str) -> tuple[str, str]:
        """All that can be asked of the station's features and of its devices', as filters to subscribe to."""
        return self._of(station, "+/set"), self._of(station, "device/+/+/set")

    def device_set(self, station: str, device: str, feature: str) -> str:
        """What one feature of a device is asked for, as a plain payload."""
        return self._of_device(station, device, f"{check_name(feature, 'a feature')}/set")

    def device_state(self, station: str, device: str) -> str:
        """All there is to know of a device."""
        return self._of_device(station, device, "state")

    def device_availability(self, station: str, device: str) -> str:
        """Whether a device is there: `online` or `offline`."""
        return self._of_device(station, device, "availability")

    def device_telemetry(self, station: str, device: str) -> str:
        """A device's fast-changing values."""
        return self._of_device(station, device, "telemetry")

    def _of(self, station: str, leaf: str) -> str:
        return f"{self.base}/{check_station(station)}/{leaf}"

    def _of_device(self, station: str, device: str, leaf: str) -> str:
        check_name(device, "a device's name")
        return f"{self.base}/{check_station(station)}/device/{device}/{leaf}"
