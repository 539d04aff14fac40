"""The whole service with its page, on virtual devices that can be broken: what a person sees in trouble."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from controller.app import App, assembled
from controller.cli.virtual_parent import DEMO_LIMITS, STATIONS
from controller.contract.events import Snapshot
from controller.mqtt.mqtt_settings import MqttSettings
from controller.settings import Settings, StationSettings
from controller.web.event_hub import StationView
from controller.web.web_settings import WebSettings
from devices.driver.device_roles import DevicePump
from devices.profiles.catalog import Catalog
from devices.support.clock import ScaledClock
from devices.virtual.virtual_home import VirtualHome
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home_faults import HomeFaults, ListedAir
from tests.helpers.own_controls import press_on
from tests.helpers.web_service import running_service

_DEVICES = STATIONS["home"].devices
TWO_STATIONS = {"Kitchen": StationSettings(devices=_DEVICES[:2]), "Bedroom": StationSettings(devices=_DEVICES[2:])}
_BY_HAND_MMHG = 80
_OVERPRESSURE_MMHG = 250  # far above any limit


@dataclass
class ServedHome:
    """A service, the port of its page, and what can go wrong at its devices."""

    app: App
    port: int
    faults: HomeFaults
    station: str

    @property
    def view(self) -> StationView:
        """What the page knows of the station."""
        assert self.app.web is not None
        return self.app.web.parts.view(self.station)

    @property
    def snapshot(self) -> Snapshot:
        """The latest state of the station."""
        return self.view.snapshot

    async def send(self, action: str, **args: Any) -> None:
        """Send a command; it may be refused."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}") as client:
            await client.post(f"/api/v1/stations/{self.station}/commands", json={"action": action, "args": args})

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        try:
            async with asyncio.timeout(60):
                while not condition():  # noqa: ASYNC110 - what is waited for has no event
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"it did not happen; what is shown: {self.view.guide}, {self.snapshot}") from None

    def _place(self) -> tuple[object, ...]:
        guide = self.view.guide
        return self.snapshot.step, self.snapshot.phase, guide.title, guide.side, guide.waits_for

    async def begin_expression(self) -> None:
        """Start a session, and skip to where milk is expressed; go on once both pumps pull.

        Before that, wait until the pumps have measured at rest: only then silence after a stop says anything.
        """
        roles = [each for each in self.app.stations[self.station].roles if isinstance(each, DevicePump)]
        await self.until(lambda: all(each.reports_at_rest("vacuum_mmhg") for each in roles))
        await self.send("start", routine="gentle", side="both", no_symptoms=True)
        async with asyncio.timeout(120):
            while self.snapshot.step != "express":
                before = self._place()
                await self.send("start_suction" if self.view.guide.waits_for == "flange" else "skip")
                with contextlib.suppress(TimeoutError):  # it was refused, or is slow: else one more may skip too much
                    async with asyncio.timeout(10):
                        while self._place() == before:  # noqa: ASYNC110 - what is waited for has no event
                            await asyncio.sleep(0.05)
        pumps = self.faults.home.pumps.values()
        await self.until(lambda: all(pump.suction.cycle_peak_mmhg > _BY_HAND_MMHG / 2 for pump in pumps))


async def _press_start(home: ServedHome) -> None:
    press_on(home.faults.home.twins["left-pump"], _BY_HAND_MMHG)
    await home.until(lambda: home.snapshot.running_outside)


async def _pull_too_much(home: ServedHome) -> None:
    await home.begin_expression()
    next(iter(home.faults.home.pumps.values())).suction.overpressure = _OVERPRESSURE_MMHG
    await home.until(lambda: home.snapshot.trip and not home.snapshot.running)


async def _stop_in_silence(home: ServedHome) -> None:
    await home.begin_expression()
    for key in ("left-pump", "right-pump"):
        home.faults.silence(key)
    await asyncio.sleep(0.5)  # what was on its way has come
    await home.send("stop")
    await home.until(lambda: len(home.snapshot.uncertain) > 1)


async def _lose_link_for_good(home: ServedHome) -> None:
    await home.begin_expression()
    home.faults.lose_link("left-pump", for_good=True)
    await home.until(lambda: home.snapshot.trip and home.snapshot.uncertain and not home.snapshot.running)


@dataclass(frozen=True)
class Trouble:
    """`name`: of its pictures. `happen`: what goes wrong. `shows`: what the page shows then, an element.

    `devices`: whether the page of the devices says something of it, too.
    """

    name: str
    happen: Callable[[ServedHome], Awaitable[None]]
    shows: str
    devices: bool = False


TROUBLES = (
    Trouble("50-on-by-hand", _press_start, "[data-warning]"),
    Trouble("51-trip", _pull_too_much, "#b-acknowledge"),
    Trouble("52-uncertain", _stop_in_silence, "#b-acknowledge"),
    Trouble("53-lost", _lose_link_for_good, "#b-acknowledge", devices=True),
)


@contextlib.asynccontextmanager
async def served_home(
    speed: float = 2.0, language: str = "en", stations: Mapping[str, StationSettings] | None = None
) -> AsyncIterator[ServedHome]:
    """Run it; by default with the one station of the demo."""
    settings = Settings(
        mqtt=MqttSettings(embedded_port=0),
        web=WebSettings(port=0, enabled=True),
        language=language,
        limits=DEMO_LIMITS,
        stations=dict(stations or STATIONS),
    )
    clock, air = ScaledClock(speed), ListedAir()
    async with contextlib.AsyncExitStack() as stack:
        home = VirtualHome(clock, Catalog.load(), 2)
        await stack.enter_async_context(home.on_air(air))
        radio = await stack.enter_async_context(radio_on_air(clock, air))
        app = await stack.enter_async_context(assembled(settings, clock, radio))
        port = await stack.enter_async_context(running_service(app))
        yield ServedHome(app, port, HomeFaults(air, home), next(iter(settings.stations)))
