"""All checks of the doctor, in the order in which they depend on each other, and those of brokers."""

from __future__ import annotations

from pathlib import Path

import aiomqtt

from controller.doctor.baby_buddy_checks import baby_buddy
from controller.doctor.bluetooth_checks import bluetooth
from controller.doctor.check_result import CheckResult, note, ok, problem_of
from controller.doctor.file_checks import settings_file, store
from controller.doctor.history_checks import history
from controller.doctor.installation_check import installation
from controller.doctor.machine_checks import clock, versions
from controller.doctor.page_checks import web_page
from controller.doctor.plug_checks import plugs
from controller.mqtt.broker_login import CredentialsError
from controller.mqtt.connection import connection, explain, may_need_mqtt_3
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.settings import Settings

_V5, _V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311


async def examine(settings: Settings, seconds: float, file: Path | None = None) -> list[CheckResult]:
    """Run all checks, scanning for `seconds`. Changes nothing, and starts no device. `file`: the settings file."""
    stored, service_runs = await store(settings.store.file)
    return [
        versions(),
        installation(),
        *([] if file is None else [await settings_file(file)]),
        *await bluetooth(settings, service_runs=service_runs, seconds=seconds),
        *await brokers(settings.mqtt),
        *await plugs(settings),
        *await baby_buddy(settings),
        *await web_page(settings, service_runs=service_runs),
        stored,
        await _history(settings, service_runs=service_runs),
        await clock(),
    ]


async def _history(settings: Settings, *, service_runs: bool) -> CheckResult:
    path, database = settings.store.history_file, settings.history.database()
    alone = settings.stations if settings.fleet is None else ()
    return await history(path, database, service_runs=service_runs, alone=alone)


async def brokers(settings: MqttSettings) -> list[CheckResult]:
    """Check each configured broker, by connecting to it as the service would."""
    if settings.embedded:
        message = f"none is configured: the service runs its own, at mqtt://127.0.0.1:{settings.embedded_port}"
        return [note("broker", message, "name yours in mqtt.brokers, for Home Assistant for example")]
    return [await _connect(broker, settings) for broker in settings.brokers]


async def _connect(broker: BrokerUrl, settings: MqttSettings) -> CheckResult:
    for protocol in (_V5, _V311):
        try:
            # With a client identifier of its own: the same one would disconnect the service.
            async with connection(broker, settings, identifier=f"letdown-{settings.node}-doctor", protocol=protocol):
                return ok("broker", f"{broker} answers, in MQTT {'5' if protocol is _V5 else '3.1.1'}")
        except (aiomqtt.MqttError, OSError, CredentialsError) as error:
            if protocol is _V5 and may_need_mqtt_3(error):
                continue
            return problem_of("broker", explain(broker, error, username=broker.username or settings.username))
    raise AssertionError("the last protocol returns")
