"""Commands about what is kept beside sessions: clean parts, Baby Buddy, learned comfort and stored milk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from controller.contract.comfort import ComfortAdvice, ComfortDecision, LearnedVacuum
from controller.contract.commands import Action, BadCommandError, command_for
from controller.contract.session_record import HistoryError
from controller.contract.uploads import Resolution, Upload
from controller.history.stash.stash_keeper import StashKeeper
from controller.safety.message import NotAllowedError, message
from controller.service.service import Service
from tests.helpers.histories import temporary_history
from tests.helpers.home import running_home


class Known:
    """Uploads, of which one session is known."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Resolution, str | None]] = []
        self.broken = False

    async def uploads(self, station: str | None = None, *, last: int = 100) -> Sequence[Upload]:
        return ()

    async def resolve(self, session_id: str, how: Resolution, station: str | None = None) -> int:
        if self.broken:
            raise HistoryError("the disk is full")
        self.asked.append((session_id, how, station))
        return int(session_id == "s1")


async def test_they_are_carried_out_also_during_a_session_and_change_nothing_in_it() -> None:
    uploads, clean = Known(), []

    async def note(station: str) -> None:
        clean.append(station)

    async with running_home() as house:
        house.service = Service([house.station], uploads=uploads, parts_clean=note)
        await house.reach("warm")
        before = house.recorded.snapshot
        assert (await house.send("parts_clean")).outcome == "accepted"
        assert (await house.send("resolve_upload", session_id="s1", how="skip")).outcome == "accepted"
        assert (await house.send("resolve_upload", session_id="all", how="retry")).outcome == "accepted"
        found = await house.send("resolve_upload", session_id="s2", how="retry")
        assert (found.outcome, found.keys) == ("refused", ("no_such_upload",))
        uploads.broken = True
        found = await house.send("resolve_upload", session_id="s1", how="retry")
        assert (found.outcome, found.keys) == ("failed", ("history_unreachable",))
        after = house.recorded.snapshot
        assert (after.state, after.session_id, after.step) == (before.state, before.session_id, before.step)
        assert {"parts_clean", "resolve_upload"} <= set(after.allowed_actions)
    assert clean == ["home"]
    assert uploads.asked == [("s1", "skip", "home"), ("all", "retry", "home"), ("s2", "retry", "home")]


@pytest.mark.parametrize(
    "args", [{}, {"session_id": "s1"}, {"session_id": "s1", "how": "erase"}, {"session_id": "x" * 200, "how": "skip"}]
)
async def test_a_wrong_one_is_refused(args: dict[str, str]) -> None:
    with pytest.raises(BadCommandError):
        command_for(Action.RESOLVE_UPLOAD, dict(args))


# Learned comfort, and stored milk


async def test_stored_milk_is_noted_during_a_session_and_what_does_not_fit_is_refused() -> None:
    async with temporary_history() as store, running_home() as house:
        house.service = Service([house.station], stash=StashKeeper(store))
        await house.reach("warm")
        with house.clock.held():
            stored = await house.send("stash", kind="stored", container="blue", ml=90, place="fridge")
            again = await house.send("stash", kind="stored", container="blue", ml=90, place="fridge")
            thawed = await house.send("stash", kind="thawed", container="blue")
            used = await house.send("stash", kind="used", container="blue", ml=50)
        assert stored.outcome == used.outcome == "accepted"
        assert (again.outcome, again.keys) == ("refused", ("stash_taken",))
        assert (thawed.outcome, thawed.keys) == ("refused", ("stash_not_frozen",))
        (kept,) = await StashKeeper(store).containers("home")
        assert (kept.name, kept.ml) == ("blue", 40)
        assert house.recorded.snapshot.step == "warm"


class Decided:
    """Learned comfort that notes decisions."""

    def __init__(self) -> None:
        self.decisions: list[str] = []
        self.error: Exception | None = None

    async def decide(self, station: str, what: ComfortDecision) -> None:
        if self.error is not None:
            raise self.error
        self.decisions.append(what)


async def test_decisions_are_handed_on_and_errors_come_back_as_replies() -> None:
    comfort = Decided()
    async with running_home() as house:
        house.service = Service([house.station], comfort=comfort)
        for what in ("accept", "off", "on", "reset"):
            assert (await house.send("comfort", what=what)).outcome == "accepted"
        comfort.error = NotAllowedError(message("nothing_suggested"))
        found = await house.send("comfort", what="accept")
        assert (found.outcome, found.keys) == ("refused", ("nothing_suggested",))
        comfort.error = HistoryError("the disk is full")
        found = await house.send("comfort", what="reset")
        assert (found.outcome, found.keys) == ("failed", ("history_unreachable",))
    assert comfort.decisions == ["accept", "off", "on", "reset"]


@pytest.mark.parametrize(
    ("because", "raising"), [("pain", {"accept", "off", "reset"}), ("accepted", {"accept", "on"}), (None, {"accept"})]
)
async def test_what_may_raise_where_suction_begins_counts_as_raising(because: str | None, raising: set[str]) -> None:
    comfort = Decided()
    async with running_home() as house:
        house.service = Service([house.station], comfort=comfort, remote_raise=False)
        if because is not None:
            vacuum = LearnedVacuum.model_validate(
                {"side": "left", "phase": "expression", "mmhg": 120, "because": because, "since": "2026-03-01T12:00Z"}
            )
            house.station.comfort = ComfortAdvice(station="home", learned=(vacuum,))
        for what in ("accept", "off", "on", "reset"):
            found = await house.send("comfort", what=what)
            assert (found.keys == ("no_remote_raise",)) == (what in raising), what
    assert set(comfort.decisions) == {"accept", "off", "on", "reset"} - raising


async def test_a_retained_or_stale_one_decides_nothing() -> None:
    comfort = Decided()
    async with running_home() as house:
        house.service = Service([house.station], comfort=comfort)
        command, args = command_for(Action.COMFORT, {"what": "accept"})
        retained = await house.service.handle("home", command, args, retained=True)
        old = command.model_copy(update={"sent": datetime.now(UTC) - timedelta(minutes=1)})
        stale = await house.service.handle("home", old, args)
    assert (retained.keys, stale.outcome) == (("retained",), "refused")
    assert comfort.decisions == []
