"""Faults of the radio: lost links, lost or corrupted packets, and a second controller."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

from controller.safety.limits import LEASE_SECONDS, STALE_SECONDS, TripKind
from devices.driver.base import DeviceOptions
from devices.profiles.profile_device import ProfileDevice
from devices.virtual.virtual_home import DEVICES, DeviceKey
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import ALL, PUMPS, _is, _profile
from tests.matrix import fault_injection
from tests.matrix.cell import AT_ONCE_SECONDS, Cell
from tests.matrix.fault import PERMISSIVE_OWNER, End, Fault, GoesOn, Uncertainty, failed, not_followed, stopped, tripped
from tests.matrix.moments import ALL_MOMENTS, before_start, while_on

_ANSWER_SECONDS = 2.0  # the timeout of an answer
_CHECK_SECONDS = 1.0
_BACK_SECONDS = 1.0  # the pause before a lost link is reconnected
_STALE_SECONDS = STALE_SECONDS + _CHECK_SECONDS + AT_ONCE_SECONDS
_SUCTION = while_on("left-pump", "right-pump")
_RAISES = frozenset({"stimulate", "express", "between"})  # where the routine raises the vacuum by itself
_CHANNELS: dict[DeviceKey, str] = {"warm-pad": "temperature", "massager": "status"}  # the pumps': measurement
_ONE_IS_ENOUGH = PERMISSIVE_OWNER.model_copy(update={"go_on_with_one_pump": True})


# Links


async def _lose_link(cell: Cell, key: DeviceKey, *, for_good: bool = False) -> None:
    cell.house.lose_link(key, for_good=for_good)


async def _lose_adapter(cell: Cell) -> None:
    repair = fault_injection.lose_adapter(cell.house)
    await cell.house.elapse(5)
    repair()


async def _lose_link_and_run_on(cell: Cell, *, for_good: bool) -> None:
    victim = cell.moment.victim
    fault_injection.ignore_link_loss(cell.house, victim)
    cell.house.lose_link(victim, for_good=for_good)


async def _lose_link_and_stay_silent(cell: Cell) -> None:
    """Lose the link; when it is back, nothing from the device arrives."""
    victim = cell.moment.victim
    fault_injection.ignore_link_loss(cell.house, victim)
    cell.house.silence(victim)
    cell.house.lose_link(victim)


async def _lose_link_before_stop(cell: Cell) -> None:
    victim = cell.moment.victim
    fault_injection.lose_link_before_command(cell.house, victim, fault_injection.stop_of(victim))
    cell.send("stop")


async def _lose_link_in_stop(cell: Cell, *, for_good: bool = False) -> None:
    victim = cell.moment.victim
    lose = partial(cell.house.lose_link, victim, for_good=for_good)
    fault_injection.before_next(cell.house, victim, fault_injection.stop_of(victim), partial(_soon, lose))
    cell.send("stop", "failed" if for_good and cell.moment.on else "accepted")


async def _lose_link_before_start(cell: Cell) -> None:
    victim = cell.moment.victim
    start = fault_injection.start_of(victim)
    await cell.resume_with(
        partial(fault_injection.lose_link_before_command, cell.house, victim, start, cell.mark_cause)
    )


async def _lose_link_after_start(cell: Cell, key: DeviceKey | None = None) -> None:
    """Lose the link of a device, or of the victim, when the victim has started."""
    victim = cell.moment.victim

    def inject() -> None:
        cell.mark_cause()
        _soon(partial(cell.house.lose_link, key or victim))

    await cell.resume_with(
        partial(fault_injection.before_next, cell.house, victim, fault_injection.start_of(victim), inject)
    )


def _soon(do: Callable[[], object]) -> None:
    """Call `do` when the current callbacks are done."""
    asyncio.get_running_loop().call_soon(do)


# Packets


async def _lose_answer_to_start(cell: Cell) -> None:
    victim = cell.moment.victim
    start = fault_injection.start_of(victim)

    def arm() -> None:
        fault_injection.drop_answers(cell.house, victim, start)
        fault_injection.before_next(cell.house, victim, start, cell.mark_cause)

    await cell.resume_with(arm)


async def _ignore_start(cell: Cell) -> None:
    victim = cell.moment.victim

    def arm() -> None:
        fault_injection.ignore_commands(cell.house, victim, fault_injection.start_of(victim))
        cell.mark_cause()

    await cell.resume_with(arm)


async def _break_change(cell: Cell, inject: Callable[..., Callable[[], None]]) -> None:
    repair = inject(cell.house, "left-pump", "adjust")
    cell.send("vacuum_down", "failed" if "left-pump" in cell.house.on else "refused")
    await cell.house.elapse(_ANSWER_SECONDS + 1)
    repair()


async def _lose_answer_to_raise(cell: Cell) -> None:
    fault_injection.drop_answers(cell.house, "left-pump", "adjust")
    fault_injection.before_next(cell.house, "left-pump", "adjust", cell.mark_cause)
    if cell.moment.name in _RAISES:
        async with cell.house.clock.timeout(15):
            await cell.injected.wait()


async def _break_renewals(cell: Cell, inject: Callable[..., object]) -> None:
    inject(cell.house, cell.moment.victim, "renew")


async def _lose_answer_to_stop(cell: Cell) -> None:
    victim = cell.moment.victim
    fault_injection.drop_answers(cell.house, victim, fault_injection.stop_of(victim))
    cell.send("stop")


async def _second_controller(cell: Cell) -> None:
    """Search for the connected devices with another controller's radio, which must not take them over."""
    house = cell.house
    async with contextlib.AsyncExitStack() as stack:
        with house.clock.held():
            radio = await stack.enter_async_context(radio_on_air(house.clock, house.air))
        others = [
            ProfileDevice(radio, house.clock, _profile(each), DeviceOptions(each.key, each.side, _is(each)))
            for each in DEVICES
        ]
        links = [asyncio.create_task(each.run(), name=f"second link to {each.name}") for each in others]
        await house.elapse(5)
        cell.problems += [f"a second controller connected {each.name}" for each in others if each.link.connected]
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)


