"""A test home on the real BlueZ: the same devices and the same service from the first test to the last, in their order.

To connect four devices takes some time in the guest, so they stay connected.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from controller.contract.events import EndReason
from tests.bluez.forked import Forker
from tests.bluez.house import House, house
from tests.helpers.service_process import (
    DEVICES,
    EVENT,
    PUMPS,
    ask,
    reading,
    run_states,
    session,
    start,
    technique,
    wait,
)

pytestmark = [pytest.mark.bluez, pytest.mark.asyncio(loop_scope="module")]

COMMANDED = dict.fromkeys(PUMPS, "commanded")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(forker: Forker) -> AsyncIterator[House]:
    async with house(forker.folder, forker) as home:
        yield home


async def test_what_is_near_is_found_and_known(home: House) -> None:
    code, said = await home.forker.run("scan", "--config", str(home.config), "--seconds", "6", "--json")
    rows = {row["name"]: row["profile"] for row in json.loads(said)}
    assert code == 0
    assert rows == {
        "Letdown Pump L": "open-pump",
        "Letdown Pump R": "open-pump",
        "Letdown Pad": "open-warm-pad",
        "Letdown Massager": "open-massager",
    }


async def test_the_service_connects_to_everything_and_reads_it(home: House) -> None:
    await home.begin()
    await home.all_there()
    assert home.links() == list(DEVICES)
    assert run_states(home.other, *DEVICES) == ["stopped"] * 4
    assert all(reading(home.other, device)["battery_percent"] is not None for device in DEVICES)


async def test_a_whole_session(home: House) -> None:
    other = home.other
    await start(other, "classic")
    assert (await ask(other, "answer", question="all", value=False))["outcome"] == "accepted"
    await wait(lambda: run_states(other, "warm-pad") == ["running"])
    await wait(lambda: reading(other, "warm-pad")["surface_celsius"] is not None)
    assert home.on == {"warm-pad"}
    await ask(other, "skip")
    shown: list[tuple[str, str]] = []
    while True:
        await wait(lambda: session(other)["step"] == "stimulate" or technique(other) not in (None, *shown[-1:]))
        if session(other)["step"] == "stimulate":
            break
        shown.append(technique(other) or ("", ""))
        await ask(other, "skip")
    assert {each for each, _ in shown} == {"spiral", "palm-sweep", "roll", "roll-around"}
    await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])
    assert home.on == set(PUMPS)
    await ask(other, "let_down")
    await wait(lambda: [reading(other, pump)["phase"] for pump in PUMPS] == ["expression", "expression"])
    await wait(lambda: all((reading(other, pump)["vacuum_mmhg"] or 0) > 50 for pump in PUMPS))
    while session(other)["state"] != "completed":
        before = session(other)["step_index"]
        await ask(other, "skip")
        await wait(lambda: session(other)["step_index"] != before or session(other)["state"] == "completed")  # noqa: B023
    assert home.on == set()
    outcomes = {step["name"]: step["outcome"] for step in session(other)["steps"]}
    assert outcomes["express"] == "skipped"
    ids = [event["id"] for event in other.values(EVENT)]
    assert len(set(ids)) == len(ids)


async def test_pain_in_mid_expression_stops_everything(home: House) -> None:
    await home.suck()
    assert (await ask(home.other, "pain"))["devices"] == dict.fromkeys(DEVICES, "stopped")
    assert await home.off() == COMMANDED
    await home.ended("stopped")


async def test_a_link_that_is_lost_and_comes_back(home: House) -> None:
    await home.suck()
    home.world.lose_link("left-pump")
    assert await home.off() == {**COMMANDED, "left-pump": "link_lost"}
    await home.ended("tripped")
    await home.all_there()
    await home.settle()


async def test_the_adapter_is_switched_off_and_on(home: House) -> None:
    await home.suck()
    await home.world.power("hci0", on=False)
    # Of two links that end, one does first; then the other pump may still be told to stop. No lease is needed.
    assert set((await home.off()).values()) <= {"link_lost", "commanded"}
    await home.ended("tripped")
    assert home.links() == []
    await home.world.power("hci0", on=True)
    await home.all_there()
    assert "the Bluetooth adapter hci0 is gone" in home.service.log
    assert "the Bluetooth adapter hci0 is back" in home.service.log
    await home.settle()
    assert home.on == set()


async def test_bluetoothd_ends_and_is_started_anew(home: House) -> None:
    await home.suck()
    await home.world.daemon.stop()
    await home.ended("tripped")
    # At once, not when the next write fails: nobody reaches the pumps any more.
    assert session(home.other)["trip"]["kind"] == "link_lost"
    # The kernel may end the links, or keep them; then the lease is what ends a run.
    assert set((await home.off()).values()) <= {"lease_expired", "link_lost"}
    await home.world.daemon.start()
    await home.world.power("hci0", on=True)
    await home.all_there()
    await home.settle()
    assert home.on == set()


async def test_the_service_crashes(home: House) -> None:
    await home.suck()
    await home.crash()
    await asyncio.sleep(1)
    # BlueZ keeps the links of a program that is gone. Only a lease, or the next start, ends what runs.
    assert set(home.links()) >= set(PUMPS)
    assert home.on == set(PUMPS)
    await home.begin()
    await home.off()
    await home.all_there()
    await home.ended("failed")
    assert session(home.other)["reason"] == EndReason.CUT_OFF
    await wait(lambda: session(home.other)["uncertain"] == [])
    assert all("stop" in [each.name for each in home.twin(pump).commands[-5:]] for pump in PUMPS)
    assert "which is connected but not in use" in home.service.log
