"""What the roles tell the controller of a device: its least, its target, its address, and whether it can be stopped."""

from __future__ import annotations

import pytest

from devices.driver.device_roles import DeviceMassager, DeviceWarmer, roles_of
from devices.errors import RefusedError
from devices.roles import Side
from tests.helpers.peer import ADDRESS, Talk, talking
from tests.helpers.plain_profiles import PLAIN, pump
from tests.helpers.profile_snippets import profile

LEVELS = """
    commands:
      start: {payload: ["33", {level: u8, range: [1, 9]}]}
      adjust: {payload: ["34", {level: u8, range: [1, 9]}]}
      stop: {payload: "0f"}
    levels:
      vacuum_mmhg: {1: 60, 2: 90, 3: 90, 5: 150}
      source: measured for this test
"""
LEVEL_REPORT = """
    reports:
      level: {payload: ["01", {level: u8, unknown: 255}]}
      target: {payload: ["02", {level: u8}, {TARGET: u8, unknown: 255}]}
"""
WARMTH = """
    commands:
      set_target: {payload: ["33", {level: u8}]}
      "off": {payload: "0f"}
    levels: {celsius: {1: 36, 5: 40}, source: measured for this test}
"""
MASSAGER = """
    commands:
      run: {payload: ["33", %s]}
      stop: {payload: "0f"}
"""
JOINED = """
    commands:
      set_target: {payload: "33"}
      "off": {payload: "0f"}
"""


def massager(talk: Talk) -> DeviceMassager:
    assert isinstance(talk.role, DeviceMassager)
    return talk.role


class TestReportedLevels:
    """A device that reports only a level is set to what the level was measured to do."""

    only_levels = LEVEL_REPORT[: LEVEL_REPORT.index("      target")]

    @pytest.mark.parametrize(("level", "target_mmhg"), [(1, 60), (5, 150), (4, None), (None, None)])
    async def test_a_pump_reports_its_target(self, level: int | None, target_mmhg: float | None) -> None:
        async with talking(LEVELS + self.only_levels) as talk:
            assert pump(talk).reading.target_vacuum_mmhg is None
            talk.peer.report("level", level=level)
            assert pump(talk).reading.level == level
            assert pump(talk).reading.target_vacuum_mmhg == target_mmhg

    @pytest.mark.parametrize(("level", "target_celsius"), [(1, 36), (5, 40), (2, None)])
    async def test_a_compress_reports_its_target(self, level: int, target_celsius: float | None) -> None:
        async with talking(WARMTH + self.only_levels, "warmer") as talk:
            assert isinstance(talk.role, DeviceWarmer)
            talk.peer.report("level", level=level)
            assert talk.role.reading.target_celsius == target_celsius

    @pytest.mark.parametrize("told", [70, None])
    async def test_the_target_that_a_pump_reports_comes_first(self, told: int | None) -> None:
        async with talking(LEVELS + LEVEL_REPORT.replace("TARGET", "target_vacuum_mmhg")) as talk:
            talk.peer.report("level", level=5)
            assert pump(talk).reading.target_vacuum_mmhg is None
            talk.peer.report("target", level=5, target_vacuum_mmhg=told)
            assert pump(talk).reading.target_vacuum_mmhg == told

    async def test_the_target_that_a_compress_reports_comes_first(self) -> None:
        async with talking(WARMTH + LEVEL_REPORT.replace("TARGET", "target_celsius"), "warmer") as talk:
            assert isinstance(talk.role, DeviceWarmer)
            talk.peer.report("target", level=5, target_celsius=38)
            assert talk.role.reading.target_celsius == 38

    async def test_unmeasured_levels_give_no_mmhg(self) -> None:
        async with talking(LEVELS[: LEVELS.index("    levels:")] + self.only_levels) as talk:
            talk.peer.report("level", level=5)
            assert pump(talk).reading.target_vacuum_mmhg is None


class TestLeast:
    async def test_it_is_among_the_limits_beside_what_the_device_says(self) -> None:
        report = "    reports: {features: {payload: [{limit_vacuum_mmhg: u8}]}}"
        async with talking(LEVELS + report) as talk:
            talk.peer.report("features", limit_vacuum_mmhg=200)
            limits = talk.role.limits
            assert (limits.vacuum_mmhg, limits.least_vacuum_mmhg, limits.least_level) == (200, 60, 1)

    @pytest.mark.parametrize(("intensity", "sent"), [(0.25, 1), (0.3, 1), (0.499, 1), (0.5, 2), (1, 4)])
    async def test_a_massager_does_at_most_what_was_asked(self, intensity: float, sent: int) -> None:
        async with talking(MASSAGER % "{intensity: u8, full_scale: 4}", "massager") as talk:
            await massager(talk).run(intensity, 60, 10, Side.BOTH)
            assert talk.peer.received == [bytes([0x33, sent])]

    @pytest.mark.parametrize(
        ("field", "intensity", "least"),
        [
            ("{intensity: u8, full_scale: 4}", 0.24, "0.25"),  # would be rounded down to nothing
            ("{intensity: u8, full_scale: 4}", 0, "0.25"),
            ("{intensity: u8, full_scale: 4, range: [0.3, 1]}", 0.3, "0.50"),  # would be rounded up
            ("{side: u8, is: {1: both}}", 0.33, "1.00"),  # would be all it has
        ],
    )
    async def test_and_is_not_started_where_that_is_less_than_its_least(
        self, field: str, intensity: float, least: str
    ) -> None:
        async with talking(MASSAGER % field, "massager") as talk:
            with pytest.raises(RefusedError, match=f"can be set to {least} of its strength at least"):
                await massager(talk).run(intensity, 60, 10, Side.BOTH)
            assert talk.peer.received == []

    async def test_one_without_a_strength_runs_when_all_of_it_is_asked_for(self) -> None:
        async with talking(MASSAGER % "{side: u8, is: {1: both}}", "massager") as talk:
            await massager(talk).run(1, 60, 10, Side.BOTH)
            assert talk.peer.received == [b"\x33\x01"]


class TestIdentity:
    async def test_the_address_is_that_of_the_device_last_seen(self) -> None:
        async with talking(PLAIN, connected=False) as talk:
            assert talk.role.address is None
            await talk.until_connected()
            assert talk.role.address == ADDRESS
            talk.peer.lose_link()
            assert talk.role.address == ADDRESS

    async def test_all_roles_of_a_device_have_its_name(self) -> None:
        described = profile(JOINED, "pump, warmer")
        async with talking(JOINED, "pump, warmer") as talk:
            roles = roles_of(talk.device)
            assert [role.name for role in roles] == [f"left pump-{role}" for role in described.roles]
            assert {role.device_name for role in roles} == {"left pump"}


class TestStoppable:
    @pytest.mark.parametrize(
        ("snippet", "may_control", "can_stop"),
        [
            (PLAIN, True, True),
            (PLAIN, False, False),
            ("    reports: {a: {payload: [{run_state: u8, is: {0: stopped}}]}}", True, False),
        ],
    )
    async def test_what_has_a_stop_and_may_be_sent_it(self, snippet: str, may_control: bool, can_stop: bool) -> None:
        async with talking(snippet, may_control=may_control) as talk:
            assert talk.role.can_stop is can_stop

    async def test_each_role_has_a_stop_of_its_own(self) -> None:
        async with talking(JOINED, "pump, warmer") as talk:
            assert [role.can_stop for role in roles_of(talk.device)] == [False, True]
