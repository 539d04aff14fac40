"""The model file of a kind of plug: a section `plug`, and examples of its messages. Data only."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Literal

from pydantic import Field

from devices.driver.device_model import NOT_ADVERTISED, DeviceModel, Match
from devices.driver.vocabulary import Value
from devices.roles import Frozen
from devices.support.file_error import Misfits

KindName = Literal["shelly", "zigbee2mqtt", "tasmota"]


class PlugExample(Frozen):
    """What is published for a command, or what a message means.

    `send`: `on`, `renew` or `off`; it is published as `publishes`, topic by topic, with a timer of `seconds`.
    `receive`: a topic and its payload, which means `means`. `seen_in`: the publication that has it.
    """

    send: Literal["on", "renew", "off"] | None = None
    seconds: int = 60
    publishes: tuple[tuple[str, str], ...] = ()
    receive: tuple[str, str] | None = None
    retained: bool = False
    means: Mapping[str, Value] = Field(default_factory=dict)
    seen_in: str | None = None


class PlugSpec(Frozen):
    """Which kind of plug it is. `examples` are checked with `topic`."""

    kind: KindName
    topic: str
    examples: tuple[PlugExample, ...] = ()


class PlugModel(DeviceModel):
    """One kind of plug, under a pad that is on or off. Its own timer is the lease."""

    match: Match = NOT_ADVERTISED
    plug: PlugSpec

    @property
    def bluetooth(self) -> bool:
        """It is reached through a broker."""
        return False

    @property
    def feeds_another(self) -> bool:
        """The pad is another device, with a switch of its own."""
        return True

    @property
    def verbs(self) -> Set[str]:
        """It is switched on and off, and its timer is restarted."""
        return {"set_target", "off", "renew"}

    @property
    def reported(self) -> frozenset[str]:
        """Its relay, its timer, and what it measures, if it does."""
        return frozenset({"run_state", "remaining_seconds", "power_w"})

    @property
    def regular(self) -> frozenset[str]:
        """Its relay: it is asked for it."""
        return frozenset({"run_state"})

    def carried_by(self, verb: str) -> frozenset[str]:
        """Return what a verb sends: no temperature."""
        return frozenset({"set_target": {"on", "lease_seconds"}, "renew": {"lease_seconds"}}.get(verb, ()))

    def least(self, verb: str, setting: str, *, above_zero: bool) -> float | None:  # noqa: ARG002 - it has no settings
        """Return `None`: it has no settings."""
        return None

    def problems(self) -> Misfits:
        """Yield what does not fit: a plug is a warm compress, and nothing else."""
        yield from super().problems()
        if self.roles != ("warmer",):
            yield "roles", "a plug can only be a warmer: it is on or off"
