"""Bytes to and from one device, as its profile describes them: commands out; answers, reports and values in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from devices.bluetooth.link import CharacteristicRef, Link
from devices.driver.field_spec import names_in
from devices.driver.state_cache import StateCache
from devices.driver.stopper import STOP_PART_SECONDS, every_part
from devices.driver.vocabulary import Value
from devices.errors import ProtocolError, RefusedError
from devices.profiles.answers import CommandAnswers
from devices.profiles.codec import Codec, Packet
from devices.profiles.profile_parts import Acknowledge, Channel
from devices.profiles.schema import Profile
from devices.profiles.unchecked_profile import member_among
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)


class ProfileConnection:
    """The channels of one device. `start_task` runs something beside the commands until the link is lost."""

    def __init__(
        self,
        profile: Profile,
        link: Link,
        clock: Clock,
        state: StateCache,
        start_task: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self.name = link.name
        self.profile = profile
        self.link = link
        self.clock = clock
        self.state = state
        self.characteristics = _characteristics(profile)
        self.dropped_packets = 0
        self._start_task = start_task
        self._codec = Codec(profile)
        self._units = _units(profile)
        self._counter = 0
        self._whole = asyncio.Lock()  # the pieces of one packet are not mixed with those of another
        self._answers = CommandAnswers(profile, clock, link.name)

    @property
    def values(self) -> Mapping[str, Value]:
        """The last reported values."""
        return self.state.values

    # Bytes out

    async def send(
        self,
        name: str,
        values: Mapping[str, Value],
        *,
        within_seconds: float | None = None,
        answered_by: tuple[str, ...] = (),
    ) -> None:
        """Send a command at once, part by part where it is a sequence. The lane is held, or the link being set up."""
        for part, part_values, wait_seconds in self._codec.packets(name, values):
            await self._exchange(part, part_values, within_seconds, answered_by)
            if wait_seconds:
                await self.clock.sleep(wait_seconds)

    async def write_urgently(self, name: str) -> None:
        """Write a command at once, part by part, without waiting for acknowledgements where there need be none."""
        packets = [self._encode(part, values) for part, values, _ in self._codec.packets(name, {})]
        writes = [partial(self._write, packet, urgent=True) for packet in packets]
        await every_part(self.name, self.clock, writes, STOP_PART_SECONDS)

    async def send_stop(self, name: str, within_seconds: float) -> None:
        """Send every part of a stop, each with its answer."""
        parts = self._codec.packets(name, {})
        exchanges = [partial(self._exchange, part, values, within_seconds, is_stop=True) for part, values, _ in parts]
        await every_part(self.name, self.clock, exchanges, within_seconds)

    async def _exchange(
        self,
        name: str,
        values: Mapping[str, Value],
        within_seconds: float | None,
        answered_by: tuple[str, ...] = (),
        *,
        is_stop: bool = False,
    ) -> None:
        write = partial(self._write, self._encode(name, values))  # which takes the next counter
        await self._answers.exchange(name, self._counter, write, within_seconds, answered_by, is_stop=is_stop)

    def _encode(self, name: str, values: Mapping[str, Value]) -> Packet:
        counter_bytes = self.profile.frame.counter_bytes if self.profile.frame else 1
        self._counter = (self._counter + 1) % (1 << 8 * counter_bytes)
        return self._codec.encode_command(name, values, self._counter)

    async def _write(self, packet: Packet, *, urgent: bool = False) -> None:
        channel, quirks = self.profile.channels[packet.channel], self.profile.link
        response = channel.write == "with-response" or (channel.write == "both" and not urgent)
        size = quirks.chunk_bytes or len(packet.data) or 1
        characteristic = self.characteristics[packet.channel]
        async with contextlib.nullcontext() if urgent else self._whole:
            for at in range(0, len(packet.data), size):
                await self.link.write(characteristic, packet.data[at : at + size], response=response)
                if quirks.gap_seconds and not urgent:
                    await self.clock.sleep(quirks.gap_seconds)

    # Bytes in

    def find_characteristics(self) -> None:
        """Look up which service of its family the device has, after a connection."""
        self.characteristics = _characteristics(
            self.profile.with_member(member_among(self.profile.channels, self.link.characteristics()))
        )

    async def subscribe(self) -> None:
        """Subscribe to every channel that notifies or indicates."""
        for name, channel in self.profile.channels.items():
            if (channel.notify or channel.indicate) and self.link.properties(self.characteristics[name]):
                joiner = self._codec.joiner(name)
                receive = partial(self._on_piece, name, joiner.feed) if joiner else partial(self._on_value, name)
                await self.link.subscribe(
                    self.characteristics[name], receive, acquire_notify=self.profile.link.acquire_notify
                )

    async def read_all(self, only: str | None = None) -> None:
        """Read every readable channel, or those that carry the value `only`."""
        for name, channel in self.profile.channels.items():
            if not channel.read or not self.link.properties(self.characteristics[name]):
                continue
            if only is None or only in self._values_on(name, channel):
                await self.read(name)

    async def read(self, channel: str) -> None:
        """Read one channel, and take in its value."""
        data = await self.link.read(self.characteristics[channel])
        if channel in self._units:
            await self._receive_with_unit(channel, data)
        else:
            self._on_packet(channel, data)

    def can_ask(self, value: str) -> bool:
        """Return whether a value can be read or polled."""
        return any(
            channel.read and value in self._values_on(name, channel) for name, channel in self.profile.channels.items()
        ) or any(poll.command for poll in self.profile.connection.poll)

    async def ask(self, value: str) -> None:
        """Read the channels that carry a value, and send the polls that ask for it."""
        await self.read_all(only=value)
        for poll in self.profile.connection.poll:
            if poll.command is not None:
                await self.link.lane.run(partial(self.send, poll.command, {}))

    def lose_link(self) -> None:
        """Fail what waits for an answer."""
        self._answers.lose_link()

    def _values_on(self, name: str, channel: Channel) -> set[str]:
        """Return the names of the values that come through a channel."""
        values = set(channel.names)
        for report in self.profile.reports.values():
            if self._codec.channel_of(report) == name:
                values |= set(report.names)
        return values

    def _on_piece(self, channel: str, join: Callable[[bytes], list[bytes]], data: bytes) -> None:
        for whole in join(data):
            self._on_packet(channel, whole)

    def _on_value(self, channel: str, data: bytes) -> None:
        if channel in self._units:
            self._start_task(self._receive_with_unit(channel, data))
        else:
            self._on_packet(channel, data)

    async def _receive_with_unit(self, channel: str, data: bytes) -> None:
        """Take a value in only where its unit, read anew, is the one that was known: else it may be in either."""
        unit_channel, unit = self._units[channel]
        before = self.values.get(unit)
        await self.read(unit_channel)
        if before is not None and self.values.get(unit) == before:
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
            self._start_task(
                self._acknowledge(report.acknowledge, message.values, self.link.lane.stops, self.clock.now())
            )
        if not self._answers.on_message(message):
            self.state.update(message.values)

    async def _acknowledge(
        self, acknowledge: Acknowledge, values: Mapping[str, Value], after_stops: int, asked_at_seconds: float
    ) -> None:
        """Answer a request of the device, in its turn: not after a stop, and not when it does not wait any more."""

        async def send() -> None:
            late_seconds = self.clock.now() - asked_at_seconds
            if late_seconds > acknowledge.within_seconds:
                raise RefusedError(f"{acknowledge.command} was {late_seconds:.1f} s late, and is not sent")
            await self.send(acknowledge.command, values)

        await self.link.lane.run(send, after_stops=after_stops)


def _characteristics(profile: Profile) -> Mapping[str, CharacteristicRef]:
    return {
        name: CharacteristicRef(channel.service, channel.characteristic, channel.handle)
        for name, channel in profile.channels.items()
    }


def _units(profile: Profile) -> Mapping[str, tuple[str, str]]:
    """Return for each channel with values in a unit that another characteristic reports that one, and the unit's name.

    The device can change the unit at any time.
    """
    carriers = {name: key for key, each in profile.channels.items() if each.read for name in names_in(each.fields)}
    return {
        key: (carriers[field.unit], field.unit)
        for key, channel in profile.channels.items()
        for field in channel.fields or ()
        if field.unit in carriers and carriers[field.unit] != key
    }
