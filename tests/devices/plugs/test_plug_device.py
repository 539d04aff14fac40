"""A plug's device, at the relay of a simulated plug of each kind: on only with a timer, and off whatever happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from devices.errors import DeviceError, LinkLostError, RefusedError, UncertainError
from devices.roles import Capability, LinkState, RunState
from tests.helpers.plug_simulators import KINDS, PAD_WATTS
from tests.helpers.plugged import LEASE_SECONDS, plugged

every_kind = pytest.mark.parametrize("profile", KINDS)

STATE_TOPICS = {
    "shelly-plug": (
        "shellyplusplugs-a1b2c3/events/rpc",
        '{"method":"NotifyStatus","params":{"switch:0":{"output":%s}}}',
    ),
    "zigbee2mqtt-plug": ("zigbee2mqtt/warm-pad", '{"state":"%s"}'),
    "tasmota-plug": ("stat/tasmota_4F2A1C/POWER", "%s"),
}


def state_message(profile: str, on: bool) -> tuple[str, str]:
    topic, payload = STATE_TOPICS[profile]
    words = ("false", "true") if profile == "shelly-plug" else ("OFF", "ON")
    return topic, payload % words[on]


@every_kind
async def test_it_is_on_or_off_at_whatever_temperature_and_has_a_lease(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        assert it.role.capabilities >= {Capability.START, Capability.LEASE, Capability.REPORTS_STATE}
        assert not it.role.capabilities & {Capability.TARGET_CELSIUS, Capability.REPORTS_TEMPERATURE, Capability.LEVELS}
        assert it.role.reading.run_state is RunState.STOPPED
        assert not it.plug.changes


@every_kind
async def test_without_renewal_it_switches_itself_off_within_its_lease(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        await it.switch_on()
        (on,) = it.plug.times(True)
        await it.clock.sleep(LEASE_SECONDS + 5)
        assert [why for _, _, why in it.plug.changes] == ["commanded", "timer"]
        assert it.plug.times(False)[0] - on <= LEASE_SECONDS + 0.2
        assert it.role.reading.run_state is RunState.STOPPED


@every_kind
async def test_it_stays_on_as_long_as_its_lease_is_renewed_and_no_longer(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        await it.switch_on()
        for _ in range(10):
            await it.clock.sleep(3)
            await it.role.renew(LEASE_SECONDS)
            assert it.plug.on
        renewed = it.clock.now()
        await it.until(lambda: not it.plug.on)
        assert it.clock.now() - renewed <= LEASE_SECONDS + 0.2
        assert len(it.plug.changes) == 2


@every_kind
async def test_a_stop_switches_off_at_once_and_is_confirmed_by_the_plug(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        await it.switch_on()
        began = it.clock.now()
        await it.role.stop()
        assert it.plug.changes[-1] == (pytest.approx(began, abs=0.1), False, "commanded")
        assert it.role.reading.run_state is RunState.STOPPED
        assert it.clock.now() - began < 2


@every_kind
async def test_what_switches_on_is_not_kept_by_a_broker_and_what_switches_off_is(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        await it.switch_on()
        await it.role.renew(LEASE_SECONDS)
        assert {qos for *_, qos in it.switch_ons()} == {0}
        before = len(it.bus.published)
        await it.role.stop()
        assert [qos for *_, qos in it.bus.published[before:]][:2] == [1, 1]


@every_kind
async def test_a_stop_that_the_plug_does_not_confirm_is_uncertain(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        await it.switch_on()
        it.bus.passes = False
        began = it.clock.now()
        with pytest.raises(UncertainError, match="did not confirm that it stopped"):
            await it.role.stop()
        assert it.clock.now() - began <= 2.1
        assert it.plug.on
        await it.clock.sleep(LEASE_SECONDS)
        assert it.plug.changes[-1][1:] == (False, "timer")


@every_kind
async def test_a_stop_waits_for_no_other_command(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        await it.switch_on()
        it.bus.holds = lambda _, payload: '"toggle_after"' in payload or "onWithTimedOff" in payload or payload == "100"
        renewal = asyncio.create_task(it.role.renew(LEASE_SECONDS))
        await it.clock.sleep(0.1)
        began = it.clock.now()
        await it.role.stop()
        assert it.plug.times(False) == [pytest.approx(began, abs=0.1)]
        with pytest.raises(DeviceError):
            await renewal


@every_kind
async def test_once_it_is_off_a_renewal_does_not_switch_it_on(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        await it.switch_on()
        it.plug.press_button()
        await it.clock.sleep(0.5)
        with pytest.raises(RefusedError, match="does not report that it is on"):
            await it.role.renew(LEASE_SECONDS)
        await it.clock.sleep(20)
        assert [why for _, _, why in it.plug.changes] == ["commanded", "button"]


@pytest.mark.parametrize("profile", ["zigbee2mqtt-plug", "tasmota-plug"])
async def test_a_renewal_that_arrives_late_does_not_switch_on(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        await it.switch_on()
        it.bus.holds = lambda _, payload: True
        with pytest.raises(UncertainError):
            await it.role.renew(LEASE_SECONDS)
        await it.until(lambda: not it.plug.on)
        it.bus.holds = lambda _, payload: False
        it.bus.deliver()
        await it.clock.sleep(30)
        assert [why for _, _, why in it.plug.changes] == ["commanded", "timer"]


async def test_a_late_renewal_of_a_shelly_which_switches_on_is_undone_at_once() -> None:
    async with plugged("shelly-plug") as it:
        await it.connected()
        await it.switch_on()
        it.bus.holds = lambda _, payload: "toggle_after" in payload
        with pytest.raises(UncertainError):
            await it.role.renew(LEASE_SECONDS)
        await it.until(lambda: not it.plug.on)
        it.bus.holds = lambda _, payload: False
        it.bus.deliver()
        await it.clock.sleep(5)
        assert [why for _, _, why in it.plug.changes] == ["commanded", "timer", "commanded", "commanded"]
        assert it.plug.changes[3][0] - it.plug.changes[2][0] < 0.2


@every_kind
async def test_a_lost_broker_is_a_lost_link_and_the_plug_switches_itself_off(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        await it.switch_on()
        it.bus.up = False
        await it.until(lambda: it.role.link_state is LinkState.LOST, 1)
        assert it.role.link_problem == "the connection to the broker was lost"
        assert it.role.reading.run_state is RunState.UNKNOWN
        with pytest.raises(LinkLostError):
            await it.role.renew(LEASE_SECONDS)
        with pytest.raises(UncertainError, match="whether it stopped is not known"):
            await it.role.stop()
        await it.clock.sleep(LEASE_SECONDS)
        assert it.plug.changes[-1][1:] == (False, "timer")


@every_kind
async def test_after_a_lost_broker_it_is_stopped_first_and_never_switched_on(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        await it.switch_on()
        it.bus.up = False
        await it.until(lambda: not it.device.link.connected)
        it.bus.up = True
        before = len(it.bus.published)
        await it.connected()
        assert it.plug.changes[-1][1:] == (False, "commanded")
        assert it.bus.published[before][2] == 1, "the first message is the stop"
        await it.clock.sleep(60)
        assert len(it.plug.changes) == 2


@every_kind
async def test_a_plug_that_loses_its_network_is_lost_after_10_s_and_off_by_then(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        await it.switch_on()
        it.bus.passes = False
        cut = it.clock.now()
        await it.until(lambda: not it.device.link.connected, 15)
        assert it.role.link_problem == "it does not answer any more: check its power and its network"
        await it.until(lambda: not it.plug.on, 1)
        assert it.clock.now() - cut <= 12.5


@every_kind
async def test_a_last_will_is_a_lost_link(profile: str) -> None:
    topics = {
        "shelly-plug": ("shellyplusplugs-a1b2c3/online", "false"),
        "zigbee2mqtt-plug": ("zigbee2mqtt/warm-pad/availability", '{"state":"offline"}'),
        "tasmota-plug": ("tele/tasmota_4F2A1C/LWT", "Offline"),
    }
    async with plugged(profile) as it:
        await it.connected()
        it.bus.send(*topics[profile])
        await it.until(lambda: not it.device.link.connected, 1)
        assert it.role.link_problem == "it is offline: check its power and its network"


# What is not known, and what is not true


@every_kind
async def test_what_the_broker_kept_says_nothing_of_now(profile: str) -> None:
    async with plugged(profile, runs=False) as it:
        it.bus.plug = None  # it is away
        it.bus.send(*state_message(profile, on=False), retain=True)
        task = asyncio.create_task(it.device.run())
        await it.clock.sleep(30)
        assert it.role.reading.run_state is RunState.UNKNOWN
        assert not it.device.link.connected
        assert it.role.link_problem
        task.cancel()


@every_kind
async def test_an_old_message_that_is_kept_does_not_confirm_a_stop(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        it.bus.send(*state_message(profile, on=False), retain=True)
        await it.switch_on()
        it.bus.up = False
        await it.until(lambda: not it.device.link.connected)
        it.bus.plug, it.bus.up = None, True
        with pytest.raises(UncertainError):
            await it.role.stop()


HOSTILE: list[Any] = [
    b"", b"\xff\xfe", b"null", b"[]", b"[" * 5000, b'"ON"', b"{}", b'{"state": 1}', b'{"POWER": ["ON"]}', b'{"id": {}}',
    b'{"result": {"id": 0, "output": "true"}}', b'{"result": []}', b'{"PulseTime1": {"Set": "x", "Remaining": NaN}}',
    b'{"letdown_timer": {"onTime": Infinity}, "state": "TOGGLE"}', b'{"params": {"switch:0": {"output": 1}}}',
]  # fmt: skip


@every_kind
async def test_no_message_switches_it_on_or_breaks_it(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        for topic in it.device._kind.subscriptions:
            for payload in [*HOSTILE, state_message(profile, on=True)[1].encode()]:
                it.bus.send(topic, payload.decode("latin-1"))
        await it.clock.sleep(30)
        await it.connected()
        assert not it.plug.changes
        assert not it.switch_ons()


# Plugs that cannot be used


@pytest.mark.parametrize(
    ("profile", "attributes", "problem"),
    [
        ("shelly-plug", {"generation": 1}, "this Shelly is too old"),
        ("zigbee2mqtt-plug", {"has_timer": False}, "did not show that it can switch itself off"),
        ("tasmota-plug", {"keeps_timer": False}, "did not answer PulseTime"),
        ("tasmota-plug", {"power_on_state": 5}, "PowerOnState 5"),
        ("tasmota-plug", {"power_on_state": 4}, "PowerOnState 4"),
    ],
)
async def test_a_plug_without_a_timer_is_refused_and_never_switched_on(
    profile: str, attributes: dict[str, Any], problem: str
) -> None:
    async with plugged(profile, **attributes) as it:
        await it.clock.sleep(120)
        assert not it.device.link.connected
        assert problem in (it.role.link_problem or "")
        with pytest.raises(LinkLostError):
            await it.switch_on()
        assert not it.plug.changes
        assert not it.switch_ons()


@pytest.mark.parametrize("profile", ["shelly-plug", "zigbee2mqtt-plug"])
async def test_a_timer_that_does_not_run_after_all_ends_it_at_once_for_good(profile: str) -> None:
    async with plugged(profile, keeps_timer=False) as it:
        await it.connected()
        with pytest.raises(UncertainError, match="did not show that it switches itself off"):
            await it.switch_on()
        await it.clock.sleep(0.5)
        assert [why for _, _, why in it.plug.changes] == ["commanded", "commanded"]
        assert it.plug.times(False)[0] - it.plug.times(True)[0] < 2.2
        await it.role.stop()
        with pytest.raises(RefusedError, match="is not switched on"):
            await it.switch_on()
        assert len(it.plug.changes) == 2


async def test_tasmota_is_only_switched_on_once_it_reported_its_timer() -> None:
    async with plugged("tasmota-plug") as it:
        await it.connected()
        assert it.plug.pulse_time == 0, "nothing is set before it is needed"  # type: ignore[attr-defined]
        it.bus.holds = lambda topic, payload: topic.endswith("PulseTime1") and payload != ""
        with pytest.raises(RefusedError, match="did not report that its timer is 10 s"):
            await it.switch_on()
        assert not it.plug.changes
        assert not it.switch_ons()


async def test_a_zigbee_plug_that_zigbee2mqtt_does_not_list_is_refused() -> None:
    async with plugged("zigbee2mqtt-plug", listed=False, runs=False) as it:
        it.plug.introduce()
        task = asyncio.create_task(it.device.run())
        await it.clock.sleep(30)
        assert "zigbee2mqtt does not list it" in (it.role.link_problem or "")
        task.cancel()


# What else it reports


@every_kind
async def test_a_button_press_is_noticed(profile: str) -> None:
    async with plugged(profile) as it:
        await it.connected()
        it.plug.press_button()
        await it.until(lambda: it.role.reading.run_state is RunState.RUNNING, 1)
        it.plug.press_button()
        await it.until(lambda: it.role.reading.run_state is RunState.STOPPED, 1)


@every_kind
async def test_its_power_is_what_it_measures_and_unknown_until_then(profile: str) -> None:
    async with plugged(profile) as it:
        assert it.role.reading.power_w is None
        await it.connected()
        await it.switch_on()
        await it.until(lambda: it.role.reading.power_w == PAD_WATTS, 5)
        it.plug.electronic_pad = True
        await it.role.stop()
        await it.switch_on()
        await it.until(lambda: it.role.reading.power_w == 0, 5)


@every_kind
async def test_nothing_secret_and_no_broad_topic_is_subscribed_to(profile: str) -> None:
    async with plugged(profile, runs=False) as it:
        assert not any(sign in topic for topic in it.device._kind.subscriptions for sign in "+#")
