"""What happened around a violation, as lines of text: whoever reads that a test failed may not have its records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from tests.fleet.observer import Line, Violation

BEFORE_SECONDS = 8.0
AFTER_SECONDS = 3.0
_OF_DEVICES = ("link_up", "link_down", "on", "off", "command")
_NAMES = ("station", "device", "controller", "node", "revision", "name", "why", "seconds", "code", "nodes", "direction")


def moment(violation: Violation, air: Iterable[Line], others: Iterable[Line]) -> list[str]:
    """Return what was recorded of the station of a violation, and all faults, in order.

    `others`: faults, and changes of owners' keys. Each line begins with its seconds after the violation.
    """
    station = violation.subject.partition("/")[0]
    of_station = [line for line in air if line["what"] in _OF_DEVICES and line["device"].startswith(f"{station}/")]
    more = [line for line in others if line.get("station", station) == station]
    near = [
        line
        for line in sorted([*of_station, *more], key=lambda line: float(line["at"]))
        if -BEFORE_SECONDS <= line["at"] - violation.at <= AFTER_SECONDS
    ]
    return [_text(line, violation.at) for line in near]


def _text(line: Line, at: float) -> str:
    known: Sequence[str] = [f"{name}={json.dumps(line[name])}" for name in _NAMES if line.get(name) is not None]
    return " ".join((f"{line['at'] - at:+.2f}", line["what"], *known))
