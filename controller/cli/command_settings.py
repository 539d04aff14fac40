"""What a command works with: settings, radio and service of the owner, or those of the demo's virtual devices.

Apart from `demo`, so that `letdown run` loads no terminal output.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from controller.app import App, assembled, with_broker
from controller.assembly.extras import SetupError, open_radio, require_demo
from controller.assembly.settings_file import find_settings, places
from controller.cli.settings_names import check_names
from controller.history.history_store import HistoryStore
from controller.journal.store import Store
from controller.mqtt.instance import Instance
from controller.mqtt.mqtt_settings import BrokerUrl
from controller.settings import Settings, from_environment, load_settings
from devices.bluetooth.radio import Radio
from devices.profiles.catalog import Catalog
from devices.support.clock import Clock, ScaledClock

if TYPE_CHECKING:
    from devices.virtual.virtual_home import VirtualHome


def settings_file(config: Path | None) -> Path | None:
    """Return the file that a command line names, else the first in the usual places, which is printed on stderr."""
    if config is not None:
        return config
    found = find_settings()
    for each in found.unreadable:
        _print_note(f"{each} is not used: this user may not read it")
    if found.file is not None:
        _print_note(f"using the settings in {found.file}")
    return found.file


def read_settings(
    config: Path | None, brokers: list[str] | None = None, *, virtual: bool = False, named: bool = True
) -> Settings:
    """Read the settings from `settings_file(config)`. Raise `FileError`.

    With `virtual`, those of the virtual devices replace their stations, unless they name only virtual devices.
    `named`: check also whether the profiles and the language that they name exist.
    """
    return load_command_settings(settings_file(config), brokers, virtual=virtual, named=named)


def load_command_settings(
    file: Path | None, brokers: list[str] | None = None, *, virtual: bool = False, named: bool = True
) -> Settings:
    """Read the settings as `read_settings` does, from a file that is known already."""
    settings = load_settings(file)
    if named:
        check_names(settings, file)
    settings = settings.model_copy(update={"mqtt": with_broker(settings.mqtt, brokers or [])})
    if not virtual:
        return settings
    require_demo()
    from controller.cli.virtual_parent import stations_on_air

    return settings.model_copy(update={"stations": stations_on_air(settings)})


def require_settings(file: Path | None) -> None:
    """Raise `SetupError` where there are no settings at all, neither in a file nor in the environment."""
    if file is None and not from_environment():
        raise SetupError(
            "there are no settings yet: `letdown setup` finds your devices and writes them. Looked for "
            f"{', '.join(map(str, places()))}; --config names another file"
        )


def _print_note(words: str) -> None:
    sys.stderr.write(f"letdown: {words}\n")


@contextlib.asynccontextmanager
async def command_radio(settings: Settings, clock: Clock, *, virtual: bool) -> AsyncIterator[Radio]:
    """Yield the radio of the settings, or one on which the demo's virtual devices are on air."""
    if virtual:
        async with _virtual_home(settings, clock, 1) as (_, radio):
            yield radio
    else:
        async with open_radio(settings, clock) as radio:
            yield radio


@contextlib.asynccontextmanager
async def _virtual_home(settings: Settings, clock: Clock, seed: int) -> AsyncIterator[tuple[VirtualHome, Radio]]:
    """Put the virtual devices of the demo on air. Raise `SetupError` where the extra `demo` is missing."""
    require_demo()
    from devices.virtual.transports import Air
    from devices.virtual.virtual_home import VirtualHome
    from devices.virtual.virtual_radio import radio_on_air

    home, air = VirtualHome(clock, Catalog.load(*settings.profiles), seed), Air()
    async with home.on_air(air), radio_on_air(clock, air) as radio:
        yield home, radio


@contextlib.asynccontextmanager
async def virtual_app(
    settings: Settings,
    clock: ScaledClock,
    seed: int,
    *,
    parent: Callable[[], bool],
    store: Store | None = None,
    history: HistoryStore | None = None,
    me: Instance | None = None,
    checked: Collection[BrokerUrl] = (),
) -> AsyncIterator[App]:
    """Yield a service on the virtual devices of the demo. Raise `SetupError` where the extra `demo` is missing.

    `parent`: whether a virtual parent answers and goes on now; it massages in any case. `me` and `checked` are those of
    `assembled`.
    """
    async with _virtual_home(settings, clock, seed) as (home, radio):
        from controller.cli.virtual_parent import DEMO_LIMITS, VirtualParent, stations_on_air

        limits = DEMO_LIMITS if settings.limits == type(settings.limits)() else settings.limits
        settings = settings.model_copy(update={"limits": limits, "stations": stations_on_air(settings)})
        if settings.baby_buddy is not None and not settings.baby_buddy.on_this_machine:
            _print_note("simulated sessions are not sent to Baby Buddy, unless it is on this machine")
            settings = settings.model_copy(update={"baby_buddy": None})
        async with assembled(settings, clock, radio, store, history, me=me, checked=checked) as app:
            for station in app.stations.values():
                app.stream.subscribe(VirtualParent(station, clock, home.mother, parent).watch)
            yield app
