"""The MQTT topics of a controller, its stations and their devices: names only."""

from __future__ import annotations

from typing import Literal

_CONTROLLER = "controller"  # in place of a station's name, for the topics of the controller itself
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
        raise ValueError(f"a station cannot be called {_CONTROLLER!r}: that name is for the controller's own topics")
    return check_name(name, "a station's name")


def check_base(base: str) -> str:
    """Return `base` if it can be the base topic; it may have several levels. Raise `ValueError` if not."""
    for level in base.split("/"):
        check_name(level, "each level of the base topic")
    return base


class Topics:
    """All topics of one controller. Every method raises `ValueError` for a name that no topic can contain."""

    def __init__(self, base: str = "letdown", node: str = "local") -> None:
        self.base = check_base(base)
        self.node = check_name(node, "the node's name")

    def status(self) -> str:
        """Whether this controller is connected to the broker: `online` or `offline`."""
        return f"{self.base}/{_CONTROLLER}/{self.node}/status"

    def instance(self) -> str:
        """The process of this controller, so that no second one serves its stations; empty after a clean exit."""
        return f"{self.base}/{_CONTROLLER}/{self.node}/instance"

    def ping(self, node: str | None = None) -> str:
        """Asks a controller for a `pong`. The payload is anything but its own instance id."""
        return f"{self.base}/{_CONTROLLER}/{check_name(node or self.node, 'the node')}/ping"

    def pong(self) -> str:
        """This controller's answer to a ping: its instance."""
        return f"{self.base}/{_CONTROLLER}/{self.node}/pong"

    def of_all_controllers(self, leaf: Literal["status", "instance", "pong"]) -> str:
        """One of the topics above, but of all controllers, as a filter to subscribe to."""
        return f"{self.base}/{_CONTROLLER}/+/{leaf}"

    def radio(self) -> str:
        """Whether Bluetooth works here: `online` while advertisements or readings arrive, else `offline`."""
        return f"{self.base}/{_CONTROLLER}/{self.node}/radio"

    def about(self) -> str:
        """What this controller is and can do: stations, devices, routines, questions, versions."""
        return f"{self.base}/{_CONTROLLER}/{self.node}/about"

    def announced(self) -> str:
        """The discovery topics that this controller has published, so that it can remove obsolete ones."""
        return f"{self.base}/{_CONTROLLER}/{self.node}/announced"

    def state(self, station: str) -> str:
        """The state of the station and its session."""
        return self._of(station, "state")

    def guide(self, station: str) -> str:
        """What the person should do now."""
        return self._of(station, "guide")

    def picture(self, station: str) -> str:
        """The drawing of what to do now, as SVG."""
        return self._of(station, "picture")

    def start_defaults(self, station: str) -> str:
        """Routine and side of a start that names none, and the comfort cap."""
        return self._of(station, "start_defaults")

    def recent_sessions(self, station: str) -> str:
        """The latest sessions of the station; only with `mqtt.publish_recent_sessions`."""
        return self._of(station, "recent_sessions")

    def history(self, station: str) -> str:
        """The latest session, the last 24 hours and today, in a few figures; not with `mqtt.publish: minimal`."""
        return self._of(station, "history")

    def learned_comfort(self, station: str) -> str:
        """What is learned of the person's comfort: where suction begins; not with `mqtt.publish: minimal`."""
        return self._of(station, "comfort")

    def reminders(self, station: str) -> str:
        """What is due: the next session, cleaning the parts, charging a pump; only with `reminders` in the settings."""
        return self._of(station, "reminders")

    def uploads(self, station: str) -> str:
        """What still has to be sent to Baby Buddy; only with `baby_buddy` in the settings."""
        return self._of(station, "uploads")

    def event(self, station: str) -> str:
        """What happened, one message for each event."""
        return self._of(station, "event")

    def command(self, station: str) -> str:
        """Commands to the station."""
        return self._of(station, "command")

    def reply(self, station: str) -> str:
        """The results of commands."""
        return self._of(station, "reply")

    def is_below_replies(self, station: str, topic: str) -> bool:
        """Return whether a topic is below the station's replies, such as `letdown/home/reply/my-app`."""
        start = f"{self.reply(station)}/"
        return topic.startswith(start) and len(topic) > len(start) and _WILDCARDS.isdisjoint(topic)

    def set(self, station: str, feature: str) -> str:
        """Sets one feature of the station, with a plain payload."""
        return self._of(station, f"{check_name(feature, 'a feature')}/set")

    def set_filters(self, station: str) -> tuple[str, str]:
        """The `set` topics of the station's features and of its devices', as filters to subscribe to."""
        return self._of(station, "+/set"), self._of(station, "device/+/+/set")

    def feature_in(self, station: str, topic: str) -> str | None:
        """Return what a `set` topic of the station sets, such as `vacuum` or `device/pad/warmth`; else `None`."""
        start, end = f"{self.base}/{check_station(station)}/", "/set"
        inside = topic.startswith(start) and topic.endswith(end) and len(topic) > len(start) + len(end)
        return topic[len(start) : -len(end)] if inside else None

    def device_set(self, station: str, device: str, feature: str) -> str:
        """Sets one feature of a device, with a plain payload."""
        return self._of_device(station, device, f"{check_name(feature, 'a feature')}/set")

    def device_state(self, station: str, device: str) -> str:
        """The state of a device."""
        return self._of_device(station, device, "state")

    def device_availability(self, station: str, device: str) -> str:
        """Whether a device is connected and reports fresh values: `online` or `offline`."""
        return self._of_device(station, device, "availability")

    def device_telemetry(self, station: str, device: str) -> str:
        """The fast-changing values of a device, up to 10 times a second."""
        return self._of_device(station, device, "telemetry")

    def _of(self, station: str, leaf: str) -> str:
        return f"{self.base}/{check_station(station)}/{leaf}"

    def _of_device(self, station: str, device: str, leaf: str) -> str:
        check_name(device, "a device's name")
        return f"{self.base}/{check_station(station)}/device/{device}/{leaf}"
