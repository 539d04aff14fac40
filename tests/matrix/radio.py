"""Faults of the radio: links that are lost, and words that are lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

from controller.safety import LEASE_SECONDS, STALE_SECONDS, TripKind
from devices.profiles.driver import ProfileDevice
from devices.virtual.home import DEVICES, DeviceKey
from devices.virtual.radio import radio_on_air
from tests.controller.household import ALL, PUMPS, _is, _profile
from tests.matrix import switches
from tests.matrix.cell import AT_ONCE_SECONDS, Cell
from tests.matrix.fault import WILLING, Doubt, End, Fault, GoesOn, failed, not_followed, stopped, tripped
from tests.matrix.places import EVERYWHERE, where_on, where_starts

_ANSWER_SECONDS = 2.0  # how long an answer is waited for
_LOOK_SECONDS = 1.0
_BACK_SECONDS = 1.0  # a lost link is looked for after so long
_STALE_SECONDS = STALE_SECONDS + _LOOK_SECONDS + AT_ONCE_SECONDS
_SUCTION = where_on("left-pump", "right-pump")
_RAISES = frozenset({"stimulate", "express", "between"})  # where the routine raises the vacuum by itself
_CHANNELS: dict[DeviceKey, str] = {"warm-pad": "temperature", "massager": "status"}  # the pumps': measurement
_ONE_IS_ENOUGH = WILLING.model_copy(update={"go_on_with_one_pump": True})


# Links


async def _lose_link(cell: Cell, key: DeviceKey, *, for_good: bool = False) -> None:
    cell.house.lose_link(key, for_good=for_good)


async def _lose_adapter(cell: Cell) -> None:
    mend = switches.lose_adapter(cell.house)
    await cell.house.elapse(5)
    mend()


async def _lose_link_and_run_on(cell: Cell, *, for_good: bool) -> None:
    victim = cell.place.victim
    switches.let_run_without_link(cell.house, victim)
    cell.house.lose_link(victim, for_good=for_good)


async def _lose_link_and_say_nothing(cell: Cell) -> None:
    """Lose the link; when it is back, nothing that the device says arrives."""
    victim = cell.place.victim
    switches.let_run_without_link(cell.house, victim)
    cell.house.silence(victim)
    cell.house.lose_link(victim)


async def _lose_link_before_stop(cell: Cell) -> None:
    victim = cell.place.victim
    switches.lose_link_on_the_way(cell.house, victim, switches.stop_of(victim))
    cell.say("stop")


async def _lose_link_in_stop(cell: Cell, *, for_good: bool = False) -> None:
    victim = cell.place.victim
    lose = partial(cell.house.lose_link, victim, for_good=for_good)
    switches.before_first(cell.house, victim, switches.stop_of(victim), partial(_soon, lose))
    cell.say("stop", "failed" if for_good and cell.place.on else "accepted")


async def _lose_link_before_start(cell: Cell) -> None:
    victim = cell.place.victim
    start = switches.start_of(victim)
    await cell.begin_again(partial(switches.lose_link_on_the_way, cell.house, victim, start, cell.cause))


async def _lose_link_after_start(cell: Cell, key: DeviceKey | None = None) -> None:
    """Lose the link of a device, or of the victim, when the victim has begun."""
    victim = cell.place.victim

    def strike() -> None:
        cell.cause()
        _soon(partial(cell.house.lose_link, key or victim))

    await cell.begin_again(partial(switches.before_first, cell.house, victim, switches.start_of(victim), strike))


def _soon(do: Callable[[], object]) -> None:
    """Do something when all has been said that is being said now."""
    asyncio.get_running_loop().call_soon(do)


# Words on the way


async def _mute_start(cell: Cell) -> None:
    victim = cell.place.victim
    start = switches.start_of(victim)

    def arm() -> None:
        switches.make_mute(cell.house, victim, start)
        switches.before_first(cell.house, victim, start, cell.cause)

    await cell.begin_again(arm)


async def _deaf_start(cell: Cell) -> None:
    victim = cell.place.victim

    def arm() -> None:
        switches.make_deaf(cell.house, victim, switches.start_of(victim))
        cell.cause()

    await cell.begin_again(arm)


async def _change_is_lost(cell: Cell, break_: Callable[..., Callable[[], None]]) -> None:
    mend = break_(cell.house, "left-pump", "adjust")
    cell.say("vacuum_down", "failed" if "left-pump" in cell.house.on else "refused")
    await cell.house.elapse(_ANSWER_SECONDS + 1)
    mend()


async def _mute_raise(cell: Cell) -> None:
    switches.make_mute(cell.house, "left-pump", "adjust")
    switches.before_first(cell.house, "left-pump", "adjust", cell.cause)
    if cell.place.name in _RAISES:
        async with cell.house.clock.timeout(15):
            await cell.struck.wait()


async def _break_renewals(cell: Cell, break_: Callable[..., object]) -> None:
    break_(cell.house, cell.place.victim, "renew")


async def _mute_stop(cell: Cell) -> None:
    victim = cell.place.victim
    switches.make_mute(cell.house, victim, switches.stop_of(victim))
    cell.say("stop")


async def _second_controller(cell: Cell) -> None:
    """Look for the same devices with a radio of another controller: they are taken, and it must leave them alone."""
    house = cell.house
    async with contextlib.AsyncExitStack() as stack:
        with house.clock.held():
            radio = await stack.enter_async_context(radio_on_air(house.clock, house.air))
        others = [
            ProfileDevice(radio, house.clock, name=each.key, side=each.side, profile=_profile(each), wanted=_is(each))
            for each in DEVICES
        ]
        links = [asyncio.create_task(each.run(), name=f"second link to {each.name}") for each in others]
        await house.elapse(5)
        cell.notes += [f"a second controller connected {each.name}" for each in others if each.link.connected]
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)


async def _silence(cell: Cell) -> None:
    await cell.let_go()
    cell.house.silence(cell.place.victim)


async def _silence_readings(cell: Cell) -> None:
    await cell.let_go()
    victim = cell.place.victim
    cell.house.silence(victim, _CHANNELS.get(victim, "measurement"))


async def _silence_pulling(cell: Cell) -> None:
    await cell.pull()
    cell.house.silence("left-pump", "measurement")


async def _garble(cell: Cell, every: int) -> None:
    await cell.let_go()
    switches.garble(cell.house, cell.place.victim, every=every)


def _cannot_begin(*keys: DeviceKey) -> End:
    return failed(AT_ONCE_SECONDS, f"no pump begins again: {', '.join(keys)} cannot be reached")


def _lost(key: DeviceKey, *, for_good: bool) -> Fault:
    doubt = Doubt.KEPT if for_good else Doubt.SETTLED
    return Fault(
        f"{key} lost" if for_good else f"{key} lost and back",
        f"the link to {key} is lost" + (", and it is never heard again" if for_good else "; it can be found again"),
        partial(_lose_link, key=key, for_good=for_good),
        where_on(key) | ({"between"} if key in PUMPS else set()),
        tripped(AT_ONCE_SECONDS, TripKind.LINK_LOST, device=key, doubt=doubt),
        {"between": _cannot_begin(key)} if key in PUMPS else {},
    )


# The pumps measure also while they are off: where one does not any more, its word that it stopped is not enough.
_VACUUM_UNKNOWN = failed(AT_ONCE_SECONDS, "left-pump did not confirm that it stopped", doubt=Doubt.KEPT)


def _stale(*kinds: TripKind) -> tuple[End, dict[str, End]]:
    """Return what silence comes to: a trip, and with a pump a doubt."""
    pump = tripped(_STALE_SECONDS, *kinds, doubt=Doubt.KEPT)
    return tripped(_STALE_SECONDS, *kinds), {"between": _VACUUM_UNKNOWN, **dict.fromkeys(_SUCTION, pump)}


_STOPPED = stopped("stop", "stopped", AT_ONCE_SECONDS)
_LOST_ON_THE_WAY = "{device} did not acknowledge a write: The connection was lost while waiting for an answer"

RADIO: tuple[Fault, ...] = (
    *(_lost(key, for_good=False) for key in ALL),
    *(_lost(key, for_good=True) for key in ALL),
    Fault(
        "one pump goes on",
        "the link to left-pump is lost, and `limits.go_on_with_one_pump` is on",
        partial(_lose_link, key="left-pump"),
        _SUCTION | {"between"},
        GoesOn(stops=("left-pump",), doubt=Doubt.SETTLED),
        {"between": GoesOn(stops=("left-pump",))},
        owner=_ONE_IS_ENOUGH,
    ),
    Fault(
        "adapter gone and back",
        "the controller's own radio is gone for five seconds, and every link with it",
        _lose_adapter,
        where_on() | {"between"},
        tripped(AT_ONCE_SECONDS, TripKind.LINK_LOST, doubt=Doubt.SETTLED, doubted="all"),
        {"between": _cannot_begin(*PUMPS)},
    ),
    Fault(
        "lost and runs on",
        "the link is lost and can be found again, and the device goes on meanwhile",
        partial(_lose_link_and_run_on, for_good=False),
        where_on() | {"between"},
        tripped(_BACK_SECONDS + AT_ONCE_SECONDS, TripKind.LINK_LOST, doubt=Doubt.SETTLED),
        {"between": _cannot_begin("left-pump")},
    ),
    Fault(
        "gone and runs on",
        "the link is lost and cannot be found again, and the device goes on until its lease is over",
        partial(_lose_link_and_run_on, for_good=True),
        where_on() | {"between"},
        tripped(LEASE_SECONDS + AT_ONCE_SECONDS, TripKind.LINK_LOST, doubt=Doubt.KEPT),
        {"between": _cannot_begin("left-pump")},
    ),
    Fault(
        "lost and back in silence",
        "the link is lost, the device goes on meanwhile, and says nothing any more when it is found again",
        _lose_link_and_say_nothing,
        where_on() | {"between"},
        tripped(_BACK_SECONDS + AT_ONCE_SECONDS, TripKind.LINK_LOST, doubt=Doubt.SETTLED),
        {
            "between": _cannot_begin("left-pump"),
            **dict.fromkeys(_SUCTION, tripped(_BACK_SECONDS + AT_ONCE_SECONDS, TripKind.LINK_LOST, doubt=Doubt.KEPT)),
        },
    ),
    Fault(
        "lost before a stop",
        "`stop` is pressed, and the link is lost before the device has it; it can be found again",
        _lose_link_before_stop,
        EVERYWHERE,
        _STOPPED,
    ),
    Fault(
        "lost in a stop",
        "`stop` is pressed, and the link is lost when the device has just carried it out; it can be found again",
        _lose_link_in_stop,
        EVERYWHERE,
        _STOPPED,
    ),
    Fault(
        "gone in a stop",
        "`stop` is pressed, and the link is lost for good when the device has just carried it out",
        partial(_lose_link_in_stop, for_good=True),
        EVERYWHERE,
        _STOPPED,
        dict.fromkeys(where_on(), stopped("stop", "stopped", AT_ONCE_SECONDS, doubt=Doubt.KEPT)),
    ),
    Fault(
        "lost before a start",
        "it is gone on with after a pause, and the link is lost before the device has its start",
        _lose_link_before_start,
        where_starts(),
        failed(AT_ONCE_SECONDS, _LOST_ON_THE_WAY, doubt=Doubt.SETTLED),
    ),
    Fault(
        "lost after a start",
        "the link is lost when the device has just begun",
        _lose_link_after_start,
        where_starts(),
        failed(AT_ONCE_SECONDS, _LOST_ON_THE_WAY, doubt=Doubt.SETTLED),
    ),
    Fault(
        "lost between two starts",
        "the link to right-pump is lost when left-pump has just begun",
        partial(_lose_link_after_start, key="right-pump"),
        where_starts("left-pump"),
        failed(AT_ONCE_SECONDS, _LOST_ON_THE_WAY, device="right-pump", doubt=Doubt.SETTLED),
    ),
    Fault(
        "start not heard",
        "the device takes no notice of its start",
        _deaf_start,
        where_starts(),
        failed(_LOOK_SECONDS + _ANSWER_SECONDS + AT_ONCE_SECONDS, "{device} did not answer {start}"),
    ),
    Fault(
        "start not answered",
        "the device begins, and its answer is lost",
        _mute_start,
        where_starts(),
        failed(_ANSWER_SECONDS + AT_ONCE_SECONDS, "{device} did not answer {start}"),
    ),
    Fault(
        "second controller",
        "another controller looks for the same devices, with a radio of its own",
        _second_controller,
    ),
    Fault(
        "change not heard",
        "`vacuum_down` is pressed, and left-pump takes no notice of it",
        partial(_change_is_lost, break_=switches.make_deaf),
        _SUCTION,
        not_followed("left-pump"),
    ),
    Fault(
        "change not answered",
        "`vacuum_down` is pressed, left-pump does it, and its answer is lost",
        partial(_change_is_lost, break_=switches.make_mute),
        _SUCTION,
    ),
    Fault(
        "raise not answered",
        "the routine raises the vacuum, and the answer of left-pump is lost",
        _mute_raise,
        _RAISES,
    ),
    Fault(
        "renewal not heard",
        "the device takes no notice of its renewals",
        partial(_break_renewals, break_=switches.make_deaf),
        where_on() | {"between"},
        tripped(LEASE_SECONDS + _LOOK_SECONDS + AT_ONCE_SECONDS, TripKind.LEASE),
    ),
    Fault(
        "renewal not answered",
        "the device's answers to its renewals are lost",
        partial(_break_renewals, break_=switches.make_mute),
        where_on() | {"between"},
        tripped(LEASE_SECONDS + _LOOK_SECONDS + AT_ONCE_SECONDS, TripKind.LEASE),
    ),
    Fault("stop not answered", "`stop` is pressed, and the device's answer is lost", _mute_stop, EVERYWHERE, _STOPPED),
    Fault(
        "all frozen",
        "the device stays connected, and nothing that it says by itself arrives, nor its answers",
        _silence,
        where_on() | {"between"},
        *_stale(TripKind.LEASE, TripKind.STALE),
    ),
    Fault(
        "readings frozen",
        "the device stays connected and answers, and its readings do not arrive any more",
        _silence_readings,
        where_on() | {"between"},
        *_stale(TripKind.STALE),
    ),
    Fault(
        "readings frozen at a pull",
        "the readings of left-pump do not arrive any more, and the last one was of 60 mmHg or more",
        _silence_pulling,
        _SUCTION | {"between"},
        tripped(_STALE_SECONDS, TripKind.STALE, device="left-pump", doubt=Doubt.KEPT),
        {"between": _VACUUM_UNKNOWN},
    ),
    Fault(
        "half garbled",
        "a bit is flipped in every other packet that the device sends by itself",
        partial(_garble, every=2),
        where_on() | {"between"},
    ),
    Fault(
        "all garbled",
        "a bit is flipped in every packet that the device sends by itself",
        partial(_garble, every=1),
        where_on() | {"between"},
        *_stale(TripKind.STALE),
    ),
)
