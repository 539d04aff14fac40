"""The declarative driver: one device, spoken to as its profile says. The roles on top of it are in `roles`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from devices.clock import Clock
from devices.errors import LinkLostError, ProtocolError, RefusedError
from devices.link import Link, Place
from devices.profiles import duties
from devices.profiles.answers import Answers
from devices.profiles.codec import Codec, Packet
from devices.profiles.duty_spec import Acknowledge
from devices.profiles.expectations import expect_characteristics, expect_mild_beginning, expect_model
from devices.profiles.families import member_among
from devices.profiles.schema import Channel, Profile
from devices.profiles.units import is_in_one_unit, units_of
from devices.profiles.vocabulary import Value
from devices.radio import Radio
from devices.roles import RunState, Side
from devices.sighting import Sighting
from devices.stopper import STOP_PART_SECONDS, Stopper, every_part
from devices.told import Told

_LOGGER = logging.getLogger(__name__)

_READ_BACK_SECONDS = 0.1
_NOT_RUNNING = (RunState.STOPPED, RunState.FAULT)


class ProfileDevice:
    """One device described by a profile."""

    def __init__(
        self,
        radio: Radio,
        clock: Clock,
        *,
        name: str,
        side: Side,
        profile: Profile,
        wanted: Callable[[Sighting], bool],
        may_control: bool = True,
        max_level: int | None = None,
    ) -> None:
        self.name = name
        self.side = side
        self.profile = profile
        self.may_control = may_control  # only read an unverified device, unless its owner allowed more
        self.max_level = max_level
        self.told = Told(clock)
        self.dropped_packets = 0
        self.link = Link(radio, clock, name, wanted, self._set_up, self._on_link_change)
        self.clock = clock
        self._codec = Codec(profile)
        self.places = _places(profile)
        self._units = units_of(profile)
        self._counter = 0
        self._whole = asyncio.Lock()  # the pieces of one packet are not mixed with those of another
        self._answers = Answers(profile, clock, name)
        self._running: dict[str, tuple[str, Mapping[str, Value]]] = {}  # by stop verb: the last start, and its values
        self._stopper = Stopper(self)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Keep the device connected, until cancelled."""
        try:
            await self.link.run()
        finally:
            self._end_tasks()

    @property
    def values(self) -> Mapping[str, Value]:
        """What the device said, by the names in its profile."""
        return self.told.values

    # Commands

    async def command(self, name: str, values: Mapping[str, Value], *, undone_by: str | None = None) -> None:
        """Send a command in its turn, and wait for the device's answer where the profile describes one.

        `undone_by` names the command that ends what this one begins: after a lost link it is sent before anything else.
        Raise `RefusedError`, `UncertainError` or `LinkLostError`.
        """
        if not self.may_control:
            raise RefusedError(
                f"the profile of {self.name} is unverified; allow_unverified: true lets it be controlled"
            )

        async def send() -> None:
            if not self.link.connected:
                raise LinkLostError(f"{self.name} is not connected")
            await expect_mild_beginning(self, name, values)
            if undone_by is not None:
                self._stopper.started(undone_by)
                start, before = self._running.get(undone_by, (name, {}))
                self._running[undone_by] = (start, {**before, **values})  # a change counts when the start is repeated
            await self.send(name, values)

        await self.link.lane.run(send)

    async def renew(self, values: Mapping[str, Value]) -> None:
        """Renew the lease of what runs: by the device's own command, or by sending its last start once more."""
        renew = self.profile.commands.get("renew")
        if renew is None:
            return
        if renew.repeat is None:
            await self.command("renew", values)
            return

        async def again() -> None:
            # Looked up when its turn comes: a stop in the meantime has taken it away.
            for start, last in list(self._running.values()):
                if start == renew.repeat:
                    await self.send(start, last)

        await self.link.lane.run(again)

    async def send(
        self,
        name: str,
        values: Mapping[str, Value],
        *,
        within_seconds: float | None = None,
        answered_by: str | None = None,
    ) -> None:
        """Send a command at once, part by part where it is a sequence. For those who hold the lane, or set up."""
        for part, part_values, wait_seconds in self._codec.packets(name, values):
            await self._exchange(part, part_values, within_seconds, answered_by)
            if wait_seconds:
                await self.clock.sleep(wait_seconds)

    def assume_running(self, verb: str) -> None:
        """Take for running what this verb ends: it is sent before anything else, once there is a connection."""
        self._stopper.started(verb)

    async def stop(self, verb: str) -> None:
        """Send a stop past everything, then again behind whatever was in flight, and read back that it took.

        Goes on even if the caller is cancelled. Raise `UncertainError` if not confirmed in 2 s, `LinkLostError`.
        """
        self._running.pop(verb, None)
        await self._stopper.stop(verb)

    # What the stopper needs

    def knows(self, verb: str) -> bool:
        """Say whether the profile has a command of that name."""
        return verb in self.profile.commands

    @property
    def tells_run_state(self) -> bool:
        """Whether the device says that it runs or not."""
        return "run_state" in self.profile.reported

    def mark(self) -> int:
        """Return how many messages were heard."""
        return self.told.messages

    async def write_urgently(self, verb: str) -> None:
        """Write a command at once, part by part, without waiting for acknowledgements where there need be none."""
        packets = [self._encode(part, values) for part, values, _ in self._codec.packets(verb, {})]
        await every_part(self, [partial(self._write, packet, urgent=True) for packet in packets], STOP_PART_SECONDS)

    async def send_again(self, verb: str, within_seconds: float) -> None:
        """Send a command and wait for its answer."""
        parts = [(part, values) for part, values, _ in self._codec.packets(verb, {})]
        exchanges = [
            partial(self._exchange, part, values, within_seconds, None, is_stop=True) for part, values in parts
        ]
        await every_part(self, exchanges, within_seconds)

    async def read_back_stopped(self, since: int) -> None:
        """Wait until the device itself says that it does not run.

        Only what it says from now on counts; from a device that cannot be asked, what it said since the mark.
        """
        if self._can_be_asked("run_state"):
            since = self.told.messages
        while True:
            await self._ask("run_state")
            if self.told.since("run_state", since) and self.values.get("run_state") in _NOT_RUNNING:
                return
            await self.clock.sleep(_READ_BACK_SECONDS)

    # Bytes out

    async def _exchange(
        self,
        name: str,
        values: Mapping[str, Value],
        within_seconds: float | None,
        answered_by: str | None,
        *,
        is_stop: bool = False,
    ) -> None:
        packet = self._encode(name, values)
        await self._answers.exchange(
            name,
            self._counter,
            partial(self._write, packet),
            within_seconds=within_seconds,
            answered_by=answered_by,
            is_stop=is_stop,
        )

    def _encode(self, name: str, values: Mapping[str, Value]) -> Packet:
        counter_bytes = self.profile.frame.counter_bytes if self.profile.frame else 1
        self._counter = (self._counter + 1) % (1 << 8 * counter_bytes)
        return self._codec.encode_command(name, values, self._counter)

    async def _write(self, packet: Packet, *, urgent: bool = False) -> None:
        channel, quirks = self.profile.channels[packet.channel], self.profile.link
        response = channel.write == "with-response" or (channel.write == "both" and not urgent)
        size = quirks.chunk_bytes or len(packet.data) or 1
        async with contextlib.nullcontext() if urgent else self._whole:
            for at in range(0, len(packet.data), size):
                await self.link.write(self.places[packet.channel], packet.data[at : at + size], response=response)
                if quirks.gap_seconds and not urgent:
                    await self.clock.sleep(quirks.gap_seconds)

    # A new connection

    async def _set_up(self) -> None:
        """Check the model, subscribe, end what a lost link left on, greet, and read everything once."""
        self.places = _places(self.profile.with_member(member_among(self.profile.channels, self.link.offered())))
        expect_characteristics(self)
        for name, channel in self.profile.channels.items():
            if (channel.notify or channel.indicate) and self.link.has(self.places[name]):
                joiner = self._codec.joiner(name)
                hear = partial(self._on_piece, name, joiner.feed) if joiner else partial(self._on_value, name)
                await self.link.subscribe(self.places[name], hear, acquire_notify=self.profile.link.acquire_notify)
        await duties.greet(self, self.profile.session)
        await self._stopper.end_what_runs()
        await expect_model(self)
        await self.read_all()
        for duty in duties.periodic(self, self.profile.session):
            self._begin(duty)

    async def read_all(self, only: str | None = None) -> None:
        """Read every readable channel, or those that carry the value `only`."""
        for name, channel in self.profile.channels.items():
            if not channel.read or not self.link.has(self.places[name]):
                continue
            if only is None or only in self._carried_by(name, channel):
                await self.read(name)

    async def read(self, channel: str) -> None:
        """Read one channel, and take in what it says."""
        data = await self.link.read(self.places[channel])
        if channel in self._units:
            await self._hear_in_its_unit(channel, data)
        else:
            self._on_packet(channel, data)

    def _can_be_asked(self, value: str) -> bool:
        return any(
            channel.read and value in self._carried_by(name, channel) for name, channel in self.profile.channels.items()
        ) or any(poll.command for poll in self.profile.session.poll)

    async def _ask(self, value: str) -> None:
        """Read the channels that carry a value, and send the polls that ask for it."""
        await self.read_all(only=value)
        for poll in self.profile.session.poll:
            if poll.command is not None:
                await self.link.lane.run(partial(self.send, poll.command, {}))

    def _carried_by(self, name: str, channel: Channel) -> set[str]:
        values = {value for field in channel.gives or () for value in field.names}
        for report in self.profile.reports.values():
            if self._codec.channel_of(report) == name:
                values |= set(report.names)
        return values

    # Bytes in

    def _on_piece(self, channel: str, join: Callable[[bytes], list[bytes]], data: bytes) -> None:
        for whole in join(data):
            self._on_packet(channel, whole)

    def _on_value(self, channel: str, data: bytes) -> None:
        if channel in self._units:
            self._begin(self._hear_in_its_unit(channel, data))
        else:
            self._on_packet(channel, data)

    async def _hear_in_its_unit(self, channel: str, data: bytes) -> None:
        if await is_in_one_unit(self, *self._units[channel]):
            self._on_packet(channel, data)

    def _on_packet(self, channel: str, data: bytes) -> None:
        try:
            message = self._codec.decode_report(channel, data, self.values)
        except ProtocolError as error:
            self.dropped_packets += 1
            _LOGGER.debug("%s: dropped a packet on %s: %s", self.name, channel, error)
            return
        report = self.profile.reports.get(message.name)
        if report is not None and report.acknowledge is not None:
            self._begin(self._acknowledge(report.acknowledge, message.values, self.link.lane.stops, self.clock.now()))
        if not self._answers.hear(message):
            self.told.hear(message.values)

    async def _acknowledge(
        self, acknowledge: Acknowledge, values: Mapping[str, Value], after_stops: int, asked_at_seconds: float
    ) -> None:
        """Answer what the device asked, in its turn: not after a stop, and not when it does not wait any more."""

        async def send() -> None:
            late_seconds = self.clock.now() - asked_at_seconds
            if late_seconds > acknowledge.within_seconds:
                raise RefusedError(f"{acknowledge.command} was {late_seconds:.1f} s late, and is not sent")
            await self.send(acknowledge.command, values)

        await self.link.lane.run(send, after_stops=after_stops)

    # The link

    def _begin(self, duty: Coroutine[Any, Any, None]) -> None:
        """Run something beside the commands, until it is done or the link is lost."""
        task = asyncio.create_task(duties.quietly(duty, self.name), name=f"duty of {self.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: duty.close())  # of a task that was cancelled before it began

    def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _on_link_change(self) -> None:
        if not self.link.connected:
            self.told.forget()
            self._running.clear()
            self._end_tasks()
            self._answers.lose_link()
        self.told.changed()


def _places(profile: Profile) -> Mapping[str, Place]:
    return {
        name: Place(channel.service, channel.characteristic, channel.handle)
        for name, channel in profile.channels.items()
    }
