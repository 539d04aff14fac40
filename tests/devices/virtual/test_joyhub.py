"""Two frame layouts of one maker: a frame of the one does not run a device of the other."""

from __future__ import annotations

import pytest

from devices.virtual.body_for import parts_of
from devices.virtual.simple_bodies import SimpleMassager
from devices.virtual.twin import Twin
from tests.helpers.shipped_profiles import catalog
from tests.helpers.twins import driven

COMMON, MELODY, REST = "a0 03 33 00 00 00 aa", "a0 03 00 33 00 00 aa", "a0 03 00 00 00 00 aa"


def massager_of(twin: Twin) -> SimpleMassager:
    massager = parts_of(twin.body)[0]
    assert isinstance(massager, SimpleMassager)
    return massager


@pytest.mark.parametrize(
    ("profile", "moves", "does_not"), [("joyhub", COMMON, MELODY), ("joyhub-melody", MELODY, COMMON)]
)
async def test_only_its_own_frame_runs_it_and_zeros_stop_it(profile: str, moves: str, does_not: str) -> None:
    async with driven(profile) as (driver, twin, clock):
        for frame, intensity in [(does_not, 0), (moves, 0.2), (REST, 0)]:
            await driver.link.write(driver.connection.characteristics["tx"], bytes.fromhex(frame), response=False)
            await clock.sleep(0.1)
            assert massager_of(twin).values()["intensity"] == pytest.approx(intensity)
        await driver.command("run", {"intensity": 0.2}, undone_by="stop")
        await clock.sleep(0.1)
        assert twin.written[-1] == ("tx", bytes.fromhex(moves))


def test_melody_matches_no_other_profile() -> None:
    common, melody = catalog().get("joyhub"), catalog().get("joyhub-melody")
    assert common is not None
    assert melody is not None
    assert melody.match.name == ("J-Melody",)
    assert "J-Melody" not in common.match.name