async def _silence(cell: Cell) -> None:
    await cell.wait_for_release()
    cell.house.silence(cell.moment.victim)


async def _silence_readings(cell: Cell) -> None:
    await cell.wait_for_release()
    victim = cell.moment.victim
    cell.house.silence(victim, _CHANNELS.get(victim, "measurement"))


async def _silence_pulling(cell: Cell) -> None:
    await cell.wait_for_pull()
    cell.house.silence("left-pump", "measurement")


async def _garble(cell: Cell, every: int) -> None:
    await cell.wait_for_release()
    fault_injection.corrupt_packets(cell.house, cell.moment.victim, every=every)


def _cannot_begin(*keys: DeviceKey) -> End:
    return failed(AT_ONCE_SECONDS, f"{', '.join(keys)} cannot be reached, so no pump is started again")


def _lost(key: DeviceKey, *, for_good: bool) -> Fault:
    uncertainty = Uncertainty.UNTIL_ACKNOWLEDGED if for_good else Uncertainty.UNTIL_CONFIRMED
    return Fault(
        f"{key} lost" if for_good else f"{key} lost and back",
        f"the link to {key} is lost" + (", and it stays lost" if for_good else "; it can reconnect"),
        partial(_lose_link, key=key, for_good=for_good),
        while_on(key) | ({"between"} if key in PUMPS else set()),
        tripped(AT_ONCE_SECONDS, TripKind.LINK_LOST, device=key, uncertainty=uncertainty),
        {"between": _cannot_begin(key)} if key in PUMPS else {},
    )


# Pumps measure also while they are off: without measurements, a reported stop is not enough.
_VACUUM_UNKNOWN = failed(
    AT_ONCE_SECONDS, "left-pump did not confirm that it is off", uncertainty=Uncertainty.UNTIL_ACKNOWLEDGED
)


