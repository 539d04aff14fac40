"""Which report answers commands, and how it names the command: by its own opcode, or by a byte that repeats it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devices.capture.inference.command_templates import TemplateKey
from devices.capture.inference.exchanges import Answered
from devices.capture.inference.report_fields import ReportField
from devices.capture.inference.report_kinds import ReportKind
from devices.capture.inference.unwrapped import Unwrapped

_FEWEST_COMMANDS = 2
_FEWEST_CONTENTS = 3
_RESULTS = (0, 1)
_WIDEST_OPCODE = 2


@dataclass(frozen=True)
class GeneralAnswer:
    """A report that answers several commands.

    `request_at`: where it repeats the opcode, of so many bytes; `result_at`: the result. `keys`: the commands.
    """

    kind: ReportKind
    request_at: int | None
    request_bytes: int
    result_at: int | None
    keys: frozenset[TemplateKey]

    def fields(self) -> list[ReportField]:
        """Return its fields."""
        found = []
        if self.request_at is not None:
            entry: dict[str, Any] = {"request": "u16", "order": "big"} if self.request_bytes > 1 else {"request": "u8"}
            found.append(ReportField(self.request_at, self.request_bytes, entry, "repeats the opcode of a command"))
        if self.result_at is not None:
            code = self.kind.messages[0].payload[self.result_at]
            entry = {"result": "u8", "is": {code: "done"}}
            found.append(ReportField(self.result_at, 1, entry, "was the same in every answer"))
        return found

    def entry(self, report: str) -> dict[str, Any]:
        """Return `answer` as the profile language writes it."""
        entry: dict[str, Any] = {"report": report}
        if self.request_at is not None:
            entry["opcode"] = "request"
        if self.result_at is not None:
            entry |= {"result": "result", "accepted": "done"}
        return entry


def general_answer(answered: Answered, opcode_of: Callable[[Unwrapped], bytes]) -> GeneralAnswer | None:
    """Return the report that answers several kinds of commands, and repeats the opcode of each; or is always alike.

    `opcode_of`: the opcode of a written frame, empty where the frame has none.
    """
    commands_of: dict[TemplateKey, list[TemplateKey]] = {}
    kinds: dict[TemplateKey, ReportKind] = {}
    for command, answers in answered.by_kind.items():
        for kind in answers:
            commands_of.setdefault(kind.key, []).append(command)
            kinds[kind.key] = kind
    found: list[GeneralAnswer] = []
    for report, commands in commands_of.items():
        kind = kinds[report]
        pairs = [pair for command in commands for pair in answered.pairs[command, report]]
        if len({message.content for message, _ in pairs}) < _FEWEST_CONTENTS:
            continue  # one command may have a report of its own
        request_at = _repeats(pairs, opcode_of)
        alike = len({each.payload for _, each in pairs}) == 1
        if request_at is None and not alike:
            continue
        size = len(opcode_of(pairs[0][0])) if request_at is not None else 0
        result_at = _result(kind, range(request_at, request_at + size)) if request_at is not None else None
        found.append(GeneralAnswer(kind, request_at, size, result_at, frozenset(commands)))
    return max(found, key=lambda each: (each.request_at is not None, len(each.keys)), default=None)


def _repeats(pairs: Sequence[tuple[Unwrapped, Unwrapped]], opcode_of: Callable[[Unwrapped], bytes]) -> int | None:
    opcodes = [opcode_of(message) for message, _ in pairs]
    sizes = {len(opcode) for opcode in opcodes}
    if len(set(opcodes)) < _FEWEST_COMMANDS or len(sizes) != 1 or not 1 <= (size := sizes.pop()) <= _WIDEST_OPCODE:
        return None
    for at in range(min(len(report.payload) for _, report in pairs) - size + 1):
        if all(report.payload[at : at + size] == opcode for opcode, (_, report) in zip(opcodes, pairs, strict=True)):
            return at
    return None


def _result(kind: ReportKind, taken: range) -> int | None:
    for at in range(kind.size):
        values = {message.payload[at] for message in kind.messages}
        if at not in taken and len(values) == 1 and values.pop() in _RESULTS:
            return at
    return None


def own_answers(answered: Answered, opcode_of: Callable[[Unwrapped], bytes]) -> Mapping[TemplateKey, ReportKind]:
    """Return the commands that are answered by a report of their own, whose opcode belongs to theirs."""
    distances: dict[int, dict[TemplateKey, ReportKind]] = {}
    for command, kinds in answered.by_kind.items():
        for kind in kinds:
            message, report = answered.pairs[command, kind.key][0]
            one, other = opcode_of(message) or message.payload[:1], report.content.opcode or report.payload[:1]
            if len(one) == len(other) and one:
                distance = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
                distances.setdefault(distance, {}).setdefault(command, kind)
    found: dict[TemplateKey, ReportKind] = {}
    for distance, pairs in distances.items():
        reports = {kind.key for kind in pairs.values()}
        if distance == 0 or (len(pairs) >= _FEWEST_COMMANDS and len(reports) >= _FEWEST_COMMANDS):
            found |= pairs
    return found
