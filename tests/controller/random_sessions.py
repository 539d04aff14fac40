"""Machines that live in a world, do what people, radios and devices do, and look at every promise after each step."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controller.commands import Reply
from controller.safety import OwnerLimits
from tests.controller.household import ALL, House
from tests.controller.lives import World
from tests.controller.mishaps import may_befall
from tests.controller.promised_answers import QUESTIONS
from tests.controller.promises import Promises

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
PATIENCE = 4  # steps with a trip or a doubt in the way
MOST_WRONG = 3  # at the same time, so that sessions get somewhere
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
vacuums = st.one_of(st.sampled_from([0, 60, 100, 120, 150, 200, 250, 400]), st.integers(0, 400))
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
in_the_way = precondition(lambda self: self.house.guard.why_not is not None)
free = precondition(lambda self: not self.house.station.running and self.house.guard.why_not is None)


class Sessions(RuleBasedStateMachine):
    """One household, and everything that may happen in it but a crash of the controller."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world: World
        self.promises: Promises
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
            self.promises = Promises(self.world, owner)
            await self.promises.live()
            await self.world.clock.sleep(1)

        self.runner.run(open_world())

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.runner.run(self.world.close())
        self.runner.close()
        if hasattr(self, "promises"):
            self.promises.close()

    @property
    def house(self) -> House:
        assert self.world.house is not None
        return self.world.house

    @property
    def wrong(self) -> int:
        """How many things are wrong now."""
        return sum(len(mishaps.now) for mishaps in self.world.mishaps.values())

    @property
    def restarts(self) -> bool:
        """Whether any device starts again by itself, so that nobody knows for how long nothing is on."""
        return any("restarts" in mishaps.now for mishaps in self.world.mishaps.values())

    # What a person does

    async def send(self, action: str, **more: Any) -> Reply:
        house, promises = self.house, self.promises
        odd = bool({"retained", "expires", "session"} & set(more))

        async def send_and_look() -> Reply:
            must_refuse = odd or house.station.running or house.guard.why_not is not None
            if not odd or action in ("stop", "pain", "vacuum_down"):
                promises.sent(action, more)
            if action == "start" and not must_refuse and more["routine"] not in MAY_BE_REFUSED:
                promises.may_start(no_symptoms=more["no_symptoms"])
            reply = await house.send(action, **more)
            promises.answered(action, reply)
            if action == "start" and reply.outcome == "accepted" and must_refuse:
                promises.say(f"a start that was to be refused was accepted: {more}")
            if odd and action not in ("stop", "pain", "vacuum_down") and reply.outcome != "refused":
                promises.say(f"{action} is answered {reply.outcome} with {more}")
            return reply

        async with self.world.clock.timeout(ANSWER_SECONDS):
            sending = asyncio.create_task(send_and_look())
            if action in ("stop", "pain"):
                await promises.stops_are_written()
            return await sending

    @rule(routine=st.sampled_from(ROUTINES), side=sides, no_symptoms=st.sampled_from([True, True, False]))
    def start(self, routine: str, side: str, no_symptoms: bool) -> None:
        house = self.house
        free = not house.station.running and house.guard.why_not is None and not self.world.disk.full
        free = free and routine not in MAY_BE_REFUSED
        reply = self.run(self.send("start", routine=routine, side=side, no_symptoms=no_symptoms))
        if free and reply.outcome != "accepted":
            self.promises.say(f"nothing is in the way of a start, and it is {reply.outcome}: {reply.reasons}")

    @free
    @rule(plan=st.sampled_from(PLANS), then=seconds)
    def start_and_skip(self, plan: Plan, then: float) -> None:
        async def start() -> None:
            await self.follow(plan)
            await self.world.clock.sleep(then)

        self.run(start())

    async def follow(self, plan: Plan) -> None:
        """Come to where something is on, as it is most of the time."""
        routine, side, skips = plan
        await self.send("start", routine=routine, side=side, no_symptoms=True)
        for _ in range(skips):
            await self.world.clock.sleep(0.3)
            await self.send("skip")
        await self.world.clock.sleep(0.3)
        if self.house.told.snapshot.step in ("stimulate", "express"):
            await self.send("start_suction")
        await self.world.clock.sleep(1)

    async def in_session(self) -> None:
        """Begin a session where none is running. What is in the way of it is seen to, after a while."""
        if self.house.guard.why_not is not None:
            self.patience -= 1
            if self.patience > 0:
                return
            await self.see_to_it()
        if not self.house.station.running:
            self.patience = PATIENCE
            self.begun += 1
            await self.follow(PLANS[self.begun % len(PLANS)])

    async def see_to_it(self) -> None:
        """Switch what may still run off at its button, and say so."""
        for key in self.house.guard.uncertain:
            self.world.mishaps[key].press_button()
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
                self.promises.say(f"{action} came twice, and is answered {reply.outcome} and {again.outcome}")

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
    @rule(seen_to=st.sampled_from([True, True, False]))
    def acknowledge(self, seen_to: bool) -> None:
        """Say that all is off; `seen_to`: after switching it off at its button."""

        self.run(self.see_to_it() if seen_to else self.send("acknowledge"))

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
        """Let nothing happen for a while; a night only where no session is under way."""
        minutes = min(minutes, 61) if self.house.station.running else minutes
        self.run(self.world.idle(minutes * 60))

    # What goes wrong

    @precondition(lambda self: self.wrong < MOST_WRONG)
    @rule(key=devices, data=st.data(), idle=st.booleans(), then=st.sampled_from([0.0, 0.0, 0.3, 2.0, 6.0, 15.0, 40.0]))
    def befall(self, key: str, data: st.DataObject, idle: bool, then: float) -> None:
        name = data.draw(st.sampled_from(may_befall(key)))

        async def go_wrong() -> None:
            if not idle:
                await self.in_session()
            self.world.mishaps[key].befall(name)
            await self.world.clock.sleep(then)

        self.run(go_wrong())

    @precondition(lambda self: self.wrong)
    @rule(data=st.data())
    def mend(self, data: st.DataObject) -> None:
        wrong = [(key, name) for key, mishaps in self.world.mishaps.items() for name in sorted(mishaps.now)]
        key, name = data.draw(st.sampled_from(wrong))

        async def put_right() -> None:
            self.world.mishaps[key].mend(name)

        self.run(put_right())

    @precondition(lambda self: self.wrong)
    @rule()
    def mend_everything(self) -> None:
        async def put_right() -> None:
            for mishaps in self.world.mishaps.values():
                for name in sorted(mishaps.now):
                    mishaps.mend(name)

        self.run(put_right())

    @rule(
        key=devices,
        mishap=st.sampled_from(["no answers", "deaf"]),
        command=small_commands,
        how_long=st.sampled_from([0.05, 0.6, 1.2, 2.1]),
        then=st.sampled_from([0.0, 3.0, 8.0, 11.0]),
    )
    def lose_an_answer(self, key: str, mishap: str, command: tuple[str, Any], how_long: float, then: float) -> None:
        """Let a device miss a command, or its answer be lost."""

        async def lose() -> None:
            await self.in_session()
            self.world.mishaps[key].befall(mishap)
            sending = asyncio.create_task(self.send(command[0], **command[1]))
            await self.world.clock.sleep(how_long)
            self.world.mishaps[key].mend(mishap)
            await sending
            await self.world.clock.sleep(then)

        self.run(lose())

    @rule(key=devices)
    def lose_link(self, key: str) -> None:
        async def lose() -> None:
            await self.in_session()
            self.world.mishaps[key].blink()

        self.run(lose())

    @rule(key=devices, pause=st.booleans())
    def press_button(self, key: str, pause: bool) -> None:
        async def press() -> None:
            await self.in_session()
            self.world.mishaps[key].press_button(pause=pause)

        self.run(press())

    @invariant()
    def every_promise_is_kept(self) -> None:
        async def look() -> None:
            self.promises.check()

        if hasattr(self, "promises"):
            self.runner.run(look())
