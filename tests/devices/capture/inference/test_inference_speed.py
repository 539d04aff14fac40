"""A long recording is worked through in less than a minute."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from devices.capture.inference.drafting import draft_profile
from tests.helpers.made_up_protocols import made_up, recorded

PACKETS = 100_000
MOST_SECONDS = 60


@pytest.mark.system
def test_a_hundred_thousand_packets_take_less_than_a_minute() -> None:
    protocol = replace(made_up(0), reports_seconds=0.0019)
    device, labels = recorded(protocol)
    assert len(device.messages) >= PACKETS
    began = time.process_time()
    draft = draft_profile(device, labels)
    assert time.process_time() - began < MOST_SECONDS
    assert draft.profile is not None
    assert {"start", "adjust", "stop"} <= draft.profile["commands"].keys()
