"""A device with an encrypted protocol is recognised, and refused for good: nothing connects."""

from __future__ import annotations

import pytest

from controller.assembly.device_opening import open_device
from controller.assembly.extras import SetupError
from controller.settings import DeviceSettings
from controller.setup.nearby import devices_nearby
from controller.setup.requested_devices import entry_for, requested
from devices.driver.role_base import capabilities_of
from devices.profiles.catalog import Catalog, fit
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.support.file_error import FileError
from devices.virtual.profile_devices import devices_of
from tests.helpers.advertised import advertised
from tests.helpers.profile_snippets import HEADER, profile
from tests.helpers.yaml_texts import parse_yaml

WORDS = "its app exchanges a key with it first"
SEALED = parse_yaml(HEADER.format(role="pump") + f"encrypted: {WORDS}\n", Profile)
PLAIN = profile('commands: {start: {payload: "01"}, stop: {payload: "00"}}').model_copy(update={"id": "plain"})


def test_it_is_recognised_with_the_reason() -> None:
    found = fit(SEALED, advertised("Made 1"))
    assert found.fits
    assert found.why == f"it fits, and it cannot be used: its protocol is encrypted ({WORDS})"
    assert capabilities_of(SEALED, "pump") == frozenset()


def test_set_up_offers_nothing_and_says_why() -> None:
    (device,) = devices_nearby([advertised("Made 1")], Catalog([SEALED]))
    assert device.profiles == ()
    assert device.refusal is not None
    assert device.refusal.key == "device_encrypted"
    assert device.refusal.values == {"device": "Made 1", "why": WORDS}
    (asked,) = requested(["mine=Made 1"], [], [])
    with pytest.raises(ValueError, match="mine: a Made up cannot be used: its protocol is encrypted"):
        entry_for(asked, [device], Catalog([SEALED]), (), allow_unverified=True)
    (named,) = requested(["mine=Made 1"], ["made-up"], ["left"])
    with pytest.raises(ValueError, match="mine: a Made up cannot be used: its protocol is encrypted"):
        entry_for(named, [device], Catalog([SEALED]), (), allow_unverified=True)


def test_a_model_that_looks_the_same_and_can_be_used_is_offered() -> None:
    (device,) = devices_nearby([advertised("Made 1")], Catalog([SEALED, PLAIN]))
    assert device.profiles == (PLAIN,)
    assert device.refusal is None


def test_settings_that_name_one_are_refused() -> None:
    settings = DeviceSettings(name="mine", profile="made-up", side=Side.LEFT, advertised_name="Made 1")
    with pytest.raises(SetupError, match=f"mine: a Made up cannot be used: its protocol is encrypted .{WORDS}"):
        open_device(settings, ScaledClock(1), None, Catalog([SEALED]))  # type: ignore[arg-type]  # no radio is opened


def test_it_has_no_virtual_device() -> None:
    with pytest.raises(ValueError, match="made-up has no virtual device, as its protocol is encrypted"):
        devices_of(Catalog([SEALED]), ["made-up"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('channels: {tx: {service: "ffb0", characteristic: "ffb1", write: both}}', "leave this out"),
        ('commands: {stop: {payload: "00"}}', "leave this out"),
        ("encrypted: no", "at least 10"),
    ],
)
def test_nothing_else_is_described_beside_it(more: str, words: str) -> None:
    text = HEADER.format(role="pump") + ("" if "encrypted" in more else f"encrypted: {WORDS}\n") + more + "\n"
    with pytest.raises(FileError) as caught:
        parse_yaml(text, Profile)
    assert words in str(caught.value)
    assert all(problem.line > 0 for problem in caught.value.problems)
