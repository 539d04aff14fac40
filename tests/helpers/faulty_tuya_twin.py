"""A virtual Tuya device that can behave like another copy of the SDK, or wrongly, and records what it receives."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from devices.driver.vocabulary import Value
from devices.errors import ProtocolError
from devices.profiles.schema import Profile
from devices.tuya.crypto import AUTHENTICATION, LOCAL_KEY_BYTES, login_key
from devices.tuya.datapoints import Code, DataPoint
from devices.tuya.packets import Message
from devices.virtual.tuya_body import TuyaBody
from devices.virtual.tuya_twin import TuyaTwin


@dataclass(frozen=True)
class TuyaSdk:
    """What differs between the published copies of the device SDK.

    `status_code`: the code of the answer to a status request; older ones answer with that of a write. `unbound_info`:
    how an unbound device answers the first request: under the key it was asked with, under one that only the vendor
    has, or not at all, because it has forgotten its local key. `asks_for_time`: what it asks right after pairing, or
    `asks_after_seconds`: a device's messages take time, where the virtual air takes none.
    `time_as`: the unit of a report's time. `flagged`: protocol 3 reports carry a number and flags.
    """

    status_code: Code = Code.STATUS
    unbound_info: Literal["same key", "vendor's key", "nothing"] = "same key"
    asks_for_time: tuple[Code, ...] = (Code.TIME_MILLISECONDS, Code.TIME_DATE)
    asks_after_seconds: float = 0.0
    time_as: Literal["seconds", "milliseconds"] = "seconds"
    flagged: bool = False


@dataclass
class TuyaFaults:
    """Switches for what goes wrong. Numbers count down, one for each frame that is corrupted."""

    mute: bool = False  # sends nothing at all
    reportless: bool = False  # sends answers, and no reports
    echoes: bool = False  # reports what was written to it, carried out or not, as the published examples do
    lose_packets: int = 0  # frames that lack their second packet
    swap_packets: int = 0  # frames whose last two packets change places
    garble: int = 0  # frames with a flipped bit
    keeps_answers: bool = False  # holds its answers back until `send_kept_answers`
    answers_beside_seq: int = 0  # added to the number of the message that an answer belongs to
    deaf_to: set[str] = field(default_factory=set)  # datapoints that are acknowledged and ignored
    refuses: set[str] = field(default_factory=set)  # datapoints that are refused; "status" for a status request
    says: dict[str, DataPoint] = field(default_factory=dict)  # what it reports instead, by our names

    def corrupted(self, packets: Sequence[bytes]) -> Sequence[bytes]:
        """Return what is left of a frame."""
        if self.mute:
            return ()
        if self.lose_packets:
            self.lose_packets -= 1
            return [*packets[:1], *packets[2:]]
        if self.swap_packets:
            self.swap_packets -= 1
            return [*packets[:-2], packets[-1], packets[-2]]
        if self.garble:
            self.garble -= 1
            return [*packets[:-1], packets[-1][:-1] + bytes([packets[-1][-1] ^ 0x10])]
        return packets


class FaultyTuyaTwin(TuyaTwin):
    """`ranges`: what the product accepts, where that is less than its profile says; `writes`: how it can be written."""

    def __init__(
        self,
        profile: Profile,
        body: TuyaBody,
        name: str,
        now: Callable[[], float],
        *,
        bound: bool = True,
        writes: Set[str] = TuyaTwin.write_properties,
        sdk: TuyaSdk | None = None,
        ranges: Mapping[str, tuple[float, float]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(profile, body, name, now, **options)
        self.bound = bound
        self.write_properties = frozenset(writes)
        self.sdk = sdk or TuyaSdk()
        self.status_code, self.time_requests = self.sdk.status_code, self.sdk.asks_for_time
        self.faults = TuyaFaults()
        self.writes: list[tuple[str, Value | Mapping[str, Value]]] = []  # what was written to it and fits, in order
        self.ignored: list[DataPoint] = []  # what it acknowledged, and does not fit
        self.replies: list[Message] = []  # the answers to its own reports and requests
        self._ranges = dict(ranges or {})
        self._kept: list[tuple[int, bytes, int]] = []  # answers
        self._asks_at_seconds: float | None = None

    def tick(self) -> None:
        super().tick()
        if self._asks_at_seconds is not None and self._now() >= self._asks_at_seconds:
            self._asks_at_seconds = None
            super()._request_time()

    def report_again(self, points: Iterable[DataPoint], *, seconds_ago: float) -> None:
        """Report what was so a while ago, with its time: devices store what they could not report, and do so later."""
        zero_seconds = self._unix_at_zero_seconds
        self._unix_at_zero_seconds = None if zero_seconds is None else zero_seconds - seconds_ago
        self._send_points(points, timed=True)
        self._unix_at_zero_seconds = zero_seconds

    def send_kept_answers(self) -> None:
        """Send the answers that were held back."""
        kept, self._kept = self._kept, []
        for code, data, seq in kept:
            self._send(code, data, seq)

    # The SDK's variants

    def _on_connection(self) -> None:
        super()._on_connection()
        self._kept.clear()
        self._asks_at_seconds = None
        if not self.bound and self.sdk.unbound_info == "nothing":
            secret = self._credentials.material
            self._keys[secret.login_flag] = login_key(secret._replace(secret=bytes(LOCAL_KEY_BYTES)))  # forgotten

    def _request_time(self) -> None:
        if self.sdk.asks_after_seconds:
            self._asks_at_seconds = self._now() + self.sdk.asks_after_seconds
        else:
            super()._request_time()

    def _send_report_v3(self, data: bytes, *, timed: bool) -> None:
        if not self.sdk.flagged:
            super()._send_report_v3(data, timed=timed)
            return
        head = struct.pack(">HB", self._reports & 0xFFFF, 0)
        self._send(Code.FLAGGED_TIMED_REPORT if timed else Code.FLAGGED_REPORT, head + data)

    def _encode_time(self, unix_seconds: float) -> bytes:
        if self.sdk.time_as == "milliseconds":
            return b"\0" + f"{round(unix_seconds * 1000):013d}".encode()
        return super()._encode_time(unix_seconds)

    # Faults, and what is recorded

    def _on_reply(self, message: Message) -> None:
        self.replies.append(message)
        super()._on_reply(message)

    def _answer_status(self, message: Message) -> None:
        if "status" in self.faults.refuses:
            self._answer(self.status_code, b"\1", message)
        else:
            super()._answer_status(message)

    def _decode_write(self, data: bytes, head: int) -> Sequence[DataPoint]:
        points = super()._decode_write(data, head)
        if refused := self.faults.refuses & {self._codec.name_of(point) for point in points}:
            raise ProtocolError(f"it refuses {', '.join(sorted(map(str, refused)))}")
        return points

    def _apply_points(self, points: Sequence[DataPoint]) -> None:
        super()._apply_points(points)
        if self.faults.echoes:
            self._send_points(points)

    def _is_valid(self, name: str, point: DataPoint) -> bool:
        valid = super()._is_valid(name, point)
        if name not in self._ranges or not isinstance(point.value, int):
            return valid
        described, (lowest, highest) = self._spec.datapoints[name], self._ranges[name]
        return valid and lowest <= point.value * described.scale + described.offset <= highest

    def _ignore(self, point: DataPoint) -> None:
        self.ignored.append(point)

    def _apply(self, name: str, values: Mapping[str, Value]) -> None:
        self.writes.append((name, values.get(name, values)))
        if name not in self.faults.deaf_to:
            super()._apply(name, values)

    def _report(self, *, timed: bool = False) -> None:
        if not self.faults.reportless:
            super()._report(timed=timed)

    def _points(self, values: Mapping[str, Value]) -> Iterable[DataPoint]:
        said = self.faults.says
        yield from said.values()
        yield from (point for point in super()._points(values) if self._codec.name_of(point) not in said)

    def _answer(self, code: int, data: bytes, to: Message, *, flag: int | None = None) -> None:
        if self.faults.keeps_answers:
            self._kept.append((code, data, to.seq))
            return
        if code == Code.DEVICE_INFO and not self.bound and self.sdk.unbound_info == "vendor's key":
            flag = AUTHENTICATION
        self._send(code, data, to.seq + self.faults.answers_beside_seq, flag=flag)

    def _notify(self, packets: Sequence[bytes]) -> None:
        super()._notify(self.faults.corrupted(packets))
