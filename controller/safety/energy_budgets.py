"""How long a body may still get each energy: rolling windows over all use, from here or at the device itself."""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from controller.safety.limits import BUDGETS, HOT, UNMEASURED, WARM_CELSIUS, BudgetWindow, Energy, budget_key
from controller.safety.message import KeyedMessage, message
from controller.safety.persistence import Persistence
from devices.roles import Capability, Role
from devices.support.clock import Clock

_SAVE_EVERY_SECONDS = 10.0
_LONGEST_SECONDS = max(window.in_seconds for windows in BUDGETS.values() for window in windows)
_EPSILON_SECONDS = 1e-6

Span = tuple[float, float]  # from when to when an energy was on, in seconds of the clock


def seconds_left(spans: Iterable[Span], window: BudgetWindow, now_seconds: float) -> float:
    """Return how long an energy may be on from now without a break, so that no window of this length has too much.

    While it is on, earlier use leaves the window at its other end, so this is more than what is unused now.
    """
    periods = merged(spans)

    def over(at_seconds: float) -> float:
        """Return by how much the window that ends then exceeds its most, if the energy is on from now until then."""
        end = now_seconds + at_seconds
        begin = end - window.in_seconds
        used = sum(max(0.0, min(end, until) - max(begin, since)) for since, until in periods)
        return used + min(at_seconds, window.in_seconds) - window.most_seconds

    # `over` is linear between these times, and never falls.
    turns = (each - now_seconds for span in periods for each in (*span, *(edge + window.in_seconds for edge in span)))
    times = [0.0, *sorted(at for at in turns if 0 < at <= window.most_seconds), window.most_seconds + _EPSILON_SECONDS]
    for before, after in itertools.pairwise(times):
        if (too_much := over(after)) > _EPSILON_SECONDS:
            missing = -over(before)
            return max(0.0, before + (after - before) * missing / (too_much + missing)) if missing > 0 else before
    return window.most_seconds


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the spans without overlaps: two pumps at once are one suction."""
    found: list[Span] = []
    for since, until in sorted(spans):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        elif until > since:
            found.append((since, until))
    return found


def budgets_of(
    energy: Energy, devices: Sequence[Role], *, celsius: float | None = None, measured: Container[str] = ()
) -> frozenset[str]:
    """Return the budgets that these devices count against.

    `celsius`: the target of a compress, or what it reports. `measured`: those on which a thermometer measures.
    """
    names = {energy.value}
    if energy is Energy.HEAT:
        if celsius is not None and celsius > WARM_CELSIUS:
            names.add(HOT)
        unseen = [each for each in devices if Capability.REPORTS_TEMPERATURE not in each.capabilities]
        if any(each.name not in measured for each in unseen):
            names.add(UNMEASURED)
    return frozenset(names)


@dataclass
class UsePeriod:
    """When an energy was on, or is planned to be: from `since` until `until`, in seconds of the clock."""

    budgets: frozenset[str]
    since: float
    until: float
    number: int = -1
    saved_until: float = -math.inf


class EnergyBudgets:
    """The budgets of one body. Time counts as used in advance: a crash gives none back."""

    def __init__(self, clock: Clock, persistence: Persistence) -> None:
        self._clock = clock
        self._persistence = persistence
        self._numbers = itertools.count()
        now_seconds = clock.now()
        self._periods = [
            UsePeriod(use.budgets, now_seconds - use.began_seconds_ago, now_seconds - use.ended_seconds_ago)
            for use in persistence.saved.energy_uses
        ]
        self._running: dict[frozenset[str], UsePeriod] = {}

    def left_seconds(self, budgets: Iterable[str]) -> float:
        """Return for how many seconds, from now, all of these budgets last."""
        return self._tightest(budgets)[0]

    def tightest_window(self, budgets: Iterable[str]) -> KeyedMessage:
        """Return the window that ends first."""
        name, window = self._tightest(budgets)[1:]
        most_minutes, in_minutes = window.most_seconds / 60, window.in_seconds / 60
        return message(f"budget_{budget_key(name)}", most_minutes=most_minutes, in_minutes=in_minutes)

    def _tightest(self, budgets: Iterable[str]) -> tuple[float, str, BudgetWindow]:
        now_seconds = self._clock.now()
        self._periods = [each for each in self._periods if now_seconds - each.until < _LONGEST_SECONDS]
        found = [
            (seconds_left(self._spans(name), window, now_seconds), name, window)
            for name in budgets
            for window in BUDGETS[name]
        ]
        return min(found, key=lambda each: each[0])

    def _spans(self, budget: str) -> list[Span]:
        return [(each.since, each.until) for each in self._periods if budget in each.budgets]

    def plan(self, budgets: frozenset[str], seconds: float) -> UsePeriod:
        """Count an energy that is about to be on for this long. `end` takes the result."""
        now_seconds = self._clock.now()
        period = UsePeriod(budgets, now_seconds, now_seconds + seconds, next(self._numbers))
        self._periods.append(period)
        self._save(period)
        return period

    def end(self, period: UsePeriod) -> None:
        """End a planned period now."""
        period.until = self._clock.now()
        self._save(period)

    def count(self, budgets: frozenset[str]) -> None:
        """Count an energy that is on now without a plan. Called at least once a second while it is."""
        now_seconds = self._clock.now()
        period = self._running.get(budgets)
        if period is None or now_seconds - period.until > 2 * _SAVE_EVERY_SECONDS:
            period = UsePeriod(budgets, now_seconds, now_seconds, next(self._numbers))
            self._running[budgets] = period
            self._periods.append(period)
        period.until = now_seconds
        if now_seconds >= period.saved_until:
            self._save(period, ahead_seconds=_SAVE_EVERY_SECONDS)

    def _save(self, period: UsePeriod, *, ahead_seconds: float = 0.0) -> None:
        now_seconds = self._clock.now()
        period.saved_until = period.until + ahead_seconds
        self._persistence.save_energy_use(
            period.number, period.budgets, now_seconds - period.since, now_seconds - period.saved_until
        )
