"""The virtual radio between processes: controllers served over TCP, dying hosts, and public addresses."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakError
from bleak_retry_connector import establish_connection
from bumble import hci
from bumble.core import UUID
from bumble.device import Device, Peer
from bumble.transport.common import StreamPacketSink

from devices.errors import AdapterUnavailableError, PortInUseError
from devices.virtual.advertising_data import AdvertisingPacket
from devices.virtual.bumble_backend import backend_classes
from devices.virtual.gatt_server import GattCharacteristic, GattServer, GattService
from devices.virtual.transports import Air, Central, open_central, open_peripheral_host, serve_controller

SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
COMMAND = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
REPORT = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"

HOST_PROCESS = """
import asyncio, sys
from bleak import BleakClient, BleakScanner
from devices.virtual.transports import open_central
from devices.virtual.bumble_backend import backend_classes

async def main():
    async with open_central(sys.argv[1]) as central:
        scanner, client = backend_classes(central)
        device = await BleakScanner.find_device_by_name("Echo", timeout=5, backend=scanner)
        async with BleakClient(device, backend=client) as connected:
            print("connected", flush=True)
            await asyncio.sleep(60)

asyncio.run(main())
"""


class Echo:
    """A device that notifies what is written to it."""

    def __init__(self, device: Device) -> None:
        async def echo(value: bytes) -> None:
            self.server.notify(REPORT, value)

        characteristics = [
            GattCharacteristic(COMMAND, {"write"}, write=echo),
            GattCharacteristic(REPORT, {"read", "notify"}, read=lambda: b"report"),
            GattCharacteristic("2a23", {"read"}, read=lambda: b"secret", encrypted=True),
        ]
        self.server = GattServer(device, [GattService(SERVICE, characteristics)], AdvertisingPacket("Echo", [SERVICE]))
        self.came = asyncio.Event()
        self.left = asyncio.Event()
        self.server.on_connection = self.came.set
        self.server.on_disconnection = self.left.set


@pytest.fixture
async def air() -> Air:
    return Air()


@pytest.fixture
async def echo(air: Air) -> AsyncIterator[Echo]:
    echo = Echo(await air.add_peripheral("Echo"))
    await echo.server.start()
    yield echo
    await echo.server.stop()


async def connect(central: Central, lost: list[BleakClient] | None = None) -> BleakClient:
    scanner, client = backend_classes(central)
    device = await BleakScanner.find_device_by_name("Echo", timeout=5, backend=scanner)
    assert device is not None
    callback = None if lost is None else lost.append
    return await establish_connection(
        BleakClient, device, "echo", disconnected_callback=callback, max_attempts=1, backend=client
    )


async def check(client: BleakClient) -> None:
    """Send the longest possible value there and back."""
    got: asyncio.Queue[bytearray] = asyncio.Queue()
    await client.start_notify(REPORT, lambda _, data: got.put_nowait(data))
    value = bytes(range(244))
    await client.write_gatt_char(COMMAND, value, response=True)
    assert await asyncio.wait_for(got.get(), 2) == value
    assert await client.read_gatt_char(REPORT) == b"report"


def cut(central: Central) -> None:
    """Abort the connection to the controller, as the death of a process does."""
    sink = central.host.hci_sink
    assert isinstance(sink, StreamPacketSink)
    sink.transport.abort()


async def wait(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), 2)
    event.clear()


async def test_a_host_on_a_served_controller_reaches_the_devices(air: Air, echo: Echo) -> None:
    async with serve_controller(air, "tcp-server:127.0.0.1:0") as name, open_central(name) as central:
        client = await connect(central)
        await check(client)
        await client.pair()
        assert await client.read_gatt_char("2a23") == b"secret"
        await client.disconnect()
        await wait(echo.left)
        await check(await connect(central))
    await wait(echo.left)


async def test_devices_lose_the_link_of_a_dead_host_and_serve_the_next_one(air: Air, echo: Echo) -> None:
    async with serve_controller(air, "tcp-server:127.0.0.1:0") as name:
        for _ in range(3):
            async with open_central(name) as central:
                await check(await connect(central))
                cut(central)
                await wait(echo.left)
                assert not echo.server.connected
        async with open_central(name) as central:
            await check(await connect(central))


async def test_devices_see_a_killed_host_process(air: Air, echo: Echo) -> None:
    async with serve_controller(air, "tcp-server:127.0.0.1:0") as name:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOST_PROCESS, name,
            cwd=Path(__file__).parents[3], stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 10) == b"connected\n"
        assert echo.server.connected
        process.kill()
        await wait(echo.left)
        await process.wait()
        async with open_central(name) as central:
            await check(await connect(central))


async def test_a_host_is_told_that_its_controller_is_gone(air: Air, echo: Echo) -> None:
    lost: list[BleakClient] = []
    async with contextlib.AsyncExitStack() as serving:
        name = await serving.enter_async_context(serve_controller(air, "tcp-server:127.0.0.1:0"))
        async with open_central(name) as central:
            client = await connect(central, lost)
            await serving.aclose()
            await wait(echo.left)
            for _ in range(100):
                if lost:
                    break
                await asyncio.sleep(0.01)
            assert lost == [client]
            assert not client.is_connected
            with pytest.raises(BleakError):
                await client.read_gatt_char(REPORT)


async def test_a_request_in_flight_fails_when_the_controller_dies(air: Air, echo: Echo) -> None:
    async with serve_controller(air, "tcp-server:127.0.0.1:0") as name, open_central(name) as central:
        client = await connect(central)
        reading = asyncio.create_task(client.read_gatt_char(REPORT))
        await asyncio.sleep(0)
        cut(central)
        with pytest.raises(BleakError):
            await asyncio.wait_for(reading, 1)


async def test_two_hosts_and_a_central_of_this_process_share_the_air(air: Air, echo: Echo) -> None:
    async with (
        serve_controller(air, "tcp-server:127.0.0.1:0") as name,
        open_central(name) as first,
        open_central(name) as second,
    ):
        client = await connect(first)
        await check(client)
        scanner, _ = backend_classes(second)
        assert await BleakScanner.find_device_by_name("Echo", timeout=0.3, backend=scanner) is None
        cut(first)
        await wait(echo.left)
        await check(await connect(second))
        cut(second)
        await wait(echo.left)
        await check(await connect(await air.add_central()))


async def test_a_host_that_sends_garbage_affects_no_other(air: Air, echo: Echo) -> None:
    async with serve_controller(air, "tcp-server:127.0.0.1:0") as name:
        host, port = name.split(":")[1:]
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)))
        await writer.drain()
        async with open_central(name) as central:
            await check(await connect(central))
        writer.close()


async def test_a_device_on_a_served_controller_is_found_and_released(air: Air) -> None:
    central = await air.add_central()
    async with serve_controller(air, "tcp-server:127.0.0.1:0") as name:
        async with open_peripheral_host(name, "Echo") as device:
            echo = Echo(device)
            await echo.server.start()
            client = await connect(central)
            await check(client)
        for _ in range(100):
            if not client.is_connected:
                break
            await asyncio.sleep(0.01)
        assert not client.is_connected
        scanner, _ = backend_classes(central)
        assert await BleakScanner.find_device_by_name("Echo", timeout=0.3, backend=scanner) is None


async def test_a_host_with_a_public_address_is_answered(air: Air, echo: Echo) -> None:
    central = await air.add_central()
    connection = await central.connect_le("F0:F1:F2:F3:00:01", own_address_type=hci.OwnAddressType.PUBLIC)
    peer = Peer(connection)
    await peer.discover_services()
    await peer.discover_characteristics()
    (report,) = peer.get_characteristics_by_uuid(UUID(REPORT))
    assert await report.read_value() == b"report"
    await connection.disconnect()
    await wait(echo.left)


async def names_in_the_order_heard() -> list[str]:
    air = Air()
    heard: list[str] = []
    central = await air.add_central()
    servers = [GattServer(await air.add_peripheral(name), [], AdvertisingPacket(name)) for name in "abcd"]
    for server in servers:
        await server.start()
    scanner, _ = backend_classes(central)
    async with BleakScanner(lambda device, _: heard.append(str(device)), backend=scanner):
        for _ in range(50):
            await asyncio.sleep(0)
    for server in servers:
        await server.stop()
    return list(dict.fromkeys(heard))


async def test_addresses_and_advertisements_are_the_same_in_every_run() -> None:
    expected = [f"F0:F1:F2:F3:00:0{number}: {name}" for number, name in enumerate("abcd", 2)]
    for _ in range(3):
        assert await names_in_the_order_heard() == expected


async def test_the_error_of_a_transport_that_cannot_be_opened_has_a_remedy(air: Air) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"tcp-server:127.0.0.1:{port} .*: choose another port"):
            async with serve_controller(air, f"tcp-server:127.0.0.1:{port}"):
                pass
        with pytest.raises(AdapterUnavailableError, match=f"tcp-client:127.0.0.1:{port} .*: first start what serves"):
            async with open_central(f"tcp-client:127.0.0.1:{port}"):
                pass
    with pytest.raises(AdapterUnavailableError, match=r"usb:99 .*: plug in an adapter"):
        async with open_central("usb:99"):
            pass
    with pytest.raises(AdapterUnavailableError, match=r"carrier-pigeon:1 .*: name one such as usb:0"):
        async with open_peripheral_host("carrier-pigeon:1"):
            pass
    with pytest.raises(AdapterUnavailableError, match=r"cannot listen .*: correct its host and port"):
        async with serve_controller(air, "tcp-server:nonsense"):
            pass


async def test_a_controller_that_never_answers_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.virtual.transports._ANSWER_SECONDS", 0.1)

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        done.set()

    done = asyncio.Event()
    server = await asyncio.start_server(ignore, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(AdapterUnavailableError, match="does not answer"):
        async with open_central(f"tcp-client:127.0.0.1:{port}"):
            pass
    await wait(done)
    server.close()
