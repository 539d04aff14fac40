"""A Tuya device on the virtual radio, and the engine that connects to it, for the tests of Tuya."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from devices.driver.base import DeviceOptions
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.support.shipped import SHIPPED
from devices.support.yaml_file import load_yaml
from devices.tuya.tuya_credentials import TuyaCredentials
from devices.tuya.tuya_device import TuyaDevice
from devices.tuya.tuya_model import TuyaModel
from devices.virtual.transports import Air
from devices.virtual.tuya_body import TuyaBody
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.faulty_tuya_twin import FaultyTuyaTwin

PROFILES = SHIPPED / "profiles"

LOCAL_KEY = "kEy4Pu!mpA9b8c7d"
UUID = "tuya0123456789ab"
DEVICE_ID = "bf00aa11bb22cc33dd44ee"
SECRET_KEY = "S3cretS3cretS3cr"
SECRETS = (LOCAL_KEY, LOCAL_KEY[:6], UUID, DEVICE_ID, SECRET_KEY)

CODES = ("switch", "temp_set", "countdown", "temp_current", "heat", "massage_speed", "time_set")
OWNERS_IDS = {code: number for number, code in enumerate(CODES, 1)}
NOW = datetime(2026, 7, 26, 3, 45, 12, 678000, timezone(timedelta(hours=5, minutes=30)))


def profile(name: str) -> TuyaModel:
    return load_yaml(PROFILES / f"{name}.yaml", TuyaModel)


def credentials(**changes: Any) -> TuyaCredentials:
    given = {"local_key": LOCAL_KEY, "uuid": UUID, "device_id": DEVICE_ID, "datapoints": OWNERS_IDS}
    return TuyaCredentials.model_validate(given | changes)


@dataclass
class Bench:
    clock: ScaledClock
    air: Air
    peripheral: Any
    twin: FaultyTuyaTwin
    device: TuyaDevice

    async def until(self, happened: Callable[[], bool], at_most_seconds: float = 30) -> None:
        """Let simulated time pass until something has happened."""
        end = self.clock.now() + at_most_seconds
        while not happened():
            assert self.clock.now() < end, f"did not happen; {self.device.link.state}, {self.device.link.problem}"
            await self.clock.sleep(0.02)

    async def connected(self) -> None:
        """Wait for the link; not by the clock, because advertisements come in real time."""
        changed = asyncio.Event()
        unsubscribe = self.device.state.on_change(changed.set)
        while not self.device.link.connected:
            changed.clear()
            await changed.wait()
        unsubscribe()

    def lose_link(self) -> None:
        self.air.lose_link(self.peripheral)

    @property
    def trouble(self) -> str:
        return self.device.link.problem or ""


@contextlib.asynccontextmanager
async def bench(
    name: str = "sporramom-w3",
    *,
    own: TuyaCredentials | None = None,
    twins: TuyaCredentials | None = None,
    state: dict[str, Any] | None = None,
    may_control: bool = True,
    spec: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Bench]:
    """Yield a device and its twin, on their way to each other. `own` credentials are the engine's."""
    clock = ScaledClock(math.inf)
    air = Air()
    described = profile(name)
    described = described.model_copy(update={"tuya": described.tuya.model_copy(update=spec or {})})
    peripheral = await air.add_peripheral("TY")
    # One that publishes no limit of its own runs on for a day.
    body = TuyaBody(state, int(described.limits.run_seconds or 86_400))
    twin = FaultyTuyaTwin(described, body, "TY", clock.now, credentials=twins or own or credentials(), **options)
    began_seconds = clock.now()
    await twin.serve(peripheral)

    async def tick() -> None:
        while True:
            twin.tick()
            await clock.sleep(0.2)

    async with asyncio.timeout(20), radio_on_air(clock, air) as radio:
        device = TuyaDevice(
            radio,
            clock,
            described,
            DeviceOptions("pump", Side.LEFT, lambda advertisement: advertisement.name == "TY", may_control),
            own or credentials(),
            now=lambda: NOW + timedelta(seconds=clock.now() - began_seconds),
        )
        tasks = [asyncio.create_task(device.run()), asyncio.create_task(tick())]
        try:
            yield Bench(clock, air, peripheral, twin, device)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if twin.server is not None:
                await twin.server.stop()
