"""The service is killed at any moment, again and again, and every device still stops, as a witness records.

    LETDOWN_TEST_SEED=7 .venv/bin/python -m pytest -q tests/system/test_kill.py

kills it at the same moments once more, as far as two processes can do the same twice.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from controller.contract.events import EndReason
from controller.contract.session_record import SessionRecord
from controller.safety.limits import HEAT_CELSIUS, LEASE_SECONDS
from tests.helpers.command_line import letdown, printed
from tests.helpers.controlled import COMFORT_MMHG, ROUTINES, Service, service_under_test
from tests.helpers.patience import until
from tests.helpers.service_process import (
    DEVICES,
    GUIDE,
    PATIENCE_SECONDS,
    PUMPS,
    Program,
    ask,
    latest,
    program,
    refused,
    reply_to,
    session,
    wait,
)

pytestmark = pytest.mark.system

SEED = int(os.environ.get("LETDOWN_TEST_SEED", secrets.randbelow(1_000_000)))
SERVICES = 3  # side by side: most of each is waiting
LATE_SECONDS = 1.0  # virtual devices check the time a few times a second, on a busy machine

# How a session ended: its outcome and its reason.
KILLED = ("failed", EndReason.CUT_OFF)
STOPPED = ("stopped", EndReason.STOP)
COMPLETED = ("completed", EndReason.COMPLETED)
UNDER_WAY = (None, None)


def end_of(record: SessionRecord) -> tuple[str | None, str | None]:
    return record.outcome, record.reason


class KilledService:
    """A service that is killed again and again. Notes what was said, and holds it against what was true."""

    def __init__(self, service: Service, chance: random.Random, *, endless: bool) -> None:
        self.chance = chance
        self.ended_by: Counter[str] = Counter()  # what ended what was on when the service was killed
        self.cut_off: set[str] = set()  # the devices that were on then
        self.service = service
        self._endless = endless
        self._ends: dict[str, set[tuple[str | None, str | None]]] = {}  # by session: how it can have ended
        self._unanswered = 0  # sessions whose reply perhaps never arrived
        self._was_on: set[str] = set()  # when it was killed last
        self._still_on: set[str] = set()  # afterwards: only what knows no lease
        self._quiet_until = 0.0

    async def kill_at(self, moment: Moment, routine: str) -> None:
        """Start the service, let it come to a moment, kill it, and check what the witness saw."""
        seen = self.service.seen
        print(f"{moment.__name__} {routine}")  # noqa: T201 - pytest shows it when the test fails
        async with self.service.running() as process:
            began = time.monotonic()
            await moment(self, process, routine)
            killed = await self.service.kill(process)
        self._note_replies()
        assert seen.of("on", since=began, until=self._quiet_until or killed) == []
        self._quiet_until = 0.0
        if not self._endless:
            await until(lambda: not seen.on, LEASE_SECONDS)
        ended = seen.of("off", since=killed)
        self.ended_by.update(line["why"] for line in ended)
        self._still_on = seen.on
        self._was_on = self._still_on | {line["device"] for line in ended}
        self.cut_off |= self._was_on

    async def recover(self, process: Program) -> None:
        """Wait until the service may be asked to start something, and see that it did first what it must."""
        service, seen, began = self.service, self.service.seen, time.monotonic()
        await process.logged("connected to the broker")
        await wait(lambda: bool(service.uncertain))
        in_doubt = service.uncertain[0]
        assert self._was_on <= in_doubt
        if in_doubt:
            reason = await refused(service.other, "start", no_symptoms=True)
            assert reason.startswith(f"stop_uncertain: It is not certain that {', '.join(sorted(in_doubt))} is off")
        await service.ready(process)
        connected = time.monotonic()
        await wait(lambda: not service.uncertain[-1] and service.settled == in_doubt)
        assert not seen.on
        ended = seen.of("off", since=began)
        assert {line["device"] for line in ended} == self._still_on
        assert all(line["why"] == "commanded" and line["at"] < connected for line in ended)
        await self.check_history()

    async def check_history(self, running: str | None = None) -> None:
        """See that the store has every session, once, and how it ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):  # it is written in the background
            while not self._ends.keys() <= (rows := await self.service.history()).keys():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.1)
        unanswered = rows.keys() - self._ends.keys()
        assert len(unanswered) <= self._unanswered
        self._ends |= {id_: {KILLED} for id_ in unanswered}
        self._unanswered = 0
        assert rows.keys() == self._ends.keys()
        for id_, row in rows.items():
            assert end_of(row) in ({UNDER_WAY} if id_ == running else self._ends[id_])

    async def starts(self, routine: str) -> str:
        """Start a session, and wait until a device is on."""
        self._quiet_until = time.monotonic()
        id_ = await self.service.start_and_run(routine)
        self._ends[id_] = {KILLED}
        return id_

    async def asks_for(self, routine: str) -> str:
        """Ask for a session, and wait for no reply. Return the id that a reply would have."""
        self._quiet_until = time.monotonic()
        self._unanswered = 1
        id_, args = f"unanswered-{self._quiet_until}", {"routine": routine, "no_symptoms": True}
        await self.service.other.command({"id": id_, "action": "start", "args": args})
        return id_

    def ended(self, id_: str, *ends: tuple[str, str]) -> None:
        """Note how a session can have ended, other than by a crash."""
        self._ends[id_] = set(ends)

    async def sleep(self, most_seconds: float) -> None:
        """Wait for a random time."""
        await asyncio.sleep(self.chance.uniform(0, most_seconds))

    def _note_replies(self) -> None:
        for reply in self.service.other.replies():
            if reply["session_id"] is not None and reply["session_id"] not in self._ends:
                self._ends[reply["session_id"]] = {KILLED}
                self._unanswered = 0


