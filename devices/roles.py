"""The roles a device can have, what they are asked to do, and what they report.

Units are in names: mmHg are millimetres of mercury below ambient, cpm are cycles a minute. `None` in a reading means
*unknown*: the device never reported it. Nothing here is made up on a device's behalf.
Every call that puts energy into a body takes a duration; there is no untimed one. `Role` are the three roles that do;
a `Scale` only measures, and a `Button` only reports that it was pressed; so does a thermometer, see `sensor_roles`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict


class Side(StrEnum):
    """Which breast."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"

    def covers(self, other: Side) -> bool:
        """Return whether a device for this side serves any part of `other`."""
        return Side.BOTH in (self, other) or self is other


class Phase(StrEnum):
    """What a pump's cycle is for: fast and light until let-down, slow and stronger after it."""

    STIMULATION = "stimulation"
    EXPRESSION = "expression"


class Capability(StrEnum):
    """Something a device can do or report. What is not listed, it cannot, and the routine adapts."""

    START = "start"
    PAUSE = "pause"
    PHASE = "phase"
    VACUUM_MMHG = "vacuum_mmhg"
    LEVELS = "levels"
    RATE_CPM = "rate_cpm"
    TARGET_CELSIUS = "target_celsius"
    INTENSITY = "intensity"
    SIDES = "sides"
    REPORTS_STATE = "reports_state"
    REPORTS_VACUUM = "reports_vacuum"
    REPORTS_LET_DOWN = "reports_let_down"
    REPORTS_FLOW = "reports_flow"
    REPORTS_VOLUME = "reports_volume"
    COUNTS_EACH_RUN = "counts_each_run"
    REPORTS_TEMPERATURE = "reports_temperature"
    REPORTS_BATTERY = "reports_battery"
    REPORTS_WEIGHT = "reports_weight"
    REPORTS_PRESSES = "reports_presses"
    REPORTS_POWER = "reports_power"
    TARE = "tare"
    LEASE = "lease"
    OWN_TIMER = "own_timer"
    STOPS_ON_LINK_LOSS = "stops_on_link_loss"
    REPORTS_REGULARLY = "reports_regularly"


class RunState(StrEnum):
    """What a device reports that it is doing."""

    UNKNOWN = "unknown"
    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"
    FAULT = "fault"


class LinkState(StrEnum):
    """The state of the connection to a device. `heard`: of a device that only advertises: it is received."""

    SEARCHING = "searching"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    HEARD = "heard"
    LOST = "lost"
    CLOSED = "closed"


# Marks what is part of a person's health record. It is in the schemas, too: `mqtt.publish: minimal` leaves it out.
HEALTH_RECORD: JsonDict = {"x-health-record": True}


