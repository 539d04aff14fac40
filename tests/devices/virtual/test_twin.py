"""A virtual device decodes what its driver was asked to do, for every command of every profile, over the radio."""

from __future__ import annotations

import contextlib
import math

import pytest

from devices.driver.field_spec import FieldSpec
from devices.driver.vocabulary import START_VERB, STOP_VERB, Value
from devices.errors import DeviceError
from devices.profiles.catalog import fit
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.virtual.simple_bodies import SimpleMassager, SimpleWarmer
from devices.virtual.simple_pump import SimplePump
from devices.virtual.transports import Air
from devices.virtual.twin import Twin
from devices.virtual.virtual_home import Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.shipped_profiles import PROFILES, catalog, described, name_of, shipped
from tests.helpers.twins import driven

_ON_AIR_SECONDS = 0.1  # until a write that nobody acknowledges has arrived

every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)


def fields_needed(profile: Profile, name: str) -> list[FieldSpec]:
    """Return the fields whose values a command carries."""
    command = profile.commands[name]
    fields = [field for field in (*command.payload, *command.fields.values()) if field.name is not None]
    for step in command.sequence:
        fields += [field for field in fields_needed(profile, step.command) if field.name not in step.values]
    return fields


def settings(field: FieldSpec) -> list[Value]:
    """Return values for a field: every named value, or the ends and the middle of its range."""
    if field.meanings:
        return list(field.meanings.values())
    if field.type == "bool":
        return [False, True]
    low, high = field.range or (0, min(250, field.wire_range[1]))
    return [low, low + (high - low) * 0.4, high]


def asked_of(profile: Profile, name: str) -> list[dict[str, Value]]:
    """Return sets of values for a command in which each value occurs at least once."""
    fields = fields_needed(profile, name)
    count = max((len(settings(field)) for field in fields), default=1)
    return [
        {str(field.name): settings(field)[number % len(settings(field))] for field in fields} for number in range(count)
    ]


def is_understood(field: FieldSpec, asked: Value, understood: Value) -> bool:
    """Return whether a device decoded the requested value, or its own next lower step."""
    if isinstance(asked, str | bool) or isinstance(understood, str | bool | None):
        return asked == understood
    assert asked is not None
    step = abs(field.factor) / (1.8 if field.unit == "fahrenheit" else 1)
    lowest = field.range[0] if field.range else -math.inf
    return asked - step < understood <= asked + 1e-6 or lowest <= understood <= lowest + step + 1e-6


@every_profile
async def test_a_twin_decodes_every_command(profile: Profile) -> None:
    async with driven(profile) as (driver, twin, clock):
        for name, command in profile.commands.items():
            if command.repeat:
                continue
            for asked in asked_of(profile, name):
                twin.commands.clear()
                with contextlib.suppress(DeviceError):  # turned down, such as a pause of what does not run
                    await driver.connection.send(name, asked)
                await clock.sleep(_ON_AIR_SECONDS)
                message = next(each for each in twin.commands if each.name == name)
                for field in fields_needed(profile, name):
                    value = message.values[str(field.name)]
                    assert is_understood(field, asked[str(field.name)], value), (name, field.name, asked, value)


@every_profile
async def test_a_stop_is_decoded_between_any_other_commands(profile: Profile) -> None:
    async with driven(profile) as (driver, twin, clock):
        for role in profile.energy_roles:
            start, stop = START_VERB[role], STOP_VERB[role]
            await driver.command(start, asked_of(profile, start)[-1], undone_by=stop)
            await clock.sleep(1)
            assert twin.body.run.on
            with contextlib.suppress(DeviceError):  # some never say that they stopped
                await driver.stop(stop)
            await clock.sleep(_ON_AIR_SECONDS)
            assert not twin.body.run.on
            assert stop in [message.name for message in twin.commands]


@every_profile
async def test_what_a_device_reports_arrives(profile: Profile) -> None:
    async with driven(profile) as (driver, _, clock):
        await clock.sleep(31)
        for role in profile.energy_roles[:1]:
            await driver.command(START_VERB[role], asked_of(profile, START_VERB[role])[-1], undone_by=STOP_VERB[role])
        await clock.sleep(5)
        if "run_state" in profile.reported:
            assert driver.values["run_state"] == "running"
        if "battery_percent" in profile.regular or any(
            channel.read and channel.fields and channel.fields[0].name == "battery_percent"
            for channel in profile.channels.values()
        ):
            assert driver.values["battery_percent"] in (99, 100)
        if "weight_g" in profile.reported:
            assert driver.values["weight_g"] == pytest.approx(80, abs=5)  # the bottle
        if "surface_celsius" in profile.reported:
            measured = driver.values["surface_celsius"]
            assert isinstance(measured, int | float)
            assert 20 <= measured <= 43
        assert driver.dropped_packets == 0


