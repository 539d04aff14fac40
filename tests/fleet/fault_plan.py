"""Which faults hit a fleet, and when: random, and the same for the same seed. `fault_runner` carries a plan out.

Faults overlap, on different controllers. A controller is left alone for a moment after each.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

# How many of a hundred faults are of each kind.
SHARES = {
    "kill": 27,  # SIGKILL, and started again
    "freeze": 25,  # SIGSTOP, and SIGCONT
    "cut": 24,  # partitioned from one, two or all nodes; in one direction or both
    "clock": 14,  # its wall clock jumps
    "kill_node": 5,
    "freeze_node": 2,
    "kill_all_nodes": 1,
    "freeze_all_nodes": 1,
    "kill_database": 1,
}
OF_CONTROLLERS = frozenset({"kill", "freeze", "cut", "clock"})

# How long each lasts, in seconds. The shortest are as likely as the longest ten times.
_SECONDS = {
    "kill": (0.2, 8.0),
    "freeze": (1.0, 20.0),
    "cut": (1.0, 15.0),
    "clock": (0.0, 0.0),
    "kill_node": (2.0, 15.0),
    "freeze_node": (2.0, 15.0),
    "kill_all_nodes": (3.0, 12.0),
    "freeze_all_nodes": (3.0, 12.0),
    "kill_database": (5.0, 15.0),
}
_RECOVERY_SECONDS = {"kill": 5.0}
_OTHER_RECOVERY_SECONDS = 2.0
_CLOCK_SECONDS = (2.0, 172_800.0)  # forwards or backwards
_DIRECTIONS = ("both", "out", "in")


@dataclass(frozen=True, order=True)
class Fault:
    """One fault, `at_seconds` since the beginning. `target`: a controller or a node; empty for all nodes, the database.

    `nodes` and `direction`: what a controller is cut from, and whether to it (`in`), from it (`out`) or both.
    `jump_seconds`: of its clock.
    """

    at_seconds: float
    kind: str
    target: str = ""
    seconds: float = 0.0
    nodes: tuple[str, ...] = ()
    direction: str = ""
    jump_seconds: int = 0


@dataclass
class _Busy:
    """Until when a target is not hit again."""

    until: dict[str, float] = field(default_factory=dict)

    def free(self, names: Sequence[str], at_seconds: float) -> list[str]:
        return [name for name in names if self.until.get(name, 0.0) <= at_seconds]


def plan(
    seed: int,
    count: int,
    controllers: Sequence[str],
    nodes: Sequence[str],
    every_seconds: float = 1.6,
    most_at_once: int | None = None,
) -> list[Fault]:
    """Return `count` faults in order. `most_at_once`: of the controllers; by default two thirds of them."""
    chance = random.Random(seed)
    kinds = _kinds(count)
    chance.shuffle(kinds)
    most = max(1, len(controllers) * 2 // 3) if most_at_once is None else most_at_once
    busy, at, found = _Busy(), 0.0, []
    for kind in kinds:
        at += chance.uniform(0.3, 1.7) * every_seconds
        seconds = _log_uniform(chance, *_SECONDS[kind])
        recovery = _RECOVERY_SECONDS.get(kind, _OTHER_RECOVERY_SECONDS)
        if kind in OF_CONTROLLERS:
            at = _when_free(busy, controllers, len(controllers) - most + 1, at)
            target = chance.choice(busy.free(controllers, at))
            busy.until[target] = at + seconds + recovery
            found.append(_of_controller(chance, Fault(round(at, 2), kind, target, round(seconds, 2)), nodes))
            continue
        names = ("database",) if kind == "kill_database" else ("nodes",)  # one fault of the nodes at a time
        at = _when_free(busy, names, 1, at)
        busy.until[names[0]] = at + seconds + recovery
        target = chance.choice(nodes) if kind in ("kill_node", "freeze_node") else ""
        found.append(Fault(round(at, 2), kind, target, round(seconds, 2)))
    return found


def _kinds(count: int) -> list[str]:
    """Return as many kinds as asked for, in the proportion of their shares."""
    total = sum(SHARES.values())
    exact = {kind: count * share / total for kind, share in SHARES.items()}
    found = {kind: math.floor(each) for kind, each in exact.items()}
    missing = heapq.nlargest(count - sum(found.values()), exact, key=lambda kind: exact[kind] - found[kind])
    return [kind for kind in SHARES for _ in range(found[kind] + (kind in missing))]


def _when_free(busy: _Busy, names: Sequence[str], wanted: int, at_seconds: float) -> float:
    """Return the first time, not before `at_seconds`, at which so many of the names are free."""
    if len(busy.free(names, at_seconds)) >= wanted:
        return at_seconds
    return max(at_seconds, sorted(busy.until.get(name, 0.0) for name in names)[wanted - 1])


def _of_controller(chance: random.Random, fault: Fault, nodes: Sequence[str]) -> Fault:
    if fault.kind == "cut":
        some = tuple(sorted(chance.sample(list(nodes), chance.choice((1, 2, len(nodes), len(nodes))))))
        how = {"nodes": some, "direction": chance.choice(_DIRECTIONS)}
    elif fault.kind == "clock":
        jump = round(chance.choice((-1, 1)) * _log_uniform(chance, *_CLOCK_SECONDS))
        how = {"jump_seconds": jump}
    else:
        return fault
    return Fault(fault.at_seconds, fault.kind, fault.target, fault.seconds, **how)


def _log_uniform(chance: random.Random, least: float, most: float) -> float:
    return math.exp(chance.uniform(math.log(least), math.log(most))) if most > 0 else 0.0
