from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.virtual.device_body import MASSAGER_HOURS, PAD_HOURS, PUMP_HOURS, Battery


@pytest.mark.parametrize("hours", [PUMP_HOURS, PAD_HOURS, MASSAGER_HOURS])
def test_a_full_battery_lasts_its_hours_of_running(hours: float) -> None:
    battery = Battery(hours)
    assert battery.percent == 100
    battery.advance(hours * 1800, running=True)
    assert battery.percent == 50
    battery.advance(hours * 3600 - 60, running=True)
    assert not battery.empty
    battery.advance(hours * 3600 + 1, running=True)
    assert battery.empty
    assert battery.percent == 0


def test_a_resting_device_keeps_its_charge() -> None:
    battery = Battery(2, percent=40)
    battery.advance(10_000, running=False)
    assert battery.percent == 40
    battery.advance(10_000 + 720, running=True)
    assert battery.percent == 30


def test_a_reading_is_rounded_down() -> None:
    assert Battery(2, percent=40.9).percent == 40
    assert Battery(2, percent=0.5).percent == 0
    assert not Battery(2, percent=0.5).empty


def test_many_small_steps_lose_no_percent() -> None:
    battery = Battery(3)
    for count in range(1, 54_001):
        battery.advance(count / 10, running=True)
    assert battery.percent == 50


def test_invalid_values_are_refused() -> None:
    with pytest.raises(ValueError, match="hours"):
        Battery(0)
    with pytest.raises(ValueError, match="percent"):
        Battery(2, percent=101)


@given(
    hours=st.floats(0.1, 20),
    percent=st.floats(0, 100),
    times=st.lists(st.tuples(st.floats(0, 1e6), st.booleans()), max_size=20),
)
def test_charge_stays_within_0_and_100_and_never_rises(
    hours: float, percent: float, times: list[tuple[float, bool]]
) -> None:
    battery = Battery(hours, percent=percent)
    last = battery.percent
    for seconds, running in times:
        battery.advance(seconds, running=running)
        assert 0 <= battery.percent <= last
        last = battery.percent
