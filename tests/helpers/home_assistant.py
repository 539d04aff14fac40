"""A real Home Assistant of the test's own, without a screen: started, queried, commanded, and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import signal
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from tests.helpers import installed
from tests.helpers.command_line import ROOT
from tests.helpers.mosquitto import Mosquitto, free_port

SHIPPED = ROOT / "docs/home-assistant"
START_SECONDS = 180.0  # about 15 on a machine that has nothing else to do
_CLIENT = "http://127.0.0.1/"
_PINNED = "tests/system/home-assistant.txt"
_VERSION = (ROOT / _PINNED).read_text().partition("homeassistant==")[2].split()[0]

# One automation of each blueprint in docs/, with its inputs. Messages go to where the test can read them.
AUTOMATIONS: dict[str, dict[str, Any]] = {
    "let_down_dims_the_lights": {
        "let_down": "event.letdown_home_let_down_event",
        "lights": {"entity_id": "light.bedroom"},
        "brightness": 10,
    },
    "session_finished": {"session": "event.letdown_home_session_event", "milk": "sensor.letdown_home_volume_total"},
    "milk_logged": {"milk": "event.letdown_home_volume_event"},
    "pump_battery_low": {
        "batteries": ["sensor.letdown_home_left_pump_battery", "sensor.letdown_home_right_pump_battery"],
        "below": 99,
    },
    "uncertain_stop": {"alarm": "event.letdown_home_trip_event"},
    "reminder": {"reminder": "event.letdown_home_reminder_event"},
    "command_refused": {"reply": "event.letdown_home_reply_event"},
}

# The lights of the bedroom and a dashboard are the owner's; the blueprints and the cards are those of docs/.
_CONFIGURATION = """
http: {{server_host: 127.0.0.1, server_port: {port}}}
api:
websocket_api:
config:
onboarding:
frontend:
notify:
persistent_notification:
logger: {{default: warning}}
homeassistant: {{name: Test, unit_system: metric, time_zone: UTC, language: en}}
input_number: {{bedroom: {{min: 0, max: 255}}}}
light:
  - platform: template
    lights:
      bedroom:
        friendly_name: Bedroom
        level_template: "{{{{ states('input_number.bedroom') | int }}}}"
        value_template: "{{{{ states('input_number.bedroom') | int > 0 }}}}"
        turn_on: {{action: input_number.set_value, target: {{entity_id: input_number.bedroom}}, data: {{value: 255}}}}
        turn_off: {{action: input_number.set_value, target: {{entity_id: input_number.bedroom}}, data: {{value: 0}}}}
        set_level:
          action: input_number.set_value
          target: {{entity_id: input_number.bedroom}}
          data: {{value: "{{{{ brightness }}}}"}}
automation: !include_dir_list automations
lovelace:
  mode: storage
  dashboards:
    letdown-home: {{mode: yaml, title: Letdown, filename: dashboard.yaml, show_in_sidebar: true}}
