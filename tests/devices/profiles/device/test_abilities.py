"""What a profile can say a device is able to do, up to which limit, and before anybody has verified it."""

from __future__ import annotations

import pytest

from devices.driver.device_roles import DeviceWarmer
from devices.driver.role_base import capabilities_of
from devices.errors import LinkLostError, RefusedError, UncertainError
from devices.roles import Capability, Phase, PumpSetting, RunState
from tests.helpers.peer import talking
from tests.helpers.plain_profiles import PLAIN, SEQUENCE, START, STOP, pump
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


class TestLevels:
    @pytest.mark.parametrize(("vacuum_mmhg", "level"), [(60, 1), (89.9, 1), (90, 3), (149.9, 3), (150, 5), (400, 5)])
    async def test_the_highest_level_that_is_not_more_than_was_asked(self, vacuum_mmhg: float, level: int) -> None:
        async with talking(LEVELS) as talk:
            setting = PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=vacuum_mmhg)
            await pump(talk).start(setting, 60, 10)
            await pump(talk).adjust(setting, 900)
            assert talk.peer.received == [bytes([0x33, level]), bytes([0x34, level])]

    async def test_where_even_the_lowest_is_more_nothing_is_sent(self) -> None:
        async with talking(LEVELS) as talk:
            with pytest.raises(RefusedError, match=r"even its lowest level does 60, more than the 59\.9"):
                await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=59.9), 60, 10)
            assert talk.peer.received == []

    @pytest.mark.parametrize(("celsius", "level"), [(36, 1), (39.9, 1), (40, 5), (42, 5)])
    async def test_and_the_same_for_warmth(self, celsius: float, level: int) -> None:
        snippet = """
            commands:
              set_target: {payload: ["33", {level: u8}]}
              "off": {payload: "0f"}
            levels: {celsius: {1: 36, 5: 40}, source: measured for this test}
        """
        async with talking(snippet, "warmer") as talk:
            assert isinstance(talk.role, DeviceWarmer)
            await talk.role.set_target(celsius, 60, 10)
            assert talk.peer.received == [bytes([0x33, level])]

    def test_levels_that_were_measured_can_be_asked_for_in_mmhg(self) -> None:
        measured = capabilities_of(profile(LEVELS), "pump")
        assert {Capability.LEVELS, Capability.VACUUM_MMHG} <= measured
        unmeasured = capabilities_of(profile(LEVELS[: LEVELS.index("    levels:")]), "pump")
        assert Capability.LEVELS in unmeasured
        assert Capability.VACUUM_MMHG not in unmeasured


class TestLimits:
    async def test_the_lower_of_what_the_profile_and_the_device_say(self) -> None:
        snippet = (
            PLAIN
            + """
    limits: {vacuum_mmhg: 250, rate_cpm: 120, run_seconds: 1800}
    reports:
      features: {payload: [{limit_vacuum_mmhg: u8}, {limit_rate_cpm: u8}, {limit_celsius: u8}]}
"""
        )
        async with talking(snippet) as talk:
            assert talk.role.limits.vacuum_mmhg == 250
            talk.peer.report("features", limit_vacuum_mmhg=200, limit_rate_cpm=200, limit_celsius=40)
            limits = talk.role.limits
            assert (limits.vacuum_mmhg, limits.rate_cpm, limits.run_seconds, limits.celsius) == (200, 120, 1800, 40)
            talk.peer.lose_link()
            assert talk.role.limits.vacuum_mmhg == 200  # what a device is, it stays


