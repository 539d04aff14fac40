"""The declarative driver: one device, spoken to as its profile says. The roles on top of it are in `roles`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from functools import partial

from devices.clock import Clock
from devices.errors import DeviceError, LinkLostError, ProtocolError, RefusedError, UncertainError
from devices.link import Link
from devices.profiles.frames import Codec, Message, Packet
from devices.profiles.schema import Channel, Profile, Value
from devices.radio import Radio, Sighting
from devices.roles import RunState, Side

_LOGGER = logging.getLogger(__name__)

_STOP_SECONDS = 2.0  # a stop that is not confirmed by then is uncertain
_READ_BACK_SECONDS = 0.1

_AnswerKey = tuple[int, int | None]


class ProfileDevice:
    """One device described by a profile. `values` holds what it said, by the names in the profile."""

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
    ) -> None:
        self.name = name
        self.side = side
        self.profile = profile
        self.may_control = may_control  # only read an unverified device, unless its owner allowed more
        self.values: dict[str, Value] = {}
        self.dropped_packets = 0
        self.link = Link(radio, clock, name, wanted, self._set_up, self._on_link_change)
        self._clock = clock
        self._codec = Codec(profile)
        self._counter = 0
        self._answers: dict[_AnswerKey, asyncio.Future[Message]] = {}
        self._heard_at_seconds: float | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._on: set[str] = set()  # stop verbs of what was started and not yet confirmed as stopped
        self._stops: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Keep the device connected, until cancelled."""
        await self.link.run()

    @property
    def age_seconds(self) -> float | None:
        """How long ago the device last said anything; `None` if never since it was connected."""
        return None if self._heard_at_seconds is None else self._clock.now() - self._heard_at_seconds

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` on every report and every change of the link; the result unsubscribes."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

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
            if undone_by is not None:
                self._on.add(undone_by)
            await self._exchange(name, values)

        await self.link.lane.run(send)

    async def stop(self, verb: str) -> None:
        """Send a stop past everything, then again behind whatever was in flight, and read back that it took.

        Goes on even if the caller is cancelled. Raise `UncertainError` if not confirmed in 2 s, `LinkLostError`.
        """
        task = self._stops.get(verb)
        if task is None or task.done():
            task = asyncio.create_task(self._stop(verb), name=f"stop {self.name}")
            task.add_done_callback(_retrieve)
            self._stops[verb] = task
        else:
            await self._write_urgently(verb)
        await asyncio.shield(task)

    async def _stop(self, verb: str) -> None:
        if not self.link.connected:
            raise LinkLostError(f"{self.name} is not connected: whether it stopped is not known")
        try:
            async with self._clock.timeout(_STOP_SECONDS):
                self.link.lane.clear()
                await self._write_urgently(verb)
                await self._stop_again(verb)
                await self._read_back_stopped()
        except (TimeoutError, ProtocolError, RefusedError) as error:
            reason = str(error) or f"no answer in {_STOP_SECONDS:g} s"
            raise UncertainError(f"{self.name} did not confirm that it stopped: {reason}") from None
        self._on.discard(verb)

    async def _stop_again(self, verb: str) -> None:
        """Stop once more, acknowledged. The first write may have overtaken a start on its way; this one cannot."""
        try:
            await self.link.lane.run(lambda: self._exchange(verb, {}, within_seconds=_STOP_SECONDS / 2))
        except (UncertainError, RefusedError):
            if "run_state" not in self.profile.reported:
                raise  # where it can be read back, what it reads decides

    async def _write_urgently(self, verb: str) -> None:
        with contextlib.suppress(DeviceError):  # the acknowledged one follows, and is judged
            await self._write(self._encode(verb, {}), urgent=True)

    async def _read_back_stopped(self) -> None:
        """Wait until the device itself says it is not running. Where it cannot tell, nobody pretends it did."""
        if "run_state" not in self.profile.reported:
            return
        while True:
            await self._read_all(only="run_state")
            if self.values.get("run_state") in (RunState.STOPPED, RunState.FAULT):
                return
            await self._clock.sleep(_READ_BACK_SECONDS)

    async def _exchange(self, name: str, values: Mapping[str, Value], *, within_seconds: float | None = None) -> None:
        packet = self._encode(name, values)
        answer = self.profile.answer if self.profile.commands[name].answered else None
        if answer is None:
            await self._write(packet)
            return
        opcode = int.from_bytes(self.profile.commands[name].opcode or b"", "big")
        key: _AnswerKey = (opcode, self._counter if answer.counter else None)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answers[key] = future
        try:
            await self._write(packet)
            async with self._clock.timeout(within_seconds or answer.within_seconds):
                message = await future
        except TimeoutError:
            raise UncertainError(f"{self.name} did not answer {name}") from None
        finally:
            self._answers.pop(key, None)
        result = message.values[answer.result]
        if result not in answer.accepted:
            raise RefusedError(f"{self.name} answered {name} with {str(result).replace('_', ' ')}")

    def _encode(self, name: str, values: Mapping[str, Value]) -> Packet:
        self._counter = (self._counter + 1) & 0xFF
        return self._codec.encode_command(name, values, self._counter)

    async def _write(self, packet: Packet, *, urgent: bool = False) -> None:
        channel = self.profile.channels[packet.channel]
        response = channel.write == "with-response" or (channel.write == "both" and not urgent)
        await self.link.write(channel.service, channel.characteristic, packet.data, response=response)

    async def _set_up(self) -> None:
        """Check the model, subscribe, end what a lost link left on, and read everything once."""
        for name, channel in self.profile.channels.items():
            self._check(name, channel)
        for name, channel in self.profile.channels.items():
            if (channel.notify or channel.indicate) and self.link.has(channel.service, channel.characteristic):
                await self.link.subscribe(channel.service, channel.characteristic, partial(self._on_packet, name))
        for verb in list(self._on):
            _LOGGER.warning("%s was running when its link was lost: stopping it", self.name)
            await self._write_urgently(verb)
            await self._exchange(verb, {})
            await self._read_back_stopped()
            self._on.discard(verb)
        await self._read_all()

    def _check(self, name: str, channel: Channel) -> None:
        has = self.link.has(channel.service, channel.characteristic)
        if not has:
            if channel.optional:
                return
            raise ProtocolError(f"{self.name} is no {self.profile.name}: it has no characteristic for {name}")
        needs = {"read"} if channel.read else set()
        needs |= {"notify"} if channel.notify else set()
        needs |= {"indicate"} if channel.indicate else set()
        needs |= {"write"} if channel.write in ("with-response", "both") else set()
        needs |= {"write-without-response"} if channel.write in ("without-response", "both") else set()
        if missing := needs - has:
            raise ProtocolError(f"{self.name} is no {self.profile.name}: {name} cannot {', '.join(sorted(missing))}")

    async def _read_all(self, only: str | None = None) -> None:
        """Read every readable channel, or those that carry the value `only`."""
        for name, channel in self.profile.channels.items():
            if not channel.read or not self.link.has(channel.service, channel.characteristic):
                continue
            if only is None or only in self._carried_by(name, channel):
                self._on_packet(name, await self.link.read(channel.service, channel.characteristic))

    def _carried_by(self, name: str, channel: Channel) -> set[str]:
        payloads = [channel.gives] if channel.gives else []
        payloads += [report.payload for report in self.profile.reports.values() if report.channel == name]
        return {value for payload in payloads for field in payload for value in field.names}

    def _on_packet(self, channel: str, data: bytes) -> None:
        try:
            message = self._codec.decode_report(channel, data)
        except ProtocolError as error:
            self.dropped_packets += 1
            _LOGGER.debug("%s: dropped a packet on %s: %s", self.name, channel, error)
            return
        self._heard_at_seconds = self._clock.now()
        answer = self.profile.answer
        if answer is not None and message.name == answer.report:
            counter = message.values[answer.counter] if answer.counter else None
            future = self._answers.get(
                (_whole(message.values[answer.opcode]), None if counter is None else _whole(counter))
            )
            if future is not None and not future.done():
                future.set_result(message)
            return
        self.values.update(message.values)
        self._changed()

    def _on_link_change(self) -> None:
        if not self.link.connected:
            # What was true a moment ago is not known any more; only what the device *is* stays.
            self.values = {name: value for name, value in self.values.items() if name.startswith("limit_")}
            self._heard_at_seconds = None
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(UncertainError(f"{self.name}: the link was lost before it answered"))
        self._changed()

    def _changed(self) -> None:
        for callback in tuple(self._callbacks):
            callback()


def _whole(value: Value) -> int:
    return int(value) if isinstance(value, int | float) else -1


def _retrieve(task: asyncio.Task[None]) -> None:
    """Look at a stop's error once, so that asyncio does not complain when its caller was cancelled."""
    if not task.cancelled():
        task.exception()
