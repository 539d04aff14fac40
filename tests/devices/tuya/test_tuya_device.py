"""Starting, stopping and what goes wrong in between, through the same roles and the virtual radio."""

from __future__ import annotations

import asyncio

import pytest

from devices.driver.device_roles import DeviceMassager, DevicePump, DeviceWarmer
from devices.errors import LinkLostError, RefusedError, UncertainError
from devices.roles import Phase, PumpSetting, RunState, Side
from tests.helpers.tuya_links import Bench, bench

STIMULATION = PumpSetting(phase=Phase.STIMULATION, level=3)
EXPRESSION = PumpSetting(phase=Phase.EXPRESSION, level=5)
both_protocols = pytest.mark.parametrize(("protocol", "service"), [(3, "a201"), (4, "fd50")], ids=["v3", "v4"])


def pump_of(b: Bench) -> DevicePump:
    return DevicePump(b.device)


async def started(b: Bench) -> DevicePump:
    await b.connected()
    pump = pump_of(b)
    await pump.start(STIMULATION, 900, 10)
    await b.until(lambda: pump.reading.run_state is RunState.RUNNING)
    return pump


def names(b: Bench) -> list[str]:
    return [name for name, _ in b.twin.writes]


@both_protocols
async def test_a_pump_starts_changes_pauses_goes_on_and_stops(protocol: int, service: str) -> None:
    async with bench(protocol=protocol, service=service) as b:
        pump = await started(b)
        assert pump.reading.phase is Phase.STIMULATION
        assert b.twin.body.level == 3
        await pump.adjust(EXPRESSION, 900)
        await b.until(lambda: pump.reading.phase is Phase.EXPRESSION)
        assert b.twin.body.level == 5
        await pump.pause()
        await b.until(lambda: pump.reading.run_state is not RunState.RUNNING)
        assert b.twin.body.run.state == "paused"
        await pump.resume()
        await b.until(lambda: pump.reading.run_state is RunState.RUNNING)
        await pump.stop()
        assert pump.reading.run_state is RunState.STOPPED
        assert b.twin.body.run.state == "stopped"
        assert names(b) == [
            *["settings", "start", "expression_level", "switch_phase", "pause", "start"],
            *["stop", "stop"],  # at once, and once more behind everything
        ]
        assert b.device.dropped_packets == 0


async def test_a_running_device_is_never_silent_for_long() -> None:
    async with bench() as b:
        pump = await started(b)
        for _ in range(40):
            await b.clock.sleep(0.5)
            assert (pump.age_seconds or 0) <= 4


async def test_a_silent_device_is_polled_and_its_values_age_without_an_answer() -> None:
    async with bench() as b:
        await b.connected()
        pump = pump_of(b)
        await b.clock.sleep(60)
        assert pump.age_seconds is not None
        assert pump.age_seconds <= 4
        b.twin.faults.mute = True
        await b.clock.sleep(20)
        assert pump.age_seconds > 15


async def test_a_device_stops_at_the_end_of_its_timer_and_reports_it() -> None:
    async with bench() as b:
        pump = await started(b)
        b.twin.body.run._until_seconds = b.clock.now() + 5
        await b.until(lambda: pump.reading.run_state is RunState.STOPPED)


async def test_a_stop_overtakes_a_start_that_is_on_its_way() -> None:
    async with bench() as b:
        await b.connected()
        pump = pump_of(b)
        starting = asyncio.create_task(pump.start(EXPRESSION, 900, 10))
        waiting = asyncio.create_task(pump.adjust(STIMULATION, 900))
        for _ in range(6):
            await asyncio.sleep(0)
        await pump.stop()
        for task in (starting, waiting):
            with pytest.raises(RefusedError, match="superseded by a stop"):
                await task
        assert b.twin.body.run.state == "stopped"
        assert "start" not in names(b)[names(b).index("stop") :]
        assert b.device.link.connected  # it would have dropped the link for numbers out of order


