"""A node of a fleet as a process: its disk, the cluster, and a bridge that speaks for the node itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from controller.assembly.extras import SetupError
from controller.assembly.metrics_building import build_metrics, build_metrics_server, queues_of
from controller.cluster.cluster_connection import connected
from controller.cluster.cluster_error import ClusterError
from controller.contract.words import load_words
from controller.fleet.announcing import Announcing
from controller.fleet.fleet_units import units_of
from controller.fleet.node import Node
from controller.fleet.node_journal import NodeJournal
from controller.fleet.served_unit import NodeParts
from controller.history.carry_over import carry_over
from controller.history.history_store import HistoryStore
from controller.history.recorded_backlog import RecordedBacklog
from controller.journal.store import Store
from controller.mqtt.backlog import Backlog
from controller.mqtt.bridge import Bridge
from controller.mqtt.topics import Topics
from controller.service.kept_running import KeptRunning
from controller.service.service import BackgroundService
from controller.settings import Settings
from devices.bluetooth.radio import Radio
from devices.profiles.catalog import Catalog
from devices.support.clock import Clock, RealClock

if TYPE_CHECKING:
    from controller.metrics.controller_metrics import ControllerMetrics


async def run_node(settings: Settings, clock: Clock, radio: Radio, ready: Callable[[], None]) -> None:
    """Run a node until cancelled, and call `ready` when it is in the fleet. Raise `SetupError` or `ClusterError`."""
    if settings.fleet is None:
        raise SetupError("this controller belongs to no fleet: add the section fleet to its settings")
    name = settings.mqtt.node
    if name in units_of(settings):
        raise SetupError(f"the node {name} has the name of a station: give it another one in mqtt.node")
    # In a thread: on a busy machine it takes longer than the event loop may hang.
    catalog = await asyncio.to_thread(Catalog.load, *settings.profiles)
    async with (
        Store.opened(settings.store.file) as store,
        HistoryStore.opened(settings.store.history_file, settings.history.database(), journal=store.settle) as history,
        connected(settings.fleet, name) as cluster,
        contextlib.AsyncExitStack() as stack,
    ):
        await carry_over(store, history)
        backlog = RecordedBacklog(store.backlog, history)
        stack.push_async_callback(backlog.close)
        bridge = _bridge(settings, backlog)
        journal = NodeJournal(store, history, load_words(settings.language), bridge.watch)
        for station in tuple(store.under_way):  # sessions of an earlier process
            journal.end_cut_off(station)
        metrics = build_metrics(settings)
        if metrics is not None:  # what is kept once, for all units, and what they leave
            stack.enter_context(metrics.measured(queues_of(bridge.outbox, history)))
        parts = NodeParts(
            settings,
            catalog,
            clock,
            radio,
            cluster,
            history,
            journal=journal,
            backlog=backlog,
            deliver=bridge.watch,
            metrics=metrics,
        )
        node = Node(name, parts, RealClock())
        ready()
        serving = asyncio.create_task(node.run(), name=f"node {name}")
        bridging = asyncio.create_task(bridge.run(), name="bridge of the node")
        announcing = asyncio.create_task(Announcing(node, cluster).run(), name="announcing the node")
        watching = [asyncio.create_task(KeptRunning(each).run()) for each in _watchers_of(settings, metrics)]
        tasks = (serving, *watching, announcing, bridging)
        try:
            first: set[asyncio.Future[Any]] = {*tasks, cluster.ended}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if cluster.ended.done():
                raise ClusterError(f"the cluster has ended the connection for good: {cluster.ended.result()}")
            for task in tasks:
                if task.done():
                    task.result()  # it only ends with an error
        finally:
            for task in tasks:  # what the units leave, the bridge may still deliver
                task.cancel()
                await asyncio.wait({task})


def _bridge(settings: Settings, backlog: Backlog) -> Bridge:
    """Return the bridge of the node itself: whether it is online, and events that no unit delivers any more."""
    topics = Topics(settings.mqtt.base_topic, settings.mqtt.node)
    return Bridge(settings.mqtt, topics, {}, backlog=backlog)


def _watchers_of(settings: Settings, metrics: ControllerMetrics | None) -> list[BackgroundService]:
    """Return what the metrics of the node run, where the settings ask for them."""
    if metrics is None:
        return []
    server = build_metrics_server(settings, metrics, has_page=False)
    return [metrics] if server is None else [metrics, server]
