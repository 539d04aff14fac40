"""The twin does what the published device SDKs do, also where that is inconvenient; else it would hide defects."""

from __future__ import annotations

import pytest

from devices.errors import UncertainError
from devices.tuya.datapoints import REPORTS, TIME_REQUESTS, Code, DataPoint, DatapointReport, DpType
from tests.helpers.faulty_tuya_twin import TuyaSdk
from tests.helpers.tuya_links import NOW, Bench, bench

SERVICES = [(3, "a201"), (4, "fd50")]
every_protocol = pytest.mark.parametrize(("protocol", "service"), SERVICES, ids=["v3", "v4"])


def reports_of(b: Bench) -> list[DatapointReport]:
    """Collect what the session makes of reports from now on."""
    found: list[DatapointReport] = []
    on_report = b.device._session._on_report

    def collect(report: DatapointReport) -> None:
        found.append(report)
        on_report(report)

    b.device._session._on_report = collect
    return found


@every_protocol
@pytest.mark.parametrize("back", [1, 2, 1000], ids=["the last", "one before", "the first"])
async def test_it_hangs_up_on_a_number_that_does_not_grow(protocol: int, service: str, back: int) -> None:
    async with bench(protocol=protocol, service=service) as b:
        await b.connected()
        session = b.device._session
        session._seq = max(0, session._seq - back)
        with pytest.raises(UncertainError, match="link was lost before it answered"):
            await b.device.command("pause", {})
        assert not b.twin.writes
        await b.connected()  # with numbers that begin anew
        await b.device.command("pause", {})
        assert b.twin.writes == [("pause", True)]


async def test_protocol_4_disconnects_on_a_first_request_without_a_packet_length() -> None:
    async with bench(protocol=4, service="fd50", spec={"device_info_request": b"\0"}) as b:
        await b.until(lambda: bool(b.trouble))
        assert "lost in the handshake" in b.trouble
        assert not b.device.link.connected


@pytest.mark.parametrize("packet_bytes", [20, 100])
async def test_protocol_4_gets_the_packet_length_in_the_first_request(packet_bytes: int) -> None:
    async with bench(protocol=4, service="fd50", spec={"packet_bytes": packet_bytes}) as b:
        await b.connected()
        assert b.twin._packet_bytes == packet_bytes
        assert b.device.values["run_state"] == "stopped"
        assert b.device.dropped_packets == 0


@every_protocol
@pytest.mark.parametrize("asks", [(), (Code.TIME_MILLISECONDS,), tuple(sorted(TIME_REQUESTS))], ids=len)
async def test_its_request_for_the_time_after_pairing_is_answered(
    protocol: int, service: str, asks: tuple[Code, ...]
) -> None:
    async with bench(protocol=protocol, service=service, sdk=TuyaSdk(asks_for_time=asks)) as b:
        await b.connected()
        await b.clock.sleep(2)
        told = {reply.code: reply.data for reply in b.twin.replies if reply.code in TIME_REQUESTS}
        assert set(told) == set(asks)
        if Code.TIME_LOCAL_DATE in asks:
            assert told[Code.TIME_LOCAL_DATE] == bytes([26, 7, 26, 3, 45, 12, 6]) + bytes.fromhex("0226")


@every_protocol
@pytest.mark.parametrize("time_as", ["seconds", "milliseconds"])
@pytest.mark.parametrize("flagged", [False, True])
async def test_its_timed_reports_carry_unix_time(protocol: int, service: str, time_as: str, flagged: bool) -> None:
    async with bench(protocol=protocol, service=service, sdk=TuyaSdk(time_as=time_as, flagged=flagged)) as b:
        await b.connected()
        began_seconds, found = b.clock.now(), reports_of(b)
        await b.device.command("start", {"phase": "stimulation", "level": 3, "duration_seconds": 900})
        await b.clock.sleep(60)
        times = [report.unix_seconds for report in found if report.unix_seconds is not None]
        assert len(times) >= 50
        for time in times:
            assert -1 <= time - NOW.timestamp() <= b.clock.now() - began_seconds + 2
        assert times[-1] - times[0] >= 55
        assert b.device.dropped_packets == 0
        reported = {reply.code for reply in b.twin.replies if reply.code in REPORTS}
        expected = {(3, False): {0x8001, 0x8003}, (3, True): {0x8004, 0x8005}}.get(
            (protocol, flagged), {0x8006, 0x8007}
        )
        assert reported == expected  # each acknowledged


