"""Credentials come from the settings or the environment, and are seen nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from devices.support.file_error import FileError
from devices.tuya.tuya_credentials import TuyaCredentials
from tests.helpers.tuya_links import DEVICE_ID, LOCAL_KEY, SECRET_KEY, SECRETS, UUID, credentials
from tests.helpers.yaml_texts import parse_yaml


def shown(error: ValidationError) -> str:
    return f"{error} {error!r} {error.errors()} {error.json()}"


def test_secrets_are_shown_by_no_view_of_them() -> None:
    all_of_them = credentials(secret_key=SECRET_KEY)
    for text in (repr(all_of_them), str(all_of_them), str(all_of_them.model_dump()), all_of_them.model_dump_json()):
        assert not any(secret in text for secret in SECRETS)
    assert not any(secret in repr(all_of_them.material) for secret in SECRETS)


def test_a_pair_request_is_uuid_six_characters_of_the_key_device_id_and_zeros() -> None:
    assert credentials().pair_request() == b"tuya0123456789ab" + b"kEy4Pu" + b"bf00aa11bb22cc33dd44ee"
    assert credentials(device_id="bf00aa").pair_request() == b"tuya0123456789abkEy4Pubf00aa" + bytes(16)


def test_each_secret_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"K": LOCAL_KEY, "U": UUID, "D": DEVICE_ID, "S": SECRET_KEY}.items():
        monkeypatch.setenv(f"W3_{name}", value)
    names = {"local_key_env": "W3_K", "uuid_env": "W3_U", "device_id_env": "W3_D", "secret_key_env": "W3_S"}
    assert TuyaCredentials.model_validate(names).pair_request() == credentials().pair_request()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"local_key": "abc"}, "longer than that"),
        ({"local_key": LOCAL_KEY + " "}, "copy it exactly"),
        ({"local_key": 1234567890123456}, "valid string"),
        ({"local_key": [LOCAL_KEY]}, "valid string"),
        ({"secret_key": SECRET_KEY[:-1]}, "16 characters"),
        ({"uuid": UUID * 2}, "at most 16 characters"),
        ({"device_id": DEVICE_ID * 2}, "at most 22 characters"),
        ({"localkey": LOCAL_KEY}, "Extra inputs"),
        ({"local_key_env": LOCAL_KEY}, "given twice"),
        ({"secret_key_env": SECRET_KEY}, "the environment variable that secret_key_env names is not set"),
        ({"datapoints": {"switch": 0}}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_reported_without_showing_it(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        credentials(**changes)
    text = shown(caught.value)
    assert says in text
    assert not any(secret in text for secret in [*SECRETS, SECRET_KEY[:-1], "1234567890123456"])


@pytest.mark.parametrize("whole", [LOCAL_KEY, [LOCAL_KEY], 7])
def test_credentials_that_are_not_a_mapping_are_not_shown_either(whole: object) -> None:
    with pytest.raises(ValidationError) as caught:
        TuyaCredentials.model_validate(whole)
    assert LOCAL_KEY not in shown(caught.value)


def test_a_settings_file_with_a_wrong_key_names_the_line_only() -> None:
    text = f"uuid: {UUID}\ndevice_id: {DEVICE_ID}\nlocal_key: {LOCAL_KEY[:5]}\nsecretkey: {SECRET_KEY}\n"
    with pytest.raises(FileError) as caught:
        parse_yaml(text, TuyaCredentials, "letdown.yaml")
    said = str(caught.value)
    assert "letdown.yaml:3: local_key" in said
    assert "letdown.yaml:4: secretkey" in said
    assert LOCAL_KEY[:5] not in said
    assert not any(secret in said for secret in SECRETS)