# When it is killed

Moment = Callable[[KilledService, Program, str], Awaitable[None]]


async def while_it_starts_up(killed_service: KilledService, process: Program, routine: str) -> None:
    await killed_service.sleep(2.0)


async def before_it_answers(killed_service: KilledService, process: Program, routine: str) -> None:
    await killed_service.recover(process)
    await killed_service.asks_for(routine)
    await killed_service.sleep(0.3)


async def as_it_answers(killed_service: KilledService, process: Program, routine: str) -> None:
    await killed_service.recover(process)
    reply = await reply_to(killed_service.service.other, await killed_service.asks_for(routine))
    assert reply["outcome"] == "accepted", reply


async def when_a_device_was_told_to_start(killed_service: KilledService, process: Program, routine: str) -> None:
    await killed_service.recover(process)
    await killed_service.asks_for(routine)
    await wait(lambda: bool(killed_service.service.seen.on))
    await killed_service.sleep(0.03)


async def in_mid_session(killed_service: KilledService, process: Program, routine: str) -> None:
    await killed_service.recover(process)
    await killed_service.starts(routine)
    await killed_service.sleep(3.5)


async def while_it_stops(killed_service: KilledService, process: Program, routine: str) -> None:
    await killed_service.recover(process)
    id_ = await killed_service.starts(routine)
    await killed_service.sleep(1.0)
    await killed_service.service.other.command({"id": f"stop-{id_}", "action": "stop"})
    killed_service.ended(id_, KILLED, STOPPED)
    await killed_service.sleep(0.1)


async def after_a_session(killed_service: KilledService, process: Program, routine: str) -> None:
    await killed_service.recover(process)
    id_ = await killed_service.starts(routine)
    stop = killed_service.chance.random() < 0.5
    while id_ not in {each["session_id"] for each in killed_service.service.events("session_finished")}:
        await ask(killed_service.service.other, "stop" if stop else "skip")
    killed_service.ended(id_, STOPPED if stop else COMPLETED)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (kept := (await killed_service.service.history()).get(id_)) is None or kept.outcome is None:  # noqa: ASYNC110 - nobody tells when it is kept
            await asyncio.sleep(0.05)


