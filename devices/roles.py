"""The three roles a device can have, what they are asked to do, and what they report.

Units stand in names: mmHg are millimetres of mercury below ambient, cpm are cycles a minute. `None` in a reading means
*unknown*: the device never said. Nothing here is made up on a device's behalf.
Every call that puts energy into a body takes a duration; there is no untimed one.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field


class Side(StrEnum):
    """Which breast."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"

    def covers(self, other: Side) -> bool:
        """Say whether a device for this side serves any part of `other`."""
        return Side.BOTH in (self, other) or self is other


class Phase(StrEnum):
    """What a pump's cycle is for: fast and light until let-down, slow and stronger after it."""

    STIMULATION = "stimulation"
    EXPRESSION = "expression"


class Capability(StrEnum):
    """Something a device can do or tell. What is not listed, it cannot, and the routine adapts."""

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
    LEASE = "lease"
    OWN_TIMER = "own_timer"
    STOPS_ON_LINK_LOSS = "stops_on_link_loss"
    REPORTS_REGULARLY = "reports_regularly"


class RunState(StrEnum):
    """What a device says it is doing."""

    UNKNOWN = "unknown"
    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"
    FAULT = "fault"


class Frozen(BaseModel):
    """A value: immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PumpSetting(Frozen):
    """How a pump is to run."""

    phase: Phase
    vacuum_mmhg: float | None = Field(None, ge=0)
    level: int | None = Field(None, ge=0)
    rate_cpm: float | None = Field(None, gt=0)
    side: Side = Side.BOTH


class DeviceLimits(Frozen):
    """The most a device can do, by its profile or its own report; `None` where nobody published it.

    `least_…` is the least it can be set to: it cannot do anything weaker than that but stop. `None` where nobody
    published it, or where it can be set down to 0.
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
    """What is known of any device. `run_state` is the device's own word, never ours."""

    run_state: RunState = RunState.UNKNOWN
    battery_percent: float | None = None
    remaining_seconds: float | None = None
    fault: str | None = None


class PumpReading(Reading):
    """What is known of a pump.

    `volume_ml`: its own counter. With the capability `counts_each_run` it begins at 0 with each run; else nobody said
    when it does.
    """

    phase: Phase | None = None
    target_vacuum_mmhg: float | None = None
    vacuum_mmhg: float | None = None
    peak_vacuum_mmhg: float | None = None
    residual_vacuum_mmhg: float | None = None
    rate_cpm: float | None = None
    level: int | None = None
    flow_ml_per_s: float | None = None
    volume_ml: float | None = None
    let_down: bool | None = None


class WarmerReading(Reading):
    """What is known of a warm compress."""

    target_celsius: float | None = None
    surface_celsius: float | None = None


class MassagerReading(Reading):
    """What is known of a massager. `intensity` runs from 0 to 1."""

    intensity: float | None = None


class Device(Protocol):
    """What all roles share. `stop` may be called at any time, by anyone, as often as wanted."""

    @property
    def name(self) -> str:
        """The owner's name for the device."""

    @property
    def side(self) -> Side:
        """The breast it serves."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do and tell."""

    @property
    def can_stop(self) -> bool:
        """Whether a stop can be sent: it has a command for it, and may be controlled."""

    @property
    def device_name(self) -> str:
        """The owner's name for the whole device, which may have several roles with names of their own."""

    @property
    def address(self) -> str | None:
        """The Bluetooth address of the device that is connected or was last seen; `None` before that."""

    @property
    def limits(self) -> DeviceLimits:
        """The most and the least it can do."""

    @property
    def on_link_loss(self) -> Literal["stops", "continues", "unknown"]:
        """What it does by itself when the link is lost, as far as anybody knows."""

    @property
    def max_level(self) -> int | None:
        """The highest level that the owner allows for a device whose levels nobody measured; `None`: not said."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection now; says nothing about freshness."""

    @property
    def age_seconds(self) -> float | None:
        """How old the oldest value is that must stay fresh now; `None` if it was never told.

        What a device measures must stay fresh while it runs.
        """

    def told_at_seconds(self, name: str) -> float | None:
        """Return when the device last told a value of its reading, by the clock; `None` where it is not known."""

    def tells_at_rest(self, name: str) -> bool:
        """Say whether it has told a value of its reading while it did not run, so that its silence means nothing."""

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` on every reading and every change of the link; the result unsubscribes."""

    async def renew(self, lease_seconds: float) -> None:
        """Let a running device run for `lease_seconds` more; without it, a device with a lease stops by itself."""

    def assume_running(self) -> None:
        """Take it for running, as after a crash: it is stopped when it is connected, before anything else."""

    async def stop(self) -> None:
        """Stop at once, ahead of any other command, and confirm by reading back.

        Raise `UncertainError` when the device did not confirm within 2 s, `LinkLostError` when it cannot be reached.
        """


class Pump(Device, Protocol):
    """Suction on one breast or both."""

    role: Literal["pump"]

    @property
    def reading(self) -> PumpReading:
        """The latest known values."""

    async def start(self, setting: PumpSetting, duration_seconds: float, lease_seconds: float) -> None:
        """Run with `setting` for at most `duration_seconds`."""

    async def adjust(self, setting: PumpSetting) -> None:
        """Change a running pump."""

    async def pause(self) -> None:
        """Vent and hold."""

    async def resume(self) -> None:
        """Go on after `pause`."""


class Warmer(Device, Protocol):
    """A warm compress."""

    role: Literal["warmer"]

    @property
    def reading(self) -> WarmerReading:
        """The latest known values."""

    async def set_target(self, celsius: float, duration_seconds: float, lease_seconds: float) -> None:
        """Warm to `celsius` for at most `duration_seconds`."""


class Massager(Device, Protocol):
    """A vibrating massager."""

    role: Literal["massager"]

    @property
    def reading(self) -> MassagerReading:
        """The latest known values."""

    async def run(self, intensity: float, duration_seconds: float, lease_seconds: float, side: Side) -> None:
        """Vibrate at `intensity` (0 to 1) for at most `duration_seconds`."""


Role = Pump | Warmer | Massager
