"""Whatever strangers advertise near a whole station: none is connected, nothing starts, and nothing fails."""

from __future__ import annotations

import logging

import pytest
from bumble.device import Device
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from devices.bluetooth.advertisement import Advertisement
from tests.helpers.home import catalog
from tests.helpers.weighed_home import WeighedHome, weighed_home

OWN_ADDRESSES = {"C0:00:00:00:00:51": "weight-scale-service", "C0:00:00:00:00:52": "bookoo-mini-scale"}
SHARED = ("181d", "1809", "180f", "fcd2", "0ffe", "fff0", "ffe0", "ffb0", "fee7", "1910", "a201")  # by many products
MAX_BYTES = 31

_SHARED_UUIDS = st.sampled_from([bytes.fromhex(each)[::-1] for each in SHARED])
_NAMES = st.text(max_size=20).map(str.encode) | st.sampled_from(
    [b"Cuddle 2", b"decent scale", b"Bookoo\0", b"\xff" * 9]
)


def _structure(kind: int, value: bytes) -> bytes:
    return bytes([min(len(value) + 1, 255), kind]) + value


_STRUCTURES = st.one_of(
    st.builds(lambda uuids: _structure(0x03, b"".join(uuids)), st.lists(_SHARED_UUIDS, max_size=5)),
    st.builds(lambda uuid, data: _structure(0x16, uuid + data), _SHARED_UUIDS, st.binary(max_size=24)),
    st.builds(lambda data: _structure(0xFF, data), st.binary(max_size=26)),
    st.builds(_structure, st.sampled_from([0x08, 0x09]), _NAMES),
    st.builds(_structure, st.integers(0, 255), st.binary(max_size=20)),
    st.binary(max_size=MAX_BYTES),  # whose lengths promise what is not there
)
_DATA = st.lists(_STRUCTURES, max_size=4).map(lambda parts: b"".join(parts)[:MAX_BYTES])
STRANGERS = st.lists(
    st.tuples(st.integers(0, 0xFFFF), _DATA, _DATA), min_size=1, max_size=12, unique_by=lambda it: it[0]
)


class Strangers:
    """Devices that can be connected, and count who does."""

    def __init__(self, house: WeighedHome) -> None:
        self.connected = 0
        self._house = house
        self._devices: list[Device] = []

    async def advertise(self, number: int, data: bytes, response: bytes) -> None:
        """Put one on the air with these bytes."""
        device = await self._house.air.add_peripheral(f"{number}", f"D0:00:00:00:{number >> 8:02X}:{number & 255:02X}")
        device.on(device.EVENT_CONNECTION, self._on_connection)
        await device.start_advertising(advertising_data=data, scan_response_data=response)
        self._devices.append(device)

    async def leave(self) -> None:
        """Take all off the air."""
        for device in self._devices:
            await device.stop_advertising()
            self._house.air.remove(device)

    def _on_connection(self, _: object) -> None:
        self.connected += 1


def is_own(found: Advertisement) -> bool:
    return not found.address.startswith("D0:")


@pytest.mark.system
@given(st.lists(STRANGERS, min_size=1, max_size=4))
@settings(
    max_examples=3,
    phases=[Phase.generate],  # each example is a whole home: too slow to look for the smallest
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_no_stranger_is_connected_and_nothing_starts_or_fails(
    caplog: pytest.LogCaptureFixture, crowds: list[list[tuple[int, bytes, bytes]]]
) -> None:
    caplog.clear()
    with caplog.at_level(logging.INFO):
        async with weighed_home(absent=OWN_ADDRESSES) as house:
            pump, before = house.home.twins["pump"], list(house.home.twins["pump"].commands)
            for crowd in crowds:
                strangers = Strangers(house)
                for number, data, response in crowd:
                    await strangers.advertise(number, data, response)
                await house.clock.sleep(30)
                found = [each for each in house.radio.advertisements.values() if not is_own(each)]
                assert len(found) >= len(crowd)
                for each in found:
                    catalog().fitting(each)  # as a scan does
                await strangers.leave()
                assert strangers.connected == 0
            assert [each.name for each in house.station.devices if each.link.connected] == ["pump", "scale"]
            assert [each for each in pump.commands[len(before) :] if each.name != "stop"] == []
            assert not pump.body.run.on
            assert not house.station.running
    wrong = [each for each in caplog.records if each.levelno >= logging.ERROR or each.exc_info]
    assert wrong == []
