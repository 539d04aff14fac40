"""tuya-ble-sdk, which reads Tuya devices and changes nothing on them, against the virtual ones."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest

from devices.support.clock import RealClock
from devices.tuya.datapoints import Code
from devices.virtual.tuya_body import TuyaBody
from tests.clients.client import client, on_air, output_of
from tests.clients.proof import TUYA, Proof
from tests.helpers.faulty_tuya_twin import FaultyTuyaTwin, TuyaSdk
from tests.helpers.service_process import wait
from tests.helpers.tuya_links import DEVICE_ID, LOCAL_KEY, credentials, profile

pytestmark = pytest.mark.system

PROGRAM = "use_tuya.py"
PRODUCT = "letdown1"
NUMBERS = itertools.count(10)

# Of each device: what it is set to, by our names, and the ids, kinds and values of its datapoints as they must arrive.
RAW, BOOLEAN, VALUE, STRING, ENUM = range(5)
DEVICES: dict[str, tuple[dict[str, Any], dict[str, tuple[int, int, Any]]]] = {
    "sporramom-w3": (
        {
            "stimulation_level": 4,
            "stimulation_hybrid": True,
            "expression_level": 7,
            "expression_hybrid": False,
            "device_side": "left",
        },
        {
            "battery_level": (104, VALUE, 3),
            "stimulation_level": (106, VALUE, 4),
            "stimulation_hybrid": (107, BOOLEAN, True),
            "expression_level": (108, VALUE, 7),
            "expression_hybrid": (109, BOOLEAN, False),
            "device_side": (111, STRING, "left"),
        },
    ),
    "tuya-warmer": (
        {"target_celsius": 39.5, "countdown": 600},
        {"switch": (1, BOOLEAN, False), "target_celsius": (2, VALUE, 395), "countdown": (3, VALUE, 600)},
    ),
    "tuya-blanket": (
        {"target_celsius": 38, "surface_celsius": 31},
        {"switch": (1, BOOLEAN, False), "target_celsius": (2, VALUE, 38), "surface_celsius": (4, VALUE, 31)},
    ),
    "tuya-massage-chair": (
        {"heat": False, "speed": 2, "minutes": 600},
        {
            "switch": (1, BOOLEAN, False),
            "heat": (5, BOOLEAN, False),
            "speed": (6, ENUM, 2),
            "minutes": (7, VALUE, 10),
        },
    ),
}
# 105 arrives as it was sent, because the SDK leaves raw datapoints to its user: by the table in the app's source, an
# idle pump with a program of stimulation and expression, 30 minutes each, and 0x170 on its battery.
IDLE_STATUS = "000000000001020001021e0170"


def device(name: str, clock: RealClock, *, bound: bool = True, **copy: Any) -> FaultyTuyaTwin:
    """Return a virtual device with a uuid of its own. `copy`: in what its copy of the device SDK differs."""
    state, _ = DEVICES[name]
    number = next(NUMBERS)
    own = credentials(uuid=f"tuya0123456789{number}")
    # The SDK numbers an answer before it sends it. So its numbers do not climb when the question came in the very same
    # moment as the device's reply to pairing, as only here, where the air takes no time; and the device hangs up.
    sdk = TuyaSdk(asks_after_seconds=0.2, **copy)
    return FaultyTuyaTwin(
        profile(name), TuyaBody(state), f"TY{number}", clock.now, credentials=own, bound=bound, sdk=sdk
    )


def wanted(twin: FaultyTuyaTwin, **changes: str) -> dict[str, str]:
    """Return what the SDK needs to know to read a device."""
    uuid = twin._credentials.uuid.get_secret_value()
    return {"name": twin.name, "uuid": uuid, "device_id": DEVICE_ID, "local_key": LOCAL_KEY, **changes}


def by_id(points: list[dict[str, Any]]) -> dict[int, tuple[int, Any]]:
    return {point["identifier"]: (point["data_type"], point["value"]) for point in points}


async def test_it_reads_what_is_true_of_every_device_and_tells_whoever_has_the_wrong_secrets() -> None:
    """All at once, because the SDK waits twelve seconds for an answer that does not come."""
    assert DEVICES.keys() == TUYA.keys()
    clock = RealClock()
    idle = {name: device(name, clock) for name in DEVICES}
    older, unbound = device("tuya-warmer", clock, status_code=Code.WRITE), device("tuya-warmer", clock, bound=False)
    running = [device("sporramom-w3", clock, time_as=unit) for unit in ("seconds", "milliseconds")]
    other_key, other_account, silent = (device("tuya-warmer", clock) for _ in range(3))
    for pump in running:
        pump.body.press_on("stimulation")
    silent.faults.reportless = True
    twins = [*idle.values(), older, *running, unbound, other_key, other_account, silent]
    async with on_air(*twins) as devices, client(PROGRAM, devices.transport) as sdk:
        check_advertisements(await sdk.until("parse_advertisement", lambda told: len(told) == len(twins)), twins)
        reading = asyncio.create_task(
            sdk.call(
                "async_read_data_points",
                *map(wanted, [*idle.values(), older, *running, silent]),
                wanted(other_key, local_key="0therKey0therKey"),
                wanted(other_account, device_id="another"),
            )
        )
        for pump in running:
            await wait(lambda pump=pump: any(reply.code == Code.TIMED_REPORT for reply in pump.replies))
            pump.body.press_off()
        *points, of_older, seconds, milliseconds, nothing, key, account = await reading
        for (name, twin), each in zip(idle.items(), points, strict=True):
            check_points(name, twin, each)
            check_answers(twin)
        check_points("tuya-warmer", older, of_older)
        check_times(seconds)
        check_times(milliseconds)
        assert nothing == []
        assert key["error"] == "TuyaBleHandshakeTimeoutError"
        assert account["error"] == "TuyaBleAuthenticationError"
        assert not other_key.replies
        assert not other_account.replies
        # It changes nothing: all it has is one session that reads, and the address of whom it reads.
        assert set(await sdk.call("operations")) == {"async_read_data_points", "address"}
        assert not any(twin.writes for twin in twins)


def check_points(name: str, twin: FaultyTuyaTwin, points: list[dict[str, Any]]) -> None:
    read, proof = by_id(points), Proof()
    for datapoint, (number, kind, truth) in DEVICES[name][1].items():
        proof.report(datapoint, read.pop(number), (kind, truth))
    assert read == ({105: (RAW, IDLE_STATUS)} if name == "sporramom-w3" else {})
    proof.holds(TUYA[name], heard=[each for each, _ in twin.writes])


def check_times(points: list[dict[str, Any]]) -> None:
    """The last report tells that it stopped. The device sent it by itself, with the time of day."""
    status = next(point for point in points if point["identifier"] == 105)
    assert bytes.fromhex(status["value"])[9] == 2
    assert all(abs(point["timestamp"] - time.time()) < 60 for point in points)


def check_answers(twin: FaultyTuyaTwin) -> None:
    """It answers what the device asks and reports."""
    answers = {reply.code: reply for reply in twin.replies}
    assert all(reply.response_to for reply in answers.values())
    assert Code.REPORT in answers
    milliseconds = answers[Code.TIME_MILLISECONDS].data
    assert abs(int(milliseconds[:13]) / 1000 - time.time()) < 60
    assert len(milliseconds) == 13 + 2
    year, month = answers[Code.TIME_DATE].data[:2]
    assert (year, month) == (time.localtime().tm_year - 2000, time.localtime().tm_mon)


def check_advertisements(told: dict[str, dict[str, Any]], twins: list[FaultyTuyaTwin]) -> None:
    """Each tells who is there, and whether it belongs to an account."""
    assert told == {
        twin.name: {
            "product_id": PRODUCT,
            "uuid": wanted(twin)["uuid"],
            "protocol_version": 3,
            "is_bound": twin.bound,
        }
        for twin in twins
    }


async def test_its_command_line_finds_and_reads_a_device() -> None:
    warmer = device("tuya-warmer", RealClock())
    async with on_air(warmer) as devices:
        found = await output_of("tuya_ble.py", devices.transport, "scan", "--seconds", "1")
        assert found.split() == [
            *(devices.address(warmer), warmer.name, f"product_id={PRODUCT}", f"uuid={wanted(warmer)['uuid']}"),
            *("protocol=3", "bound=True"),
        ]
        secrets = ("--device-id", DEVICE_ID, "--local-key", LOCAL_KEY)
        address = devices.address(warmer)
        read = await output_of("tuya_ble.py", devices.transport, "read", "--address", address, *secrets)
        assert [line.split() for line in read.splitlines()] == [
            ["dp", "1", "BOOLEAN", "False"],
            ["dp", "2", "VALUE", "395"],
            ["dp", "3", "VALUE", "600"],
        ]
