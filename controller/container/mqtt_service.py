"""The MQTT broker that Home Assistant's Supervisor knows of, requested over its API.

`GET /services/mqtt` is answered with the broker that an add-on such as Mosquitto has registered, or with 400 where none
has (home-assistant/supervisor, `supervisor/api/services.py` and `supervisor/services/modules/mqtt.py`).
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from pydantic import ConfigDict, Field, SecretStr, ValidationError

from devices.support.confidential import Confidential

SUPERVISOR = "http://supervisor"
_ANSWER_SECONDS = 5.0  # devices that were left running wait for it
_MOST_BYTES = 65_536
_NONE = 400


class SupervisorError(Exception):
    """The Supervisor names no broker. `str()` says why, without the token."""


class MqttService(Confidential):
    """A broker, and how to sign in to it."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    ssl: bool = False


def mqtt_service(token: str, supervisor: str = SUPERVISOR) -> MqttService | None:
    """Return the broker; `None` where there is none. Raise `SupervisorError`."""
    request = urllib.request.Request(f"{supervisor}/services/mqtt", headers={"authorization": f"Bearer {token}"})  # noqa: S310 - http, see above
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_ANSWER_SECONDS) as answer:
            return MqttService.model_validate(json.loads(answer.read(_MOST_BYTES))["data"])
    except urllib.error.HTTPError as error:
        with error:
            if error.code == _NONE:
                return None
        raise SupervisorError(f"the Supervisor refused to name the MQTT broker ({error.code})") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise SupervisorError(f"the Supervisor cannot be asked for the MQTT broker: {reason}") from None
    except (ValidationError, ValueError, TypeError, KeyError):  # their messages may show the password
        raise SupervisorError("the Supervisor's answer about the MQTT broker is not understood") from None