EACH = tuple(ROUTINES)
KILLS: list[tuple[Moment, str]] = [
    *[(while_it_starts_up, "")] * 5,
    *[(before_it_answers, routine) for routine in ("warm", "stimulate")],
    *[(as_it_answers, routine) for routine in ("massage", "stimulate", "express")],
    *[(when_a_device_was_told_to_start, routine) for routine in EACH],
    *[(in_mid_session, routine) for routine in (*EACH, "massage")],
    *[(while_it_stops, routine) for routine in EACH],
    *[(after_a_session, routine) for routine in ("massage", "express")],
]


async def kill_repeatedly(folder: Path, kills: list[tuple[Moment, str]], *, endless: bool) -> KilledService:
    """Kill a service at each of these moments, and see that it is well in the end."""
    async with service_under_test(folder, endless=endless) as service:
        killed_service = KilledService(service, random.Random(f"{SEED} {folder.name}"), endless=endless)
        for moment, routine in kills:
            await killed_service.kill_at(moment, routine)
        async with service.running() as process:
            await killed_service.recover(process)
            id_ = await killed_service.starts("express")
            await wait(lambda: all(service.seen.highest(pump) > 0 for pump in PUMPS))  # they do pull
            await killed_service.check_history(running=id_)
            options = ("--config", str(service.config), "--last", "1000", "--json")
            listed = printed(await asyncio.to_thread(letdown, "history", *options, cwd=folder))
            assert [each["id"] for each in listed["sessions"]] == list(await service.history())
            code, _ = await process.end_by(signal.SIGTERM)
            assert code == 0
            killed_service.ended(id_, ("stopped", EndReason.SHUT_DOWN))
            await killed_service.check_history()
        assert not service.seen.on
        for pump in PUMPS:  # told no more than the comfort cap, a pump may be 20 mmHg off, and a cycle another 10
            assert service.seen.highest(pump) < COMFORT_MMHG + 30
        assert service.seen.highest("warm-pad") <= HEAT_CELSIUS
        return killed_service


@pytest.mark.parametrize("endless", [False, True], ids=["with-leases", "without-leases"])
async def test_killed_at_any_moment_every_device_stops_and_nothing_starts(endless: bool, tmp_path: Path) -> None:
    print(f"LETDOWN_TEST_SEED={SEED}")  # noqa: T201 - pytest shows it when the test fails
    kills = random.Random(SEED).sample(KILLS, len(KILLS))
    async with asyncio.TaskGroup() as group:
        killed = [
            group.create_task(kill_repeatedly(tmp_path / str(number), kills[number::SERVICES], endless=endless))
            for number in range(SERVICES)
        ]
    ended_by: Counter[str] = sum((killed_service.result().ended_by for killed_service in killed), Counter())
    assert set.union(*(killed_service.result().cut_off for killed_service in killed)) == set(DEVICES)
    assert ended_by.keys() <= {"link_lost", "commanded"}  # commanded: by a stop that was on its way
    # Devices with leases did not need them: their link was lost first.
    assert (ended_by["link_lost"] > 10) is not endless


# Frozen, not killed


async def freeze(folder: Path, routine: str) -> None:
    async with service_under_test(folder) as service, service.running() as process:
        seen = service.seen
        await service.ready(process)
        id_ = await service.start_and_run(routine)
        await asyncio.sleep(1)
        process.process.send_signal(signal.SIGSTOP)
        frozen = time.monotonic()
        await asyncio.sleep(0.5)  # what it wrote before arrives
        on = seen.on
        await until(lambda: not seen.on, LEASE_SECONDS + LATE_SECONDS)
        ended = seen.of("off", since=frozen)
        assert {(line["device"], line["why"]) for line in ended} == {(device, "lease_expired") for device in on}
        assert seen.connected == set(DEVICES)  # so nothing but the lease can have ended it
        await asyncio.sleep(1)
        process.process.send_signal(signal.SIGCONT)
        await wait(lambda: [each["session_id"] for each in service.events("session_finished")] == [id_])
        (finished,) = service.events("session_finished")
        assert finished["data"]["outcome"] in ("tripped", "failed"), finished
        await asyncio.sleep(2)
        assert seen.of("on", since=frozen) == []
        assert seen.connected == set(DEVICES)


