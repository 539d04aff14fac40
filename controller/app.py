"""Puts the parts together: settings in, a running service out. The only place that knows them all."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from controller.backlog import Backlog, ShortBacklog
from controller.body import Body
from controller.commands import Args, Command, Reply
from controller.events import Stream
from controller.features.device import device_features
from controller.features.feature import DeviceFeatures, StationFeatures, accepting
from controller.features.station import station_features
from controller.guide import load_words
from controller.hearing import Ears
from controller.left_over import driver_of, left_over, move
from controller.memory import Identity, Memory, ShortMemory
from controller.mqtt.bridge import Bridge, Handle
from controller.mqtt.broker import embedded_broker
from controller.mqtt.discovery import Discovery
from controller.mqtt.instance import Instance, refusal, this_process
from controller.mqtt.rivals import find_rivals
from controller.mqtt.settings import BrokerUrl, MqttSettings
from controller.mqtt.topics import Topics
from controller.routine import Routine, load_routines
from controller.service import Service
from controller.settings import DeviceSettings, ProxySettings, Settings
from controller.station import Station
from controller.store.store import Store
from devices.address_locks import AddressLocks, HeldElsewhereError
from devices.backend import OpenBackend, platform_backend
from devices.catalog import Catalog
from devices.clock import Clock
from devices.profiles.driver import ProfileDevice
from devices.profiles.roles import Driver, ProfileRole, roles_of
from devices.radio import Radio
from devices.roles import Side
from devices.tuya.driver import TuyaDevice

_LOGGER = logging.getLogger(__name__)

EXTRA = 'this needs the extra `demo`: pip install "letdown[demo]"'


class SetupError(Exception):
    """Something to put right before Letdown can run. `str()` names the remedy."""


@dataclass
class App:
    """A service and what belongs to it."""

    service: Service
    bridge: Bridge
    ears: Ears
    stream: Stream
    clock: Clock
    broker: BrokerUrl
    embedded: bool
    stations: dict[str, Station] = field(default_factory=dict)

    async def run(self) -> None:
        """Run until cancelled."""
        used = any(station.devices for station in self.stations.values())  # else Bluetooth is none of its business
        await self.service.run([self.bridge, self.ears] if used else [self.bridge])


@contextlib.asynccontextmanager
async def open_radio(
    settings: Settings, clock: Clock, *, take_over: bool = False, simulated: bool = False
) -> AsyncIterator[Radio]:
    """Open the Bluetooth that the settings name.

    `take_over`: also use devices of another controller on this machine. `simulated`: accept a virtual one only.
    """
    if settings.radio.transport is None:
        adapters = [platform_backend(each) for each in settings.radio.adapters]
        proxies = [_proxy(each) for each in settings.radio.proxies]
        async with Radio(clock, *adapters, *proxies, locks=AddressLocks(take_over=take_over)) as radio:
            yield radio
        return
    require_demo()
    from devices.virtual.radio import radio_through

    async with radio_through(clock, settings.radio.transport, simulated=simulated) as radio:
        yield radio


def check_unused(settings: Settings) -> None:
    """Raise `SetupError` where another controller on this machine uses an address that the settings name."""
    if settings.radio.transport is not None:
        return  # a controller of its own, or virtual devices
    locks = AddressLocks()
    for device in (device for station in settings.stations.values() for device in station.devices):
        if device.address is not None:
            try:
                with locks.hold(device.address):
                    pass
            except HeldElsewhereError as error:
                raise SetupError(f"{device.name}: {error}") from None


async def check_alone(mqtt: MqttSettings, me: Instance) -> frozenset[BrokerUrl]:
    """Return the brokers that no other live controller of the same stations is on. Raise `SetupError` if one is."""
    rival, checked = await find_rivals(mqtt.brokers, mqtt, me)
    if rival is not None:
        raise SetupError(refusal(me, rival))
    return checked


def _proxy(proxy: ProxySettings) -> OpenBackend:
    """Return how to open an ESPHome proxy. Raise `SetupError`."""
    if find_spec("bleak_esphome") is None:
        raise SetupError("ESPHome proxies need an extra: pip install 'letdown[proxies]'")
    from devices.proxy import proxy_backend

    key = None if proxy.key is None else proxy.key.get_secret_value()
    if proxy.key_file is not None:
        try:
            key = proxy.key_file.read_text(encoding="utf-8").split("\n")[0].strip()
        except (OSError, ValueError) as error:
            raise SetupError(f"the key of the proxy {proxy.host} cannot be read: {error}") from None
    return proxy_backend(proxy.host, proxy.port, key or None)


@contextlib.asynccontextmanager
async def assembled(
    settings: Settings,
    clock: Clock,
    radio: Radio,
    store: Store | None = None,
    *,
    me: Instance | None = None,
    checked: Collection[BrokerUrl] = (),
) -> AsyncIterator[App]:
    """Build a service from settings, with the embedded broker where no other is named. Raise `SetupError`.

    Without a store, nothing is remembered beyond this process. `me`: how this controller names itself on the broker.
    `checked`: the brokers on which no other controller was found that serves the same stations.
    """
    catalog, routines = Catalog.load(*settings.profiles), load_routines(*settings.routines)
    stream = Stream()
    if store is not None:
        stream.subscribe(store.watch)
    stations = _stations(settings, clock, radio, stream, catalog, routines, store)
    service = Service(stations, remote_raise=settings.limits.remote_raise == "allow")

    async def handle(station: str, command: Command, args: Args, retained: bool) -> Reply:
        return await service.handle(station, command, args, retained=retained)

    async with contextlib.AsyncExitStack() as stack:
        mqtt = settings.mqtt
        if mqtt.embedded:
            broker = await stack.enter_async_context(embedded_broker(mqtt.embedded_port))
            mqtt = mqtt.model_copy(update={"brokers": (broker.url,)})
            checked = mqtt.brokers  # nobody can have been there before
        backlog = ShortBacklog() if store is None else store.backlog
        me = me or this_process(mqtt.node, settings.stations)
        bridge = _bridge(mqtt, stations, settings, routines, handle, backlog, me, checked)
        stream.subscribe(bridge.watch)
        yield App(
            service=service,
            bridge=bridge,
            ears=Ears(clock, radio, stations, stream, power_cycle=settings.radio.power_cycle),
            stream=stream,
            clock=clock,
            broker=mqtt.brokers[0],
            embedded=settings.mqtt.embedded,
            stations=service.stations,
        )


def check(settings: Settings, clock: Clock) -> None:
    """Say what is wrong with settings that only shows when a service is built from them. Raise `SetupError`."""
    catalog, radio = Catalog.load(*settings.profiles), Radio(clock)
    load_routines(*settings.routines)
    load_words(settings.language)
    for station in settings.stations.values():
        for device in station.devices:
            _device(device, clock, radio, catalog)


def _bridge(
    mqtt: MqttSettings,
    stations: Sequence[Station],
    settings: Settings,
    routines: Iterable[str],
    handle: Handle,
    backlog: Backlog,
    me: Instance,
    checked: Collection[BrokerUrl],
) -> Bridge:
    """Build the bridge: a door for every feature that accepts something, and what Home Assistant is told."""
    topics = Topics(mqtt.base_topic, mqtt.node)
    bridge = Bridge(
        mqtt,
        topics,
        [station.name for station in stations],
        handle,
        backlog=backlog,
        mqtt_5=not settings.mqtt.embedded,  # the embedded broker knows MQTT 3.1.1 alone
        me=me,
        checked=checked,
    )
    found = [_features(station, settings, routines) for station in stations]
    for station in found:
        for feature in accepting(station.features):
            bridge.open_door(topics.set(station.name, feature.id), station.name, feature.command)
        for device in station.devices:
            for feature in accepting(device.features):
                topic = topics.device_set(station.name, device.name, feature.id)
                bridge.open_door(topic, station.name, feature.command)
    for topic, listener in Discovery(mqtt, topics, found, bridge.outbox).listeners.items():
        bridge.listen(topic, listener)
    return bridge


def _features(station: Station, settings: Settings, routines: Iterable[str]) -> StationFeatures:
    return StationFeatures(
        name=station.name,
        features=station_features(settings.limits, routines),
        devices=tuple(
            DeviceFeatures(
                name=role.name,
                model=role.device.profile.name,
                features=device_features(role.role, role.capabilities, role.limits),
            )
            for role in station.roles
        ),
    )


def require_demo() -> None:
    """Raise `SetupError` where the extra for virtual devices is not installed."""
    if find_spec("bumble") is None:
        raise SetupError(EXTRA)


def _stations(
    settings: Settings,
    clock: Clock,
    radio: Radio,
    stream: Stream,
    catalog: Catalog,
    routines: dict[str, Routine],
    store: Store | None,
) -> list[Station]:
    guide = load_words(settings.language)
    drivers = {
        name: [_device(each, clock, radio, catalog) for each in station.devices]
        for name, station in settings.stations.items()
    }
    roles = {name: [role for driver in found for role in roles_of(driver)] for name, found in drivers.items()}
    bodies = _bodies(settings)
    from_before = {} if store is None else store.left_behind(bodies)
    stations = []
    for body_name, names in {**bodies, **{name: [name] for name in from_before if name not in drivers}}.items():
        memory = _memory(store, body_name)
        named = _identities(settings, names, roles)
        may_run = left_over(memory, named)
        for name in [name for name in names if name in from_before and name != body_name]:
            move(from_before[name], _memory(store, name), memory)
            may_run |= from_before[name]
        unnamed = {name: device for name, device in may_run.items() if name not in named}
        left = [each for device in unnamed.values() if (each := driver_of(device, clock, radio, catalog)) is not None]
        for name in unnamed:
            words = "%s of %s may still run, and your settings do not name it: see that it is off"
            _LOGGER.warning(words, name, body_name)
        body = Body(
            body_name,
            clock=clock,
            roles=[role for name in names for role in roles.get(name, ())]
            + [r for each in left for r in roles_of(each)],
            owner=settings.limits,
            memory=memory,
            questions=tuple(guide.questions),
            identities=named,
            left_over=may_run,
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
                memory=_memory(store, name),
                body=body,
            )
            for name in names
        ]
    return stations


def _bodies(settings: Settings) -> dict[str, list[str]]:
    """Return the stations of each body; a station that names none has its own."""
    bodies: dict[str, list[str]] = {}
    for name, station in settings.stations.items():
        bodies.setdefault(station.body or name, []).append(name)
    return bodies


def _memory(store: Store | None, name: str) -> Memory:
    return ShortMemory() if store is None else store.memory(name)


def _identities(
    settings: Settings, names: Iterable[str], roles: Mapping[str, Sequence[ProfileRole]]
) -> dict[str, Identity]:
    """Return what the settings say of each device, by the name of its role."""
    found = {}
    for name in names:
        by_name = {each.name: each for each in settings.stations[name].devices} if name in settings.stations else {}
        for role in roles.get(name, ()):
            device = by_name[role.device.name]
            found[role.name] = Identity(
                name=role.name,
                profile=device.profile,
                side=device.side,
                address=device.address,
                advertised_name=device.advertised_name,
                uuids=device.uuids,
            )
    return found


def _device(settings: DeviceSettings, clock: Clock, radio: Radio, catalog: Catalog) -> Driver:
    profile = catalog.get(settings.profile)
    if profile is None:
        known = ", ".join(catalog.ids)
        raise SetupError(f"{settings.name}: there is no profile {settings.profile}; there are {known}")
    if profile.match.ambiguous and settings.address is None:
        raise SetupError(f"{settings.name}: other kinds of device look like a {profile.name}; name its address")
    if profile.sides == "one" and settings.side is Side.BOTH:
        raise SetupError(f"{settings.name}: a {profile.name} serves one breast; say side: left or side: right")
    if missing := [channel for channel in profile.template if channel not in settings.uuids]:
        lines = ", ".join(f"{channel}: [SERVICE, CHARACTERISTIC]" for channel in missing)
        raise SetupError(f"{settings.name}: nobody published the UUIDs of a {profile.name}; say uuids: {{{lines}}}")
    common: dict[str, Any] = {
        "name": settings.name,
        "side": settings.side,
        "wanted": settings.wanted,
        "may_control": profile.confidence == "verified" or settings.allow_unverified,
        "max_level": settings.max_level,
    }
    if profile.tuya is None:
        return ProfileDevice(radio, clock, profile=profile.with_uuids(settings.uuids), **common)
    if settings.tuya is None:
        raise SetupError(
            f"{settings.name}: a {profile.name} speaks Tuya; say tuya: {{local_key: …, uuid: …, device_id: …}}"
        )
    try:
        return TuyaDevice(radio, clock, profile=profile, credentials=settings.tuya, **common)
    except ValueError as error:  # ids of datapoints that only the owner's account knows
        raise SetupError(f"{settings.name}: {error}") from None


def device_named(name: str, settings: Settings, clock: Clock, radio: Radio) -> Driver:
    """Return one device of the settings. Raise `SetupError` when there is none of that name."""
    devices = [device for station in settings.stations.values() for device in station.devices]
    for device in devices:
        if device.name == name:
            return _device(device, clock, radio, Catalog.load(*settings.profiles))
    names = ", ".join(device.name for device in devices) or "none"
    raise SetupError(f"your settings name no device {name}; there are: {names}")


def with_broker(mqtt: MqttSettings, urls: list[str]) -> MqttSettings:
    """Return the settings with the brokers that a command line names instead. Raise `ValueError`."""
    return mqtt.model_copy(update={"brokers": tuple(BrokerUrl.parse(url) for url in urls)}) if urls else mqtt
