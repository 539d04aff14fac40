"""Devices that say what a test lets them say, and a clock that a test sets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Literal

from devices.roles import Capability, DeviceLimits, PumpReading, PumpSetting, Side
from devices.sensor_roles import Placed, ThermometerReading


class StillClock:
    """Stands still until a test moves it."""

    def __init__(self, now_seconds: float = 0.0) -> None:
        self.now_seconds = now_seconds

    def now(self) -> float:
        return self.now_seconds

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[asyncio.Timeout]:
        raise NotImplementedError
        yield

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        yield


class StillPump:
    """A pump that says what a test lets it say."""

    role: Literal["pump"] = "pump"
    name = "left-pump"
    side = Side.LEFT
    capabilities = frozenset({Capability.START, Capability.REPORTS_REGULARLY})
    limits = DeviceLimits()
    on_link_loss: Literal["stops"] = "stops"
    max_level: int | None = None

    can_stop = True
    device_name = "pump"
    address: str | None = None

    def __init__(self) -> None:
        self.reading = PumpReading()
        self.connected = True
        self.age_seconds: float | None = 0.0

    def updated_at_seconds(self, name: str) -> float | None:
        return None

    def reports_at_rest(self, name: str) -> bool:
        return False

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    def assume_running(self) -> None: ...

    async def renew(self, lease_seconds: float) -> None: ...

    async def stop(self) -> None: ...

    async def start(self, setting: PumpSetting, duration_seconds: float, lease_seconds: float) -> None: ...

    async def adjust(self, setting: PumpSetting, duration_seconds: float) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...


class StillPad(StillPump):
    """A compress that says what a test lets it say."""

    role = "warmer"  # type: ignore[assignment]
    name = "warm-pad"


class StillThermometer(StillPump):
    """A thermometer that says what a test lets it say."""

    role = "thermometer"  # type: ignore[assignment]
    name = "thermometer"
    side = Side.BOTH
    placed = Placed.PAD

    def __init__(self) -> None:
        super().__init__()
        self.reading = ThermometerReading()  # type: ignore[assignment]
        self.at_seconds: float | None = None

    def updated_at_seconds(self, name: str) -> float | None:
        return self.at_seconds

    def measure(self, celsius: float | None, at_seconds: float) -> None:
        """Report a temperature, or that there is none."""
        self.reading = ThermometerReading(celsius=celsius)  # type: ignore[assignment]
        self.at_seconds = at_seconds
