"""bleak's client over the virtual radio: reading, writing, notifications, errors and pairing."""

from __future__ import annotations

import asyncio

import pytest
from bleak.exc import BleakError, BleakGATTProtocolError, BleakGATTProtocolErrorCode
from bumble.att import ATT_Error
from bumble.gatt import GATT_CHARACTERISTIC_ATTRIBUTE_TYPE as ENTRY
from bumble.gatt import GATT_PRIMARY_SERVICE_ATTRIBUTE_TYPE as SERVICE_ENTRY

from tests.helpers.bumble_backends import (
    ACKNOWLEDGED,
    COMMAND,
    FINISHED,
    LONG,
    REPORT,
    SECRET,
    Bench,
    turns,
)


async def test_writes_with_and_without_response_arrive_in_order(bench: Bench) -> None:
    client = await bench.connect()
    for number in range(10):
        await client.write_gatt_char(COMMAND, bytes([number]), response=number % 2 == 0)
    await turns()
    assert bench.pump.written == [bytes([number]) for number in range(10)]


async def test_a_write_is_answered_only_when_the_device_has_processed_it(bench: Bench) -> None:
    client = await bench.connect()
    taken = asyncio.Event()

    async def take(_: bytes) -> None:
        await taken.wait()

    bench.pump.on_write = take
    writing = asyncio.create_task(client.write_gatt_char(COMMAND, b"on", response=True))
    await turns()
    assert not writing.done()
    taken.set()
    await asyncio.wait_for(writing, 1)


async def test_values_longer_than_the_mtu_are_read_and_written_whole(bench: Bench) -> None:
    client = await bench.connect()
    assert await client.read_gatt_char(LONG) == b"x" * 600
    await client.write_gatt_char(LONG, b"y" * 500, response=True)
    assert bench.pump.long_value == b"y" * 500
    with pytest.raises(BleakError, match="too many"):
        await client.write_gatt_char(COMMAND, b"z" * 245, response=False)


async def test_cancelled_long_writes_leave_nothing_half_written(bench: Bench) -> None:
    client = await bench.connect()
    for patience in range(0, 60, 4):
        bench.pump.long_value = b"x"
        writing = asyncio.create_task(client.write_gatt_char(LONG, b"y" * 500, response=True))
        await turns(patience)
        writing.cancel()
        await client.write_gatt_char(LONG, b"z" * 400, response=True)
        assert bench.pump.long_value == b"z" * 400
        await asyncio.gather(writing, return_exceptions=True)


async def test_att_errors_are_raised_as_bleaks_own(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    client = await bench.connect()
    for request, code in [
        (client.read_gatt_char(COMMAND), BleakGATTProtocolErrorCode.READ_NOT_PERMITTED),
        (client.write_gatt_char(REPORT, b"", response=True), BleakGATTProtocolErrorCode.WRITE_NOT_PERMITTED),
        (client.write_gatt_char(FINISHED, b"no", response=True), 0x80),
        (client.write_gatt_char(FINISHED, b"bug", response=True), BleakGATTProtocolErrorCode.UNLIKELY_ERROR),
    ]:
        with pytest.raises(BleakGATTProtocolError) as caught:
            await request
        assert caught.value.code == code
    assert "a bug in the device" in caplog.text


async def test_attribute_declarations_cannot_be_written(bench: Bench) -> None:
    """A central with an outdated GATT cache, such as bluetoothd 5.66, writes where a descriptor once was."""
    client = await bench.connect()
    att = client._backend._require_att()  # type: ignore[attr-defined]  # bleak itself writes no declaration
    table = [each for each in bench.pump.device.gatt_server.attributes if each.type in (SERVICE_ENTRY, ENTRY)]
    before = [await each.read_value(None) for each in table]
    assert len(table) > 10
    for each in table:
        with pytest.raises(ATT_Error) as caught:
            await att.write_value(each.handle, b"\1\0", with_response=True)
        assert caught.value.error_code == BleakGATTProtocolErrorCode.WRITE_NOT_PERMITTED
        await att.write_value(each.handle, b"\1\0", with_response=False)
    await turns()
    assert [await each.read_value(None) for each in table] == before


async def test_notifications_and_indications_reach_their_callbacks_until_stopped(bench: Bench) -> None:
    client = await bench.connect()
    got: list[tuple[str, bytearray]] = []
    bench.pump.server.notify(REPORT, b"nobody listens")
    await client.start_notify(REPORT, lambda sender, data: got.append((sender.uuid, data)))
    await client.start_notify(ACKNOWLEDGED, lambda sender, data: got.append((sender.uuid, data)))
    for number in range(3):
        bench.pump.server.notify(REPORT, bytes([number]))
        bench.pump.server.notify("2a1c", bytes([number]))
    await turns()
    assert [data for uuid, data in got if uuid == REPORT] == [b"\x00", b"\x01", b"\x02"]
    assert [data for uuid, data in got if uuid == ACKNOWLEDGED] == [b"\x00", b"\x01", b"\x02"]
    assert all(type(data) is bytearray for _, data in got)
    await client.stop_notify(REPORT)
    await client.stop_notify(ACKNOWLEDGED)
    bench.pump.server.notify(REPORT, b"late")
    bench.pump.server.notify(ACKNOWLEDGED, b"late")
    await turns()
    assert len(got) == 6


async def test_a_failing_notification_callback_affects_no_other(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    client = await bench.connect()
    await client.start_notify(ACKNOWLEDGED, lambda _, data: {}[data[0]])
    bench.pump.server.notify(ACKNOWLEDGED, b"1")
    await turns()
    assert "a notification callback failed" in caplog.text
    assert await client.read_gatt_char(REPORT) == b"report"


async def test_what_cannot_notify_cannot_be_subscribed_to(bench: Bench) -> None:
    client = await bench.connect()
    with pytest.raises(BleakError, match="neither notifies nor indicates"):
        await client.start_notify(COMMAND, lambda *_: None)


async def test_unacknowledged_indications_are_bounded_and_block_nothing(bench: Bench) -> None:
    client = await bench.connect()
    got: list[bytearray] = []
    await client.start_notify(ACKNOWLEDGED, lambda _, data: got.append(data))
    for number in range(100):  # at once, so that no acknowledgement comes between
        bench.pump.server.notify(ACKNOWLEDGED, bytes([number]))
    await turns(1000)
    assert got == [bytes([number]) for number in (0, *range(68, 100))]


# ---- pairing ----


async def test_pairing_makes_an_encrypted_characteristic_readable(bench: Bench) -> None:
    client = await bench.connect()
    with pytest.raises(BleakGATTProtocolError) as caught:
        await client.read_gatt_char(SECRET)
    assert caught.value.code == BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION
    with pytest.raises(BleakGATTProtocolError):
        await client.start_notify(SECRET, lambda *_: None)
    await client.pair()
    await client.pair()
    assert await client.read_gatt_char(SECRET) == b"secret"
    await client.start_notify(SECRET, lambda *_: None)


async def test_a_device_can_be_paired_while_connecting_and_stays_bonded_until_unpaired(bench: Bench) -> None:
    client = await bench.connect(pair=True)
    assert await client.read_gatt_char(SECRET) == b"secret"
    await client.disconnect()
    client = await bench.connect()
    assert await client.read_gatt_char(SECRET) == b"secret"
    await client.unpair()
    assert not client.is_connected
    await client.unpair()
    client = await bench.connect()
    with pytest.raises(BleakGATTProtocolError):
        await client.read_gatt_char(SECRET)
    await client.pair()
    assert await client.read_gatt_char(SECRET) == b"secret"