def _stale(*kinds: TripKind) -> tuple[End, dict[str, End]]:
    """Return the outcome of silence: a trip, and an uncertain device where it is a pump."""
    pump = tripped(_STALE_SECONDS, *kinds, uncertainty=Uncertainty.UNTIL_ACKNOWLEDGED)
    return tripped(_STALE_SECONDS, *kinds), {"between": _VACUUM_UNKNOWN, **dict.fromkeys(_SUCTION, pump)}


_STOPPED = stopped("stop", "stopped", AT_ONCE_SECONDS)
_LOST_ON_THE_WAY = "{device} did not confirm that"

RADIO: tuple[Fault, ...] = (
    *(_lost(key, for_good=False) for key in ALL),
    *(_lost(key, for_good=True) for key in ALL),
    Fault(
        "one pump goes on",
        "the link to left-pump is lost, and `limits.go_on_with_one_pump` is on",
        partial(_lose_link, key="left-pump"),
        _SUCTION | {"between"},
        GoesOn(stops=("left-pump",), uncertainty=Uncertainty.UNTIL_CONFIRMED),
        {"between": GoesOn(stops=("left-pump",))},
        owner=_ONE_IS_ENOUGH,
    ),
    Fault(
        "adapter gone and back",
        "the controller's own radio is gone for five seconds, and every link with it",
        _lose_adapter,
        while_on() | {"between"},
        tripped(AT_ONCE_SECONDS, TripKind.LINK_LOST, uncertainty=Uncertainty.UNTIL_CONFIRMED, uncertain="all"),
        {"between": _cannot_begin(*PUMPS)},
    ),
    Fault(
        "lost and runs on",
        "the link is lost and can reconnect, and the device goes on meanwhile",
        partial(_lose_link_and_run_on, for_good=False),
        while_on() | {"between"},
        tripped(_BACK_SECONDS + AT_ONCE_SECONDS, TripKind.LINK_LOST, uncertainty=Uncertainty.UNTIL_CONFIRMED),
        {"between": _cannot_begin("left-pump")},
    ),
    Fault(
        "gone and runs on",
        "the link is lost for good, and the device goes on until its lease expires",
        partial(_lose_link_and_run_on, for_good=True),
        while_on() | {"between"},
        tripped(LEASE_SECONDS + AT_ONCE_SECONDS, TripKind.LINK_LOST, uncertainty=Uncertainty.UNTIL_ACKNOWLEDGED),
        {"between": _cannot_begin("left-pump")},
    ),
    Fault(
        "lost and back in silence",
        "the link is lost, the device goes on meanwhile, and sends nothing any more after it reconnects",
        _lose_link_and_stay_silent,
        while_on() | {"between"},
        tripped(_BACK_SECONDS + AT_ONCE_SECONDS, TripKind.LINK_LOST, uncertainty=Uncertainty.UNTIL_CONFIRMED),
        {
            "between": _cannot_begin("left-pump"),
            **dict.fromkeys(
                _SUCTION,
                tripped(
                    _BACK_SECONDS + AT_ONCE_SECONDS, TripKind.LINK_LOST, uncertainty=Uncertainty.UNTIL_ACKNOWLEDGED
                ),
            ),
        },
    ),
    Fault(
        "lost before a stop",
        "`stop` is pressed, and the link is lost before it reaches the device; it can reconnect",
        _lose_link_before_stop,
        ALL_MOMENTS,
        _STOPPED,
    ),
    Fault(
        "lost in a stop",
        "`stop` is pressed, and the link is lost when the device has just carried it out; it can reconnect",
        _lose_link_in_stop,
        ALL_MOMENTS,
        _STOPPED,
    ),
    Fault(
        "gone in a stop",
        "`stop` is pressed, and the link is lost for good when the device has just carried it out",
        partial(_lose_link_in_stop, for_good=True),
        ALL_MOMENTS,
        _STOPPED,
        dict.fromkeys(
            while_on(), stopped("stop", "stopped", AT_ONCE_SECONDS, uncertainty=Uncertainty.UNTIL_ACKNOWLEDGED)
        ),
    ),
    Fault(
        "lost before a start",
        "a paused session is resumed, and the link is lost before the start reaches the device",
        _lose_link_before_start,
        before_start(),
        failed(AT_ONCE_SECONDS, _LOST_ON_THE_WAY, uncertainty=Uncertainty.UNTIL_CONFIRMED),
    ),
    Fault(
        "lost after a start",
        "the link is lost when the device has just started",
        _lose_link_after_start,
        before_start(),
        failed(AT_ONCE_SECONDS, _LOST_ON_THE_WAY, uncertainty=Uncertainty.UNTIL_CONFIRMED),
    ),
    Fault(
        "lost between two starts",
        "the link to right-pump is lost when left-pump has just started",
        partial(_lose_link_after_start, key="right-pump"),
        before_start("left-pump"),
        failed(AT_ONCE_SECONDS, _LOST_ON_THE_WAY, device="right-pump", uncertainty=Uncertainty.UNTIL_CONFIRMED),
    ),
    Fault(
        "start not heard",
        "the device ignores its start",
        _ignore_start,
        before_start(),
        failed(_CHECK_SECONDS + _ANSWER_SECONDS + AT_ONCE_SECONDS, "{device} did not confirm that"),
    ),
    Fault(
        "start not answered",
        "the device starts, and its answer is lost",
        _lose_answer_to_start,
        before_start(),
        failed(_ANSWER_SECONDS + AT_ONCE_SECONDS, "{device} did not confirm that"),
    ),
    Fault(
        "second controller",
        "another controller searches for the same devices, with a radio of its own",
        _second_controller,
    ),
    Fault(
        "change not heard",
        "`vacuum_down` is pressed, and left-pump ignores it",
        partial(_break_change, inject=fault_injection.ignore_commands),
        _SUCTION,
        not_followed("left-pump"),
    ),
    Fault(
        "change not answered",
        "`vacuum_down` is pressed, left-pump does it, and its answer is lost",
        partial(_break_change, inject=fault_injection.drop_answers),
        _SUCTION,
    ),
    Fault(
        "raise not answered",
        "the routine raises the vacuum, and the answer of left-pump is lost",
        _lose_answer_to_raise,
        _RAISES,
    ),
    Fault(
        "renewal not heard",
        "the device ignores its renewals",
        partial(_break_renewals, inject=fault_injection.ignore_commands),
        while_on() | {"between"},
        tripped(LEASE_SECONDS + _CHECK_SECONDS + AT_ONCE_SECONDS, TripKind.LEASE),
    ),
    Fault(
        "renewal not answered",
        "the device's answers to its renewals are lost",
        partial(_break_renewals, inject=fault_injection.drop_answers),
        while_on() | {"between"},
        tripped(LEASE_SECONDS + _CHECK_SECONDS + AT_ONCE_SECONDS, TripKind.LEASE),
    ),
    Fault(
        "stop not answered",
        "`stop` is pressed, and the device's answer is lost",
        _lose_answer_to_stop,
        ALL_MOMENTS,
        _STOPPED,
    ),
    Fault(
        "all frozen",
        "the device stays connected, and neither its reports nor its answers arrive",
        _silence,
        while_on() | {"between"},
        *_stale(TripKind.LEASE, TripKind.STALE),
    ),
    Fault(
        "readings frozen",
        "the device stays connected and answers, and its readings no longer arrive",
        _silence_readings,
        while_on() | {"between"},
        *_stale(TripKind.STALE),
    ),
    Fault(
        "readings frozen at a pull",
        "the readings of left-pump no longer arrive, and the last one was 60 mmHg or more",
        _silence_pulling,
        _SUCTION | {"between"},
        tripped(_STALE_SECONDS, TripKind.STALE, device="left-pump", uncertainty=Uncertainty.UNTIL_ACKNOWLEDGED),
        {"between": _VACUUM_UNKNOWN},
    ),
    Fault(
        "half garbled",
        "a bit is flipped in every other report of the device",
        partial(_garble, every=2),
        while_on() | {"between"},
    ),
    Fault(
        "all garbled",
        "a bit is flipped in every report of the device",
        partial(_garble, every=1),
        while_on() | {"between"},
        *_stale(TripKind.STALE),
    ),
)
