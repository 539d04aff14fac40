"""BlueZ over D-Bus, beside bleak: its adapters, when one goes away, and power cycling.

bleak does not report when its adapter is switched off, or when bluetoothd ends: its scanner then receives nothing any
more (seen with bleak 3.1.0 and BlueZ 5.66). Linux only. Everything here raises `AdapterUnavailableError` with a remedy.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbus_fast import BusType, Message, MessageFlag, MessageType, Variant, unpack_variants
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, InvalidAddressError

from devices.bluetooth.backend import BLEAK_ERRORS, ConnectedDevice
from devices.errors import AdapterUnavailableError

_LOGGER = logging.getLogger(__name__)

_DBUS = "org.freedesktop.DBus"
_BLUEZ = "org.bluez"
_ADAPTER = "org.bluez.Adapter1"
_DEVICE = "org.bluez.Device1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_OBJECTS = "org.freedesktop.DBus.ObjectManager"
_ANSWER_SECONDS = 5.0
_OFF_SECONDS = 1.0  # long enough for the adapter to reset
_RFKILL = Path("/sys/class/rfkill")

_NO_OWNER = ("ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected")
_NOT_PERMITTED = ("this user may not use Bluetooth", "sudo usermod -aG bluetooth $USER, and log in again")


@dataclass(frozen=True)
class BlueZAdapter:
    """One adapter as BlueZ reports it. `roles`: such as `central`; empty if this BlueZ does not report them."""

    name: str
    address: str
    powered: bool
    discovering: bool
    roles: tuple[str, ...] = ()


def rfkill_error() -> AdapterUnavailableError | None:
    """Return the error of an rfkill switch that blocks Bluetooth, if there is one."""
    for switch in sorted(_RFKILL.glob("rfkill*")):
        with contextlib.suppress(OSError):
            if (switch / "type").read_text().strip() != "bluetooth":
                continue
            if (switch / "hard").read_text().strip() == "1":
                return AdapterUnavailableError(
                    "a switch on this machine keeps Bluetooth off", "look for it, or in the BIOS"
                )
            if (switch / "soft").read_text().strip() == "1":
                return AdapterUnavailableError("Bluetooth is blocked", "sudo rfkill unblock bluetooth")
    return None


def choose(adapters: Iterable[BlueZAdapter], wanted: str | None) -> BlueZAdapter:
    """Return the adapter to use: the wanted one, or the first that is switched on. Raise `AdapterUnavailableError`."""
    known = sorted(adapters, key=lambda each: each.name)
    matching = [each for each in known if wanted in (None, each.name)]
    if not known:
        raise rfkill_error() or AdapterUnavailableError("there is no Bluetooth adapter", "plug one in")
    if not matching:
        names = ", ".join(each.name for each in known)
        raise AdapterUnavailableError(f"there is no adapter {wanted}", f"name one of these: {names}")
    chosen = next((each for each in matching if each.powered), matching[0])
    if not chosen.powered:
        raise rfkill_error() or AdapterUnavailableError(
            f"the adapter {chosen.name} is switched off", "bluetoothctl power on"
        )
    return chosen


class BlueZ:
    """One connection to D-Bus, and through it to bluetoothd. Made by `connected`."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._tasks: list[asyncio.Task[None]] = []

    async def adapters(self) -> list[BlueZAdapter]:
        """Return all adapters."""
        return [
            BlueZAdapter(
                name=path.rpartition("/")[2],
                address=each.get("Address", ""),
                powered=each.get("Powered", False),
                discovering=each.get("Discovering", False),
                roles=tuple(each.get("Roles", ())),
            )
            for path, each in (await self._objects(_ADAPTER)).items()
        ]

    async def connected_devices(self) -> list[ConnectedDevice]:
        """Return what BlueZ is connected to, for any program, including ones that have ended."""
        return [
            ConnectedDevice(each.get("Address", ""), each.get("Name"), path.split("/")[3], path)
            for path, each in (await self._objects(_DEVICE)).items()
            if each.get("Connected", False)
        ]

    async def disconnect(self, device: ConnectedDevice) -> None:
        """End a connection."""
        await self._call(device.path, _DEVICE, "Disconnect")

    async def power_cycle(self, name: str) -> None:
        """Switch an adapter off and on, which ends all its connections."""
        for powered in (False, True):
            body = [_ADAPTER, "Powered", Variant("b", powered)]
            await self._call(f"/org/bluez/{name}", _PROPERTIES, "Set", "ssv", body)
            if not powered:
                await asyncio.sleep(_OFF_SECONDS)

    async def gone(self, name: str) -> asyncio.Future[None]:
        """Return a future that is done when the adapter is removed or switched off, or bluetoothd or D-Bus ends."""
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end() -> None:
            if not gone.done():
                gone.set_result(None)

        def on_message(message: Message) -> None:
            if message.message_type is MessageType.SIGNAL and _means_gone(message, f"/org/bluez/{name}"):
                end()

        self._bus.add_message_handler(on_message)
        for rule in (
            f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{_BLUEZ}'",
            f"type='signal',sender='{_BLUEZ}',interface='{_PROPERTIES}',path='/org/bluez/{name}'",
            f"type='signal',sender='{_BLUEZ}',interface='{_OBJECTS}',member='InterfacesRemoved'",
        ):
            await self._call("/org/freedesktop/DBus", _DBUS, "AddMatch", "s", [rule], to=_DBUS)
        self._tasks.append(asyncio.create_task(self._disconnected(end), name="D-Bus"))
        return gone

    async def _disconnected(self, end: Callable[[], None]) -> None:
        try:
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast leaves it bare
        except Exception as error:  # noqa: BLE001 - however it ended
            _LOGGER.debug("D-Bus: %r", error)
        end()

    async def close(self) -> None:
        """End the connection."""
        for task in self._tasks:
            task.cancel()
        self._bus.disconnect()

    async def _objects(self, interface: str) -> dict[str, dict[str, Any]]:
        """Return the properties of each object that has this interface, by its path."""
        (objects,) = await self._call("/", _OBJECTS, "GetManagedObjects")
        return {path: unpack_variants(each[interface]) for path, each in objects.items() if interface in each}

    async def _call(
        self, path: str, interface: str, member: str, signature: str = "", body: Any = (), to: str = _BLUEZ
    ) -> list[Any]:
        message = Message(
            destination=to,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
            flags=MessageFlag.NO_AUTOSTART,
        )
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reply = await self._bus.call(message)
        except BLEAK_ERRORS as error:
            raise AdapterUnavailableError(
                f"bluetoothd does not answer ({error!r})", "sudo systemctl restart bluetooth"
            ) from error
        if reply is None or reply.message_type is MessageType.ERROR:
            raise _error_of(reply)
        return list(reply.body)


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[BlueZ]:
    """Connect to D-Bus for the block. Raise `AdapterUnavailableError`."""
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        await bus.connect()
    except AuthError as error:
        raise AdapterUnavailableError(*_NOT_PERMITTED) from error
    except (*BLEAK_ERRORS, InvalidAddressError) as error:
        raise AdapterUnavailableError(
            "there is no D-Bus, which Bluetooth needs on Linux", "sudo systemctl start dbus"
        ) from error
    bluez = BlueZ(bus)
    try:
        yield bluez
    finally:
        await bluez.close()


def _means_gone(signal: Message, path: str) -> bool:
    """Return whether a signal means that the adapter cannot be used any more."""
    match signal.member, signal.body:
        case "NameOwnerChanged", [name, _, _]:
            return bool(name == _BLUEZ)  # a new bluetoothd knows nothing of the scan and the connections of the old one
        case "InterfacesRemoved", [removed, interfaces]:
            return removed == path and _ADAPTER in interfaces
        case "PropertiesChanged", [interface, changed, _]:
            off = changed.get("Powered")
            return signal.path == path and interface == _ADAPTER and off is not None and not off.value
        case _:
            return False


def _error_of(reply: Message | None) -> AdapterUnavailableError:
    name = "" if reply is None else str(reply.error_name)
    if name.endswith(_NO_OWNER):
        return AdapterUnavailableError("bluetoothd is not running", "sudo systemctl start bluetooth")
    if name.endswith("AccessDenied"):
        return AdapterUnavailableError(*_NOT_PERMITTED)
    text = reply.body[0] if reply is not None and reply.body else "no answer"
    return rfkill_error() or AdapterUnavailableError(f"bluetoothd refuses ({text})", "sudo systemctl restart bluetooth")