"""


def program() -> Path:
    """Return where Home Assistant is."""
    return installed.program(f"home-assistant-{_VERSION}", _PINNED, "hass")


class HomeAssistant:
    """One installation, in a folder of its own. It may be started again and again."""

    def __init__(self, folder: Path, broker: Mosquitto, dashboard: str, automations: Mapping[str, Any]) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.token = ""
        self.refresh_token = ""
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        (folder / ".storage").mkdir(parents=True)
        (folder / "automations").mkdir()
        blueprints = folder / "blueprints/automation/letdown"
        shutil.copytree(SHIPPED / "blueprints", blueprints)
        for name, inputs in automations.items():
            automation = {"alias": name, "use_blueprint": {"path": f"letdown/{name}.yaml", "input": inputs}}
            (folder / f"automations/{name}.yaml").write_text(json.dumps(automation), encoding="utf-8")
        shutil.copy(SHIPPED / dashboard, folder / "dashboard.yaml")
        configuration = _CONFIGURATION.format(port=self.url.rpartition(":")[2])
        (folder / "configuration.yaml").write_text(configuration, encoding="utf-8")
        (folder / ".storage/core.config_entries").write_text(json.dumps(_mqtt(broker)), encoding="utf-8")

    async def start(self) -> None:
        """Start it, and wait until it has started everything it has."""
        with (self._folder / "output.txt").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                program(), "-c", self._folder, stdout=output, stderr=output
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready()
        except TimeoutError:
            raise RuntimeError(f"Home Assistant is not ready after {START_SECONDS:g} s:\n{self.log}") from None

    async def stop(self) -> None:
        """End it as its service would."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(30):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._process = None

    async def finish_onboarding(self) -> None:
        """Answer what else a new installation asks, so that its pages can be seen.

        It then sets up more than MQTT, which takes a while and may complain: a test does without.
        """
        for step in ("core_config", "analytics"):
            await self._request(f"/api/onboarding/{step}", {})
        await self._request("/api/onboarding/integration", {"client_id": _CLIENT, "redirect_uri": _CLIENT})

    @property
    def log(self) -> str:
        """What it has logged so far: warnings and errors alone."""
        file = self._folder / "home-assistant.log"
        return file.read_text(encoding="utf-8") if file.exists() else (self._folder / "output.txt").read_text()

    async def states(self) -> dict[str, dict[str, Any]]:
        """Return all states by entity."""
        return {each["entity_id"]: each for each in await self.get("/api/states")}

    async def call(self, service: str, **data: Any) -> None:
        """Call a service, such as `button.press`."""
        await self._request(f"/api/services/{service.replace('.', '/')}", data)

    async def set_state(self, entity: str, state: str) -> None:
        """Set what Home Assistant holds for the state of an entity, until that is reported again."""
        attributes = (await self.states())[entity]["attributes"]
        await self._request(f"/api/states/{entity}", {"state": state, "attributes": attributes})

    async def image(self, entity: str) -> tuple[str, bytes]:
        """Return what an image shows: media type and content."""
        address = self.url + (await self.states())[entity]["attributes"]["entity_picture"]

        def answer() -> tuple[str, bytes]:
            with urllib.request.urlopen(address, timeout=10) as response:
                return response.headers.get_content_type(), response.read()

        return await asyncio.to_thread(answer)

    async def get(self, path: str) -> Any:
        """Return what its API answers."""
        return await self._request(path)

    async def ask(self, kind: str, **more: Any) -> Any:
        """Return the answer to one request of its websocket, such as `config/entity_registry/list`."""
        async with connect(f"{self.url.replace('http', 'ws')}/api/websocket", max_size=None) as socket:
            await socket.recv()
            await socket.send(json.dumps({"type": "auth", "access_token": self.token}))
            assert json.loads(await socket.recv())["type"] == "auth_ok"
            await socket.send(json.dumps({"id": 1, "type": kind, **more}))
            answer = json.loads(await socket.recv())
            assert answer["success"], answer
            return answer["result"]

    async def _ready(self) -> None:
        assert self._process is not None
        while not await self._answers():
            if self._process.returncode is not None:
                raise RuntimeError(f"Home Assistant ended by itself:\n{self.log}")
            await asyncio.sleep(0.2)
        if not self.token:
            await self._onboard()
        while (await self.get("/api/config"))["state"] != "RUNNING":  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.2)

    async def _answers(self) -> bool:
        try:
            await self._request("/api/onboarding")
        except OSError:
            return False
        return True

    async def _onboard(self) -> None:
        """Make the one user there is, and enter as that user."""
        user = {"name": "Ann", "username": "ann", "password": "ann", "client_id": _CLIENT, "language": "en"}
        code = (await self._request("/api/onboarding/users", user))["auth_code"]
        form = f"grant_type=authorization_code&code={code}&client_id={_CLIENT}".encode()
        answer = await self._request("/auth/token", form)
        self.token, self.refresh_token = answer["access_token"], answer["refresh_token"]

    async def _request(self, path: str, body: dict[str, Any] | bytes | None = None) -> Any:
        request = urllib.request.Request(self.url + path)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if isinstance(body, dict):
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        elif body is not None:
            request.data = body

        def answer() -> Any:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.loads(response.read() or b"null")

        return await asyncio.to_thread(answer)


