"""The owner's settings: one YAML file and the environment (`LETDOWN_…`). Settings can only lower limits."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, create_model, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from controller.cluster.cluster_settings import ClusterSettings
from controller.cluster.fleet_names import check_names
from controller.history.baby_buddy.baby_buddy_settings import BabyBuddySettings
from controller.history.history_settings import HistorySettings
from controller.history.reminders.reminder_settings import ReminderSettings
from controller.metrics.metrics_settings import MetricsSettings
from controller.mqtt.mqtt_settings import MqttSettings
from controller.mqtt.topics import check_name, check_station
from controller.safety.limits import OwnerLimits
from controller.web.web_settings import WebSettings
from devices.bluetooth.advertisement import ByAddress, ByName, ByNothing, is_address
from devices.driver.registry import drivers
from devices.driver.vocabulary import Uuid
from devices.roles import Frozen, Side
from devices.sensor_roles import Placed
from devices.support.closest import unknown
from devices.support.confidential import Confidential
from devices.support.file_error import FileError, ModelError, Problem, problems_of
from devices.support.relative_paths import rooted
from devices.support.yaml_file import Document, read_document

_PREFIX = "LETDOWN_"
_NO_SETTINGS = frozenset({"LETDOWN_INSTALLED_AS"})  # set in our images


def _check_address(address: str) -> str:
    if not is_address(address):
        raise ValueError(
            "an address is six pairs of hex digits, AA:BB:CC:DD:EE:FF, or on macOS 32 in the form 8-4-4-4-12; "
            "`letdown scan --addresses` shows it"
        )
    return address


def _check_advertised_name(name: str) -> str:
    if not name.strip():
        raise ValueError("is empty; write the name that the device advertises (see `letdown scan`), or its address")
    return name


# The drivers whose devices are not found by Bluetooth.
_ELSEWHERE = tuple(each.name for each in drivers().values() if each.settings is not None and not each.bluetooth)


class _DeviceSettings(Frozen):
    """One device of a station. It is known by its address, or by the very name it advertises, or outside Bluetooth by
    the section of its driver, such as `plug`.

    A driver may read a section of its own: `tuya` has the keys from the owner's Tuya account.
    """

    name: Annotated[str, AfterValidator(check_name)] = Field(
        description="your name for it: letters, digits, - and _; it is part of its topics"
    )
    profile: str = Field(description="the id of its profile; `letdown profiles` lists them")
    side: Side = Field(Side.BOTH, description="the breast that it serves")
    placed: Placed | None = Field(
        None, description="of a thermometer: on the warm compress (`pad`), or on the skin of the `breast`"
    )
    address: Annotated[str, AfterValidator(_check_address)] | None = Field(
        None, description="its Bluetooth address; `letdown scan --addresses` shows it"
    )
    advertised_name: Annotated[str, AfterValidator(_check_advertised_name)] | None = Field(
        None, description="the very name that it advertises, where it has no fixed address"
    )
    through: str | None = Field(
        None, description="the adapter or proxy that it is connected through, where there are several; else the best"
    )
    allow_unverified: bool = Field(False, description="control it though its profile was not tried on hardware")
    max_level: int | None = Field(
        None, ge=1, description="the highest level, for a pump whose levels were never measured; without it, 3"
    )
    uuids: dict[str, tuple[Uuid, Uuid]] = Field(
        default_factory=dict, description="[service, characteristic] of each channel that a template leaves to you"
    )

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.address is None and self.advertised_name is None and self.reached_by is None:
            raise ValueError("say which device it is: its address, or its advertised_name (see `letdown scan`)")
        return self

    @property
    def reached_by(self) -> BaseModel | None:
        """The section that says where a device outside Bluetooth is; `None` for one that Bluetooth finds."""
        return next((section for name in _ELSEWHERE if (section := self.of_driver(name)) is not None), None)

    @property
    def wanted(self) -> ByAddress | ByName | ByNothing:
        """What identifies this device. The address decides alone where there is one."""
        if self.reached_by is not None:
            return ByNothing()
        if self.address is None:
            return ByName(self.advertised_name or "", self.through)
        return ByAddress(self.address.lower(), self.through)

    def of_driver(self, name: str) -> BaseModel | None:
        """Return the section of a driver; `None` where there is none."""
        section = getattr(self, name, None)
        return section if isinstance(section, BaseModel) else None


if TYPE_CHECKING:
    DeviceSettings = _DeviceSettings
else:  # the sections are fields, so that what is wrong in them is found and hidden like everything else
    _SECTIONS = {
        each.name: each.settings
        for each in drivers().values()
        if each.settings is not None and each.name not in _DeviceSettings.model_fields
    }
    DeviceSettings = create_model(
        "DeviceSettings", __base__=_DeviceSettings, **{name: (model | None, None) for name, model in _SECTIONS.items()}
    )


class StationSettings(Frozen):
    """The devices used together at one place."""

    body: Annotated[str, AfterValidator(check_station)] | None = Field(
        None, description="whom it serves: the same name in each station that serves the same person; they share limits"
    )
    devices: tuple[DeviceSettings, ...] = Field((), description="its devices; without any, the guide leads by hand")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [device.name for device in self.devices]
        if twice := [(at, name) for at, name in enumerate(names) if names.count(name) > 1]:
            words = "two devices are called {}; give each a name of its own"
            raise ModelError(*((f"devices.{at}.name", words.format(name)) for at, name in twice))
        return self


def _state_folder() -> Path:
    """Return the folder for state: the one from systemd, else the user's."""
    systemd, user = os.environ.get("STATE_DIRECTORY"), os.environ.get("XDG_STATE_HOME")
    if systemd:
        return Path(systemd.split(":")[0])
    try:
        return Path(user or Path.home() / ".local/state") / "letdown"
    except RuntimeError:
        words = "there is no home folder for the store; say in store.path where to keep it, or set HOME"
        raise FileError("the environment", [Problem(0, "HOME", words)]) from None


