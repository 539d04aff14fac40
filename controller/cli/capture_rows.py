"""A capture as plain data, for `letdown capture show --json` and for its tables."""

from __future__ import annotations

from typing import Any

from controller.cli.advertised_data import hex_of
from controller.cli.printable import printable
from devices.bluetooth.advertisement import is_address, masked
from devices.capture.conversation import Capture, CapturedCharacteristic, CapturedConnection, CapturedDevice


def capture_row(capture: Capture, chosen: CapturedDevice | None, *, whole_addresses: bool) -> dict[str, Any]:
    """Return all of it: the devices, and the values of the chosen one."""
    numbers = {id(device): number for number, device in enumerate(capture.devices, 1)}
    return {
        "format": capture.file_format,
        "packets": capture.packet_count,
        "problems": list(capture.problems),
        "devices": [
            device_row(number, device, whole_addresses=whole_addresses)
            for number, device in enumerate(capture.devices, 1)
        ],
        "shown_device": None if chosen is None else numbers[id(chosen)],
        "connections": [] if chosen is None else [_connection_row(each) for each in chosen.connections],
        "characteristics": []
        if chosen is None
        else [_characteristic_row(row) for row in chosen.characteristics.values()],
        "messages": [] if chosen is None else _message_rows(chosen, whole_addresses=whole_addresses),
    }


def device_row(number: int, device: CapturedDevice, *, whole_addresses: bool) -> dict[str, Any]:
    """Return a device. `number`: its place in the list, from 1."""
    return {
        "device": number,
        "name": None if device.name is None else printable(device.name),
        "address": shown_address(device, whole_addresses=whole_addresses),
        "connections": len(device.connections),
        "values": len(device.messages),
        "advertised_services": list(device.advertised_services),
        "manufacturer_data": [
            {"company_id": f"{number:#06x}", "data": hex_of(data, device.address, whole_addresses=whole_addresses)}
            for number, data in device.manufacturer_data.items()
        ],
    }


def shown_address(device: CapturedDevice, *, whole_addresses: bool) -> str:
    """Return an address as it is shown; what stands in its place where the capture has none is whole."""
    return device.address if whole_addresses or not is_address(device.address) else masked(device.address)


def short_form(uuid: str) -> str:
    """Return a UUID of the Bluetooth SIG by its four digits, such as `0x180f`, and any other as it is."""
    beginning, _, rest = uuid.partition("-")
    return f"0x{beginning[4:]}" if beginning[:4] == "0000" and rest == "0000-1000-8000-00805f9b34fb" else uuid


def _connection_row(connection: CapturedConnection) -> dict[str, Any]:
    return {
        "connection": connection.number,
        "began_seconds": connection.began_seconds,
        "ended_seconds": connection.ended_seconds,
        "values": len(connection.messages),
        "mtu_bytes": connection.mtu_bytes,
        "encrypted": connection.encrypted,
    }


def _characteristic_row(row: CapturedCharacteristic) -> dict[str, Any]:
    return {
        "handle": row.handle,
        "uuid": row.uuid,
        "service": row.service,
        "properties": sorted(row.properties),
        "discovered": row.discovered,
    }


def _message_rows(device: CapturedDevice, *, whole_addresses: bool) -> list[dict[str, Any]]:
    return [
        {
            "connection": connection.number,
            "at_seconds": message.at_seconds,
            "kind": message.kind,
            "handle": message.handle,
            "value": hex_of(message.value, device.address, whole_addresses=whole_addresses),
            "error": message.error,
        }
        for connection in device.connections
        for message in connection.messages
    ]
