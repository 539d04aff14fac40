"""A plug with a heating pad: switched on for a lease at a time by its own timer, and off at once.

What switches on or renews is published with QoS 0, so that no broker keeps it for a plug that is away; what switches
off, with QoS 1. Only live messages count: a retained message may be old.
"""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Callable, Mapping

from devices.bluetooth.radio import Radio
from devices.driver.base import BaseDevice, DeviceOptions
from devices.driver.stopper import READ_BACK_SECONDS
from devices.driver.vocabulary import Value
from devices.errors import DeviceError, HandshakeTimeoutError, ProtocolError, RefusedError, UncertainError
from devices.plugs.broker_connection import OpenBroker, ReceivedMessage
from devices.plugs.plug_link import PlugLink
from devices.plugs.plug_model import PlugModel
from devices.plugs.plug_protocol import PlugKind, PlugReport, runs_out
from devices.roles import RunState
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

_ANSWER_SECONDS = 5.0  # how long a plug may take to show what it is, once the broker is connected
_CONFIRM_SECONDS = 2.0  # how long it may take to show that it is on, and that its timer runs
_ASK_AGAIN_SECONDS = 0.5
_POLL_SECONDS = 2.0
_FRESH_SECONDS = 5.0  # a plug that reported that it is on longer ago than that may have switched itself off
_SILENT_SECONDS = 10.0  # as long as the silence that trips: it has lost its network, or its power


