"""Do the reports of a profile fit together: those that answer commands, and what is derived from several values?"""

from __future__ import annotations

from collections.abc import Iterable

from devices.driver.field_spec import INTEGER_TYPES, FieldSpec
from devices.driver.vocabulary import BOOLEANS, KNOWN_WORDS, NUMBERS, Value
from devices.profiles.derived_values import Derived, DerivedRow
from devices.profiles.profile_parts import AnswerSpec, ReportSpec
from devices.profiles.report_opcode import CommandOpcode
from devices.profiles.unchecked_profile import UncheckedProfile
from devices.support.file_error import Misfits

_LIKELY = {"run_state": ("stopped", "running"), "phase": ("stimulation", "expression")}


def there_are(names: Iterable[str]) -> str:
    """Return what there is in place of what is missing, as the end of a sentence."""
    listed = ", ".join(names)
    return f", there {'is' if listed and ',' not in listed else 'are'} {listed or 'none'}"


def answer_problems(profile: UncheckedProfile) -> Misfits:
    """The answering report carries the values that identify a command, and can mean accepted."""
    answer = profile.answer
    if answer is None:
        return
    report = profile.reports.get(answer.report)
    if report is None:
        yield "answer.report", f"{answer.report} is not a report{there_are(profile.reports)}"
        return
    for key in ("opcode", "counter", "result"):
        name = getattr(answer, key)
        if name is not None and name not in report.names:
            yield f"answer.{key}", f"the report {answer.report} carries no {name}{there_are(report.names)}"
    if answer.opcode is not None and isinstance(report.opcode, CommandOpcode):
        yield "answer.opcode", f"the frame of {answer.report} has the command's opcode already, so leave this out"
    if answer.counter is not None and (profile.frame is None or "counter" not in profile.frame.layout):
        yield "answer.counter", "the frame has no counter"
    for name in answer.refused_by:
        if name not in profile.reports:
            yield "answer.refused_by", f"{name} is not a report{there_are(profile.reports)}"
        elif name == answer.report:
            yield "answer.refused_by", "it is another report than the one that means accepted"
    yield from _results(answer, report)


def _results(answer: AnswerSpec, report: ReportSpec) -> Misfits:
    if answer.result is None:
        for key in ("accepted", "refused"):
            if getattr(answer, key):
                yield f"answer.{key}", "name the value that has the result, like result: code"
        return
    if not (answer.accepted or answer.refused):
        words = "list the results that mean accepted, like accepted: [done], or those that mean refused"
        yield "answer.result", words
    if answer.accepted and answer.refused:
        yield "answer.refused", "list those that are accepted or those that are refused: all others are the opposite"
    field = next((field for field in report.payload if answer.result in field.names), None)
    if field is None:
        return
    possible = [word for word in _words(field) if word is not None]
    if field.type in INTEGER_TYPES and not possible:
        words = f"say what its codes mean, like {{{answer.result}: {field.type}, is: {{0: done}}, otherwise: refused}}"
        yield "answer.result", words
    for key in ("accepted", "refused"):
        for word in getattr(answer, key) if possible else ():
            if word not in possible:
                yield f"answer.{key}", f"{answer.result} is never {word}{there_are(map(str, possible))}"


def derived_problems(profile: UncheckedProfile) -> Misfits:
    """What is derived follows from values of the same message, and each line of it can fit."""
    for key, report in profile.reports.items():
        fields = {name: field for field in (*report.payload, *report.fields.values()) for name in field.names}
        yield from _derived(f"reports.{key}.derived", report.derived, report.sent_names, fields)
    for key, channel in profile.channels.items():
        fields = {name: field for field in channel.fields or () for name in field.names}
        yield from _derived(f"channels.{key}.derived", channel.derived, tuple(fields), fields)


def word_problems(profile: UncheckedProfile) -> Misfits:
    """A known name is reported in its own words: any other would be no reading at all."""
    for kind, entries in (("reports", profile.reports), ("channels", profile.channels)):
        for key, entry in entries.items():
            payload = entry.payload if isinstance(entry, ReportSpec) else entry.fields or ()
            part = "payload" if isinstance(entry, ReportSpec) else "fields"
            for number, field in enumerate(payload):
                yield from _misnamed(f"{kind}.{key}.{part}.{number}", field)
            for name, field in entry.fields.items() if isinstance(entry, ReportSpec) else ():
                yield from _misnamed(f"{kind}.{key}.fields.{name}", field)
            for name, rows in entry.derived.items():
                for number, row in enumerate(rows):
                    if name in KNOWN_WORDS and row.means not in KNOWN_WORDS[name]:
                        yield f"{kind}.{key}.derived.{name}.{number}", _never(name, row.means)


def _misnamed(where: str, field: FieldSpec) -> Misfits:
    words = _words(field)
    for name in field.names:
        if name in KNOWN_WORDS and field.type != "text":
            if not words or field.flags or field.type == "bool":
                listed = ", ".join(f"{number}: {word}" for number, word in enumerate(_LIKELY[name]))
                yield where, f"say what its codes mean, like {{{name}: u8, is: {{{listed}}}}}"
                continue
            yield from ((where, _never(name, word)) for word in words if word not in (None, *KNOWN_WORDS[name]))
        elif name in BOOLEANS and not (
            field.type == "bool" or (words and all(isinstance(each, bool) for each in words))
        ):
            yield where, f"{name} is true or false, like {{{name}: bool}}"
        elif name in NUMBERS and (field.meanings or field.flags or field.type in ("bool", "text")):
            yield where, f"{name} is a number, so describe how it is counted: {{{name}: u8, scale: 0.1}}"


def _never(name: str, word: Value) -> str:
    return f"{name} is never {word}{there_are(KNOWN_WORDS[name])}"


def _derived(where: str, derived: Derived, names: tuple[str, ...], fields: dict[str, FieldSpec]) -> Misfits:
    for name, rows in derived.items():
        if name in names:
            yield f"{where}.{name}", f"{name} is among the fields already; give the one there another name"
        for number, row in enumerate(rows):
            place = f"{where}.{name}.{number}"
            for source, value in row.when.items():
                if source not in names:
                    yield f"{place}.{source}", f"the message carries no {source}{there_are(names)}"
                elif source in fields and (possible := _words(fields[source])) and value not in possible:
                    yield f"{place}.{source}", f"{source} is never {value}{there_are(map(str, possible))}"
            for earlier, other in enumerate(rows[:number]):
                if _covers(other, row):
                    yield place, f"it never fits, as line {earlier + 1} of the table comes first; put it before that"


def _words(field: FieldSpec) -> list[Value]:
    """Return all that a field can be, where that is a short list; unknown included."""
    unknown: list[Value] = [None] if field.unknown is not None else []
    if field.flags or field.type == "bool":
        return [False, True]
    if field.meanings:
        return [*field.meanings.values(), *([field.otherwise] if field.otherwise is not None else []), *unknown]
    return []


def _covers(one: DerivedRow, other: DerivedRow) -> bool:
    return one.when.items() <= other.when.items()
