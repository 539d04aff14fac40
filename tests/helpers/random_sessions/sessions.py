"""State machines that do what people, radios and devices do, and check every invariant after each step."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controller.contract.commands import Reply
from controller.safety.limits import OwnerLimits
from tests.helpers.home import ALL, RunningHome
from tests.helpers.random_sessions.answer_invariants import QUESTIONS
from tests.helpers.random_sessions.crashes import World
from tests.helpers.random_sessions.faults import possible_faults
from tests.helpers.random_sessions.invariants import Invariants

Plan = tuple[str, str, int]  # a routine, a side, and how many steps to skip

PLANS: tuple[Plan, ...] = (
    ("everything", "both", 0),
    ("milk", "both", 0),
    ("everything", "both", 1),
    ("power-pumping", "left", 1),
    ("everything", "right", 2),
    ("milk", "right", 1),
    ("power-pumping", "both", 2),
)
ROUTINES = ("everything", "milk", "classic", "gentle", "duct-vibration", "soften-for-latch", "power-pumping")
MAY_BE_REFUSED = {"duct-vibration"}  # where there is no massager, or the owner wants no vibration
PATIENCE = 4  # steps with a trip or an uncertain stop in the way
MOST_FAULTS = 3  # at the same time, so that sessions get somewhere
NIGHT_MINUTES = 14 * 60
ANSWER_SECONDS = 15.0  # no command takes longer to answer than this

owners = st.builds(
    OwnerLimits,
    comfort_vacuum_mmhg=st.sampled_from([None, 60, 130, 180, 250]),
    stimulation_vacuum_mmhg=st.sampled_from([120, 60]),
    heat_celsius=st.sampled_from([42, 41.5, 38]),
    vibration=st.booleans(),
    go_on_with_one_pump=st.booleans(),
    start_suction=st.sampled_from(["after_countdown", "after_countdown", "ask"]),
    manual_use=st.sampled_from(["watch", "watch", "stop"]),
)
sides = st.sampled_from(["both", "left", "right"])
devices = st.sampled_from(ALL)
seconds = st.one_of(
    st.sampled_from([0.1, 0.5, 1, 2, 3, 5, 8, 10, 12, 20]),
    st.floats(0.1, 20).map(lambda each: round(each, 2)),
    st.sampled_from([0.0, 31, 60, 125, 299, 400]),
)
vacuums = st.one_of(st.sampled_from([0, 60, 100, 120, 150, 200, 250]), st.integers(0, 250))
small_commands = st.one_of(
    st.sampled_from(["skip", "pause", "resume", "vacuum_up", "vacuum_down", "let_down", "acknowledge"]).map(
        lambda action: (action, {})
    ),
    vacuums.map(lambda mmhg: ("set_vacuum", {"mmhg": mmhg})),
    st.sampled_from(["stop", "pain"]).map(lambda action: (action, {})),
    st.just(("start", {"routine": "milk", "no_symptoms": True})),
    st.sampled_from([False, False, True]).map(lambda value: ("answer", {"question": "numb", "value": value})),
)

running = precondition(lambda self: self.house.station.running)
in_the_way = precondition(lambda self: self.house.guard.blocked_reason is not None)
free = precondition(lambda self: not self.house.station.running and self.house.guard.blocked_reason is None)


class RandomSessions(RuleBasedStateMachine):
    """One home, and everything that may happen in it but a crash of the controller."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world: World
        self.expected: Invariants
        self.begun = 0
        self.patience = PATIENCE
        self.unanswered: list[asyncio.Task[Any]] = []  # commands to a controller that crashed meanwhile

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def and_a_moment() -> Any:
            result = await coroutine
            await self.world.clock.sleep(0.01)
            return result

        return self.runner.run(and_a_moment())

    @initialize(owner=owners, milk=st.integers(0, 3), turns=st.integers(0, 4), begun=st.integers(0, 6))
    def begin(self, owner: OwnerLimits, milk: int, turns: int, begun: int) -> None:
        async def open_world() -> None:
            self.begun = begun
            self.world = World(owner, milk)
            self.world.disk.turns = turns
            await self.world.open()
            self.expected = Invariants(self.world, owner)
            await self.expected.start_controller()
            await self.world.clock.sleep(1)

        self.runner.run(open_world())

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.runner.run(self.world.close())
        self.runner.close()
        if hasattr(self, "expected"):
            self.expected.close()

    @property
    def house(self) -> RunningHome:
        assert self.world.house is not None
        return self.world.house

    @property
    def fault_count(self) -> int:
        """How many faults are active now."""
        return sum(len(faults.active) for faults in self.world.faults.values())

    @property
    def restarts(self) -> bool:
        """Whether any device starts again by itself, so that it is unknown for how long nothing is on."""
        return any("restarts" in faults.active for faults in self.world.faults.values())

    # A person

    async def send(self, action: str, **more: Any) -> Reply:
        house, expected = self.house, self.expected
        odd = bool({"retained", "expires", "session"} & set(more))

        async def send_and_check() -> Reply:
            must_refuse = odd or house.station.running or house.guard.blocked_reason is not None
            if not odd or action in ("stop", "pain", "vacuum_down"):
                expected.on_sent(action, more)
            if action == "start" and not must_refuse and more["routine"] not in MAY_BE_REFUSED:
                expected.expect_start(no_symptoms=more["no_symptoms"])
            reply = await house.send(action, **more)
            expected.on_reply(action, reply)
            if action == "start" and reply.outcome == "accepted" and must_refuse:
                expected.violated(f"a start that was to be refused was accepted: {more}")
            if odd and action not in ("stop", "pain", "vacuum_down") and reply.outcome != "refused":
                expected.violated(f"{action} is answered {reply.outcome} with {more}")
            return reply

        async with self.world.clock.timeout(ANSWER_SECONDS):
            sending = asyncio.create_task(send_and_check())
            if action in ("stop", "pain"):
                await expected.expect_stops_written()
            return await sending

    @rule(routine=st.sampled_from(ROUTINES), side=sides, no_symptoms=st.sampled_from([True, True, False]))
    def start(self, routine: str, side: str, no_symptoms: bool) -> None:
        house = self.house
        free = not house.station.running and house.guard.blocked_reason is None and not self.world.disk.full
        free = free and routine not in MAY_BE_REFUSED
        reply = self.run(self.send("start", routine=routine, side=side, no_symptoms=no_symptoms))
        if free and reply.outcome != "accepted":
            self.expected.violated(f"nothing is in the way of a start, and it is {reply.outcome}: {reply.reasons}")

    @free
    @rule(plan=st.sampled_from(PLANS), then=seconds)
    def start_and_skip(self, plan: Plan, then: float) -> None:
        async def start() -> None:
            await self.follow(plan)
            await self.world.clock.sleep(then)

        self.run(start())

    async def follow(self, plan: Plan) -> None:
        """Start a session, and skip to a step in which something is on."""
        routine, side, skips = plan
        await self.send("start", routine=routine, side=side, no_symptoms=True)
        for _ in range(skips):
            await self.world.clock.sleep(0.3)
            await self.send("skip")
        await self.world.clock.sleep(0.3)
        if self.house.recorded.snapshot.step in ("stimulate", "express"):
            await self.send("start_suction")
        await self.world.clock.sleep(1)

    async def in_session(self) -> None:
        """Begin a session where none is running. What blocks it is acknowledged, after a while."""
        if self.house.guard.blocked_reason is not None:
            self.patience -= 1
            if self.patience > 0:
                return
            await self.switch_off_and_acknowledge()
        if not self.house.station.running:
            self.patience = PATIENCE
            self.begun += 1
            await self.follow(PLANS[self.begun % len(PLANS)])

    async def switch_off_and_acknowledge(self) -> None:
        """Switch what may still run off at its button, and acknowledge that."""
        for key in self.house.guard.uncertain:
            self.world.faults[key].press_button()
        await self.send("acknowledge")

    @rule(
        action=st.sampled_from(["start", "start", "vacuum_up", "vacuum_down", "skip", "stop"]),
        oddity=st.sampled_from(
            [{"retained": True}, {"expires": "2020-01-01T00:00:00Z"}, {"session": "another"}, {"id": "the same"}]
        ),
    )
    def send_oddly(self, action: str, oddity: dict[str, Any]) -> None:
        args = {"routine": "milk", "side": "both", "no_symptoms": True} if action == "start" else {}
        reply = self.run(self.send(action, **args, **oddity))
        if "id" in oddity:
            again = self.run(self.send(action, **args, **oddity))
            if action != "stop" and again.outcome != "refused":
                self.expected.violated(f"{action} came twice, and is answered {reply.outcome} and {again.outcome}")

    @running
    @rule(action=st.sampled_from(["stop", "pain"]), times=st.sampled_from([1, 1, 1, 3]))
    def end(self, action: str, times: int) -> None:
        async def all_at_once() -> None:
            await asyncio.gather(*(self.send(action) for _ in range(times)))

        self.run(all_at_once())

    @rule(
        action=st.sampled_from(["skip", "pause", "resume", "let_down", "log_volume"]),
        times=st.sampled_from([1, 1, 2, 5]),
    )
    def signal(self, action: str, times: int) -> None:
        async def one_after_another() -> None:
            await self.in_session()
            for _ in range(times):
                await self.send(action)

        self.run(one_after_another())

    @rule(wait=st.floats(0, 30).map(lambda each: round(each, 1)))
    def pause_and_go_on(self, wait: float) -> None:
        async def both() -> None:
            await self.in_session()
            await self.send("pause")
            await self.world.clock.sleep(wait)
            await self.send("resume")

        self.run(both())

    @rule(how_long=seconds, skip=st.booleans())
    def go_on(self, how_long: float, skip: bool) -> None:
        async def go() -> None:
            await self.in_session()
            if skip:
                await self.send("skip")
            await self.world.clock.sleep(how_long)

        self.run(go())

    @rule(
        command=st.one_of(
            vacuums.map(lambda mmhg: ("set_vacuum", {"mmhg": mmhg})),
            st.sampled_from([("vacuum_up", {}), ("vacuum_up", {}), ("vacuum_down", {})]),
        ),
        then=st.sampled_from([0.0, 3.0, 10.0, 11.0]),
    )
    def change_vacuum(self, command: tuple[str, dict[str, Any]], then: float) -> None:
        async def change() -> None:
            await self.in_session()
            await self.send(command[0], **command[1])
            await self.world.clock.sleep(then)

        self.run(change())

    @rule(question=st.sampled_from([*QUESTIONS, "all", "age"]), value=st.sampled_from([False, False, False, True]))
    def answer(self, question: str, value: bool) -> None:
        self.run(self.send("answer", question=question, value=value))

    @in_the_way
    @rule(switch_off=st.sampled_from([True, True, False]))
    def acknowledge(self, switch_off: bool) -> None:
        """Acknowledge that all is off; `switch_off`: after switching it off at its button."""

        self.run(self.switch_off_and_acknowledge() if switch_off else self.send("acknowledge"))

    @rule(commands=st.lists(small_commands, min_size=2, max_size=6), gap=st.sampled_from([0, 0, 0.001, 0.05]))
    def at_once(self, commands: list[tuple[str, dict[str, Any]]], gap: float) -> None:
        """Press everything at the same time."""

        async def one(number: int, action: str, args: dict[str, Any]) -> None:
            await self.world.clock.sleep(number * gap)
            await self.send(action, **args)

        async def storm() -> None:
            await self.in_session()
            await asyncio.gather(*(one(number, *command) for number, command in enumerate(commands)))

        self.run(storm())

    # Time

    @rule(how_long=seconds)
    def elapse(self, how_long: float) -> None:
        self.run(self.world.clock.sleep(how_long))

    @precondition(lambda self: not self.house.on and not self.restarts)
    @rule(minutes=st.sampled_from([6, 6, 6, 6, 31, 61, NIGHT_MINUTES]))
    def idle(self, minutes: int) -> None:
        """Let nothing happen for a while; a night only where no session is running."""
        minutes = min(minutes, 61) if self.house.station.running else minutes
        self.run(self.world.idle(minutes * 60))

    # Faults

    @precondition(lambda self: self.fault_count < MOST_FAULTS)
    @rule(key=devices, data=st.data(), idle=st.booleans(), then=st.sampled_from([0.0, 0.0, 0.3, 2.0, 6.0, 15.0, 40.0]))
    def inject(self, key: str, data: st.DataObject, idle: bool, then: float) -> None:
        name = data.draw(st.sampled_from(possible_faults(key)))

        async def inject() -> None:
            if not idle:
                await self.in_session()
            self.world.faults[key].inject(name)
            await self.world.clock.sleep(then)

        self.run(inject())

    @precondition(lambda self: self.fault_count)
    @rule(data=st.data())
    def repair(self, data: st.DataObject) -> None:
        wrong = [(key, name) for key, faults in self.world.faults.items() for name in sorted(faults.active)]
        key, name = data.draw(st.sampled_from(wrong))

        async def repair() -> None:
            self.world.faults[key].repair(name)

        self.run(repair())

    @precondition(lambda self: self.fault_count)
    @rule()
    def repair_all(self) -> None:
        async def repair() -> None:
            for faults in self.world.faults.values():
                for name in sorted(faults.active):
                    faults.repair(name)

        self.run(repair())

    @rule(
        key=devices,
        fault=st.sampled_from(["no answers", "misses everything"]),
        command=small_commands,
        how_long=st.sampled_from([0.05, 0.6, 1.2, 2.1]),
        then=st.sampled_from([0.0, 3.0, 8.0, 11.0]),
    )
    def lose_an_answer(self, key: str, fault: str, command: tuple[str, Any], how_long: float, then: float) -> None:
        """Let a device miss a command, or its answer be lost."""

        async def lose() -> None:
            await self.in_session()
            self.world.faults[key].inject(fault)
            sending = asyncio.create_task(self.send(command[0], **command[1]))
            await self.world.clock.sleep(how_long)
            self.world.faults[key].repair(fault)
            await sending
            await self.world.clock.sleep(then)

        self.run(lose())

    @rule(key=devices)
    def lose_link(self, key: str) -> None:
        async def lose() -> None:
            await self.in_session()
            self.world.faults[key].drop_link()

        self.run(lose())

    @rule(key=devices, pause=st.booleans())
    def press_button(self, key: str, pause: bool) -> None:
        async def press() -> None:
            await self.in_session()
            self.world.faults[key].press_button(pause=pause)

        self.run(press())

    @invariant()
    def every_invariant_holds(self) -> None:
        async def check() -> None:
            self.expected.check()

        if hasattr(self, "expected"):
            self.runner.run(check())
