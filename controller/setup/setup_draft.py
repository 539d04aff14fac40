"""What set-up is going to save: new settings, and a password beside them. Nothing is written before `save`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from controller.app import check
from controller.doctor.file_checks import secrets_in
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.safety.limits import EXPRESSION_VACUUM_MMHG, LEAST_COMFORT_VACUUM_MMHG
from controller.settings import DeviceSettings, Settings
from controller.setup.device_entry import DeviceEntry
from controller.setup.file_writer import FileText, check_writable, write_files
from controller.setup.settings_document import SettingsDocument
from devices.support.clock import Clock, RealClock
from devices.support.yaml_file import parse_document

HOME = "home"
_PASSWORD_FILE = "mqtt-password"  # noqa: S105 - the name of a file

_BEGINNING = """\
# The settings of Letdown, by `letdown setup`, which keeps what you change here.
# Every other setting, with its default, is in the file config/letdown.yaml of Letdown.

language: {language}
"""


class SetupDraft:
    """The settings as they are to be. Every change that does not fit raises `FileError`, and changes nothing."""

    def __init__(self, file: Path, language: str = "en") -> None:
        """Read the settings, if there are any. Raise `FileError`, or `SettingsWriteError` where none can be saved."""
        self.document = SettingsDocument.read(file, _BEGINNING.format(language=language))
        check_writable(file)
        self.removed: list[str] = []
        self._secrets: dict[Path, FileText] = {}

    @property
    def settings(self) -> Settings:
        """The settings as they are to be."""
        return self.document.settings

    @property
    def file(self) -> Path:
        """The settings file."""
        return self.document.file

    @property
    def is_new(self) -> bool:
        """Whether there is no settings file yet."""
        return self.document.original is None

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        return self.document.changed or bool(self._secrets)

    @property
    def stations(self) -> tuple[str, ...]:
        """The names of the stations."""
        return tuple(self.settings.stations)

    def devices(self) -> Iterator[DeviceSettings]:
        """Yield all devices, in the order of the file."""
        for station in self.settings.stations.values():
            yield from station.devices

    def add(self, entry: DeviceEntry, station: str | None = None) -> None:
        """Add a device to a station, by default the first."""
        self.document.add_device(station or self.stations[0], entry.data())

    def change(self, called: str, /, **values: object) -> None:
        """Change a device: its `name`, `side` or `allow_unverified`."""
        self.document.change_device(called, values)

    def remove(self, name: str) -> None:
        """Remove a device."""
        self.document.remove_device(name)
        self.removed.append(name)

    def set_language(self, language: str) -> None:
        """Set the language of the guide."""
        if self.settings.language != language:
            self.document.set(("language",), language)

    def set_comfort(self, mmhg: float | None) -> None:
        """Set the comfort cap in mmHg, within `comfort_range()`."""
        if self.settings.limits.comfort_vacuum_mmhg != mmhg:
            whole = int(mmhg) if mmhg is not None and mmhg == int(mmhg) else mmhg
            self.document.set(("limits", "comfort_vacuum_mmhg"), whole)

    def mqtt_of(self, broker: BrokerUrl | None) -> MqttSettings:
        """Return the MQTT settings with another broker, or with none, to try it. Its login replaces any other."""
        found = {"brokers": () if broker is None else (broker,)}
        return self.settings.mqtt.model_copy(
            update={**found, "username": None, "password_file": None, "password_env": None}
        )

    def set_broker(self, broker: BrokerUrl | None) -> None:
        """Set the only broker, or none. Its password goes into a file of its own, which only its owner may read."""
        before = self.settings.mqtt
        if broker is None and before.embedded:
            return
        file = before.password_file or self.file.parent / _PASSWORD_FILE
        for key in ("password_file", "password_env", "username"):
            if getattr(before, key) is not None:
                self.document.set(("mqtt", key), None)
        self._secrets.clear()
        self.document.set(("mqtt", "brokers"), [] if broker is None else [str(broker)])
        if broker is None or broker.username is None:
            return
        self.document.set(("mqtt", "username"), broker.username)
        if broker.password is not None:
            if before.password_file is None:  # another program's file may be called that
                file = _unused(file)
            beside = file.relative_to(self.file.parent) if file.is_relative_to(self.file.parent) else file
            self.document.set(("mqtt", "password_file"), str(beside))
            self._secrets[file] = FileText(f"{broker.password.get_secret_value()}\n", secret=True)

    def check(self, clock: Clock | None = None) -> None:
        """Raise `SetupError` or `FileError` where a service cannot be built from the settings.

        Without a clock, it needs an event loop.
        """
        check(self.settings, clock or RealClock())

    def save(self) -> Path | None:
        """Write everything; return the copy of the settings before. Raise `SettingsWriteError`: nothing has changed."""
        text = self.document.text
        secret = any(True for _ in secrets_in(parse_document(text, self.file).data))
        return write_files(self.file, {**self._secrets, self.file: FileText(text, secret=secret)})


def with_login(broker: BrokerUrl, username: str, password: str) -> BrokerUrl:
    """Return a broker with user name and password."""
    return broker.model_copy(
        update={"username": username or None, "password": SecretStr(password) if password else None}
    )


def comfort_range() -> tuple[int, int]:
    """Return the least and the highest comfort cap that the settings accept, in mmHg."""
    return int(LEAST_COMFORT_VACUUM_MMHG), int(EXPRESSION_VACUUM_MMHG)


def with_values(entry: DeviceEntry, values: dict[tuple[str, ...], object]) -> DeviceEntry:
    """Return an entry with the owner's values of `Driver.owner_values`, by their paths."""
    uuids: dict[str, tuple[str, str]] = dict(entry.uuids)
    sections: dict[str, dict[str, object]] = {name: dict(section) for name, section in entry.sections.items()}
    for (section, *keys), value in values.items():
        if section == "uuids" and isinstance(value, tuple):
            uuids[keys[0]] = value
            continue
        at = sections.setdefault(section, {})
        for key in keys[:-1]:
            inner = at.setdefault(key, {})
            at = inner if isinstance(inner, dict) else {}
        at[keys[-1]] = value
    return replace(entry, uuids=uuids, sections=sections)


def _unused(file: Path) -> Path:
    number, found = 1, file
    while found.exists():
        number += 1
        found = file.with_name(f"{file.name}-{number}")
    return found
