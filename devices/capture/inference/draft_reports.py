"""The reports of a draft: the kinds that mean something, with a name for each byte that is understood."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devices.capture.inference.command_templates import TemplateKey
from devices.capture.inference.command_values import ValueFit
from devices.capture.inference.draft_notes import DraftNotes, observed
from devices.capture.inference.labeled_states import LabeledStates
from devices.capture.inference.report_fields import (
    ReportField,
    ReportSamples,
    falling_in,
    run_state_in,
    samples_of,
    seconds_in,
    settings_in,
)
from devices.capture.inference.report_kinds import ReportKind
from devices.capture.inference.shown_values import ShownFit, shown_in
from devices.driver.vocabulary import Value


@dataclass
class DraftedReport:
    """One kind of report. `names`: the values that it has. `solicited`: it comes as an answer alone."""

    name: str
    kind: ReportKind
    fixed: frozenset[int]
    fields: list[ReportField] = field(default_factory=list)
    needed: bool = False
    every_seconds: float | None = None

    @property
    def names(self) -> set[str]:
        """The values that it carries."""
        return {each.name for each in self.fields}

    def layout(self) -> list[Any]:
        """Return the payload as the profile language writes it."""
        sample = self.kind.messages[0].payload
        by_place = {each.at: each for each in self.fields}
        found: list[Any] = []
        at = 0
        while at < self.kind.size:
            if at in by_place:
                found.append(dict(by_place[at].entry))
                at += by_place[at].width
                continue
            end = at
            is_fixed = at in self.fixed
            while end < self.kind.size and end not in by_place and (end in self.fixed) == is_fixed:
                end += 1
            found.append(sample[at:end].hex(" ") if is_fixed else {"skip": end - at})
            at = end
        return found

    def places(self) -> frozenset[int]:
        """Return the places that are taken."""
        taken = set(self.fixed)
        for each in self.fields:
            taken |= set(range(each.at, each.at + each.width))
        return frozenset(taken)


class ReportDrafter:
    """Makes the reports from their kinds, from what was pressed, and from what was shown.

    `reserved`: fields that are known already, as they answer commands. `may_be`: whether a field may be at its place,
    where the protocol has an opinion: in a text, a value is a whole number.
    """

    def __init__(
        self,
        kinds: Sequence[ReportKind],
        selector: Mapping[int, tuple[int, ...]],
        states: LabeledStates,
        commands: Sequence[ValueFit],
        notes: DraftNotes,
        reserved: Mapping[TemplateKey, Sequence[ReportField]],
        may_be: Callable[[ReportKind, ReportField], bool] = lambda _, __: True,
    ) -> None:
        self._may_be = may_be
        self._states = states
        self._commands = commands
        self._notes = notes
        self.reports = [
            DraftedReport("", kind, frozenset(at for at in selector.get(kind.handle, ()) if at < kind.size))
            for kind in kinds
        ]
        for report in self.reports:
            report.fields += reserved.get(report.kind.key, ())
            report.fixed -= {at for each in report.fields for at in range(each.at, each.at + each.width)}

    def draft(self, seen: Sequence[tuple[float, Mapping[str, Value]]], *, has_battery: bool) -> list[DraftedReport]:
        """Return the reports with their fields. `has_battery`: a standard characteristic reports it already."""
        for report in self.reports:
            self._add_state(report)
        for report in self.reports:
            report.fields += self._allowed(report, seconds_in(self._samples(report)))
        self._add_shown(seen, has_battery=has_battery)
        if not has_battery and not any("battery_percent" in report.names for report in self.reports):
            self._add_falling(any("battery_percent" in values for _, values in seen))
        for report in self.reports:
            report.fields.sort(key=lambda each: each.at)
        if self.reports and not any("run_state" in report.names for report in self.reports):
            self._notes.miss(
                "Whether it runs: no byte of its reports follows starts and stops. Record two more of each, with 10 s "
                "between them. Without it, a stop cannot be confirmed."
            )
        return self.reports

    def _samples(self, report: DraftedReport) -> ReportSamples:
        return samples_of(report.kind, self._states, report.places())

    def _add_state(self, report: DraftedReport) -> None:
        run_state = run_state_in(self._samples(report))
        if run_state is not None:
            report.fields += self._allowed(report, [run_state])
        report.fields += self._allowed(report, settings_in(self._samples(report), self._commands))

    def _allowed(self, report: DraftedReport, found: Iterable[ReportField]) -> list[ReportField]:
        return [each for each in found if self._may_be(report.kind, each)]

    def _add_shown(self, seen: Sequence[tuple[float, Mapping[str, Value]]], *, has_battery: bool) -> None:
        taken = {number: report.places() for number, report in enumerate(self.reports)}
        for name, found in shown_in([report.kind for report in self.reports], seen, taken):
            if name == "battery_percent" and has_battery:
                continue
            fields = [(fit, ReportField(fit.at, fit.width, fit.entry, "")) for fit in found]
            chosen = self._only(name, [fit for fit, field in fields if self._may_be(fit.kind, field)])
            if chosen is None:
                continue
            report = next(each for each in self.reports if each.kind is chosen.kind)
            if set(range(chosen.at, chosen.at + chosen.width)) & report.places():
                continue
            words = f"is what the app showed, {chosen.points} times with different values"
            report.fields.append(ReportField(chosen.at, chosen.width, chosen.entry, words))

    def _only(self, name: str, found: Sequence[ShownFit]) -> ShownFit | None:
        """Return the only place that agrees with what was shown; where there are several, say what would decide."""
        exact = [fit for fit in found if fit.error == 0] or list(found)
        moving = [fit for fit in exact if self._moves(fit)] or exact
        places = {(id(fit.kind), fit.at) for fit in moving}
        if len(places) == 1 or (moving and moving[0].points > 1 and self._best(moving)):
            return moving[0]
        if moving:
            listed = ", ".join(dict.fromkeys(fit.place for fit in moving[:6]))
            self._notes.miss(f"{name}: several bytes agree with what the app showed ({listed}). Label it again later.")
        else:
            self._notes.miss(f"{name}: no byte agrees with what the app showed.")
        return None

    def _moves(self, fit: ShownFit) -> bool:
        return len({message.payload[fit.at : fit.at + fit.width] for message in fit.kind.messages}) > 1

    def _best(self, found: Sequence[ShownFit]) -> bool:
        """Return whether the first fits better than all others, which are wider or coarser readings of its bytes."""
        first = found[0]
        return all(fit.kind is first.kind and abs(fit.at - first.at) <= 1 for fit in found)

    def _add_falling(self, labeled: bool) -> None:
        candidates = [(report, at) for report in self.reports for at in falling_in(self._samples(report))]
        if len(candidates) == 1 and not labeled:
            report, at = candidates[0]
            entry: dict[str, Any] = {"battery_percent": "u8", "range": [0, 100]}
            words = "the only byte that falls slowly from 100 or less; compare it with what the app shows"
            report.fields.append(ReportField(at, 1, entry, words))
        elif not labeled and self.reports:
            self._notes.miss("The battery: label what the app shows, as in {do: see, battery_percent: 85}, twice.")


def name_reports(reports: Iterable[DraftedReport], answers: Mapping[TemplateKey, str]) -> None:
    """Give each report a name, by what it carries. `answers`: names for those that answer something."""
    taken: set[str] = set()
    for report in reports:
        base = _base_name(report, answers)
        name, number = base, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        report.name = name
        taken.add(name)


def _base_name(report: DraftedReport, answers: Mapping[TemplateKey, str]) -> str:
    names = report.names
    if report.kind.key in answers:
        return answers[report.kind.key]
    if "run_state" in names or len(names) > 1:
        return "status"
    if names:
        return next(iter(names)).removesuffix("_percent").removesuffix("_ml").removesuffix("_celsius")
    return "report"


def note_unexplained(report: DraftedReport, notes: DraftNotes, width: int) -> None:
    """Note the unknown bytes of a report. `width`: the bytes of each of its numbers; 1 where it is binary."""
    taken, count = report.places(), len(report.kind.messages)
    fixed: list[int] = []
    for at in range(0, report.kind.size, width):
        if taken & set(range(at, at + width)):
            continue
        values = [int.from_bytes(message.payload[at : at + width], "big") for message in report.kind.messages]
        if width == 1 and len(set(values)) == 1:
            fixed.append(at)
            continue
        place = f"byte {at}" if width == 1 else f"number {at // width + 1}"
        notes.wonder(f"report {report.name}, {place}", observed(values), count)
    for run in _runs(fixed):
        data = report.kind.messages[0].payload[run[0] : run[-1] + 1]
        # What reads like a text may be the serial number of this very device, and the draft is made to be shared.
        words = "always the same text" if len(data) > 3 and data.isalnum() else f"always {data.hex(' ')}"  # noqa: PLR2004
        place = f"byte {run[0]}" if len(run) == 1 else f"bytes {run[0]} to {run[-1]}"
        notes.wonder(f"report {report.name}, {place}", words, count)


def _runs(places: Sequence[int]) -> list[list[int]]:
    """Return places that follow each other, together."""
    found: list[list[int]] = []
    for place in places:
        if found and found[-1][-1] == place - 1:
            found[-1].append(place)
        else:
            found.append([place])
    return found
