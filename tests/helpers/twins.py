"""A driver connected to the virtual twin of its profile, and bodies of twins without a radio."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator

from devices.profiles.profile_device import ProfileDevice
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.virtual.body_for import embody
from devices.virtual.breast import Mother
from devices.virtual.transports import Air
from devices.virtual.twin import Twin
from devices.virtual.virtual_home import Home
from tests.helpers.shipped_profiles import catalog, connected, described


@contextlib.asynccontextmanager
async def driven(profile: Profile | str) -> AsyncIterator[tuple[ProfileDevice, Twin, ScaledClock]]:
    """Yield a connected driver and the twin at the other end."""
    found = catalog().get(profile) if isinstance(profile, str) else profile
    assert found is not None
    clock, air, each = ScaledClock(math.inf), Air(), described(found)
    home = Home(clock, catalog(), [each], seed=1)
    async with connected(clock, home, air, [each]) as (driver,):
        yield driver, home.twins[each.key], clock


START = {"phase": "expression", "vacuum_mmhg": 100, "rate_cpm": 54, "duration_seconds": 900, "lease_seconds": 10}
WARM = {"celsius": 38, "duration_seconds": 300, "lease_seconds": 10}
RUN = {"intensity": 0.2, "side": "both", "duration_seconds": 300, "lease_seconds": 10}
LEVELS = """
    commands:
      start: {payload: ["33", {level: u8, range: [1, 9]}]}
      stop: {payload: "0f"}
    levels: {vacuum_mmhg: {1: 60, 2: 100, 3: 140}, source: measured for this test}
"""


def body(profile_id):
    described = catalog().get(profile_id) if isinstance(profile_id, str) else profile_id
    found = embody(described, Side.LEFT, Mother(1), 1)
    found.advance(1)
    return found
