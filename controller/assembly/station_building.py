"""Builds the bodies and stations of the settings, with what may still run from before."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from controller.assembly.device_opening import broker_access, open_device
from controller.contract.comfort import ComfortAdvice
from controller.contract.stream import Stream
from controller.contract.words import load_words
from controller.history.history_store import HistoryStore
from controller.journal.state_store import StateStore
from controller.safety.persistence import DeviceIdentity, InMemoryPersistence, Persistence
from controller.service.body import Body
from controller.service.left_over import left_over, left_over_device, move
from controller.service.station import Station
from controller.session.routine import Routine
from controller.settings import Settings
from devices.bluetooth.radio import Radio
from devices.driver.device_roles import DeviceRole, roles_of, thermometers_of
from devices.profiles.catalog import Catalog
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)


def build_stations(
    settings: Settings,
    clock: Clock,
    radio: Radio,
    stream: Stream,
    catalog: Catalog,
    routines: dict[str, Routine],
    store: StateStore | None,
    history: HistoryStore | None = None,
    *,
    may_drive: Callable[[], bool] = lambda: True,
) -> list[Station]:
    """Build every station and its body, and the devices that the settings no longer name and that may still run.

    `may_drive`: whether they are certainly ours; else each device is only stopped.
    """
    guide = load_words(settings.language)
    broker = broker_access(settings.mqtt)
    drivers = {
        name: [open_device(each, clock, radio, catalog, broker) for each in station.devices]
        for name, station in settings.stations.items()
    }
    roles = {name: [role for driver in found for role in roles_of(driver)] for name, found in drivers.items()}
    bodies = _bodies(settings)
    from_before = {} if store is None else store.orphaned_devices(bodies)
    stations = []
    for body_name, names in {**bodies, **{name: [name] for name in from_before if name not in drivers}}.items():
        persistence = _memory(store, body_name)
        named = _identities(settings, names, roles)
        may_run = left_over(persistence, named)
        for name in [name for name in names if name in from_before and name != body_name]:
            move(from_before[name], _memory(store, name), persistence)
            may_run |= from_before[name]
        unnamed = {name: device for name, device in may_run.items() if name not in named}
        left = [
            each for device in unnamed.values() if (each := left_over_device(device, clock, radio, catalog)) is not None
        ]
        for name in unnamed:
            words = "%s of %s may still run, and your settings do not name it: check that it is off"
            _LOGGER.warning(words, name, body_name)
        body = Body(
            body_name,
            clock=clock,
            roles=[role for name in names for role in roles.get(name, ())]
            + [r for each in left for r in roles_of(each)],
            owner=settings.limits,
            persistence=persistence,
            questions=tuple(guide.questions),
            identities=named,
            left_over=may_run,
            thermometers=[
                found for name in names for driver in drivers.get(name, ()) for found in thermometers_of(driver)
            ],
        )
        stations += [
            Station(
                name,
                clock=clock,
                stream=stream,
                devices=[*drivers.get(name, ()), *(left if name == names[0] else ())],
                roles=roles.get(name, ()),
                owner=settings.limits,
                routines=routines,
                words=guide,
                persistence=_memory(store, name),
                body=body,
                history_problem=lambda: None if history is None else history.problem,
            )
            for name in names
        ]
    for device in (device for station in stations for device in station.devices):
        device.may_drive = may_drive
    return stations


def _bodies(settings: Settings) -> dict[str, list[str]]:
    """Return the stations of each body; a station that names none has its own."""
    bodies: dict[str, list[str]] = {}
    for name, station in settings.stations.items():
        bodies.setdefault(station.body or name, []).append(name)
    return bodies


def _memory(store: StateStore | None, name: str) -> Persistence:
    return InMemoryPersistence() if store is None else store.persistence(name)


def _identities(
    settings: Settings, names: Iterable[str], roles: Mapping[str, Sequence[DeviceRole]]
) -> dict[str, DeviceIdentity]:
    """Return the devices in the settings, by the name of their role."""
    found = {}
    for name in names:
        by_name = {each.name: each for each in settings.stations[name].devices} if name in settings.stations else {}
        for role in roles.get(name, ()):
            device = by_name[role.device_name]
            found[role.name] = DeviceIdentity(
                name=role.name,
                profile=device.profile,
                side=device.side,
                address=device.address,
                advertised_name=device.advertised_name,
                uuids=device.uuids,
            )
    return found


def stations_of_same_body(settings: Settings) -> dict[str, list[str]]:
    """Return for each station all stations that serve the same person."""
    return {name: names for names in _bodies(settings).values() for name in names}


def set_comfort(stations: Iterable[Station], advice: ComfortAdvice) -> None:
    """Hand what was learned to its station."""
    for station in stations:
        if station.name == advice.station:
            station.comfort = advice
