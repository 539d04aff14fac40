"""Features turn a plain payload into a command, and a stop into a stop however it is spelt."""

from __future__ import annotations

import pytest

from controller.contract.commands import Action, BadCommandError
from controller.contract.features.feature import Feature, accepting
from controller.contract.features.station_features import device_features, station_features
from controller.safety.limits import OwnerLimits
from controller.session.routine import load_routines
from devices.roles import Capability, DeviceLimits

STATION = {each.id: each for each in accepting(station_features(OwnerLimits(), load_routines()))}
(WARMTH,) = accepting(
    device_features("warmer", frozenset({Capability.START, Capability.TARGET_CELSIUS}), DeviceLimits())
)


@pytest.mark.parametrize("payload", [b"", b"PRESS", b"start", b"\xff\xfe", b"x" * 1_000_000, b"[" * 100_000])
@pytest.mark.parametrize("name", ["stop", "pain"])
def test_whatever_comes_to_stop_or_pain_is_one(name: str, payload: bytes) -> None:
    assert STATION[name].command(payload)[0].action == name


@pytest.mark.parametrize("payload", [b"off", b"OFF", b" Off\r\n"])
def test_heat_is_stopped_however_off_is_spelt(payload: bytes) -> None:
    assert WARMTH.command(payload)[0].action is Action.STOP


@pytest.mark.parametrize(
    ("payload", "args"), [(b"heat", {}), (b"38.5", {"celsius": 38.5}), (b" 40 ", {"celsius": 40.0})]
)
def test_a_compress_is_set_by_a_number_and_left_as_it_is_by_heat(payload: bytes, args: dict[str, float]) -> None:
    command, _ = WARMTH.command(payload)
    assert (command.action, command.args) == (Action.SET_WARMTH, args)


@pytest.mark.parametrize(("feature", "payload"), [(WARMTH, b"HEAT"), (WARMTH, b""), (STATION["start"], b"press")])
def test_what_starts_is_started_by_its_own_payload_alone(feature: Feature, payload: bytes) -> None:
    with pytest.raises(BadCommandError):
        feature.command(payload)
