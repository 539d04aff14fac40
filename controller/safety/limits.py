"""Each limit in one place, and the types of limits and trips. `apply_limits` applies them to requests.

Vacuums are mmHg below ambient. Sources: docs/safety.md; "ours" marks a choice to be reviewed by a clinician.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from controller.safety.message import KeyedMessage
from devices.roles import Frozen

# Suction
STIMULATION_VACUUM_MMHG = 150.0  # cleared pumps' ranges (FDA 510(k) summaries)
STIMULATION_RATE_CPM = 125.0  # cleared pumps' ranges
STIMULATION_SECONDS = 300.0  # two phases: two minutes or first milk (Ramsay 2005)
EXPRESSION_VACUUM_MMHG = 250.0  # 21 CFR 884.5150; most comfortable about 190 (Kent 2008)
EXPRESSION_RATE_CPM = 90.0  # cleared pumps' ranges
LEAST_COMFORT_VACUUM_MMHG = 60.0  # ours: a comfort cap below this leaves a pump next to nothing
FIRST_EXPRESSION_VACUUM_MMHG = 100.0  # ours: until a comfort cap is set
AUTOMATIC_VACUUM_MMHG = 150.0  # ours: without the person's own command, until a comfort cap is set
SYMPTOM_VACUUM_MMHG = 100.0  # ours: "low vacuum" on a day with symptoms
RAISE_STEP_MMHG = 20.0  # ours: one step of raising
RAISE_EVERY_SECONDS = 10.0  # ours: at most one step in this time
SESSION_SECONDS = 3900.0  # power pumping, in all
DEVICE_VARIES_MMHG = 20.0  # how far a device's vacuum may be off its target; what is measured may be so much higher
VACUUM_TRIP_MMHG = 270.0  # 250 and the 20 that devices may be off, for one cycle
VACUUM_TRIP_AT_ONCE_MMHG = 300.0
RELEASE_MMHG = 60.0  # suction must fall below this ...
RELEASE_SECONDS = 4.0  # ... at least this often
RELEASE_UNSEEN_SECONDS = 40.0  # ours: ... or this, where readings are so far apart that they miss the release
RELEASE_READINGS = 27  # ours: so many readings in 4 s see each release; fewer may fall on the peaks alone
QUIET_VACUUM_MMHG = 40.0  # ours: set to less, a pump hardly pulls, and its vacuum may well stand still
VACUUM_TOLERANCE_MMHG = 30.0  # ours: the 20 that devices may be off, and 10 of noise
MEASURED_VACUUM_MMHG = 260.0  # ours: a pump that measures more is set lower, well before it trips
TRIM_MMHG = 10.0  # ours: so far below that, so that noise does not reach it again
RATE_TOLERANCE_CPM = 10.0  # ours: devices may be off by 5, and report whole cycles
SLOWEST_CPM = 20.0  # cleared pumps go down to 20; a pump that reports a lower rate is not believed
FOLLOW_SECONDS = 2.0  # ours: a device that does not follow a lower setting is stopped; with 1 s to report, 3 s in all

# The flange: until a pump measures a vacuum, there is no seal
SEAL_MMHG = 20.0  # ours: a flange that lies on skin holds more than this, one in the air next to nothing
SEAL_LOST_SECONDS = 6.0  # ours: two cycles of the slowest pump
GENTLEST_VACUUM_MMHG = 40.0  # ours: the lowest that a routine asks for
NO_SEAL_SECONDS = 60.0  # ours: then the pump is switched off, and the person is asked again
FLANGE_SECONDS = 30.0  # ours: from the last hands-on step to suction
VENT_SECONDS = 2.0  # how long a pump that stopped may take to release

# Heat
HEAT_CELSIUS = 42.0  # IEC 60601-1: 43 °C for contact of 10 min and more
WARM_CELSIUS = 41.0  # above it for 10 min at most
ABOVE_WARM_SECONDS = 600.0
HEAT_TOLERANCE_CELSIUS = 1.5  # ours: a thermostat's overshoot of 0.5, and its sensor's noise
RISE_CELSIUS = 1.5  # ours: a pad that got so much warmer ...
RISE_SECONDS = 60.0  # ... in this time ...
SKIN_CELSIUS = 35.0  # ... and is warmer than skin makes it, heats, whatever it reports
HEAT_TRIP_CELSIUS = 43.0
HEAT_TRIP_SECONDS = 5.0
HEAT_TRIP_AT_ONCE_CELSIUS = 44.0

# Readings that cannot be, and sensors that stand still
OVERPRESSURE_MMHG = 30.0  # ours: no pump blows; this is 20 that devices may be off, and some
COLDEST_CELSIUS = 0.0  # ours: nothing on a body is colder
JUMP_CELSIUS = 5.0  # ours: a temperature that moves by more than this ...
JUMP_SECONDS = 5.0  # ... in this time, 1 °C a second; even a pad that runs away warms by less than half of that
WARMING_GAP_CELSIUS = 3.0  # ours: a compress this far below its target ...
WARMING_CELSIUS = 1.0  # ... must get so much warmer, which is more than its sensor's noise ...
WARMING_SECONDS = 120.0  # ... in this time; a pad that takes ten minutes to warm makes 1.7 °C there
FINE_CELSIUS = 0.5  # ours: a sensor with smaller steps than this shows one ...
FINE_STILL_SECONDS = 60.0  # ... in this time, at the slowest warming that is allowed; measured: 51 at most
# At its target a sensor may stand still for as long as the pad is well held: measured, a smoothed one with steps of
# 0.1 °C did for all of 15 min. Only one that goes up and down all the time cannot: measured over 15 min with noise of
# 0.05 to 0.2 °C, raw and smoothed, in steps of 0.01 to 1 °C, such a sensor stood still for 12 s at most.
RESTLESS_TURNS = 8  # ours: it turned back so often, by more than one of its steps ...
RESTLESS_SECONDS = 30.0  # ... in this time
RESTLESS_STILL_SECONDS = 15.0  # ours: from 40 °C, a pad that runs away (60 °C, 90 s) reaches 43.1 °C meanwhile

# Thermometers on a compress, or on the breast under it
FALL_CELSIUS = 3.0  # ours: one that gets so much colder on a compress that heats has fallen off ...
COLDEST_SKIN_CELSIUS = 28.0  # ours: ... and so has one on the breast that is colder than this; skin at rest has 33
ONLY_SENSOR_STILL_SECONDS = 120.0  # ours: the only sensor of a compress does not stand still for so long

# Vibration
VIBRATION_INTENSITY = 1 / 3  # the lowest third of a device's range (ABM Protocol 36 is against more)
MASSAGE_SECONDS = 600.0

# Links
LEASE_SECONDS = 10.0
STALE_SECONDS = 10.0
LATE_SECONDS = 2.0  # ours: how much longer than planned anything may be on, before that itself trips
STOP_AGAIN_SECONDS = 3.0  # ours: a stop that did not work, or was not confirmed, is sent again after this
HELD_OFF_SECONDS = 900.0  # ours: how long after a stop or pain a device that starts by itself is stopped again

# Devices with levels
FIRST_LEVEL = 1  # of a pump whose levels were never measured in mmHg
UNMAPPED_LEVEL = 3  # the highest such level, until the owner sets another


# What can be requested at all, in mmHg; the limits are applied to it then.
RequestedVacuum = Annotated[float, Field(ge=0, le=EXPRESSION_VACUUM_MMHG)]
ComfortVacuum = Annotated[float, Field(ge=LEAST_COMFORT_VACUUM_MMHG, le=EXPRESSION_VACUUM_MMHG)]


class BudgetWindow(Frozen):
    """So many seconds of an energy, in any stretch of time of this length."""

    most_seconds: float
    in_seconds: float


# What a body may get of each energy, in rolling windows that no block, session, station or restart resets. All ours, to
# be reviewed by a clinician, but for the 40 minutes in 65, which are those of power pumping.
BUDGETS: Mapping[str, tuple[BudgetWindow, ...]] = {
    "suction": (
        BudgetWindow(most_seconds=1800, in_seconds=2100),  # in one go, and a rest of 5 min
        BudgetWindow(most_seconds=2400, in_seconds=3900),  # power pumping: 20/10/10/10/10
        BudgetWindow(most_seconds=18000, in_seconds=86400),  # twelve sessions of 25 min
    ),
    "heat": (BudgetWindow(most_seconds=1200, in_seconds=3000),),  # 2 to 20 min in advice and studies, and 30 of rest
    "heat above 41 °C": (BudgetWindow(most_seconds=ABOVE_WARM_SECONDS, in_seconds=2400),),
    "heat that nobody measures": (BudgetWindow(most_seconds=300, in_seconds=2100),),
    "vibration": (BudgetWindow(most_seconds=300, in_seconds=2100),),
}
HOT, UNMEASURED = "heat above 41 °C", "heat that nobody measures"


def budget_key(budget: str) -> str:
    """Return the name of a budget in keys of messages: `suction`, `heat`, `hot`, `unmeasured` or `vibration`."""
    return {HOT: "hot", UNMEASURED: "unmeasured"}.get(budget, budget)


class Energy(StrEnum):
    """The energies, in the order in which they are stopped."""

    SUCTION = "suction"
    HEAT = "heat"
    VIBRATION = "vibration"


class Reason(Frozen):
    """What one layer allows, and why."""

    who: str = Field(
        description="The layer: `hard`, `owner`, `device`, `step`, `symptoms`, `pace`, `budget`, `seal`, `measured`, "
        "`learned` or `block`."
    )
    allows: float = Field(description="What it allows, in the unit of the quantity.")
    key: str = Field(description="Why, as a key of `reasons` in the language files.")
    values: dict[str, float | str] = Field(default_factory=dict, description="The values in the text of that key.")
    words: str = Field("", description="That text in the language of the settings.")

    @property
    def message(self) -> KeyedMessage:
        """Why, without what is allowed."""
        return KeyedMessage(key=self.key, values=dict(self.values))


class Limit(Frozen):
    """What was requested, what is allowed, and why."""

    quantity: str = Field(description="What is limited, such as `vacuum_mmhg`: its unit is in its name.")
    asked: float = Field(description="What was requested.")
    allowed: float = Field(description="What is allowed.")
    reasons: tuple[Reason, ...] = Field((), description="Every layer that allows less, the deciding one first.")

    @property
    def limited(self) -> bool:
        """Whether the allowed value differs: it is less, or a device's least where less was requested."""
        return self.allowed != self.asked

    @property
    def must_be_off(self) -> bool:
        """Whether nothing is allowed at all, or less than the device can do: it must be stopped."""
        return self.allowed <= 0 and bool(self.reasons)

    def __str__(self) -> str:
        why = f": limited by {self.reasons[0].message}" if self.reasons else ""
        return f"{self.quantity.replace('_', ' ')} {self.allowed:g}{why}"


