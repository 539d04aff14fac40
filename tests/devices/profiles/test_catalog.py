"""Which device model an advertisement is of."""

from __future__ import annotations

from pathlib import Path

import pytest
from bleak.backends.device import BLEDevice
from hypothesis import given
from hypothesis import strategies as st

from devices.bluetooth.advertisement import Advertisement, masked
from devices.driver.vocabulary import full_uuid
from devices.profiles.catalog import Catalog, fit
from devices.profiles.schema import Profile
from devices.support.file_error import FileError
from devices.support.shipped import SHIPPED
from tests.helpers.yaml_texts import parse_yaml

FFB0, BATTERY, FCD2 = full_uuid("ffb0"), full_uuid("180f"), full_uuid("fcd2")


def text(match: str, profile_id: str = "test-pump") -> str:
    return f"""\
# A pump
id: {profile_id}
name: Test pump
roles: [pump]
confidence: unverified
provenance: made up for a test
match: {match}
channels:
  control: {{service: "ffb0", characteristic: "ffb1", write: both}}
"""


def profile(match: str, profile_id: str = "test-pump") -> Profile:
    return parse_yaml(text(match, profile_id), Profile)


def advertisement(
    name: str | None = None,
    services: tuple[str, ...] = (),
    manufacturers: dict[int, bytes] | None = None,
    service_data: dict[str, bytes] | None = None,
) -> Advertisement:
    address = "C0:00:00:00:00:01"
    return Advertisement(
        address=address,
        name=name,
        services=frozenset(services),
        manufacturers=manufacturers or {},
        service_data=service_data or {},
        rssi_dbm=-60,
        tx_power_dbm=None,
        seen_at_seconds=0.0,
        device=BLEDevice(address, name, None),
    )


