"""Records an app session with an invented vendor's pump: the phone's HCI log, and the labels of what was pressed."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import yaml
from bleak import BleakClient
from bleak.backends.service import BleakGATTServiceCollection
from bumble.keys import MemoryKeyStore

from devices.capture.labels import LabeledAction, Labels
from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.clock import Clock, ScaledClock
from devices.virtual.body_for import Embody
from devices.virtual.breast import Mother
from devices.virtual.hci_log import HciLog
from devices.virtual.transports import Air, Central
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import VirtualBackend
from tests.helpers.invented_vendors.app_script import label_of, steps
from tests.helpers.invented_vendors.encrypted_link import EncryptedApp, EncryptedPump
from tests.helpers.invented_vendors.invented_pump import InventedPump
from tests.helpers.invented_vendors.invented_vendor import InventedVendor
from tests.helpers.invented_vendors.vendor_app import VendorApp

BEGAN = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)
KEY = "pump"
_LATE_SECONDS = (0.1, 0.8)  # how long after its label a person presses
_PACKET_SECONDS = 0.0004  # between two packets of a burst


@dataclass(frozen=True)
class AppRecording:
    """The files of one recording, and the address of the pump."""

    capture: Path
    labels: Path
    address: str


def invented_home(vendor: InventedVendor, clock: Clock, seed: int) -> Home:
    """Return a home with the vendor's pump alone."""

    return Home(clock, Catalog([vendor.profile]), [described(vendor)], seed, embody_for(vendor))


def described(vendor: InventedVendor) -> DescribedDevice:
    """Return the vendor's pump as a virtual device."""
    return DescribedDevice(KEY, vendor.profile.id, vendor.advertised_name, Side.LEFT)


def embody_for(vendor: InventedVendor) -> Embody:
    """Return what gives the vendor's pump its body."""

    def embody(profile: Profile, side: Side, _mother: Mother, seed: int | str) -> InventedPump:
        body = EncryptedPump if vendor.pump.encrypted else InventedPump
        return body(profile, side, seed, vendor.pump)

    return embody


async def record(vendor: InventedVendor, folder: Path, seed: int = 1) -> AppRecording:
    """Play the script with the vendor's app on the virtual radio, and write what a phone would have recorded."""
    clock = ScaledClock(float("inf"))
    home = invented_home(vendor, clock, seed)
    name = vendor.profile.id
    capture, labels = folder / f"{name}.btsnoop", folder / f"{name}.labels.yaml"
    app_type = EncryptedApp if vendor.pump.encrypted else VendorApp
    with capture.open("wb") as file, contextlib.ExitStack() as phone:
        log = HciLog(file, _times(clock), vendor.buffer_bytes)
        air = Air() if vendor.app.bonded else Air(log)
        async with home.on_air(air) as addresses:
            central = await air.add_central()
            backend = VirtualBackend(central)
            if vendor.app.bonded:
                phone.enter_context(await _bonded(central, backend, addresses[KEY]))
                central.host.snooper = central.host.hci_log = log
            app = app_type(vendor, backend.client, clock, BEGAN, seed)
            actions = await play(vendor, app, home, addresses[KEY], clock, seed)
    write_labels(labels, Labels(role="pump", app=vendor.app.name, began=BEGAN, actions=actions))
    return AppRecording(capture, labels, addresses[KEY])


async def _bonded(central: Central, backend: VirtualBackend, address: str) -> contextlib.AbstractContextManager[object]:
    """Pair as a phone did long before the recording. In the returned context it does not discover services again."""
    central.keystore = MemoryKeyStore()
    async with BleakClient(address, backend=backend.client, pair=True) as client:
        services = client.services

    async def known_services(_client: object, _wanted: object) -> BleakGATTServiceCollection:
        return services

    return mock.patch("devices.virtual.bumble_client.discover", known_services)


async def play(
    vendor: InventedVendor, app: VendorApp, home: Home, address: str, clock: Clock, seed: int
) -> tuple[LabeledAction, ...]:
    """Do with the app what the script asks for, a little late each time; return the labels."""
    late = random.Random(f"late {vendor.profile.id} {seed}")
    actions = []
    for step in steps(vendor):
        await clock.sleep(step.quiet_seconds)
        action = label_of(step, clock.now(), vendor.play)
        if step.asks is not None:
            action = action.model_copy(update={step.asks: _shown(home, step.asks)})
        actions.append(action)
        await clock.sleep(late.uniform(*_LATE_SECONDS))
        if action.do == "connect":
            await app.connect(address)
        elif action.do == "disconnect":
            await app.disconnect()
        elif action.do != "see":
            await app.press(action)
    await app.disconnect()
    return tuple(actions)


def _shown(home: Home, name: str) -> float:
    """Return what the app shows: a whole number."""
    value = home.twins[KEY].body.values()[name]
    assert isinstance(value, int | float)
    return int(value)


def _times(clock: Clock) -> Callable[[], float]:
    """Return the Unix time of each packet: simulated time stands still while many packets pass."""
    last_seconds = 0.0

    def now() -> float:
        nonlocal last_seconds
        last_seconds = max(BEGAN.timestamp() + clock.now(), last_seconds + _PACKET_SECONDS)
        return last_seconds

    return now


def write_labels(file: Path, labels: Labels) -> None:
    """Write a file of labels."""
    data = labels.model_dump(mode="json", exclude_none=True)
    file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
