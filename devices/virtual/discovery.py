"""Reads a server's services, characteristics and descriptors into bleak's collection."""

from __future__ import annotations

from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bumble.gatt_client import CharacteristicProxy, ServiceProxy

from devices.virtual.advertising import long_uuid
from devices.virtual.att import AttClient

_WRITE_OVERHEAD = 3  # of the MTU: operation and handle


async def discover(client: AttClient, wanted_services: set[str] | None) -> BleakGATTServiceCollection:
    """Return all services of the server, or the wanted ones (long UUIDs)."""
    services = BleakGATTServiceCollection()
    for proxy in await client.discover_services():
        uuid = long_uuid(proxy.uuid)
        if wanted_services is None or uuid in wanted_services:
            service = BleakGATTService(proxy, proxy.handle, uuid)
            services.add_service(service)
            await _discover_characteristics(client, proxy, service, services)
    return services


async def _discover_characteristics(
    client: AttClient, proxy: ServiceProxy, service: BleakGATTService, services: BleakGATTServiceCollection
) -> None:
    for found in await client.discover_characteristics((), proxy):
        characteristic = BleakGATTCharacteristic(
            found,
            found.handle,
            long_uuid(found.uuid),
            sorted(gatt_char_props_to_strs(int(found.properties))),
            lambda: client.mtu - _WRITE_OVERHEAD,
            service,
        )
        services.add_characteristic(characteristic)
        await _discover_descriptors(client, found, characteristic, services)


async def _discover_descriptors(
    client: AttClient,
    proxy: CharacteristicProxy[bytes],
    characteristic: BleakGATTCharacteristic,
    services: BleakGATTServiceCollection,
) -> None:
    for found in await client.discover_descriptors(proxy):
        services.add_descriptor(BleakGATTDescriptor(found, found.handle, long_uuid(found.type), characteristic))
