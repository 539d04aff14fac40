"""The dialogue of `letdown setup`: language, devices, broker, comfort cap; then a summary and a last yes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from controller.cli.device_search import SetupHardware
from controller.cli.line_reader import LineReader
from controller.cli.setup_devices import SetupDevices
from controller.cli.setup_plugs import SetupPlugs
from controller.cli.setup_terminal import SetupTerminal
from controller.contract.words import Words, languages, load_words
from controller.mqtt.mqtt_settings import BrokerUrl
from controller.safety.limits import AUTOMATIC_VACUUM_MMHG, FIRST_EXPRESSION_VACUUM_MMHG
from controller.setup.broker_check import broker_named, try_broker
from controller.setup.setup_draft import SetupDraft, comfort_range, with_login
from devices.profiles.catalog import Catalog


class SetupDialogue:
    """Asks everything; `run` returns whether the draft is to be saved."""

    def __init__(
        self,
        file: Path,
        language: str | None,
        reader: LineReader,
        hardware: SetupHardware,
        terminal: Callable[[dict[str, str], LineReader], SetupTerminal] = SetupTerminal,
    ) -> None:
        """Read the settings. Raise `FileError` or `SettingsWriteError`. `terminal`: where it takes place."""
        self._open_terminal = terminal
        self.draft = SetupDraft(file, language or "en")
        self._asked_language = language
        self._reader = reader
        self._hardware = hardware
        self._catalog = Catalog.load(*self.draft.settings.profiles)
        self._speak(language or self.draft.settings.language)

    def _speak(self, language: str) -> None:
        self._words: Words = load_words(language)
        self.terminal = self._open_terminal(self._words.setup, self._reader)
        self._devices = SetupDevices(self.draft, self._catalog, self.terminal, self._words, self._hardware)
        self._plugs = SetupPlugs(self.draft, self._catalog, self.terminal, self._devices)

    async def run(self) -> bool:
        """Ask; return whether the last answer was yes and there is something to save."""
        if self._asked_language is None and self.draft.is_new:
            await self._language()
        elif self._asked_language is not None:
            self.draft.set_language(self._asked_language)
        terminal = self.terminal
        terminal.head("title")
        again = not self.draft.is_new
        terminal.say("intro_again" if again else "intro_new", file=self.draft.file)
        if again:
            await self._menu()
        else:
            terminal.head("devices")
            await self._devices.add()
            terminal.head("summary_broker")
            await self._broker()
            await self._plugs.add()
            terminal.head("summary_comfort")
            await self._comfort()
        if not self.draft.changed:
            self.terminal.say("nothing_new")
            return False
        self.draft.check()
        self._summary()
        if await self.terminal.agree("write_ask", default=True):
            return True
        self.terminal.say("cancelled")
        return False

    async def _menu(self) -> None:
        while True:
            terminal, limits, mqtt = self.terminal, self.draft.settings.limits, self.draft.settings.mqtt
            devices = list(self.draft.devices())
            terminal.head("devices")
            if devices:
                self._devices.list()
            else:
                terminal.say("no_devices")
            broker = terminal.text("broker_none") if mqtt.embedded else str(mqtt.brokers[0])
            entries: list[tuple[str, Callable[[], object]]] = [(terminal.text("menu_add"), self._devices.add)]
            if devices:
                entries += [(terminal.text("menu_change"), self._devices.change)]
                entries += [(terminal.text("menu_remove"), self._devices.remove)]
            comfort = self._comfort_in_words(limits.comfort_vacuum_mmhg)
            entries += [
                (terminal.text("menu_broker", broker=broker), self._broker),
                (terminal.text("menu_comfort", comfort=comfort), self._comfort),
                (terminal.text("menu_language", language=self._words.language), self._language),
            ]
            if not mqtt.embedded:
                entries += [(terminal.text("menu_plug"), self._plugs.add)]
            terminal.head("menu")
            options = [*(words for words, _ in entries), terminal.text("menu_done")]
            chosen = await terminal.choose(options, len(options) - 1)
            if chosen == len(entries):
                return
            terminal.gap()
            await entries[chosen][1]()  # type: ignore[misc]  # each is a coroutine function

    async def _language(self) -> None:
        codes = languages()
        texts = [load_words(code).setup for code in codes]
        self.terminal.show(" · ".join(each["language"] for each in texts), "bold")
        spoken = os.environ.get("LANG", "")[:2]
        default = codes.index(spoken) if spoken in codes else codes.index(self.draft.settings.language)
        code = codes[await self.terminal.choose([each["name_of_language"] for each in texts], default)]
        self.draft.set_language(code)
        self._speak(code)

    # Broker and comfort cap

    async def _broker(self) -> None:
        terminal = self.terminal
        terminal.say("broker")
        while True:
            answer = await terminal.ask(terminal.text("broker_ask"))
            if not answer:
                self.draft.set_broker(None)
                return
            try:
                broker = broker_named(answer)
            except ValueError as error:
                terminal.say("broker_wrong", "yellow", problem=error)
                continue
            if broker.username is None:
                name = await terminal.ask(terminal.text("broker_user"))
                password = await terminal.ask_secret(terminal.text("broker_password")) if name else ""
                broker = with_login(broker, name, password)
            if await self._answers(broker):
                self.draft.set_broker(broker)
                return
            options = [terminal.text(each) for each in ("broker_again", "broker_keep", "broker_without")]
            terminal.say("broker_what")
            chosen = await terminal.choose(options, 0)
            if chosen:
                self.draft.set_broker(broker if chosen == 1 else None)
                return

    async def _answers(self, broker: BrokerUrl) -> bool:
        terminal = self.terminal
        terminal.say("broker_trying", "dim", broker=broker)
        answer = await try_broker(broker, self.draft.mqtt_of(broker))
        if answer.trouble is None:
            terminal.say("broker_good", "green", broker=broker)
            return True
        terminal.say(f"broker_{answer.trouble}", "yellow", **self._problem(answer.trouble, answer.problem))
        return False

    @staticmethod
    def _problem(trouble: str, problem: str) -> dict[str, str]:
        return {"problem": problem} if trouble == "other" else {}

    async def _comfort(self) -> None:
        terminal, (least, most) = self.terminal, comfort_range()
        first, before = f"{FIRST_EXPRESSION_VACUUM_MMHG:g}", f"{AUTOMATIC_VACUUM_MMHG:g}"
        terminal.say("comfort", least=least, most=most, first=first, before=before)
        while True:
            answer = await terminal.ask(terminal.text("comfort_ask"))
            if not answer:
                self.draft.set_comfort(None)
                return
            try:
                mmhg = float(answer.lower().removesuffix("mmhg").replace(",", "."))
            except ValueError:
                mmhg = 0.0
            if least <= mmhg <= most:
                self.draft.set_comfort(mmhg)
                return
            terminal.say("comfort_wrong", "yellow", least=least, most=most)

    def _comfort_in_words(self, mmhg: float | None) -> str:
        text = self.terminal.text
        return text("comfort_none") if mmhg is None else text("comfort_value", mmhg=f"{mmhg:g}")

    # The end

    def _summary(self) -> None:
        terminal, settings = self.terminal, self.draft.settings
        terminal.head("summary")
        for device in self.draft.devices():
            terminal.show(self._devices.line_of(device), indent=2)
        for name in self.draft.removed:
            terminal.show(f"{name}   {terminal.text('summary_removed')}", "yellow", indent=2)
        broker = terminal.text("broker_none") if settings.mqtt.embedded else str(settings.mqtt.brokers[0])
        comfort = self._comfort_in_words(settings.limits.comfort_vacuum_mmhg)
        for key, value in (
            ("summary_language", self._words.language),
            ("summary_broker", broker),
            ("summary_comfort", comfort),
        ):
            terminal.show(f"{terminal.text(key)}: {value}", indent=2)

    def finish(self, backup: Path | None, options: str) -> None:
        """Say where it is saved, and what to do next. `options`: what the next commands need."""
        terminal = self.terminal
        terminal.say("written", "green", file=self.draft.file)
        if backup is not None:
            terminal.say("written_backup", "dim", file=backup)
        terminal.head("next")
        names = [each.name for each in self.draft.devices()]
        commands = [("doctor", "next_doctor")] if "--virtual" not in options else []
        commands += [(f"devices test {names[0]}", "next_test")] if names else []
        commands += [("run", "next_run")]
        for command, key in commands:
            shown = f"letdown {command}{options if command != 'doctor' else options.replace(' --virtual', '')}"
            terminal.show(shown, "cyan", indent=2)
            terminal.show(terminal.text(key), indent=6)
        if names:
            terminal.say("next_body")
