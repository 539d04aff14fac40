"""Scanner watchdog: publishes whether scanning works, and restarts it where it does not.

Judged by received advertisements and readings, never by what an adapter reports of itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

from controller.contract.events import ScannerHealth
from controller.contract.stream import Stream
from devices.bluetooth.adapter import Adapter
from devices.bluetooth.radio import Radio
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

# Even where no other device is near, one that is on and not connected advertises at least every 2 s, and is received in
# one round of a scan (15 s on Linux) or the next.
SILENT_SECONDS = 60.0
_EVERY_SECONDS = 5.0


@dataclass(eq=False)
class ScannerWatchdog:
    """Publishes whether scanning works, and restarts the scan or the adapter where no advertisements are received.

    Where no device is near, a working radio looks like a broken one. `in_contact`: whether any device is
    connected and reports fresh values. `all_connected`: whether nothing is searched for, so that none is expected;
    in a home of virtual devices, nothing else ever advertises. `session_running`: whether any session is under way.
    `power_cycle`: whether the owner allows an adapter to be switched off and on after restarting the scan did not help.
    """

    clock: Clock
    radio: Radio
    stream: Stream
    _: KW_ONLY
    in_contact: Callable[[], bool]
    session_running: Callable[[], bool]
    all_connected: Callable[[], bool] = lambda: False
    power_cycle: bool = False
    _published: ScannerHealth | None = field(default=None, init=False)
    # Remedies tried since the adapter last received anything.
    _attempts: dict[Adapter, int] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Check every few seconds, until cancelled."""
        began_seconds = self.clock.now()
        while True:
            received_at_seconds = max(self.radio.received_at_seconds, began_seconds)
            fresh = self.clock.now() - received_at_seconds < SILENT_SECONDS
            self._publish(fresh or self.in_contact())
            for adapter in self.radio.adapters:
                await self._recover(adapter, max(adapter.received_at_seconds, began_seconds))
            await self.clock.sleep(_EVERY_SECONDS)

    def _publish(self, online: bool) -> None:
        health = ScannerHealth(online=online)
        if health != self._published:
            self._published = health
            self.stream.publish(health)

    async def _recover(self, adapter: Adapter, received_at_seconds: float) -> None:
        """Restart the scan after a while without advertisements; after another, power-cycle the adapter, once.

        A power cycle ends connections, so not while any device is connected or a session is under way.
        """
        silent_seconds = self.clock.now() - received_at_seconds
        attempts = self._attempts.get(adapter, 0) if silent_seconds >= SILENT_SECONDS else 0
        if self.all_connected():
            return
        if silent_seconds >= SILENT_SECONDS and attempts == 0 and adapter.is_open:
            # Where devices are connected, and no others are near, that is to be expected.
            level = logging.INFO if self.in_contact() else logging.WARNING
            words = "%s has received no advertisements for %g s: restarting its scan"
            _LOGGER.log(level, words, adapter.description, SILENT_SECONDS)
            await adapter.restart_scan()
            attempts = 1
        elif silent_seconds >= 2 * SILENT_SECONDS and attempts == 1 and self._may_cycle and await adapter.power_cycle():
            _LOGGER.warning("%s still received no advertisements: it was switched off and on", adapter.description)
            attempts = 2
        self._attempts[adapter] = attempts

    @property
    def _may_cycle(self) -> bool:
        return self.power_cycle and not (self.in_contact() or self.session_running())
