"""How long a body may still get each energy: rolling windows over everything that it got, whoever switched it on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.memory import Memory
from controller.safety import BUDGETS, HOT, UNMEASURED, WARM_CELSIUS, Energy, Window
from devices.clock import Clock
from devices.roles import Capability, Role

_SAVE_EVERY_SECONDS = 10.0
_LONGEST_SECONDS = max(window.in_seconds for windows in BUDGETS.values() for window in windows)
_HAIR_SECONDS = 1e-6

Span = tuple[float, float]  # from when to when something was on, in seconds of the clock


def seconds_left(spans: Iterable[Span], window: Window, now_seconds: float) -> float:
    """Return how long something may be on from now without a break, so that no stretch of the window has too much.

    What is on while the time passes leaves the window at its other end, so this is more than what is unused just now.
    """
    known = merged(spans)

    def over(at_seconds: float) -> float:
        """Return by how much the window that ends then has too much, if it is on from now until then."""
        end = now_seconds + at_seconds
        begin = end - window.in_seconds
        used = sum(max(0.0, min(end, until) - max(begin, since)) for since, until in known)
        return used + min(at_seconds, window.in_seconds) - window.most_seconds

    # `over` is straight between these times, and never falls.
    turns = (each - now_seconds for span in known for each in (*span, *(edge + window.in_seconds for edge in span)))
    times = [0.0, *sorted(at for at in turns if 0 < at <= window.most_seconds), window.most_seconds + _HAIR_SECONDS]
    for before, after in itertools.pairwise(times):
        if (too_much := over(after)) > _HAIR_SECONDS:
            missing = -over(before)
            return max(0.0, before + (after - before) * missing / (too_much + missing)) if missing > 0 else before
    return window.most_seconds


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same time without overlaps: two pumps at once are one suction."""
    found: list[Span] = []
    for since, until in sorted(spans):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        elif until > since:
            found.append((since, until))
    return found


def budgets_of(energy: Energy, devices: Sequence[Role], *, celsius: float | None = None) -> frozenset[str]:
    """Return the budgets that these devices count against. `celsius`: how warm a compress is to get, or is."""
    names = {energy.value}
    if energy is Energy.HEAT:
        if celsius is not None and celsius > WARM_CELSIUS:
            names.add(HOT)
        if any(Capability.REPORTS_TEMPERATURE not in device.capabilities for device in devices):
            names.add(UNMEASURED)
    return frozenset(names)


@dataclass
class Stretch:
    """Something that was on, or is planned to be, from `since` until `until`, in seconds of the clock."""

    budgets: frozenset[str]
    since: float
    until: float
    number: int = -1
    saved_until: float = -math.inf


class EnergyBudgets:
    """The budgets of one body. Time counts as used before it is: a crash gives none back."""

    def __init__(self, clock: Clock, memory: Memory) -> None:
        self._clock = clock
        self._memory = memory
        self._numbers = itertools.count()
        now_seconds = clock.now()
        self._stretches = [
            Stretch(use.budgets, now_seconds - use.began_seconds_ago, now_seconds - use.ended_seconds_ago)
            for use in memory.remembered.uses
        ]
        self._by_hand: dict[frozenset[str], Stretch] = {}

    def left_seconds(self, budgets: Iterable[str]) -> float:
        """Return for how long, from now, all of these budgets last."""
        return self._tightest(budgets)[0]

    def words(self, budgets: Iterable[str]) -> str:
        """Return the window that ends first, in words for the person."""
        name, window = self._tightest(budgets)[1:]
        return f"{name}: {window}"

    def _tightest(self, budgets: Iterable[str]) -> tuple[float, str, Window]:
        now_seconds = self._clock.now()
        self._stretches = [each for each in self._stretches if now_seconds - each.until < _LONGEST_SECONDS]
        found = [
            (seconds_left(self._spans(name), window, now_seconds), name, window)
            for name in budgets
            for window in BUDGETS[name]
        ]
        return min(found, key=lambda each: each[0])

    def _spans(self, budget: str) -> list[Span]:
        return [(each.since, each.until) for each in self._stretches if budget in each.budgets]

    def used_seconds(self, budget: str, in_seconds: float) -> float:
        """Return how long something was on in the last `in_seconds`."""
        now_seconds = self._clock.now()
        begin = now_seconds - in_seconds
        spans = merged(self._spans(budget))
        return sum(max(0.0, min(now_seconds, until) - max(begin, since)) for since, until in spans)

    def plan(self, budgets: frozenset[str], seconds: float) -> Stretch:
        """Note that something is about to be on for this long. Give the result to `end`."""
        now_seconds = self._clock.now()
        stretch = Stretch(budgets, now_seconds, now_seconds + seconds, next(self._numbers))
        self._stretches.append(stretch)
        self._save(stretch)
        return stretch

    def end(self, stretch: Stretch) -> None:
        """Note that it ended now."""
        stretch.until = self._clock.now()
        self._save(stretch)

    def count(self, budgets: frozenset[str]) -> None:
        """Note that a device is on by hand. Called at least once a second while it is."""
        now_seconds = self._clock.now()
        stretch = self._by_hand.get(budgets)
        if stretch is None or now_seconds - stretch.until > 2 * _SAVE_EVERY_SECONDS:
            stretch = Stretch(budgets, now_seconds, now_seconds, next(self._numbers))
            self._by_hand[budgets] = stretch
            self._stretches.append(stretch)
        stretch.until = now_seconds
        if now_seconds >= stretch.saved_until:
            self._save(stretch, ahead_seconds=_SAVE_EVERY_SECONDS)

    def _save(self, stretch: Stretch, *, ahead_seconds: float = 0.0) -> None:
        now_seconds = self._clock.now()
        stretch.saved_until = stretch.until + ahead_seconds
        self._memory.used(
            stretch.number, stretch.budgets, now_seconds - stretch.since, now_seconds - stretch.saved_until
        )