@contextlib.asynccontextmanager
async def home_assistant(
    folder: Path, broker: Mosquitto, dashboard: str = "dashboard.yaml", automations: Mapping[str, Any] = AUTOMATIONS
) -> AsyncIterator[HomeAssistant]:
    """Run one for the block, on this broker. `dashboard`: one of those in docs/; `automations`: as `AUTOMATIONS`."""
    program()
    it = HomeAssistant(folder, broker, dashboard, automations)
    try:
        await it.start()
        yield it
    finally:
        await it.stop()


def _mqtt(broker: Mosquitto) -> dict[str, Any]:
    """Return what it keeps of a person who has set up MQTT by hand."""
    entry = {
        "created_at": "2025-01-01T00:00:00+00:00",
        "modified_at": "2025-01-01T00:00:00+00:00",
        "data": {"broker": broker.host, "port": broker.port, "discovery": True},
        "disabled_by": None,
        "discovery_keys": {},
        "domain": "mqtt",
        "entry_id": "01HZZZMQTT0000000000000001",
        "minor_version": 2,
        "options": {},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "source": "user",
        "subentries": [],
        "title": broker.host,
        "unique_id": None,
        "version": 1,
    }
    return {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": [entry]}}


BACK_SECONDS = 30.0


# These are there only while they would be carried out: while nothing runs, that is as it should be.
IDLE = ("start", "stop", "pain", "routine", "side", "comfort_vacuum")
# Nothing was read or done yet: these may be unknown while no session runs.
UNTOLD = re.compile(
    r"^(event|button)\.|"
    r"_(phase|step|progress|ends_at|target_vacuum|suction_starts_in|rate|volume_total|volume_left|volume_right|"
    r"let_down_after|peak_vacuum|reason|guide|reply|last_session_at|last_volume|last_volume_left|last_volume_right|"
    r"rolling_24h|today|learned_vacuum|next_session_at|next_session_due|parts_to_clean)$"
)


async def until(what: Callable[[], Awaitable[bool]], seconds: float = BACK_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not await what():  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.3)


async def entities(it: HomeAssistant) -> dict[str, str]:
    """Return Home Assistant's entities by our unique ids."""
    registry = await it.ask("config/entity_registry/list")
    return {each["unique_id"]: each["entity_id"] for each in registry if each["platform"] == "mqtt"}


async def all_there(it: HomeAssistant) -> bool:
    """Say whether everything is available, and has the state that it should have while nothing runs."""
    states, ours = await it.states(), set((await entities(it)).values())
    for entity in ours:
        state = states.get(entity, {"state": "unavailable"})["state"]
        settable = entity.startswith(("button.", "select.", "number.", "climate."))
        if settable and state == "unavailable" and not entity.endswith(tuple(f"home_{name}" for name in IDLE)):
            continue
        if state == "unavailable" or (state == "unknown" and not UNTOLD.search(entity)):
            return False
    return bool(ours)


async def raw(it: HomeAssistant, sensor: str) -> str | None:
    """Return the value of an enumeration, which is the same in every language."""
    value = (await it.states())[sensor]["attributes"].get("value")
    return None if value is None else str(value)


async def press(it: HomeAssistant, button: str) -> None:
    await it.call("button.press", entity_id=f"button.letdown_home_{button}")


async def is_(it: HomeAssistant, entity: str, wanted: str) -> bool:
    return await state(it, entity) == wanted


async def state(it: HomeAssistant, entity: str) -> str:
    return str((await it.states())[entity]["state"])
