"""Frames go out one at a time, packet by packet, and a stop goes before all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from devices.errors import RefusedError
from devices.tuya.packets import PacketWriter


class Air:
    """Where packets go, each when the test lets it."""

    def __init__(self) -> None:
        self.packets: list[str] = []
        self.free = asyncio.Event()
        self.free.set()

    async def write(self, packet: bytes) -> None:
        self.packets.append(packet.decode())
        await self.free.wait()
        await asyncio.sleep(0)


def frame(name: str, numbers: list[str] | None = None) -> Callable[[], list[bytes]]:
    def make() -> list[bytes]:
        if numbers is not None:
            numbers.append(name)
        return [f"{name}{at}".encode() for at in range(3)]

    return make


async def test_frames_do_not_mix() -> None:
    air = Air()
    sender = PacketWriter(air.write)
    await asyncio.gather(sender.send(frame("a")), sender.send(frame("b")))
    assert air.packets == ["a0", "a1", "a2", "b0", "b1", "b2"]


async def test_a_stop_overtakes_a_frame_that_is_half_way_and_those_that_wait() -> None:
    air = Air()
    sender = PacketWriter(air.write)
    made: list[str] = []
    air.free.clear()
    first = asyncio.create_task(sender.send(frame("a", made)))
    second = asyncio.create_task(sender.send(frame("b", made)))
    await asyncio.sleep(0.01)
    stop = asyncio.create_task(sender.send(frame("s", made), urgent=True))
    await asyncio.sleep(0.01)
    assert air.packets == ["a0", "s0"]  # at once, although nothing was acknowledged yet
    air.free.set()
    await asyncio.gather(stop, second)
    with pytest.raises(RefusedError, match="superseded"):
        await first
    assert air.packets == ["a0", "s0", "s1", "s2", "b0", "b1", "b2"]
    assert made == ["a", "s", "b"]  # numbered in the order in which they are on the air


async def test_two_stops_do_not_mix_their_packets() -> None:
    air = Air()
    sender = PacketWriter(air.write)
    await asyncio.gather(*(sender.send(frame(name), urgent=True) for name in "st"))
    assert air.packets == ["s0", "s1", "s2", "t0", "t1", "t2"]
