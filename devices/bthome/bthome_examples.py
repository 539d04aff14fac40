"""Try the examples of a BTHome model: does each mean what the file says, and which values have none?"""

from __future__ import annotations

from devices.bthome.bthome_model import BthomeExample, BthomeModel, values_of
from devices.bthome.packet import decode
from devices.bthome.presses import event_in
from devices.driver.example_check import DROPPED, ExampleCheck, by_part, compared
from devices.driver.vocabulary import Value


def check_examples(model: BthomeModel) -> list[ExampleCheck]:
    """Return what the examples show of each value that the device sends."""
    tried = (_tried(model, each) for each in model.examples)
    return by_part((f"bthome.{name}" for name in sorted(model.reported)), ("examples",), tried)


def _tried(model: BthomeModel, example: BthomeExample) -> tuple[tuple[str, ...], str, str, str | None]:
    found = _meaning(model, example.receive)
    if found is None:
        return (DROPPED,), "no BTHome" if not example.means else "BTHome", "no BTHome", example.seen_in
    parts = tuple(f"bthome.{name}" for name in found) or ("examples",)
    return parts, *compared(example.means, found), example.seen_in


def _meaning(model: BthomeModel, data: bytes) -> dict[str, Value] | None:
    packet = decode(data, "")
    if packet is None:
        return None
    return values_of(event_in(packet), packet, model.bthome)
