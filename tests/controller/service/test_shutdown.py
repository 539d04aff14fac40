"""The end of the service: devices stop first, then sessions end, then background services and links are closed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from controller.contract.commands import Action, Command, StartArgs
from controller.contract.events import EndReason, SessionState, Snapshot
from devices.roles import LinkState
from tests.helpers.home import PUMPS, STATION, RunningHome, running_home


class Background:
    """A background service that notes when it is cancelled."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self._note("background cancelled")
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def serving(house: RunningHome, background: Background) -> AsyncIterator[asyncio.Task[None]]:
    """Run a service of its own, in place of the station that the test home runs alone."""
    with house.clock.held():
        house.running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await house.running
        task = asyncio.create_task(house.service.run([background]))
        async with asyncio.timeout(10):
            while not all(device.link.connected for device in house.station.devices):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=5)


@pytest.mark.system
async def test_a_shutdown_stops_devices_then_ends_the_session_then_watchers_then_links() -> None:
    async with running_home() as house:
        order: list[str] = []
        background = Background(order.append)
        async with serving(house, background) as service:
            await house.reach("express")

            def look(item: object) -> None:
                if isinstance(item, Snapshot) and item.state is SessionState.STOPPED and "session over" not in order:
                    order.append("session over")

            house.stream.subscribe(look)
            for key in PUMPS:
                house.before_command(key, "stop", lambda: order.append("pump stops"))

            def on_link() -> None:
                if any(d.link.state is LinkState.CLOSED for d in house.station.devices) and "link closed" not in order:
                    order.append("link closed")

            for role in house.station.roles:
                role.on_change(on_link)
            real, simulated = asyncio.get_running_loop().time(), house.clock.now()
            service.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await service
            assert asyncio.get_running_loop().time() - real < 3
            assert house.clock.now() - simulated < 3
        assert house.on == set()
        firsts = list(dict.fromkeys(order))
        assert firsts == ["pump stops", "session over", "background cancelled", "link closed"]
        assert house.recorded.snapshot.state is SessionState.STOPPED
        assert house.recorded.snapshot.reason is EndReason.SHUT_DOWN


async def test_a_shutdown_ends_in_time_even_if_a_device_ignores_its_stop() -> None:
    async with running_home() as house:
        order: list[str] = []
        async with serving(house, Background(order.append)) as service:
            await house.reach("express")
            house.break_ears("left-pump")
            simulated = house.clock.now()
            service.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await service
            assert house.clock.now() - simulated < 5
            assert order == ["background cancelled"]
            assert "right-pump" not in house.on
            await house.until(lambda: not house.on, within_seconds=12)


async def test_a_watcher_that_fails_ends_the_service_and_stops_the_devices() -> None:
    class Broken(Background):
        fails = asyncio.Event()

        async def run(self) -> None:
            await self.fails.wait()
            raise ZeroDivisionError

    async with running_home() as house:
        background = Broken(lambda _: None)
        async with serving(house, background) as service:
            await house.reach("express")
            background.fails.set()
            with pytest.raises(ZeroDivisionError):
                await service
            assert house.on == set()


async def test_nothing_can_be_started_while_the_service_shuts_down() -> None:
    async with running_home() as house, serving(house, Background(lambda _: None)) as service:
        await house.reach("express")
        service.cancel()
        await house.station.finished()
        reply = await house.service.handle(
            STATION, Command(action=Action.START), StartArgs(routine="milk", no_symptoms=True)
        )
        assert reply.outcome == "refused"


@pytest.mark.system
async def test_a_session_goes_on_to_its_end_before_the_service_is_wound_down_and_none_begins() -> None:
    async with running_home() as house, serving(house, Background(lambda _: None)) as service:
        await house.reach("express", "milk")
        house.service.wind_down()
        await house.elapse(5)
        assert house.on == set(PUMPS)
        assert (await house.send("start", routine="milk", no_symptoms=True)).keys == ("new_settings",)
        assert (await house.send("vacuum_down")).outcome == "accepted"
        snapshot = await house.finished()
        assert snapshot.state is SessionState.COMPLETED
        async with house.clock.timeout(5):
            await service
        assert (await house.send("start", routine="milk", no_symptoms=True)).keys == ("shutting_down",)


@pytest.mark.system
async def test_a_service_without_a_session_is_wound_down_at_once() -> None:
    async with running_home() as house, serving(house, Background(lambda _: None)) as service:
        house.service.wind_down()
        async with house.clock.timeout(3):
            await service


async def test_after_a_shutdown_nobody_is_told_that_a_device_stopped_by_itself() -> None:
    async with running_home() as house:
        await house.reach("express")
        await house.station.stop(EndReason.SHUT_DOWN)
        await house.finished(within_seconds=1)
        assert "by itself" not in house.recorded.guide.words
