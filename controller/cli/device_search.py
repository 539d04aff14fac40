"""The part of `letdown setup` that searches: what is nearby, and which of it is the person's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, Protocol

from rich.text import Text

from controller.cli.setup_terminal import SetupTerminal
from controller.contract.words import load_words
from controller.safety.stopping import Stopped
from controller.setup.nearby import NearbyDevice, devices_nearby
from controller.setup.setup_draft import SetupDraft
from devices.bluetooth.advertisement import Advertisement, masked
from devices.profiles.catalog import Catalog

_SIGNAL_STYLES = {"strong": "green", "good": "green", "weak": "yellow"}
_AGAIN, _OTHERS = "s", "a"


class SetupHardware(Protocol):
    """What the dialogue needs of the radio."""

    async def scan(self, words: Callable[[int, int], str]) -> list[Advertisement]:
        """Scan for some seconds, with words for the count and the seconds left; return what was received."""

    async def test(self, name: str, show: Callable[[str], None], on_stopped: Callable[[str, Stopped], None]) -> bool:
        """Test a device of the draft; return whether all went well. `show` takes a line."""

    async def service_runs(self) -> bool:
        """Return whether a service may use the devices now."""


class DeviceSearch:
    """Scans, shows what is nearby, and asks which device it is."""

    def __init__(self, draft: SetupDraft, catalog: Catalog, terminal: SetupTerminal, hardware: SetupHardware) -> None:
        self._draft = draft
        self._catalog = catalog
        self._terminal = terminal
        self._hardware = hardware
        self._found: list[Advertisement] | None = None
        # A device of these cannot be recognised: what it advertises is not published.
        self._templates = tuple(each for each in catalog if each.template)

    async def begin(self) -> None:
        """Say what to do before, and wait until it is done."""
        self._terminal.say("scan_before")
        await self._terminal.ask(self._terminal.text("scan_start"))

    def anything_left(self) -> bool:
        """Return whether a device that a profile fits is not set up yet."""
        return any(each.profiles and each.configured_as is None for each in self._nearby())

    async def choose(self) -> NearbyDevice | None:
        """Return the device that the person chooses, or None."""
        while True:
            if self._found is None:
                self._found = await self._hardware.scan(self._progress)
            known = [each for each in self._nearby() if each.profiles]
            others = [each for each in self._nearby() if not each.profiles and each.refusal is None]
            self._show(known, len(others))
            chosen = await self._ask(known, may_be_other=bool(others and self._templates))
            if chosen == "others":
                chosen = await self._among(others)
                if chosen is None:
                    continue
            if isinstance(chosen, NearbyDevice | None):
                return chosen
            self._found = None

    def _progress(self, count: int, seconds_left: int) -> str:
        return self._terminal.text("scan_progress", count=count, seconds=seconds_left)

    def _nearby(self) -> list[NearbyDevice]:
        return devices_nearby(self._found or (), self._catalog, self._draft.devices())

    def _show(self, known: Sequence[NearbyDevice], others: int) -> None:
        terminal = self._terminal
        terminal.gap()
        if known:
            terminal.say("scan_found", "bold")
        else:
            terminal.say("scan_nothing", "yellow")
        for number, each in enumerate(known, 1):
            terminal.show(self._line(number, each))
        for each in self._nearby():
            if each.refusal is not None:
                terminal.show(load_words(self._draft.settings.language).sentence(each.refusal), "yellow", indent=2)
        if others:
            terminal.say("scan_others", "dim", count=others)
            terminal.say("scan_more", "dim")

    async def _ask(
        self, known: Sequence[NearbyDevice], *, may_be_other: bool
    ) -> NearbyDevice | Literal["again", "others"] | None:
        terminal = self._terminal
        while True:
            answer = (await terminal.ask(terminal.text("scan_which" if known else "scan_again_or_none"))).lower()
            if not answer:
                return None
            if answer == _AGAIN:
                return "again"
            if answer == _OTHERS and may_be_other:
                return "others"
            device = _numbered(answer, known)
            if device is not None and device.configured_as is None:
                return device
            if device is not None:
                terminal.say("known_as", "yellow", name=device.configured_as)
            elif known:
                terminal.say("choice_wrong", "yellow", most=len(known))

    async def _among(self, others: Sequence[NearbyDevice]) -> NearbyDevice | None:
        """Ask which of the devices that no profile fits it is; it is one of those that cannot be recognised."""
        terminal = self._terminal
        for number, each in enumerate(others, 1):
            terminal.show(self._line(number, each))
        while answer := await terminal.ask(terminal.text("change_which")):
            device = _numbered(answer, others)
            if device is not None:
                return replace(device, profiles=self._templates)
            terminal.say("choice_wrong", "yellow", most=len(others))
        return None

    def _line(self, number: int, device: NearbyDevice) -> Text:
        text, advertisement = self._terminal.text, device.advertisement
        name = advertisement.name or masked(advertisement.address)
        if device.shares_name and advertisement.name:
            name += f" ({masked(advertisement.address)})"
        line = Text.assemble((f"  {number}  ", ""), (name, "bold"), "   ")
        line.append(text(f"signal_{device.signal}"), _SIGNAL_STYLES[device.signal])
        if device.configured_as is not None:
            return line.append(f"   {text('known_as', name=device.configured_as)}", "dim")
        if not device.profiles:
            return line
        models = [each.name for each in device.profiles]
        line.append(f"\n     {models[0] if len(models) == 1 else text('several_models', count=len(models))}", "dim")
        if all(each.confidence == "unverified" for each in device.profiles):
            line.append(f" · {text('profile_unverified')}", "yellow")
        return line


def _numbered(answer: str, devices: Sequence[NearbyDevice]) -> NearbyDevice | None:
    if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(devices):
        return devices[int(answer) - 1]
    return None
