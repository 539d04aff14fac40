"""What stands for the service behind the screens of devices: a set-up and a tester that note what is asked of them."""

from __future__ import annotations

from controller.contract.cautions import Caution
from controller.contract.device_setup import FittingProfile, FoundDevice, NewDevice, SetupView
from controller.contract.device_test_view import DeviceTestStages
from controller.safety.message import KeyedMessage
from devices.roles import Capability, Side


class AskedSetup:
    """Stands for `DeviceSetup`."""

    def __init__(self, view: SetupView | None = None) -> None:
        self.view = view or SetupView()
        self.why: KeyedMessage | None = None
        self.scans = 0
        self.added: list[tuple[str, NewDevice]] = []

    def refusal(self) -> KeyedMessage | None:
        return self.why

    def begin_scan(self) -> KeyedMessage | None:
        if self.why is None:
            self.scans += 1
        return self.why

    async def add(self, station: str, device: NewDevice) -> KeyedMessage | None:
        if self.why is None:
            self.added.append((station, device))
            self.view = SetupView(state="added", added=device.name)
        return self.why


class AskedTester:
    """Stands for `DeviceTester`."""

    def __init__(self) -> None:
        self.why: KeyedMessage | None = None
        self.started: list[tuple[str, str]] = []
        self.stages: list[DeviceTestStages] = []

    def start(self, station: str, device: str, stages: DeviceTestStages) -> KeyedMessage | None:
        if self.why is None:
            self.started.append((station, device))
            self.stages.append(stages)
        return self.why


def fitting(**more: object) -> FittingProfile:
    """Return a profile that fits."""
    values: dict[str, object] = {
        "id": "open-pump",
        "name": "Open pump",
        "role": "pump",
        "confidence": "verified",
        "sides": tuple(Side),
        "capabilities": (Capability.START,),
        "cautions": (),
        "needs_more": False,
        "likely_side": Side.LEFT,
        "free_name": "left-pump",
    }
    return FittingProfile.model_validate(values | more)


def found(*profiles: FittingProfile, **more: object) -> FoundDevice:
    """Return a device that was found."""
    values: dict[str, object] = {
        "id": "abc",
        "name": "Pump L",
        "address": "F0…01",
        "rssi_dbm": -50,
        "signal": "strong",
        "profiles": profiles or (fitting(),),
        "configured_as": None,
    }
    return FoundDevice.model_validate(values | more)


UNVERIFIED = fitting(
    id="kind", name="Kind pump", confidence="unverified", sides=(Side.LEFT, Side.RIGHT), cautions=(Caution.SET_BY_HAND,)
)
