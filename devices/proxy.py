"""An ESPHome Bluetooth proxy as a backend: it hears and connects in another room, over the network.

bleak-esphome is made for habluetooth, which puts itself in the place of bleak for the whole process and chooses among
proxies by its own lights. Here a proxy is one receiver beside others, and the radio chooses; so its client is taken,
and its scanner is not. In the extra `proxies`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
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

from devices.backend import LISTEN_SECONDS, Backend, OpenBackend
from devices.errors import NotFoundError

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 5.0
_GOODBYE_SECONDS = 1.0  # a service that ends waits for it
_PING_SECONDS = 4.0  # a proxy that does not answer four of these is gone
_OLDEST = APIVersion(1, 0)
_NEEDED = BluetoothProxyFeature.ACTIVE_CONNECTIONS | BluetoothProxyFeature.RAW_ADVERTISEMENTS


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
                api_version=cli.api_version or _OLDEST,
                title=info.name,
                scanner=_NoPause(),  # type: ignore[arg-type]  # all that the client asks of it
            )
            await _told_of_connections(cli, device)
            gone.add_done_callback(lambda _: _lost(data))
            yield Backend(
                scanner=_scanner_of(cli, _address(info)),
                client=_client_of(data),
                gone=gone,
                listen_seconds=LISTEN_SECONDS,
                name=host,
                free_connections=lambda: device.ble_connections_free,
                forget=_forget_with(device),
            )
        finally:
            with contextlib.suppress(APIConnectionError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await cli.disconnect()

    return opened


async def _connected(cli: APIClient, host: str, on_stop: Any) -> DeviceInfo:
    """Connect, and return what the proxy says of itself. Raise `NotFoundError` where it is of no use."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await cli.connect(on_stop=on_stop, login=True, log_errors=False)
            info = await cli.device_info()
    except (APIConnectionError, TimeoutError, OSError) as error:
        raise NotFoundError(
            f"the proxy {host} cannot be used ({error or 'no answer'}): see that it is on, and that its key is right"
        ) from error
    missing = _NEEDED & ~BluetoothProxyFeature(info.bluetooth_proxy_feature_flags_compat(cli.api_version or _OLDEST))
    if missing:
        raise NotFoundError(
            f"the proxy {host} lets nobody connect to devices: in its YAML, write bluetooth_proxy: {{active: true}}"
        )
    return info


async def _told_of_connections(cli: APIClient, device: ESPHomeBluetoothDevice) -> None:
    """Wait until the proxy has said how many more devices it can be connected to; it goes on saying so."""
    told = asyncio.Event()

    def update(free: int, limit: int, allocated: list[int]) -> None:
        device.async_update_ble_connection_limits(free, limit, allocated)
        told.set()

    cli.subscribe_bluetooth_connections_free(update)
    with contextlib.suppress(TimeoutError):  # then it is taken to have none
        async with asyncio.timeout(_ANSWER_SECONDS):
            await told.wait()


def _lost(data: ESPHomeClientData) -> None:
    """Tell every connection through this proxy that it is over."""
    data.bluetooth_device.async_set_unavailable()
    for end in list(data.disconnect_callbacks):
        end()


def _address(info: DeviceInfo) -> str:
    return str(info.bluetooth_mac_address or info.mac_address)


def _forget_with(device: ESPHomeBluetoothDevice) -> Any:
    async def forget(known: BLEDevice) -> None:
        device.cache.clear_gatt_services_cache(mac_to_int(known.address))

    return forget


class _NoPause:
    """What the client wants of a scanner: to be told while it connects. A proxy sees to that itself."""

    @contextlib.contextmanager
    def connecting(self) -> Any:
        """Do nothing."""
        yield


def _client_of(data: ESPHomeClientData) -> type[ESPHomeClient]:
    class ProxyClient(ESPHomeClient):
        """A connection through this proxy."""

        def __init__(self, device: BLEDevice, *arguments: Any, **options: Any) -> None:
            super().__init__(device, *arguments, client_data=data, **options)

    return ProxyClient


def _scanner_of(cli: APIClient, source: str) -> type[BaseBleakScanner]:
    class ProxyScanner(BaseBleakScanner):
        """Hears what the proxy hears. A device's name may come later than the rest: it is kept."""

        def __init__(self, detection_callback: Any, service_uuids: Any, *_: Any, **__: Any) -> None:
            super().__init__(detection_callback, service_uuids)
            self._unsubscribe: Any = None
            self._names: dict[str, str] = {}

        async def start(self) -> None:
            """Begin to hear."""
            self.seen_devices = {}
            self._unsubscribe = cli.subscribe_bluetooth_le_raw_advertisements(self._on_raw)

        async def stop(self) -> None:
            """Hear no more."""
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
