"""Starts Letdown as an add-on of Home Assistant: `python -m controller.container.addon`.

It turns the add-on's options and Home Assistant's MQTT broker into settings, drops the rights of root, and becomes
`letdown run`. It waits for nothing: the first thing that a controller does is to stop what was left running.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.container.addon_options import OptionsError, arguments, read_options, settings_of
from controller.container.mqtt_service import SUPERVISOR, MqttService, SupervisorError, mqtt_service
from devices.support.file_error import FileError
from devices.support.yaml_file import read_document

_TOKEN = "SUPERVISOR_TOKEN"  # noqa: S105 - the name of a variable
_OLD_TOKEN = "HASSIO_TOKEN"  # noqa: S105 - the same, for older add-ons
# It stays root, without the rights of root: `dbus-daemon` refuses a user whom the machine does not know.
_WITHOUT_RIGHTS = ("setpriv", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--no-new-privs")
_FIRST_SETTINGS = """\
# Letdown's settings, beside the options of the add-on, which take precedence. The page of Letdown adds devices here.
# config/letdown.yaml in the source lists every setting. Restart the add-on after a change.
stations:
  home:
    devices: []
"""


@dataclass(frozen=True)
class Places:
    """Where things are in an add-on. `ingress`: where requests that Home Assistant has authorised come from."""

    options: Path = Path("/data/options.json")
    state: Path = Path("/data/letdown")
    settings: Path = Path("/config/letdown.yaml")
    supervisor: str = SUPERVISOR
    ingress: str = "172.30.32.2"
    port: int = 8099  # that of the ingress, where config.yaml names none


def main(places: Places = Places(), environ: Mapping[str, str] = os.environ) -> None:
    """Become `letdown run`. Exit with 2 where the options cannot be used."""
    try:
        options = read_options(places.options)
    except OptionsError as error:
        _say(str(error))
        sys.exit(2)
    _prepare_folders(places)
    in_file = names_broker(places.settings)
    service = None if options.mqtt_broker is not None or in_file else _service(environ.get(_TOKEN), places.supervisor)
    # The token is not handed on: nothing needs it any more.
    kept = {name: value for name, value in environ.items() if name not in (_TOKEN, _OLD_TOKEN)}
    env = {
        **kept,
        "HOME": str(places.state),
        "STATE_DIRECTORY": str(places.state),
        "LETDOWN_WEB__ENABLED": "true",
        "LETDOWN_WEB__HOST": "0.0.0.0",  # noqa: S104 - the network of the add-ons, and with the token
        "LETDOWN_WEB__PORT": str(places.port),
        "LETDOWN_WEB__INGRESS": places.ingress,
        **settings_of(options, service, broker_in_file=in_file),
    }
    line = [sys.executable, "-m", "controller.cli.entry", *arguments(options, places.settings)]
    if environ.get("LETDOWN_INSTALLED_AS") == "addon":  # in the image
        line = [*_WITHOUT_RIGHTS, *line]
    os.execvpe(line[0], line, env)  # noqa: S606 - of this very program


def names_broker(file: Path) -> bool:
    """Return whether a settings file names a broker. What is wrong with the file, the controller reports."""
    try:
        mqtt = read_document(file).data.get("mqtt")
    except (FileError, AttributeError):
        return False
    return isinstance(mqtt, dict) and bool(mqtt.get("brokers"))


def _service(token: str | None, supervisor: str) -> MqttService | None:
    """Return Home Assistant's broker. Without one, log that, and go on: the page does not need it."""
    problem = "Home Assistant has no MQTT broker: install the add-on Mosquitto broker"
    try:
        found = mqtt_service(token or "", supervisor)
    except SupervisorError as error:
        found, problem = None, str(error)
    if found is None:
        _say(f"{problem}; until this add-on is restarted, Home Assistant has no entities of Letdown")
    return found


def _prepare_folders(places: Places) -> None:
    places.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not places.settings.exists() and not places.settings.is_symlink():
        places.settings.parent.mkdir(parents=True, exist_ok=True)
        places.settings.write_text(_FIRST_SETTINGS, encoding="utf-8")


def _say(words: str) -> None:
    sys.stderr.write(f"letdown: {words}\n")


if __name__ == "__main__":
    main()