CAPABILITIES = [
    ("", set()),
    ("own_timer_seconds: 900", {Capability.OWN_TIMER}),
    ("on_link_loss: stops", {Capability.STOPS_ON_LINK_LOSS}),
    ("on_link_loss: continues", set()),
    ("on_link_loss: unknown", set()),
    ("capabilities: [reports_flow]", {Capability.REPORTS_FLOW}),
    ("reports: {a: {payload: [{run_state: u8, is: {0: stopped}}]}}", {Capability.REPORTS_STATE}),
    ("reports: {a: {payload: [{s: u8, flags: {0: let_down}}]}}", {Capability.REPORTS_LET_DOWN}),
    ("reports: {a: {payload: [{flow_ml_per_s: u8}]}}", {Capability.REPORTS_FLOW}),
    ("reports: {a: {payload: [{volume_ml: u8}]}}", {Capability.REPORTS_VOLUME}),
    ("reports: {a: {payload: [{vacuum_mmhg: u8}]}}", {Capability.REPORTS_VACUUM}),
    ("reports: {a: {payload: [{battery_percent: u8}]}}", {Capability.REPORTS_BATTERY}),
]
CARRIED = [
    ("{phase: u8}", {Capability.PHASE}),
    ("{vacuum_mmhg: u8}", {Capability.VACUUM_MMHG}),
    ("{level: u8}", {Capability.LEVELS}),
    ("{rate_cpm: u8}", {Capability.RATE_CPM}),
    ("{duration_seconds: u16}", {Capability.OWN_TIMER}),
    ("{lease_seconds: u8}", set()),  # a lease that cannot be renewed is only a timer
    ("{rest: skip}", set()),
]
MORE_COMMANDS = [
    ("renew: {payload: '66'}", {Capability.LEASE}),
    ("renew: {repeat: start}", {Capability.LEASE}),
    ("pause: {payload: '55'}", set()),
    ("pause: {payload: '55'}\n      resume: {payload: '5a'}", {Capability.PAUSE}),
]


class TestCapabilities:
    @pytest.mark.parametrize(("more", "can"), CAPABILITIES)
    def test_from_reports_and_plain_words(self, more: str, can: set[Capability]) -> None:
        assert capabilities_of(profile(PLAIN + "    " + more), "pump") == {Capability.START, *can}

    @pytest.mark.parametrize(("field", "can"), CARRIED)
    def test_from_what_a_start_carries(self, field: str, can: set[Capability]) -> None:
        snippet = PLAIN.replace('"33"', f'["33", {field}]')
        assert capabilities_of(profile(snippet), "pump") == {Capability.START, *can}

    @pytest.mark.parametrize(("commands", "can"), MORE_COMMANDS)
    def test_from_commands(self, commands: str, can: set[Capability]) -> None:
        assert capabilities_of(profile(PLAIN + "      " + commands), "pump") == {Capability.START, *can}

    def test_what_cannot_be_started_from_here_is_only_read(self) -> None:
        snippet = "    reports: {a: {payload: [{battery_percent: u8}]}}"
        assert capabilities_of(profile(snippet), "pump") == {Capability.REPORTS_BATTERY}

    def test_a_start_that_is_a_sequence_carries_what_its_parts_do(self) -> None:
        assert Capability.LEVELS in capabilities_of(profile(SEQUENCE), "pump")


class TestUnverified:
    async def test_it_is_not_controlled_but_read_and_stopped(self) -> None:
        snippet = PLAIN + "    reports: {a: {payload: [{run_state: u8, is: {0: stopped, 1: running}}]}}"
        async with talking(snippet, may_control=False) as talk:
            assert Capability.START not in talk.role.capabilities
            with pytest.raises(RefusedError, match="the profile of left pump is unverified"):
                await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION), 60, 10)
            assert talk.peer.received == []
            talk.peer.report("a", run_state="running")
            assert talk.role.reading.run_state is RunState.RUNNING
            talk.peer.on_write = lambda _channel, _data: talk.peer.report("a", run_state="stopped")
            await pump(talk).stop()
            assert talk.peer.received == [STOP, STOP]


class TestLostLink:
    async def test_what_ran_is_stopped_before_anything_else_on_a_new_connection(self) -> None:
        snippet = PLAIN + "    on_link_loss: continues"
        async with talking(snippet) as talk:
            await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION), 60, 10)
            talk.peer.lose_link()
            with pytest.raises(UncertainError):
                await pump(talk).stop()
            await talk.until_connected()
            assert talk.peer.received == [START, STOP, STOP]

    async def test_what_never_ran_is_left_alone(self) -> None:
        async with talking(PLAIN) as talk:
            talk.peer.lose_link()
            with pytest.raises(LinkLostError):
                await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION), 60, 10)
            await talk.until_connected()
            assert talk.peer.received == []
