"""How a connection ends: lost, dropped, or with the device gone; and writes that overtake requests."""

from __future__ import annotations

import asyncio

import pytest
from bleak import BleakClient
from bleak.exc import BleakError

from tests.helpers.bumble_backends import (
    COMMAND,
    REPORT,
    Bench,
    never,
    turns,
)


async def test_disconnecting_calls_back_once(bench: Bench) -> None:
    client = await bench.connect()
    await client.disconnect()
    await client.disconnect()
    await turns()
    assert bench.lost == [client]
    assert not client.is_connected
    assert not bench.pump.server.connected


@pytest.mark.parametrize("how", ["device hangs up", "radio link lost", "device dies"])
async def test_an_end_from_the_other_side_calls_back_once(bench: Bench, how: str) -> None:
    client = await bench.connect()
    match how:
        case "device hangs up":
            await bench.pump.server.drop_link()
        case "radio link lost":
            bench.air.lose_link(bench.pump.device)
        case _:
            bench.air.remove(bench.pump.device)
    await turns()
    assert bench.lost == [client]
    assert not client.is_connected
    await client.disconnect()
    with pytest.raises(BleakError):
        await client.read_gatt_char(REPORT)
    with pytest.raises(BleakError):
        await client.write_gatt_char(COMMAND, b"", response=False)
    assert bench.lost == [client]


async def test_both_sides_disconnecting_at_once_is_one_end(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    client = await bench.connect()
    await asyncio.gather(client.disconnect(), bench.pump.server.drop_link())
    await turns()
    assert bench.lost == [client]
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


async def test_operations_in_flight_fail_at_once_when_the_link_is_lost(bench: Bench) -> None:
    client = await bench.connect()
    bench.pump.on_write = never()
    report = client.services.get_characteristic(REPORT)
    assert report is not None
    operations = [
        asyncio.create_task(operation)
        for operation in (
            client.write_gatt_char(COMMAND, b"unanswered", response=True),
            client.write_gatt_char(COMMAND, b"waiting", response=True),
            client.read_gatt_char(REPORT),
            client.read_gatt_descriptor(report.descriptors[0]),
            client.start_notify(REPORT, lambda *_: None),
        )
    ]
    await turns()
    assert not any(operation.done() for operation in operations)
    bench.air.lose_link(bench.pump.device)
    results = await asyncio.wait_for(asyncio.gather(*operations, return_exceptions=True), 0.5)
    assert [type(result) for result in results] == [BleakError] * 5
    assert bench.pump.written == [b"unanswered"]


@pytest.mark.system
async def test_a_link_lost_at_any_point_of_pairing_or_connecting_ends_in_a_bleak_error(bench: Bench) -> None:
    device = await bench.find()
    for patience in range(0, 300, 7):
        client = BleakClient(device, pair=True, timeout=1, backend=bench.client)
        connecting = asyncio.create_task(client.connect())
        await turns(patience)
        bench.air.lose_link(bench.pump.device)
        (result,) = await asyncio.wait_for(asyncio.gather(connecting, return_exceptions=True), 2)
        assert result is None or isinstance(result, BleakError), (patience, result)
        await client.disconnect()
        await client.unpair()
        await turns()


async def test_the_device_can_be_connected_again_after_every_kind_of_end(bench: Bench) -> None:
    for end in ("client", "device", "radio") * 3:
        client = await bench.connect()
        got: list[bytearray] = []
        await client.start_notify(REPORT, lambda _, data, got=got: got.append(data))
        bench.pump.server.notify(REPORT, b"1")
        await client.read_gatt_char(REPORT)
        assert got == [b"1"]
        if end == "client":
            await client.disconnect()
        elif end == "device":
            await bench.pump.server.drop_link()
        else:
            bench.air.lose_link(bench.pump.device)
        await turns()
    assert len(bench.lost) == 9


# ---- the emergency stop ----


async def test_a_write_without_response_overtakes_every_pending_request(bench: Bench) -> None:
    client = await bench.connect()
    bench.pump.on_write = never()
    tasks = [asyncio.create_task(client.write_gatt_char(COMMAND, b"%d" % i, response=True)) for i in range(3)]
    await turns()
    assert bench.pump.written == [b"0"]
    bench.pump.on_write = None
    await client.write_gatt_char(COMMAND, b"stop", response=False)
    await turns()
    assert bench.pump.written == [b"0", b"stop"]
    bench.air.lose_link(bench.pump.device)
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_request_cancelled_before_its_turn_is_never_sent(bench: Bench) -> None:
    client = await bench.connect()
    answered = asyncio.Event()

    async def answer(_: bytes) -> None:
        await answered.wait()

    bench.pump.on_write = answer
    first = asyncio.create_task(client.write_gatt_char(COMMAND, b"first", response=True))
    await turns()
    start = asyncio.create_task(client.write_gatt_char(COMMAND, b"start", response=True))
    await turns()
    start.cancel()
    answered.set()
    await first
    await client.write_gatt_char(COMMAND, b"last", response=True)
    assert bench.pump.written == [b"first", b"last"]


async def test_the_answer_to_a_cancelled_request_is_not_taken_for_the_next_ones(bench: Bench) -> None:
    client = await bench.connect()
    answers = {b"slow": asyncio.Event(), b"next": asyncio.Event()}
    bench.pump.on_write = lambda value: answers[value].wait()  # type: ignore[assignment,return-value]
    slow = asyncio.create_task(client.write_gatt_char(COMMAND, b"slow", response=True))
    await turns()
    slow.cancel()
    following = asyncio.create_task(client.write_gatt_char(COMMAND, b"next", response=True))
    await turns()
    assert bench.pump.written == [b"slow"]
    answers[b"slow"].set()
    await turns()
    assert bench.pump.written == [b"slow", b"next"]
    assert not following.done()
    answers[b"next"].set()
    await asyncio.wait_for(following, 1)
