"""The part of `letdown setup` about devices: search, choose, and ask what the settings need of each."""

from __future__ import annotations

from dataclasses import replace

from rich.text import Text

from controller.cli.device_search import DeviceSearch, SetupHardware
from controller.cli.setup_terminal import SetupTerminal
from controller.contract.cautions import cautions_by
from controller.contract.words import Words
from controller.mqtt.topics import check_name
from controller.safety.stopping import Stopped
from controller.settings import DeviceSettings
from controller.setup.device_entry import DeviceEntry, asks_consent, entry_of
from controller.setup.elsewhere import entry_elsewhere
from controller.setup.nearby import NearbyDevice, default_name, likely_side
from controller.setup.setup_draft import SetupDraft, with_values
from devices.driver.brokered_device import BrokeredDevice
from devices.driver.device_model import DeviceModel
from devices.driver.owner_value import UUIDS, OwnerValue
from devices.driver.registry import driver_of
from devices.driver.role_base import capabilities_of
from devices.profiles.catalog import Catalog
from devices.roles import Capability, Side
from devices.sensor_roles import Placed
from devices.support.file_error import FileError

_MOST_DATAPOINTS = 255  # numbers of datapoints in a Tuya account


class SetupDevices:
    """Adds, changes and removes devices of a draft, by asking."""

    def __init__(
        self, draft: SetupDraft, catalog: Catalog, terminal: SetupTerminal, words: Words, hardware: SetupHardware
    ) -> None:
        self._draft = draft
        self._catalog = catalog
        self._terminal = terminal
        self._words = words
        self._hardware = hardware

    async def add(self) -> None:
        """Search, and add one device after another."""
        search = DeviceSearch(self._draft, self._catalog, self._terminal, self._hardware)
        await search.begin()
        while (device := await search.choose()) is not None:
            await self._add(device)
            if not search.anything_left() or not await self._terminal.agree("another", default=True):
                return

    async def _add(self, device: NearbyDevice) -> None:
        terminal = self._terminal
        profile = device.profiles[0]
        if len(device.profiles) > 1:
            terminal.say("profile_which")
            profile = device.profiles[await terminal.choose([each.name for each in device.profiles])]
        terminal.gap()
        allowed = not asks_consent(profile)
        self._describe(device.advertisement.name or profile.name, profile)
        if not allowed:
            terminal.say("consent", "yellow")
            allowed = await terminal.agree("consent_ask", default=False)
            if not allowed:
                terminal.say("consent_no")
        side = await self._side(profile, device.advertisement.name)
        placed = await self._placed(profile)
        name = await self._name(profile, side)
        entry = replace(entry_of(device, profile, name, side), placed=placed)
        if asks_consent(profile):
            entry = replace(entry, allow_unverified=allowed)
        if entry.address is not None:
            terminal.say("by_address_ambiguous" if profile.match.ambiguous else "by_address_name")
        await self._fill_and_add(entry, profile)
        terminal.say("noted", "green", name=name)
        if profile.energy_roles:
            await self._offer_test(name, allowed=allowed)

    async def add_elsewhere(self, device: BrokeredDevice) -> None:
        """Add a device that Bluetooth does not reach, by asking."""
        terminal, profile = self._terminal, device.model
        terminal.gap()
        self._describe(device.name, profile)
        if profile.feeds_another:
            terminal.say("plug_pad", "yellow")
        allowed = not asks_consent(profile)
        if not allowed:
            terminal.say("consent", "yellow")
            allowed = await terminal.agree("consent_ask", default=False)
            if not allowed:
                terminal.say("consent_no")
        side = await self._side(profile, device.name)
        name = await self._name(profile, side)
        self._draft.add(entry_elsewhere(device, name, side, allow_unverified=allowed), await self._station())
        terminal.say("noted", "green", name=name)
        await self._offer_test(name, allowed=allowed)

    def _describe(self, name: str, profile: DeviceModel) -> None:
        terminal = self._terminal
        head = Text.assemble((profile.name, "bold"), f"   {terminal.text(f'profile_{profile.confidence}')}")
        terminal.show(head)
        cautions: list[str] = []
        for role in profile.roles:
            abilities = capabilities_of(profile, role, may_control=True)
            keys = [f"can_{each.value}" for each in Capability if each in abilities]  # starting first, reports last
            can = [terminal.texts[key] for key in keys if key in terminal.texts]
            shown = ", ".join(can) or terminal.text("can_nothing")
            terminal.show(f"{terminal.text('can')}: {shown}", indent=2)
            cautions += [each.value for each in cautions_by(role, abilities, profile.on_link_loss)]
        for each in dict.fromkeys(cautions):
            terminal.show(self._words.message(f"caution_{each}", device=name), "yellow", indent=2)

    async def _side(self, profile: DeviceModel, advertised_name: str | None) -> Side:
        if profile.roles == ("button",):
            return Side.BOTH  # it stops everything
        taken = {each.side for each in self._draft.devices() if self._role(each.profile) == profile.roles[0]}
        sides = [Side.LEFT, Side.RIGHT] if profile.sides == "one" else list(Side)
        likely = likely_side(profile, advertised_name, taken)
        options = [self._words.sides[each] for each in sides]
        self._terminal.say("side")
        return sides[await self._terminal.choose(options, sides.index(likely))]

    async def _placed(self, profile: DeviceModel) -> Placed | None:
        """Ask where a thermometer is; of anything else `None`."""
        if "thermometer" not in profile.roles:
            return None
        self._terminal.say("placed")
        places = list(Placed)
        return places[await self._terminal.choose([self._terminal.text(f"placed_{each.value}") for each in places], 0)]

    def _role(self, profile_id: str) -> str | None:
        profile = self._catalog.get(profile_id)
        return None if profile is None else profile.roles[0]

    async def _name(self, profile: DeviceModel, side: Side, current: str = "") -> str:
        terminal = self._terminal
        taken = {each.name for each in self._draft.devices()} - {current}
        default = current or default_name(terminal.texts, profile.roles[0], side, taken)
        while True:
            name = await terminal.ask(terminal.text("name"), default)
            try:
                check_name(name)
            except ValueError:
                terminal.say("name_wrong", "yellow")
                continue
            if name not in taken:
                return name
            terminal.say("name_taken", "yellow")

    async def _fill_and_add(self, entry: DeviceEntry, profile: DeviceModel) -> None:
        """Ask for what only the owner knows until it fits, and add the device."""
        driver = driver_of(profile)
        needed, optional = driver.owner_values(profile), driver.optional_values(profile)
        station = await self._station()
        for section in dict.fromkeys(each.path[0] for each in needed):
            explanation = f"needs_{section}"
            self._terminal.say(explanation if explanation in self._terminal.texts else "needs_other")
        for section in dict.fromkeys(each.path[0] for each in optional):
            self._terminal.say(f"may_need_{section}")
        values: dict[tuple[str, ...], object] = {}
        asked = [*needed, *optional]
        while True:
            for each in asked:
                values.pop(each.path, None)
                if (value := await self._value(each, optional=each in optional)) is not None:
                    values[each.path] = value
            try:
                self._draft.add(with_values(entry, values), station)
            except FileError as error:
                if not (needed or optional):
                    raise
                wrong = {problem.key.rpartition(".")[2]: problem.message for problem in error.problems}
                for key, message in wrong.items():
                    self._terminal.say("needs_wrong", "yellow", problem=f"{key}: {message}")
                asked = [each for each in (*needed, *optional) if each.path[-1] in wrong] or [*needed, *optional]
            else:
                return

    async def _value(self, needed: OwnerValue, *, optional: bool) -> object:
        """Ask for a value until it may be one; `None` where it is `optional` and left out."""
        terminal, name = self._terminal, needed.path[-1]
        while True:
            if needed.secret:
                answer = await terminal.ask_secret(terminal.text("needs_secret", name=name))
            else:
                key = {"number": "needs_number", "uuids": "needs_pair", "text": "needs_value"}[needed.kind]
                answer = await terminal.ask(terminal.text(key, name=name))
            if optional and not answer:
                return None
            if needed.kind == "text" and answer:
                return answer
            if needed.kind == "number":
                if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= _MOST_DATAPOINTS:
                    return int(answer)
                terminal.say("choice_wrong", "yellow", most=_MOST_DATAPOINTS)
            if needed.path[0] == UUIDS and len(pair := answer.replace(",", " ").split()) == len(("service", "chr")):
                return tuple(pair)

    async def _station(self) -> str:
        stations = self._draft.stations
        return stations[0] if len(stations) == 1 else stations[await self._terminal.choose(stations, 0)]

    async def _offer_test(self, name: str, *, allowed: bool) -> None:
        terminal = self._terminal
        if not allowed or not await terminal.agree("test_ask", default=False):
            terminal.say("test_later", "dim", name=name)
            return
        if await self._hardware.service_runs():
            terminal.say("test_service", "yellow")
            return

        def stopped(role: str, result: Stopped) -> None:
            style = "green" if result == "stopped" else "yellow"
            terminal.show(f"{role}: {self._words.labels.stop[result]}", style, indent=2)
            if result != "stopped":
                terminal.say("test_look", "yellow")

        details: list[str] = []
        terminal.say("test_running")
        if await self._hardware.test(name, details.append, stopped):
            terminal.say("test_good", "green")
            return
        for line in details:
            terminal.show(line, "dim", indent=2)
        terminal.say("test_bad", "yellow")

    # Change and remove

    def list(self) -> None:
        """Show the devices of the draft."""
        for number, each in enumerate(self._draft.devices(), 1):
            self._terminal.show(self.line_of(each, f"{number}  "), indent=2)

    def line_of(self, device: DeviceSettings, number: str = "") -> Text:
        """Return a device of the settings in one line."""
        profile = self._catalog.get(device.profile)
        read_only = profile is not None and asks_consent(profile) and not device.allow_unverified
        line = Text.assemble(number, (device.name, "bold"), f"   {self._words.sides[device.side]}")
        line.append(f"   {device.profile if profile is None else profile.name}", "dim")
        return line.append(f"   {self._terminal.text('summary_read_only')}", "yellow") if read_only else line

    async def change(self) -> None:
        """Ask which device to change, and for its name, side and consent."""
        device = await self._which()
        if device is None:
            return
        profile = self._catalog.get(device.profile)
        values: dict[str, object] = {}
        if profile is not None:
            if asks_consent(profile):
                self._terminal.say("consent", "yellow")
                values["allow_unverified"] = await self._terminal.agree("consent_ask", default=device.allow_unverified)
            sides = [Side.LEFT, Side.RIGHT] if profile.sides == "one" else list(Side)
            now = sides.index(device.side) if device.side in sides else 0
            self._terminal.say("side")
            side = sides[await self._terminal.choose([self._words.sides[each] for each in sides], now)]
            values |= {"side": side.value, "name": await self._name(profile, side, device.name)}
        changed = {key: value for key, value in values.items() if getattr(device, key) != value}
        if changed:
            self._draft.change(device.name, **changed)
            self._terminal.say("noted", "green", name=values["name"])

    async def remove(self) -> None:
        """Ask which device to remove, and remove it after a yes."""
        device = await self._which()
        if device is not None and await self._terminal.agree("remove_ask", default=False, name=device.name):
            self._draft.remove(device.name)
            self._terminal.say("removed", name=device.name)

    async def _which(self) -> DeviceSettings | None:
        devices = list(self._draft.devices())
        self.list()
        while answer := await self._terminal.ask(self._terminal.text("change_which")):
            if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(devices):
                return devices[int(answer) - 1]
            self._terminal.say("choice_wrong", "yellow", most=len(devices))
        return None
