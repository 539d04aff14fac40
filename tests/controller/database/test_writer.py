"""The writer: what is put in one turn of the event loop is written at once, and what must be on the disk first, is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

from controller.database.database_errors import DatabaseError
from controller.database.writer import Writer, WriterWords

_LONG_SECONDS = 0.05  # a thread that may write would have, by then


class Recorded:
    """A target that remembers what it wrote at once. `free`: whether the disk answers; `broken`: it says no."""

    def __init__(self) -> None:
        self.written: list[tuple[str, ...]] = []
        self.free = threading.Event()
        self.free.set()
        self.broken = False

    def write(self, items: Sequence[str], check: Callable[[], None]) -> None:
        self.free.wait(10)
        if self.broken:
            raise DatabaseError("the disk", "is broken", "replace it")
        check()
        if items:
            self.written.append(tuple(items))

    def close(self) -> None:
        pass


def no_answer(seconds: float) -> DatabaseError:
    return DatabaseError("the disk", f"did not answer for {seconds:g} s", "wait")


def writer_to(target: Recorded, check_seconds: float | None = None) -> Writer[str]:
    return Writer(target, WriterWords("the disk", "meanwhile", no_answer), check_seconds=check_seconds)


async def test_what_is_put_in_one_turn_is_written_at_once() -> None:
    target = Recorded()
    writer = writer_to(target, check_seconds=_LONG_SECONDS / 10)  # it wakes in the middle of the turn
    await writer.flush()
    writer.put("a", "event")
    time.sleep(_LONG_SECONDS)  # noqa: ASYNC251 - the turn goes on, however long it takes
    writer.put("b", "session under way")
    await writer.flush()
    assert target.written == [("event", "session under way")]
    await writer.close()


async def test_a_flush_in_the_middle_of_a_turn_does_not_part_it() -> None:
    target = Recorded()
    writer = writer_to(target)
    writer.put("a", "1")
    flushing = asyncio.ensure_future(writer.flush())
    await asyncio.sleep(0)  # it has begun: this is the next turn
    writer.put("b", "2")
    time.sleep(_LONG_SECONDS)  # noqa: ASYNC251
    writer.put("c", "3")
    assert await flushing is None
    await writer.flush()
    assert [each for written in target.written for each in written] == ["1", "2", "3"]
    assert ("2",) not in target.written
    await writer.close()


async def test_what_is_put_in_the_last_turn_is_written_at_the_end() -> None:
    target = Recorded()
    writer = writer_to(target)
    writer.put("a", "1")
    await writer.close()
    assert target.written == [("1",)]


async def test_to_settle_takes_no_longer_than_asked_for_and_is_no_problem() -> None:
    target = Recorded()
    writer = writer_to(target)
    await writer.flush()
    target.free.clear()
    writer.put("a", "1")
    began = time.monotonic()
    await writer.settle(0.05)
    assert 0.04 < time.monotonic() - began < 5
    assert writer.problem is None
    target.free.set()
    await writer.settle(10)
    assert target.written == [("1",)]
    await writer.close()
    await writer.settle(10)  # nothing more comes: it does not wait


async def test_to_settle_does_not_wait_for_a_disk_that_says_no() -> None:
    target = Recorded()
    target.broken = True
    writer = writer_to(target)
    writer.put("a", "1")
    began = time.monotonic()
    await writer.settle(60)
    assert time.monotonic() - began < 10
    target.broken = False
    await writer.flush()
    await writer.close()
    assert target.written == [("1",)]
