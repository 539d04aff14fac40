"""Every fault at every moment of a session: the same must hold in each cell. Run by `make fault-matrix`."""

from __future__ import annotations

import pytest

from tests.matrix.checked_cell import RecordProperty, check, parameters
from tests.matrix.fault import Fault
from tests.matrix.faults import FAULTS
from tests.matrix.moments import MOMENTS, Moment


@pytest.mark.matrix
@pytest.mark.parametrize(("fault", "moment"), parameters((fault, moment) for fault in FAULTS for moment in MOMENTS))
async def test_cell(fault: Fault, moment: Moment, record_property: RecordProperty) -> None:
    await check(fault, moment, record_property)
