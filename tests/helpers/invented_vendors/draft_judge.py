"""Judges a drafted profile by the truth about the vendor's pump: what its commands do to it, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from devices.driver.vocabulary import Value
from devices.errors import ProtocolError
from devices.profiles.codec import Codec, DecodedMessage
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.twin import Twin
from tests.helpers.invented_vendors.invented_pump import InventedPump
from tests.helpers.invented_vendors.invented_vendor import InventedVendor, Play

PHASES = ("stimulation", "expression")


def setting_name(play: Play) -> str:
    """Return what the pump is set in."""
    return "level" if play.mmhg is None else "vacuum_mmhg"


def captured_settings(play: Play) -> tuple[float, ...]:
    """Return the settings that were pressed while the app was recorded, from the lowest up."""
    return play.mmhg or tuple(range(1, play.levels + 1))


def settings_beyond(play: Play) -> tuple[float, float]:
    """Return settings below and above all that were pressed."""
    pressed = captured_settings(play)
    step = pressed[1] - pressed[0]
    return pressed[0] - step, pressed[-1] + step


def requests(play: Play) -> Iterator[dict[str, Value]]:
    """Yield what a session may ask of a start, within what was pressed."""
    for phase in PHASES:
        for setting in captured_settings(play):
            yield {"phase": phase, setting_name(play): setting, "duration_minutes": 30}


class JudgedPump:
    """The vendor's pump without a radio, to which a draft's bytes are given. `understood`: what it made of them."""

    def __init__(self, vendor: InventedVendor, draft: Profile) -> None:
        self.body = InventedPump(vendor.profile, Side.LEFT, 1, vendor.pump)
        self.understood: list[DecodedMessage] = []
        self._vendor_profile = vendor.profile
        self._codec = Codec(vendor.profile)
        self._draft = draft
        self._draft_codec = Codec(draft)
        self._twin = Twin(vendor.profile, self.body, vendor.advertised_name, lambda: 1.0)
        self._counter = 0
        self.body.advance(1.0)
        for step in draft.connection.handshake:
            self.send(step.command, step.values)

    def send(self, name: str, values: Mapping[str, Value]) -> None:
        """Let the pump carry out a drafted command. Raise `RefusedError` where the draft refuses it.

        Each packet must be one that the vendor's app would send, to the byte.
        """
        for part, part_values, _ in self._draft_codec.packets(name, values):
            self._counter += 1
            packet = self._draft_codec.encode_command(part, part_values, self._counter)
            channel, message = self._decoded(packet.channel, packet.data)
            own = self._codec.encode_command(message.name, message.values, self._counter)
            assert (own.channel, own.data) == (channel, packet.data), f"{name} {values}: {packet.data.hex(' ')}"
            self.understood.append(message)
            self._twin._on_command(message)

    def _decoded(self, drafted_channel: str, data: bytes) -> tuple[str, DecodedMessage]:
        """Return the pump's own channel that a drafted one is, and what a packet there means."""
        drafted = self._draft.channels[drafted_channel]
        for name, channel in self._vendor_profile.channels.items():
            if channel.write and drafted.characteristic in (None, channel.characteristic):
                try:
                    return name, self._codec.decode_command(name, data)
                except ProtocolError:
                    continue
        raise AssertionError(f"the pump knows no {data.hex(' ')}")

    @property
    def setting(self) -> float | None:
        """What it is set to: its level, or its target in mmHg."""
        values = self.body.values()
        value = values["level"] if self.body._level is not None else values["target_vacuum_mmhg"]
        return value if isinstance(value, int | float) else None
