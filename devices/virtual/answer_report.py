"""How a virtual device answers a command, by the `answer` section of its profile: the report and its values. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from devices.driver.vocabulary import Value
from devices.profiles.codec import DecodedMessage
from devices.profiles.profile_parts import AnswerSpec, ReportSpec
from devices.profiles.schema import Profile
from devices.virtual.device_run import CommandResult
from devices.virtual.simple_bodies import blank

_ACCEPTING = ("accepted", "limited")


def answer_values(
    profile: Profile, answer: AnswerSpec, message: DecodedMessage, result: CommandResult
) -> tuple[str, dict[str, Value]]:
    """Return the report that answers a command, and its values. Of several refusing reports it is the first."""
    refused = result.result not in _ACCEPTING
    name = answer.refused_by[0] if refused and answer.refused_by else answer.report
    report = profile.reports[name]
    values: dict[str, Value] = dict.fromkeys(report.names)
    values |= {each: blank(field) for field in (*report.payload, *report.fields.values()) for each in field.names}
    values |= result.allowed
    if answer.opcode in values:
        values[answer.opcode] = int.from_bytes(message.opcode, "big")
    if answer.counter in values:
        values[answer.counter] = message.counter
    if answer.result in values:
        values[answer.result] = _result(answer, report, result.result, refused=refused)
    return name, values


def _result(answer: AnswerSpec, report: ReportSpec, result: str, *, refused: bool) -> Value:
    """Return the word for a result: its own where the report has it, else the first that means the same."""
    words = [*_words(answer, report)]
    fitting = [word for word in words if answer.refuses({answer.result or "": word}) is refused]
    return result if result in fitting else next(iter(fitting), result)


def _words(answer: AnswerSpec, report: ReportSpec) -> Iterator[Value]:
    for field in (*report.payload, *report.fields.values()):
        if answer.result in field.names and (field.flags or field.type == "bool"):
            yield from (False, True)
        elif field.name == answer.result and field.meanings:
            yield from field.meanings.values()
            if field.otherwise is not None:
                yield field.otherwise
    yield from (*answer.accepted, *answer.refused)
