"""Tests a device of the running service, once a person has confirmed that it is off the body.

The test belongs to the body: no session starts meanwhile, and whatever stops the body ends it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from controller.contract.device_test_view import DeviceTestStages, DeviceTestState, DeviceTestStep, DeviceTestView
from controller.contract.stream import Stream
from controller.safety.message import KeyedMessage, message
from controller.service.role_test import describe, try_role
from controller.service.station import Station
from devices.driver.device_roles import DeviceRole
from devices.roles import Capability
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)


class ServiceDeviceTester:
    """Starts tests, and publishes each step. `closing()`: why nothing starts any more, or `None`."""

    def __init__(
        self,
        stations: Mapping[str, Station],
        clock: Clock,
        stream: Stream,
        closing: Callable[[], KeyedMessage | None],
    ) -> None:
        self._stations = stations
        self._clock = clock
        self._stream = stream
        self._closing = closing

    def start(self, station: str, device: str, stages: DeviceTestStages | None = None) -> KeyedMessage | None:
        """Start the test of a device, or return why not."""
        found = self._stations.get(station)
        roles = [] if found is None else _named(found, device)
        if found is None or not roles:
            return message("no_such_device", device=device[:64])
        if (reason := self._refusal(found, roles)) is not None:
            return reason
        view = DeviceTestView(station=station, device=device, state="running")
        self._stream.publish(view)
        found.body.start_test(self._run(found, roles, view, stages or DeviceTestStages()))
        found.publish_safety()
        return None

    def _refusal(self, station: Station, roles: list[DeviceRole]) -> KeyedMessage | None:
        if (closing := self._closing()) is not None:
            return closing
        if (refused := station.idle_refusal()) is not None:
            return refused.message
        if not all(role.connected for role in roles):
            return message("device_not_connected", device=roles[0].name)
        return None

    async def _run(
        self, station: Station, roles: list[DeviceRole], view: DeviceTestView, stages: DeviceTestStages
    ) -> None:
        body, steps = station.body, list(view.steps)

        def publish(state: DeviceTestState) -> None:
            self._stream.publish(view.model_copy(update={"steps": tuple(steps), "state": state}))

        def report(step: DeviceTestStep) -> None:
            if steps and steps[-1].kind == step.kind == "waits":  # the countdown is one line
                steps.pop()
            steps.append(step)
            publish("running")

        _LOGGER.info("the test of %s starts", view.device)
        state: DeviceTestState = "failed"
        try:
            went_well = True
            for role in roles:
                describe(role, report)
                if Capability.START not in role.capabilities:
                    report(DeviceTestStep(kind="watched_only", role=role.name))
                elif not await try_role(role, body.guard, self._clock, report, body.answers.symptoms, stages):
                    went_well = False
                    break
            state = "passed" if went_well else "failed"
            if went_well:
                body.guard.release_hold()
        except asyncio.CancelledError:
            state = "stopped"
            raise
        except Exception:
            _LOGGER.exception("the test of %s failed", view.device)
            await body.guard.stop_all()
        finally:
            _LOGGER.info("the test of %s: %s", view.device, state)
            publish(state)


def _named(station: Station, device: str) -> list[DeviceRole]:
    """Return the role of that name, or all roles of a device of that name."""
    return [each for each in station.roles if each.name == device] or [
        each for each in station.roles if each.device_name == device
    ]
