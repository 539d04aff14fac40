"""The ranges of cleared pumps, and a virtual pump that has them."""

from __future__ import annotations

import pytest

from devices.roles import Phase, Side
from devices.virtual.breast import Mother
from devices.virtual.open_devices import PumpBody
from tests.helpers.pump_ranges import ProductRanges, pump_ranges

START = {"phase": "expression", "vacuum_mmhg": 250, "rate_cpm": 54, "duration_seconds": 60, "lease_seconds": 10}


def pump(ranges: ProductRanges | None = None) -> PumpBody:
    body = PumpBody(Side.LEFT, Mother(1).left, 1)
    body.ranges = ranges or body.ranges
    return body


def test_all_products_are_there_with_their_source() -> None:
    products = pump_ranges()
    assert len(products) == 9
    assert all(each.source.startswith("K") for each in products.values())


def test_the_range_of_a_phase_prevails_over_that_of_the_product() -> None:
    s12 = pump_ranges()["s12"]
    assert s12.vacuum(Phase.STIMULATION) == (40, 105)
    assert s12.rate(Phase.EXPRESSION) == (28, 85)
    symphony = pump_ranges()["medela-symphony"]
    assert symphony.vacuum(Phase.STIMULATION) == symphony.vacuum(Phase.EXPRESSION) == (50, 250)
    assert symphony.rate(Phase.EXPRESSION) == (0, 120)


def test_levels_are_even_steps_of_a_range() -> None:
    s10 = pump_ranges()["s10"]
    assert s10.level(Phase.EXPRESSION, 1) == 133
    assert s10.level(Phase.EXPRESSION, 9) == s10.level(Phase.EXPRESSION, 99) == 225
    assert s10.level(Phase.STIMULATION, 5) == pytest.approx(78.5)


def test_a_pump_limits_a_vacuum_to_the_highest_of_its_product() -> None:
    body = pump(pump_ranges()["s10"])
    result = body.command("start", START)
    assert (result.result, result.allowed["allowed_vacuum_mmhg"]) == ("limited", 225)
    assert body.values()["limit_vacuum_mmhg"] == 225


@pytest.mark.parametrize(("name", "value"), [("vacuum_mmhg", 100), ("rate_cpm", 19)])
def test_a_pump_refuses_a_vacuum_below_the_lowest_of_its_product(name: str, value: float) -> None:
    body = pump(pump_ranges()["s10"])
    assert body.command("start", {**START, name: value}).result == "out_of_range"
    assert not body.run.on


def test_a_pump_of_no_product_is_the_open_pump() -> None:
    body = pump()
    assert body.command("start", {**START, "vacuum_mmhg": 0, "rate_cpm": 30}).result == "accepted"
    assert body.values()["limit_vacuum_mmhg"] == 250
    assert body.values()["limit_rate_cpm"] == 120


@pytest.mark.parametrize(
    "wrong", [{"vacuum_mmhg": (250, 50)}, {"vacuum_mmhg": (-1, 50)}, {}, {"stimulation": {"vacuum_mmhg": (40, 100)}}]
)
def test_a_product_without_a_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"range|vacuum"):
        ProductRanges.model_validate({"source": "K000000", **wrong})
