"""The owner's settings: one YAML file and the environment (`LETDOWN_…`). Limits can only be lowered here."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from controller.mqtt.settings import MqttSettings
from controller.mqtt.topics import check_name, check_station
from controller.safety import OwnerLimits
from devices.confidential import Confidential
from devices.profiles.vocabulary import Uuid
from devices.roles import Frozen, Side
from devices.sighting import ByAddress, ByName
from devices.tuya.credentials import TuyaCredentials
from devices.yaml_file import FileError, Problem, load_yaml, problems_of

_PREFIX = "LETDOWN_"


class DeviceSettings(Frozen):
    """One device of a station. It is known by its address, or by the very name it advertises.

    `through`: the adapter or proxy that it is connected through, where there are several; else the best.
    `allow_unverified`: control it though nobody has tried its profile on hardware. `max_level`: the highest level, for
    a pump whose levels nobody measured. `uuids`: [service, characteristic] of each channel that a template leaves open.
    `tuya`: keys from the owner's Tuya account, for devices that speak it.
    """

    name: Annotated[str, AfterValidator(check_name)]
    profile: str
    side: Side = Side.BOTH
    address: str | None = Field(None, min_length=6)
    advertised_name: str | None = Field(None, min_length=1)
    through: str | None = None
    allow_unverified: bool = False
    max_level: int | None = Field(None, ge=1)
    uuids: dict[str, tuple[Uuid, Uuid]] = Field(default_factory=dict)
    tuya: TuyaCredentials | None = None

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.address is None and self.advertised_name is None:
            raise ValueError("say which device it is: its address, or its advertised_name (see `letdown scan`)")
        return self

    @property
    def wanted(self) -> ByAddress | ByName:
        """What tells this device from others. The address decides alone where there is one."""
        if self.address is None:
            return ByName(self.advertised_name or "", self.through)
        return ByAddress(self.address.lower(), self.through)


class StationSettings(Frozen):
    """The devices used together at one place. `body`: whom it serves, where several stations serve the same person."""

    body: Annotated[str, AfterValidator(check_station)] | None = None
    devices: tuple[DeviceSettings, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [device.name for device in self.devices]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two devices are called {name}")
        return self


def _state_folder() -> Path:
    """Return where a program keeps its state: what systemd gives it, or the user's own folder for that."""
    systemd, user = os.environ.get("STATE_DIRECTORY"), os.environ.get("XDG_STATE_HOME")
    return Path(systemd.split(":")[0]) if systemd else Path(user or Path.home() / ".local/state") / "letdown"


class StoreSettings(Frozen):
    """Where is kept what must not be forgotten: what runs, what tripped, the day's answers, and past sessions."""

    path: Path | None = None

    @property
    def file(self) -> Path:
        """The file, wherever it is."""
        return self.path or _state_folder() / "letdown.db"


class ProxySettings(Confidential):
    """An ESPHome Bluetooth proxy. Its key, if it has one, is here or in the first line of a file."""

    host: str = Field(min_length=1)
    port: int = Field(6053, ge=1, le=65535)
    key: SecretStr | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.key is not None and self.key_file is not None:
            raise ValueError("the key is in key or in key_file; name one of them")
        return self


class RadioSettings(Frozen):
    """Which Bluetooth to use. `adapters`: which of several, such as `hci1` (Linux); else the first that is on.

    `proxies`: ESPHome proxies; with any, this machine's own Bluetooth is used only where `adapters` names it.

    `power_cycle`: let an adapter that hears nothing be switched off and on, when to scan anew did not help.
    """

    kind: Literal["auto", "bumble"] = "auto"
    transport: str | None = None
    adapters: tuple[Annotated[str, Field(pattern=r"^hci\d+$")], ...] = ()
    proxies: tuple[ProxySettings, ...] = ()
    power_cycle: bool = False

    @model_validator(mode="after")
    def _bumble_needs_a_transport(self) -> Self:
        if self.kind == "bumble" and (self.adapters or self.proxies):
            raise ValueError("adapters and proxies go with kind auto; a transport is one by itself")
        if (self.kind == "bumble") != (self.transport is not None):
            raise ValueError(
                "kind bumble goes with a transport, such as tcp-client:127.0.0.1:6402; kind auto with none"
            )
        return self


class Settings(BaseSettings):
    """Everything an owner can set. The environment goes before the file."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    language: str = "en"
    radio: RadioSettings = RadioSettings()
    limits: OwnerLimits = OwnerLimits()
    mqtt: MqttSettings = Field(default_factory=MqttSettings)
    store: StoreSettings = StoreSettings()
    profiles: tuple[Path, ...] = ()
    routines: tuple[Path, ...] = ()
    stations: dict[Annotated[str, AfterValidator(check_station)], StationSettings] = Field(
        default_factory=lambda: {"home": StationSettings()}, min_length=1
    )

    @model_validator(mode="after")
    def _through_what_there_is(self) -> Self:
        known = {*self.radio.adapters, *(proxy.host for proxy in self.radio.proxies)}
        for station, settings in self.stations.items():
            for at, device in enumerate(settings.devices):
                if device.through is not None and device.through not in known:
                    raise ValueError(
                        f"stations.{station}.devices.{at}.through: {device.through} is neither in radio.adapters "
                        "nor the host of one of radio.proxies"
                    )
        return self

    @model_validator(mode="after")
    def _each_device_once(self) -> Self:
        known: dict[ByAddress | ByName, str] = {}
        for station, settings in self.stations.items():
            for at, device in enumerate(settings.devices):
                name = f"{device.name} of {station}"
                if other := known.get(device.wanted):
                    raise ValueError(
                        f"stations.{station}.devices.{at}: a device belongs to one station, once: "
                        f"{other} and {name} are the same"
                    )
                known[device.wanted] = name
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings names what it passes
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, which comes in as `init_settings`."""
        return env_settings, init_settings


def load_settings(file: Path | None) -> Settings:
    """Read the settings from `file`, if any, and the environment. Raise `FileError`."""
    for name in os.environ:
        first = name.removeprefix(_PREFIX).split("__")[0].lower()
        if name.startswith(_PREFIX) and first not in Settings.model_fields:
            known = ", ".join(f"{_PREFIX}{each.upper()}" for each in Settings.model_fields)
            raise FileError("the environment", [Problem(0, name, f"is no setting; there are {known}")])
    alone = _from_environment()  # first, so that what is wrong there is not blamed on the file
    return alone if file is None else load_yaml(file, Settings)


def _from_environment() -> Settings:
    try:
        return Settings()
    except SettingsError as error:  # a variable that should hold JSON, and does not
        field = re.search(r'field "(\w+)"', str(error))
        words = 'a list or keys are written as JSON here, such as \'["first", "second"]\'; this is not valid JSON'
        problems = [Problem(0, field[1] if field else "", words)]
    except ValidationError as error:
        problems = problems_of(error, Settings, {})
    # Raised here, so that the errors above, which carry what was found, do not hang on to this one.
    raise FileError("the environment (LETDOWN_…)", problems)
