"""Several adapters and proxies: through which of them a device is connected."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from devices.bluetooth.advertisement import ByAddress, ByName
from devices.bluetooth.backend import Backend
from devices.bluetooth.radio import Radio
from devices.errors import AdapterUnavailableError, AmbiguousNameError, NoFreeConnectionError
from devices.support.clock import ScaledClock
from tests.helpers.scripted_radio import NEIGHBOURS, OURS, Scanner, ScriptedBackend, turns


class TestSeveralAdapters:
    """Two adapters, to each of which the test sends advertisements."""

    @pytest.fixture
    async def both(self) -> AsyncIterator[Both]:
        async with Both() as both:
            yield both

    async def test_a_device_is_connected_through_the_one_with_the_best_signal(self, both: Both) -> None:
        both.advertise_once("near", rssi_dbm=-50)
        both.advertise_once("far", rssi_dbm=-80)
        assert (await both.find(ByName("Pump"), 0)).adapter == "near"
        both.advertise_once("far", rssi_dbm=-40)
        assert (await both.find(ByName("Pump"), 0)).adapter == "far"
        assert both.advertisements[OURS].adapter == "far"

    async def test_a_device_that_is_bound_to_an_adapter_is_near_though_another_receives_it_better(
        self, both: Both
    ) -> None:
        both.advertise_once("near", rssi_dbm=-50)
        both.advertise_once("far", rssi_dbm=-80)
        assert [each.adapter for each in both.matching(ByName("Pump", "far"))] == ["far"]
        assert [each.adapter for each in both.matching(ByName("Pump"))] == ["near"]

    async def test_two_adapters_may_receive_the_same_device(self, both: Both) -> None:
        both.advertise_once("near")
        both.advertise_once("far")
        assert (await both.find(ByName("Pump"), 0)).address == OURS
        both.advertise_once("far", address=NEIGHBOURS)
        with pytest.raises(AmbiguousNameError, match="two devices near are called Pump"):
            await both.find(ByName("Pump"), 0)

    @pytest.mark.parametrize("wanted", [ByName("Pump", "far"), ByAddress(OURS, "far")])
    async def test_a_device_is_connected_through_the_configured_one(
        self, both: Both, wanted: ByName | ByAddress
    ) -> None:
        finding = asyncio.create_task(both.find(wanted, 0))
        both.advertise_once("near", rssi_dbm=-40)
        await turns()
        assert not finding.done()
        both.advertise_once("far", rssi_dbm=-90)
        assert (await finding).adapter == "far"

    async def test_one_without_a_free_connection_is_skipped(self, both: Both) -> None:
        both.free["near"] = 0
        both.advertise_once("near", rssi_dbm=-40)
        both.advertise_once("far", rssi_dbm=-90)
        assert (await both.find(ByName("Pump"), 0)).adapter == "far"
        both.free["far"] = 0
        with pytest.raises(NoFreeConnectionError, match="cannot be connected to one more device"):
            await both.find(ByName("Pump"), 0)

    async def test_one_that_received_it_long_ago_is_skipped(self, both: Both) -> None:
        both.advertise_once("near", rssi_dbm=-40)
        await both.clock.sleep(30)
        both.advertise_once("far", rssi_dbm=-90)
        assert (await both.find(ByName("Pump"), 0)).adapter == "far"

    async def test_one_that_cannot_be_opened_is_retried_while_the_other_is_used(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("devices.bluetooth.adapter._REOPEN_SECONDS", 0.001)
        both = Both()
        both.absent.add("near")
        async with both:
            both.advertise_once("far")
            assert (await both.find(ByName("Pump"), 0)).adapter == "far"
            both.absent.clear()
            async with asyncio.timeout(5):
                while "near" not in both.scanners:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.001)

    async def test_one_that_returned_under_another_name_is_gone(self, both: Both) -> None:
        both.advertise_once("near")
        advertisement = await both.find(ByName("Pump"), 0)
        both.adapters[0].backend = ScriptedBackend(name="new")
        with pytest.raises(AdapterUnavailableError, match="near is gone"):
            await both.connect(advertisement, "pump", lambda: None)

    async def test_without_any_opening_the_radio_fails(self) -> None:
        both = Both()
        both.absent |= {"near", "far"}
        with pytest.raises(AdapterUnavailableError, match="near is not there: use --virtual"):
            async with both:
                pass


class Both(Radio):
    """Two adapters. `free`: their free connections; `absent`: those that are not there."""

    def __init__(self) -> None:
        self.clock = ScaledClock(math.inf)
        self.scanners: dict[str, Scanner] = {}
        self.free: dict[str, int | None] = {"near": None, "far": None}
        self.absent: set[str] = set()
        super().__init__(self.clock, self._backend("near"), self._backend("far"))

    def _backend(self, name: str) -> Callable[[], contextlib.AbstractAsyncContextManager[Backend]]:
        @contextlib.asynccontextmanager
        async def opened() -> AsyncIterator[Backend]:
            if name in self.absent:
                raise AdapterUnavailableError(f"{name} is not there")

            class Mine(Scanner):
                def __init__(scanner, *arguments: Any, **options: Any) -> None:  # noqa: N805 - `self` is the radio
                    super().__init__(*arguments, **options)
                    self.scanners[name] = scanner

            class Limited(ScriptedBackend):
                def free_connections(_) -> int | None:  # noqa: N805 - `self` is the radio
                    return self.free[name]

            yield Limited(Mine, name)

        return opened

    def advertise_once(self, adapter: str, *, address: str = OURS, rssi_dbm: int = -60) -> None:
        self.scanners[adapter].advertise_once(address, "Pump", rssi_dbm)
