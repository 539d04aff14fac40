"""BlueZ over D-Bus, beside bleak: which adapters there are, when one goes away, and how to switch one off and on.

bleak does not say when its adapter is switched off, or when bluetoothd ends: its scanner then hears nothing for good
(seen with bleak 3.1.0 and BlueZ 5.66). Linux alone; everything here raises `NotFoundError` with what to do about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbus_fast import BusType, Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, InvalidAddressError

from devices.errors import NotFoundError

_LOGGER = logging.getLogger(__name__)

_DBUS = "org.freedesktop.DBus"
_BLUEZ = "org.bluez"
_ADAPTER = "org.bluez.Adapter1"
_DEVICE = "org.bluez.Device1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_OBJECTS = "org.freedesktop.DBus.ObjectManager"
_ANSWER_SECONDS = 5.0
_OFF_SECONDS = 1.0  # so that the adapter forgets what it was doing
_RFKILL = Path("/sys/class/rfkill")

# What a D-Bus connection raises that ends meanwhile (dbus-fast 5). Whoever asks here must not end with it.
_BROKEN = (TimeoutError, OSError, EOFError, AttributeError)

_NOBODY = ("ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected")
_NO_DAEMON = "bluetoothd is not running: sudo systemctl start bluetooth"
_NO_DBUS = "there is no D-Bus, which Bluetooth needs on Linux: sudo systemctl start dbus"
_NOT_ALLOWED = "this user may not use Bluetooth: sudo usermod -aG bluetooth $USER, and log in again"


@dataclass(frozen=True)
class Adapter:
    """What BlueZ says of one adapter. `roles`: such as `central`, where BlueZ is new enough to say."""

    name: str
    address: str
    powered: bool
    discovering: bool
    roles: tuple[str, ...] = ()

    @property
    def why_not(self) -> str | None:
        """Why it cannot be used, and what to do."""
        if self.powered:
            return None
        return blocked() or f"the adapter {self.name} is switched off: bluetoothctl power on"


@dataclass(frozen=True)
class Held:
    """A device that BlueZ is connected to. `path`: where it is on D-Bus."""

    path: str
    adapter: str
    address: str
    name: str | None


Properties = Mapping[str, Variant]


def blocked() -> str | None:
    """Say whether a switch keeps Bluetooth off, and what to do."""
    for switch in sorted(_RFKILL.glob("rfkill*")):
        with contextlib.suppress(OSError):
            if (switch / "type").read_text().strip() != "bluetooth":
                continue
            if (switch / "hard").read_text().strip() == "1":
                return "a switch on this machine keeps Bluetooth off: look for it, or in the BIOS"
            if (switch / "soft").read_text().strip() == "1":
                return "Bluetooth is blocked: sudo rfkill unblock bluetooth"
    return None


def choose(adapters: Iterable[Adapter], wanted: str | None) -> Adapter:
    """Return the adapter to use: the wanted one, or the first that is switched on. Raise `NotFoundError`."""
    known = sorted(adapters, key=lambda each: each.name)
    fitting = [each for each in known if wanted in (None, each.name)]
    if not known:
        raise NotFoundError(blocked() or "there is no Bluetooth adapter: plug one in")
    if not fitting:
        raise NotFoundError(f"there is no adapter {wanted}; there are {', '.join(each.name for each in known)}")
    chosen = next((each for each in fitting if each.powered), fitting[0])
    if chosen.why_not is not None:
        raise NotFoundError(chosen.why_not)
    return chosen


class BlueZ:
    """One connection to D-Bus, and through it to bluetoothd. Made by `connected`."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._watching: list[asyncio.Task[None]] = []

    async def adapters(self) -> list[Adapter]:
        """Return all adapters."""
        (objects,) = await self._call("/", _OBJECTS, "GetManagedObjects")
        return [_adapter(path, interfaces[_ADAPTER]) for path, interfaces in objects.items() if _ADAPTER in interfaces]

    async def held(self) -> list[Held]:
        """Return what BlueZ is connected to, for whatever program, also for one that is gone."""
        (objects,) = await self._call("/", _OBJECTS, "GetManagedObjects")
        devices = {path: interfaces[_DEVICE] for path, interfaces in objects.items() if _DEVICE in interfaces}
        return [_held(path, each) for path, each in devices.items() if _said(each, "Connected", False)]

    async def let_go(self, held: Held) -> None:
        """End a connection."""
        await self._call(held.path, _DEVICE, "Disconnect")

    async def power_cycle(self, name: str) -> None:
        """Switch an adapter off and on. It ends every connection through it."""
        for powered in (False, True):
            body = [_ADAPTER, "Powered", Variant("b", powered)]
            await self._call(f"/org/bluez/{name}", _PROPERTIES, "Set", "ssv", body)
            if not powered:
                await asyncio.sleep(_OFF_SECONDS)

    async def gone(self, name: str) -> asyncio.Future[None]:
        """Return what is done as soon as this adapter, bluetoothd or D-Bus goes away, or the adapter is off."""
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end() -> None:
            if not gone.done():
                gone.set_result(None)

        def look(message: Message) -> None:
            if message.message_type is MessageType.SIGNAL and _is_the_end(message, f"/org/bluez/{name}"):
                end()

        self._bus.add_message_handler(look)
        for rule in (
            f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{_BLUEZ}'",
            f"type='signal',sender='{_BLUEZ}',interface='{_PROPERTIES}',path='/org/bluez/{name}'",
            f"type='signal',sender='{_BLUEZ}',interface='{_OBJECTS}',member='InterfacesRemoved'",
        ):
            await self._ask(_DBUS, "/org/freedesktop/DBus", _DBUS, "AddMatch", "s", [rule])
        self._watching.append(asyncio.create_task(self._disconnected(end), name="D-Bus"))
        return gone

    async def _disconnected(self, end: Callable[[], None]) -> None:
        try:
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast leaves it bare
        except Exception as error:  # noqa: BLE001 - however it ended
            _LOGGER.debug("D-Bus: %r", error)
        end()

    async def close(self) -> None:
        """End the connection."""
        for task in self._watching:
            task.cancel()
        self._bus.disconnect()

    async def _call(self, path: str, interface: str, member: str, signature: str = "", body: Any = ()) -> list[Any]:
        return await self._ask(_BLUEZ, path, interface, member, signature, list(body))

    async def _ask(
        self, whom: str, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> list[Any]:
        message = Message(
            destination=whom,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body,
            flags=MessageFlag.NO_AUTOSTART,
        )
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reply = await self._bus.call(message)
        except _BROKEN as error:
            raise NotFoundError(f"bluetoothd does not answer ({error!r}): sudo systemctl restart bluetooth") from error
        if reply is None or reply.message_type is MessageType.ERROR:
            raise NotFoundError(_why(reply))
        return list(reply.body)


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[BlueZ]:
    """Be connected for the block. Raise `NotFoundError`."""
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        await bus.connect()
    except AuthError as error:
        raise NotFoundError(_NOT_ALLOWED) from error
    except (*_BROKEN, InvalidAddressError) as error:
        raise NotFoundError(_NO_DBUS) from error
    bluez = BlueZ(bus)
    try:
        yield bluez
    finally:
        await bluez.close()


def _adapter(path: str, properties: Properties) -> Adapter:
    return Adapter(
        name=path.rpartition("/")[2],
        address=_said(properties, "Address", ""),
        powered=_said(properties, "Powered", False),
        discovering=_said(properties, "Discovering", False),
        roles=tuple(_said(properties, "Roles", ())),
    )


def _held(path: str, properties: Properties) -> Held:
    return Held(path, path.split("/")[3], _said(properties, "Address", ""), _said(properties, "Name", None))


def _said(properties: Properties, name: str, otherwise: Any) -> Any:
    return properties[name].value if name in properties else otherwise


def _is_the_end(signal: Message, path: str) -> bool:
    """Say whether a signal means that the adapter cannot be used any more."""
    match signal.member, signal.body:
        case "NameOwnerChanged", [name, _, _]:
            return bool(name == _BLUEZ)  # another bluetoothd knows nothing of what was asked of the one before
        case "InterfacesRemoved", [removed, interfaces]:
            return removed == path and _ADAPTER in interfaces
        case "PropertiesChanged", [interface, changed, _]:
            off = changed.get("Powered")
            return signal.path == path and interface == _ADAPTER and off is not None and not off.value
        case _:
            return False


def _why(reply: Message | None) -> str:
    name = "" if reply is None else str(reply.error_name)
    if name.endswith(_NOBODY):
        return _NO_DAEMON
    if name.endswith("AccessDenied"):
        return _NOT_ALLOWED
    said = reply.body[0] if reply is not None and reply.body else "no answer"
    return blocked() or f"bluetoothd refuses: {said}"
