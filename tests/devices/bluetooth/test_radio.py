"""The radio: which device is wanted, and that no other one is connected."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

import pytest

from devices.bluetooth.advertisement import ByAddress, ByName
from devices.bluetooth.backend import LISTEN_SECONDS, ConnectedDevice
from devices.bluetooth.radio import Radio
from devices.errors import AdapterUnavailableError, AmbiguousNameError
from devices.roles import LinkState
from devices.support.clock import ScaledClock
from devices.virtual.advertising_data import AdvertisingPacket
from devices.virtual.gatt_server import GattServer
from devices.virtual.transports import Air
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.scripted_radio import NEIGHBOURS, OURS, TWO_ARE_NEAR, ScriptedBackend, Ward, linked


@pytest.fixture
async def ward() -> AsyncIterator[Ward]:
    async with Ward(ScaledClock(math.inf)) as ward:
        yield ward
        ward.stop_advertising()


class TestAnAddress:
    async def test_a_device_is_found_by_its_address_at_once_though_another_has_its_name(self, ward: Ward) -> None:
        finding = asyncio.create_task(ward.found(ByAddress(OURS.lower())))
        ward.advertise_once(NEIGHBOURS)
        ward.advertise_once(OURS)
        assert await finding == (OURS, 0)

    async def test_no_other_device_is_found_by_it(self, ward: Ward) -> None:
        finding = asyncio.create_task(ward.found(ByAddress(OURS)))
        ward.advertise(NEIGHBOURS)
        await ward.clock.sleep(60)
        assert not finding.done()
        finding.cancel()


class TestAName:
    async def test_it_takes_as_long_as_a_second_device_may_take_to_advertise(self, ward: Ward) -> None:
        finding = asyncio.create_task(ward.found(ByName("Pump")))
        await ward.clock.sleep(7)
        ward.advertise_once()
        assert await finding == (OURS, 7 + LISTEN_SECONDS)

    async def test_a_device_received_for_long_enough_is_found_at_once(self, ward: Ward) -> None:
        ward.advertise()
        await ward.clock.sleep(LISTEN_SECONDS + 0.1)
        assert await ward.found(ByName("Pump")) == (OURS, LISTEN_SECONDS + 0.1)

    async def test_after_a_long_silence_the_time_starts_again(self, ward: Ward) -> None:
        ward.advertise()
        await ward.clock.sleep(10)
        ward.stop_advertising()
        await ward.clock.sleep(90)
        ward.advertise_once()
        assert await ward.found(ByName("Pump"), newer_than_seconds=100) == (OURS, 100 + LISTEN_SECONDS)

    async def test_the_time_starts_when_the_name_is_first_advertised(self, ward: Ward) -> None:
        for second in range(10):
            ward.advertise_once(OURS, "Pump" if second == 9 else None)
            await ward.clock.sleep(1)
        assert await ward.found(ByName("Pump")) == (OURS, 9 + LISTEN_SECONDS)

    async def test_a_similar_name_does_not_match(self, ward: Ward) -> None:
        ward.advertise(NEIGHBOURS, "Pump 2")
        ward.advertise(OURS, "Pump")
        assert (await ward.found(ByName("Pump")))[0] == OURS

    async def test_any_other_criterion_may_match_two_devices_too(self, ward: Ward) -> None:
        finding = asyncio.create_task(ward.found(lambda advertisement: advertisement.rssi_dbm == -60))
        ward.advertise_once(OURS)
        await ward.clock.sleep(1)
        ward.advertise_once(NEIGHBOURS)
        with pytest.raises(AmbiguousNameError, match="two devices near are called Pump"):
            await finding


class TestManyNeighbours:
    async def test_old_advertisements_expire(self, ward: Ward) -> None:
        for number in range(500):
            ward.advertise_once(f"40:00:00:00:{number >> 8:02X}:{number & 0xFF:02X}", None)
            await ward.clock.sleep(10)
        ward.advertise_once(OURS)
        assert len(ward.advertisements) <= 2 * 300 / 10 + 1
        assert OURS in ward.advertisements


class TestTwoDevicesOfOneName:
    async def test_neither_is_connected_and_it_is_said_how_to_tell_them_apart(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")) as link:
            ward.advertise(OURS)
            await ward.clock.sleep(LISTEN_SECONDS - 0.1)
            ward.advertise(NEIGHBOURS)
            for _ in range(300):
                await ward.clock.sleep(1)
                assert link.problem == TWO_ARE_NEAR
                assert not link.connected
            assert ward.connected == []

    async def test_neither_is_connected_even_if_one_advertises_rarely(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")):
            ward.advertise(NEIGHBOURS, every_seconds=15)
            ward.advertise(OURS)
            await ward.clock.sleep(3600)
            assert ward.connected == []

    async def test_it_is_connected_when_only_one_has_been_near_for_a_while(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")) as link:
            ward.advertise(OURS)
            ward.advertise(NEIGHBOURS)
            await ward.clock.sleep(60)
            ward.stop_advertising(NEIGHBOURS)
            await ward.clock.sleep(15)
            assert ward.connected == []
            await ward.clock.sleep(45)
            assert ward.connected == [OURS]
            assert link.connected
            assert link.problem is None

    async def test_a_device_received_before_our_link_was_lost_counts(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")) as link:
            ward.advertise(OURS)
            await ward.clock.sleep(LISTEN_SECONDS + 0.1)
            assert link.connected
            ward.stop_advertising()
            await ward.clock.sleep(100)
            ward.advertise_once(NEIGHBOURS)
            ward.lose()
            await ward.clock.sleep(2)
            ward.advertise(OURS)
            await ward.clock.sleep(10)
            assert link.problem == TWO_ARE_NEAR
            assert ward.connected == [OURS]

    async def test_two_that_are_both_gone_do_not_count(self, ward: Ward) -> None:
        ward.advertise_once(OURS)
        ward.advertise_once(NEIGHBOURS)
        await ward.clock.sleep(100)
        async with linked(ward, ByName("Pump")) as link:
            await ward.clock.sleep(100)
            assert link.problem is None
            assert link.state is LinkState.SEARCHING

    async def test_a_device_that_returns_with_another_address_is_found(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")) as link:
            ward.advertise(OURS)
            await ward.clock.sleep(60)
            assert link.connected
            ward.stop_advertising()  # connected, it advertises no more
            await ward.clock.sleep(60)
            ward.lose()
            ward.advertise("C0:00:00:00:00:77")
            await ward.clock.sleep(10)
            assert link.connected
            assert ward.connected == [OURS, "C0:00:00:00:00:77"]

    async def test_a_former_address_of_a_device_delays_it_only_for_a_while(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")) as link:
            ward.advertise(OURS)
            await ward.clock.sleep(60)
            ward.advertise_once(OURS)
            ward.lose()
            ward.stop_advertising()
            ward.advertise("C0:00:00:00:00:77")
            await ward.clock.sleep(60)
            assert link.connected
            assert ward.connected == [OURS, "C0:00:00:00:00:77"]

    async def test_on_the_virtual_air_both_are_received_at_once_and_neither_is_connected(self) -> None:
        clock, air = ScaledClock(math.inf), Air()
        servers = [GattServer(await air.add_peripheral("Pump"), [], AdvertisingPacket("Pump")) for _ in range(2)]
        for server in servers:
            await server.start()
        async with radio_on_air(clock, air) as radio:
            with clock.held(), pytest.raises(AmbiguousNameError, match="two devices near are called Pump"):
                await radio.find(ByName("Pump"), 0)
        for server in servers:
            await server.stop()


class TestConnectionsThatNobodyHas:
    """Those of a controller that crashed: their devices do not advertise."""

    @pytest.fixture
    async def connected(self) -> AsyncIterator[tuple[Radio, list[str]]]:
        class Once(ScriptedBackend):
            async def disconnect(self, device: ConnectedDevice) -> None:
                if self.disconnected:
                    raise AdapterUnavailableError("bluetoothd does not answer")
                await super().disconnect(device)

        backend = Once()
        backend.connected = [ConnectedDevice(OURS, "Pump"), ConnectedDevice(NEIGHBOURS, "Lamp")]
        async with Radio(ScaledClock(math.inf), lambda: contextlib.nullcontext(backend)) as radio:
            yield radio, backend.disconnected

    @pytest.mark.parametrize("wanted", [ByName("Pump"), ByAddress(OURS.lower())])
    async def test_are_ended_before_a_device_is_searched(
        self, connected: tuple[Radio, list[str]], wanted: ByName | ByAddress
    ) -> None:
        radio, disconnected = connected
        await radio.disconnect_unused(wanted)
        assert disconnected == [OURS]
        await radio.disconnect_unused(wanted)  # it cannot be ended: that is no reason not to search

    async def test_another_device_stays_connected(self, connected: tuple[Radio, list[str]]) -> None:
        radio, disconnected = connected
        await radio.disconnect_unused(ByName("Pump 2"))
        assert disconnected == []

    async def test_a_device_that_a_link_has_stays_connected(self, connected: tuple[Radio, list[str]]) -> None:
        radio, disconnected = connected
        with radio.reserved(OURS, "left pump"):
            await radio.disconnect_unused(ByName("Pump"))
        assert disconnected == []