@every_profile
async def test_only_its_own_profile_fits_what_a_device_advertises(profile: Profile) -> None:
    clock, air, each = ScaledClock(math.inf), Air(), described(profile)
    home = Home(clock, catalog(), [each], seed=1)
    async with home.on_air(air), radio_on_air(clock, air) as radio:
        advertisement = await radio.find(lambda seen: seen.name == each.advertised_name, -1)
        fitting = {other.id for other in PROFILES if fit(other, advertisement).fits}
    by_name_alone = {"kiturami-kdm-851", "heating-mat"}  # nobody published what they advertise
    assert fitting == {profile.id} - by_name_alone


async def test_a_repeated_start_renews_by_sending_the_last_start_again() -> None:
    async with driven("satisfyer") as (driver, twin, clock):
        await driver.renew({"lease_seconds": 10})
        assert "run" not in [message.name for message in twin.commands]
        await driver.command("run", {"intensity": 0.25}, undone_by="stop")
        await clock.sleep(_ON_AIR_SECONDS)
        before = len(twin.written)
        await driver.renew({"lease_seconds": 10})
        await clock.sleep(_ON_AIR_SECONDS)
        assert twin.written[before:] == [("control", b"\x01"), ("speed", bytes([25] * 4))]
        await driver.stop("stop")
        before = len(twin.written)
        await driver.renew({"lease_seconds": 10})
        assert len(twin.written) == before
        assert not twin.body.run.on


async def test_an_ooler_ignores_writes_while_it_is_off() -> None:
    async with driven("ooler") as (driver, twin, clock):
        await driver.connection.send("target", {"celsius": 40})
        assert not twin.body.run.on
        await driver.command("set_target", {"celsius": 40}, undone_by="off")
        assert isinstance(twin.body, SimpleWarmer)
        assert twin.body.pad.target_celsius == pytest.approx(40)
        await driver.connection.send("target", {"celsius": 38})
        assert twin.body.pad.target_celsius == pytest.approx(37.8, abs=0.1)  # 100 °F
        twin.body.run.fault = "overheat"  # it goes off by itself
        await clock.sleep(2)
        await driver.connection.send("target", {"celsius": 40})
        assert not twin.body.run.on


async def test_a_kiturami_has_its_handles_where_gatttool_finds_them() -> None:
    async with driven("kiturami-kdm-851") as (driver, twin, _):
        assert twin.server is not None
        client = driver.link._client
        assert client is not None
        handles = {each.handle: set(each.properties) for each in client.services.characteristics.values()}
        assert handles[0x000D] == {"write-without-response"}
        assert handles[0x000F] == {"read", "notify"}
        descriptors = [each.handle for each in client.services.descriptors.values()]
        assert 0x0010 in descriptors
        assert ("tx", bytes.fromhex("f0020000fe")) in twin.written


async def test_a_template_without_uuids_is_refused() -> None:
    profile = next(each for each in shipped() if each.id == "heating-mat")
    with pytest.raises(ValueError, match="is a template"):
        Twin(profile, SimpleWarmer(profile, Side.BOTH, 1), "Mat", lambda: 0.0)


async def test_a_line_may_arrive_in_fragments_and_a_stop_ends_an_incomplete_one() -> None:
    async with driven("text-pump") as (driver, twin, clock):
        start = {
            "phase": "expression",
            "vacuum_mmhg": 150,
            "rate_cpm": 54,
            "duration_seconds": 900,
            "lease_seconds": 60,
        }
        await driver.command("start", start, undone_by="stop")
        assert [len(data) for channel, data in twin.written if channel == "tx"][-3:] == [20, 20, 14]
        assert twin.body.run.on
        await twin._on_write("tx", b"start phase=2 vac")  # the rest is lost
        await driver.connection.send("stop", {})
        assert not twin.body.run.on
        await driver.command("start", start, undone_by="stop")
        twin.commands.clear()
        assert twin.server is not None
        notified: list[bytes] = []
        notify = twin.server.notify
        twin.server.notify = lambda uuid, data: (notified.append(data), notify(uuid, data))  # type: ignore[method-assign,assign,func-returns-value]
        await clock.sleep(3)
        assert max(map(len, notified)) == 20
        assert driver.values["peak_vacuum_mmhg"] == pytest.approx(150, abs=40)