class StoreSettings(Frozen):
    """The store of what must survive a restart: running devices, trips, the day's answers."""

    path: Path | None = Field(
        None,
        description="the file; by default in `~/.local/state/letdown`, or where systemd keeps the state of a service",
    )

    @property
    def file(self) -> Path:
        """The path of the file."""
        return self.path or _state_folder() / "letdown.db"

    @property
    def history_file(self) -> Path:
        """The path of the file with the history, beside the other."""
        return self.file.with_name(f"{self.file.stem}-history.db")


class ProxySettings(Confidential):
    """An ESPHome Bluetooth proxy. Its key, if it has one, is here or in the first line of a file."""

    host: str = Field(min_length=1, description="its name or address in the network")
    port: int = Field(6053, ge=1, le=65535, description="its port")
    key: SecretStr | None = Field(None, description="its encryption key, if it has one")
    key_file: Path | None = Field(None, description="a file with that key in its first line")

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.key is not None and self.key_file is not None:
            raise ValueError("the key is in key or in key_file; name one of them")
        return self


class RadioSettings(Frozen):
    """Which Bluetooth to use."""

    kind: Literal["auto", "bumble"] = Field(
        "auto",
        description="`auto`: the Bluetooth of this machine, and proxies; `bumble`: a controller at a transport",
    )
    transport: str | None = Field(
        None, description="of Bumble, such as `tcp-client:127.0.0.1:6402` (virtual devices) or `usb:0`"
    )
    adapters: tuple[Annotated[str, Field(pattern=r"^hci\d+$")], ...] = Field(
        (), description="which of several, such as [hci0, hci1] (Linux); else the first that is on"
    )
    proxies: tuple[ProxySettings, ...] = Field(
        (), description="ESPHome proxies; with any, an adapter of this machine is used only where `adapters` names it"
    )
    power_cycle: bool = Field(
        False,
        description="switch an adapter off and on that receives no advertisements, if restarting the scan did not help",
    )

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
    """All settings. The environment takes precedence over the file."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    language: str = Field("en", description="of the guide: `en` or `de`")
    radio: RadioSettings = RadioSettings()
    limits: OwnerLimits = OwnerLimits()
    mqtt: MqttSettings = Field(default_factory=MqttSettings)
    store: StoreSettings = StoreSettings()
    history: HistorySettings = HistorySettings()
    web: WebSettings = WebSettings()
    metrics: MetricsSettings = MetricsSettings()
    baby_buddy: BabyBuddySettings | None = None
    reminders: ReminderSettings = ReminderSettings()
    fleet: ClusterSettings | None = None
    profiles: tuple[Path, ...] = Field((), description="folders with profiles of your own")
    routines: tuple[Path, ...] = Field((), description="folders with routines of your own")
    stations: dict[Annotated[str, AfterValidator(check_station)], StationSettings] = Field(
        default_factory=lambda: {"home": StationSettings()},
        min_length=1,
        description="the devices used together at one place, by the station's name; `letdown setup` adds them",
    )

    @property
    def web_token_file(self) -> Path:
        """The path of the file with the token of the web page."""
        return self.web.token_file or _state_folder() / "web-token"

    @model_validator(mode="after")
    def _through_what_there_is(self) -> Self:
        known = {*self.radio.adapters, *(proxy.host for proxy in self.radio.proxies)}
        for station, settings in self.stations.items():
            for at, device in enumerate(settings.devices):
                if device.through is not None and device.through not in known:
                    words = f"{device.through} is neither in radio.adapters nor the host of one of radio.proxies"
                    raise ModelError((f"stations.{station}.devices.{at}.through", words))
        return self

    @model_validator(mode="after")
    def _fleet_shares_a_broker(self) -> Self:
        if self.fleet is not None and self.mqtt.embedded:
            words = "a fleet shares a broker: name it, such as the MQTT port of the same nats-server"
            raise ModelError(("mqtt.brokers", words))
        return self

    @model_validator(mode="after")
    def _fleet_can_have_the_names(self) -> Self:
        if self.fleet is not None:
            check_names({name: each.body for name, each in self.stations.items()}, self.mqtt.node)
        return self

    @model_validator(mode="after")
    def _each_device_once(self) -> Self:
        check_each_device_once(self.stations)
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
        """Let the environment take precedence over the file, which is `init_settings`."""
        return env_settings, init_settings


def check_each_device_once(stations: Mapping[str, StationSettings]) -> None:
    """Raise `ModelError` where two devices of these stations cannot be distinguished."""
    devices = [
        (f"stations.{station}.devices.{at}", f"{device.name} of {station}", device)
        for station, settings in stations.items()
        for at, device in enumerate(settings.devices)
    ]
    for number, (place, name, device) in enumerate(devices):
        for other_place, other_name, other in devices[:number]:
            if same := _same(device, other):
                words = f"have the same {same}; a device belongs to one station, once"
                both = (
                    (other_place, f"{other_name} and {name} {words}"),
                    (place, f"{name} and {other_name} {words}"),
                )
                raise ModelError(*both)


def _same(one: DeviceSettings, other: DeviceSettings) -> str | None:
    """Return what two devices share that has to differ. Names may be equal where each has an address."""
    if one.reached_by is not None and one.reached_by == other.reached_by:
        return "topic"
    if one.address is not None and other.address is not None:
        return "address" if one.wanted == other.wanted else None
    return "advertised name" if one.advertised_name == other.advertised_name is not None else None


def load_settings(file: Path | None) -> Settings:
    """Read the settings from `file`, if any, and the environment. Raise `FileError`.

    Paths in the file are relative to the folder that it is in.
    """
    for name in _variables():
        if name.removeprefix(_PREFIX).split("__")[0].lower() not in Settings.model_fields:
            words = unknown(
                "setting", name, [f"{_PREFIX}{each.upper()}" for each in Settings.model_fields], prefix=_PREFIX
            )
            raise FileError("the environment", [Problem(0, "", words)])
    without_file = _from_environment()  # first, so that its errors are not attributed to the file
    return without_file if file is None else settings_of(read_document(file), file)


def settings_of(document: Document, file: Path) -> Settings:
    """Return the settings of a document that is, or is to be, in `file`. Raise `FileError`."""
    data = rooted(document.data, Settings, file.parent)
    settings = dataclasses.replace(document, data=data).validate(Settings)
    _check_folders(settings, document)
    return settings


def _check_folders(settings: Settings, document: Document) -> None:
    """Raise `FileError` for a folder of profiles or routines that is not there: what is in it would be missing."""
    folders = {"profiles": settings.profiles, "routines": settings.routines}
    problems = []
    for key, paths in folders.items():
        for at, path in enumerate(paths):
            if not path.is_dir() or not os.access(path, os.R_OK | os.X_OK):
                what = "cannot be read" if path.is_dir() else "is a file" if path.exists() else "does not exist"
                words = f"the folder {path} {what}"
                line = document.lines.get((key, at), document.lines.get((key,), 0))
                problems.append(Problem(line, f"{key}.{at}", words, "correct its path, or remove it from the settings"))
    if problems:
        raise FileError(document.file, problems)


def from_environment() -> bool:
    """Return whether the environment holds any setting."""
    return bool(_variables())


def _variables() -> list[str]:
    return [name for name in os.environ if name.startswith(_PREFIX) and name not in _NO_SETTINGS]


def _from_environment() -> Settings:
    try:
        return Settings()
    except SettingsError as error:  # a variable that should hold JSON, and does not
        field = re.search(r'field "(\w+)"', str(error))
        words = 'a list or keys are written as JSON here, such as \'["first", "second"]\'; this is not valid JSON'
        problems = [Problem(0, field[1] if field else "", words)]
    except ValidationError as error:
        problems = problems_of(error, Settings, {})
    # Raised here, so that the errors above, which contain the values, are not part of its traceback.
    raise FileError("the environment (LETDOWN_…)", problems)
