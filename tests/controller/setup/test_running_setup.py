"""Finding and adding devices while the service runs: as `letdown setup` does, and never during a session."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from controller.contract.device_setup import FoundDevice, NewDevice, SetupView
from controller.contract.words import load_words
from controller.safety.message import KeyedMessage, message
from controller.settings import load_settings
from controller.setup.file_writer import SettingsWriteError
from controller.setup.running_setup import RunningSetup
from devices.bluetooth.advertisement import Advertisement
from devices.errors import AdapterUnavailableError
from devices.profiles.catalog import Catalog
from devices.roles import Side
from devices.sensor_roles import Placed
from devices.support.clock import ScaledClock
from tests.helpers.advertised import advertised
from tests.helpers.home import catalog

LINES = """\
# Ours: keep this.
language: de  # at night
stations:
  home:
    devices:
      - name: left-pump   # the old one
        profile: open-pump
        side: left
        advertised_name: Pump L
"""
PUMP_SERVICE = frozenset({"218a0001-a4d8-44d5-85b6-6c6574646f77"})
ADDRESS = "F0:1E:7D:00:00:02"


class Radio:
    """Stands for the radio: what was received, and when."""

    def __init__(self, *received: Any) -> None:
        self.advertisements = {each.address: each for each in received}


class Setup:
    """A set-up of a file on a radio, and how often the service was asked to read its settings again."""

    def __init__(self, file: Path, *received: Any, seconds: float = 2.0) -> None:
        self.file, self.clock, self.reloads = file, ScaledClock(100.0), 0
        self.busy: KeyedMessage | None = None
        self.error: Exception | None = None
        self.radio = Radio(*received)
        self.setup = RunningSetup(
            file,
            self.clock,
            self.opened,
            busy=lambda: self.busy,
            reload=self.reload,
            texts=load_words("en").setup,
            scan_seconds=seconds,
            reload_after_seconds=0,
        )

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Any]:
        if self.error is not None:
            raise self.error
        yield self.radio

    def reload(self) -> None:
        self.reloads += 1

    async def scanned(self) -> SetupView:
        assert self.setup.begin_scan() is None
        assert self.setup._scan is not None
        await self.setup._scan
        return self.setup.view

    async def add(self, found: FoundDevice, **more: Any) -> KeyedMessage | None:
        values = {"profile": found.profiles[0].id, "side": Side.RIGHT, "name": "new", **more}
        refused = await self.setup.add("home", NewDevice(found=found.id, **values))
        await asyncio.sleep(0.01)
        return refused


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "letdown.yaml"
    file.write_text(LINES, encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def the_profiles_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known = catalog()
    monkeypatch.setattr(Catalog, "load", lambda *_: known)


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def pump(name: str | None = "Letdown Pump R", address: str = ADDRESS) -> Advertisement:
    return advertised(name, address, services=PUMP_SERVICE)


def cuddle() -> Advertisement:
    """A device that serves one breast; nobody has tried its profile, and other devices look the same."""
    return advertised("Cuddle", ADDRESS, services=frozenset({"0000ffb0-0000-1000-8000-00805f9b34fb"}))


# Searching


async def test_a_search_shows_what_fits_with_a_masked_address_and_counts_the_rest(file: Path) -> None:
    setup = Setup(file, pump(), advertised("Lamp", "C0:00:00:00:00:09", rssi_dbm=-80))
    view = await setup.scanned()
    assert (view.state, view.received) == ("done", 2)
    (found,) = view.found
    assert (found.name, found.signal, found.configured_as) == ("Letdown Pump R", "strong", None)
    assert found.address == "F0…02"
    (profile,) = found.profiles
    assert (profile.id, profile.role, profile.confidence) == ("open-pump", "pump", "verified")
    assert (profile.likely_side, profile.free_name) == (Side.RIGHT, "right-pump")
    assert ADDRESS not in view.model_dump_json()


async def test_it_has_a_progress_and_there_is_one_at_a_time(file: Path) -> None:
    setup = Setup(file, pump(), seconds=50)
    assert setup.setup.begin_scan() is None
    await setup.clock.sleep(10)
    view = setup.setup.view
    assert (view.state, view.received, view.found) == ("scanning", 1, ())
    assert 30 < view.seconds_left < 45
    assert setup.setup.begin_scan() == message("setup_scanning")
    await setup.setup.close()


async def test_what_is_set_up_already_is_shown_as_that(file: Path) -> None:
    (found,) = (await Setup(file, pump("Pump L")).scanned()).found
    assert found.configured_as == "left-pump"


async def test_what_was_received_long_ago_is_not_shown(file: Path) -> None:
    setup = Setup(file, pump())
    await setup.clock.sleep(60)
    assert (await setup.scanned()).received == 0


async def test_it_is_refused_while_a_session_runs_and_ends_when_one_begins(file: Path) -> None:
    setup = Setup(file, pump(), seconds=600)
    setup.busy = message("setup_in_session")
    assert setup.setup.refusal() == setup.setup.begin_scan() == message("setup_in_session")
    setup.busy = None
    assert setup.setup.begin_scan() is None
    await setup.clock.sleep(5)
    setup.busy = message("setup_in_session")
    await setup.clock.sleep(5)
    view = setup.setup.view
    assert (view.state, view.why, view.found) == ("failed", message("setup_in_session"), ())


async def test_what_is_wrong_with_bluetooth_or_the_file_is_said(file: Path) -> None:
    setup = Setup(file, pump())
    setup.error = AdapterUnavailableError("there is no adapter")
    view = await setup.scanned()
    assert (view.state, view.why) == ("failed", message("setup_no_bluetooth"))
    assert "no adapter" in str(view.detail)
    setup.error = ZeroDivisionError()
    assert (await setup.scanned()).why == message("internal_error")
    setup.error = None
    write(file, "stations: 7\n")
    view = await setup.scanned()
    assert (view.state, view.why) == ("failed", message("setup_file"))


# Adding


async def test_a_device_is_added_where_it_belongs_and_comments_stay(file: Path) -> None:
    setup = Setup(file, pump())
    (found,) = (await setup.scanned()).found
    assert await setup.add(found, name="right-pump") is None
    text = text_of(file)
    assert text.startswith(LINES)
    added = load_settings(file).stations["home"].devices[1]
    assert (added.name, added.profile, added.side) == ("right-pump", "open-pump", Side.RIGHT)
    assert (added.advertised_name, added.address, added.allow_unverified) == ("Letdown Pump R", None, False)
    assert setup.reloads == 1
    assert (setup.setup.view.state, setup.setup.view.added) == ("added", "right-pump")
    assert await setup.add(found, name="twice") == message("setup_scan_again")
    assert text_of(file.with_name("letdown.yaml.bak")) == LINES


async def test_one_of_two_with_the_same_name_is_known_by_its_address(file: Path) -> None:
    setup = Setup(file, pump("Pump", ADDRESS), pump("Pump", "F0:1E:7D:00:00:05"))
    first, _ = (await setup.scanned()).found
    assert await setup.add(first) is None
    assert load_settings(file).stations["home"].devices[1].address == ADDRESS


@pytest.mark.parametrize(("chosen", "placed"), [(None, Placed.PAD), (Placed.BREAST, Placed.BREAST)])
async def test_a_thermometer_is_placed(file: Path, chosen: Placed | None, placed: Placed) -> None:
    service = frozenset({"00001809-0000-1000-8000-00805f9b34fb"})
    setup = Setup(file, advertised("Thermo", ADDRESS, services=service))
    (found,) = (await setup.scanned()).found
    assert await setup.add(found, side=Side.BOTH, placed=chosen) is None
    assert load_settings(file).stations["home"].devices[1].placed is placed


async def test_only_a_thermometer_is_placed(file: Path) -> None:
    setup = Setup(file, pump())
    (found,) = (await setup.scanned()).found
    assert await setup.add(found, placed=Placed.BREAST) is None
    assert load_settings(file).stations["home"].devices[1].placed is None


@pytest.mark.parametrize("allowed", [False, True])
async def test_an_unverified_profile_is_controlled_only_with_consent(file: Path, allowed: bool) -> None:
    setup = Setup(file, cuddle())
    (found,) = (await setup.scanned()).found
    assert found.profiles[0].confidence == "unverified"
    assert "goes_on_alone" in found.profiles[0].cautions or "unknown_alone" in found.profiles[0].cautions
    assert await setup.add(found, allow_unverified=allowed) is None
    added = load_settings(file).stations["home"].devices[1]
    assert added.allow_unverified is allowed
    assert added.address == ADDRESS


async def test_a_device_for_one_breast_is_for_one(file: Path) -> None:
    setup = Setup(file, cuddle())
    (found,) = (await setup.scanned()).found
    assert found.profiles[0].sides == (Side.LEFT, Side.RIGHT)
    assert await setup.add(found, side=Side.BOTH) == message("setup_one_side")


async def test_consent_for_a_verified_profile_is_not_written(file: Path) -> None:
    setup = Setup(file, pump())
    (found,) = (await setup.scanned()).found
    assert await setup.add(found, allow_unverified=True) is None
    assert "allow_unverified" not in text_of(file)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"name": "left-pump"}, "setup_name_taken"),
        ({"name": ""}, "setup_name_wrong"),
        ({"name": "a/b"}, "setup_name_wrong"),
        ({"name": "a\nb"}, "setup_name_wrong"),
        ({"name": " a"}, "setup_name_wrong"),
        ({"name": "$SYS"}, "setup_name_wrong"),
        ({"profile": "open-warm-pad"}, "setup_other_profile"),
        ({"profile": ""}, "setup_other_profile"),
    ],
)
async def test_what_does_not_fit_changes_nothing(file: Path, more: dict[str, Any], key: str) -> None:
    setup = Setup(file, pump())
    (found,) = (await setup.scanned()).found
    refused = await setup.add(found, **more)
    assert refused is not None
    assert refused.key == key
    assert text_of(file) == LINES
    assert setup.reloads == 0
    assert await setup.add(found) is None  # it can be put right


async def test_nothing_is_added_while_a_session_runs(file: Path) -> None:
    setup = Setup(file, pump())
    (found,) = (await setup.scanned()).found
    setup.busy = message("setup_in_session")
    assert await setup.add(found) == message("setup_in_session")
    assert text_of(file) == LINES


async def test_a_session_that_begins_meanwhile_keeps_the_file_as_it_is(file: Path) -> None:
    setup = Setup(file, pump())
    (found,) = (await setup.scanned()).found
    answers = iter([None, message("setup_in_session")])
    setup.setup._busy = lambda: next(answers)  # type: ignore[method-assign]
    assert await setup.add(found) == message("setup_in_session")
    assert text_of(file) == LINES


async def test_a_device_that_was_added_in_the_file_meanwhile_is_not_added_twice(file: Path) -> None:
    setup = Setup(file, pump())
    (found,) = (await setup.scanned()).found
    more = LINES.replace("Pump L", "Letdown Pump R")
    write(file, more)
    assert await setup.add(found) == message("setup_known", device="left-pump")


async def test_a_file_that_cannot_be_written_stays_and_it_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup(file, pump())
    (found,) = (await setup.scanned()).found

    def full(*_: Any) -> None:
        raise SettingsWriteError("no space left")

    monkeypatch.setattr("controller.setup.setup_draft.write_files", full)
    assert await setup.add(found) == message("setup_file")
    assert setup.setup.view.detail == "no space left"
    assert text_of(file) == LINES
    assert setup.reloads == 0


async def test_a_device_whose_owner_has_to_give_keys_is_left_to_the_terminal(file: Path) -> None:
    setup = Setup(file, advertised("TY", "C0:00:00:00:00:07", manufacturers={0x07D0: b"0123456789"}))
    found = (await setup.scanned()).found[0]
    profile = next(each for each in found.profiles if each.needs_more)
    assert await setup.add(found, profile=profile.id) == message("setup_needs_more")


async def test_the_end_of_the_service_ends_a_search(file: Path) -> None:
    setup = Setup(file, pump(), seconds=6000)
    setup.setup.begin_scan()
    await asyncio.sleep(0)
    await setup.setup.close()
    assert setup.setup._scan is not None
    assert setup.setup._scan.cancelled()
