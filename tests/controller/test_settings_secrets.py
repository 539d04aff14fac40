"""Whatever is written where in the settings, and however wrong: no error shows what may be a password or a key."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, SecretStr
from typer.testing import CliRunner

from controller.cli.main import app
from controller.settings import Settings, load_settings
from devices.support.confidential import Confidential, holds_secrets, place
from devices.support.file_error import FileError
from tests.helpers.sampling import sampled

Where = tuple[str | int, ...]

SECRET = "hunter2-geheim"
URL = f"mqtt://ann:{SECRET}@broker.lan"
WRONG: dict[str, Any] = {
    "text": SECRET,
    "address": URL,
    "list": [SECRET],
    "list of addresses": ["x", URL],
    "list of lists": [[SECRET]],
    "mapping": {"x": SECRET},
    "mapping with a known key": {"password": SECRET, "key": SECRET, "local_key": SECRET},
    "key": {SECRET: None},
    "list of keys": [{URL: None}],
}
# What may be shown as it was found, since nobody writes a password there: written down here once more, by hand.
PUBLIC = {
    "language",
    "limits",
    "reminders",
    "store",
    "profiles",
    "routines",
    "radio.kind",
    "radio.transport",
    "radio.adapters",
    "radio.power_cycle",
    "stations.home.body",
    *(
        f"stations.home.devices.0.{name}"
        for name in (
            "name",
            "profile",
            "side",
            "placed",
            "address",
            "advertised_name",
            "through",
            "allow_unverified",
            "max_level",
            "uuids",
        )
    ),
}


def models(annotation: Any) -> Iterator[tuple[Where, type[BaseModel]]]:
    """Yield the models that a type names, with the way from the value to each: through a list or a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield (), annotation
        return
    if isinstance(annotation, type) or not get_args(annotation):
        return
    step: Where = ()
    if getattr(annotation, "__origin__", None) is dict:
        step = ("home",)
    elif getattr(annotation, "__origin__", None) in (tuple, list):
        step = (0,)
    for inner in get_args(annotation):
        for way, model in models(inner):
            yield (*step, *way), model


def places(model: type[BaseModel], way: Where = ()) -> Iterator[Where]:
    """Yield the way to every key of a model and of the models in it, and to what their lists and mappings hold."""
    for name, field in model.model_fields.items():
        yield (*way, name)
        for step, inner in models(field.annotation):
            for length in range(1, len(step) + 1):
                yield (*way, name, *step[:length])
            yield from places(inner, (*way, name, *step))


def nested(way: Where, value: Any) -> Any:
    for part in reversed(way):
        value = {part: value} if isinstance(part, str) else [value]
    return value


def dotted(way: Where) -> str:
    return ".".join(map(str, way))


def is_public(way: Where) -> bool:
    return any(dotted(way[:length]) in PUBLIC for length in range(1, len(way) + 1))


EVERY: list[Where] = list(places(Settings))
CONFIDENTIAL = [way for way in EVERY if way and not is_public(way)]
every_wrong_value = pytest.mark.parametrize(
    "wrong", sampled(WRONG, keep=lambda wrong: wrong in ("address", "mapping with a known key"))
)


def ways(wrong: str) -> list[Where]:
    """Return where a wrong value is put: everywhere but a station's name, which is public and in every topic."""
    return [way for way in CONFIDENTIAL if (way, wrong) != (("stations",), "key")]


def error_of(file: Path | None) -> FileError | None:
    """Return the error of these settings; some of what is tried is right, such as any word for a user name."""
    try:
        load_settings(file)
    except FileError as error:
        return error
    return None


def everything_told(error: BaseException | None) -> str:
    """Return all that anybody could print of an error: itself, what it came from, and what it was raised in."""
    if error is None:
        return ""
    own = f"{error} {error!r} {vars(error)} {error.args}"
    return "\n".join([own, everything_told(error.__cause__), everything_told(error.__context__)])


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("LETDOWN_"):
            monkeypatch.delenv(name)


def test_the_walk_finds_the_keys_that_matter() -> None:
    found = {dotted(way) for way in EVERY}
    assert found >= {
        "mqtt",
        "mqtt.brokers",
        "mqtt.brokers.0",
        "mqtt.brokers.0.password",
        "mqtt.password_env",
        "radio.proxies.0.key",
        "stations.home",
        "stations.home.devices.0",
        "stations.home.devices.0.tuya.local_key",
        "limits.heat_celsius",
    }
    assert {dotted(way) for way in EVERY} > PUBLIC
    assert len(CONFIDENTIAL) > 35