async def test_frozen_for_longer_than_a_lease_it_finds_everything_off_and_starts_nothing(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        for routine in ROUTINES:
            group.create_task(freeze(tmp_path / routine, routine))


# What else outlives a kill


async def test_a_trip_outlives_a_kill(tmp_path: Path) -> None:
    async with service_under_test(tmp_path) as service:
        async with service.running() as process:
            await service.ready(process)
            await service.start_and_run("stimulate")
            service.seen.fail("left-pump")
            await wait(lambda: session(service.other)["state"] == "tripped")
            trip = session(service.other)["trip"]
            await wait(lambda: bool(service.events("session_finished")))
            await service.kill(process)
        async with service.running() as process:
            await process.logged("connected to the broker")
            await wait(lambda: session(service.other).get("trip") is not None)
            assert session(service.other)["trip"] == trip
            assert trip["device"] == "left-pump"
            reason = await refused(service.other, "start", no_symptoms=True)
            assert reason.startswith("stopped_by_trip: ")
            assert f"left-pump: {trip['words']}." in reason
            assert (await ask(service.other, "acknowledge"))["outcome"] == "accepted"
            await service.kill(process)
        async with service.running() as process:
            await service.ready(process)
            assert session(service.other)["trip"] is None
            assert (await service.start("warm"))["outcome"] == "accepted"


async def test_the_answers_of_the_day_outlive_a_kill(tmp_path: Path) -> None:
    async with service_under_test(tmp_path) as service:
        async with service.running() as process:
            await service.ready(process)
            await ask(service.other, "start", routine="warm")
            await wait(lambda: latest(service.other, GUIDE).get("question") is not None)
            assert (await ask(service.other, "answer", question="lump", value=True))["outcome"] == "accepted"
            assert (await ask(service.other, "answer", question="all", value=False))["outcome"] == "accepted"
            await wait(lambda: latest(service.other, GUIDE)["question"] is None)  # advice is given now
            await service.kill(process)
        async with service.running() as process:
            await service.ready(process)
            assert (await ask(service.other, "start", routine="warm"))["outcome"] == "accepted"
            await wait(lambda: bool(latest(service.other, GUIDE).get("words")))
            assert (await ask(service.other, "skip"))["outcome"] == "accepted"  # the advice was read
            await wait(lambda: session(service.other)["state"] == "stopped")  # nothing could start today
            outcomes = {each["name"]: each["outcome"] for each in session(service.other)["steps"]}
            assert outcomes == {"check": "done", "warm": "not_today"}  # not asked again, and the yes still counts
            assert all(each["question"] is None for each in service.other.values(GUIDE))
            assert service.seen.of("on") == []


async def test_a_second_controller_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with service_under_test(tmp_path) as service, service.running() as process:
        await service.ready(process)
        await service.start_and_run("express")
        async with program(tmp_path, "run", "--config", str(service.config)) as second:
            async with asyncio.timeout(60):
                assert await second.process.wait() == 2
            assert second.log.startswith("letdown: another controller already serves the station home: the node ")
            assert "--take-over" in second.log
        async with program(tmp_path, "run", "--take-over", "--config", str(service.config)) as third:
            async with asyncio.timeout(60):
                assert await third.process.wait() == 1  # not even so does it get the store of one that runs
            assert third.log.endswith(
                f"letdown: the store at {service.store} is in use: another controller uses it; "
                "end that one, or name another file\n"
            )
        assert process.process.returncode is None
        assert service.seen.on == set(PUMPS)
        assert (await ask(service.other, "stop"))["devices"] == dict.fromkeys(DEVICES, "stopped")
