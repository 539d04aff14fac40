"""Which answer belongs to which request: by the number that it carries, whatever its code, and never too late."""

from __future__ import annotations

import asyncio

import pytest

from devices.driver.device_roles import DevicePump
from devices.errors import RefusedError, UncertainError
from devices.roles import Phase, PumpSetting, RunState
from devices.tuya.datapoints import Code, DataPoint, DpType
from tests.helpers.faulty_tuya_twin import TuyaSdk
from tests.helpers.tuya_links import Bench, bench

STIMULATION = PumpSetting(phase=Phase.STIMULATION, level=3)
SERVICES = [(3, "a201"), (4, "fd50")]
every_copy = pytest.mark.parametrize("status_code", [Code.STATUS, Code.WRITE], ids=["0003", "0002"])
every_protocol = pytest.mark.parametrize(("protocol", "service"), SERVICES, ids=["v3", "v4"])


async def running(b: Bench) -> DevicePump:
    await b.connected()
    pump = DevicePump(b.device)
    await pump.start(STIMULATION, 900, 10)
    await b.until(lambda: pump.reading.run_state is RunState.RUNNING)
    return pump


@every_copy
@every_protocol
async def test_a_status_request_is_answered_with_its_own_code_or_that_of_a_write(
    protocol: int, service: str, status_code: Code
) -> None:
    async with bench(protocol=protocol, service=service, sdk=TuyaSdk(status_code=status_code)) as b:
        pump = await running(b)
        await b.clock.sleep(20)  # it is asked again and again
        assert b.device.link.connected
        assert (pump.age_seconds or 0) <= 4
        await pump.stop()
        assert b.twin.body.run.state == "stopped"
        assert pump.reading.run_state is RunState.STOPPED


@every_copy
async def test_a_status_request_that_is_refused_is_refused_whatever_its_code(status_code: Code) -> None:
    async with bench(sdk=TuyaSdk(status_code=status_code)) as b:
        pump = await running(b)
        b.twin.faults.refuses = {"status"}
        with pytest.raises(UncertainError):
            await pump.stop()  # it cannot be read back
        assert b.twin.body.run.state == "stopped"


@pytest.mark.parametrize("beside", [-1, 1, 1000])
async def test_an_answer_to_another_message_answers_nothing(beside: int) -> None:
    async with bench() as b:
        await b.connected()
        b.twin.faults.answers_beside_seq = beside
        with pytest.raises(UncertainError, match="did not answer"):
            await DevicePump(b.device).start(STIMULATION, 900, 10)
        assert [name for name, _ in b.twin.writes] == ["settings"]
        assert not b.twin.body.run.on  # its settings were not acknowledged, so it was not started


@every_copy
async def test_an_answer_that_comes_too_late_is_not_taken_for_that_of_the_next_request(status_code: Code) -> None:
    async with bench(sdk=TuyaSdk(status_code=status_code)) as b:
        await b.connected()
        b.twin.faults.keeps_answers = True
        pump = DevicePump(b.device)
        with pytest.raises(UncertainError, match="did not answer"):
            await pump.start(STIMULATION, 900, 10)
        pausing = asyncio.create_task(pump.pause())
        await b.until(lambda: ("pause", True) in b.twin.writes)
        # What it says now is "done" for the settings and for status requests, and nothing about the pause.
        b.twin._kept.pop()
        b.twin.send_kept_answers()
        with pytest.raises(UncertainError, match="did not answer"):
            await pausing


async def test_an_old_acknowledgement_does_not_confirm_a_stop() -> None:
    async with bench() as b:
        pump = await running(b)
        b.twin.faults.keeps_answers = True
        with pytest.raises(UncertainError):
            await b.device.command("adjust", {"phase": "stimulation", "level": 4})
        b.twin.faults.deaf_to = {"stop"}
        stopping = asyncio.create_task(pump.stop())
        await b.clock.sleep(0.2)
        b.twin.send_kept_answers()
        with pytest.raises(UncertainError, match="did not confirm that it stopped"):
            await stopping
        assert b.twin.body.run.running
        b.twin.faults.deaf_to, b.twin.faults.keeps_answers = set(), False
        await pump.stop()
        assert b.twin.body.run.state == "stopped"


@every_protocol
async def test_an_echo_of_what_was_written_does_not_confirm_a_stop(protocol: int, service: str) -> None:
    async with bench("tuya-warmer", protocol=protocol, service=service) as b:
        await b.connected()
        await b.device.command("set_target", {"celsius": 40.0, "duration_seconds": 600}, undone_by="off")
        await b.until(lambda: b.device.values["run_state"] == "running")
        b.twin.faults.echoes = True  # "switch: off", it reports, because that was written to it
        b.twin.faults.deaf_to = {"switch"}
        with pytest.raises(UncertainError, match="did not confirm that it stopped"):
            await b.device.stop("off")
        assert b.twin.body.run.running
        b.twin.faults.deaf_to = set()
        await b.device.stop("off")
        assert not b.twin.body.run.on


async def test_what_was_so_a_while_ago_does_not_count_as_now() -> None:
    """A device reports what it could not report before, with its time. That it was off then does not mean it is off."""
    async with bench() as b:
        pump = await running(b)
        await b.clock.sleep(0.5)
        b.twin.faults.reportless = True
        stopped = DataPoint(105, DpType.RAW, bytes.fromhex("0000 0000 00 01 02 00 01 02 1e 0170"))
        b.twin.report_again([stopped], seconds_ago=60)
        await b.clock.sleep(0.5)
        assert pump.reading.run_state is RunState.RUNNING
        b.twin.report_again([stopped], seconds_ago=1)
        await b.until(lambda: pump.reading.run_state is RunState.STOPPED)


@every_protocol
@pytest.mark.parametrize("beside", [0, 5])
async def test_a_write_is_refused_only_by_the_answer_to_it(protocol: int, service: str, beside: int) -> None:
    async with bench(protocol=protocol, service=service) as b:
        await b.connected()
        b.twin.faults.refuses = {"settings"}
        b.twin.faults.answers_beside_seq = beside
        with pytest.raises(UncertainError if beside else RefusedError):
            await DevicePump(b.device).start(STIMULATION, 900, 10)
        assert b.twin.writes == []
