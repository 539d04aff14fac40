"""The composition root: builds the service from settings. The only module that imports everything."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.assembly.bridge_building import build_bridge
from controller.assembly.device_opening import broker_access, open_device
from controller.assembly.extras import SetupError, serves_page
from controller.assembly.history_building import build_pruner, build_reminders, build_uploader, open_baby_buddy
from controller.assembly.metrics_building import build_metrics, build_metrics_server, check_metrics, queues_of
from controller.assembly.station_building import build_stations, set_comfort, stations_of_same_body
from controller.assembly.web_building import build_web_server, load_web
from controller.contract.comfort import ComfortAdvice
from controller.contract.device_setup import DeviceSetup
from controller.contract.events import EndReason, Event, StartDefaults
from controller.contract.stream import Stream
from controller.contract.words import load_words
from controller.history.carry_over import carry_over
from controller.history.comfort.comfort_learner import ComfortLearner
from controller.history.history_store import HistoryStore
from controller.history.recent_sessions_publisher import publish_recent_sessions
from controller.history.recorded_backlog import RecordedBacklog
from controller.history.session_recorder import SessionRecorder
from controller.history.session_records import SessionRecords
from controller.history.stash.stash_keeper import StashKeeper
from controller.history.summary_publisher import SummaryPublisher
from controller.journal.state_store import StateStore
from controller.mqtt.backlog import Backlog
from controller.mqtt.bridge import Bridge
from controller.mqtt.embedded_broker import embedded_broker
from controller.mqtt.instance import Instance, refusal, this_process
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.presence import find_rivals
from controller.service.device_publisher import DevicePublisher
from controller.service.device_tester import ServiceDeviceTester
from controller.service.kept_running import KeptRunning
from controller.service.limits_publisher import LimitsPublisher
from controller.service.scanner_watchdog import ScannerWatchdog
from controller.service.service import BackgroundService, Service
from controller.service.station import Station
from controller.session.routine import load_routines
from controller.settings import Settings
from devices.bluetooth.radio import Radio
from devices.profiles.catalog import Catalog
from devices.support.clock import Clock, RealClock

if TYPE_CHECKING:
    from controller.cluster.lease import Lease
    from controller.metrics.controller_metrics import ControllerMetrics
    from controller.metrics.metrics_server import MetricsServer
    from controller.web.web_server import WebServer


_LOGGER = logging.getLogger(__name__)


@dataclass
class App:
    """A service and its parts. `bluetooth`: whether any device needs it."""

    service: Service
    bridge: Bridge
    publishers: list[DevicePublisher]
    scanner_watchdog: ScannerWatchdog
    stream: Stream
    clock: Clock
    broker: BrokerUrl
    bluetooth: bool
    web: WebServer | None = None
    metrics: MetricsServer | None = None
    more: Sequence[BackgroundService] = ()

    @property
    def stations(self) -> dict[str, Station]:
        """The stations, by name."""
        return self.service.stations

    async def run(self) -> None:
        """Run until cancelled."""
        background: list[BackgroundService] = [self.bridge, *self.publishers, *self.more]
        if self.web is not None:
            background.append(self.web)
        if self.metrics is not None:
            background.append(self.metrics)
        if self.bluetooth:
            background.append(self.scanner_watchdog)
        await self.service.run(background)


async def check_alone(mqtt: MqttSettings, me: Instance) -> frozenset[BrokerUrl]:
    """Return the brokers that no other live controller of the same stations is on. Raise `SetupError` if one is."""
    rival, checked = await find_rivals(mqtt.brokers, mqtt, me)
    if rival is not None:
        raise SetupError(refusal(me, rival))
    return checked


@contextlib.asynccontextmanager
async def assembled(
    settings: Settings,
    clock: Clock,
    radio: Radio,
    store: StateStore | None = None,
    history: HistoryStore | None = None,
    *,
    me: Instance | None = None,
    checked: Collection[BrokerUrl] = (),
    lease: Lease | None = None,
    catalog: Catalog | None = None,
    device_setup: Callable[[Service], DeviceSetup] | None = None,
    shared_metrics: ControllerMetrics | None = None,
) -> AsyncIterator[App]:
    """Build a service from settings, with the embedded broker where no other is named. Raise `SetupError`.

    Without a store, nothing that safety needs outlives this process; without a history, no session is kept.
    `me`: the instance of this controller on the broker. `checked`: the brokers on which no other controller of the same
    stations was found. `lease`: of these stations in a fleet, which then rules out another controller; all that is
    published and recorded carries its epoch. `catalog`: the profiles, where they are loaded already.
    `device_setup`: makes what the page finds and adds devices with; `None`: it cannot.
    `shared_metrics`: those of a process with several services, which serves and runs them; `None`: by the settings.
    """
    epoch, is_ours = _ownership(lease)
    routines, stream = (
        load_routines(*settings.routines),
        Stream(epoch, ends=is_ours),
    )
    if store is not None:
        stream.subscribe(store.watch, Event)
    records, recorder = None, None
    backlog = await _backlog(store, history, lease)
    if history is not None:
        records, recorder = SessionRecords(history), SessionRecorder(history, clock.now, epoch)
        cut_off = load_words(settings.language).labels.reason[EndReason.CUT_OFF]
        recorder.end_interrupted(settings.stations, cut_off)
        recorder.subscribe(stream)
    catalog = catalog or Catalog.load(*settings.profiles)
    stations = build_stations(settings, clock, radio, stream, catalog, routines, store, history, may_drive=is_ours)
    del catalog  # only the profiles that are used stay in memory
    learner = None if history is None else ComfortLearner(history, stream, stations_of_same_body(settings))
    stream.subscribe(lambda advice: set_comfort(stations, advice), ComfortAdvice)
    publishers = [DevicePublisher(each.name, each.all_roles, clock, stream, _elsewhere(each)) for each in stations]
    summaries = None if history is None else _summaries(stream, settings, history)
    uploader = build_uploader(settings, clock, stream, history, records)
    reminders = build_reminders(settings, clock, stream, history)
    pruner = build_pruner(settings, history)
    stash = None if history is None else StashKeeper(history)
    service = Service(
        stations,
        remote_raise=settings.limits.remote_raise == "allow",
        history=records,
        uploads=uploader,
        parts_clean=reminders.parts_clean if reminders is not None and settings.reminders.clean_parts else None,
        comfort=learner,
        stash=stash,
        epoch=epoch,
    )
    own_metrics = build_metrics(settings) if shared_metrics is None else None
    metrics = shared_metrics or own_metrics
    handle = service.handle if metrics is None else metrics.counted(service.handle)
    async with contextlib.AsyncExitStack() as stack:
        mqtt = settings.mqtt
        if mqtt.embedded:
            broker = await stack.enter_async_context(embedded_broker(mqtt.embedded_port))
            mqtt = mqtt.model_copy(update={"brokers": (broker,)})
            checked = mqtt.brokers  # no other controller can use it
        stack.push_async_callback(backlog.close)
        bridge, discovery = build_bridge(
            mqtt,
            stations,
            settings,
            routines,
            handle,
            backlog,
            me or this_process(mqtt.node, settings.stations),
            checked,
            leased=lease is not None,
            keeps_history=records is not None,
            may_connect=is_ours,
        )
        stream.subscribe(bridge.watch)
        if mqtt.publish_recent_sessions:
            recent = publish_recent_sessions(stream, settings.stations, records)
            await stack.enter_async_context(recent.following())
        stream.subscribe(discovery.watch, StartDefaults)
        await load_web(settings)
        web = build_web_server(
            settings,
            service,
            bridge,
            stream,
            routines,
            records,
            uploader,
            stash,
            saved=store is not None,
            tester=ServiceDeviceTester(service.stations, clock, stream, service.closing_refusal),
            setup=None if device_setup is None else device_setup(service),
            metrics=metrics,
        )
        limits = [] if web is None else [LimitsPublisher(each, clock, stream) for each in stations]
        server = None if own_metrics is None else build_metrics_server(settings, own_metrics, has_page=web is not None)
        if metrics is not None:
            snapshots = [each.snapshot for each in stations]
            stack.enter_context(
                metrics.followed(stream, snapshots, queues_of(bridge.outbox, history if lease is None else None))
            )
        yield App(
            service=service,
            bridge=bridge,
            publishers=publishers,
            scanner_watchdog=ScannerWatchdog(
                clock,
                radio,
                stream,
                in_contact=lambda: any(each.any_available for each in publishers),
                all_connected=lambda: all(each.all_connected for each in publishers),
                session_running=lambda: any(each.running for each in stations),
                power_cycle=settings.radio.power_cycle,
            ),
            stream=stream,
            clock=clock,
            broker=mqtt.brokers[0],
            bluetooth=any(device.model.bluetooth for station in stations for device in station.devices),
            web=web,
            metrics=server,
            more=[
                KeptRunning(each)
                for each in (recorder, summaries, learner, uploader, reminders, pruner, own_metrics, *limits)
                if each is not None
            ],
        )


async def _backlog(store: StateStore | None, history: HistoryStore | None, lease: Lease | None) -> Backlog:
    """Return where events wait for a broker. The history gets what only the store knows."""
    backlog = Backlog() if store is None else store.backlog
    if history is None:
        return backlog
    if store is not None:
        await carry_over(store, history)
    return RecordedBacklog(backlog, history) if lease is None else backlog  # in a fleet, that of the node


def _ownership(lease: Lease | None) -> tuple[int | None, Callable[[], bool]]:
    """Return the epoch of a lease, and whether its stations are certainly ours; at home they always are."""
    return (None, lambda: True) if lease is None else (lease.epoch, lambda: lease.held)


def _elsewhere(station: Station) -> list[str]:
    """Return the devices of a station that Bluetooth does not reach. They have one role, and its name is theirs."""
    return [device.name for device in station.devices if not device.model.bluetooth]


def _summaries(stream: Stream, settings: Settings, history: HistoryStore) -> SummaryPublisher:
    records = SessionRecords(history)
    return SummaryPublisher(stream, settings.stations, records, saved=history.write, clock=RealClock())


def check(settings: Settings, clock: Clock) -> None:
    """Check what only shows when a service is built from the settings. Raise `SetupError`."""
    catalog, radio = Catalog.load(*settings.profiles), Radio(clock)
    load_routines(*settings.routines)
    load_words(settings.language)
    serves_page(settings)
    check_metrics(settings)
    if settings.baby_buddy is not None:
        open_baby_buddy(settings.baby_buddy)
    for station in settings.stations.values():
        for device in station.devices:
            open_device(device, clock, radio, catalog, broker_access(settings.mqtt))


def with_broker(mqtt: MqttSettings, urls: list[str]) -> MqttSettings:
    """Return the settings with the brokers that a command line names instead. Raise `ValueError`."""
    return mqtt.model_copy(update={"brokers": tuple(BrokerUrl.parse(url) for url in urls)}) if urls else mqtt
