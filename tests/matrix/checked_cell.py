"""What every test of a cell does: run it, record what it came to for the table, and hold it to all invariants."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.matrix.cell import run
from tests.matrix.fault import Fault
from tests.matrix.invariants import INVARIANTS
from tests.matrix.moments import Moment

RecordProperty = Callable[[str, object], None]


def parameters(cells: Iterable[tuple[Fault, Moment]]) -> list[Any]:
    """Return cells as the parameters of a test."""
    return [
        pytest.param(
            fault,
            moment,
            id=f"{fault.name}, at {moment.name}",
            marks=[pytest.mark.xfail(strict=True, reason=fault.known[moment.name])]
            if moment.name in fault.known
            else [],
        )
        for fault, moment in cells
    ]


async def check(fault: Fault, moment: Moment, record_property: RecordProperty) -> None:
    """Run a cell and check it."""
    cell = await run(fault, moment)
    record_property("cell", [fault.name, moment.name, cell.off_seconds])
    for invariant in INVARIANTS:
        invariant(cell)
