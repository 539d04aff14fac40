"""The radio of a Bumble central, shared by its scanners and clients: one scan, one connection attempt at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator

from bleak.exc import BleakError, BleakGATTProtocolError
from bumble import att, hci
from bumble.core import BaseBumbleError
from bumble.device import Advertisement, Connection, Device

from devices.virtual.air_controller import AirHost
from devices.virtual.uncancelled import in_background, undisturbed

_LOGGER = logging.getLogger(__name__)

_INITIATE_SECONDS = 2.0  # from an advertisement to a connection; a radio misses some, then it is tried again


class CentralRadio:
    """The one controller that all scanners and clients of a central share."""

    def __init__(self, central: Device) -> None:
        self.central = central
        self._listeners: list[Callable[[Advertisement], None]] = []
        self._connecting: dict[str, list[asyncio.Future[hci.Address]]] = {}  # those who wait for a device, by address
        self._scan_switch = asyncio.Lock()
        self._initiating = asyncio.Lock()  # a controller opens one connection at a time
        # Not the device's own "advertisement" event: it holds advertisements back until a scan response follows.
        central.host.on("advertising_report", self._on_report)

    async def listen(self, listener: Callable[[Advertisement], None]) -> None:
        """Call `listener` with every advertisement and scan response from now on, until it is ignored."""
        if self._is_gone:
            raise BleakError("the Bluetooth controller is gone")
        self._listeners.append(listener)
        with as_bleak_errors():
            await undisturbed(self._switch_scan(afresh=True))

    async def ignore(self, listener: Callable[[Advertisement], None]) -> None:
        """Stop calling `listener`; stop scanning if it was the last."""
        if listener in self._listeners:
            self._listeners.remove(listener)
            if self._is_gone:
                return
            with as_bleak_errors():
                await undisturbed(self._switch_scan(afresh=False))

    @property
    def _is_gone(self) -> bool:
        gone = getattr(self.central, "gone", None)
        return gone is not None and gone.done()

    @property
    def _wants_scan(self) -> bool:
        return bool(self._listeners or self._connecting)

    async def _switch_scan(self, afresh: bool, address: str | None = None) -> None:
        """Scan if anyone listens; `afresh`: start again, so that a new listener receives every advertiser at once.

        `address`: the only device that the new listener waits for. On the virtual air, only that one is made to
        advertise: a new scan would bring the advertisements of all.
        """
        async with self._scan_switch:
            host = self.central.host
            if address is not None and self.central.is_scanning and isinstance(host, AirHost):
                host.solicit(hci.Address(address))
                return
            if self.central.is_scanning and (afresh or not self._wants_scan):
                await self.central.stop_scanning()
            if self._wants_scan and not self.central.is_scanning:
                await self.central.start_scanning()

    def identity(self, address: hci.Address) -> hci.Address:
        """Return the identity address behind a private one, if the peer is bonded."""
        resolver = self.central.address_resolver
        return (resolver.resolve(address) if resolver and address.is_resolvable else None) or address

    def _on_report(self, report: object) -> None:
        advertisement = Advertisement.from_advertising_report(report)
        if advertisement is None:
            return
        if self._connecting and advertisement.is_connectable:
            for advertised in self._connecting.get(plain_address(self.identity(advertisement.address)), ()):
                if not advertised.done():
                    advertised.set_result(advertisement.address)
        for listener in list(self._listeners):
            listener(advertisement)

    async def connect(self, address: str) -> Connection:
        """Connect as soon as `address` advertises; the caller sets the timeout."""
        while True:
            on_air = await self._wait_for(address)
            await self._initiating.acquire()
            attempt = in_background(self.central.connect_le(on_air, timeout=_INITIATE_SECONDS))
            attempt.add_done_callback(lambda _: self._initiating.release())
            try:
                return await asyncio.shield(attempt)
            except asyncio.CancelledError:
                if attempt.cancelled():
                    raise BleakError("The Bluetooth controller is gone") from None
                attempt.add_done_callback(_drop_unwanted)  # the controller may be connecting at this very moment
                if self.central.is_le_connecting:
                    in_background(self.central.cancel_connection())  # type: ignore[no-untyped-call]
                raise
            except (BaseBumbleError, TimeoutError) as error:
                _LOGGER.debug("connecting again after %r", error)

    async def _wait_for(self, address: str) -> hci.Address:
        if self._is_gone:
            raise BleakError("the Bluetooth controller is gone")
        advertised: asyncio.Future[hci.Address] = asyncio.get_running_loop().create_future()
        self._connecting.setdefault(address, []).append(advertised)
        try:
            with as_bleak_errors():
                await undisturbed(self._switch_scan(afresh=True, address=address))
            return await advertised
        finally:
            self._connecting[address].remove(advertised)
            if not self._connecting[address]:
                del self._connecting[address]
            if not self._is_gone:
                with as_bleak_errors():
                    await undisturbed(self._switch_scan(afresh=False))


def _drop_unwanted(attempt: asyncio.Task[Connection]) -> None:
    """End a connection whose caller was cancelled."""
    if not attempt.cancelled() and attempt.exception() is None:
        in_background(attempt.result().disconnect())


def plain_address(address: hci.Address) -> str:
    """Return an address as bleak writes it, without Bumble's mark for public ones."""
    return address.to_string(with_type_qualifier=False)


@contextlib.contextmanager
def as_bleak_errors() -> Iterator[None]:
    """Raise Bumble's errors as bleak's."""
    try:
        yield
    except att.ATT_Error as error:
        raise BleakGATTProtocolError(error.error_code) from error
    except BaseBumbleError as error:
        raise BleakError(str(error) or type(error).__name__) from error
