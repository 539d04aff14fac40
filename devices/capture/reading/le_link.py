"""One LE connection in a capture: its L2CAP frames, by channel, become its messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from devices.capture.reading.advertising_reports import address_of
from devices.capture.reading.att_conversation import AttConversation
from devices.capture.reading.l2cap import ATT_CHANNEL, SECURITY_CHANNEL, SIGNALLING_CHANNEL, FrameAssembler
from devices.capture.reading.reading_notes import ReadingNotes

_IDENTITY_ADDRESS = 0x09  # of the Security Manager: the address that a device keeps; its keys are passed over
_CREDIT_BASED_REQUEST, _EATT = 0x17, b"\x27\x00"


@dataclass
class LeLink:
    """A connection while it is read.

    `number`: its place in the capture. `began_seconds`, `ended_seconds`: Unix time, as in `CapturedConnection`.
    `on_identity`: called with the device's identity address, where it distributes one.
    """

    number: int
    att: AttConversation
    notes: ReadingNotes
    on_identity: Callable[[str], None]
    began_seconds: float | None = None
    ended_seconds: float | None = None
    encrypted: bool = False
    device_is_peripheral: bool = True
    _frames: dict[bool, FrameAssembler] = field(init=False)  # by whether the device sends them

    def __post_init__(self) -> None:
        self._frames = {True: FrameAssembler(self.notes), False: FrameAssembler(self.notes)}

    @property
    def device_is_sending(self) -> bool:
        """Whether a continuation of unknown direction can only be of the device."""
        return self._frames[True].waiting and not self._frames[False].waiting

    def feed(self, at_seconds: float, fragment: bytes, *, first: bool, from_device: bool) -> None:
        """Take a fragment of a frame; `first`: the frame begins with it."""
        frame = self._frames[from_device].feed(fragment, first=first)
        if frame is None:
            return
        channel, payload = frame
        if channel == ATT_CHANNEL:
            self.att.feed(at_seconds, payload, from_server=from_device)
        elif channel == SECURITY_CHANNEL:
            if from_device and payload[:1] == bytes([_IDENTITY_ADDRESS]) and len(payload) == 8:
                self.on_identity(address_of(payload[2:]))
        elif channel == SIGNALLING_CHANNEL and payload[:1] == bytes([_CREDIT_BASED_REQUEST]) and payload[4:6] == _EATT:
            self.notes.add(
                "A connection also used Enhanced ATT, which Letdown does not read: some values may be missing. Record"
                " again with another phone."
            )

    def lose(self, *, from_device: bool) -> None:
        """Drop the incomplete frame of this direction."""
        self._frames[from_device].lose()
