"""What the bytes of a report mean, by what was pressed, what was shown, and how they move."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from devices.capture.inference.command_values import ValueFit, fits_at
from devices.capture.inference.labeled_states import UNKNOWN, LabeledStates, Moment
from devices.capture.inference.report_kinds import ReportKind
from devices.capture.inference.unwrapped import Unwrapped
from devices.driver.field_spec import FieldSpec
from devices.driver.vocabulary import ByteOrder

_SAMPLE = 1500
_MOST_STATES = 6
_SETTING_OF_REPORT = {
    "level": "level",
    "vacuum_mmhg": "target_vacuum_mmhg",
    "celsius": "target_celsius",
    "intensity": "intensity",
    "rate_cpm": "rate_cpm",
}
_FEWEST_OF_A_STATE = 1
_SECONDS_TYPES: tuple[tuple[str, int, ByteOrder], ...] = (("u16", 2, "big"), ("u16", 2, "little"), ("u8", 1, "little"))
_FEWEST_SECONDS = 4
_SLACK_SECONDS = 1.6


@dataclass(frozen=True)
class ReportField:
    """A value in a report. `entry`: as the profile language writes it. `alternatives`: what else fits, in words."""

    at: int
    width: int
    entry: Mapping[str, Any]
    words: str
    alternatives: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in the profile."""
        return next(iter(self.entry))

    @cached_property
    def spec(self) -> FieldSpec:
        """The field, as the profile has it."""
        return FieldSpec.model_validate(dict(self.entry))


@dataclass(frozen=True)
class ReportSamples:
    """Reports of one kind with what held when they came: all of a few, or some of many."""

    kind: ReportKind
    rows: tuple[tuple[Unwrapped, Moment], ...]
    fixed: frozenset[int] = field(default_factory=frozenset)

    @property
    def free(self) -> list[int]:
        """The places that are not taken."""
        return [at for at in range(self.kind.size) if at not in self.fixed]


