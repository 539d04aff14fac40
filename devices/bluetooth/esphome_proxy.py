"""An ESPHome Bluetooth proxy as a backend: it scans and connects in another room, over the network.

bleak-esphome is made for habluetooth, which replaces bleak in the whole process and chooses among proxies itself. Here
a proxy is one adapter among others, and the radio chooses; so only the client of bleak-esphome is used, not its
scanner. Needs the extra `proxies`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from aioesphomeapi.api_pb2 import BluetoothLERawAdvertisementsResponse  # type: ignore[attr-defined]  # made at run time
from aioesphomeapi.client import APIClient
from aioesphomeapi.core import APIConnectionError
from aioesphomeapi.model import APIVersion, BluetoothProxyFeature, DeviceInfo
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak_esphome.backend.client import ESPHomeClient, ESPHomeClientData
from bleak_esphome.backend.device import ESPHomeBluetoothDevice
from bluetooth_data_tools import int_to_bluetooth_address, mac_to_int, parse_advertisement_data_bytes

from devices.bluetooth.backend import LISTEN_SECONDS, Backend, OpenBackend
from devices.errors import AdapterUnavailableError

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 5.0
_DISCONNECT_SECONDS = 1.0  # the end of the service waits for it
_PING_SECONDS = 4.0  # a proxy that leaves four of these unanswered is gone
_OLDEST_API = APIVersion(1, 0)
# Stands in for habluetooth's scanner, which pauses while the client connects; a proxy does that itself.
_NO_PAUSE = SimpleNamespace(connecting=contextlib.nullcontext)
_REQUIRED = BluetoothProxyFeature.ACTIVE_CONNECTIONS | BluetoothProxyFeature.RAW_ADVERTISEMENTS


class ProxyBackend(Backend):
    """One proxy, named by its host."""

    listen_seconds = LISTEN_SECONDS

    def __init__(
        self, host: str, cli: APIClient, info: DeviceInfo, data: ESPHomeClientData, gone: asyncio.Future[None]
    ) -> None:
        self.name = host
        self.scanner = _scanner_of(cli, _address(info))
        self.client = _client_of(data)
        self.gone = gone
        self._device = data.bluetooth_device

    def free_connections(self) -> int:
        """Return how many more devices it can be connected to, as it last reported."""
        return self._device.ble_connections_free

    async def forget_services(self, device: BLEDevice) -> None:
        """Drop the cached GATT services of a device."""
        self._device.cache.clear_gatt_services_cache(mac_to_int(device.address))


def proxy_backend(host: str, port: int = 6053, key: str | None = None) -> OpenBackend:
    """Return how to open the proxy at a host. `key`: the one in its `api: encryption:`, if it has any."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Backend]:
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def on_stop(_expected: bool) -> None:
            if not gone.done():
                gone.set_result(None)

        cli = APIClient(host, port, noise_psk=key, client_info="letdown", keepalive=_PING_SECONDS)
        try:
            info = await _connected(cli, host, on_stop)
            device = ESPHomeBluetoothDevice(info.name, _address(info), available=True)
            data = ESPHomeClientData(
                bluetooth_device=device,
                client=cli,
                device_info=info,
                api_version=cli.api_version or _OLDEST_API,
                title=info.name,
                scanner=_NO_PAUSE,  # type: ignore[arg-type]  # the client uses nothing else
            )
            await _connection_slots_known(cli, device)
            gone.add_done_callback(lambda _: _lost(data))
            yield ProxyBackend(host, cli, info, data, gone)
        finally:
            with contextlib.suppress(APIConnectionError, TimeoutError):
                async with asyncio.timeout(_DISCONNECT_SECONDS):
                    await cli.disconnect()

    return opened


async def _connected(cli: APIClient, host: str, on_stop: Any) -> DeviceInfo:
    """Connect, and return the proxy's description. Raise `AdapterUnavailableError` if it cannot be used."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await cli.connect(on_stop=on_stop, login=True, log_errors=False)
            info = await cli.device_info()
    except (APIConnectionError, TimeoutError, OSError) as error:
        raise AdapterUnavailableError(
            f"the proxy {host} cannot be used ({error or 'no answer'})",
            "check that it is switched on, and that its key is right",
        ) from error
    flags = info.bluetooth_proxy_feature_flags_compat(cli.api_version or _OLDEST_API)
    if _REQUIRED & ~BluetoothProxyFeature(flags):
        raise AdapterUnavailableError(
            f"the proxy {host} does not allow connections to devices",
            "in its YAML, write bluetooth_proxy: {active: true}",
        )
    return info


async def _connection_slots_known(cli: APIClient, device: ESPHomeBluetoothDevice) -> None:
    """Subscribe to the number of free connections, and wait for the first report."""
    reported = asyncio.Event()

    def update(free: int, limit: int, allocated: list[int]) -> None:
        device.async_update_ble_connection_limits(free, limit, allocated)
        reported.set()

    cli.subscribe_bluetooth_connections_free(update)
    with contextlib.suppress(TimeoutError):  # until it reports, it counts as having none
        async with asyncio.timeout(_ANSWER_SECONDS):
            await reported.wait()


def _lost(data: ESPHomeClientData) -> None:
    """End every connection through this proxy."""
    data.bluetooth_device.async_set_unavailable()
    for end in list(data.disconnect_callbacks):
        end()


def _address(info: DeviceInfo) -> str:
    return str(info.bluetooth_mac_address or info.mac_address)


def _client_of(data: ESPHomeClientData) -> type[ESPHomeClient]:
    class ProxyClient(ESPHomeClient):
        """A connection through this proxy."""

        def __init__(self, device: BLEDevice, *arguments: Any, **options: Any) -> None:
            super().__init__(device, *arguments, client_data=data, **options)

    return ProxyClient


def _scanner_of(cli: APIClient, source: str) -> type[BaseBleakScanner]:
    class ProxyScanner(BaseBleakScanner):
        """Receives what the proxy receives. Remembers names, since not every advertisement of a device has its name."""

        def __init__(self, detection_callback: Any, service_uuids: Any, *_: Any, **__: Any) -> None:
            super().__init__(detection_callback, service_uuids)
            self._unsubscribe: Any = None
            self._names: dict[str, str] = {}

        async def start(self) -> None:
            """Start scanning."""
            self.seen_devices = {}
            self._unsubscribe = cli.subscribe_bluetooth_le_raw_advertisements(self._on_raw)

        async def stop(self) -> None:
            """Stop scanning."""
            if self._unsubscribe is not None:
                with contextlib.suppress(APIConnectionError):
                    self._unsubscribe()
                self._unsubscribe = None

        def _on_raw(self, message: BluetoothLERawAdvertisementsResponse) -> None:
            for each in message.advertisements:
                address = int_to_bluetooth_address(each.address)
                name, services, service_data, manufacturers, tx_power = parse_advertisement_data_bytes(each.data)
                if name:
                    self._names[address] = name
                data = AdvertisementData(
                    local_name=name or self._names.get(address),
                    manufacturer_data=manufacturers,
                    service_data=service_data,
                    service_uuids=services,
                    tx_power=tx_power,
                    rssi=each.rssi,
                    platform_data=(),
                )
                details = {"source": source, "address_type": each.address_type}
                found = self.create_or_update_device(address, address, data.local_name, details, data)
                self.call_detection_callbacks(found, data)

    return ProxyScanner
