"""What is kept of a session, for the person: when, what, how much milk; its steps, events and curves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import Field

from controller.contract.event_data import LetDownBy
from controller.contract.session_state import SessionState, StepOutcome, Volume
from controller.contract.whole_number import IN_JSON
from devices.roles import Frozen, Side

MilkSource = Literal["measured", "weighed", "entered"]
CurveQuantity = Literal["vacuum_mmhg", "flow_ml_per_s", "surface_celsius"]

BY_HAND = "by_hand"  # in place of a routine: milk that was entered without a session. No routine can have this id
LOG_HOURS = 12.0  # ours: milk that is logged without naming a session belongs to the latest one for so long


SeenRevision = Annotated[int, Field(ge=0), IN_JSON] | None


class Milk(Frozen):
    """Milk of a session by one source: counted by a pump, weighed by a scale, or entered by hand."""

    side: Side = Field(description="The breast; `both` where it is known for both together only.")
    source: MilkSource = Field(description="Where the figure comes from.")
    ml: float = Field(ge=0, description="How much, in mL.")


class SessionRecord(Frozen):
    """One session. `outcome` is `null` while it is under way; `ended_at` is also `null` after a crash."""

    id: str = Field(description="The id of the session.")
    station: str = Field(description="The station.")
    routine: str = Field(description="The id of the routine; `by_hand`: milk that was entered without a session.")
    side: Side = Field(description="The breasts that the session was for.")
    began_at: datetime = Field(description="When it began, in UTC.")
    ended_at: datetime | None = Field(None, description="When it ended; `null` where that is unknown.")
    seconds: float | None = Field(
        None, description="How long it took, pauses included; of one that a crash cut off, as far as it was recorded."
    )
    outcome: SessionState | None = Field(None, description="How it ended; `null` while it is under way.")
    reason: str | None = Field(None, description="Why it ended: an `EndReason`, or words of an earlier version.")
    reason_words: str | None = Field(None, description="The same in the language of the settings at that time.")
    let_down_seconds: float | None = Field(None, description="Time from the beginning of suction to the let-down.")
    let_down_by: LetDownBy | None = Field(None, description="What noticed the let-down.")
    milk: tuple[Milk, ...] = Field((), description="All figures of its milk; `volume_ml` is what counts.")
    peak_vacuum_mmhg: float | None = Field(None, description="The highest vacuum that a pump reported.")
    highest_target_mmhg: float | None = Field(None, description="The highest vacuum that a pump was set to.")
    rate_cpm: float | None = Field(None, description="The cycle rate that was set last, in cycles per minute.")
    warmest_celsius: float | None = Field(None, description="The highest temperature of a compress that was on.")
    suction_seconds: float | None = Field(None, description="How long suction was on.")
    heat_seconds: float | None = Field(None, description="How long the compress was on, or warmth was applied by hand.")
    massage_seconds: float | None = Field(None, description="How long the massage took.")
    cautions: tuple[str, ...] = Field((), description="The cautions that were shown, by key.")
    note: str | None = Field(None, max_length=2000, description="The person's own words.")
    revision: int = Field(0, description="Counts the edits. An edit names the revision that it was made from.")

    @property
    def volume_ml(self) -> Volume:
        """The milk that counts. For each breast: what was entered, else what was weighed, else what was measured.

        A figure for both together counts only where nothing of the same or a better source is known for one.
        """
        sides: dict[Side, float] = {}
        for source in ("measured", "weighed", "entered"):
            found = {each.side: each.ml for each in self.milk if each.source == source}
            if Side.BOTH in found and not {Side.LEFT, Side.RIGHT} & found.keys():
                sides = {Side.BOTH: found[Side.BOTH]}
            elif found:
                sides.pop(Side.BOTH, None)  # would count twice
                sides |= {side: ml for side, ml in found.items() if side is not Side.BOTH}
        return Volume(left=sides.get(Side.LEFT), right=sides.get(Side.RIGHT), both=sides.get(Side.BOTH))

    @property
    def entered(self) -> bool:
        """Whether some of its milk was entered by hand."""
        return any(each.source == "entered" for each in self.milk)


class StepRecord(Frozen):
    """One step of a session that took place."""

    name: str = Field(description="The kind of step, such as `warm`.")
    began_seconds: float = Field(description="When it began, since the session began.")
    seconds: float | None = Field(None, description="How long it took; `null` where a crash cut it off.")
    outcome: StepOutcome | None = Field(None, description="How it ended.")
    by_hand: bool = Field(False, description="No device took part.")


class EventRecord(Frozen):
    """One event of a session, as it was published."""

    id: str = Field(description="The id of the event.")
    seconds: float = Field(description="When it happened, since the session began.")
    type: str = Field(description="What happened.")
    data: dict[str, object] = Field(default_factory=dict, description="More about it, by its type.")


class Curve(Frozen):
    """One quantity of one device, once a second. `null` where the device did not report it.

    The vacuum of a second is the highest that was reported in it, its flow the mean, its temperature the last report.
    """

    device: str = Field(description="The device.")
    side: Side = Field(description="The breast that it serves.")
    quantity: CurveQuantity = Field(description="What it is, and in what.")
    values: tuple[float | None, ...] = Field(description="One a second, from the beginning of the session on.")


class SessionDetails(Frozen):
    """All that is kept of one session."""

    record: SessionRecord
    steps: tuple[StepRecord, ...] = ()
    events: tuple[EventRecord, ...] = ()
    curves: tuple[Curve, ...] = ()


class SessionEdit(Frozen):
    """A correction of one session. What is left out stays as it is; `null` removes what was entered."""

    session_id: str = Field(description="The session; `latest`: the latest one of the station.")
    revision: SeenRevision = Field(
        None, description="The revision that the person saw; refused if it was changed since. Left out: any."
    )
    left_ml: float | None = Field(None, ge=0, le=1000, description="Milk from the left breast, measured by hand.")
    right_ml: float | None = Field(None, ge=0, le=1000, description="Milk from the right breast, measured by hand.")
    note: str | None = Field(None, max_length=2000, description="The person's own words.")


class HistoryError(Exception):
    """The history cannot be read or written now. `str()` is why, with the remedy."""


class EditConflictError(HistoryError):
    """Somebody else changed the session meanwhile. `record`: as it is now; `None` where it was erased."""

    def __init__(self, record: SessionRecord | None) -> None:
        self.record = record
        super().__init__("it was changed meanwhile, on another device; look at it as it is now, and correct it again")


class History(Protocol):
    """The history of all stations, as interfaces use it. Each method raises `HistoryError`."""

    async def sessions(
        self,
        station: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        last: int | None = None,
    ) -> Sequence[SessionRecord]:
        """Return the sessions that began in [`since`, `until`), the latest first; of them the `last`."""

    async def details(self, session_id: str) -> SessionDetails | None:
        """Return all of one session; `None` where there is none with this id."""

    async def edit(self, edit: SessionEdit, station: str | None = None) -> SessionRecord:
        """Correct a session, and return it as it is then. Raise `EditConflictError`, and `KeyError` for no session.

        `station`: only a session of this one counts; `latest` needs it.
        """

    async def log_milk(
        self, station: str, left_ml: float | None, right_ml: float | None, *, by_hand: bool = False
    ) -> SessionRecord:
        """Enter milk (mL) that was measured by hand, and return the session that has it now. `None`: as it was.

        It is the latest session of the station, if that began within `LOG_HOURS`; else, or if `by_hand`, a session of
        its own.
        """