class TestFit:
    @pytest.mark.parametrize(
        ("match", "seen", "fits"),
        [
            ('{name: "Pump"}', advertisement("Pump"), True),
            ('{name: "Pump"}', advertisement("Pump 2"), False),
            ('{name: "Pump"}', advertisement("pump"), False),
            ('{name: "Pump"}', advertisement(None), False),
            ('{name: "Pump*"}', advertisement("Pump 2"), True),
            ('{name: "Pump*"}', advertisement("My Pump"), False),
            ('{name: "LVS-?00"}', advertisement("LVS-300"), True),
            ("{name: [LVS-*, LOVE-*]}", advertisement("LOVE-1"), True),
            ("{name: [LVS-*, LOVE-*]}", advertisement("HATE-1"), False),
            ('{services: "ffb0"}', advertisement(services=(FFB0,)), True),
            ('{services: "ffb0"}', advertisement(services=(BATTERY, FFB0)), True),
            ('{services: "ffb0"}', advertisement(services=(BATTERY,)), False),
            ('{services: "ffb0"}', advertisement(), False),
            ('{services: ["ffb0", "180f"]}', advertisement(services=(FFB0,)), False),
            ('{services: ["ffb0", "180F"]}', advertisement(services=(FFB0, BATTERY)), True),
            ("{manufacturer: 0x07D0}", advertisement(manufacturers={0x07D0: b"", 1: b""}), True),
            ("{manufacturer: 0x07D0}", advertisement(manufacturers={0x07D1: b""}), False),
            ("{manufacturer: 0}", advertisement(manufacturers={0: b""}), True),
            ("{manufacturer: 0}", advertisement(), False),
            ('{manufacturer: {id: 93, data: "01 .. 03"}}', advertisement(manufacturers={93: b"\1\x77\3\4"}), True),
            ('{manufacturer: {id: 93, data: "01 .. 03"}}', advertisement(manufacturers={93: b"\1\x77\4"}), False),
            ('{manufacturer: {id: 93, data: "01..03"}}', advertisement(manufacturers={93: b"\1\x77"}), False),
            ('{manufacturer: {id: 93, data: "01 .. 03"}}', advertisement(manufacturers={94: b"\1\2\3"}), False),
            ('{manufacturer: {id: 93, data: ["01", "02 03"]}}', advertisement(manufacturers={93: b"\2\3"}), True),
            ('{manufacturer: {id: 93, data: ["01", "02 03"]}}', advertisement(manufacturers={93: b"\2\4"}), False),
            ('{name: "Pump*", not_name: ["Pump 2", "Pump 3*"]}', advertisement("Pump 1"), True),
            ('{name: "Pump*", not_name: ["Pump 2", "Pump 3*"]}', advertisement("Pump 2"), False),
            ('{name: "Pump*", not_name: ["Pump 2", "Pump 3*"]}', advertisement("Pump 31"), False),
            ('{service_data: "fcd2"}', advertisement(service_data={FCD2: b""}), True),
            ('{service_data: "fcd2"}', advertisement(service_data={BATTERY: b"D"}), False),
            ('{service_data: "fcd2"}', advertisement(services=(FCD2,)), False),
            ('{service_data: {uuid: "fcd2", data: ["44", "45"]}}', advertisement(service_data={FCD2: b"E:"}), True),
            ('{service_data: {uuid: "fcd2", data: ["44", "45"]}}', advertisement(service_data={FCD2: b"@:"}), False),
            ('{address: "C0:00:*"}', advertisement(), True),
            ('{address: "c0:00:00:00:00:0?"}', advertisement(), True),
            ('{address: "C1:*"}', advertisement(), False),
        ],
    )
    def test_a_profile_fits_what_its_match_says(self, match: str, seen: Advertisement, fits: bool) -> None:
        assert fit(profile(match), seen).fits is fits

    @pytest.mark.parametrize("left_out", ["name", "service", "manufacturer", None])
    def test_all_that_is_named_must_be_there(self, left_out: str | None) -> None:
        seen = advertisement(
            None if left_out == "name" else "Pump 1",
            () if left_out == "service" else (FFB0,),
            {} if left_out == "manufacturer" else {93: b"x"},
        )
        assert fit(profile('{name: "Pump*", services: "ffb0", manufacturer: 93}'), seen).fits is (left_out is None)

    @pytest.mark.parametrize(
        ("name", "services", "manufacturers", "fits"),
        [
            ("Pump 1", (FFB0,), {93: b"\1"}, True),
            ("Pump 1", (), {}, True),
            (None, (FFB0,), {}, True),
            (None, (), {93: b"\1"}, True),
            (None, (), {}, False),
            (None, (BATTERY,), {94: b"\1"}, False),
            ("Pump 1", (), {93: b"\2"}, False),
            ("Lamp", (FFB0,), {93: b"\1"}, False),
            ("Pump 2", (FFB0,), {93: b"\1"}, False),
        ],
    )
    def test_of_a_part_that_is_enough_all_that_is_advertised_must_fit(
        self, name: str | None, services: tuple[str, ...], manufacturers: dict[int, bytes], fits: bool
    ) -> None:
        match = '{name: "Pump*", not_name: Pump 2, services: "ffb0", manufacturer: {id: 93, data: "01"}, partial: true}'
        assert fit(profile(match), advertisement(name, services, manufacturers)).fits is fits

    @pytest.mark.parametrize(
        ("match", "seen", "why"),
        [
            ("{name: [LVS-*, LOVE-*]}", advertisement("Lamp"), "its name is Lamp, not LVS-* or LOVE-*"),
            ("{name: LVS-*}", advertisement(), "its name is not advertised, not LVS-*"),
            (
                '{services: ["ffb0", "180f"]}',
                advertisement(services=(FFB0,)),
                f"it does not advertise the service {BATTERY}",
            ),
            ("{manufacturer: 93}", advertisement(), "its manufacturer data is not 0x005d"),
            ('{manufacturer: {id: 93, data: "01 .."}}', advertisement(), "its manufacturer data is not 0x005d 01 .."),
            (
                '{manufacturer: {id: 93, data: ["01", "02"]}}',
                advertisement(),
                "its manufacturer data is not 0x005d with one of 2 beginnings",
            ),
            ("{name: Pump*, not_name: Pump 2}", advertisement("Pump 2"), "its name is Pump 2, which is another model"),
            (
                "{name: Pump*, manufacturer: 93, partial: true}",
                advertisement(),
                "its name is not advertised, not Pump*",
            ),
            ('{address: "C1:*"}', advertisement(), "its address is not like C1:*"),
            ("{name: Pump}", advertisement("Pump"), "it fits"),
        ],
    )
    def test_the_error_names_the_reason(self, match: str, seen: Advertisement, why: str) -> None:
        assert fit(profile(match), seen).why == why

    def test_an_ambiguous_profile_fits_but_asks_for_the_address(self) -> None:
        found = fit(profile('{services: "ffb0", ambiguous: true}'), advertisement(services=(FFB0,)))
        assert found.fits
        assert "name the address" in found.why
        assert not fit(profile('{services: "ffb0", ambiguous: true}'), advertisement()).fits

    def test_all_that_fit_are_given_and_no_others(self) -> None:
        catalog = Catalog(
            [profile('{name: "Pump*"}', "a"), profile('{services: "ffb0"}', "b"), profile("{name: Lamp}", "c")]
        )
        fitting = catalog.fitting(advertisement("Pump 1", (FFB0,)))
        assert [each.profile.id for each in fitting] == ["a", "b"]
        assert catalog.fitting(advertisement("Kettle")) == []


