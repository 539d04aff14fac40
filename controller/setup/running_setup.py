"""Set-up while the service runs, for an interface: the scan and the changes of `letdown setup`, without a terminal."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from controller.assembly.extras import SetupError
from controller.contract.cautions import cautions_by
from controller.contract.device_setup import FittingProfile, FoundDevice, NewDevice, SetupView
from controller.mqtt.topics import check_name
from controller.safety.message import KeyedMessage, message
from controller.service.service import Service
from controller.setup.device_entry import entry_of
from controller.setup.file_writer import SettingsWriteError
from controller.setup.nearby import NearbyDevice, default_name, devices_nearby, likely_side
from devices.bluetooth.advertisement import FRESH_SECONDS, Advertisement, masked
from devices.bluetooth.radio import Radio
from devices.driver.device_model import DeviceModel
from devices.driver.registry import driver_of
from devices.driver.role_base import capabilities_of
from devices.errors import DeviceError
from devices.profiles.catalog import Catalog
from devices.roles import Side
from devices.support.clock import Clock
from devices.support.file_error import FileError

if TYPE_CHECKING:
    from controller.setup.setup_draft import SetupDraft

_LOGGER = logging.getLogger(__name__)

SCAN_SECONDS = 8.0
RELOAD_AFTER_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 0.25
_CHANGED_NOTHING = (FileError, SettingsWriteError, SetupError, OSError)


class RunningSetup:
    """Implements `DeviceSetup` for the settings in `file`.

    `radio`: opens the Bluetooth to scan with, or yields the one that the service has open. `busy()`: why nothing may
    be scanned or added now, or `None`. `reload()`: has the service read its settings again. `texts`: those of `setup`
    in the language of the settings.
    """

    def __init__(
        self,
        file: Path,
        clock: Clock,
        radio: Callable[[], AbstractAsyncContextManager[Radio]],
        *,
        busy: Callable[[], KeyedMessage | None],
        reload: Callable[[], None],
        texts: Mapping[str, str],
        scan_seconds: float = SCAN_SECONDS,
        reload_after_seconds: float = RELOAD_AFTER_SECONDS,
    ) -> None:
        self._file = file
        self._clock = clock
        self._radio = radio
        self._busy = busy
        self._reload = reload
        self._texts = texts
        self._scan_seconds = scan_seconds
        self._reload_after_seconds = reload_after_seconds
        self._reloading: asyncio.TimerHandle | None = None
        self._scan: asyncio.Task[None] | None = None
        self._adding = asyncio.Lock()
        self._until_seconds = 0.0
        self._view = SetupView()
        self._nearby: dict[str, NearbyDevice] = {}

    @property
    def view(self) -> SetupView:
        """The latest scan, as it is now."""
        left_seconds = max(0.0, self._until_seconds - self._clock.now())
        return self._view.model_copy(update={"seconds_left": round(left_seconds if self._scans else 0.0, 1)})

    @property
    def _scans(self) -> bool:
        return self._scan is not None and not self._scan.done()

    def refusal(self) -> KeyedMessage | None:
        """Return why nothing can be found or added now; `None` where it can."""
        return self._busy()

    def begin_scan(self) -> KeyedMessage | None:
        """Scan for some seconds, or return why not."""
        if self._scans:
            return message("setup_scanning")
        if (busy := self._busy()) is not None:
            return busy
        self._nearby.clear()
        self._until_seconds = self._clock.now() + self._scan_seconds
        self._view = SetupView(state="scanning")
        self._scan = asyncio.create_task(self._scan_and_show(), name="scan for new devices")
        return None

    async def _scan_and_show(self) -> None:
        try:
            received = await self._received()
            if received is not None:
                await self._show(received)
        except DeviceError as error:
            self._fail(message("setup_no_bluetooth"), str(error))
        except _CHANGED_NOTHING as error:
            self._fail(message("setup_file"), str(error))
        except Exception:
            _LOGGER.exception("the scan for new devices failed")
            self._fail(message("internal_error"))

    async def _received(self) -> list[Advertisement] | None:
        """Return what is received until the scan is over; `None` where something else began meanwhile."""
        async with self._radio() as radio:
            since_seconds = self._clock.now() - FRESH_SECONDS
            self._until_seconds = self._clock.now() + self._scan_seconds  # opening the radio may take a while
            while (left_seconds := self._until_seconds - self._clock.now()) > 0:
                if (busy := self._busy()) is not None:
                    self._fail(busy)
                    return None
                await self._clock.sleep(min(_LOOK_EVERY_SECONDS, left_seconds))
                received = [e for e in radio.advertisements.values() if e.seen_at_seconds >= since_seconds]
                self._view = self._view.model_copy(update={"received": len(received)})
            return received

    async def _show(self, received: Sequence[Advertisement]) -> None:
        draft = await asyncio.to_thread(_draft, self._file)
        catalog = await asyncio.to_thread(Catalog.load, *draft.settings.profiles)
        devices = tuple(draft.devices())
        nearby = devices_nearby(received, catalog, devices)
        fitting = [each for each in nearby if each.profiles]
        refused = tuple(each.refusal for each in nearby if each.refusal is not None)
        self._nearby = {secrets.token_urlsafe(6): each for each in fitting}
        found = tuple(self._found(id_, each, draft, catalog) for id_, each in self._nearby.items())
        self._view = SetupView(state="done", received=len(received), found=found, refused=refused)

    def _found(self, id_: str, device: NearbyDevice, draft: SetupDraft, catalog: Catalog) -> FoundDevice:
        advertisement = device.advertisement
        return FoundDevice(
            id=id_,
            name=advertisement.name,
            address=masked(advertisement.address),
            rssi_dbm=advertisement.rssi_dbm,
            signal=device.signal,
            profiles=tuple(self._fitting(each, device, draft, catalog) for each in device.profiles),
            configured_as=device.configured_as,
        )

    def _fitting(
        self, profile: DeviceModel, device: NearbyDevice, draft: SetupDraft, catalog: Catalog
    ) -> FittingProfile:
        role = profile.roles[0]
        configured = list(draft.devices())
        taken = {each.side for each in configured if (of := catalog.get(each.profile)) and of.roles[0] == role}
        side = likely_side(profile, device.advertisement.name, taken)
        can = capabilities_of(profile, role, may_control=True)
        return FittingProfile(
            id=profile.id,
            name=profile.name,
            role=role,
            confidence=profile.confidence,
            sides=_sides(profile),
            capabilities=tuple(sorted(can)),
            cautions=cautions_by(role, can, profile.on_link_loss),
            needs_more=_needs_more(profile),
            likely_side=side,
            free_name=default_name(self._texts, role, side, [each.name for each in configured]),
        )

    async def add(self, station: str, device: NewDevice) -> KeyedMessage | None:
        """Add a device to the settings file, and have the service take it over; or return why not."""
        async with self._adding:
            chosen = self._chosen(device)
            if isinstance(chosen, KeyedMessage):
                return chosen
            try:
                refused = await asyncio.to_thread(self._save, station, device, *chosen)
            except _CHANGED_NOTHING as error:
                _LOGGER.warning("%s was not added: %s", device.name, error)
                self._view = self._view.model_copy(update={"detail": str(error)})
                refused = message("setup_file")
            except Exception:
                _LOGGER.exception("%s was not added", device.name)
                refused = message("internal_error")
            if refused is None:
                self._take_over(device)
            return refused

    def _chosen(self, device: NewDevice) -> tuple[NearbyDevice, DeviceModel] | KeyedMessage:
        """Return the device that was found, and its profile; or what does not fit in what was asked for."""
        nearby = self._nearby.get(device.found)
        fitting = () if nearby is None else nearby.profiles
        profile = next((each for each in fitting if each.id == device.profile), None)
        if (busy := self._busy()) is not None:
            return busy
        if nearby is None or profile is None:
            return message("setup_scan_again" if nearby is None else "setup_other_profile")
        return _wrong(device, profile) or (nearby, profile)

    def _take_over(self, device: NewDevice) -> None:
        """Have the service read its settings again; not at once: the page that says so is still to be sent."""
        _LOGGER.info("%s was added to the settings", device.name)
        self._nearby.clear()
        self._view = SetupView(state="added", added=device.name)
        self._reloading = asyncio.get_running_loop().call_later(self._reload_after_seconds, self._reload)

    def _save(self, station: str, device: NewDevice, nearby: NearbyDevice, profile: DeviceModel) -> KeyedMessage | None:
        """Write the settings file, in a thread of its own. Raise one of `_CHANGED_NOTHING`."""
        draft = _draft(self._file)
        if any(each.name == device.name for each in draft.devices()):
            return message("setup_name_taken")
        if (known := next((e.name for e in draft.devices() if e.wanted(nearby.advertisement)), None)) is not None:
            return message("setup_known", device=known)
        entry = entry_of(nearby, profile, device.name, device.side)
        allowed = device.allow_unverified and profile.confidence == "unverified"
        placed = None if entry.placed is None else device.placed or entry.placed
        draft.add(
            replace(entry, allow_unverified=allowed, placed=placed), station if station in draft.stations else None
        )
        draft.check(self._clock)
        if (busy := self._busy()) is not None:  # a session may have begun while the file was read
            return busy
        draft.save()
        return None

    def _fail(self, why: KeyedMessage, detail: str | None = None) -> None:
        self._nearby.clear()
        self._view = SetupView(state="failed", why=why, detail=detail)

    async def close(self) -> None:
        """End a scan that is under way."""
        if self._reloading is not None:
            self._reloading.cancel()
        if self._scan is not None:
            self._scan.cancel()
            await asyncio.wait({self._scan})


def busy_with(service: Service) -> KeyedMessage | None:
    """Return why no device is found or added now: a session, a test, or the end of the service; `None`: it may be."""
    stations = service.stations.values()
    if any(each.running for each in stations):
        return message("setup_in_session")
    return message("test_running") if any(each.body.testing for each in stations) else service.closing_refusal()


def _draft(file: Path) -> SetupDraft:
    """Read the settings file, in a thread of its own."""
    from controller.setup.setup_draft import SetupDraft  # what it imports, a service needs for this alone

    return SetupDraft(file)


def _sides(profile: DeviceModel) -> tuple[Side, ...]:
    return (Side.LEFT, Side.RIGHT) if profile.sides == "one" else tuple(Side)


def _wrong(device: NewDevice, profile: DeviceModel) -> KeyedMessage | None:
    """Return what does not fit in what was asked for."""
    if _needs_more(profile):
        return message("setup_needs_more")
    if device.side not in _sides(profile):
        return message("setup_one_side")
    return None if _is_name(device.name) else message("setup_name_wrong")


def _is_name(name: str) -> bool:
    """Return whether a device can be called that: it becomes a part of topics, and is read on pages and in logs."""
    try:
        check_name(name)
    except ValueError:
        return False
    return name.isprintable() and name == name.strip()


def _needs_more(profile: DeviceModel) -> bool:
    return bool(driver_of(profile).owner_values(profile))
