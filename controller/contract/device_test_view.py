"""The test of one device at its lowest setting: what it does step by step, and how an interface asks for one."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import Field

from controller.contract.cautions import Caution
from controller.contract.whole_number import IN_JSON
from controller.safety.message import KeyedMessage
from controller.safety.stopping import Stopped
from devices.roles import Frozen, MassagerReading, PumpReading, WarmerReading

DeviceTestState = Literal["running", "passed", "failed", "stopped"]

DeviceTestStepKind = Literal[
    "reads",
    "caution",
    "watched_only",
    "runs",
    "adjusted",
    "not_adjusted",
    "paused",
    "resumed",
    "did_not_run",
    "ended_early",
    "off",
    "interrupted",
    "stopped_again",
    "runs_again",
    "link_dropped",
    "link_loss",
    "waits",
    "own_timer",
    "no_own_timer",
    "not_tried",
    "pad_on",
    "pad_off",
    "pad_unknown",
    "lease_ended",
    "lease_not_ended",
]


OWN_TIMER_MINUTES = 30
"""How long a device is watched for its own timer, unless another time is given: many stop after 30 minutes."""


class DeviceTestStages(Frozen):
    """What a test tries beside the device's commands, only because it is asked for."""

    repeated_stop: bool = Field(False, description="Stop it twice more while it is off: it must stay off, and answer.")
    link_loss: bool = Field(False, description="Drop the link while it runs, and look whether it goes on.")
    own_timer_minutes: Annotated[int, Field(ge=1, le=60), IN_JSON] | None = Field(
        None, description="Let it run for up to so many minutes, and see when it stops by itself."
    )


class DeviceTestStep(Frozen):
    """One thing that a test did, and what came of it.

    `reads`, `runs`, `paused` and `resumed` have a reading; `off`, `interrupted` and `stopped_again` what the device
    confirmed; `link_loss` and `own_timer` the line that belongs into its profile. Of a plug, `pad_on`, `pad_off` and
    `pad_unknown`: whether what it feeds turns on with it; `lease_ended` and `lease_not_ended`: whether it switches
    itself off.
    """

    kind: DeviceTestStepKind = Field(description="What was done.")
    role: str = Field(description="The device, by the name of its role.")
    reading: PumpReading | WarmerReading | MassagerReading | None = Field(
        None, description="What the device reported then."
    )
    caution: Caution | None = Field(None, description="Of `caution`: what it cannot do.")
    why: KeyedMessage | None = Field(None, description="Why not, as a key of `reasons` in the language files.")
    detail: str | None = Field(None, description="The same technically, in English, for developers and logs.")
    stopped: Stopped | None = Field(None, description="What it confirmed when it was stopped.")
    profile_line: str | None = Field(None, description="What was found out, as the line to write into its profile.")
    seconds: float | None = Field(
        None, description="Of `waits`: what is left. Of what was found out: after how long it was seen."
    )


class DeviceTestView(Frozen):
    """A test of one device: the latest at a station."""

    station: str = Field(description="The station.")
    device: str = Field(description="The device, as named in the settings.")
    state: DeviceTestState = Field(description="`passed` and `failed`: it ran to its end; `stopped`: it was ended.")
    steps: tuple[DeviceTestStep, ...] = Field((), description="What it did so far.")


class DeviceTester(Protocol):
    """Tests the devices of the running service."""

    def start(self, station: str, device: str, stages: DeviceTestStages) -> KeyedMessage | None:
        """Start the test of a device, or return why not. Its steps come through the stream; a stop ends it."""
