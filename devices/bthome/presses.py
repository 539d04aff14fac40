"""What a press of a button may do, by what is known of its advertisement. No input can start anything.

An advertisement carries no time. Buttons miss presses and repeat old ones, some arrive half a minute late, and anybody
near can send what looks like one. So a press is a stop, unless its owner chose another meaning for it *and* the
packet cannot be an old or a foreign one:

- A let-down needs a packet that the owner's key decrypts, with a higher counter than every one before. The first one
  since the start only shows where the counter is: it may be a recording, so it stops.
- Pain, which is a stop and more, needs a packet that was not received before: decrypted, or of a button without a key.

What remains: a packet that was kept from us when it was sent, and is the newest when it arrives, looks like a new one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from devices.bthome.packet import BthomePacket
from devices.roles import PressEvent, PressMeaning, PressTrust

# A press is sent several times, in a second or two. What is received once more after a longer pause is a press: a stop.
BURST_GAP_SECONDS = 3.0
BURST_SECONDS = 10.0  # what repeats for longer than that is no longer the same press
LATE_SECONDS = 5.0  # ours: how far the time in a packet, where there is one, may be from now
_REMEMBERED = 64  # bursts
_IDS, _NEWER_IDS = 256, 64  # packet ids count up to 255; up to so far ahead is newer, as bthome-ble has it

EVENTS = {
    0x01: PressEvent.PRESS,
    0x02: PressEvent.DOUBLE_PRESS,
    0x03: PressEvent.TRIPLE_PRESS,
    0x04: PressEvent.LONG_PRESS,
    0x05: PressEvent.LONG_DOUBLE_PRESS,
    0x06: PressEvent.LONG_TRIPLE_PRESS,
    0x80: PressEvent.HOLD,
}


def event_in(packet: BthomePacket) -> PressEvent | None:
    """Return how a button was pressed by a packet; `None` where it was not pressed.

    What cannot be read may be a press.
    """
    if not packet.readable:
        return PressEvent.UNKNOWN
    pressed = [value for value in packet.buttons if value]
    if not pressed:
        return None
    return EVENTS.get(pressed[0], PressEvent.UNKNOWN) if len(pressed) == 1 else PressEvent.UNKNOWN


def meaning_of(event: PressEvent, trust: PressTrust, chosen: Mapping[PressEvent, PressMeaning]) -> PressMeaning:
    """Return what a press does: what the owner chose for it, as far as it can be trusted; else it stops."""
    wanted = PressMeaning.STOP if event is PressEvent.UNKNOWN else chosen.get(event, PressMeaning.STOP)
    trusted: dict[PressMeaning, tuple[PressTrust, ...]] = {
        PressMeaning.LET_DOWN: ("verified",),
        PressMeaning.PAIN: ("verified", "plain"),
    }
    return wanted if trust in trusted.get(wanted, ()) else PressMeaning.STOP


class PressMemory:
    """What was received of one button. `has_key`: its owner's key is known here."""

    def __init__(self, *, has_key: bool) -> None:
        self._has_key = has_key
        self._highest_counter: int | None = None
        self._last_id: int | None = None
        self._bursts: OrderedDict[object, tuple[float, float]] = OrderedDict()  # when each was received first, and last

    def trust(self, packet: BthomePacket, now_unix_seconds: float) -> PressTrust:
        """Return how far a packet can be trusted, and remember its counter and id. Call it once for each packet."""
        if not packet.readable:
            return "unreadable"
        if self._has_key and not packet.verified:
            return "unverified"
        old = [self._is_old_counter(packet), self._is_old_id(packet), _is_late(packet, now_unix_seconds)]
        if any(old):
            return "repeated"
        return "verified" if packet.verified else "plain"

    def in_burst(self, identity: object, now_seconds: float) -> bool:
        """Return whether the very same was received just before: it is the same press, sent several times."""
        first, last = self._bursts.pop(identity, (now_seconds, None))
        again = last is not None and now_seconds - last < BURST_GAP_SECONDS and now_seconds - first < BURST_SECONDS
        self._bursts[identity] = (first if again else now_seconds, now_seconds)
        if len(self._bursts) > _REMEMBERED:
            self._bursts.popitem(last=False)
        return again

    def _is_old_counter(self, packet: BthomePacket) -> bool:
        if not packet.verified or packet.counter is None:
            return False
        highest = self._highest_counter
        if highest is None or packet.counter > highest:
            self._highest_counter = packet.counter
        return highest is None or packet.counter <= highest

    def _is_old_id(self, packet: BthomePacket) -> bool:
        """Return whether a packet has the id of the one before, or an older one."""
        if packet.packet_id is None:
            return False
        last, self._last_id = self._last_id, packet.packet_id
        if last is None:
            return False
        ahead = (packet.packet_id - last) % _IDS
        return ahead == 0 or ahead >= _IDS - _NEWER_IDS


def _is_late(packet: BthomePacket, now_unix_seconds: float) -> bool:
    return packet.unix_seconds is not None and abs(now_unix_seconds - packet.unix_seconds) > LATE_SECONDS
