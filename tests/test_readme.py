"""What the README tells people to type works, and what it lists is there. Its links are looked at in `test_docs`."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from controller.contract.commands import Action
from controller.mqtt.topics import Topics
from tests.helpers.command_line import LETDOWN, ROOT, environment, letdown
from tests.helpers.mosquitto import find, mosquitto
from tests.helpers.mqtt_listener import ear
from tests.helpers.patience import until
from tests.helpers.service_process import availability

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CI = (ROOT / ".ci/run").read_text(encoding="utf-8")

OURS = ".venv/bin/letdown"
LINES = [
    shlex.split(line, comments=True)
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if line.strip()
]
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
ENDLESS = ("run", "virtual")  # these go on until they are ended
SHORT = [line[1:] for line in LINES if line[0] == OURS and line[1] not in ENDLESS]
SERVICE = [line[1:] for line in LINES if line[0] == OURS and line[1] == "run"]
VIRTUAL = [line[1:] for line in LINES if line[0] == OURS and line[1] == "virtual"]


def test_every_line_to_type_is_one_that_is_tried_here() -> None:
    assert len(SHORT) >= 5
    assert len(SERVICE) == 1
    assert len(VIRTUAL) == 1
    others = {line[0] for line in LINES if line[0] != OURS}
    assert others == {"make", "mosquitto_sub", "mosquitto_pub"}


@pytest.mark.system  # not that they need other programs, but they take their time
@pytest.mark.parametrize("arguments", SHORT, ids=" ".join)
def test_a_command_does_what_it_says(arguments: list[str], tmp_path: Path) -> None:
    done = letdown(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout
    if "--json" in arguments:
        assert json.loads(done.stdout)["outcome"] == "completed"


@pytest.mark.system
def test_virtual_devices_are_served_and_their_settings_printed(tmp_path: Path) -> None:
    (arguments,) = VIRTUAL
    asked = [*arguments, "--transport", "tcp-server:127.0.0.1:0"]  # the usual port may be in use here
    pipe = subprocess.PIPE
    with subprocess.Popen([*LETDOWN, *asked], cwd=tmp_path, env=environment(), stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        printed = b""
        while b"tuya:" not in printed:
            line = process.stdout.readline()
            assert line, printed
            printed += line
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert b"profile: lovense" in printed


def test_make_has_what_it_is_asked_for_and_ci_runs_it() -> None:
    asked = {line[1] for line in LINES if line[0] == "make"}
    assert asked == {"demo", "test"}
    assert asked <= set(re.findall(r"\bmake ([a-z-]+)", CI))
    assert set(re.findall(r"`make ([a-z-]+)", README + CONTRIBUTING)) <= TARGETS


def test_ci_asks_make_for_what_it_has() -> None:
    assert set(re.findall(r"\bmake ([a-z-]+)", CI)) <= TARGETS


def test_the_topics_are_those_that_are_used() -> None:
    topics, station, device = Topics("letdown", "<node>"), "<station>", "<device>"
    wanted = {
        topics.status(),
        topics.radio(),
        topics.about(),
        topics.start_defaults(station),
        topics.recent_sessions(station),
        topics.history(station),
        topics.learned_comfort(station),
        topics.reminders(station),
        topics.uploads(station),
        topics.set(station, "<feature>"),
        *(each(station) for each in (topics.state, topics.guide, topics.event, topics.command, topics.reply)),
        topics.device_state(station, device),
        topics.device_availability(station, device),
        topics.device_telemetry(station, device),
    }
    listed: set[str] = set()
    for cell in re.findall(r"^\| (`letdown/.*?) \|", README, re.MULTILINE):
        first, *more = re.findall(r"`(.*?)`", cell)
        listed |= {first, *(first.rpartition("/")[0] + each.removeprefix("…") for each in more)}
    assert listed == wanted


def test_the_actions_are_those_that_there_are() -> None:
    paragraph = README.split("\nActions: ", 1)[1].split(".", 1)[0]
    assert set(re.findall(r"`(\w+)`", paragraph)) == {action.value for action in Action}


@pytest.mark.system
async def test_the_service_does_over_mqtt_what_it_says(tmp_path: Path) -> None:
    (arguments,) = SERVICE
    clients = [line for line in LINES if line[0].startswith("mosquitto_")]
    async with mosquitto() as broker, ear(broker.url) as other:
        asked = [each.replace("mqtt://127.0.0.1:1883", str(broker.url)) for each in arguments]
        assert asked != arguments
        quiet = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
        service = await asyncio.create_subprocess_exec(*LETDOWN, *asked, cwd=tmp_path, env=environment(), **quiet)
        followers = []
        try:
            state = "letdown/home/state"
            # All of them: else the reply to pain says that one was not reached.
            await until(lambda: availability(other) == ["online"] * 4, 60)
            for number, (program, *options) in enumerate(clients):
                where = ("-h", broker.host, "-p", str(broker.port))
                client = await asyncio.create_subprocess_exec(
                    find(program), *where, *options, stdout=asyncio.subprocess.PIPE, limit=2**20
                )
                if program == "mosquitto_sub":
                    followers.append(client)
                    assert client.stdout is not None
                    assert (await asyncio.wait_for(client.stdout.readline(), 60)).startswith(b"letdown/")
                    continue
                assert await client.wait() == 0
                await until(lambda number=number: len(other.replies()) == number, 60)  # the first client only listens
                assert other.replies()[-1]["outcome"] == "accepted"
            await until(lambda: other.values(state)[-1]["state"] == "stopped", 60)
            assert other.values(state)[-1]["reason"] == "pain"
            service.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(service.wait(), 15) == 0
        finally:
            for process in (service, *followers):
                if process.returncode is None:
                    process.kill()
                    await process.communicate()
