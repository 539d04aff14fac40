"""A massager that is only on or off runs only where its owner says so."""

from __future__ import annotations

from typing import Any

import pytest

from controller.safety.limits import VIBRATION_INTENSITY
from controller.service.station import RefusedStartError
from devices.driver.device_roles import DeviceMassager
from tests.helpers.healthy_sessions import Plan, run_session

HTK = Plan(routine="duct-vibration", pump=None, massager="htk-breast-massager", comfort_vacuum_mmhg=None)


@pytest.fixture
def asked_of_it(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note how strongly a massager is told to run."""
    asked: list[float] = []
    run = DeviceMassager.run

    async def noted(massager: DeviceMassager, intensity: float, *more: Any) -> None:
        asked.append(intensity)
        await run(massager, intensity, *more)

    monkeypatch.setattr(DeviceMassager, "run", noted)
    return asked


async def test_one_that_is_only_on_or_off_is_not_run(asked_of_it: list[float]) -> None:
    with pytest.raises(RefusedStartError, match="no_massager"):
        await run_session(HTK)
    assert asked_of_it == []


async def test_it_runs_at_full_where_the_owner_says_so(asked_of_it: list[float]) -> None:
    outcome = await run_session(Plan(**(vars(HTK) | {"vibration_at_full": True})))
    assert asked_of_it
    assert set(asked_of_it) == {1.0}
    assert outcome.left_on == ()


async def test_one_that_can_run_low_is_not_run_at_full_for_that(asked_of_it: list[float]) -> None:
    await run_session(Plan(**(vars(HTK) | {"massager": "lovense", "vibration_at_full": True})))
    assert asked_of_it
    assert max(asked_of_it) <= VIBRATION_INTENSITY