async def test_without_the_time_it_reports_none() -> None:
    async with bench(sdk=TuyaSdk(asks_for_time=())) as b:
        await b.connected()
        found = reports_of(b)
        await b.device.command("start", {"phase": "stimulation", "level": 3, "duration_seconds": 900})
        await b.clock.sleep(5)
        assert found
        assert {report.unix_seconds for report in found} == {None}
        assert b.device.values["run_state"] == "running"


# Written by hand from the tables of the profiles: what does not fit is acknowledged, and nothing comes of it.
NOT_TAKEN_IN = [
    ("sporramom-w3", DataPoint(106, DpType.VALUE, 10)),  # levels are 1 to 9
    ("sporramom-w3", DataPoint(106, DpType.VALUE, 0)),
    ("sporramom-w3", DataPoint(106, DpType.BOOL, True)),
    ("sporramom-w3", DataPoint(112, DpType.VALUE, 1)),  # the start is a bool
    ("sporramom-w3", DataPoint(112, DpType.RAW, b"\1")),
    (
        "sporramom-w3",
        DataPoint(101, DpType.RAW, bytes.fromhex("00 01 02 0a 03 00 00 01 1e 02 1e")),
    ),  # a level of 10
    (
        "sporramom-w3",
        DataPoint(101, DpType.RAW, bytes.fromhex("04 01 02 03 03 00 00 01 1e 02 1e")),
    ),  # no such time
    (
        "sporramom-w3",
        DataPoint(101, DpType.RAW, bytes.fromhex("00 01 02 03 03 00 00 01 1e 02")),
    ),  # a byte is missing
    ("sporramom-w3", DataPoint(101, DpType.STRING, "start")),
    ("sporramom-w3", DataPoint(250, DpType.BOOL, True)),  # there is no such datapoint
    ("tuya-warmer", DataPoint(2, DpType.VALUE, 1001)),  # 100.1 °C
    ("tuya-warmer", DataPoint(2, DpType.VALUE, -1)),
    ("tuya-warmer", DataPoint(3, DpType.VALUE, 86_401)),
    ("tuya-blanket", DataPoint(2, DpType.VALUE, 46)),
    ("tuya-massage-chair", DataPoint(6, DpType.ENUM, 4)),  # three speeds
    ("tuya-massage-chair", DataPoint(6, DpType.VALUE, 2)),
]


@every_protocol
@pytest.mark.parametrize(("name", "point"), NOT_TAKEN_IN, ids=lambda each: getattr(each, "id", each))
async def test_what_does_not_fit_is_acknowledged_and_passed_over(
    protocol: int, service: str, name: str, point: DataPoint
) -> None:
    async with bench(name, protocol=protocol, service=service) as b:
        await b.connected()
        state = dict(b.twin.body.state)
        await b.device._session.write([point])  # acknowledged, as the SDK does before the product has seen it
        assert b.twin.ignored == [point]
        assert b.twin.writes == []
        assert b.twin.body.state == state
        assert not b.twin.body.run.on


async def test_a_product_of_a_smaller_range_keeps_its_target_and_that_is_what_is_read() -> None:
    async with bench("tuya-warmer", state={"target_celsius": 50.0}, ranges={"target_celsius": (35, 60)}) as b:
        await b.connected()
        await b.device.command("set_target", {"celsius": 30.0, "duration_seconds": 600}, undone_by="off")
        await b.until(lambda: b.device.values["run_state"] == "running")
        await b.until(lambda: b.twin.body.pad.target_celsius == 50)
        assert b.device.values["target_celsius"] == 50  # not the 30 that was asked for
        await b.device.stop("off")


UNBOUND = ["same key", "vendor's key", "nothing"]


@every_protocol
@pytest.mark.parametrize("unbound_info", UNBOUND)
async def test_an_unbound_device_is_named_whatever_it_answers(protocol: int, service: str, unbound_info: str) -> None:
    sdk = TuyaSdk(unbound_info=unbound_info)
    async with bench(protocol=protocol, service=service, bound=False, sdk=sdk) as b:
        await b.until(lambda: bool(b.trouble))
        assert "not bound to any account: add it in the Tuya app first" in b.trouble
        assert not b.device.link.connected
        assert not b.twin._paired  # it would be bound to whatever key stands in the settings
        assert not b.twin.writes
