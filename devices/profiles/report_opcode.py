"""The opcode of a report: fixed, or that of the command that it answers. Pure."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from devices.driver.vocabulary import hex_bytes
from devices.roles import Frozen

_OF_COMMAND = re.compile(r"command(?: ?\+ ?((?:[0-9a-fA-F]{2}){1,4}))?")


class CommandOpcode(Frozen):
    """The opcode of the command that a report answers, and `plus`: by how much it is higher.

    In a file: `opcode: command`, or `opcode: command + 80`, in hex digits. It begins anew at 0 after the highest.
    """

    plus: int = 0

    def sent_for(self, command: bytes) -> bytes:
        """Return the opcode of the report that answers a command of that opcode."""
        return self._moved(command, self.plus)

    def command_of(self, report: bytes) -> bytes:
        """Return the opcode of the command that a report of that opcode answers."""
        return self._moved(report, -self.plus)

    @staticmethod
    def _moved(opcode: bytes, by: int) -> bytes:
        size = len(opcode)
        return ((int.from_bytes(opcode, "big") + by) % (1 << 8 * size)).to_bytes(size, "big")


def _report_opcode(value: object) -> object:
    if not isinstance(value, str) or not value.strip().startswith("command"):
        return value if value is None or isinstance(value, CommandOpcode) else hex_bytes(value)
    found = _OF_COMMAND.fullmatch(value.strip())
    if found is None:
        raise ValueError(
            "the command's own opcode is written `command`, or `command + 80` where it is higher by 80 (hex)"
        )
    return CommandOpcode(plus=int(found[1] or "0", 16))


ReportOpcode = Annotated[bytes | CommandOpcode | None, BeforeValidator(_report_opcode)]
