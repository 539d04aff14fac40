"""Before a guided recording: how to switch on the log of the phone, and what the vendor's app offers."""

from __future__ import annotations

import re

from controller.cli.setup_terminal import SetupTerminal
from devices.capture.guided_script import AppControls
from devices.driver.vocabulary import EnergyRole

PHONES = ("android", "iphone", "other")
_ROLES: tuple[EnergyRole, ...] = ("pump", "warmer", "massager")
_MOST = {"levels": 255, "celsius": 100, "minutes": 1440}


class GuideQuestions:
    """Asks on a terminal. Raises `EndOfInputError` at the end of the input."""

    def __init__(self, terminal: SetupTerminal) -> None:
        self._terminal = terminal

    async def phone(self) -> str:
        """Return which phone has the app, after saying how to switch on its log."""
        terminal = self._terminal
        terminal.head("phone")
        phone = PHONES[await terminal.choose([terminal.text(f"phone_{each}") for each in PHONES], 0)]
        terminal.gap()
        self._list(f"log_{phone}")
        await terminal.ask(terminal.text("log_on"))
        return phone

    def how_to_fetch(self, phone: str) -> None:
        """Say how the log gets from the phone to this computer."""
        self._terminal.head("fetch")
        self._list(f"fetch_{phone}")

    async def role(self) -> EnergyRole:
        """Return what the device is."""
        terminal = self._terminal
        terminal.head("role")
        return _ROLES[await terminal.choose([terminal.text(f"role_{each}") for each in _ROLES], 0)]

    async def app(self) -> str | None:
        """Return the name and version of the app, as far as they are known."""
        answer = await self._terminal.ask(self._terminal.text("app"))
        return answer[:100] or None

    async def controls(self, role: EnergyRole) -> AppControls:
        """Return what the app offers."""
        terminal = self._terminal
        terminal.head("offers")
        celsius = None
        if role == "warmer" and await terminal.agree("in_degrees", default=True):
            celsius = await self._range()
        levels = 0 if celsius else (await self._numbers("levels", 1, default="0"))[0]
        pump, shown = role == "pump", []
        phases = pump and await terminal.agree("has_phases", default=True)
        pauses = pump and await terminal.agree("has_pause", default=False)
        two_sides = role != "warmer" and levels > 0 and await terminal.agree("has_sides", default=False)
        if await terminal.agree("shows_battery", default=True):
            shown.append("battery_percent")
        if pump and await terminal.agree("shows_mmhg", default=False):
            shown.append("vacuum_mmhg")
        minutes = () if pump else tuple(await self._numbers("minutes", 0))
        return AppControls(role, levels, celsius, phases, pauses, two_sides, tuple(shown), minutes)

    async def _range(self) -> tuple[int, int]:
        while True:
            lowest, highest = await self._numbers("celsius", 2)
            if lowest <= highest:
                return lowest, highest
            self._terminal.say("celsius_wrong", "yellow")

    async def _numbers(self, key: str, count: int, default: str = "") -> list[int]:
        """Return whole numbers: so many of them, or any number of them for 0."""
        while True:
            answer = await self._terminal.ask(self._terminal.text(key), default)
            numbers = [int(each) for each in re.findall(r"\d+", answer)] if answer.isascii() else []
            text_only = re.sub(r"[\d\s,;-]", "", answer)
            if (
                not text_only
                and len(numbers) in ({count} if count else range(20))
                and max(numbers, default=0) <= _MOST[key]
            ):
                return numbers
            self._terminal.say(f"{key}_wrong", "yellow")

    def _list(self, key: str) -> None:
        """Print a text of several lines, each an item."""
        for number, line in enumerate(self._terminal.text(key).splitlines(), 1):
            self._terminal.show(f"{number}. {line}", indent=2)
