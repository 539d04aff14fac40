"""A profile's twin: a real GATT server made from the same YAML, with a body behind it.

It understands what the profile's commands say (`ears`), has its characteristics where the profile looks for them
(`places`), and tells what the body knows in the profile's reports. Where the bytes of a product were written down apart
from its profile (`wire`), those hold. What the body does, is the body's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from bumble.device import Device

from devices.errors import DeviceError
from devices.profiles.codec import Codec, Message, Packet
from devices.profiles.field_spec import names_in
from devices.profiles.match_spec import Manufacturer
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import OWNER, STOP_VERB, Value
from devices.virtual.duty import Body, Result
from devices.virtual.ears import Ears
from devices.virtual.gatt import Advertisement, GattCharacteristic, GattServer
from devices.virtual.places import services_at_handles, services_of, uuids_of
from devices.virtual.simple import SimpleBody
from devices.virtual.undisturbed import in_background
from devices.virtual.wire import Wire

_LOGGER = logging.getLogger(__name__)

_PLAIN_EVERY_SECONDS = 1.0  # a plain characteristic is notified when its value changed, and not more often
_IDLE_EVERY_SECONDS = 1.0
_AFTERMATH_SECONDS = 2.0
_PIECE_BYTES = 20  # what may come split, comes split: this much fits into a notification without asking
_SAID_FIRST = ("measurement", "status", "annunciation")
_NEWER = 128  # a counter up to this far ahead is newer; the rest of the circle is older


class Twin:
    """Decodes commands, encodes reports, and keeps the session duties that the profile promises."""

    def __init__(self, profile: Profile, body: Body, name: str, now: Callable[[], float]) -> None:
        self.profile = profile = profile.with_member(profile.member)
        self.body = body
        self.name = name
        self.server: GattServer | None = None
        # What it was told, for those who want to check: as bytes, and as commands and the sequences they make up.
        self.written: list[tuple[str, bytes]] = []
        self.commands: list[Message] = []
        self._now = now
        self._codec = Codec(profile)
        self._ears = Ears(self._codec)
        self._wire = body.wire if isinstance(body, SimpleBody) else None
        self._uuids = uuids_of(profile)
        self._split = {name for name in profile.channels if self._codec.joiner(name) is not None}
        self._busy_until_seconds = 0.0
        self._counter = 0
        self._announced_state = body.duty.state
        self._last_counter: int | None = None
        self._sent_at_seconds: dict[str, float] = {}
        self._sent: dict[str, bytes] = {}
        self._covered_until_seconds: dict[str, float] = {}  # by report: until when its highest and lowest were told

    async def serve(self, device: Device) -> None:
        """Become reachable on a device of the virtual radio, or of a real one."""
        match = self.profile.match
        advertisement = Advertisement(
            name=self.name,
            service_uuids=[uuid for uuid in match.services if uuid != OWNER],
            manufacturer_data=_manufacturer_data(match.manufacturer),
        )
        services = services_at_handles(device, self.profile, self._characteristic)
        services += services_of(self.profile, self._characteristic)
        services += self._wire.services() if self._wire is not None else []
        self.server = GattServer(device, services, advertisement)
        self.server.on_connection = self._on_connection
        self.server.on_disconnection = self.body.lose_link
        await self.server.start()

    @property
    def busy(self) -> bool:
        """Whether it runs, or ran a moment ago: then it shows quickly that it let go."""
        if self.body.duty.on:
            self._busy_until_seconds = self._now() + _AFTERMATH_SECONDS
        return self._now() < self._busy_until_seconds

    def tick(self) -> None:
        """Let physics catch up, and send what is due."""
        self.body.advance(self._now())
        if self.body.duty.state != self._announced_state:  # it ended by itself, or somebody pressed its button
            self._announce()
            if not self.body.duty.on:
                self._ears.forget()
        if self.server is None or not self.server.connected:
            return
        for name, report in self.profile.reports.items():
            every_seconds = report.every_seconds
            if every_seconds is None:
                continue
            if not self.busy:
                every_seconds = max(every_seconds, _IDLE_EVERY_SECONDS)
            if self._due(name, every_seconds):
                self._send(name)
        for name, channel in self.profile.channels.items():
            if channel.gives and channel.notify and self._due(name, channel.every_seconds or _PLAIN_EVERY_SECONDS):
                self._send(name, only_changed=channel.every_seconds is None)

    def _due(self, name: str, every_seconds: float) -> bool:
        now_seconds = self._now()
        if now_seconds - self._sent_at_seconds.get(name, -every_seconds) < every_seconds - 1e-6:
            return False
        self._sent_at_seconds[name] = now_seconds
        return True

    def _values(self, name: str) -> dict[str, Value]:
        """Return what a report carries: its highest and lowest values are those since this very report was last sent.

        So none is lost between two of them, whatever else was sent or read meanwhile.
        """
        return self.body.values(self._covered_until_seconds.get(name))

    def _send(self, name: str, values: dict[str, Value] | None = None, *, only_changed: bool = False) -> None:
        values = self._values(name) if values is None else values
        report = self.profile.reports.get(name)
        if report is not None and report.line and any(values.get(each) is None for each in report.names):
            return  # a line has no word for what is not known
        packet = self._packet(name, values)
        if self.server is None or not self.server.connected:
            return
        self._covered_until_seconds[name] = self._now()
        if only_changed and self._sent.get(name) == packet.data:
            return
        self._sent[name] = packet.data
        self._notify(packet.channel, packet.data)

    def _packet(self, name: str, values: dict[str, Value]) -> Packet:
        own = self._wire.says(name) if self._wire is not None and name in self.profile.channels else None
        if own is not None:
            return Packet(name, own)
        self._counter = (self._counter + 1) & 0xFF
        return self._codec.encode_report(name, values, self._counter)

    def _notify(self, channel: str, data: bytes) -> None:
        if self.server is not None:
            size = _PIECE_BYTES if channel in self._split else len(data)
            for at in range(0, len(data), size):
                self.server.notify(self._uuids[channel], data[at : at + size])

    def _announce(self) -> None:
        """Say at once what changed: measurement first, so that the last milk counts, then state and annunciation."""
        self._announced_state = self.body.duty.state
        reports, channels = self.profile.reports, self.profile.channels
        first = [name for name in _SAID_FIRST if name in reports]
        state = [name for name, each in reports.items() if "run_state" in each.names and name not in first]
        for name in (*first, *state):
            if channels[self._codec.channel_of(reports[name])].notify:
                self._send(name)
        for name, channel in channels.items():
            if channel.notify and "run_state" in names_in(channel.gives):
                self._send(name)

    async def _on_write(self, channel: str, data: bytes) -> None:
        self.written.append((channel, data))
        if self._wire is not None:
            self._hear_own(self._wire, channel, data)
            return
        for packet in self._ears.whole(channel, data):
            try:
                message = self._codec.decode_command(channel, packet)
            except DeviceError as error:
                _LOGGER.info("%s ignores a packet: %s", self.name, error)
            else:
                self._obey(message)

    def _hear_own(self, wire: Wire, channel: str, data: bytes) -> None:
        self.body.advance(self._now())
        for said, answer in wire.hear(channel, data, self._carry_out):
            self._notify(said, answer)
        for name, each in self.profile.channels.items():  # what the write changed
            if each.gives and each.notify:
                self._send(name, only_changed=True)
        if wire.gone and self.server is not None:
            in_background(self.server.stop())

    def _obey(self, message: Message) -> None:
        if self._is_old(message.counter) and message.name not in STOP_VERB.values():
            self.commands.append(message)
            self._answer(message, Result("replayed"))
            return
        self._last_counter = message.counter
        self._answer(message, self._carry_out(message))

    def _carry_out(self, message: Message) -> Result:
        """Let the body do what a message says, and the sequences that it completes."""
        self.commands.append(message)
        self.body.advance(self._now())
        result = self.body.command(message.name, message.values)
        for verb in self._ears.verbs(message):
            self.commands.append(verb)
            result = self.body.command(verb.name, verb.values)
        self._announce()
        return result

    def _answer(self, message: Message, result: Result) -> None:
        command, answer = self.profile.commands[message.name], self.profile.answer
        if command.answered_by is not None:
            self._send(command.answered_by)
        elif answer is not None and command.answered:
            values: dict[str, Value] = dict.fromkeys(self.profile.reports[answer.report].names)
            values.update(result.allowed)
            if answer.opcode:
                values[answer.opcode] = int.from_bytes(message.opcode, "big")
            if answer.result:
                known = result.result in answer.accepted or result.result not in ("accepted", "limited")
                values[answer.result] = result.result if known else answer.accepted[0]
            if answer.counter:
                values[answer.counter] = message.counter
            self._send(answer.report, values)

    def _is_old(self, counter: int | None) -> bool:
        """Say whether a command was overtaken by a later one: then it must not be carried out any more."""
        if counter is None or self._last_counter is None:
            return False
        return not 0 < (counter - self._last_counter) & 0xFF < _NEWER

    def _on_connection(self) -> None:
        self._last_counter = None
        self._sent.clear()
        self._sent_at_seconds.clear()
        self._ears.reset()
        if self._wire is not None:
            self._wire.reset()

    def _read(self, name: str) -> bytes:
        self.body.advance(self._now())
        asked = f"read {name}"  # apart from what is sent by itself
        values = self._values(asked)
        self._covered_until_seconds[asked] = self._now()
        if self.profile.channels[name].gives:
            return self._packet(name, values).data
        report = next(key for key, each in self.profile.reports.items() if self._codec.channel_of(each) == name)
        self._counter = (self._counter + 1) & 0xFF
        return self._codec.encode_report(report, values, self._counter).data

    def _characteristic(self, name: str) -> GattCharacteristic:
        channel = self.profile.channels[name]
        return GattCharacteristic(
            uuid=self._uuids[name],
            properties=channel.needs,
            read=partial(self._read, name) if channel.read else None,
            write=partial(self._on_write, name) if channel.write else None,
        )


def _manufacturer_data(wanted: Manufacturer | None) -> dict[int, bytes]:
    """Return manufacturer data that fits what a profile looks for."""
    first = wanted.data[0] if wanted is not None and wanted.data else ""
    return {} if wanted is None else {wanted.id: bytes.fromhex(first.replace("..", "00"))}
