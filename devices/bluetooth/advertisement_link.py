"""The link to a device that only advertises. It is never connected, so it takes no connection of an adapter."""

from __future__ import annotations

import logging
from collections.abc import Callable

from devices.bluetooth.advertisement import Advertisement, Wanted, masked
from devices.bluetooth.link import Link
from devices.bluetooth.radio import Radio
from devices.roles import LinkState
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

_LONGEST_CHECK_SECONDS = 60.0  # between two checks of how old the last advertisement is


class AdvertisementLink(Link):
    """Receives the advertisements of one device while `run` runs. Writing raises `LinkLostError`: nothing is connected.

    `callback` is called with every advertisement, at once. After `silent_seconds` without any, it counts as gone.
    """

    def __init__(
        self,
        radio: Radio,
        clock: Clock,
        name: str,
        wanted: Wanted,
        callback: Callable[[Advertisement], None],
        on_change: Callable[[], None],
        silent_seconds: float,
    ) -> None:
        super().__init__(radio, clock, name, wanted, _never_connected, on_change)
        self._callback = callback
        self._silent_seconds = silent_seconds

    @property
    def connected(self) -> bool:
        """Whether an advertisement was received recently: the last values still count."""
        return self.state is LinkState.HEARD

    async def run(self) -> None:
        """Receive advertisements until cancelled."""
        self._set(LinkState.SEARCHING)
        unsubscribe = self._radio.listen(self._wanted, self._on_advertisement)
        check_seconds = min(self._silent_seconds, _LONGEST_CHECK_SECONDS)
        try:
            while True:
                await self._clock.sleep(check_seconds)
                latest = self.advertisement
                if latest is not None and self._clock.now() - latest.seen_at_seconds >= self._silent_seconds:
                    self.problem = f"no advertisement was received for {self._silent_seconds / 60:.0f} min"
                    self._set(LinkState.SEARCHING)
        finally:
            unsubscribe()
            self._set(LinkState.CLOSED)

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        self.advertisement = advertisement
        try:
            self._callback(advertisement)  # first: a press waits for nothing
        except Exception:  # whatever somebody advertises must not end the scan
            _LOGGER.exception("%s: an advertisement could not be handled", self.name)
        if self.state is not LinkState.HEARD:
            self.problem = None
            _LOGGER.info("%s advertises (%s, %d dBm)", self.name, masked(advertisement.address), advertisement.rssi_dbm)
            self._set(LinkState.HEARD)


async def _never_connected() -> None:
    raise AssertionError("a device that only advertises was connected")
