"""A body: limits and answers of one person, who uses one station or several.

By default every station has its own body. Stations that serve the same person share one: budgets, trips, symptoms and
comfort cap belong to the person, not to the station.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from controller.contract.events import SessionState
from controller.safety.guard import Guard
from controller.safety.limits import OwnerLimits
from controller.safety.message import KeyedMessage, message
from controller.safety.persistence import DeviceIdentity, Persistence
from controller.session.day_answers import DayAnswers
from controller.session.session import Session
from controller.session.step_context import Signal
from devices.roles import Role
from devices.sensor_roles import Thermometer
from devices.support.clock import Clock


class BodyStation(Protocol):
    """What a body needs of a station."""

    name: str
    session: Session | None

    @property
    def roles(self) -> Sequence[Role]:
        """The roles of its devices."""

    @property
    def running(self) -> bool:
        """Whether a session is under way."""

    def publish_safety(self) -> None:
        """Publish the state of safety: trips, uncertain devices, devices used by hand, other problems."""

    def publish_acknowledged(self) -> None:
        """Publish the state of safety after a person acknowledged it, and what is left to do."""


def _local_now() -> datetime:
    return datetime.now().astimezone()


class Body:
    """The body of one person. `owner`: the limits in the settings, without a comfort cap that was set later.

    `identities`: devices by the name of their role, as the settings describe them. `left_over`: devices that may still
    run from before; by default those in the saved state.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        roles: Sequence[Role],
        owner: OwnerLimits,
        persistence: Persistence,
        questions: Collection[str],
        identities: Mapping[str, DeviceIdentity] | None = None,
        left_over: Mapping[str, DeviceIdentity] | None = None,
        now: Callable[[], datetime] = _local_now,
        thermometers: Sequence[Thermometer] = (),
    ) -> None:
        self.name = name
        self.owner = owner
        self.persistence = persistence
        self.answers = DayAnswers(clock, persistence, questions, now)
        self._roles = {role.name: role for role in roles}
        may_run = persistence.saved.running if left_over is None else left_over
        self._identities = {**may_run, **(identities or {})}
        self._caps_mmhg: dict[str, float] = {}
        self.stations: list[BodyStation] = []
        self._test: asyncio.Task[None] | None = None
        self.guard = Guard(clock, owner, roles, persistence, self._identity, may_run, thermometers)
        self.guard.symptoms = self.answers.symptoms

    def set_comfort_cap(self, station: str, vacuum_mmhg: float) -> None:
        """Set the comfort cap (mmHg) of a station. The lowest of all stations applies, at once."""
        self._caps_mmhg[station] = vacuum_mmhg
        lowest = min(self._caps_mmhg.values())
        self.guard.owner = self.owner.model_copy(update={"comfort_vacuum_mmhg": lowest})

    @property
    def active_session(self) -> Session | None:
        """The session that is under way at any station of this body."""
        return next((each.session for each in self.stations if each.running), None)

    @property
    def testing(self) -> bool:
        """Whether a device is being tested."""
        return self._test is not None and not self._test.done()

    def start_test(self, test: Coroutine[Any, Any, None]) -> None:
        """Run the test of a device; `cancel_test` ends it."""
        self._test = asyncio.create_task(test, name=f"device test of {self.name}")
        self._test.add_done_callback(self._on_test_ended)

    def cancel_test(self) -> None:
        """End a test that is under way. What it runs is stopped by the guard, before this is called."""
        if self._test is not None:
            self._test.cancel()

    async def test_finished(self) -> None:
        """Wait until the test, if any, has ended."""
        if self._test is not None:
            await asyncio.wait({self._test})

    def _on_test_ended(self, _: asyncio.Task[None]) -> None:
        for station in self.stations:
            station.publish_safety()

    def answer(self, question: str, value: bool) -> KeyedMessage | None:
        """Save the answer to a question of the check, or to `all`. Return why not, if that is impossible.

        A yes counts at once: devices that run are held to it.
        """
        problem: KeyedMessage | None = None
        if question == "all":
            if left := self.answers.answer_open(value):
                problem = message("answer_one_by_one", questions=", ".join(left))
        else:
            problem = self.answers.answer(question, value)
        if value and problem is None and (session := self.active_session) is not None:
            session.end_for_symptom()
        self.guard.symptoms = self.answers.symptoms
        for station in self.stations:
            if station.session is not None:
                station.session.signal(Signal.ANSWERED)
        return problem

    def answer_refusal(self, question: str) -> KeyedMessage | None:
        """Return why `asked`, the question that is shown, cannot be answered now; `None` for any other."""
        session = self.active_session
        if question != "asked" or (
            session is not None and session.state is SessionState.CHECKING and self.answers.open_questions
        ):
            return None
        return message("no_question_open")

    @property
    def to_acknowledge(self) -> bool:
        """Whether there is a trip, or a device that may still run."""
        return self.guard.trip is not None or bool(self.guard.uncertain)

    def acknowledge(self) -> tuple[str, ...]:
        """Clear a latched trip and uncertain devices. Return what still runs."""
        _, still_on = self.guard.acknowledge()
        for station in self.stations:
            station.publish_acknowledged()
        return still_on

    def role_of(self, device: str) -> str:
        """Return the role of a device: `pump`, `warmer` or `massager`; `pump` if it is unknown."""
        role = self._roles.get(device)
        return "pump" if role is None else role.role

    def _identity(self, device: str) -> DeviceIdentity:
        """Return what is needed to stop a device later, with the address at which it was connected."""
        known = self._identities.get(device)
        role = self._roles.get(device)
        if known is None:
            known = DeviceIdentity(name=device, profile="" if role is None else role.model_id)
        if role is None or role.address is None:
            return known
        return known.model_copy(update={"address": role.address, "side": role.side})
