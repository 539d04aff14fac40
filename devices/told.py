"""What a device told: its values by name, how old each is, and who wants to know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from devices.clock import Clock
from devices.roles import RunState

Value = bool | int | float | str | None
ViewT = TypeVar("ViewT")

_AFTER_STOP_SECONDS = 2.0  # what comes sooner after it stopped may still be from its last cycle

_LIMIT = "limit_"  # values of this prefix say what the device *is*; they outlive a lost link
# What a device measures of what it does. Many measure only while they run: what they said last is not true any more
# once they say that they stopped.
MEASURED = frozenset({"vacuum_mmhg", "peak_vacuum_mmhg", "residual_vacuum_mmhg", "flow_ml_per_s", "surface_celsius"})


class Told:
    """Values as the device said them. Nothing is in here that was not heard on this connection, but its limits.

    What it measured while it ran is forgotten when it says that it does not run any more, until it is told again: what
    a device goes on saying is true, what it said last is not.
    """

    def __init__(self, clock: Clock) -> None:
        self.values: dict[str, Value] = {}
        self.messages = 0
        self._clock = clock
        self._at_seconds: dict[str, float] = {}
        self._in_message: dict[str, int] = {}
        self._off_since_seconds = 0.0
        self._told_at_rest: set[str] = set()
        self._callbacks: list[Callable[[], None]] = []
        self._views: dict[object, object] = {}

    def hear(self, values: Mapping[str, Value]) -> None:
        """Note values that the device just said, and tell those who want to know."""
        self.messages += 1
        now_seconds = self._clock.now()
        if says_off(values) and values["run_state"] != self.values.get("run_state"):
            for name in MEASURED:
                self._forget(name)
            self._off_since_seconds = now_seconds
        for name, value in values.items():
            self.values[name] = value
            self._at_seconds[name] = now_seconds
            self._in_message[name] = self.messages
        if says_off(self.values) and now_seconds - self._off_since_seconds >= _AFTER_STOP_SECONDS:
            self._told_at_rest |= {name for name, value in values.items() if value is not None}
        self.changed()

    def doubt(self, names: Iterable[str]) -> None:
        """Take values for unknown, because what the device said of them makes no sense. They go on ageing."""
        self.messages += 1
        for name in names:
            self.values[name] = None
            self._in_message[name] = self.messages
        self.changed()

    def tells_at_rest(self, name: str) -> bool:
        """Say whether it has ever told a value long after it had stopped: then its silence does not mean that."""
        return name in self._told_at_rest

    def off_for(self, seconds: float) -> bool:
        """Say whether it has said for so long that it does not run."""
        return says_off(self.values) and self._clock.now() - self._off_since_seconds >= seconds

    def forget(self) -> None:
        """Forget what was true a moment ago: the link is gone."""
        self.values = {name: value for name, value in self.values.items() if name.startswith(_LIMIT)}
        self._at_seconds.clear()
        self._in_message.clear()

    def _forget(self, name: str) -> None:
        self.values.pop(name, None)
        self._at_seconds.pop(name, None)
        self._in_message.pop(name, None)

    def at_seconds(self, name: str) -> float | None:
        """Return when a value was told last, by the clock; `None` where it is not known."""
        return self._at_seconds.get(name)

    def since(self, name: str, message: int) -> bool:
        """Say whether a value was told after that many messages."""
        return self._in_message.get(name, 0) > message

    def age_seconds(self, names: Iterable[str]) -> float | None:
        """Return how old the oldest of these values is; `None` if one was never told since the device was connected."""
        told = [self._at_seconds.get(name) for name in names]
        known = [at_seconds for at_seconds in told if at_seconds is not None]
        return self._clock.now() - min(known) if known and len(known) == len(told) else None

    def view(self, key: object, make: Callable[[Mapping[str, Value]], ViewT]) -> ViewT:
        """Return what `make` makes of the values; made anew only after something changed."""
        if key not in self._views:
            self._views[key] = make(self.values)
        return self._views[key]  # type: ignore[return-value]  # it was put there under this key

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` on every change; the result unsubscribes."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def changed(self) -> None:
        """Tell those who want to know."""
        self._views.clear()
        for callback in tuple(self._callbacks):
            callback()


def says_off(values: Mapping[str, Value]) -> bool:
    """Say whether the device says itself that it does not run: it stopped, paused, or has a fault."""
    return values.get("run_state") in (RunState.STOPPED, RunState.PAUSED, RunState.FAULT)
