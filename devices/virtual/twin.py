"""A profile's virtual device: a real GATT server made from the same YAML, with a body behind it.

It decodes the profile's commands (`command_decoder`), has its characteristics where the profile looks for them
(`attribute_map`), and encodes the body's values as the profile's reports. Where the body has the product's own byte
protocol (`native_protocol`), that prevails. Physics are in the bodies.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from bumble.device import Device

from devices.driver.device_model import Manufacturer
from devices.driver.vocabulary import OWNER, STOP_VERB, Value
from devices.errors import DeviceError
from devices.profiles.codec import Codec, DecodedMessage, Packet
from devices.profiles.schema import Profile
from devices.virtual.advertising_data import AdvertisingPacket
from devices.virtual.answer_report import answer_values
from devices.virtual.attribute_map import services_at_handles, services_of, uuids_of
from devices.virtual.command_decoder import CommandDecoder
from devices.virtual.device_body import DeviceBody
from devices.virtual.device_run import CommandResult
from devices.virtual.gatt_server import GattCharacteristic, GattServer
from devices.virtual.native_protocol import NativeProtocol
from devices.virtual.simple_bodies import JoinedBody
from devices.virtual.uncancelled import in_background

_LOGGER = logging.getLogger(__name__)

_PLAIN_EVERY_SECONDS = 1.0  # a plain characteristic is notified when its value changed, and not more often
_IDLE_EVERY_SECONDS = 1.0
_RELEASE_SECONDS = 2.0
_PIECE_BYTES = 20  # messages that may be split are: this much fits into a notification at the default MTU
_REPORTED_FIRST = ("measurement", "status", "annunciation")
_NEWER = 128  # a counter up to this far ahead is newer, modulo 256; any other is older


class Twin:
    """Decodes commands, encodes reports, and notifies them as often as the profile says."""

    def __init__(self, profile: Profile, body: DeviceBody | JoinedBody, name: str, now: Callable[[], float]) -> None:
        self.profile = profile = profile.with_member(profile.member)
        self.body = body
        self.name = name
        self.server: GattServer | None = None
        self._now = now
        self._codec = Codec(profile)
        self._decoder = CommandDecoder(self._codec)
        self._native = body if isinstance(body, NativeProtocol) else None
        self._uuids = uuids_of(profile)
        self._split = {name for name in profile.channels if self._codec.joiner(name) is not None}
        self._busy_until_seconds = 0.0
        self._counter = 0
        self._reported_state = body.run.state
        self._last_counter: int | None = None
        self._sent_at_seconds: dict[str, float] = {}
        self._sent: dict[str, bytes] = {}
        self._covered_until_seconds: dict[str, float] = {}  # by report: the end of the period it covered

    async def serve(self, device: Device) -> None:
        """Serve and advertise on a Bumble device, whose radio may be virtual or real."""
        match = self.profile.match
        advertisement = AdvertisingPacket(
            name=self.name,
            service_uuids=[uuid for uuid in match.services if uuid != OWNER],
            manufacturer_data=_manufacturer_data(match.manufacturer),
        )
        services = services_at_handles(device, self.profile, self._characteristic)
        services += services_of(self.profile, self._characteristic)
        services += self._native.extra_services() if self._native is not None else []
        self.server = GattServer(device, services, advertisement)
        self.server.on_connection = self._on_connection
        self.server.on_disconnection = self.body.lose_link
        await self.server.start()

    @property
    def busy(self) -> bool:
        """Whether it reports quickly: it runs, did less than two seconds ago, or always does."""
        if self.body.run.on or self.body.reports_at_rest:
            self._busy_until_seconds = self._now() + _RELEASE_SECONDS
        return self._now() < self._busy_until_seconds

    def tick(self) -> None:
        """Advance the body to now, and send the reports that are due."""
        self.body.advance(self._now())
        if self.body.run.state != self._reported_state:  # it ended by itself, or somebody pressed its button
            self._report_change()
            if not self.body.run.on:
                self._decoder.forget()
        if self.server is None or not self.server.connected or self.body.silent:
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
            if (
                channel.fields
                and (channel.notify or channel.indicate)
                and self._due(name, channel.every_seconds or _PLAIN_EVERY_SECONDS)
            ):
                self._send(name, only_changed=channel.every_seconds is None)

    def _due(self, name: str, every_seconds: float) -> bool:
        now_seconds = self._now()
        if now_seconds - self._sent_at_seconds.get(name, -every_seconds) < every_seconds - 1e-6:
            return False
        self._sent_at_seconds[name] = now_seconds
        return True

    def _values(self, name: str) -> dict[str, Value]:
        """Return a report's values; the highest and lowest are those since this very report was last sent.

        So no peak is lost between two of them, whatever else was sent or read meanwhile.
        """
        return self.body.values(self._covered_until_seconds.get(name))

    def _send(
        self,
        name: str,
        values: dict[str, Value] | None = None,
        *,
        only_changed: bool = False,
        answers: bytes = b"",
    ) -> None:
        values = self._values(name) if values is None else values
        report = self.profile.reports.get(name)
        if report is not None and report.line and any(values.get(each) is None for each in report.sent_names):
            return  # a text line cannot carry an unknown value
        packet = self._packet(name, values, answers)
        if self.server is None or not self.server.connected:
            return
        self._covered_until_seconds[name] = self._now()
        if only_changed and self._sent.get(name) == packet.data:
            return
        if self.server.subscribed(self._uuids[packet.channel]):  # else it was not received, and is sent later
            self._sent[name] = packet.data
        self._notify(packet.channel, packet.data)

    def _packet(self, name: str, values: dict[str, Value], answers: bytes = b"") -> Packet:
        native = self._native.read_channel(name) if self._native is not None and name in self.profile.channels else None
        if native is not None:
            return Packet(name, native)
        self._counter = (self._counter + 1) & 0xFF
        return self._codec.encode_report(name, values, self._counter, answers)

    def _notify(self, channel: str, data: bytes) -> None:
        if self.server is not None:
            size = _PIECE_BYTES if channel in self._split else len(data)
            for at in range(0, len(data), size):
                self.server.notify(self._uuids[channel], data[at : at + size])

    def _report_change(self) -> None:
        """Report a change at once: the measurement first, so that the last milk counts, then state and annunciation."""
        self._reported_state = self.body.run.state
        reports, channels = self.profile.reports, self.profile.channels
        first = [name for name in _REPORTED_FIRST if name in reports]
        state = [name for name, each in reports.items() if "run_state" in each.names and name not in first]
        for name in (*first, *state):
            if channels[self._codec.channel_of(reports[name])].notify:
                self._send(name)
        for name, channel in channels.items():
            if channel.notify and "run_state" in channel.names:
                self._send(name)

    async def _on_write(self, channel: str, data: bytes) -> None:
        if self._native is not None:
            self._on_native_write(self._native, channel, data)
            return
        for packet in self._decoder.complete_packets(channel, data):
            try:
                message = self._codec.decode_command(channel, packet)
            except DeviceError as error:
                _LOGGER.info("%s ignores a packet: %s", self.name, error)
            else:
                self._on_command(message)

    def _on_native_write(self, native: NativeProtocol, channel: str, data: bytes) -> None:
        self.body.advance(self._now())
        for answer_channel, answer in native.on_write(channel, data, self._execute):
            self._notify(answer_channel, answer)
        for name, each in self.profile.channels.items():  # what the write changed
            if each.fields and each.notify:
                self._send(name, only_changed=True)
        if native.powered_off and self.server is not None:
            in_background(self.server.stop())

    def _on_command(self, message: DecodedMessage) -> None:
        if self._is_old(message.counter) and message.name not in STOP_VERB.values():
            self._answer(message, CommandResult("replayed"))
            return
        self._last_counter = message.counter
        self._answer(message, self._execute(message))

    def _execute(self, message: DecodedMessage) -> CommandResult:
        """Let the body carry out a command, and the sequences that it completes; report what a verb changed."""
        self.body.advance(self._now())
        result = self.body.command(message.name, message.values)
        completed = self._decoder.completed_sequences(message)
        for verb in completed:
            result = self.body.command(verb.name, verb.values)
        if self.profile.verbs & {message.name, *(verb.name for verb in completed)}:
            self._report_change()
        return result

    def _answer(self, message: DecodedMessage, result: CommandResult) -> None:
        command, answer = self.profile.commands[message.name], self.profile.answer
        if command.answered_by:
            for report in command.answered_by:
                self._send(report, answers=message.opcode)
        elif answer is not None and command.answered:
            self._send(*answer_values(self.profile, answer, message, result), answers=message.opcode)

    def _is_old(self, counter: int | None) -> bool:
        """Return whether a later command has arrived already, so that this one must not be carried out."""
        if counter is None or self._last_counter is None:
            return False
        return not 0 < (counter - self._last_counter) & 0xFF < _NEWER

    def _on_connection(self) -> None:
        self._last_counter = None
        self._sent.clear()
        self._sent_at_seconds.clear()
        self._decoder.reset()
        if self._native is not None:
            self._native.reset_connection()

    def _read(self, name: str) -> bytes:
        self.body.advance(self._now())
        read = f"read {name}"  # covers a period of its own, apart from that of the notifications
        values = self._values(read)
        self._covered_until_seconds[read] = self._now()
        if self.profile.channels[name].fields:
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
