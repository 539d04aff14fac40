"""What a virtual device that speaks Tuya BLE can be told to do differently: as another copy of the SDK, or wrongly.

Source of the facts: published copies of Tuya's Apache-licensed device SDK (protocols 3.3, 4.1 and 4.4), and the
example product in one of them, a lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from devices.errors import ProtocolError
from devices.profiles.fields import unpack
from devices.tuya.codec import in_range
from devices.tuya.datapoints import Code, DataPoint, Kind
from devices.tuya.schema import DatapointSpec, TuyaSpec


@dataclass(frozen=True)
class TuyaSdk:
    """In what the published copies differ.

    `status_code`: the code of the answer to a status request; older ones answer with that of a write. `unbound_info`:
    how an unbound device answers the first request: under the key it was asked with, under one that only the vendor
    has, or not at all, because it has forgotten its local key. `asks_for_time`: what it asks right after pairing, or
    `asks_after_seconds`: a device's messages take time, where the virtual air takes none.
    `time_as`: how a report says its time. `flagged`: protocol 3 reports carry a number and flags.
    """

    status_code: Code = Code.STATUS
    unbound_info: Literal["same key", "vendor's key", "nothing"] = "same key"
    asks_for_time: tuple[Code, ...] = (Code.TIME_MILLISECONDS, Code.TIME_DATE)
    asks_after_seconds: float = 0.0
    time_as: Literal["seconds", "milliseconds"] = "seconds"
    flagged: bool = False


@dataclass
class TuyaFaults:
    """Switches for what goes wrong. Numbers count down, one for each frame that is spoiled."""

    mute: bool = False  # answers and reports nothing
    reportless: bool = False  # answers, and reports nothing
    echoes: bool = False  # reports what was written to it, carried out or not, as the published examples do
    lose_packets: int = 0  # frames that lack their second packet
    swap_packets: int = 0  # frames whose last two packets change places
    garble: int = 0  # frames with a flipped bit
    keeps_answers: bool = False  # answers late: when it is told to
    answers_beside_seq: int = 0  # added to the number of the message that an answer belongs to
    deaf_to: set[str] = field(default_factory=set)  # datapoints that are acknowledged and ignored
    refuses: set[str] = field(default_factory=set)  # datapoints that are turned down; "status" for the question
    says: dict[str, DataPoint] = field(default_factory=dict)  # what it reports instead, by our names

    def spoiled(self, packets: list[bytes]) -> Sequence[bytes]:
        """Return what is left of a frame."""
        if self.mute:
            return ()
        if self.lose_packets:
            self.lose_packets -= 1
            return packets[:1] + packets[2:]
        if self.swap_packets:
            self.swap_packets -= 1
            return [*packets[:-2], packets[-1], packets[-2]]
        if self.garble:
            self.garble -= 1
            return [*packets[:-1], packets[-1][:-1] + bytes([packets[-1][-1] ^ 0x10])]
        return packets


def taken_in(described: DatapointSpec, point: DataPoint, product: tuple[float, float] | None) -> bool:
    """Say whether a product takes a written datapoint in; `product` is its own range where it is another.

    The SDK acknowledges whatever has whole datapoints, before the product has seen it. The published lock then compares
    length and range, and passes over what does not fit, in silence. The type is compared here, too: no copy does, but a
    controller that sends another one relies on luck.
    """
    if point.kind is not Kind[described.type.upper()]:
        return False
    if isinstance(point.value, bytes):
        return _whole(described, point.value)
    if isinstance(point.value, str | bool):
        return True
    if described.meanings:
        return point.value in described.meanings
    number = point.value * described.scale + described.offset
    return in_range(described, number) and (product is None or product[0] <= number <= product[1])


def without_ranges(spec: TuyaSpec) -> TuyaSpec:
    """Return the description of a product that reports whatever it comes to."""
    unbounded = {name: each.model_copy(update={"range": None}) for name, each in spec.datapoints.items()}
    return spec.model_copy(update={"datapoints": unbounded})


def _whole(described: DatapointSpec, value: bytes) -> bool:
    try:
        unpack(described.fields, value, described.byte_order)
    except ProtocolError:
        return False
    return True
