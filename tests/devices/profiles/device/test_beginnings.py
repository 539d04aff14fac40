"""What a profile can say about a device that begins where it was set last, and about units that change."""

from __future__ import annotations

import pytest

from devices.driver.device_roles import DeviceWarmer
from devices.errors import RefusedError, UncertainError
from devices.support.file_error import FileError
from tests.helpers.peer import Peer, Talk, talking
from tests.helpers.profile_snippets import profile

HEATS = """
    channels:
      power:
        service: "ffb0"
        characteristic: "ffb1"
        write: with-response
        read: true
        fields: [{run_state: u8, is: {0: stopped, 1: running}}]
      target: {service: "ffb0", characteristic: "ffb2", write: with-response, read: true,
               fields: [{target_celsius: u8}]}
    commands:
      switch_on: {channel: power, payload: "01"}
      switch_off: {channel: power, payload: "00"}
      target: {channel: target, payload: [{celsius: u8, range: [20, 50]}]}
      set_target: {sequence: [switch_on, target], begins_at: target_celsius}
      "off": {sequence: [{command: target, values: {celsius: 20}}, switch_off]}
"""
MEASURES = """
    channels:
      unit:
        service: "ffb0"
        characteristic: "ffb1"
        read: true
        fields: [{display_unit: u8, is: {0: fahrenheit, 1: celsius}}]
      actual:
        service: "ffb0"
        characteristic: "ffb2"
        read: true
        notify: true
        fields: [{surface_celsius: u8, unit: display_unit}]
"""


def pad(talk: Talk) -> DeviceWarmer:
    assert isinstance(talk.role, DeviceWarmer)
    return talk.role


def holding(**values: bytes):  # type: ignore[no-untyped-def]
    return lambda peer: peer.readable.update(values)


class TestBeginnings:
    @pytest.mark.parametrize("last", [20, 39, 40])
    async def test_a_device_that_begins_at_no_more_than_is_asked_is_started(self, last: int) -> None:
        async with talking(HEATS, "warmer", prepare=holding(power=b"\0", target=bytes([last]))) as talk:
            await pad(talk).set_target(40, 60, 10)
            assert talk.peer.received == [b"\1", b"\x28"]

    async def test_one_that_begins_at_more_is_not_started_and_the_remedy_is_named(self) -> None:
        async with talking(HEATS, "warmer", prepare=holding(power=b"\0", target=b"\x29")) as talk:
            with pytest.raises(RefusedError, match="left pump would begin at 41, where it was set last, and only 40"):
                await pad(talk).set_target(40, 60, 10)
            assert talk.peer.received == []

    async def test_what_counts_is_read_at_the_start_and_not_some_time_before(self) -> None:
        async with talking(HEATS, "warmer", prepare=holding(power=b"\0", target=b"\x20")) as talk:
            talk.peer.readable["target"] = b"\x30"
            with pytest.raises(RefusedError, match="would begin at 48"):
                await pad(talk).set_target(40, 60, 10)
            del talk.peer.readable["target"]
            with pytest.raises(RefusedError, match="what it begins at was not read"):
                await pad(talk).set_target(40, 60, 10)
            talk.peer.readable["target"] = b"\x20\x20"
            with pytest.raises(RefusedError, match="what it begins at is not known"):
                await pad(talk).set_target(40, 60, 10)
            assert talk.peer.received == []

    async def test_one_that_runs_gets_its_setting_at_once(self) -> None:
        async with talking(HEATS, "warmer", prepare=holding(power=b"\1", target=b"\x30")) as talk:
            await pad(talk).set_target(40, 60, 10)
            assert talk.peer.received == [b"\1", b"\x28"]

    @pytest.mark.parametrize(
        ("was", "becomes", "says"),
        [
            (
                "target_celsius}",
                "run_state}",
                "commands.set_target.begins_at: run_state is not the report of a setting",
            ),
            (
                "target_celsius}",
                "level}",
                "commands.set_target.begins_at: set_target carries no level to compare",
            ),
            ("target_celsius}", "level}", "level must be in a channel that can be read, there are run_state, target_c"),
            ('payload: "01"', 'payload: "01", begins_at: level', "commands.switch_on.begins_at: only a start begins"),
        ],
    )
    def test_what_does_not_fit_is_named(self, was: str, becomes: str, says: str) -> None:
        with pytest.raises(FileError) as wrong:
            profile(HEATS.replace(was, becomes), "warmer")
        assert says in str(wrong.value)


class TestStopsOfSeveralParts:
    async def test_what_comes_first_in_a_stop_does_not_keep_the_rest_from_being_sent(self) -> None:
        def turn_down_targets(peer: Peer) -> None:
            def hear(channel: str, _data: bytes) -> None:
                if channel == "target":
                    raise OSError("no acknowledgement")
                peer.readable["power"] = _data

            peer.on_write = hear

        async with talking(HEATS, "warmer", prepare=holding(power=b"\1", target=b"\x20")) as talk:
            turn_down_targets(talk.peer)
            await pad(talk).stop()  # it says itself that it is off
            assert talk.peer.received == [b"\x14", b"\0"] * 2

    async def test_where_nothing_can_be_read_it_is_not_assumed_to_have_stopped(self) -> None:
        snippet = """
            commands:
              set_target: {payload: "33"}
              slow: {payload: "01"}
              switch_off: {payload: "0f"}
              "off": {sequence: [slow, switch_off]}
        """
        async with talking(snippet, "warmer") as talk:

            def hear(_channel: str, data: bytes) -> None:
                if data == b"\1":
                    raise OSError("no acknowledgement")

            talk.peer.on_write = hear
            with pytest.raises(UncertainError):
                await pad(talk).stop()
            assert talk.peer.received == [b"\1", b"\x0f"] * 2


class TestUnits:
    async def test_a_value_counts_in_the_unit_that_was_there_before_and_after_it(self) -> None:
        async with talking(MEASURES, "warmer", prepare=holding(unit=b"\1", actual=b"\x24")) as talk:
            assert pad(talk).reading.surface_celsius == 36
            talk.peer.notify("actual", b"\x25")
            await talk.clock.sleep(0.1)
            assert pad(talk).reading.surface_celsius == 37
            talk.peer.readable["unit"] = b"\0"
            talk.peer.notify("actual", b"\x63")  # 99 °F, and nobody here knows of it yet
            await talk.clock.sleep(0.1)
            assert pad(talk).reading.surface_celsius == 37
            talk.peer.notify("actual", b"\x63")
            await talk.clock.sleep(0.1)
            assert pad(talk).reading.surface_celsius == pytest.approx(37.2, abs=0.05)

    async def test_a_value_from_before_the_unit_is_known_is_not_known(self) -> None:
        async with talking(MEASURES, "warmer", prepare=holding(unit=b"\7", actual=b"\x24")) as talk:
            assert pad(talk).reading.surface_celsius is None
