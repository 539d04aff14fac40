"""The comparison for a reader: docs/buttplug.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SHORT = 12  # so many are written out


def page(result: dict[str, Any]) -> str:
    """Return the page."""
    return "\n".join(_lines(result)).rstrip() + "\n"


def _lines(result: dict[str, Any]) -> Iterator[str]:
    yield "# Our profiles and buttplug"
    yield ""
    yield "Made by `python -m tests.buttplug` (see tests/buttplug/README.md); do not edit."
    yield f"Compared with the device configuration of {result['repository']} at commit"
    yield f"`{result['commit']}`; BSD-3-Clause, and not part of this project."
    yield "What its drivers write was written down by hand from their source, in tests/buttplug/drivers.py."
    yield ""
    yield "| profile | protocol | names in common | characteristics in common | steps | sent as buttplug does |"
    yield "|---|---|---|---|---|---|"
    for name, each in result["profiles"].items():
        same, mine = each["same"], each["ours"]
        steps = "on or off" if mine["steps"] is None else mine["steps"]
        sent = [f"steps {mine['commands']['steps alike']}"]
        sent += [
            verb
            for verb, says in mine["commands"].items()
            if isinstance(says, dict) and "buttplug" in says and says["ours"] == says["buttplug"]
        ]
        yield (
            f"| `{name}` | {each['protocol']} | {len(same['names'])} | {len(same['characteristics'])} | {steps} "
            f"| {', '.join(sent)} |"
        )
    yield ""
    yield "## Where we differ, and why"
    for name, each in result["profiles"].items():
        yield ""
        yield f"### {name}"
        yield ""
        for difference in each["differences"]:
            yield f"- **{difference['what']}**: {difference['why']}"
            for side in ("ours", "buttplug"):
                if side in difference:
                    yield f"  - {side}: {_said(difference[side])}"
        if not each["differences"]:
            yield "Nothing."


def _said(value: Any) -> str:
    if isinstance(value, dict):
        value = [
            f"{key} ({', '.join(map(str, each)) if isinstance(each, list) else each})" for key, each in value.items()
        ]
    if isinstance(value, list):
        more = f", and {len(value) - _SHORT} more in compared.yaml" if len(value) > _SHORT else ""
        return (", ".join(f"`{each}`" for each in value[:_SHORT]) + more) or "none"
    return f"`{value}`"
