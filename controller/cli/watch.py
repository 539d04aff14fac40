"""`letdown watch`: the view of the terminal, of a service that runs elsewhere, over MQTT. It loads no Bluetooth."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, JsonValue
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from controller.cli.terminal.parent_terminal import ParentTerminal, confirmations
from controller.cli.terminal.view_state import ViewState
from controller.contract.commands import ALWAYS, Action, Reply
from controller.contract.events import Guide
from controller.contract.words import languages, load_words
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.station_client import NoContact, StationClient
from devices.support.yaml_file import load_yaml

_STOP_SECONDS = 3.0
_SENDING_SECONDS = 3.0
_ENGLISH = "en"


class WatchSettings(BaseSettings):
    """Of the owner's settings, those that watching needs: the others would load the drivers of the devices."""

    model_config = SettingsConfigDict(
        env_prefix="LETDOWN_", env_nested_delimiter="__", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    mqtt: MqttSettings = Field(default_factory=MqttSettings)
    language: str | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings names what it passes
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment take precedence over the file, which is `init_settings`."""
        return env_settings, init_settings


@dataclass(frozen=True)
class WatchOptions:
    """Options of the command line. Without a language, that of the service; English until it is known."""

    station: str | None = None
    language: str | None = None
    as_json: bool = False


def read_watch_settings(config: Path | None, brokers: list[str]) -> WatchSettings:
    """Read the settings; `brokers` of the command line come first. Without any, it is the one of a service here."""
    settings = WatchSettings() if config is None else load_yaml(config, WatchSettings)
    mqtt = settings.mqtt
    if brokers:
        mqtt = mqtt.model_copy(update={"brokers": tuple(BrokerUrl.parse(url) for url in brokers)})
    elif not mqtt.brokers:
        mqtt = mqtt.model_copy(update={"brokers": (BrokerUrl(host="127.0.0.1", port=mqtt.embedded_port or 1883),)})
    return settings.model_copy(update={"mqtt": mqtt})


async def watch_station(settings: WatchSettings, options: WatchOptions) -> int:
    """Show a station until Ctrl+C, which also stops everything, or `q`, which does not. Return the exit code."""
    language = options.language or settings.language or _ENGLISH
    words = load_words(language)
    if options.as_json:
        return await _print_items(settings.mqtt, options.station)
    watch = _Watch(
        settings.mqtt, options, ViewState(words, str(settings.mqtt.brokers[0]), may_start=True, may_leave=True)
    )
    return await watch.run()


class _Watch:
    """One view of a station."""

    def __init__(self, mqtt: MqttSettings, options: WatchOptions, state: ViewState) -> None:
        self._state = state
        self._follows_language = options.language is None
        self._client = StationClient(mqtt, options.station, self._on_item, self._on_contact)
        self._left = asyncio.Event()
        self._ending = False
        self._terminal = ParentTerminal(state, self._send, on_leave=self._left.set)
        self._stopping: dict[Action, asyncio.Task[Reply | None]] = {}
        state.no_contact = state.words.terminal["connecting_broker"]

    async def run(self) -> int:
        """Show the station until the person leaves."""
        reply: Reply | None = None
        try:
            with self._terminal.shown():
                running = asyncio.create_task(self._client.run())
                leaving = asyncio.create_task(self._left.wait())
                try:
                    await asyncio.wait({running, leaving}, return_when=asyncio.FIRST_COMPLETED)
                    if running.done():
                        running.result()
                except asyncio.CancelledError:
                    if self._terminal.interrupted and self._state.keys:
                        reply = await self._stop()
                    raise
                finally:
                    self._ending = True
                    for task in (running, leaving, *self._stopping.values()):
                        task.cancel()
                    await asyncio.gather(running, leaving, *self._stopping.values(), return_exceptions=True)
        except asyncio.CancelledError:
            if not self._terminal.interrupted:
                raise
            for line in self._what_became(reply):
                print(line)  # noqa: T201 - to the person at this terminal
            return 130
        return 0

    def _on_item(self, item: BaseModel, _retained: bool) -> None:
        if isinstance(item, Guide) and self._follows_language:
            self._follow_language(item.language)
        if self._client.in_contact:  # else it may be old; with contact, the broker sends it again
            self._terminal.take(item)

    def _follow_language(self, language: str | None) -> None:
        if language in languages() and language != self._state.words.code:
            self._terminal.use(load_words(language))

    def _on_contact(self, why: NoContact | None) -> None:
        names = self._state.words.terminal
        if why is None:
            self._state.headline = f"{self._client.station} · {self._state.headline.rpartition(' · ')[2]}"
            self._state.no_contact = None
            return
        self._state.forget()
        reason = (
            names["controller_silent"] if why == "controller" else self._client.problem or names["connecting_broker"]
        )
        if reason != self._state.no_contact and not self._ending:
            self._state.no_contact = reason
            self._terminal.show_no_contact()

    async def _send(self, action: Action, args: Mapping[str, JsonValue]) -> Reply | None:
        if action not in ALWAYS and not self._client.in_contact:
            why = self._state.words.terminal["no_contact"]
            return Reply(action=action.value, outcome="refused", reasons=(why,))
        if action not in ALWAYS:
            return await self._client.send(action, args)
        if (earlier := self._stopping.get(action)) is not None and not earlier.done():
            return await asyncio.shield(earlier)  # it is being sent, again and again
        task = asyncio.create_task(self._client.send(action, args))
        self._stopping[action] = task
        while not (await asyncio.wait({task}, timeout=1.0))[0]:
            self._state.notify(self._state.words.terminal["sending_stop"], "alarm", _SENDING_SECONDS)
        return await task

    async def _stop(self) -> Reply | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                return await self._client.send(Action.STOP, {})
        return None

    def _what_became(self, reply: Reply | None) -> list[str]:
        names = self._state.words.terminal
        if not self._state.keys:
            return []
        if reply is None:
            return [names["no_contact"]]
        return [names["interrupted"], *(f"  {line}" for line in confirmations(self._state.words, reply.devices or {}))]


async def _print_items(mqtt: MqttSettings, station: str | None) -> int:
    """Print each item as one line of JSON, and when contact is lost and found."""

    def print_line(data: dict[str, Any]) -> None:
        print(json.dumps(data, ensure_ascii=False), flush=True)  # noqa: T201 - what was asked for

    def on_item(item: BaseModel, retained: bool) -> None:
        kind = _kind(item)
        print_line({"kind": kind, "retained": retained, "data": item.model_dump(mode="json")})

    def on_contact(why: NoContact | None) -> None:
        print_line({"kind": "contact", "contact": why is None, "why": client.problem or why})

    client = StationClient(mqtt, station, on_item, on_contact)
    await client.run()
    return 0


def _kind(item: BaseModel) -> str:
    name = type(item).__name__
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).lstrip("_")
