"""A test home in the guest: the world, and the service that a parent would have, followed by a plain MQTT client."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from devices.profiles.catalog import Catalog
from devices.virtual.twin import Twin
from devices.virtual.virtual_home import DEVICES, DescribedDevice, Home
from tests.bluez.forked import Forked, Forker
from tests.bluez.world import World, world
from tests.helpers.mqtt_listener import TOPICS, Ear, ear
from tests.helpers.patience import until
from tests.helpers.service_process import HOME, PUMPS, ask, reading, run_states, session, start, wait

SETTINGS = """
mqtt: {{brokers: ["{broker}"]}}
web: {{enabled: false}}
limits: {{comfort_vacuum_mmhg: 150, vibration: true, heat_without_temperature: true}}
profiles: [profiles]
stations:
  home:
    devices:
"""


def address_of(number: int) -> str:
    """Return where a home puts the device of a number, from 1 on."""
    return f"F0:1E:7D:00:00:{number:02X}"


def line_for(each: DescribedDevice, number: int, *, by_address: bool) -> str:
    """Return one device's line in the settings: by its name, or, as it is found sooner, by its address."""
    known_by = f"address: '{address_of(number)}'" if by_address else f"advertised_name: {each.advertised_name}"
    side = f", side: {each.side}" if each.side != "both" else ""
    return f"      - {{name: {each.key}, profile: {each.profile}, {known_by}{side}, allow_unverified: true}}\n"


class House:
    """All of it, and what a person does in it."""

    def __init__(self, it: World, other: Ear, forker: Forker, devices: Sequence[str]) -> None:
        self.world = it
        self.other = other
        self.forker = forker
        self.config = it.folder / "letdown.yaml"
        self.service: Forked
        self._devices = devices

    def twin(self, key: str) -> Twin:
        """Return one of the virtual devices."""
        return self.world.home.twins[key]

    @property
    def on(self) -> set[str]:
        """What is on, in truth."""
        return {key for key, twin in self.world.home.twins.items() if twin.body.run.on}

    def links(self) -> list[str]:
        """Say of each device whether somebody is connected to it, by the device itself."""
        return [key for key in self._devices if (server := self.twin(key).server) is not None and server.connected]

    def available(self, *devices: str) -> bool:
        """Say whether the service says that these are there; all of them, where none is named."""
        topics = [TOPICS.device_availability(HOME, each) for each in devices or self._devices]
        return all(self.other.payloads(topic)[-1:] == ["online"] for topic in topics)

    async def begin(self) -> None:
        """Start the service."""
        self.other.heard.clear()
        self.service = await self.forker.begin("run", "--config", str(self.config))

    async def crash(self) -> None:
        """Kill the service."""
        self.service.send_signal(signal.SIGKILL)
        await self.service.wait()

    async def all_there(self) -> None:
        """Wait until the service is connected to everything."""
        await wait(self.available)

    async def suck(self) -> None:
        """Start a routine, and wait until both pumps run in expression."""
        await start(self.other, "power-pumping")
        await ask(self.other, "answer", question="all", value=False)
        await wait(lambda: run_states(self.other, *PUMPS) == ["running", "running"])
        assert (await ask(self.other, "let_down"))["outcome"] == "accepted"
        await wait(lambda: session(self.other).get("phase") == "expression")
        await wait(lambda: all(reading(self.other, pump).get("phase") == "expression" for pump in PUMPS))
        assert self.on == set(PUMPS)

    async def ended(self, state: str) -> None:
        """Wait until the session has ended so."""
        await wait(lambda: session(self.other).get("state") == state)

    async def settle(self) -> None:
        """Acknowledge what tripped, once everything is there and known to be off."""
        await wait(lambda: session(self.other).get("uncertain") == [])
        assert (await ask(self.other, "acknowledge"))["outcome"] == "accepted"

    async def off(self, seconds: float = 30.0) -> dict[str, str | None]:
        """Wait until nothing is on, in truth. Return what ended each pump's last run, as the pump tells it.

        What ended it counts here, not how soon: a slow machine is late with everything.
        """
        await until(lambda: not self.on, seconds)
        return {pump: self.twin(pump).body.run.record_end for pump in PUMPS}


@contextlib.asynccontextmanager
async def house(
    folder: Path,
    forker: Forker,
    devices: Sequence[DescribedDevice] = DEVICES,
    more: str = "",
    prepare: Callable[[Home], None] = lambda _: None,
    adapters: int = 1,
    by_address: bool = False,
) -> AsyncIterator[House]:
    """Bring one up for the block; its service is not started yet.

    `more`: further lines of devices. `prepare` may change the virtual devices before they are on air.
    """
    profiles = folder / "profiles"
    profiles.mkdir(exist_ok=True)
    async with world(folder, devices, Catalog.load(profiles), prepare, adapters) as it, ear(it.broker.url) as other:
        home = House(it, other, forker, [each.key for each in devices])
        lines = "".join(line_for(each, number, by_address=by_address) for number, each in enumerate(devices, 1))
        home.config.write_text(SETTINGS.format(broker=it.broker.url) + lines + more, encoding="utf-8")
        home.service = Forked(folder / "not-yet.log")
        try:
            yield home
        finally:
            home.service.send_signal(signal.SIGKILL)
            print(*forker.logs(), sep="\n")  # noqa: T201 - pytest shows it when a test fails
