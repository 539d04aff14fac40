"""bleak's public API over the virtual radio, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.exc import BleakDeviceNotFoundError, BleakError, BleakGATTProtocolError, BleakGATTProtocolErrorCode
from bleak.uuids import normalize_uuid_16
from bleak_retry_connector import BleakNotFoundError, establish_connection
from bumble.att import ATT_Error
from bumble.gatt import GATT_CHARACTERISTIC_ATTRIBUTE_TYPE as ENTRY
from bumble.gatt import GATT_PRIMARY_SERVICE_ATTRIBUTE_TYPE as SERVICE_ENTRY

from devices.clock import ScaledClock
from devices.virtual.advertising import Gathered
from devices.virtual.air import Air
from devices.virtual.backend import backend_classes
from devices.virtual.gatt import Advertisement, GattCharacteristic, GattError, GattServer, GattService

SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
COMMAND = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
REPORT = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"
ACKNOWLEDGED = normalize_uuid_16(0x2A1C)
SECRET = normalize_uuid_16(0x2A23)
LONG = normalize_uuid_16(0x2A24)
FINISHED = normalize_uuid_16(0x2A25)
ADVERTISEMENT = Advertisement(
    name="Pump left",
    service_uuids=[SERVICE, "180f"],
    manufacturer_data={0x0FFF: b"\x01\x02"},
    service_data={"180f": b"\x64"},
    tx_power_dbm=-4,
)


class Pump:
    """A device that records what it is told, and answers as it is told to."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.on_write: Callable[[bytes], Awaitable[None]] | None = None
        self.long_value = b"x" * 600
        self.server: GattServer

    async def put_on(self, air: Air, advertisement: Advertisement = ADVERTISEMENT) -> None:
        services = [
            GattService(
                SERVICE,
                [
                    GattCharacteristic(COMMAND, {"write", "write-without-response"}, write=self._write),
                    GattCharacteristic(REPORT, {"read", "notify"}, read=lambda: b"report"),
                    GattCharacteristic("2a1c", {"indicate"}),
                ],
            ),
            GattService(
                "180a",
                [
                    GattCharacteristic("2a23", {"read", "notify"}, read=lambda: b"secret", encrypted=True),
                    GattCharacteristic("2a24", {"read", "write"}, read=lambda: self.long_value, write=self._write_long),
                    GattCharacteristic("2a25", {"write"}, write=self._refuse),
                ],
            ),
        ]
        self.device = await air.add_peripheral("Pump left")
        self.server = GattServer(self.device, services, advertisement)
        await self.server.start()

    async def _write(self, value: bytes) -> None:
        self.written.append(value)
        if self.on_write is not None:
            await self.on_write(value)

    async def _write_long(self, value: bytes) -> None:
        self.long_value = value

    async def _refuse(self, value: bytes) -> None:
        raise GattError(0x80) if value == b"no" else RuntimeError("a bug in the device")


class Bench:
    """A pump and a central on one air."""

    def __init__(self, scanner: type[BaseBleakScanner], client: type[BaseBleakClient]) -> None:
        self.scanner = scanner
        self.client = client
        self.air: Air
        self.pump = Pump()
        self.lost: list[BleakClient] = []

    async def find(self) -> BLEDevice:
        device = await BleakScanner.find_device_by_name("Pump left", timeout=2, backend=self.scanner)
        assert device is not None
        return device

    async def connect(self, **options: object) -> BleakClient:
        return await establish_connection(
            BleakClient,
            await self.find(),
            "pump",
            disconnected_callback=self.lost.append,
            max_attempts=1,
            backend=self.client,
            **options,
        )


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    air = Air()
    bench = Bench(*backend_classes(await air.add_central()))
    bench.air = air
    await bench.pump.put_on(air)
    yield bench
    await bench.pump.server.stop()


