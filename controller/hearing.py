"""Whether Bluetooth hears anything: judged by what comes in, never by what an adapter says of itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from controller.events import Hearing, Stream
from controller.station import Station
from devices.clock import Clock
from devices.radio import Radio
from devices.receiver import Receiver

_LOGGER = logging.getLogger(__name__)

# Even where nobody else is near, a device that is on and not connected advertises within 2 s, and is heard in one round
# of a scan (15 s on Linux) or the next.
DEAF_SECONDS = 60.0
_EVERY_SECONDS = 5.0


class Ears:
    """Tells whether the radio hears anything, and does what can be done about a receiver that is deaf.

    Where nothing is near, a radio that works cannot be told from one that is deaf. `power_cycle`: whether the owner
    lets an adapter be switched off and on, when to scan anew did not help.
    """

    def __init__(
        self, clock: Clock, radio: Radio, stations: Iterable[Station], stream: Stream, *, power_cycle: bool = False
    ) -> None:
        self._clock = clock
        self._radio = radio
        self._stations = tuple(stations)
        self._stream = stream
        self._told: Hearing | None = None
        self._power_cycle = power_cycle
        self._tried: dict[Receiver, int] = {}  # what was tried since it last heard anything

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        began_seconds = self._clock.now()
        while True:
            heard_at_seconds = max(self._radio.heard_at_seconds, began_seconds)
            fresh = self._clock.now() - heard_at_seconds < DEAF_SECONDS
            connected = any(station.hears for station in self._stations)
            self._tell(fresh or connected)
            for receiver in self._radio.receivers:
                await self._help(receiver, max(receiver.heard_at_seconds, began_seconds))
            await self._clock.sleep(_EVERY_SECONDS)

    def _tell(self, online: bool) -> None:
        hearing = Hearing(online=online)
        if hearing != self._told:
            self._told = hearing
            self._stream.publish(hearing)

    async def _help(self, receiver: Receiver, heard_at_seconds: float) -> None:
        """Scan anew after a while of silence; after another, switch the adapter off and on, once.

        That ends connections, so not while any device is there, or a session is under way.
        """
        silent_seconds = self._clock.now() - heard_at_seconds
        tried = self._tried.get(receiver, 0) if silent_seconds >= DEAF_SECONDS else 0
        if silent_seconds >= DEAF_SECONDS and tried == 0 and receiver.is_open:
            # Where devices are connected, and nobody else is near, that is as it should be.
            level = logging.INFO if any(station.hears for station in self._stations) else logging.WARNING
            _LOGGER.log(level, "%s has heard nothing for %g s: it scans anew", receiver.called, DEAF_SECONDS)
            await receiver.listen_anew()
            tried = 1
        elif silent_seconds >= 2 * DEAF_SECONDS and tried == 1 and self._may_cycle and await receiver.power_cycle():
            _LOGGER.warning("%s still heard nothing: it was switched off and on", receiver.called)
            tried = 2
        self._tried[receiver] = tried

    @property
    def _may_cycle(self) -> bool:
        return self._power_cycle and not any(station.hears or station.running for station in self._stations)
