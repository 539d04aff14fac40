"""The captured frames as examples of a draft: some of each command and report, spread over what was seen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from devices.capture.inference.command_parts import CommandPart, DraftedCommands
from devices.capture.inference.draft_reports import DraftedReport
from devices.capture.inference.interpretation import Interpretation
from devices.capture.inference.unwrapped import Unwrapped
from devices.driver.field_spec import FieldSpec
from devices.driver.fields import unpack
from devices.driver.vocabulary import Value
from devices.errors import DeviceError

_MOST_OF_A_REPORT = 4
_SAMPLE = 1000


def add_examples(
    document: dict[str, Any],
    commands: DraftedCommands,
    reports: Sequence[DraftedReport],
    found: Interpretation,
    provenance: str,
    battery: Sequence[bytes],
) -> None:
    """Add the examples to a document that has everything else."""
    examples: list[dict[str, Any]] = []
    several = sum("write" in each for each in document["channels"].values()) > 1
    for part in commands.parts.values():
        examples += [_sent(part, values, message, document, several) for values, message in _values(part)]
    notifying = [name for name, each in document["channels"].items() if each.get("notify") or each.get("indicate")]
    for report in reports:
        if report.fields or not _may_be_personal(report):
            examples += _received(report, document, found, named=len(notifying) > 1)
    for value in list(battery)[:2]:
        examples.append({"channel": "battery", "receive": value.hex(" "), "means": {"battery_percent": value[0]}})
    for example in examples:
        example["seen_in"] = provenance
    document["examples"] = examples


def _values(part: CommandPart) -> list[tuple[Mapping[str, Value], Unwrapped]]:
    """Return the examples of a command with the values in their bytes: those of a clock are read from them."""
    fields = [FieldSpec.model_validate(each) for each in part.payload]
    found: list[tuple[Mapping[str, Value], Unwrapped]] = []
    for values, message in part.examples:
        if values or not any(each.name for each in fields):
            found.append((values, message))
            continue
        try:
            found.append((unpack(fields, message.payload, "little"), message))
        except DeviceError:
            continue
    return found


def _sent(
    part: CommandPart, values: Mapping[str, Value], message: Unwrapped, document: Mapping[str, Any], several: bool
) -> dict[str, Any]:
    example: dict[str, Any] = {"send": {part.name: dict(values)}}
    if "text" in document.get("commands", {}).get(part.name, {}):
        example["text"] = message.frame.data.decode("ascii")
    else:
        example["bytes"] = message.frame.data.hex(" ")
    channel = document["commands"].get(part.name, {}).get("channel")
    if several and channel:
        example["channel"] = channel
    if message.counter:
        example["counter"] = message.counter
    return example


def _received(
    report: DraftedReport, document: Mapping[str, Any], found: Interpretation, *, named: bool
) -> list[dict[str, Any]]:
    examples = []
    channel = document["reports"].get(report.name, {}).get("channel")
    for message in _telling(report):
        example: dict[str, Any] = {}
        if report.kind.was_read:
            example["channel"] = report.name
        elif named and channel:
            example["channel"] = channel
        if found.text is not None:
            example["receive_text"] = message.frame.data.decode("ascii")
        else:
            example["receive"] = message.frame.data.hex(" ")
        example["means"] = _meaning(report, message)
        examples.append(example)
    return examples


def _may_be_personal(report: DraftedReport) -> bool:
    """Return whether there may be a serial number in it, which identifies the owner's device."""
    return any(_LETTERS.search(message.payload) for message in report.kind.messages) or any(
        _LETTERS.search(message.frame.data) for message in report.kind.messages
    )


_LETTERS = re.compile(rb"[0-9A-Za-z]{4}")


def _telling(report: DraftedReport) -> list[Unwrapped]:
    """Return a few reports that differ in what they mean."""
    chosen: dict[tuple[Any, ...], Unwrapped] = {}
    step = len(report.kind.messages) // _SAMPLE + 1
    for message in report.kind.messages[::step]:
        meaning = _meaning(report, message)
        words = tuple(sorted((name, str(value)) for name, value in meaning.items() if isinstance(value, str | None)))
        chosen.setdefault(words, message)
    found = list(chosen.values())
    for message in (report.kind.messages[0], report.kind.messages[-1]):
        if len(found) < _MOST_OF_A_REPORT and all(message.payload != each.payload for each in found):
            found.append(message)
    return found[:_MOST_OF_A_REPORT]


def _meaning(report: DraftedReport, message: Unwrapped) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for each in report.fields:
        piece = message.payload[each.at : each.at + each.width]
        try:
            values |= unpack([each.spec], piece, "little")
        except DeviceError:
            continue
    return values