async def turns(count: int = 50) -> None:
    """Let everything that is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


def never() -> Callable[[bytes], Awaitable[None]]:
    async def wait(_: bytes) -> None:
        await asyncio.Event().wait()

    return wait


# ---- scanning ----


async def heard(bench: Bench) -> tuple[BLEDevice, AdvertisementData]:
    async with BleakScanner(backend=bench.scanner) as scanner:
        async for device, data in scanner.advertisement_data():
            if data.local_name:
                return device, data
    raise AssertionError


async def test_a_scan_yields_the_whole_advertisement_including_the_scan_response(bench: Bench) -> None:
    device, data = await heard(bench)
    assert device.name == "Pump left"
    assert device.address == "F0:F1:F2:F3:00:02"
    assert data == AdvertisementData(
        local_name="Pump left",
        manufacturer_data={0x0FFF: b"\x01\x02"},
        service_data={normalize_uuid_16(0x180F): b"\x64"},
        service_uuids=[normalize_uuid_16(0x180F), SERVICE],
        tx_power=-4,
        rssi=-50,
        platform_data=(),
    )


def test_advertisements_and_scan_responses_are_gathered_as_bluez_does() -> None:
    gathered = Gathered()
    gathered.add(bytes.fromhex("020106 0308" + b"Pu".hex()))  # byte vectors written by hand from the Core Supplement
    gathered.add(bytes.fromhex("0509" + b"Pump".hex() + "05ff4c000102" + "020af6"))
    gathered.add(bytes.fromhex("0308" + b"Pu".hex() + "03020d18 0303 0f18"))
    gathered.add(bytes.fromhex("0505 78563412" + "1107" + "9ecadc240ee5a9e093f3a3b50100406e"))
    gathered.add(bytes.fromhex("04160f1864" + "0620 78563412 01" + "1221 9ecadc240ee5a9e093f3a3b50100406e 02"))
    data = gathered.as_bleak(-60)
    assert data.local_name == "Pump"
    assert data.manufacturer_data == {0x004C: b"\x01\x02"}
    assert data.tx_power == -10
    assert data.service_uuids == [
        normalize_uuid_16(0x180D),
        normalize_uuid_16(0x180F),
        "12345678-0000-1000-8000-00805f9b34fb",
        SERVICE,
    ]
    assert data.service_data == {
        normalize_uuid_16(0x180F): b"\x64",
        "12345678-0000-1000-8000-00805f9b34fb": b"\x01",
        SERVICE: b"\x02",
    }


@pytest.mark.parametrize("data", ["", "00", "ff09", "0109", "01ff", "02ff00", "0203ff", "02160f", "010a", "0309ffff"])
def test_malformed_advertisements_are_survived(data: str) -> None:
    Gathered().add(bytes.fromhex(data))


def test_an_advertisement_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Advertisement(name="x" * 40).encode()


async def test_a_scanner_filters_by_service_and_may_be_started_and_stopped_repeatedly(bench: Bench) -> None:
    scanner = BleakScanner(service_uuids=[normalize_uuid_16(0x1809)], backend=bench.scanner)
    for _ in range(2):
        await scanner.start()
        await scanner.start()
        await turns()
        assert scanner.discovered_devices == []
        await scanner.stop()
        await scanner.stop()


async def test_two_scanners_hear_the_same_and_do_not_stop_each_other(bench: Bench) -> None:
    async with BleakScanner(backend=bench.scanner) as first:
        async with BleakScanner(backend=bench.scanner) as second:
            await turns()
            assert len(second.discovered_devices) == 1
        await first.stop()
        await first.start()
        await turns()
        assert len(first.discovered_devices) == 1


# ---- connecting ----


async def test_a_connection_has_mtu_name_services_properties_and_descriptors(bench: Bench) -> None:
    client = await bench.connect()
    assert client.is_connected
    assert client.mtu_size == 247
    assert client.name == "Pump left"
    command = client.services.get_characteristic(COMMAND)
    report = client.services.get_characteristic(REPORT)
    assert command is not None
    assert report is not None
    assert command.properties == ["write", "write-without-response"]
    assert command.max_write_without_response_size == 244
    assert command.service_uuid == SERVICE
    assert report.properties == ["notify", "read"]
    assert [descriptor.uuid for descriptor in report.descriptors] == [normalize_uuid_16(0x2902)]
    assert await client.read_gatt_descriptor(report.descriptors[0]) == b"\x00\x00"


async def test_connecting_by_plain_address_finds_the_device(bench: Bench) -> None:
    async with BleakClient("f0:f1:f2:f3:00:02", backend=bench.client) as client:
        assert await client.read_gatt_char(REPORT) == b"report"


async def test_only_the_wanted_services_are_discovered(bench: Bench) -> None:
    async with BleakClient(await bench.find(), services=["180a"], backend=bench.client) as client:
        assert [service.uuid for service in client.services] == [normalize_uuid_16(0x180A)]


async def test_an_absent_device_is_reported_as_not_found_and_leaves_the_radio_usable(bench: Bench) -> None:
    absent = BleakClient("F0:00:00:00:00:01", timeout=0.05, backend=bench.client)
    with pytest.raises(BleakDeviceNotFoundError):
        await absent.connect()
    assert not absent.is_connected
    assert (await bench.connect()).is_connected


async def test_the_retry_connector_understands_that_a_device_is_absent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await bench.find()
    await bench.pump.server.stop()
    monkeypatch.setattr("bleak_retry_connector.BLEAK_TIMEOUT", 0.05)
    with pytest.raises(BleakNotFoundError):
        await establish_connection(BleakClient, device, "pump", max_attempts=2, backend=bench.client)


async def test_a_connection_attempt_waits_until_the_device_advertises(bench: Bench) -> None:
    device = await bench.find()
    await bench.pump.server.stop()
    client = BleakClient(device, backend=bench.client)
    connecting = asyncio.create_task(client.connect())
    await turns()
    assert not connecting.done()
    await bench.pump.server.start()
    await asyncio.wait_for(connecting, 1)
    assert client.is_connected


async def test_a_cancelled_connection_attempt_leaves_no_connection_at_whatever_point_it_is_cancelled(
    bench: Bench,
) -> None:
    device = await bench.find()
    for patience in range(0, 200, 3):
        client = BleakClient(device, backend=bench.client)
        connecting = asyncio.create_task(client.connect())
        await turns(patience)
        connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await connecting
            await client.disconnect()
        await turns(100)
        assert not client.is_connected
        assert not bench.pump.server.connected
    assert (await bench.connect()).is_connected


async def test_an_absent_device_does_not_keep_others_from_being_connected(bench: Bench) -> None:
    absent = BleakClient("F0:00:00:00:00:01", timeout=5, backend=bench.client)
    waiting = asyncio.create_task(absent.connect())
    await turns()
    assert (await asyncio.wait_for(bench.connect(), 1)).is_connected
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


# ---- values ----


async def test_writes_with_and_without_response_arrive_in_order(bench: Bench) -> None:
    client = await bench.connect()
    for number in range(10):
        await client.write_gatt_char(COMMAND, bytes([number]), response=number % 2 == 0)
    await turns()
    assert bench.pump.written == [bytes([number]) for number in range(10)]


async def test_a_write_is_answered_only_when_the_device_has_taken_it(bench: Bench) -> None:
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


async def test_attribute_errors_come_out_as_bleaks_own(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
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


async def test_the_table_itself_cannot_be_written(bench: Bench) -> None:
    """A central that remembers an older table writes where a descriptor once was, such as bluetoothd 5.66."""
    client = await bench.connect()
    att = client._backend._linked()  # type: ignore[attr-defined]
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


async def test_a_failing_notification_callback_harms_nobody_else(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
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


# ---- ends ----


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


async def test_both_sides_hanging_up_at_once_is_one_end(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
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


# ---- simulated time ----


async def test_traffic_takes_no_simulated_time(bench: Bench) -> None:
    clock = ScaledClock(speed=math.inf)
    ticking = asyncio.create_task(tick(clock))
    client = await bench.connect()
    got: asyncio.Queue[bytearray] = asyncio.Queue()
    await client.start_notify(REPORT, lambda _, data: got.put_nowait(data))
    await client.start_notify(ACKNOWLEDGED, lambda _, data: got.put_nowait(data))

    async def echo(value: bytes) -> None:
        bench.pump.server.notify(REPORT, value)
        bench.pump.server.notify(ACKNOWLEDGED, value)

    bench.pump.on_write = echo
    for _ in range(20):
        await clock.sleep(1)
        before = clock.now()
        await client.write_gatt_char(COMMAND, b"ping", response=True)
        assert [await got.get(), await got.get()] == [b"ping", b"ping"]
        await client.read_gatt_char(REPORT)
        await client.write_gatt_char(COMMAND, b"ping", response=False)
        assert [await got.get(), await got.get()] == [b"ping", b"ping"]
        assert clock.now() == before
    ticking.cancel()


async def test_connecting_again_takes_no_simulated_time(bench: Bench) -> None:
    clock = ScaledClock(speed=math.inf)
    client = await bench.connect(pair=True)
    ticking = asyncio.create_task(tick(clock))
    await clock.sleep(1)
    before = clock.now()
    await bench.pump.server.drop_link()
    async with BleakClient(client.address, backend=bench.client) as again:
        assert await again.read_gatt_char(SECRET) == b"secret"
    assert clock.now() == before
    ticking.cancel()


async def tick(clock: ScaledClock) -> None:
    """Keep simulated time going: it moves whenever nothing else is ready."""
    while True:
        await clock.sleep(0.001)