class TestLoading:
    def test_the_shipped_profiles_are_there_by_their_ids(self) -> None:
        catalog = Catalog.load()
        assert {"open-pump", "open-warm-pad", "open-massager"} <= set(catalog.ids)
        assert len(catalog.ids) == len(set(catalog.ids)) == len(list((SHIPPED / "profiles").glob("*.yaml")))
        for each in catalog:
            assert catalog.get(each.id) is each
        assert catalog.get("nobody-s") is None

    def test_each_open_profile_fits_its_own_advertisement_and_none_of_the_others(self) -> None:
        catalog = Catalog.load()
        for name in ("open-pump", "open-warm-pad", "open-massager"):
            each = catalog.get(name)
            assert each is not None
            fitting = catalog.fitting(advertisement("Anything", each.match.services))
            assert [found.profile.id for found in fitting] == [name]

    def test_the_owners_folders_are_read_after_the_shipped_one(self, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text(text("{name: Mine}", "my-pump"), encoding="utf-8")
        (tmp_path / "notes.txt").write_text("not a profile", encoding="utf-8")
        catalog = Catalog.load(tmp_path)
        assert catalog.ids == (*Catalog.load().ids, "my-pump")
        assert [found.profile.id for found in catalog.fitting(advertisement("Mine"))] == ["my-pump"]

    def test_a_folder_that_is_not_there_has_no_profiles(self, tmp_path: Path) -> None:
        assert Catalog.load(tmp_path / "nowhere").ids == Catalog.load().ids

    def test_an_id_that_is_taken_names_both_files(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(text("{name: A}", "my-pump"), encoding="utf-8")
        (tmp_path / "b.yaml").write_text(text("{name: B}", "my-pump"), encoding="utf-8")
        with pytest.raises(FileError) as caught:
            Catalog.load(tmp_path)
        message = str(caught.value)
        assert message.startswith(str(tmp_path / "b.yaml"))
        assert message.endswith(f"id: my-pump is taken by {tmp_path / 'a.yaml'}")

    def test_a_duplicate_id_is_reported_with_its_line(self, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text(text("{name: A}", "open-pump"), encoding="utf-8")
        with pytest.raises(FileError) as caught:
            Catalog.load(tmp_path)
        assert [(each.line, each.key) for each in caught.value.problems] == [(2, "id")]

    def test_a_shipped_id_cannot_be_taken_unnoticed(self, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text(text("{name: A}", "open-pump"), encoding="utf-8")
        with pytest.raises(FileError, match=r"open-pump is taken by .*open-pump\.yaml"):
            Catalog.load(tmp_path)

    def test_a_wrong_file_is_named_with_its_line(self, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text(text("{nmae: Mine}"), encoding="utf-8")
        with pytest.raises(FileError) as caught:
            Catalog.load(tmp_path)
        assert str(caught.value).startswith(f"{tmp_path / 'mine.yaml'}:7: match.nmae: is not known here")


class TestMasked:
    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("C0:12:34:56:78:9A", "C0…9A"),
            ("5E1B8A3C-0000-1111-2222-33334444AB12", "5E…12"),
            ("C0:9A", "…"),
            ("", "…"),
        ],
    )
    def test_an_address_shows_its_ends_only(self, address: str, shown: str) -> None:
        assert masked(address) == shown

    @given(st.text(max_size=40))
    def test_no_address_shows_more_than_four_of_its_characters(self, address: str) -> None:
        assert len(masked(address)) <= 5
        assert len(masked(address).replace("…", "")) < max(1, len(address))
