"""The options of the add-on, as Home Assistant writes them, and the settings they stand for. Pure, but for one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, ValidationError

from controller.container.mqtt_service import MqttService
from controller.contract.units import Units
from controller.mqtt.mqtt_settings import BrokerUrl
from devices.support.confidential import Confidential

# The variable of each option that is a setting by itself. What is not set leaves the setting to the settings file.
_VARIABLES: Mapping[str, str] = {
    "language": "LETDOWN_LANGUAGE",
    "units": "LETDOWN_WEB__UNITS",
    "publish": "LETDOWN_MQTT__PUBLISH",
    "comfort_vacuum_mmhg": "LETDOWN_LIMITS__COMFORT_VACUUM_MMHG",
    "vibration": "LETDOWN_LIMITS__VIBRATION",
    "remote_raise": "LETDOWN_LIMITS__REMOTE_RAISE",
}
_BROKERS = "LETDOWN_MQTT__BROKERS"


class OptionsError(Exception):
    """The options cannot be used. `str()` names each option and says what to do, and repeats no secret."""


def _check_broker(address: str) -> str:
    if BrokerUrl.parse(address).username is not None:
        raise ValueError("leave user and password out of the address; they have options of their own")
    return address


class AddonOptions(Confidential):
    """The options; config/addon/config.yaml declares the same. `mqtt_broker`: instead of Home Assistant's own.

    `virtual_devices`: simulated devices instead of real ones. `verbose`: log every message of a device.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    language: Literal["en", "de"] | None = None
    units: Units | None = None
    publish: Literal["all", "minimal"] | None = None
    comfort_vacuum_mmhg: int | None = Field(None, ge=60, le=250)
    vibration: bool | None = None
    remote_raise: Literal["allow", "refuse"] | None = None
    mqtt_broker: Annotated[str, AfterValidator(_check_broker)] | None = None
    mqtt_username: str | None = None
    mqtt_password: SecretStr | None = None
    virtual_devices: bool = False
    verbose: bool = False


def read_options(file: Path) -> AddonOptions:
    """Read the options. Raise `OptionsError`."""
    try:
        return AddonOptions.model_validate(json.loads(file.read_bytes()))
    except OSError as error:
        raise OptionsError(f"the options cannot be read: {file}: {error.strerror}") from None
    except ValidationError as error:
        wrong = (f"the option {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise OptionsError("; ".join(wrong)) from None
    except ValueError:  # its message may show what is in the file
        raise OptionsError(f"the options are no valid JSON: {file}") from None


def settings_of(options: AddonOptions, service: MqttService | None, *, broker_in_file: bool) -> dict[str, str]:
    """Return the settings, as variables of the environment, which take precedence over the settings file.

    The broker is that of the options, else that of the settings file (`broker_in_file`), else Home Assistant's.
    """
    given = options.model_dump(mode="json", exclude_none=True, include=set(_VARIABLES))
    found = {_VARIABLES[name]: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
    broker = _broker(options, service, broker_in_file=broker_in_file)
    return found if broker is None else {**found, _BROKERS: json.dumps([broker])}


def arguments(options: AddonOptions, settings_file: Path) -> list[str]:
    """Return the command line of `letdown`."""
    more = ["--virtual"] * options.virtual_devices + ["--verbose"] * options.verbose
    return ["run", "--config", str(settings_file), *more]


def _broker(options: AddonOptions, service: MqttService | None, *, broker_in_file: bool) -> str | None:
    """Return the address of the broker, with user and password; `None` where it is left to the settings file."""
    if options.mqtt_broker is not None:
        given = BrokerUrl.parse(options.mqtt_broker)
        password = None if options.mqtt_password is None else options.mqtt_password.get_secret_value()
        return _address(given.host, given.port, options.mqtt_username, password, tls=given.tls)
    if broker_in_file or service is None:
        return None
    password = None if service.password is None else service.password.get_secret_value()
    return _address(service.host, service.port, service.username, password, tls=service.ssl)


def _address(host: str, port: int, username: str | None, password: str | None, *, tls: bool) -> str:
    scheme = "mqtts" if tls else "mqtt"
    user = "" if not username else f"{quote(username, safe='')}:{quote(password or '', safe='')}@"
    return f"{scheme}://{user}{f'[{host}]' if ':' in host else host}:{port}"
