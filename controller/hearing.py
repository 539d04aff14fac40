"""Whether Bluetooth hears anything: judged by what comes in, never by what an adapter says of itself."""

from __future__ import annotations

from collections.abc import Iterable

from controller.events import Hearing, Stream
from controller.station import Station
from devices.clock import Clock
from devices.radio import Radio

# Even where nobody else is near, a device that is on and not connected advertises within 2 s, and is heard in one round
# of a scan (15 s on Linux) or the next.
DEAF_SECONDS = 60.0
_EVERY_SECONDS = 5.0


class Ears:
    """Tells whether the radio hears anything. Where nothing is near, it cannot be told from a radio that is deaf."""

    def __init__(self, clock: Clock, radio: Radio, stations: Iterable[Station], stream: Stream) -> None:
        self._clock = clock
        self._radio = radio
        self._stations = tuple(stations)
        self._stream = stream
        self._told: Hearing | None = None

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        began_seconds = self._clock.now()
        while True:
            heard_at_seconds = max(self._radio.heard_at_seconds, began_seconds)
            fresh = self._clock.now() - heard_at_seconds < DEAF_SECONDS
            self._tell(fresh or any(station.hears for station in self._stations))
            await self._clock.sleep(_EVERY_SECONDS)

    def _tell(self, online: bool) -> None:
        hearing = Hearing(online=online)
        if hearing != self._told:
            self._told = hearing
            self._stream.publish(hearing)