@pytest.mark.parametrize("writes", [{"write"}, {"write", "write-without-response"}], ids=["acknowledged", "at once"])
@pytest.mark.parametrize("turns", range(0, 60, 5))
async def test_a_stop_wins_whenever_it_comes(turns: int, writes: set[str]) -> None:
    async with bench(protocol=4, writes=writes) as b:
        await b.connected()
        pump = pump_of(b)
        starting = asyncio.create_task(pump.start(STIMULATION, 900, 10))
        for _ in range(turns):
            await asyncio.sleep(0)
        await pump.stop()
        await asyncio.gather(starting, return_exceptions=True)
        await b.clock.sleep(2)
        assert b.twin.body.run.state == "stopped"
        assert b.device.link.connected


async def test_many_stops_at_once_are_one() -> None:
    async with bench() as b:
        pump = await started(b)
        await asyncio.gather(*(pump.stop() for _ in range(10)))
        assert b.twin.body.run.state == "stopped"
        assert b.device.link.connected


async def test_a_stop_goes_on_when_its_caller_is_cancelled() -> None:
    async with bench() as b:
        pump = await started(b)
        stopping = asyncio.create_task(pump.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        await b.until(lambda: b.twin.body.run.state == "stopped")
        await b.until(lambda: pump.reading.run_state is RunState.STOPPED)


async def test_a_device_that_acknowledges_a_stop_and_goes_on_is_uncertain() -> None:
    async with bench() as b:
        pump = await started(b)
        b.twin.faults.deaf_to = {"stop"}
        began_seconds = b.clock.now()
        with pytest.raises(UncertainError, match="did not confirm that it stopped"):
            await pump.stop()
        assert b.clock.now() - began_seconds <= 2.1
        b.twin.faults.deaf_to = set()
        await pump.stop()
        assert b.twin.body.run.state == "stopped"


async def test_a_device_that_falls_silent_is_stopped_and_uncertain() -> None:
    async with bench() as b:
        pump = await started(b)
        b.twin.faults.mute = True
        with pytest.raises(UncertainError):
            await pump.stop()
        assert b.twin.body.run.state == "stopped"


async def test_an_old_report_does_not_confirm_a_stop() -> None:
    async with bench() as b:
        pump = await started(b)
        b.twin.faults.reportless = True
        b.device.values["run_state"] = RunState.STOPPED  # as if it had been said before the start
        with pytest.raises(UncertainError):
            await pump.stop()


async def test_a_device_that_refuses_to_be_asked_is_uncertain_in_time() -> None:
    async with bench() as b:
        pump = await started(b)
        b.twin.faults.refuses = {"status"}
        began_seconds = b.clock.now()
        with pytest.raises(UncertainError):
            await pump.stop()
        assert b.clock.now() - began_seconds <= 2.1
        assert b.twin.body.run.state == "stopped"


async def test_what_a_device_turns_down_is_refused_and_never_started() -> None:
    async with bench() as b:
        await b.connected()
        b.twin.faults.refuses = {"settings"}
        with pytest.raises(RefusedError, match="code 1"):
            await pump_of(b).start(STIMULATION, 900, 10)
        assert names(b) == []


async def test_a_setting_that_does_not_fit_is_refused_before_any_radio() -> None:
    async with bench() as b:
        await b.connected()
        with pytest.raises(RefusedError, match="from 1 to 9"):
            await pump_of(b).start(PumpSetting(phase=Phase.EXPRESSION, level=12), 900, 10)
        assert names(b) == []


async def test_an_unverified_device_is_only_read_until_its_owner_allows_more() -> None:
    async with bench(may_control=False) as b:
        await b.connected()
        with pytest.raises(RefusedError, match="allow_unverified"):
            await pump_of(b).start(STIMULATION, 900, 10)
        assert names(b) == []


@both_protocols
async def test_what_runs_on_after_a_lost_link_is_stopped_before_anything_else(protocol: int, service: str) -> None:
    async with bench(protocol=protocol, service=service) as b:
        pump = await started(b)
        b.lose_link()
        await b.until(lambda: not pump.connected)
        assert b.twin.body.run.running  # the worse case
        assert pump.age_seconds is None
        assert pump.reading.run_state is RunState.UNKNOWN
        with pytest.raises(UncertainError):
            await pump.stop()
        with pytest.raises(LinkLostError):
            await pump.start(STIMULATION, 900, 10)
        told = len(b.twin.writes)
        await b.connected()
        assert names(b)[told:] == ["stop", "stop"]
        assert b.twin.body.run.state == "stopped"
        assert pump.reading.run_state is RunState.STOPPED


async def test_a_device_that_cannot_be_stopped_after_a_lost_link_is_tried_again() -> None:
    async with bench() as b:
        pump = await started(b)
        b.twin.faults.deaf_to = {"stop"}
        b.lose_link()
        await b.until(lambda: "did not confirm that it stopped" in b.trouble)
        assert not pump.connected
        b.twin.faults.deaf_to = set()
        await b.connected()
        assert b.twin.body.run.state == "stopped"


async def test_a_stop_during_a_lost_link_is_uncertain_at_once() -> None:
    async with bench() as b:
        pump = await started(b)
        b.twin.faults.mute = True
        stopping = asyncio.create_task(pump.stop())
        await b.clock.sleep(0.1)
        b.lose_link()
        with pytest.raises((UncertainError, LinkLostError)):
            await stopping


async def test_an_answer_that_is_lost_is_uncertain_and_the_start_is_not_sent_again() -> None:
    async with bench() as b:
        await b.connected()
        b.twin.faults.lose_packets = 1
        with pytest.raises(UncertainError, match="did not answer"):
            await pump_of(b).start(STIMULATION, 900, 10)
        assert names(b) == ["settings"]


@pytest.mark.parametrize("fault", ["lose_packets", "swap_packets", "garble"])
async def test_a_spoiled_report_is_dropped_counted_and_followed_by_good_ones(fault: str) -> None:
    async with bench() as b:
        pump = await started(b)
        await b.clock.sleep(0.5)
        setattr(b.twin.faults, fault, 2)
        await b.until(lambda: getattr(b.twin.faults, fault) == 0)
        await b.until(lambda: b.device.dropped_packets >= 2)
        elapsed = b.device.values["elapsed_seconds"]
        await b.until(lambda: b.device.values["elapsed_seconds"] != elapsed)
        assert pump.reading.run_state is RunState.RUNNING
        await pump.stop()


async def test_listeners_are_called_for_reports_and_link_changes() -> None:
    async with bench() as b:
        heard: list[object] = []
        unsubscribe = b.device.state.on_change(lambda: heard.append(b.device.values.get("run_state")))
        await started(b)
        assert "stopped" in heard
        assert "running" in heard
        unsubscribe()
        heard.clear()
        await b.clock.sleep(3)
        assert heard == []


async def test_a_warmer_of_the_owners_ids_warms_and_is_switched_off() -> None:
    async with bench("tuya-warmer") as b:
        await b.connected()
        warmer = DeviceWarmer(b.device)
        await warmer.set_target(39.5, 600, 10)
        await b.until(lambda: warmer.reading.run_state is RunState.RUNNING)
        assert warmer.reading.target_celsius == 39.5
        await warmer.stop()
        assert b.twin.writes == [
            ("target_celsius", 39.5),
            ("countdown", 600),
            ("switch", True),
            ("countdown", 600),
            ("switch", False),
            ("switch", False),
        ]
        assert warmer.reading.run_state is RunState.STOPPED


async def test_a_blanket_reports_its_temperature() -> None:
    async with bench("tuya-blanket") as b:
        await b.connected()
        warmer = DeviceWarmer(b.device)
        cold_celsius = warmer.reading.surface_celsius
        assert cold_celsius == round(b.twin.body.pad.surface_celsius)
        await warmer.set_target(40, 600, 10)
        await b.until(lambda: (warmer.reading.surface_celsius or 0) >= cold_celsius + 5, at_most_seconds=120)
        await warmer.stop()


async def test_a_massager_runs_and_stops() -> None:
    async with bench("tuya-massage-chair") as b:
        await b.connected()
        massager = DeviceMassager(b.device)
        await massager.run(0.7, 120, 10, Side.BOTH)
        await b.until(lambda: massager.reading.run_state is RunState.RUNNING)
        assert ("speed", 2) in b.twin.writes
        assert ("minutes", 120) in b.twin.writes
        await massager.stop()
        assert massager.reading.run_state is RunState.STOPPED
