"""An app on the real BlueZ, recorded by btmon: the draft from that does at the pump what the app did."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devices.capture.inference.drafting import draft_profile
from devices.capture.labels import Labels
from devices.capture.reading.capture_file import read_capture
from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile
from devices.support.clock import RealClock
from tests.bluez.btmon import btmon_recording
from tests.bluez.world import world
from tests.helpers.invented_vendors.app_recording import KEY, described, embody_for, play
from tests.helpers.invented_vendors.draft_judge import JudgedPump, requests
from tests.helpers.invented_vendors.invented_vendor import invented_vendors
from tests.helpers.invented_vendors.vendor_app import VendorApp

pytestmark = [pytest.mark.bluez]

FULL = invented_vendors()["lacta-flow"]
VENDOR = FULL.model_copy(update={"play": FULL.play.model_copy(update={"levels": 3})})  # it takes real minutes


async def test_a_recording_of_btmon_gives_a_draft_that_works_the_pump(tmp_path: Path) -> None:
    catalog = Catalog([VENDOR.profile])
    async with world(tmp_path, [described(VENDOR)], catalog, embody=embody_for(VENDOR)) as it:
        file, clock, began = tmp_path / "btmon.log", RealClock(), datetime.now(UTC)
        app = VendorApp(VENDOR, None, clock, began, 1)
        async with btmon_recording(file):
            actions = await play(VENDOR, app, it.home, it.address(KEY), clock, 1)
        address = it.address(KEY)
    (device,) = [each for each in (await asyncio.to_thread(read_capture, file)).devices if each.address == address]
    labels = Labels(role="pump", app=VENDOR.app.name, began=began, actions=actions)
    draft = await asyncio.to_thread(draft_profile, device, labels, profile_id="drafted", name="Drafted")
    assert draft.profile is not None, (draft.refusal, draft.missing)
    profile = Profile.model_validate(draft.profile)

    for asked in requests(VENDOR.play):
        pump = JudgedPump(VENDOR, profile)
        pump.send("start", asked)
        assert pump.body.run.running
        assert (pump.body.phase, pump.setting) == (asked["phase"], asked["level"])
        pump.send("stop", {})
        assert not pump.body.run.on
