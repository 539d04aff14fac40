"""The last values that a device reported, how old each is, and who listens for changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from devices.driver.vocabulary import Value
from devices.roles import RunState
from devices.support.clock import Clock

ViewT = TypeVar("ViewT")

_AFTER_STOP_SECONDS = 2.0  # what comes sooner after it stopped may still be from its last cycle

_OFF = (RunState.STOPPED, RunState.PAUSED, RunState.FAULT)
_LIMIT = "limit_"  # values of this prefix describe the device itself; they outlive a lost link
# What a device measures of what it does. Many measure only while they run: their last value is not true any more once
# they report that they stopped.
MEASURED = frozenset(
    {"vacuum_mmhg", "peak_vacuum_mmhg", "residual_vacuum_mmhg", "flow_ml_per_s", "surface_celsius", "power_w"}
)


class StateCache:
    """Values by name, as the device reported them on this connection; only its limits are kept beyond it.

    What it measured while it ran is dropped when it reports that it does not run any more, until it is reported again:
    a value that goes on coming is true, the last one before the stop is not.
    """

    def __init__(self, clock: Clock) -> None:
        self.values: dict[str, Value] = {}
        self.messages = 0
        self._clock = clock
        self._at_seconds: dict[str, float] = {}
        self._in_message: dict[str, int] = {}
        self._off_since_seconds = 0.0
        self._reported_at_rest: set[str] = set()
        self._callbacks: list[Callable[[], None]] = []
        self._views: dict[object, object] = {}

    def update(self, values: Mapping[str, Value]) -> None:
        """Take in the values of a message, and notify the listeners."""
        self.messages += 1
        now_seconds = self._clock.now()
        if is_off(values) and values["run_state"] != self.values.get("run_state"):
            for name in MEASURED:
                self._drop(name)
            self._off_since_seconds = now_seconds
        for name, value in values.items():
            self.values[name] = value
            self._at_seconds[name] = now_seconds
            self._in_message[name] = self.messages
        if is_off(self.values) and now_seconds - self._off_since_seconds >= _AFTER_STOP_SECONDS:
            self._reported_at_rest |= {name for name, value in values.items() if value is not None}
        self.notify()

    def mark_unknown(self, names: Iterable[str]) -> None:
        """Make values unknown, because what the device reported of them makes no sense. They go on ageing."""
        self.messages += 1
        for name in names:
            self.values[name] = None
            self._in_message[name] = self.messages
        self.notify()

    def reports_at_rest(self, name: str) -> bool:
        """Return whether a value ever came long after a stop: then its silence does not mean that the device is off."""
        return name in self._reported_at_rest

    def off_for(self, seconds: float) -> bool:
        """Return whether the device has reported for so long that it does not run."""
        return is_off(self.values) and self._clock.now() - self._off_since_seconds >= seconds

    def clear(self) -> None:
        """Drop everything but the limits: the link is lost."""
        self.values = {name: value for name, value in self.values.items() if name.startswith(_LIMIT)}
        self._at_seconds.clear()
        self._in_message.clear()

    def _drop(self, name: str) -> None:
        self.values.pop(name, None)
        self._at_seconds.pop(name, None)
        self._in_message.pop(name, None)

    def updated_at_seconds(self, name: str) -> float | None:
        """Return when a value was last reported, by the clock; `None` where it is not known."""
        return self._at_seconds.get(name)

    def updated_after(self, name: str, message: int) -> bool:
        """Return whether a value came in a message after that number of messages."""
        return self._in_message.get(name, 0) > message

    def age_seconds(self, names: Iterable[str]) -> float | None:
        """Return how old the oldest of these values is; `None` if one has not come on this connection."""
        try:
            oldest_seconds = min(self._at_seconds[name] for name in names)
        except (KeyError, ValueError):  # one is unknown, or there are no names
            return None
        return self._clock.now() - oldest_seconds

    def silent_for(self, seconds: float, names: Iterable[str]) -> frozenset[str]:
        """Return which of these values came on this connection, but not for so long."""
        now_seconds = self._clock.now()
        return frozenset(name for name in names if now_seconds - self._at_seconds.get(name, math.inf) >= seconds)

    def view(self, key: object, make: Callable[[Mapping[str, Value]], ViewT]) -> ViewT:
        """Return what `make` makes of the values; made anew only after something changed."""
        found = self._views.get(key)
        if found is None:
            found = self._views[key] = make(self.values)
        return found  # type: ignore[return-value]  # it was put there under this key

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` on every change; the result unsubscribes."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def notify(self) -> None:
        """Call the listeners."""
        self._views.clear()
        for callback in tuple(self._callbacks):
            callback()


def is_off(values: Mapping[str, Value]) -> bool:
    """Return whether the device itself reports that it does not run: it stopped, paused, or has a fault."""
    return values.get("run_state") in _OFF
