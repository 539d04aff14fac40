"""A virtual thermometer that advertises in BTHome v2: the same body as one that is connected, and its own faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from devices.bthome.bthome_model import BthomeModel
from devices.bthome.objects import TEMPERATURE
from devices.roles import Side
from devices.virtual.bthome_twin import BthomeTwin
from devices.virtual.thermometer_body import ThermometerBody
from devices.virtual.uncancelled import in_background

_EVERY_SECONDS = 1.0


class BthomeThermometerTwin(BthomeTwin):
    """A thermometer that advertises every second. What it has measured and its faults are in `body`.

    Faults: `every_seconds`, for one that saves its battery, and `repeats`, which sends its last packet again and again.
    """

    def __init__(
        self,
        profile: BthomeModel,
        name: str,
        now: Callable[[], float],
        settings: Mapping[str, object] | None = None,
        *,
        side: Side,
        seed: int | str = 0,
    ) -> None:
        super().__init__(profile, name, now, settings, seed=seed)
        self.body = ThermometerBody(None, side, seed)
        self.every_seconds = _EVERY_SECONDS
        self.repeats = False
        self._data = b""
        self._sent_at_seconds = -_EVERY_SECONDS

    def tick(self) -> None:
        """Advance its body to now, and advertise what it measures when that is due."""
        now_seconds = self._now()
        self.body.advance(now_seconds)
        if self.body.silent or now_seconds - self._sent_at_seconds < self.every_seconds - 1e-6:
            return
        self._sent_at_seconds = now_seconds
        if not self.repeats or not self._data:
            self._data = self._packet_of_now()
        in_background(self.advertise(self._data))

    def _packet_of_now(self) -> bytes:
        celsius = self.body.values()["celsius"]
        if not isinstance(celsius, int | float):
            return self.packet(b"")
        steps = max(-0x8000, min(0x7FFF, round(celsius * 100)))
        return self.packet(bytes([TEMPERATURE]) + steps.to_bytes(2, "little", signed=True))

    async def _rest(self) -> None:
        """Advertise nothing between two measurements."""
        if self.server is not None:
            await self.server.stop()