class TripKind(StrEnum):
    """Why everything was stopped."""

    VACUUM = "vacuum"
    NO_RELEASE = "no_release"
    TEMPERATURE = "temperature"
    STALE = "stale"
    IMPLAUSIBLE = "implausible"
    LINK_LOST = "link_lost"
    LEASE = "lease"
    DEVICE_FAULT = "device_fault"
    TIME = "time"


class Trip(Frozen):
    """A hard stop by the guard. It stays until the person acknowledges it.

    `words`: what happened, in the language of the settings, filled in where it is published. `detail`: what was
    measured, in English, for a log.
    """

    kind: TripKind = Field(description="What was wrong.")
    device: str = Field(description="The device that caused it.")
    words: str = Field("", description="What happened, in the language of the settings.")
    detail: str = Field("", description="What was measured, in English, for a log.")


class OwnerLimits(Frozen):
    """What the owner allows. Every value can only lower a hard limit; a higher one is refused when it is loaded."""

    comfort_vacuum_mmhg: ComfortVacuum | None = Field(
        None,
        description="your comfort cap; without it, expression starts at 100 mmHg, and rises to 150 at most by itself",
    )
    stimulation_vacuum_mmhg: float = Field(120, ge=40, le=120, description="the most for stimulation")
    heat_celsius: float = Field(HEAT_CELSIUS, ge=36, le=HEAT_CELSIUS, description="the most for a warm compress")
    heat_without_temperature: bool = Field(
        False, description="a compress that is only on or off: five minutes at most, and you check its warmth"
    )
    vibration: bool = Field(
        False, description="off until you turn it on: read `config/routines/duct-vibration.yaml` first"
    )
    vibration_at_full: bool = Field(
        False, description="use a massager that is only on or off; it runs at full strength"
    )
    go_on_with_one_pump: bool = Field(
        False, description="if the link to one of two pumps is lost, the other goes on; without this, both stop"
    )
    start_suction: Literal["after_countdown", "ask"] = Field(
        "after_countdown",
        description="`after_countdown`: 30 s to put the flange on; `ask`: suction waits until you say that it is on",
    )
    manual_use: Literal["watch", "stop"] = Field(
        "watch",
        description="a device switched on by hand: kept within today's limits (`watch`), or switched off (`stop`)",
    )
    remote_raise: Literal["allow", "refuse"] = Field(
        "allow",
        description="`refuse`: no command from the network raises vacuum or warmth; starting and lowering still work",
    )

    @property
    def comfortable_mmhg(self) -> float:
        """What a routine means by `comfort`."""
        return self.comfort_vacuum_mmhg or FIRST_EXPRESSION_VACUUM_MMHG