def samples_of(kind: ReportKind, states: LabeledStates, fixed: frozenset[int]) -> ReportSamples:
    """Return the reports of a kind, each with the state at its time. `fixed`: the places that are fixed, or taken."""
    step = max(1, len(kind.messages) // _SAMPLE)
    rows = tuple((message, states.at(message.at_seconds)) for message in kind.messages[::step])
    return ReportSamples(kind, rows, fixed)


# Whether it runs


def run_state_in(samples: ReportSamples) -> ReportField | None:
    """Return the byte that shows whether it runs, with the meaning of each of its values."""
    found = [
        (rank, at, codes) for at in samples.free if (ranked := _run_codes(samples, at)) for rank, codes in [ranked]
    ]
    if not found:
        return None
    found.sort(key=lambda each: (each[0], each[1]))
    _, at, codes = found[0]
    others = tuple(f"byte {other}" for rank, other, _ in found[1:] if rank == found[0][0])
    entry = _run_entry(codes)
    if entry is None:
        return None
    listed = ", ".join(f"{code:02x} {state}" for code, state in sorted(codes.items()))
    return ReportField(at, 1, entry, f"follows what was pressed: {listed}", others)


def _run_codes(samples: ReportSamples, at: int) -> tuple[tuple[int, int, int], dict[int, str]] | None:
    """Return the state that each value of a byte means, and a rank; `None` where they do not follow the state."""
    possible: dict[int, set[str]] = {}
    newest: dict[int, str] = {}
    settled: dict[int, set[str]] = defaultdict(set)
    for message, moment in samples.rows:
        if UNKNOWN in moment.run_states:
            continue
        code = message.payload[at]
        possible[code] = possible.get(code, set(moment.run_states)) & _with_pause(moment.run_states)
        newest[code] = moment.run_states[-1]
        if len(moment.run_states) == 1:
            settled[code].add(moment.run_states[0])
        if len(possible) > _MOST_STATES:
            return None
    codes = {}
    merged = 0
    for code, states in possible.items():
        seen = settled[code]
        if seen >= {"stopped", "running"} or (not states and not seen):
            return None
        if len(seen) > 1:
            codes[code] = "stopped" if "stopped" in seen else "running"
            merged += 1
        elif seen:
            codes[code] = next(iter(seen))
        else:
            codes[code] = newest[code] if newest[code] in states else sorted(states)[0]
    states_found = set(codes.values())
    if not {"running", "stopped"} <= states_found:
        return None
    return (merged, len(codes) - len(states_found), max(codes)), codes


def _with_pause(states: tuple[str, ...]) -> set[str]:
    return {*states, "stopped", "running"} if "paused" in states else set(states)


def _run_entry(codes: Mapping[int, str]) -> dict[str, Any] | None:
    """Return the field. Of several codes for one state, those of running are all that are not listed."""
    by_state: dict[str, list[int]] = defaultdict(list)
    for code, state in sorted(codes.items()):
        by_state[state].append(code)
    if any(len(each) > 1 for state, each in by_state.items() if state != "running"):
        return None
    if len(by_state["running"]) > 1:
        listed = {code: state for code, state in sorted(codes.items()) if state != "running"}
        return {"run_state": "u8", "is": listed, "otherwise": "running"}
    return {"run_state": "u8", "is": dict(sorted(codes.items()))}


# What it is set to


def settings_in(samples: ReportSamples, known: Sequence[ValueFit]) -> Iterator[ReportField]:
    """Yield the bytes that repeat a setting, while it runs. `known`: how the commands encode settings."""
    running = [(message.payload, moment.settings) for message, moment in samples.rows if moment.runs and moment.settled]
    if not running:
        return
    distinct = _distinct(running)
    taken: set[str] = set()
    covered: set[int] = set()
    for at in samples.free:
        if at in covered:
            continue
        for fit in fits_at(distinct, at):
            name = "phase" if fit.name == "phase" else _SETTING_OF_REPORT.get(fit.name)
            places = set(range(at, at + fit.width))
            if name is None or name in taken or places & (samples.fixed | covered):
                continue
            if not (fit.checked and (not fit.is_code or len(fit.wires) > 1)) and not _encoded_alike(fit, known):
                continue
            entry = _setting_entry(fit, name, samples)
            if entry is not None:
                taken.add(name)
                covered |= places
                yield ReportField(at, fit.width, entry, f"repeats the {fit.name.replace('_', ' ')} while it runs")
                break


def _distinct(rows: Sequence[tuple[bytes, Mapping[str, Any]]]) -> list[tuple[bytes, Mapping[str, Any]]]:
    found: dict[tuple[bytes, int], tuple[bytes, Mapping[str, Any]]] = {}
    for payload, settings in rows:
        found.setdefault((payload, id(settings)), (payload, settings))
    return list(found.values())


def _encoded_alike(fit: ValueFit, known: Sequence[ValueFit]) -> bool:
    return any((fit.name, fit.spec) == (other.name, other.spec) for other in known)


def _setting_entry(fit: ValueFit, name: str, samples: ReportSamples) -> dict[str, Any] | None:
    """Return the field; what it has while it does not run must be a value, too, or stand for "unknown"."""
    entry: dict[str, Any] = {name: fit.type, **fit.spec}
    if fit.width > 1:
        entry["order"] = fit.order
    everything = {fit.wire_of(message.payload) for message, _ in samples.rows}
    other = everything - set(fit.wires)
    if fit.is_code:
        if len(other) > 1:
            return None
        return {**entry, "unknown": other.pop()} if other else entry
    outside = {wire for wire in other if not fit.wires[0] <= wire <= fit.wires[-1]}
    idle = {fit.wire_of(message.payload) for message, moment in samples.rows if "running" not in moment.run_states}
    return {**entry, "unknown": outside.pop()} if len(outside) == 1 and outside <= idle else entry


# How it moves


def seconds_in(samples: ReportSamples) -> Iterator[ReportField]:
    """Yield the bytes that go up or down by one each second while it runs."""
    covered: set[int] = set()
    for at in samples.free:
        for type_, width, order in _SECONDS_TYPES:
            places = set(range(at, at + width))
            if places & (samples.fixed | covered) or at + width > samples.kind.size:
                continue
            slope = _slope(samples, at, width, order)
            if slope is None or (width > 1 and not _both_move(samples, at)):
                continue
            name = "elapsed_seconds" if slope > 0 else "remaining_seconds"
            entry: dict[str, Any] = {name: type_, **({"order": order} if width > 1 else {})}
            covered |= places
            yield ReportField(at, width, entry, f"goes {'up' if slope > 0 else 'down'} by one a second while it runs")
            break


def _both_move(samples: ReportSamples, at: int) -> bool:
    return all(len({message.payload[place] for message, _ in samples.rows}) > 1 for place in (at, at + 1))


def _slope(samples: ReportSamples, at: int, width: int, order: ByteOrder) -> int | None:
    runs: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for message, moment in samples.rows:
        if moment.runs and moment.settled:
            wire = int.from_bytes(message.payload[at : at + width], order)
            runs[moment.run_number].append((message.at_seconds, wire))
    slopes = set()
    for points in runs.values():
        (began, first), (ended, last) = points[0], points[-1]
        if ended - began < _FEWEST_SECONDS or len(points) < _FEWEST_SECONDS:
            continue
        direction = 1 if last > first else -1
        if abs(last - first) < _FEWEST_SECONDS:
            return None
        # A pause holds it, so it may have moved less than the time that has gone.
        steps = [direction * (b - a) for (_, a), (_, b) in itertools.pairwise(points)]
        gaps = [b - a for (a, _), (b, _) in itertools.pairwise(points)]
        if any(step < 0 or step > gap + _SLACK_SECONDS for step, gap in zip(steps, gaps, strict=True)):
            return None
        if abs(last - first) < 0.5 * (ended - began) - _SLACK_SECONDS:
            return None
        slopes.add(direction)
    return slopes.pop() if len(slopes) == 1 else None


def falling_in(samples: ReportSamples) -> list[int]:
    """Return the bytes that never rise, fall now and then by one or two, and could be a percentage."""
    found = []
    for at in samples.free:
        wires = [message.payload[at] for message, _ in samples.rows]
        steps = [before - after for before, after in itertools.pairwise(wires)]
        falls = [step for step in steps if step]
        if falls and all(0 < step <= 2 for step in falls) and wires[-1] >= 1 and wires[0] <= 100:  # noqa: PLR2004
            found.append(at)
    return found
