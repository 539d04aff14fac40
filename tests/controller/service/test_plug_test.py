"""The device test of a plug: its stop, its own timer, and whether its pad turns on with it; at the relay."""

from __future__ import annotations

from typing import Any

import pytest

from controller.cli.device_test import run_device_test
from controller.contract.device_test_view import DeviceTestStep
from controller.safety.limits import LEASE_SECONDS
from tests.helpers.plug_simulators import KINDS, PAD_WATTS
from tests.helpers.plugged import Plugged, plugged


class Tried:
    def __init__(self, it: Plugged) -> None:
        self.it = it
        self.lines: list[str] = []
        self.steps: list[DeviceTestStep] = []

    async def run(self) -> bool:
        async def agree(question: str) -> bool:
            self.lines.append(question)
            return True

        return await run_device_test(self.it.device, self.it.clock, self.lines.append, agree, on_step=self.steps.append)

    def one(self, kind: str) -> DeviceTestStep:
        (found,) = [step for step in self.steps if step.kind == kind]
        return found


@pytest.mark.parametrize("profile", KINDS)
async def test_a_good_plug_passes_and_was_off_by_its_own_timer(profile: str) -> None:
    async with plugged(profile, runs=False) as it:
        tried = Tried(it)
        assert await tried.run(), tried.lines
        assert tried.one("pad_on").reading.power_w == PAD_WATTS  # type: ignore[union-attr]
        assert [why for _, _, why in it.plug.changes] == ["commanded", "commanded", "commanded", "timer"]
        assert tried.one("lease_ended").seconds == pytest.approx(LEASE_SECONDS, abs=1)
        assert [step.stopped for step in tried.steps if step.kind == "off"] == ["stopped", "stopped"]
        assert "then again until it switches itself off" in tried.lines[-1] or any(
            "switches itself" in x for x in tried.lines
        )


@pytest.mark.parametrize("profile", KINDS)
async def test_a_pad_that_stays_off_when_power_returns_is_found_out(profile: str) -> None:
    async with plugged(profile, runs=False, electronic_pad=True) as it:
        tried = Tried(it)
        assert not await tried.run()
        assert tried.one("pad_off")
        assert any("stays off when power returns, and cannot be used" in line for line in tried.lines)
        assert not it.plug.on


async def test_without_a_power_meter_the_person_is_to_look() -> None:
    async with plugged("tasmota-plug", runs=False) as it:
        carry_out = it.plug.carry_out

        def without_meter(topic: str, payload: str) -> None:
            if not topic.endswith("Status"):
                carry_out(topic, payload)

        it.plug.carry_out = without_meter  # type: ignore[method-assign]
        tried = Tried(it)
        assert await tried.run()
        assert tried.one("pad_unknown")
        assert any("look whether its pad turned on" in line for line in tried.lines)


async def test_a_plug_whose_timer_does_not_end_it_fails_and_is_stopped() -> None:
    async with plugged("zigbee2mqtt-plug", runs=False) as it:
        plug: Any = it.plug
        run_out = plug._run_out

        async def never(seconds: float) -> None:
            await run_out(seconds + 600)

        plug._run_out = never
        tried = Tried(it)
        assert not await tried.run()
        assert tried.one("lease_not_ended")
        assert not it.plug.on
