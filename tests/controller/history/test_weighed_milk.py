"""Milk that a scale weighed is kept under that name, and counts before what a pump measured."""

from __future__ import annotations

from controller.contract.session_state import Volume
from controller.history.open_session import milk_of
from devices.roles import Side


def test_each_figure_has_its_source() -> None:
    found = milk_of(Volume(left=60), Volume(left=61.5, both=80))
    assert [(each.side, each.source, each.ml) for each in found] == [
        (Side.LEFT, "measured", 60),
        (Side.LEFT, "weighed", 61.5),
        (Side.BOTH, "weighed", 80),
    ]
