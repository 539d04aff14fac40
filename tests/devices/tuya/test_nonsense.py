"""Whatever a device reports, what makes no sense is unknown: never a wrong value, and never the one before."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.driver.device_roles import DeviceWarmer, roles_of
from devices.driver.state_cache import StateCache
from devices.errors import ProtocolError, UncertainError
from devices.roles import RunState
from devices.support.clock import ScaledClock
from devices.tuya.datapoint_codec import TuyaCodec
from devices.tuya.datapoints import DataPoint, DpType, decode, encode
from tests.helpers.tuya_links import OWNERS_IDS, bench, profile

STATUS = bytes.fromhex("0002 0002 00 01 02 01 01 01 02 0170")
NONSENSE: list[tuple[str, dict[str, Any], str, DataPoint, str]] = [
    ("sporramom-w3", {}, "status", DataPoint(105, DpType.RAW, b""), "run_state"),
    ("sporramom-w3", {}, "status", DataPoint(105, DpType.RAW, STATUS[:-3]), "run_state"),
    ("sporramom-w3", {}, "status", DataPoint(105, DpType.RAW, STATUS + b"\0"), "run_state"),
    ("sporramom-w3", {}, "status", DataPoint(105, DpType.STRING, "running"), "run_state"),
    ("sporramom-w3", {}, "status", DataPoint(105, DpType.VALUE, 1), "run_state"),
    ("sporramom-w3", {}, "status", DataPoint(105, DpType.RAW, STATUS[:5] + b"\7" + STATUS[6:]), "phase"),
    ("sporramom-w3", {}, "status", DataPoint(105, DpType.RAW, STATUS[:9] + b"\7" + STATUS[10:]), "run_state"),
    ("sporramom-w3", {}, "battery_level", DataPoint(104, DpType.VALUE, 99), "battery_level"),
    ("sporramom-w3", {}, "battery_level", DataPoint(104, DpType.VALUE, -1), "battery_level"),
    ("sporramom-w3", {}, "battery_level", DataPoint(104, DpType.STRING, "full"), "battery_level"),
    ("sporramom-w3", {"device_side": "left"}, "device_side", DataPoint(111, DpType.RAW, b"\xff"), "device_side"),
    ("tuya-warmer", {}, "switch", DataPoint(1, DpType.STRING, "on"), "run_state"),
    ("tuya-warmer", {}, "switch", DataPoint(1, DpType.RAW, b"\1"), "run_state"),
    (
        "tuya-warmer",
        {"target_celsius": 40.0},
        "target_celsius",
        DataPoint(2, DpType.STRING, "40"),
        "target_celsius",
    ),
    ("tuya-blanket", {}, "surface_celsius", DataPoint(4, DpType.STRING, "37"), "surface_celsius"),
    ("tuya-massage-chair", {"speed": 2}, "speed", DataPoint(6, DpType.RAW, b""), "speed"),
]


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize(("name", "state", "says", "point", "unknown"), NONSENSE, ids=str)
async def test_nonsense_is_unknown_until_the_next_valid_report(
    name: str, state: dict[str, Any], says: str, point: DataPoint, unknown: str, protocol: int
) -> None:
    async with bench(name, protocol=protocol, state=state) as b:
        await b.connected()
        await b.until(lambda: b.device.values.get(unknown) is not None)
        good = b.device.values[unknown]
        b.twin.faults.says = {says: point}
        await b.until(lambda: b.device.values[unknown] is None)
        await b.clock.sleep(5)
        assert b.device.values[unknown] is None
        assert b.device.link.connected
        b.twin.faults.says = {}
        await b.until(lambda: b.device.values[unknown] == good)


async def test_nonsense_in_one_datapoint_leaves_the_others_alone() -> None:
    async with bench("tuya-blanket") as b:
        await b.connected()
        b.twin.faults.says = {"surface_celsius": DataPoint(4, DpType.STRING, "warm")}
        await b.until(lambda: b.device.values["surface_celsius"] is None)
        assert b.device.values["run_state"] == "stopped"
        assert b.device.state.age_seconds(["run_state"]) is not None


async def test_what_makes_no_sense_grows_old() -> None:
    """A device that goes on talking nonsense must not look fresh: after 10 s of it, what runs is stopped."""
    async with bench() as b:
        await b.connected()
        (pump,) = roles_of(b.device)
        b.twin.faults.says = {"status": DataPoint(105, DpType.RAW, b"")}
        await b.until(lambda: b.device.values["run_state"] is None)
        assert pump.reading.run_state is RunState.UNKNOWN
        await b.clock.sleep(12)
        assert (pump.age_seconds or 0) >= 10


@pytest.mark.parametrize("target_celsius", [60.0, 250.0])
async def test_a_target_above_its_range_is_seen_because_safety_must_see_it(target_celsius: float) -> None:
    async with bench("tuya-warmer") as b:
        await b.connected()
        b.twin.faults.says = {"target_celsius": DataPoint(2, DpType.VALUE, round(target_celsius * 10))}
        warmer = DeviceWarmer(b.device)
        await b.until(lambda: warmer.reading.target_celsius == target_celsius)


@pytest.mark.parametrize("code", ["01", "05", "ff"])
async def test_a_stop_is_not_confirmed_by_a_run_state_that_makes_no_sense(code: str) -> None:
    async with bench() as b:
        await b.connected()
        (pump,) = roles_of(b.device)
        b.twin.faults.says = {"status": DataPoint(105, DpType.RAW, STATUS[:9] + bytes.fromhex(code) + STATUS[10:])}
        with pytest.raises(UncertainError, match="did not confirm that it stopped"):
            await pump.stop()
        b.twin.faults.says = {}
        await pump.stop()


POINTS = st.tuples(st.sampled_from([*range(100, 115), *range(8)]), st.integers(0, 9), st.binary(max_size=20))


@given(st.sampled_from(["sporramom-w3", "tuya-warmer", "tuya-blanket", "tuya-massage-chair"]), st.lists(POINTS))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_report_makes_a_value_of_another_kind(name: str, points: list[tuple[int, int, bytes]]) -> None:
    spec = profile(name).tuya
    codec = TuyaCodec(spec, spec.ids(OWNERS_IDS))
    told = StateCache(ScaledClock(1))
    for point in decode(b"".join(bytes([*head, len(value)]) + value for *head, value in points), 3):
        names = codec.reported_by(point)
        try:
            values = codec.decode(point)
        except ProtocolError:
            told.mark_unknown(names)
            continue
        assert set(values) <= names
        told.update(values)
    assert told.values.get("run_state") in (None, "running", "stopped")
    assert told.values.get("phase") in (None, "stimulation", "expression")
    assert told.values.get("battery_level") in (None, 1, 2, 3)
    for value in ("target_celsius", "surface_celsius", "countdown", "minutes", "speed"):
        assert isinstance(told.values.get(value), int | float | None)


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("value", [b"", b"\1" * 5, b"\xff" * 20])
def test_one_datapoint_that_its_type_cannot_mean_does_not_cost_the_others(protocol: int, value: bytes) -> None:
    good = DataPoint(104, DpType.VALUE, 2)
    size = len(value).to_bytes(1 if protocol == 3 else 2, "big")
    data = bytes([105, DpType.VALUE]) + size + value + encode([good], protocol)
    assert decode(data, protocol) == (DataPoint(105, DpType.RAW, value), good)
