"""Captures and labels for tests, without any radio: what an app wrote, what its device answered, what was pressed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from devices.capture.conversation import CapturedCharacteristic, CapturedConnection, CapturedDevice, GattMessage
from devices.capture.labels import LabeledAction, Labels

BEGAN = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)
WRITTEN, NOTIFIED = 0x10, 0x12
_SERVICE = "0000ffe0-0000-1000-8000-00805f9b34fb"
_UUIDS = {WRITTEN: "0000ffe1-0000-1000-8000-00805f9b34fb", NOTIFIED: "0000ffe2-0000-1000-8000-00805f9b34fb"}
_PROPERTIES = {WRITTEN: frozenset({"write-without-response"}), NOTIFIED: frozenset({"notify"})}


def made_device(written: Iterable[tuple[float, bytes]], notified: Iterable[tuple[float, bytes]]) -> CapturedDevice:
    """Return a device in a capture of one connection. Times are seconds since the labels began."""
    began = BEGAN.timestamp()
    messages = [GattMessage(began + at, "write-without-response", WRITTEN, value) for at, value in written]
    messages += [GattMessage(began + at, "notify", NOTIFIED, value) for at, value in notified]
    messages.sort(key=lambda message: message.at_seconds)
    connection = CapturedConnection(1, began, began + 1000, tuple(messages), 247)
    characteristics = {
        handle: CapturedCharacteristic(handle, uuid, _SERVICE, _PROPERTIES[handle]) for handle, uuid in _UUIDS.items()
    }
    return CapturedDevice("C0:00:00:00:00:01", "Made up", (connection,), characteristics)


def made_labels(actions: Iterable[tuple[float, Mapping[str, Any]]]) -> Labels:
    """Return labels of a pump's app: seconds since the recording began, what was done, and its values."""
    return Labels(
        role="pump",
        began=BEGAN,
        app="an app of a test",
        actions=tuple(LabeledAction.model_validate({"at_seconds": at, **action}) for at, action in actions),
    )
