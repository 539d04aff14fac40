"""Passwords and certificates: what opens the door of a real broker, and what is said when it stays shut."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from controller.mqtt.bridge import Bridge
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.topics import Topics
from tests.helpers.mosquitto import Mosquitto, find, mosquitto
from tests.helpers.mqtt_listener import STATION, TOPICS, Desk, running, task_of
from tests.helpers.patience import until

pytestmark = pytest.mark.system


async def run(program: str, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(find(program), *arguments, stderr=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0


async def certificate(folder: Path, name: str, *signed_by: str) -> tuple[Path, Path]:
    """Make a key and a certificate: an authority's, or signed by one."""
    key, made = folder / f"{name}.key", folder / f"{name}.pem"
    await run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made), *signed_by),
    )
    return key, made


def bridge_with(broker: Mosquitto, *, tls: bool = False, topics: Topics = TOPICS, **settings: Any) -> Bridge:
    url = BrokerUrl(host=broker.host, port=broker.port, tls=tls)
    return Bridge(
        MqttSettings(brokers=(url,), node="test", **settings),
        topics,
        {STATION: Desk().handle},
        first_wait_seconds=0.05,
        longest_wait_seconds=0.1,
    )


async def trouble(bridge: Bridge) -> str:
    with task_of(bridge):
        await until(lambda: bridge.problem is not None)
    return bridge.problem or ""


async def test_a_password_is_read_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    passwords, file = tmp_path / "passwords", tmp_path / "secret"
    await run("mosquitto_passwd", "-b", "-c", str(passwords), "ann", "right")
    lines = ["allow_anonymous false", f"password_file {passwords}"]
    async with mosquitto(config_lines=lines) as broker:
        by_file = bridge_with(broker, username="ann", password_file=file)
        assert f"the file in mqtt.password_file ({file}) cannot be read" in await trouble(by_file)
        file.write_text("\n")
        assert "is empty" in await trouble(bridge_with(broker, username="ann", password_file=file))
        file.write_text("wr0ng\n")
        assert "refuses the user 'ann'" in await trouble(bridge_with(broker, username="ann", password_file=file))
        async with asyncio.timeout(5):
            with task_of(by_file):
                file.write_text("right\n")  # it is read again at the next attempt
                await until(lambda: by_file.connected)
        by_environment = bridge_with(broker, username="ann", password_env="THE_BROKER_S")
        assert "the environment variable that mqtt.password_env names is not set" in await trouble(by_environment)
        monkeypatch.setenv("THE_BROKER_S", "right")
        async with running(by_environment):
            pass
    assert "wr0ng" not in caplog.text


async def test_a_broker_that_wants_a_certificate_is_shown_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca_key, ca = await certificate(tmp_path, "authority")
    signed = ("-CA", str(ca), "-CAkey", str(ca_key))
    key, server = await certificate(tmp_path, "server", *signed)
    my_key, mine = await certificate(tmp_path, "mine", *signed)
    strange_key, strange = await certificate(tmp_path, "strange")
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    lines = [f"cafile {ca}", f"certfile {server}", f"keyfile {key}", "require_certificate true"]
    async with mosquitto(config_lines=lines) as broker:
        trusting = {"tls": True, "ca_file": ca}
        async with running(bridge_with(broker, **trusting, cert_file=mine, key_file=my_key)):
            pass
        # In TLS 1.3 a client learns only after its own part that it is not trusted: aiomqtt waits for an answer then.
        monkeypatch.setattr("controller.mqtt.connection._ANSWER_SECONDS", 0.7)
        for said, settings in (
            ("client certificate", {}),
            ("client certificate", {"cert_file": strange, "key_file": strange_key}),
            ("do not match", {"cert_file": mine, "key_file": strange_key}),
            ("mqtt.key_file", {"cert_file": mine, "key_file": tmp_path / "none"}),
        ):
            assert said in await trouble(bridge_with(broker, **trusting, **settings))
        assert "set mqtt.ca_file" in await trouble(bridge_with(broker, tls=True, ca_file=strange))
        assert "there is no certificate in mqtt.ca_file" in await trouble(
            bridge_with(broker, tls=True, ca_file=nothing)
        )


async def test_an_encrypted_key_is_no_question_at_the_terminal(tmp_path: Path) -> None:
    key, made = await certificate(tmp_path, "mine")
    locked = tmp_path / "locked.key"
    await run("openssl", "rsa", "-aes128", "-passout", "pass:x123456", "-in", str(key), "-out", str(locked))
    async with mosquitto(config_lines=[f"certfile {made}", f"keyfile {key}"]) as broker:
        bridge = bridge_with(broker, tls=True, ca_file=made, cert_file=made, key_file=locked)
        assert "the key has a password" in await trouble(bridge)
