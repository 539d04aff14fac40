"""Finding and adding devices while the service runs: what an interface shows, asks for, and gets as an answer."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field

from controller.contract.about import RoleName
from controller.contract.cautions import Caution
from controller.safety.message import KeyedMessage
from devices.roles import Capability, Frozen, Side
from devices.sensor_roles import Placed

SetupState = Literal["idle", "scanning", "done", "failed", "added"]
Signal = Literal["strong", "good", "weak"]


# By experience with BlueZ: connections fail now and then below -75 dBm, and often below -85.
_STRONG_DBM, _GOOD_DBM = -60, -75


def signal_of(rssi_dbm: int) -> Signal:
    """Return how well a device is received, in a word."""
    return "strong" if rssi_dbm >= _STRONG_DBM else "good" if rssi_dbm >= _GOOD_DBM else "weak"


class FittingProfile(Frozen):
    """A profile that fits a device."""

    id: str = Field(description="Its id.")
    name: str = Field(description="The model.")
    role: RoleName = Field(description="What the device is, or is first of all.")
    confidence: Literal["verified", "unverified"] = Field(
        description="Whether somebody has tried the profile on real hardware."
    )
    sides: tuple[Side, ...] = Field(description="What it can be for.")
    capabilities: tuple[Capability, ...] = Field(description="What it could do and report.")
    cautions: tuple[Caution, ...] = Field(description="What it cannot do that a person would expect.")
    needs_more: bool = Field(description="It needs values that only its owner knows: `letdown setup` asks for them.")
    likely_side: Side = Field(description="The side that it is most likely for.")
    free_name: str = Field(description="A name for it that no other device has.")


class FoundDevice(Frozen):
    """A device nearby that a profile fits."""

    id: str = Field(description="Stands for the device until the next scan.")
    name: str | None = Field(description="The name that it advertises.")
    address: str = Field(description="Its address, masked.")
    rssi_dbm: int = Field(description="How well it is received, in dBm.")
    signal: Signal = Field(description="The same in words.")
    profiles: tuple[FittingProfile, ...] = Field(description="The profiles that fit; at least one.")
    configured_as: str | None = Field(description="Its name in the settings, if it is in them already.")


class SetupView(Frozen):
    """The latest scan."""

    state: SetupState = Field(
        "idle", description="`added`: a device is in the settings file, and the service takes it over."
    )
    seconds_left: float = Field(0, description="Until the scan is over.")
    received: int = Field(0, description="How many devices were received, of any kind.")
    found: tuple[FoundDevice, ...] = Field((), description="Those that a profile fits, the strongest first.")
    refused: tuple[KeyedMessage, ...] = Field(
        (), description="Devices that are known, and cannot be used whatever is done, each with the reason."
    )
    why: KeyedMessage | None = Field(None, description="Why it failed, as a key of `reasons` in the language files.")
    detail: str | None = Field(None, description="The same technically, in English.")
    added: str | None = Field(None, description="The device that was added last.")


class NewDevice(Frozen):
    """A device to add to the settings."""

    found: str = Field(max_length=64, description="The id of the device in the latest scan.")
    profile: str = Field(max_length=128, description="Which of the profiles that fit.")
    side: Side = Field(description="The breast that it is for.")
    name: str = Field(max_length=64, description="What it shall be called.")
    placed: Placed | None = Field(
        None, description="Where a thermometer is: on the warm compress (`pad`), or on the skin of the `breast`."
    )
    allow_unverified: bool = Field(
        False, description="Consent to control it though nobody has tried its profile; else it is only read."
    )


class DeviceSetup(Protocol):
    """Scans, and adds devices to the settings file. Never while a session or a test runs."""

    @property
    def view(self) -> SetupView:
        """The latest scan, as it is now."""

    def refusal(self) -> KeyedMessage | None:
        """Return why nothing can be found or added now; `None` where it can."""

    def begin_scan(self) -> KeyedMessage | None:
        """Scan for some seconds, or return why not."""

    async def add(self, station: str, device: NewDevice) -> KeyedMessage | None:
        """Add a device to the settings file, and have the service take it over; or return why not."""
