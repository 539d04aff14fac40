"""The run state and the settings of the device at each moment of a capture, as the labels imply them."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devices.capture.inference.labeled_actions import AppAction
from devices.driver.vocabulary import Value

_AFTER: Mapping[str, str] = {"start": "running", "resume": "running", "pause": "paused", "stop": "stopped"}
_SETTLED_SECONDS = 1.5
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Moment:
    """The state at a moment. `run_states`: more than one just after a change, the newest last."""

    run_states: tuple[str, ...]
    settings: Mapping[str, Value]
    settled: bool
    run_number: int

    @property
    def runs(self) -> bool:
        """Whether it ran for certain."""
        return self.run_states == ("running",)


class LabeledStates:
    """Looks up the state at a moment. `began_seconds`: when each connection began, by its number."""

    def __init__(self, actions: Sequence[AppAction], began_seconds: Mapping[int, float]) -> None:
        self._times: list[float] = []
        self._moments: list[tuple[str, str, Mapping[str, Value], int]] = []
        run = "stopped" if actions and actions[0].verb == "start" else UNKNOWN
        settings: Mapping[str, Value] = {}
        runs = 0
        self._append(float("-inf"), run, run, settings, runs)
        changes: list[tuple[float, AppAction | None]] = [(action.at_seconds, action) for action in actions]
        changes += [(at, None) for at in began_seconds.values()]
        for at, action in sorted(changes, key=lambda change: change[0]):
            before = run
            if action is None:
                run = run if run == "stopped" else UNKNOWN  # what it did while the link was gone
            else:
                run = _AFTER.get(action.verb, run)
                settings = action.state
                runs += action.verb == "start"
            self._append(at, before, run, settings, runs)

    def _append(self, at: float, before: str, run: str, settings: Mapping[str, Value], runs: int) -> None:
        self._times.append(at)
        self._moments.append((before, run, settings, runs))

    def at(self, seconds: float) -> Moment:
        """Return the state at this Unix time."""
        number = bisect.bisect_right(self._times, seconds) - 1
        before, run, settings, runs = self._moments[number]
        settled = seconds - self._times[number] > _SETTLED_SECONDS
        states = (run,) if settled or before == run else (before, run)
        return Moment(states, settings, settled, runs)
