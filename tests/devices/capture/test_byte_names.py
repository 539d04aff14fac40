"""The names above the bytes of a frame are those of the profile's fields, at their places."""

from __future__ import annotations

import pytest

from devices.capture.byte_names import byte_names
from devices.capture.draft import FrameGroup
from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile


def group(name: str | None, size: int) -> FrameGroup:
    return FrameGroup(1, False, ("varying",) * size, ((0.0, bytes(size)),), name)


@pytest.fixture(scope="module")
def open_pump() -> Profile:
    profile = Catalog.load().get("open-pump")
    assert isinstance(profile, Profile)
    return profile


def test_a_command_in_a_frame(open_pump: Profile) -> None:
    pressure = ("vacuum_mmhg", "vacuum_mmhg")
    assert byte_names(open_pump, group("adjust", 8)) == ("", "", "phase", *pressure, "rate_cpm", "", "")


def test_a_report_and_its_flags(open_pump: Profile) -> None:
    names = byte_names(open_pump, group("features", 13))
    assert names[2:6] == ("version", "limit_vacuum_mmhg", "limit_vacuum_mmhg", "limit_rate_cpm")
    assert names[9] == names[10] == "stops_on_disconnect, has_flow_sensor, has_vacuum_sensor, detects_let_down"


def test_a_characteristic_that_is_always_the_same(open_pump: Profile) -> None:
    assert byte_names(open_pump, group("battery", 1)) == ("battery_percent",)


def test_what_is_not_understood_has_no_names_and_a_shorter_frame_no_more_than_its_bytes(open_pump: Profile) -> None:
    assert byte_names(open_pump, group(None, 3)) == ("", "", "")
    assert byte_names(None, group("start", 2)) == ("", "")
    assert byte_names(open_pump, group("start", 3)) == ("", "", "phase")
