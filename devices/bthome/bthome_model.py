"""A BTHome device model: which of the format's values it sends, and for how long it may be silent."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Literal

from pydantic import Field

from devices.bthome.packet import BthomePacket
from devices.driver.device_model import DeviceModel
from devices.driver.vocabulary import HexBytes, Name, Value
from devices.roles import Frozen, PressEvent
from devices.support.file_error import Misfits

_DAY_SECONDS = 86_400.0


class BthomeSpec(Frozen):
    """`sends`: what an owner gets to see of it. `temperature`: the name of the value that its temperature is.

    `silent_seconds`: it counts as gone without an advertisement for so long. Most buttons send none until they
    are pressed.
    """

    sends: tuple[Literal["press", "battery"], ...] = ()
    temperature: Name | None = None
    silent_seconds: float = Field(_DAY_SECONDS, ge=10, le=7 * _DAY_SECONDS)


class BthomeExample(Frozen):
    """Service data, and what it means: as values by name. `seen_in`: where these bytes are published."""

    receive: HexBytes
    means: Mapping[str, Value]
    seen_in: str | None = None


_VALUE_OF = {"press": "last_press", "battery": "battery_percent"}


class BthomeModel(DeviceModel):
    """A model that only advertises. It has no verbs."""

    bthome: BthomeSpec
    examples: tuple[BthomeExample, ...] = ()

    @property
    def verbs(self) -> Set[str]:
        """None: it takes no command."""
        return frozenset()

    @property
    def reported(self) -> frozenset[str]:
        """The names of the values that it sends."""
        names = {_VALUE_OF[each] for each in self.bthome.sends}
        return frozenset(names | ({self.bthome.temperature} if self.bthome.temperature else set()))

    @property
    def regular(self) -> frozenset[str]:
        """None: a device that saves its battery is silent for minutes, and a button until it is pressed."""
        return frozenset()

    def carried_by(self, verb: str) -> frozenset[str]:  # noqa: ARG002 - it has no verbs
        """Return nothing: it takes no command."""
        return frozenset()

    def least(self, verb: str, setting: str, *, above_zero: bool) -> float | None:  # noqa: ARG002 - it has no verbs
        """Return `None`: it takes no command."""
        return None

    def problems(self) -> Misfits:
        """Yield what does not fit together."""
        yield from super().problems()
        if self.energy_roles:
            yield "roles", "a BTHome device only advertises: it can be no device that is started"
        if "thermometer" in self.roles and self.bthome.temperature != "celsius":
            yield "bthome.temperature", "a thermometer sends its temperature: add temperature: celsius"
        if "button" in self.roles and "press" not in self.bthome.sends:
            yield "bthome.sends", "a button sends its presses: add press"


def values_of(event: PressEvent | None, packet: BthomePacket, spec: BthomeSpec) -> dict[str, Value]:
    """Return a press and the other values of a packet by name: only those that the model sends."""
    found: dict[str, Value] = {}
    celsius = next(iter(packet.temperatures_celsius), None)
    if event is not None and "press" in spec.sends:
        found["last_press"] = event.value
    if packet.battery_percent is not None and "battery" in spec.sends:
        found["battery_percent"] = packet.battery_percent
    if celsius is not None and spec.temperature is not None:
        found[spec.temperature] = celsius
    return found
