"""The part of `letdown setup` about plugs: which are on the broker, and which feeds a heating pad."""

from __future__ import annotations

from rich.text import Text

from controller.cli.setup_devices import SetupDevices
from controller.cli.setup_terminal import SetupTerminal
from controller.setup.elsewhere import DeviceElsewhere, devices_elsewhere
from controller.setup.setup_draft import SetupDraft
from devices.errors import DeviceError
from devices.profiles.catalog import Catalog
from devices.support.clock import RealClock


class SetupPlugs:
    """Finds plugs on the broker of a draft, and adds those that the person chooses."""

    def __init__(self, draft: SetupDraft, catalog: Catalog, terminal: SetupTerminal, devices: SetupDevices) -> None:
        self._draft = draft
        self._catalog = catalog
        self._terminal = terminal
        self._devices = devices

    async def add(self) -> None:
        """Look, and add one plug after another. Without a broker, nothing happens."""
        terminal = self._terminal
        while not self._draft.settings.mqtt.embedded:
            try:
                found = await devices_elsewhere(
                    self._draft.settings.mqtt, RealClock(), self._catalog, self._draft.devices()
                )
            except DeviceError as error:
                terminal.say("plugs_failed", "yellow", problem=error)
                return
            free = [each for each in found if each.found.refusal is None and each.configured_as is None]
            if not free:
                terminal.say("plugs_none", "dim")
                return
            terminal.say("plugs_found", "bold")
            for number, each in enumerate(free, 1):
                terminal.show(self._line(number, each), indent=2)
            chosen = await self._which(free)
            if chosen is None:
                return
            await self._devices.add_elsewhere(chosen.found)

    @staticmethod
    def _line(number: int, device: DeviceElsewhere) -> Text:
        return Text.assemble(f"{number}  ", (device.found.name, "bold"), (f"   {device.found.model.name}", "dim"))

    async def _which(self, free: list[DeviceElsewhere]) -> DeviceElsewhere | None:
        terminal = self._terminal
        while answer := await terminal.ask(terminal.text("plugs_which")):
            if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(free):
                return free[int(answer) - 1]
            terminal.say("choice_wrong", "yellow", most=len(free))
        return None