class Frozen(BaseModel):
    """A value: immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PumpSetting(Frozen):
    """How a pump is to run: `vacuum_mmhg` (the peak of a cycle) or `level` (its own scale), and cycles per minute."""

    phase: Phase
    vacuum_mmhg: float | None = Field(None, ge=0)
    level: int | None = Field(None, ge=0)
    rate_cpm: float | None = Field(None, gt=0)
    side: Side = Side.BOTH


class DeviceLimits(Frozen):
    """The most a device can do, by its profile or its own report; `None` where it is not published.

    `least_…` is the least it can be set to: it cannot do anything weaker than that but stop. `None` where it is
    not published, or where it can be set down to 0.
    """

    vacuum_mmhg: float | None = None
    rate_cpm: float | None = None
    level: int | None = None
    celsius: float | None = None
    run_seconds: float | None = None
    least_vacuum_mmhg: float | None = None
    least_level: int | None = None
    least_celsius: float | None = None
    least_intensity: float | None = None


class Reading(Frozen):
    """What is known of any device; `None` and `unknown`: it never reported it."""

    run_state: RunState = Field(RunState.UNKNOWN, description="What the device itself reports, never a guess.")
    battery_percent: float | None = Field(None, description="The charge of its battery.")
    remaining_seconds: float | None = Field(None, description="Until its own timer ends.")
    fault: str | None = Field(None, description="A fault that it reports.")


class PumpReading(Reading):
    """What is known of a pump."""

    phase: Phase | None = Field(None, description="The phase that it runs.", json_schema_extra=HEALTH_RECORD)
    target_vacuum_mmhg: float | None = Field(None, description="What it is set to.")
    vacuum_mmhg: float | None = Field(None, description="The vacuum now; it rises and falls with each cycle.")
    peak_vacuum_mmhg: float | None = Field(None, description="The highest of the latest cycles.")
    residual_vacuum_mmhg: float | None = Field(None, description="The lowest of the latest cycles.")
    rate_cpm: float | None = Field(None, description="The cycle rate.", json_schema_extra=HEALTH_RECORD)
    level: int | None = Field(None, description="Its own level.")
    flow_ml_per_s: float | None = Field(None, description="The flow of milk.", json_schema_extra=HEALTH_RECORD)
    volume_ml: float | None = Field(
        None,
        description="Its own counter. With the capability `counts_each_run` it begins at 0 with each run; else it is "
        "not known when it does.",
        json_schema_extra=HEALTH_RECORD,
    )
    let_down: bool | None = Field(
        None, description="Whether it has noticed the let-down.", json_schema_extra=HEALTH_RECORD
    )


class WarmerReading(Reading):
    """What is known of a warm compress."""

    target_celsius: float | None = Field(None, description="What it is set to.")
    surface_celsius: float | None = Field(None, description="As the compress measures it.")
    power_w: float | None = Field(None, description="What it draws, as a plug measures it.")


class MassagerReading(Reading):
    """What is known of a massager."""

    intensity: float | None = Field(None, description="From 0 to 1, of what the device can do.")


class ScaleReading(Reading):
    """What is known of a scale."""

    weight_g: float | None = Field(
        None, description="The weight on it since it was set to zero, below 0 too.", json_schema_extra=HEALTH_RECORD
    )
    flow_g_per_s: float | None = Field(
        None, description="How fast the weight changes, as the scale works it out.", json_schema_extra=HEALTH_RECORD
    )
    stable: bool | None = Field(None, description="Whether the scale takes the weight for steady.")


class PressEvent(StrEnum):
    """How a button was pressed. `unknown`: it was, or may have been, in an unknown way."""

    PRESS = "press"
    DOUBLE_PRESS = "double_press"
    TRIPLE_PRESS = "triple_press"
    LONG_PRESS = "long_press"
    LONG_DOUBLE_PRESS = "long_double_press"
    LONG_TRIPLE_PRESS = "long_triple_press"
    HOLD = "hold"
    UNKNOWN = "unknown"


class PressMeaning(StrEnum):
    """What a press can mean. There is nothing here that starts or raises anything, and there must never be."""

    STOP = "stop"
    PAIN = "pain"
    LET_DOWN = "let_down"


# verified: encrypted with the owner's key, and newer than all before; plain: not encrypted, of a button without a key;
# repeated: received before, or older than what was, or the first one; unverified: not encrypted, though there
# is a key; unreadable: encrypted, and not with the key that is known here
PressTrust = Literal["verified", "plain", "repeated", "unverified", "unreadable"]


class ButtonPress(Frozen):
    """One press. `meaning`: what it may do, which is less than the owner chose where it cannot be trusted."""

    event: PressEvent
    meaning: PressMeaning
    trust: PressTrust


class ButtonReading(Reading):
    """What is known of a button."""

    last_press: PressEvent | None = Field(None, description="How it was pressed last.")


class Device(Protocol):
    """What all roles share, those that only measure included."""

    @property
    def name(self) -> str:
        """The owner's name for the device."""

    @property
    def side(self) -> Side:
        """The breast it serves."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do and report."""

    @property
    def device_name(self) -> str:
        """The owner's name for the whole device, which may have several roles with names of their own."""

    @property
    def model_id(self) -> str:
        """The id of the device's model, such as `open-pump`: the name of its profile."""

    @property
    def model_name(self) -> str:
        """The device's model as its maker calls it."""

    @property
    def confidence(self) -> Literal["verified", "unverified"]:
        """Whether somebody has tried the model's profile on real hardware."""

    @property
    def link_state(self) -> LinkState:
        """Where the connection to the device stands."""

    @property
    def link_problem(self) -> str | None:
        """Why the last attempt to connect failed, or the last connection ended; `None` while it is connected."""

    @property
    def address(self) -> str | None:
        """The Bluetooth address of the device that is connected or was last seen; `None` before that."""

    @property
    def rssi_dbm(self) -> int | None:
        """How well it was received when it was connected, in dBm; `None` while it is not connected."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection now; the values may still be old."""

    @property
    def age_seconds(self) -> float | None:
        """How old the oldest value is that must stay fresh now; `None` if it was never reported.

        What a device measures must stay fresh while it runs.
        """

    def updated_at_seconds(self, name: str) -> float | None:
        """Return when the device last reported a value of its reading, by the clock; `None` where it is not known."""

    def reports_at_rest(self, name: str) -> bool:
        """Return whether it has reported a value while off: then a missing report does not mean that it is off."""

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` on every reading and every change of the link; the result unsubscribes."""


class EnergyDevice(Device, Protocol):
    """What the roles share that put energy into a body. `stop` may be called at any time, by anyone."""

    @property
    def can_stop(self) -> bool:
        """Whether a stop can be sent: it has a command for it, and may be controlled."""

    @property
    def limits(self) -> DeviceLimits:
        """The most and the least it can do."""

    @property
    def on_link_loss(self) -> Literal["stops", "continues", "unknown"]:
        """What it does by itself when the link is lost, as far as is known."""

    @property
    def max_level(self) -> int | None:
        """The highest level that the owner allows for a device with unmeasured levels; `None`: not set."""

    async def renew(self, lease_seconds: float) -> None:
        """Let a running device run for `lease_seconds` more; without it, a device with a lease stops by itself."""

    def assume_running(self) -> None:
        """Take it for running, as after a crash: it is stopped when it is connected, before anything else."""

    async def stop(self) -> None:
        """Stop at once, ahead of any other command, and confirm by reading back.

        Raise `UncertainError` when the device did not confirm within 2 s, `LinkLostError` when it cannot be reached.
        """


class Pump(EnergyDevice, Protocol):
    """Suction on one breast or both. Its verbs raise `DeviceError`; after `UncertainError` it may have acted."""

    role: Literal["pump"]

    @property
    def reading(self) -> PumpReading:
        """The latest known values."""

    async def start(self, setting: PumpSetting, duration_seconds: float, lease_seconds: float) -> None:
        """Run with `setting` for at most `duration_seconds`; with a lease, for `lease_seconds` unless it is renewed."""

    async def adjust(self, setting: PumpSetting, duration_seconds: float) -> None:
        """Change a running pump, which then runs for at most `duration_seconds` more."""

    async def pause(self) -> None:
        """Release the vacuum, and stay ready."""

    async def resume(self) -> None:
        """Go on after `pause`."""


class Warmer(EnergyDevice, Protocol):
    """A warm compress. Its verbs raise `DeviceError`; after `UncertainError` it may have acted."""

    role: Literal["warmer"]

    @property
    def reading(self) -> WarmerReading:
        """The latest known values."""

    async def set_target(self, celsius: float, duration_seconds: float, lease_seconds: float) -> None:
        """Warm to `celsius` (°C) for at most `duration_seconds`; with a lease, as `Pump.start`."""


class Massager(EnergyDevice, Protocol):
    """A vibrating massager. Its verbs raise `DeviceError`; after `UncertainError` it may have acted."""

    role: Literal["massager"]

    @property
    def reading(self) -> MassagerReading:
        """The latest known values."""

    async def run(self, intensity: float, duration_seconds: float, lease_seconds: float, side: Side) -> None:
        """Vibrate at `intensity` (0 to 1) for at most `duration_seconds`; with a lease, as `Pump.start`."""


class Scale(Device, Protocol):
    """A scale under a bottle. It measures, and puts no energy into anybody: it has no verb that could."""

    role: Literal["scale"]

    @property
    def reading(self) -> ScaleReading:
        """The latest known values."""

    async def tare(self) -> None:
        """Ask the scale to call the weight on it 0. Raise `RefusedError`, `UncertainError` or `LinkLostError`."""


class Button(Device, Protocol):
    """A button that reports when it is pressed. A press can be missed. It takes no commands."""

    role: Literal["button"]

    @property
    def reading(self) -> ButtonReading:
        """The latest known values."""

    def on_press(self, callback: Callable[[ButtonPress], None]) -> Callable[[], None]:
        """Call `callback` with every press, at once; the result unsubscribes."""


Role = Pump | Warmer | Massager