class PlugDevice(BaseDevice):
    """One plug."""

    model: PlugModel
    link: PlugLink

    def __init__(
        self, clock: Clock, model: PlugModel, options: DeviceOptions, kind: PlugKind, open_broker: OpenBroker
    ) -> None:
        self._kind = kind
        self._open_broker = open_broker
        self._numbers = itertools.count(random.randrange(1, 1 << 20))  # noqa: S311 - it only tells requests apart
        self._renewals: set[int] = set()
        self._confirmed: set[str] = set()
        self._refusal: str | None = None
        self._unusable: str | None = None  # what was seen of its timer, for as long as this process runs
        self._last = PlugReport()
        self._answered = 0  # the latest command that it answered
        self._timer_message = 0
        self._prepared_message = 0
        self._dropped = 0
        super().__init__(None, clock, model, options)

    @property
    def dropped_packets(self) -> int:
        """How many messages could not be decoded."""
        return self._dropped

    def _make_link(self, radio: Radio | None, options: DeviceOptions) -> PlugLink:  # noqa: ARG002 - it needs none
        topics = self._kind.subscriptions
        return PlugLink(
            self.clock, options.name, self._open_broker, topics, self._on_message, self._set_up, self._on_link_change
        )

    # Commands

    async def _check(self, verb: str, values: Mapping[str, Value]) -> None:  # noqa: ARG002
        if verb == "set_target" and self._unusable is not None:
            raise RefusedError(f"{self.name} is not switched on: {self._unusable}")
        if verb == "renew":
            age_seconds = self.state.age_seconds(["run_state"])
            fresh = age_seconds is not None and age_seconds <= _FRESH_SECONDS
            if not fresh or self.values.get("run_state") != RunState.RUNNING:
                # To renew it would switch on what a person, or its own timer, has switched off.
                raise RefusedError(f"{self.name} does not report that it is on")

    async def _carry_out(self, verb: str, values: Mapping[str, Value], undone_by: str | None) -> None:  # noqa: ARG002
        seconds = values.get("lease_seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int):
            raise RefusedError(f"{self.name} is only switched on for a number of seconds")
        if verb == "renew":
            number = next(self._numbers)
            self._renewals = {*sorted(self._renewals)[-4:], number}
            mark = self.mark()
            await self.link.publish(self._kind.renew(seconds, number), qos=0)
            await self._await_timer(seconds, mark, number)
            return
        await self._prepare(seconds)
        mark, number = self.mark(), next(self._numbers)
        await self.link.publish(self._kind.switch_on(seconds, number), qos=0)
        try:
            await self._await_timer(seconds, mark, number)
        except UncertainError:
            await self.write_urgently("off")
            if self.state.updated_after("run_state", mark) and self.values.get("run_state") == RunState.RUNNING:
                self._unusable = f"it was on, and did not show that it switches itself off after {seconds} s"
                raise UncertainError(f"{self.name} was switched off again: {self._unusable}") from None
            raise

    async def _prepare(self, seconds: int) -> None:
        """Set a persistent timer, and wait until the plug reports it. Raise `RefusedError`: then nothing is on."""
        publications, mark = self._kind.prepare(seconds, next(self._numbers)), self.mark()
        if not publications:
            return
        await self.link.publish(publications, qos=0)
        try:
            await self._until(
                lambda: self._prepared_message > mark and self._last.prepared_seconds == seconds, _CONFIRM_SECONDS
            )
        except TimeoutError:
            words = f"it did not report that its timer is {seconds} s"
            raise RefusedError(f"{self.name} is not switched on: {words}") from None

    async def _await_timer(self, seconds: int, mark: int, number: int) -> None:
        """Wait until it reports, after the mark, that it is on, and will switch itself off. Raise `UncertainError`."""

        def shown() -> bool:
            on = self.state.updated_after("run_state", mark) and self.values.get("run_state") == RunState.RUNNING
            answered = not self._kind.numbers_answers or number == self._answered
            return on and answered and self._timer_message > mark and runs_out(self._last, seconds)

        try:
            await self._ask()
            await self._until(shown, _CONFIRM_SECONDS)
        except TimeoutError:
            raise UncertainError(f"{self.name} did not confirm that it is on for {seconds} s") from None

    async def write_urgently(self, verb: str) -> None:  # noqa: ARG002 - there is one way to switch off
        """Switch off at once."""
        self.link.publish_now(self._kind.switch_off(next(self._numbers)))

    async def send_again(self, verb: str, within_seconds: float) -> None:  # noqa: ARG002
        """Switch off, and wait until the broker has it."""
        async with self.clock.timeout(within_seconds):
            await self.link.publish(self._kind.switch_off(next(self._numbers)), qos=1)

    async def read_back_stopped(self, since: int) -> None:
        """Ask until it reports that it is off, in a message after the mark."""
        await self._ask()
        await self._until(lambda: self.reported_stopped(since), None)

    # The connection

    async def _set_up(self) -> None:
        """End what a lost link left on; then have the plug show what it is, and that it has a timer."""
        self._confirmed.clear()
        self._refusal = None
        self._last = PlugReport()
        await self._stopper.end_what_runs()
        await self.link.publish(self._kind.probe(next(self._numbers)), qos=0)
        await self._ask()
        try:
            await self._until(lambda: self._refusal is not None or not self._missing(), _ANSWER_SECONDS)
        except TimeoutError:
            words = [self._kind.needs[need] for need in self._missing() if need in self._kind.needs]
            raise HandshakeTimeoutError(f"{self.name}: {words[0] if words else 'it does not answer'}") from None
        if self._refusal is not None:
            raise ProtocolError(f"{self.name} cannot be used: {self._refusal}")
        self._start_task(self._poll())

    def _missing(self) -> list[str]:
        """Return what it has not shown yet; `state` where it has not reported whether it is on."""
        return [need for need in self._kind.needs if need not in self._confirmed] + (
            [] if "run_state" in self.values else ["state"]
        )

    async def _poll(self) -> None:
        """Request the state of a plug that has not reported, and close the link if it does not answer."""
        while True:
            await self.clock.sleep(_POLL_SECONDS / 2)
            age_seconds = self.state.age_seconds(["run_state"])
            if age_seconds is None or age_seconds >= _SILENT_SECONDS:
                self.link.drop("it does not answer any more: check its power and its network")
                return
            if age_seconds >= _POLL_SECONDS:
                try:
                    await self._ask()
                except DeviceError as error:
                    _LOGGER.debug("%s: %s", self.name, error)

    async def _ask(self) -> None:
        await self.link.publish(self._kind.ask(next(self._numbers)), qos=0)

    async def _ask_run_state(self) -> None:
        await self._ask()

    async def _until(self, done: Callable[[], bool], within_seconds: float | None) -> None:
        """Wait until something is reported, and ask again meanwhile. Raise `TimeoutError`, `LinkLostError`."""
        began_seconds = asked_seconds = self.clock.now()
        while not done():
            await self.clock.sleep(READ_BACK_SECONDS)
            now_seconds = self.clock.now()
            if within_seconds is not None and now_seconds - began_seconds >= within_seconds and not done():
                raise TimeoutError
            if now_seconds - asked_seconds >= _ASK_AGAIN_SECONDS:
                asked_seconds = now_seconds
                await self._ask()

    # Messages

    def _on_message(self, message: ReceivedMessage) -> None:
        try:
            report = self._kind.decode(message.topic, message.payload, retained=message.retained)
        except ProtocolError as error:
            self._dropped += 1
            _LOGGER.debug("%s: dropped a message: %s", self.name, error)
            return
        if report.online is False:
            self.link.drop("it is offline: check its power and its network")
            return
        if report.refusal is not None:
            self._refusal = report.refusal
            _LOGGER.debug("%s: %s", self.name, report.refusal)
        self._confirmed |= report.confirms
        if report.was_on is not None and report.answers is not None:
            self._answered = report.answers
        if report.was_on is False and report.answers in self._renewals:
            _LOGGER.warning("%s had switched off when its lease was renewed: switching it off again", self.name)
            self._start_task(self.write_urgently("off"))
        self._take(report)

    def _take(self, report: PlugReport) -> None:
        values: dict[str, Value] = {}
        if report.on is not None:
            values["run_state"] = RunState.RUNNING.value if report.on else RunState.STOPPED.value
        if report.power_w is not None:
            values["power_w"] = report.power_w
        next_message = self.state.messages + 1
        if report.timer_seconds is not None:
            self._timer_message = next_message
        if report.prepared_seconds is not None:
            self._prepared_message = next_message
        known = {name: value for name, value in vars(report).items() if value is not None}
        self._last = PlugReport(**{**vars(self._last), **known})
        if values or next_message in (self._timer_message, self._prepared_message):
            self.state.update(values)