@pytest.mark.parametrize(("profile_id", "goes_on"), [("text-massager", False), ("foreo-luna", True), ("ooler", True)])
async def test_link_loss_stops_only_devices_whose_profile_says_so(profile_id: str, goes_on: bool) -> None:
    async with driven(profile_id) as (driver, twin, clock):
        role = driver.model.energy_roles[0]
        start = START_VERB[role]
        await driver.command(start, asked_of(driver.model, start)[-1], undone_by=STOP_VERB[role])
        await clock.sleep(_ON_AIR_SECONDS)
        twin.body.lose_link()
        assert twin.body.run.on is goes_on


@pytest.mark.system
async def test_a_mat_ends_by_its_own_timer() -> None:
    async with driven("heating-mat") as (driver, twin, clock):
        await driver.command("set_target", {"level": 5, "duration_hours": 1}, undone_by="off")
        await clock.sleep(3590)
        assert twin.body.run.on
        assert driver.values["target_celsius"] == 40
        await clock.sleep(20)
        assert not twin.body.run.on
        assert driver.values["run_state"] == "stopped"


async def test_a_heater_and_a_massager_in_one_device_are_stopped_apart() -> None:
    async with driven("joyhub") as (driver, twin, clock):
        await driver.command("run", {"intensity": 0.2}, undone_by="stop")
        await driver.command("set_target", {}, undone_by="off")
        await driver.stop("stop")
        await clock.sleep(_ON_AIR_SECONDS)
        assert twin.body.run.on  # the heater
        await driver.stop("off")
        await clock.sleep(_ON_AIR_SECONDS)
        assert not twin.body.run.on


async def test_a_body_that_ignores_stops_goes_on() -> None:
    async with driven("magic-motion-v1") as (driver, twin, _):
        assert isinstance(twin.body, SimpleMassager)
        twin.body.ignores = {"stop"}
        await driver.command("run", {"intensity": 0.2}, undone_by="stop")
        await driver.stop("stop")  # nobody can tell: it reports nothing
        assert twin.body.run.on
        assert twin.body.intensity == pytest.approx(0.2)


async def test_each_measurement_covers_all_the_time_since_the_last_one_whatever_else_is_asked() -> None:
    async with driven("text-pump") as (driver, twin, clock):
        setting = {"phase": "expression", "vacuum_mmhg": 150, "rate_cpm": 54}
        await driver.command("start", {**setting, "duration_seconds": 900, "lease_seconds": 60}, undone_by="stop")
        await clock.sleep(3)
        told: list[tuple[float, float]] = []
        driver.state.on_change(
            lambda: told.append((driver.values["peak_vacuum_mmhg"], driver.values["residual_vacuum_mmhg"]))
        )
        for _ in range(60):  # more often than it measures
            await driver.command("renew", {"lease_seconds": 60})
            await driver.connection.send("ask_state", {})
            await clock.sleep(0.2)
        # A cycle takes 1.2 s at most, and every stretch of a second of it has its trough.
        for at in range(0, len(told) - 30, 30):
            assert max(peak for peak, _ in told[at : at + 30]) > 100
            assert min(residual for _, residual in told[at : at + 30]) < 60
        truth = twin.body.suction.window(clock.now() - 12)
        assert max(peak for peak, _ in told) == pytest.approx(truth.peak_mmhg, abs=0.06)
        assert min(residual for _, residual in told) == pytest.approx(truth.residual_mmhg, abs=1.5)


async def test_a_pump_without_a_vacuum_command_runs_as_set_at_its_buttons() -> None:
    async with driven("kindly-cuddle") as (driver, twin, clock):
        assert ("tx", bytes.fromhex("55aa06901eb3")) in twin.written
        assert isinstance(twin.body, SimplePump)
        await driver.command("start", {}, undone_by="stop")
        await clock.sleep(5)
        assert twin.body.suction_mmhg > 50
        await driver.command("pause", {})
        await clock.sleep(2)
        assert twin.body.suction_mmhg == 0
        assert driver.values["run_state"] == "running"  # the pump has no word for it there
        await driver.command("resume", {}, undone_by="stop")
        await clock.sleep(5)
        assert twin.body.suction_mmhg > 50
        await driver.stop("stop")
        await clock.sleep(2)
        assert twin.body.suction_mmhg == 0


def test_every_profile_has_a_matching_name() -> None:
    names = [name_of(profile) for profile in PROFILES]
    assert len(set(names)) == len(names) - 2  # three generations of one maker share a name
