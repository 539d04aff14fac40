"""The section `fleet` of the settings: what is wrong in it is said where it is written, and no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cluster.cluster_settings import ClusterSettings
from controller.settings import load_settings
from devices.support.file_error import FileError

SECRET = "hunter2-geheim"
SERVERS = "servers: [nats://node-1.lan:4222]"
BROKER = "mqtt: {brokers: [mqtt://node-1.lan]}\n"


def error_of(section: str, tmp_path: Path, *, rest: str = BROKER) -> str:
    file = tmp_path / "letdown.yaml"
    file.write_text(f"{rest}fleet: {{{section}}}\n", encoding="utf-8")
    with pytest.raises(FileError) as caught:
        load_settings(file)
    assert f"{file}:" in str(caught.value)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def load(section: str, tmp_path: Path) -> ClusterSettings:
    file = tmp_path / "letdown.yaml"
    file.write_text(f"{BROKER}fleet: {{{section}}}\n", encoding="utf-8")
    settings = load_settings(file).fleet
    assert settings is not None
    return settings


def test_a_home_has_none(tmp_path: Path) -> None:
    assert load_settings(None).fleet is None


def test_one_address_is_enough(tmp_path: Path) -> None:
    settings = load(SERVERS, tmp_path)
    assert settings.servers == ("nats://node-1.lan:4222",)
    assert settings.name == "letdown"
    assert settings.ttl_seconds == 20
    assert settings.replicas is None


def test_one_address_needs_no_list(tmp_path: Path) -> None:
    assert load("servers: nats://node-1.lan", tmp_path).servers == ("nats://node-1.lan",)


def test_files_are_found_beside_the_settings(tmp_path: Path) -> None:
    settings = load(f"{SERVERS}, user: ann, password_file: secret, ca_file: /etc/ca.pem", tmp_path)
    assert settings.password_file == tmp_path / "secret"
    assert settings.ca_file == Path("/etc/ca.pem")


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("ttl_seconds: 15", "fleet.servers"),
        ("servers: []", "fleet.servers"),
        ("servers: [http://node-1.lan]", "server 1 is no address of a nats-server; write nats://"),
        ("servers: [nats://a.lan, 5]", "server 2 is no address"),
        ("servers: [node-1.lan]", "server 1 is no address"),
        ("servers: ['nats://']", "server 1 is no address"),
        ("servers: ['nats://a.lan:hello']", "server 1 is no address"),
        ("servers: ['nats://a.lan:99999']", "server 1 is no address"),
        (f"{SERVERS}, ttl_seconds: 5", "fleet.ttl_seconds: Input should be greater than or equal to 6"),
        (f"{SERVERS}, ttl_seconds: 61", "fleet.ttl_seconds: Input should be less than or equal to 60"),
        (f"{SERVERS}, ttl_seconds: .nan", "fleet.ttl_seconds"),
        (f"{SERVERS}, replicas: 2", "fleet.replicas"),
        (f"{SERVERS}, name: two words", "fleet.name"),
        (f"{SERVERS}, name: a.b", "fleet.name"),
        (f"{SERVERS}, name: ''", "fleet.name"),
        (f"{SERVERS}, ttl: 15", "fleet: a key here is not known; there are servers"),
        (f"{SERVERS}, user: ann", "user and password go together"),
        (f"{SERVERS}, password: x", "user and password go together"),
        (f"{SERVERS}, user: ann, password: x, password_file: y", "name one of them"),
        (f"{SERVERS}, user: ann, password: x, credentials_file: y", "name one of them"),
    ],
)
def test_what_is_wrong_is_said_where_it_is_written(section: str, words: str, tmp_path: Path) -> None:
    assert words in error_of(section, tmp_path)


@pytest.mark.parametrize(
    "section",
    [
        f"servers: [nats://ann:{SECRET}@node-1.lan]",
        f"servers: [nats://{SECRET}@node-1.lan]",
        f"servers: nats://ann:{SECRET}@node-1.lan",
        f"servers: [a.lan, 'nats://ann:{SECRET}@b.lan:x']",
        f"{SERVERS}, password: {SECRET}",
        f"{SERVERS}, user: ann, password: [{SECRET}]",
        f"{SERVERS}, user: [{SECRET}], password: {SECRET}",
        f"{SERVERS}, user: ann, password: {SECRET}, password_file: {SECRET}",
        f"{SERVERS}, secret: {SECRET}",
    ],
)
def test_no_error_shows_a_secret(section: str, tmp_path: Path) -> None:
    assert "fleet" in error_of(section, tmp_path)


def test_nothing_shows_the_password() -> None:
    settings = ClusterSettings(servers=("nats://a.lan",), user="ann", password=SECRET)
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        assert SECRET not in shown


def test_a_fleet_without_a_broker_is_refused(tmp_path: Path) -> None:
    assert "mqtt.brokers: a fleet shares a broker" in error_of(SERVERS, tmp_path, rest="")