@pytest.mark.system
@every_wrong_value
def test_no_error_of_a_file_shows_what_was_found(wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "letdown.yaml"
    for way in ways(wrong):
        file.write_text(yaml.safe_dump(nested(way, WRONG[wrong])), encoding="utf-8")
        error = error_of(file)
        assert SECRET not in everything_told(error), dotted(way)
        assert error is None or str(file) in str(error), dotted(way)


@pytest.mark.system
@every_wrong_value
def test_no_error_of_the_environment_shows_what_was_found(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for way in ways(wrong):
        depth = next((at for at, part in enumerate(way) if isinstance(part, int)), len(way))
        value = nested(way[depth:], WRONG[wrong])
        name = "LETDOWN_" + "__".join(str(part).upper() for part in way[:depth])
        for text in (json.dumps(value), value if isinstance(value, str) else repr(value)):
            with monkeypatch.context() as patched:
                patched.setenv(name, text)
                error = error_of(None)
            assert SECRET not in everything_told(error), dotted(way)
            assert error is None or "environment" in str(error), dotted(way)


@pytest.mark.system
@pytest.mark.parametrize("command", [["doctor", "--json"], ["routines"]], ids=str)
def test_no_command_shows_what_was_found(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "letdown.yaml"
    for way in CONFIDENTIAL:
        file.write_text(yaml.safe_dump({**nested(way, [[URL]]), "language": 5}), encoding="utf-8")
        done = CliRunner().invoke(app, [*command, "--config", str(file)])
        assert done.exit_code == 2, dotted(way)
        assert done.stderr.startswith(f"letdown: {file}"), dotted(way)
        assert SECRET not in done.output + done.stderr, dotted(way)


@pytest.mark.parametrize(
    "text",
    [
        f"mqtt: {{username: ann, password_env: !{SECRET}}}\n",
        f"mqtt: {{username: ann, password_env: !{SECRET}!x y}}\n",
        f"mqtt: {{username: ann, password_env: *{SECRET}}}\n",
        f"mqtt: {{username: ann, password_env: &{SECRET}}}\n",
        f"mqtt:\n  brokers: ['{URL}\n",
        f"mqtt:\n  brokers: {{{URL}: [\n",
        f"mqtt:\n  brokers:\n  {URL}\n  x: {SECRET}: {SECRET}\n",
        f"mqtt:\n  ? [{SECRET}]\n  : {SECRET}\n",
        f"mqtt:\n  username: {SECRET}\x07\n",
        f"%{SECRET} {SECRET}\n---\nmqtt: {SECRET}\n",
        f"%TAG !{SECRET}\n---\nmqtt: {SECRET}\n",
    ],
)
def test_no_error_of_yaml_shows_what_was_found(text: str, tmp_path: Path) -> None:
    file = tmp_path / "letdown.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as caught:
        load_settings(file)
    assert SECRET not in everything_told(caught.value)


def test_no_error_of_an_odd_encoding_shows_what_was_found(tmp_path: Path) -> None:
    file = tmp_path / "letdown.yaml"
    file.write_bytes(f"mqtt: {SECRET}ö\n".encode("latin-1"))
    with pytest.raises(FileError, match=r"letdown\.yaml:1: cannot be read") as caught:
        load_settings(file)
    assert SECRET not in everything_told(caught.value)


# What still helps


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"mqtt: {URL}\n", "1: mqtt: needs keys below it (brokers, base_topic, "),
        (f"mqtt:\n  brokers: 5\n  node: [{SECRET}]\n", "3: mqtt.node: Input should be a valid string"),
        ("mqtt: {passwordfile: x}\n", "1: mqtt.passwordfile: is not known here; did you mean password_file?"),
        (f"mqtt: {{{SECRET}: x}}\n", "1: mqtt: a key here is not known; there are brokers, base_topic, "),
        (f"radio:\n  proxies: [{SECRET}]\n", "2: radio.proxies.0: needs keys below it (host, port, key, key_file)"),
        ("limits:\n  heat_celsius: 300\n", "2: limits.heat_celsius: Input should be less than or equal to 42 (found "),
        ("radio: {kind: usb}\n", "1: radio.kind: Input should be 'auto' or 'bumble' (found 'usb')"),
    ],
)
def test_an_error_says_where_and_what_would_fit(text: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "letdown.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as caught:
        load_settings(file)
    assert f"{file}:{line}" in str(caught.value)


def test_a_variable_that_is_not_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETDOWN_MQTT", URL)
    with pytest.raises(FileError, match=r"mqtt: .* written as JSON"):
        load_settings(None)


def every_model(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for _, inner in models(field.annotation):
            yield from every_model(inner)


def test_a_model_with_a_secret_is_a_confidential_one() -> None:
    secretive = [
        model
        for model in every_model(Settings)
        if any(SecretStr in _types(field.annotation) for field in model.model_fields.values())
    ]
    assert len(secretive) == 7
    assert all(issubclass(model, Confidential) for model in secretive)


def _types(annotation: Any) -> set[Any]:
    return {annotation}.union(*(_types(each) for each in get_args(annotation)))


def test_what_holds_secrets_is_known_by_its_model() -> None:
    assert holds_secrets(Settings)
    assert place(Settings, ("stations", "home")).hidden
    assert not place(Settings, ("stations", "home", "devices", 0, "side")).hidden
