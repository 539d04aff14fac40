"""From a recording of an invented vendor's app to a session: drafted from the recording alone, run by the real service.

The profile that the pump is made from is known to the pump and to its app; here it only judges the draft.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.contract.events import SessionState
from devices.capture.draft import Draft
from devices.capture.draft_file import draft_yaml
from devices.capture.inference.drafting import draft_profile
from devices.capture.labels import load_labels
from devices.capture.reading.capture_file import read_capture
from devices.errors import RefusedError
from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile
from devices.roles import RunState
from tests.helpers.invented_vendors.app_recording import record
from tests.helpers.invented_vendors.draft_judge import (
    JudgedPump,
    captured_settings,
    requests,
    setting_name,
    settings_beyond,
)
from tests.helpers.invented_vendors.drafted_session import drafted_session
from tests.helpers.invented_vendors.invented_vendor import InventedVendor, invented_vendors

pytestmark = pytest.mark.system

VENDORS = invented_vendors()
DRAFTABLE = [name for name, vendor in VENDORS.items() if not vendor.missing]
UNDRAFTABLE = [name for name, vendor in VENDORS.items() if vendor.missing]
LONG_SECONDS = 10 * 60
LOOK_SECONDS = 3.0
STOP_SECONDS = 1.0


@dataclass(frozen=True)
class Drafted:
    """A draft, and where its profile is kept as an owner would keep it."""

    draft: Draft
    folder: Path
    address: str

    @property
    def id(self) -> str:
        assert self.draft.profile is not None, (self.draft.refusal, self.draft.missing)
        return str(self.draft.profile["id"])

    @property
    def profile(self) -> Profile:
        """The profile as the catalog reads it from its file."""
        profile = Catalog.load(self.folder).get(self.id)
        assert isinstance(profile, Profile)
        return profile


async def drafted(vendor: InventedVendor, folder: Path) -> Drafted:
    recording = await record(vendor, folder)
    capture = read_capture(recording.capture)
    assert not capture.problems
    (device,) = [each for each in capture.devices if each.address == recording.address]
    draft = draft_profile(
        device, load_labels(recording.labels), profile_id=f"drafted-{vendor.profile.id}", name=vendor.profile.name
    )
    profiles = folder / "profiles"
    profiles.mkdir()
    if draft.profile is not None:
        (profiles / f"{draft.profile['id']}.yaml").write_text(draft_yaml(draft), encoding="utf-8")
    return Drafted(draft, profiles, recording.address)


def test_there_are_vendors_enough() -> None:
    assert len(VENDORS) >= 12
    assert len(DRAFTABLE) >= 10


@pytest.mark.parametrize("name", DRAFTABLE)
async def test_a_session_completes_with_the_draft(name: str, tmp_path: Path) -> None:
    vendor = VENDORS[name]
    found = await drafted(vendor, tmp_path)
    assert found.profile.confidence == "unverified"

    async with drafted_session(vendor, found.folder, found.id, found.address) as session:
        await session.start()
        await session.raise_in_expression()
        await session.clock.sleep(LOOK_SECONDS)
        assert not session.misread()
        assert session.station.roles[0].reading.run_state is RunState.RUNNING
        state, reason, trips = await session.finished()
        await session.clock.sleep(3)

        assert (state, trips) == (SessionState.COMPLETED, []), reason
        assert session.run_seconds > LONG_SECONDS
        assert not session.twin.body.run.on
        pressed = captured_settings(vendor.play)
        assert session.settings
        assert min(session.settings) == pressed[0]
        assert pressed[0] < max(session.settings) <= pressed[-1]

        await session.start()
        await session.until_running()
        await session.send("stop")
        await session.clock.sleep(STOP_SECONDS)
        assert not session.twin.body.run.on


@pytest.mark.parametrize("name", DRAFTABLE)
async def test_a_draft_sends_what_the_app_sends_and_nothing_beyond_what_was_captured(name: str, tmp_path: Path) -> None:
    vendor = VENDORS[name]
    found = await drafted(vendor, tmp_path)
    name_of_setting = setting_name(vendor.play)

    for asked in requests(vendor.play):
        pump = JudgedPump(vendor, found.profile)
        pump.send("start", asked)
        assert pump.body.run.running
        assert (pump.body.phase, pump.setting) == (asked["phase"], asked[name_of_setting])
        pump.send("stop", {})
        assert not pump.body.run.on

    pump = JudgedPump(vendor, found.profile)
    weakest, *_, strongest = requests(vendor.play)
    pump.send("start", weakest)
    for asked in [strongest, *requests(vendor.play)]:
        pump.send("adjust", asked)
        assert (pump.body.phase, pump.setting) == (asked["phase"], asked[name_of_setting])
    for beyond in settings_beyond(vendor.play):
        for verb in ("start", "adjust"):
            with pytest.raises(RefusedError):
                pump.send(verb, {**weakest, name_of_setting: beyond})
    if "pause" in found.profile.verbs:
        pump.send("pause", {})
        assert pump.body.run.state == "paused"
        pump.send("resume", {})
        assert pump.body.run.running


@pytest.mark.parametrize("name", UNDRAFTABLE)
async def test_what_is_missing_is_named(name: str, tmp_path: Path) -> None:
    vendor = VENDORS[name]
    draft = (await drafted(vendor, tmp_path)).draft
    told = draft.missing if draft.refusal is None else (*draft.missing, draft.refusal)
    assert len(told) == len(vendor.missing), told
    assert all(words in each.lower() for words, each in zip(vendor.missing, told, strict=True)), told
    commands = (draft.profile or {}).get("commands", {})
    assert not commands.keys() & {"start", "adjust", "resume"}
