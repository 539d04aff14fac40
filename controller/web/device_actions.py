"""What a person can have done about devices here, from the page and the API: search, add, test. Each gets a reply."""

from __future__ import annotations

from controller.contract.commands import Reply
from controller.contract.device_setup import NewDevice
from controller.contract.device_test_view import DeviceTestStages
from controller.contract.replies import reply
from controller.safety.message import KeyedMessage, message
from controller.web.web_parts import WebParts


class DeviceActions:
    """Passes each request to the part of the service that carries it out."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts

    def scan(self) -> Reply:
        """Begin to search for devices."""
        setup = self._parts.setup
        return self._reply(message("setup_not_here") if setup is None else setup.begin_scan())

    async def add(self, station: str, device: NewDevice) -> Reply:
        """Add a device that was found to the settings."""
        setup = self._parts.setup
        return self._reply(message("setup_not_here") if setup is None else await setup.add(station, device))

    def test(self, station: str, device: str, stages: DeviceTestStages, *, nobody_attached: bool) -> Reply:
        """Begin the test of a device, once the person has confirmed that it is off the body."""
        tester = self._parts.tester
        if tester is None:
            return self._reply(message("no_such_device", device=device[:64]))
        if not nobody_attached:
            return self._reply(message("not_off_the_body"))
        return self._reply(self._parts.commands.start_refusal(station) or tester.start(station, device, stages))

    def _reply(self, why_not: KeyedMessage | None) -> Reply:
        words = self._parts.words
        return reply(words, None, "accepted") if why_not is None else reply(words, None, "refused", why_not)
