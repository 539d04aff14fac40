"""What the controller tells: events, snapshots and guidance, and the one stream through which all watchers get them."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, computed_field

from controller.cautions import Caution
from controller.safety import Limit, Trip
from devices.link import LinkState
from devices.roles import Frozen, MassagerReading, Phase, PumpReading, Side, WarmerReading

_LOGGER = logging.getLogger(__name__)


class SessionState(StrEnum):
    """Where a session stands. The last four are ends."""

    IDLE = "idle"
    CHECKING = "checking"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    COMPLETED = "completed"
    STOPPED = "stopped"
    TRIPPED = "tripped"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Whether nothing runs in this state."""
        return self in (
            SessionState.IDLE,
            SessionState.COMPLETED,
            SessionState.STOPPED,
            SessionState.TRIPPED,
            SessionState.FAILED,
        )


class EventType(StrEnum):
    """Kinds of event."""

    SESSION_STARTED = "session_started"
    STEP_STARTED = "step_started"
    STEP_FINISHED = "step_finished"
    LET_DOWN = "let_down"
    LIMITED = "limited"
    PAUSED = "paused"
    RESUMED = "resumed"
    PAIN = "pain"
    TRIP = "trip"
    UNCERTAIN = "uncertain"
    SETTLED = "settled"
    RUNS_OUTSIDE = "runs_outside"
    ENFORCED = "enforced"
    VOLUME_LOGGED = "volume_logged"
    SESSION_FINISHED = "session_finished"


class Event(Frozen):
    """Something that happened once. `id` is unique; the time is UTC."""

    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    station: str
    session_id: str | None
    type: EventType
    data: dict[str, Any] = Field(default_factory=dict)


StepOutcome = Literal["done", "skipped", "let_down", "dry", "not_today", "ended"]


class PartView(Frozen):
    """One technique on one side, within a massage step."""

    name: str
    side: Side
    seconds: float
    outcome: StepOutcome | None = None


class StepView(Frozen):
    """One step as a person sees it. `seconds`: how long it took, or takes so far; `planned_seconds`: at most.

    `by_hand`: no device does it, the person is led through it. `outcome` is `None` until the step is over.
    """

    name: str
    title: str
    planned_seconds: float | None
    seconds: float = 0.0
    outcome: StepOutcome | None = None
    by_hand: bool = False
    parts: tuple[PartView, ...] = ()


class Volume(Frozen):
    """Milk in mL; `None` where no device measures it. `both`: by a pump that collects from both breasts in one."""

    left: float | None = None
    right: float | None = None
    both: float | None = None

    @property
    def total(self) -> float | None:
        """All together, of what is known."""
        known = [value for value in (self.left, self.right, self.both) if value is not None]
        return sum(known) if known else None


class Snapshot(Frozen):
    """All there is to know of a station's session right now.

    `uncertain`: devices that were on, and of which it is not known that they have stopped. `ends_at`: when the routine
    is over if every step takes as long as it may; `None` while it is paused or waits for an answer.
    `suction_starts_in_seconds`: while the flange is put on, until the pumps start by themselves; `waits_for_flange`:
    they start only when the person says so. `running_outside`: devices that are on though nobody here started them.
    `troubles`: what else keeps anything from starting, such as a store that cannot be written; each with its remedy.
    """

    station: str
    state: SessionState = SessionState.IDLE
    session_id: str | None = None
    routine: str | None = None
    side: Side | None = None
    step: str | None = None
    step_index: int | None = None
    steps: tuple[StepView, ...] = ()
    step_seconds_left: float | None = None
    ends_at: datetime | None = None
    progress: float = 0.0
    phase: Phase | None = None
    target_vacuum_mmhg: float | None = None
    level: int | None = None
    rate_cpm: float | None = None
    limits: tuple[Limit, ...] = ()
    let_down_seconds: float | None = None
    let_down_by: str | None = None
    volume_ml: Volume = Volume()
    peak_vacuum_mmhg: float | None = None
    warmest_celsius: float | None = None
    reason: str | None = None
    suction_starts_in_seconds: float | None = None
    waits_for_flange: bool = False
    trip: Trip | None = None
    uncertain: tuple[str, ...] = ()
    running_outside: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def volume_total_ml(self) -> float | None:
        """Milk of both breasts, of what is known."""
        return self.volume_ml.total

    @computed_field  # type: ignore[prop-decorator]
    @property
    def running(self) -> bool:
        """Whether a session is under way."""
        return not self.state.over

    @computed_field  # type: ignore[prop-decorator]
    @property
    def runs_outside(self) -> bool:
        """Whether a device is on that nobody here started."""
        return bool(self.running_outside)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def problem(self) -> bool:
        """Whether something is wrong that a person must look after before anything starts again."""
        return self.trip is not None or bool(self.uncertain) or bool(self.troubles)


class Choices(Frozen):
    """What a start takes that names nothing, and how much vacuum is comfortable: chosen beforehand."""

    station: str
    routine: str
    side: Side
    comfort_vacuum_mmhg: float


class Guide(Frozen):
    """What the person is to do now. `picture` names a drawing of the technique; `question` waits for `answer`.

    `waits_for`: `flange` while the pumps wait for it: `start_suction` starts them now, `not_yet` lets them wait.
    """

    station: str
    step: str | None = None
    technique: str | None = None
    side: Side | None = None
    title: str = ""
    words: str = ""
    seconds: float | None = None
    seconds_left: float | None = None
    picture: str | None = None
    question: str | None = None
    waits_for: Literal["flange"] | None = None


class DeviceView(Frozen):
    """What is known of one device; `None` and `unknown` where it did not say."""

    station: str
    device: str
    profile: str
    confidence: Literal["verified", "unverified"] = "unverified"
    side: Side
    link: LinkState
    available: bool
    trouble: str | None = None
    cautions: tuple[Caution, ...] = ()
    reading: PumpReading | WarmerReading | MassagerReading

    @computed_field  # type: ignore[prop-decorator]
    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self.link is LinkState.CONNECTED

    @computed_field  # type: ignore[prop-decorator]
    @property
    def problem(self) -> bool | None:
        """Whether the device tells of a fault; `None` while nothing is known of it."""
        return self.reading.fault is not None if self.available else None


class Hearing(Frozen):
    """Whether this controller's Bluetooth hears anything: an advertisement not long ago, or a connected device."""

    online: bool


class Telemetry(Frozen):
    """Fast-changing values of one device, as they come in."""

    station: str
    device: str
    values: dict[str, float | bool]


Item = Event | Snapshot | Guide | Choices | DeviceView | Telemetry | Hearing


class Stream:
    """Hands every item to every watcher. Watchers are plain callbacks that must be quick; none can harm a session."""

    def __init__(self) -> None:
        self._watchers: list[Callable[[Item], None]] = []

    def subscribe(self, watcher: Callable[[Item], None]) -> Callable[[], None]:
        """Call `watcher` with every item from now on; the result unsubscribes."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def publish(self, item: Item) -> None:
        """Hand `item` on. A watcher's error is logged and goes no further."""
        for watcher in tuple(self._watchers):
            try:
                watcher(item)
            except Exception:
                _LOGGER.exception("a watcher failed on %s", type(item).__name__)
