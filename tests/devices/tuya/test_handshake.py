"""How a session begins, on the virtual radio: what is told, what is checked, and what is said when it does not."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from devices.roles import Side
from devices.tuya.datapoints import REPORTS, Code
from tests.helpers.tuya_links import NOW, SECRET_KEY, SECRETS, Bench, bench, credentials

SERVICES = [(3, "a201"), (3, "1910"), (4, "fd50"), (4, "a201"), (3, "fd50")]
every_way = pytest.mark.parametrize(("protocol", "service"), SERVICES, ids=str)


@every_way
async def test_a_device_is_connected_and_known(protocol: int, service: str) -> None:
    async with bench(protocol=protocol, service=service) as b:
        await b.connected()
        assert b.device.values["run_state"] == "stopped"
        assert b.device.side is Side.LEFT
        assert b.device.dropped_packets == 0


@pytest.mark.parametrize("protocol", [3, 4])
async def test_a_secret_key_is_used_where_the_account_has_one(protocol: int) -> None:
    own = credentials(secret_key=SECRET_KEY)
    async with bench(own=own, protocol=protocol) as b:
        await b.connected()
        assert b.device.values["run_state"] == "stopped"


@every_way
async def test_a_request_for_the_time_is_answered(protocol: int, service: str) -> None:
    async with bench(protocol=protocol, service=service) as b:
        await b.connected()
        await b.until(lambda: len(b.twin.replies) >= 2)
        told = {reply.code: reply.data for reply in b.twin.replies}
        assert told[Code.TIME_MILLISECONDS] == str(int(NOW.timestamp() * 1000)).encode() + bytes.fromhex("0226")
        assert told[Code.TIME_DATE] == bytes([26, 7, 26, 3, 45, 12, 6]) + bytes.fromhex("0226")


@pytest.mark.parametrize(("protocol", "answer"), [(3, b"\0"), (4, bytes.fromhex("0000000001 0000 00"))])
async def test_a_report_is_acknowledged_under_its_own_number(protocol: int, answer: bytes) -> None:
    async with bench(protocol=protocol) as b:
        await b.connected()
        await b.until(lambda: any(reply.code in REPORTS for reply in b.twin.replies))
        reply = next(reply for reply in b.twin.replies if reply.code in REPORTS)
        assert reply.data == answer
        assert reply.response_to > 0


OTHER_KEY = "0therKey0therKey"


@pytest.mark.parametrize(
    ("twins", "own", "says"),
    [
        ({"local_key": OTHER_KEY}, {}, "fetch the local key again from your Tuya account"),
        ({}, {"secret_key": SECRET_KEY}, "fetch the local key again from your Tuya account"),
        ({"uuid": "tuyaffffffffffff"}, {}, "bound to another account"),
        ({"device_id": "bf99aa11bb22cc33dd44ee"}, {}, "bound to another account"),
    ],
    ids=["local key", "secret key", "uuid", "device id"],
)
async def test_wrong_credentials_are_named_with_their_remedy(
    twins: dict[str, Any], own: dict[str, Any], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with bench(own=credentials(**own), twins=credentials(**twins)) as b:
        await b.until(lambda: bool(b.trouble))
        assert says in b.trouble
        assert not b.device.link.connected
        assert not b.twin.writes
        unmask(b.trouble + caplog.text)


def unmask(text: str) -> None:
    """See that no secret stands in a text, neither plain nor as hex digits."""
    for secret in (*SECRETS, OTHER_KEY):
        assert secret not in text
        assert secret.encode().hex() not in text.lower()


async def test_an_unbound_device_is_not_paired_with_whatever_key_is_there() -> None:
    async with bench(bound=False) as b:
        await b.until(lambda: bool(b.trouble))
        assert "not bound to any account: add it in the Tuya app first" in b.trouble
        assert not b.device.link.connected


async def test_another_protocol_is_refused() -> None:
    async with bench(protocol=2) as b:
        await b.until(lambda: bool(b.trouble))
        assert "has protocol 2 of Tuya BLE; only 3 and 4 are supported" in b.trouble


async def test_a_garbled_first_answer_ends_the_attempt_and_the_next_one_succeeds() -> None:
    async with bench() as b:
        b.twin.faults.garble = 1
        await b.until(lambda: bool(b.trouble))
        assert "local key" in b.trouble
        await b.connected()
        assert b.device.link.problem is None


async def test_larger_packets_and_a_first_request_with_data_are_sent_where_a_device_wants_them() -> None:
    async with bench(protocol=4, service="fd50", spec={"packet_bytes": 120, "device_info_request": b"\0\xf3"}) as b:
        await run(b)
        assert b.twin.body.run.state == "stopped"


async def test_a_link_that_is_lost_in_the_handshake_is_found_again() -> None:
    async with bench() as b:
        b.twin.faults.mute = True
        await b.until(lambda: b.twin.server is not None and b.twin.server.connected)
        await b.clock.sleep(1)
        began_seconds = b.clock.now()
        b.lose_link()
        await b.until(lambda: bool(b.trouble))
        assert "lost in the handshake" in b.trouble
        assert b.clock.now() - began_seconds < 1
        b.twin.faults.mute = False
        await b.connected()
        assert b.device.values["run_state"] == "stopped"


async def test_secrets_are_in_no_log_of_a_whole_run(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with bench(own=credentials(secret_key=SECRET_KEY), protocol=4) as b:
        await run(b)
    assert "session open" in caplog.text
    assert "was on before this connection" in caplog.text
    unmask(caplog.text)
    unmask(repr(b.device.__dict__) + repr(b.twin.__dict__))


async def run(b: Bench) -> None:
    await b.connected()
    start = {"phase": "stimulation", "level": 3, "duration_seconds": 900}
    await b.device.command("start", start, undone_by="stop")
    b.twin.faults.garble = 1
    await b.clock.sleep(3)
    b.lose_link()
    await b.until(lambda: not b.device.link.connected)
    await b.connected()
