"""Runs `letdown setup --yes`: what the options ask for is saved, or nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.cli.setup_radio import SetupRadio, failed
from controller.contract.words import load_words
from controller.setup.broker_check import broker_named, try_broker
from controller.setup.file_writer import SettingsWriteError
from controller.setup.nearby import devices_nearby
from controller.setup.requested_devices import entry_for, everything_in, requested
from controller.setup.setup_draft import SetupDraft, comfort_range
from devices.bluetooth.advertisement import Advertisement, masked
from devices.profiles.catalog import Catalog


@dataclass(frozen=True)
class ScriptedSetup:
    """What a script asks for; see the options of `letdown setup`."""

    devices: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()
    broker: str | None = None
    comfort_mmhg: float | None = None
    allow_unverified: bool = False


async def run_script(
    file: Path, language: str | None, seconds: float, script: ScriptedSetup, *, virtual: bool, as_json: bool
) -> int:
    """Save what a script asks for, or nothing. Return the exit code."""
    try:
        draft = SetupDraft(file, language or "en")
        if language is not None:
            draft.set_language(language)
        await _add_devices(draft, script, seconds, virtual=virtual)
        if script.comfort_mmhg is not None:
            least, most = comfort_range()
            if not least <= script.comfort_mmhg <= most:
                raise ValueError(f"--comfort {script.comfort_mmhg:g}: it is from {least} to {most} mmHg")
            draft.set_comfort(script.comfort_mmhg)
        if script.broker is not None:
            broker = broker_named(script.broker)
            answer = await try_broker(broker, draft.mqtt_of(broker))
            if answer.trouble is not None:
                return failed(f"{answer.problem}; nothing was changed")
            draft.set_broker(broker)
        draft.check()
        written = draft.changed
        backup = draft.save() if written else None
    except SettingsWriteError as error:
        return failed(f"{error}; nothing was changed")
    if as_json:
        result = _result(draft, backup, written=written)
        print(json.dumps(result, ensure_ascii=False, indent=2))  # noqa: T201 - what was asked for
    else:
        words = load_words(draft.settings.language).setup
        print(words["written" if written else "nothing_new"].format(file=file))  # noqa: T201 - the result
    return 0


async def _add_devices(draft: SetupDraft, script: ScriptedSetup, seconds: float, *, virtual: bool) -> None:
    catalog = Catalog.load(*draft.settings.profiles)
    asked = requested(script.devices, script.profiles, script.sides)
    received: list[Advertisement] = []
    everything = virtual and not asked
    if everything or any(each.profile is None for each in asked):
        async with SetupRadio(lambda: draft, seconds, virtual=virtual) as radio:
            received = await radio.scan(quiet=True)
    nearby = devices_nearby(received, catalog, draft.devices())
    for each in everything_in(nearby, [each.name for each in draft.devices()]) if everything else asked:
        configured = list(draft.devices())
        entry = entry_for(each, nearby, catalog, configured, allow_unverified=script.allow_unverified)
        if any(one.name == entry.name for one in configured):
            draft.remove(entry.name)
        draft.add(entry)


def _result(draft: SetupDraft, backup: Path | None, *, written: bool) -> dict[str, Any]:
    mqtt = draft.settings.mqtt
    return {
        "file": str(draft.file),
        "written": written,
        "backup": None if backup is None else str(backup),
        "language": draft.settings.language,
        "devices": [
            {
                "name": each.name,
                "profile": each.profile,
                "side": each.side.value,
                "known_by": each.advertised_name if each.address is None else masked(each.address),
                "allow_unverified": each.allow_unverified,
            }
            for each in draft.devices()
        ],
        "broker": None if mqtt.embedded else str(mqtt.brokers[0]),
        "comfort_vacuum_mmhg": draft.settings.limits.comfort_vacuum_mmhg,
    }
