"""Checks of the devices that a broker reaches: whether each answers, and can be used. Nothing is switched."""

from __future__ import annotations

import asyncio
import contextlib

from controller.assembly.device_opening import broker_access, open_device
from controller.assembly.extras import SetupError
from controller.doctor.check_result import CheckResult, note, ok, problem
from controller.settings import DeviceSettings, Settings
from devices.bluetooth.radio import Radio
from devices.profiles.catalog import Catalog
from devices.support.clock import RealClock

_ANSWER_SECONDS = 8.0
_LOOK_SECONDS = 0.1


async def plugs(settings: Settings) -> list[CheckResult]:
    """Connect to each plug of the settings as the service would, and see whether it can be used."""
    devices = [device for station in settings.stations.values() for device in station.devices]
    catalog = Catalog.load(*settings.profiles)
    return list(
        await asyncio.gather(*(_check(each, settings, catalog) for each in devices if each.reached_by is not None))
    )


async def _check(settings: DeviceSettings, all_settings: Settings, catalog: Catalog) -> CheckResult:
    clock = RealClock()
    try:
        device = open_device(settings, clock, Radio(clock), catalog, broker_access(all_settings.mqtt))
    except SetupError as error:
        return problem(settings.name, str(error), "docs/plugs.md says what a plug needs")
    task = asyncio.create_task(device.run())
    try:
        async with clock.timeout(_ANSWER_SECONDS):
            while not device.link.connected:
                await clock.sleep(_LOOK_SECONDS)
    except TimeoutError:
        why = device.link.problem or "it does not answer"
        return problem(settings.name, why, "docs/plugs.md says what a plug needs")
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    if not device.may_control:
        return note(settings.name, "answers; read only", "allow_unverified: true lets it be controlled")
    if not all_settings.limits.heat_without_temperature:
        words = "answers; not switched on, as nobody measures its temperature"
        return note(settings.name, words, "limits.heat_without_temperature: true allows it, five minutes at most")
    return ok(settings.name, "answers, and has a timer")
