"""What Prometheus reads, as its own parser understands it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controller.contract.commands import Action, Command, NoArgs, Outcome, Reply
from controller.contract.event_data import EventData, SessionFinishedData, SessionStartedData, TripData, UncertainData
from controller.contract.events import DeviceView, Event, ScannerHealth, Snapshot, Telemetry
from controller.contract.session_state import EndReason, SessionState, Volume
from controller.contract.stream import Stream
from controller.metrics.controller_metrics import ControllerMetrics
from controller.safety.limits import Trip, TripKind
from controller.safety.stopping import Stopped
from devices.roles import LinkState, PumpReading, Side

Labels = dict[str, str]
LABELS = frozenset(
    {"station", "role", "state", "outcome", "reason", "kind", "action", "queue", "version", "node", "le", "change"}
)


class Followed:
    """Metrics of two stations, with a clock of their own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.metrics = ControllerMetrics("attic", "1.2.3", seconds=lambda: self.now)
        self.stream = Stream()

    def publish(self, data: EventData, station: str = "one") -> None:
        self.stream.publish(Event.of(station, "s", data))

    async def read(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        self.now += 10
        text = (await self.metrics.text()).decode()
        return {
            (each.name, tuple(sorted(each.labels.items()))): each.value
            for family in text_string_to_metric_families(text)
            for each in family.samples
        }

    async def value(self, name: str, **labels: str) -> float | None:
        return (await self.read()).get((name, tuple(sorted(labels.items()))))

    async def series(self, name: str) -> list[Labels]:
        return [dict(labels) for each, labels in await self.read() if each == name]


@pytest.fixture
def followed() -> Iterator[Followed]:
    made = Followed()
    with made.metrics.followed(made.stream, [Snapshot(station="one"), Snapshot(station="two")], {}):
        yield made


def device(link: LinkState, station: str = "one", name: str = "left-pump") -> DeviceView:
    return DeviceView(
        station=station,
        device=name,
        profile="open-pump",
        side=Side.LEFT,
        link=link,
        available=True,
        reading=PumpReading(),
    )


async def test_it_says_which_version_of_which_node_it_is(followed: Followed) -> None:
    assert await followed.value("letdown_build_info", version="1.2.3", node="attic") == 1


async def test_sessions_are_counted_by_outcome_and_reason(followed: Followed) -> None:
    assert await followed.value("letdown_sessions_started_total", station="one") == 0
    followed.publish(SessionStartedData(routine="classic", side=Side.BOTH))
    followed.publish(
        SessionFinishedData(outcome=SessionState.COMPLETED, reason=EndReason.COMPLETED, routine="classic",
                            let_down_seconds=90, volume_ml=Volume(left=77))
    )  # fmt: skip
    assert await followed.value("letdown_sessions_started_total", station="one") == 1
    assert await followed.value("letdown_sessions_started_total", station="two") == 0
    labels = {"station": "one", "outcome": "completed", "reason": "completed"}
    assert await followed.value("letdown_sessions_finished_total", **labels) == 1


@pytest.mark.parametrize("reason", [EndReason.PAIN, EndReason.SYMPTOM, EndReason.NOTHING_TODAY, EndReason.STOP])
async def test_what_a_person_felt_cannot_be_told_from_a_stop(followed: Followed, reason: EndReason) -> None:
    followed.publish(
        SessionFinishedData(outcome=SessionState.STOPPED, reason=reason, routine=None, let_down_seconds=None)
    )
    labels = {"station": "one", "outcome": "stopped", "reason": "person"}
    assert await followed.value("letdown_sessions_finished_total", **labels) == 1


async def test_stations_are_counted_by_state(followed: Followed) -> None:
    assert await followed.value("letdown_stations", state="idle") == 2
    followed.stream.publish(Snapshot(station="one", state=SessionState.RUNNING, session_id="s"))
    followed.stream.publish(Snapshot(station="one", state=SessionState.RUNNING, session_id="s", progress=0.5))
    assert await followed.value("letdown_stations", state="idle") == 1
    assert await followed.value("letdown_stations", state="running") == 1
    assert await followed.value("letdown_session_running", station="one") == 1
    assert await followed.value("letdown_session_running", station="two") == 0


async def test_a_problem_and_what_may_still_run_are_shown(followed: Followed) -> None:
    trip = Trip(kind=TripKind.TEMPERATURE, device="pad")
    followed.stream.publish(Snapshot(station="one", trip=trip, uncertain=("a", "b"), running_outside=("c",)))
    assert await followed.value("letdown_station_problem", station="one") == 1
    assert await followed.value("letdown_devices_uncertain", station="one") == 2
    assert await followed.value("letdown_devices_running_outside", station="one") == 1
    followed.stream.publish(Snapshot(station="one"))
    assert await followed.value("letdown_station_problem", station="one") == 0
    assert await followed.value("letdown_devices_uncertain", station="one") == 0


async def test_trips_and_uncertain_stops_begin_at_zero_and_are_counted(followed: Followed) -> None:
    for kind in TripKind:
        assert await followed.value("letdown_trips_total", station="one", kind=kind.value) == 0
    followed.publish(TripData(kind=TripKind.VACUUM, device="left-pump", words="too much"))
    followed.publish(UncertainData(device="left-pump"))
    assert await followed.value("letdown_trips_total", station="one", kind="vacuum") == 1
    assert await followed.value("letdown_uncertain_stops_total", station="one") == 1
    assert await followed.value("letdown_uncertain_stops_total", station="two") == 0


async def test_a_connection_that_is_lost_is_counted_once(followed: Followed) -> None:
    for link in (LinkState.SEARCHING, LinkState.CONNECTED):
        followed.stream.publish(device(link))
    assert await followed.value("letdown_link_losses_total", station="one", role="pump") == 0
    assert await followed.value("letdown_devices_connected", station="one", role="pump") == 1
    for link in (LinkState.LOST, LinkState.SEARCHING, LinkState.CONNECTING):
        followed.stream.publish(device(link))
    assert await followed.value("letdown_link_losses_total", station="one", role="pump") == 1
    assert await followed.value("letdown_devices_connected", station="one", role="pump") == 0
    assert await followed.value("letdown_devices", station="one", role="pump") == 1


async def test_a_connection_that_was_closed_is_not_lost(followed: Followed) -> None:
    for link in (LinkState.CONNECTED, LinkState.CLOSED):
        followed.stream.publish(device(link))
    assert await followed.value("letdown_link_losses_total", station="one", role="pump") == 0


async def test_whether_bluetooth_works_is_unknown_until_it_is_known(followed: Followed) -> None:
    assert math.isnan(await followed.value("letdown_bluetooth_working") or 0)
    followed.stream.publish(ScannerHealth(online=False))
    assert await followed.value("letdown_bluetooth_working") == 0


def answering(
    followed: Followed, outcome: Outcome, seconds: float, devices: dict[str, Stopped] | None = None
) -> Callable[..., Awaitable[Reply]]:
    async def handle(*_: object) -> Reply:
        followed.now += seconds
        return Reply(outcome=outcome, devices=devices)

    return followed.metrics.counted(handle)


async def test_commands_are_counted_and_timed(followed: Followed) -> None:
    await answering(followed, "refused", 0.03)("one", Command(action=Action.START), NoArgs(), False)
    assert await followed.value("letdown_commands_total", action="start", outcome="refused") == 1
    assert await followed.value("letdown_command_handling_seconds_count") == 1
    assert await followed.value("letdown_command_handling_seconds_bucket", le="0.025") == 0
    assert await followed.value("letdown_command_handling_seconds_bucket", le="0.05") == 1
    assert await followed.value("letdown_stop_confirmation_seconds_count") == 0


@pytest.mark.parametrize(
    ("devices", "count"),
    [
        ({"left-pump": "stopped"}, 1),
        ({"left-pump": "stopped", "massager": "unconfirmed"}, 1),
        ({"left-pump": "stopped", "right-pump": "uncertain"}, 0),
        ({"left-pump": "unreachable"}, 0),
        (None, 0),
    ],
)
async def test_only_a_stop_that_was_confirmed_has_a_time(
    followed: Followed, devices: dict[str, Stopped] | None, count: int
) -> None:
    await answering(followed, "accepted", 0.15, devices)("one", Command(action=Action.STOP), NoArgs(), False)
    assert await followed.value("letdown_stop_confirmation_seconds_count") == count
    assert await followed.value("letdown_command_handling_seconds_count") == 0
    assert await followed.value("letdown_commands_total", action="stop", outcome="accepted") == 1


async def test_pain_counts_as_a_stop_and_a_let_down_is_not_named(followed: Followed) -> None:
    for action in (Action.PAIN, Action.LET_DOWN):
        await answering(followed, "accepted", 0)("one", Command(action=action), NoArgs(), False)
    found = await followed.series("letdown_commands_total")
    assert sorted(each["action"] for each in found) == ["other", "stop"]


async def test_queues_are_asked_when_somebody_reads() -> None:
    made, waiting = Followed(), [3]

    async def length() -> int:
        return waiting[0]

    async def broken() -> int:
        raise OSError("no disk")

    with made.metrics.followed(made.stream, [], {"history": length, "mqtt_outbox": broken}):
        assert await made.value("letdown_queue_length", queue="history") == 3
        waiting[0] = 5
        assert await made.value("letdown_queue_length", queue="history") == 5
        assert math.isnan(await made.value("letdown_queue_length", queue="mqtt_outbox") or 0)


async def test_two_services_of_one_process_add_up_and_leave_their_counters_behind() -> None:
    made = Followed()

    async def length() -> int:
        return 2

    with made.metrics.followed(made.stream, [Snapshot(station="one")], {"history": length}):
        with made.metrics.followed(Stream(), [Snapshot(station="two")], {"history": length}):
            assert await made.value("letdown_stations", state="idle") == 2
            assert await made.value("letdown_queue_length", queue="history") == 4
        made.publish(UncertainData(device="left-pump"))
        made.stream.publish(device(LinkState.CONNECTED))
    assert await made.value("letdown_stations", state="idle") == 0
    assert await made.value("letdown_session_running", station="one") is None
    assert await made.value("letdown_devices_connected", station="one", role="pump") is None
    assert await made.value("letdown_uncertain_stops_total", station="one") == 1
    made.stream.publish(Snapshot(station="one", state=SessionState.RUNNING))
    assert await made.value("letdown_session_running", station="one") is None


async def test_ownership_is_set_by_whoever_knows_it(followed: Followed) -> None:
    followed.metrics.own("one", epoch=17)
    assert await followed.value("letdown_station_owned", station="one") == 1
    assert await followed.value("letdown_station_epoch", station="one") == 17
    followed.metrics.give_up("one")
    assert await followed.value("letdown_station_owned", station="one") == 0
    assert await followed.value("letdown_ownership_changes_total", station="one", change="taken") == 1
    assert await followed.value("letdown_ownership_changes_total", station="one", change="gone") == 1


async def test_a_hanging_event_loop_shows_up_as_lag() -> None:
    metrics = ControllerMetrics("attic", "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("controller.metrics.controller_metrics._LAG_EVERY_SECONDS", 0.01)
        async with asyncio.timeout(5):
            running = asyncio.create_task(metrics.run())
            text = ""
            while "letdown_event_loop_lag_seconds_count 0.0" in text or not text:
                await asyncio.sleep(0.02)
                metrics._text_at = -math.inf
                text = (await metrics.text()).decode()
            running.cancel()
    assert 'letdown_event_loop_lag_seconds_bucket{le="+Inf"}' in text


async def test_whoever_asks_often_gets_the_same_text(followed: Followed) -> None:
    first = await followed.metrics.text()
    followed.publish(UncertainData(device="left-pump"))
    assert await followed.metrics.text() is first
    followed.now += 2
    assert await followed.metrics.text() != first


async def test_nothing_grows_with_what_is_not_a_station_of_ours(followed: Followed) -> None:
    before = set(await followed.read())
    for number in range(50):
        followed.publish(UncertainData(device=f"device {number}"), station=f"stranger-{number}")
        followed.stream.publish(Snapshot(station=f"stranger-{number}"))
        followed.stream.publish(device(LinkState.CONNECTED, f"stranger-{number}"))
        await answering(followed, "refused", 0)(f"stranger-{number}", Command(action=Action.STOP), NoArgs(), False)
    after = {each for each in await followed.read() if each[0] != "letdown_commands_total"}
    assert {name for name, _ in after - before} == set()


def values(labels: Sequence[tuple[str, str]]) -> set[str]:
    return {value for _, value in labels}


async def test_no_label_holds_an_address_a_device_or_milk(followed: Followed) -> None:
    followed.stream.publish(device(LinkState.CONNECTED, name="aa-bb-cc-dd-ee-ff"))
    followed.stream.publish(Telemetry(station="one", device="left-pump", values={"volume_ml": 61.5}))
    followed.stream.publish(Snapshot(station="one", volume_ml=Volume(left=61.5), let_down_seconds=61.5))
    found = await followed.read()
    assert 61.5 not in found.values()
    for _, labels in found:
        assert {name for name, _ in labels} <= LABELS
        assert "aa-bb-cc-dd-ee-ff" not in values(labels)


async def test_names_and_helps_are_as_prometheus_recommends(followed: Followed) -> None:
    families = list(text_string_to_metric_families((await followed.metrics.text()).decode()))
    ours = [each for each in families if each.name.startswith("letdown_")]
    assert len(ours) >= 20
    for family in ours:
        assert family.documentation
        assert (family.type == "histogram") == family.name.endswith("_seconds")
        if family.type == "counter":
            assert all(each.name.endswith("_total") for each in family.samples)
