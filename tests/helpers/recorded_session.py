"""A whole session and what else may happen, as JSON by the name of the message: what a client receives."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from controller.contract.comfort import ComfortAdvice
from controller.contract.commands import BadCommandError, parse_command
from controller.contract.events import DeviceView, Event, Guide, Item, ScannerHealth, Snapshot, StartDefaults, Telemetry
from controller.contract.recent_sessions import RecentSessions
from controller.contract.reminders import Reminders
from controller.contract.uploads import UploadSummary
from controller.history.recent_sessions_publisher import RecentSessionsPublisher
from controller.history.reminders.reminder_publisher import ReminderPublisher
from controller.history.reminders.reminder_settings import ReminderSettings
from controller.mqtt.message_examples import COMFORT, UPLOADS
from tests.helpers.histories import temporary_history
from tests.helpers.home import COMFORTABLE, RunningHome, running_home

MESSAGES: dict[type[Any], str] = {
    Snapshot: "state",
    Guide: "guide",
    StartDefaults: "start_defaults",
    Event: "event",
    DeviceView: "device_state",
    Telemetry: "device_telemetry",
    RecentSessions: "recent_sessions",
    Reminders: "reminders",
    UploadSummary: "uploads",
    ComfortAdvice: "learned_comfort",
}

Message = tuple[str, Any]

REMINDED = ReminderSettings(next_session_after_hours=3, clean_parts=True, battery_below_percent=99)


class Recording:
    """Messages in the order in which they came, by name."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def watch(self, item: Item) -> None:
        if not isinstance(item, ScannerHealth):  # plain text
            self.add(MESSAGES[type(item)], item)

    def add(self, name: str, model: BaseModel) -> None:
        self.messages.append((name, json.loads(model.model_dump_json(fallback=str))))

    def of(self, name: str) -> list[Any]:
        return [payload for each, payload in self.messages if each == name]


async def record_everything() -> Recording:
    """Record a session to its end, refusals, limits, a pause, a lost link and its trip, pain, and use by hand."""
    recording = Recording()
    owner = COMFORTABLE.model_copy(update={"vibration": True})
    async with (
        temporary_history() as history,
        running_home(owner=owner, parent=True, serve=True, coarse=True, history=history) as house,
    ):
        house.stream.subscribe(recording.watch)
        house.stream.subscribe(RecentSessionsPublisher(house.stream, [], None).watch, Event)
        reminders = ReminderPublisher(
            REMINDED,
            [house.station.name],
            clock=house.clock,
            stream=house.stream,
            words=house.words,
            now=lambda: datetime.now(UTC) + timedelta(hours=4),
        )
        house.stream.subscribe(reminders.watch, Event, Snapshot, DeviceView)
        house.stream.publish(UPLOADS)
        house.stream.publish(COMFORT)

        async def send(action: str, **args: Any) -> None:
            recording.add("reply", await house.send(action, **args))

        await send("set_start_defaults", routine="everything", comfort_vacuum_mmhg=100)
        await send("resume")  # refused
        await send("start")
        await send("start")  # refused
        await _to_step(house, "express")
        await send("vacuum_up")  # limited
        await send("vacuum_down")
        await send("pause")
        await house.elapse(2)
        await send("resume")
        await house.elapse(40)
        await send("skip")
        await house.finished()
        with house.clock.held():  # writing to a disk takes real time
            await send("log_volume", left_ml=60)
            await send("edit_session", session_id="latest", note="a calm one")

        reminders.remind()
        house.home.massager.press_on(0.2)
        await house.elapse(3)
        house.press_button("massager")
        await house.elapse(3)

        await send("start", routine="milk", no_symptoms=True)
        await _to_step(house, "stimulate")
        await house.elapse(40)
        house.change_values("left-pump", vacuum_mmhg=320.0)
        await house.finished(within_seconds=60)
        house.change_values("left-pump", vacuum_mmhg=0.0)
        await house.elapse(5)
        await send("acknowledge")

        await send("start", routine="milk", side="right", no_symptoms=True)
        await _to_step(house, "stimulate")
        await house.elapse(40)
        await send("pain")
        await house.finished(within_seconds=60)
        try:
            parse_command(b'{"id": "1", "action": "shout"}')
        except BadCommandError as error:
            recording.add("reply", error.reply)
    return recording


async def _to_step(house: RunningHome, step: str) -> None:
    """Wait for a step, as it comes by itself."""
    async with house.clock.timeout(900):
        while house.recorded.snapshot.step != step:
            await house.elapse(1)
