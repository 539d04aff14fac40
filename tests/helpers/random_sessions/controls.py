"""The same machine, with what is done beside the controller: at the devices, the wall clock, and the disk."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from devices.roles import Phase
from tests.helpers.home import PUMPS
from tests.helpers.random_sessions.answer_invariants import QUESTIONS
from tests.helpers.random_sessions.sessions import RandomSessions, devices

_VALUES = {"warm-pad": [36, 38, 41, 41.5, 42, 60], "massager": [0, 0.1, 1 / 3, 0.5, 1]}  # the pumps': in mmHg
_PUMP_MMHG = [0, 40, 60, 100, 120, 150, 200, 250, 300]
_THEN_SECONDS = st.sampled_from([0.0, 0.4, 2.0, 5.0, 12.0, 40.0, 125.0])
_HOUR_SECONDS = 3600.0


class RandomControls(RandomSessions):
    """Random sessions in which somebody uses the devices' own controls, too."""

    @rule(key=devices, data=st.data(), phase=st.sampled_from(Phase), in_session=st.booleans(), then=_THEN_SECONDS)
    def press_on(self, key: str, data: st.DataObject, phase: Phase, in_session: bool, then: float) -> None:
        """Switch a device on at the device, or change what it does."""
        value = data.draw(st.sampled_from(_VALUES.get(key, _PUMP_MMHG)))

        async def press() -> None:
            if in_session:
                await self.in_session()
            self.world.faults[key].press_on(value, phase)
            await self.world.clock.sleep(then)

        self.run(press())

    @rule(key=st.sampled_from(PUMPS), vacuum_mmhg=st.sampled_from(_PUMP_MMHG), then=_THEN_SECONDS)
    def press_vacuum(self, key: str, vacuum_mmhg: float, then: float) -> None:
        async def press() -> None:
            await self.in_session()
            self.world.faults[key].press_vacuum(vacuum_mmhg)
            await self.world.clock.sleep(then)

        self.run(press())

    @rule(
        key=devices,
        fault=st.sampled_from(["ignores changes", "refuses adjust", "misses adjust", "least vacuum"]),
        in_session=st.booleans(),
        how_long=st.sampled_from([2.0, 6.0, 12.0]),
    )
    def turn_up_and_refuse(self, key: str, fault: str, in_session: bool, how_long: float) -> None:
        """Turn a device up as far as it goes; for a while, it cannot be turned down from here."""
        fault = fault if key in PUMPS else "ignores changes"

        async def turn_up() -> None:
            if in_session:
                await self.in_session()
            self.world.faults[key].press_on(_VALUES.get(key, _PUMP_MMHG)[-1])
            self.world.faults[key].inject(fault)
            await self.world.clock.sleep(how_long)
            self.world.faults[key].repair(fault)

        self.run(turn_up())

    @rule(action=st.sampled_from(["not_yet", "start_suction"]), then=st.sampled_from([0.0, 5.0, 31.0, 70.0]))
    def about_the_flange(self, action: str, then: float) -> None:
        async def say() -> None:
            await self.in_session()
            await self.send(action)
            await self.world.clock.sleep(then)

        self.run(say())

    @rule(vacuum_mmhg=st.sampled_from([60, 80, 120, 150, 200, 250]), then=st.sampled_from([0.0, 5.0, 15.0]))
    def choose_comfort(self, vacuum_mmhg: float, then: float) -> None:
        async def choose() -> None:
            await self.send("set_start_defaults", comfort_vacuum_mmhg=vacuum_mmhg)
            await self.world.clock.sleep(then)

        self.run(choose())

    @rule(question=st.sampled_from(QUESTIONS), late=st.sampled_from([0.0, 0.3, 20.0]))
    def say_yes_late(self, question: str, late: float) -> None:
        """Report a symptom while something is on, from here or by hand."""

        async def say() -> None:
            if not self.house.on:
                await self.in_session()
            await self.world.clock.sleep(late)
            await self.send("answer", question=question, value=True)

        self.run(say())

    @rule(hours=st.sampled_from([-30, -5, -1, 1, 5, 13, 30]))
    def set_wall_clock(self, hours: int) -> None:
        self.world.jump_seconds += hours * _HOUR_SECONDS

    @rule(full=st.sampled_from([True, False, False]), then=st.sampled_from([0.0, 3.0]))
    def fill_disk(self, full: bool, then: float) -> None:
        async def fill() -> None:
            self.world.fill_disk(full)
            self.expected.disk_was_full |= full
            await self.world.clock.sleep(then)

        self.run(fill())

    @rule(key=devices, command=st.sampled_from(["stop", "pain", "acknowledge"]), then=_THEN_SECONDS)
    def press_on_after(self, key: str, command: str, then: float) -> None:
        """End everything, and switch something on at the device at once."""

        async def press() -> None:
            sending: asyncio.Task[Any] = asyncio.create_task(self.send(command))
            await self.world.clock.sleep(0.3)
            self.world.faults[key].press_on(_VALUES.get(key, _PUMP_MMHG)[1])
            await sending
            await self.world.clock.sleep(then)

        self.run(press())
