"""Short notations of the profile language: UUIDs and fields."""

from __future__ import annotations

import pytest

from devices.driver.field_spec import FieldSpec
from devices.driver.vocabulary import full_uuid
from devices.profiles.schema import Profile
from tests.helpers.wrong_profiles import changed
from tests.helpers.yaml_texts import parse_yaml


class TestUuid:
    @pytest.mark.parametrize("short", ["180f", "180F"])
    def test_four_digits_are_short_for_one_of_the_bluetooth_sig(self, short: str) -> None:
        assert full_uuid(short) == "0000180f-0000-1000-8000-00805f9b34fb"

    def test_a_long_one_is_returned_in_lower_case(self) -> None:
        assert full_uuid("218A0001-A4D8-44D5-85B6-6C6574646F77") == "218a0001-a4d8-44d5-85b6-6c6574646f77"

    @pytest.mark.parametrize(
        "wrong", ["", "18", "180", "180fg", "0x180f", "218a0001a4d844d585b66c6574646f77", "180f\n"]
    )
    def test_anything_else_is_refused_with_what_would_fit(self, wrong: str) -> None:
        with pytest.raises(ValueError, match="four hex digits"):
            full_uuid(wrong)


class TestShorthand:
    def test_hex_alone_is_a_fixed_part(self) -> None:
        field = FieldSpec.model_validate("55 aa")
        assert field.const == b"\x55\xaa"
        assert field.names == ()

    def test_the_key_is_the_name_and_its_value_the_type(self) -> None:
        field = FieldSpec.model_validate({"vacuum_mmhg": "u16", "scale": 0.1})
        assert (field.name, field.type, field.scale) == ("vacuum_mmhg", "u16", 0.1)

    def test_flags_carry_their_own_names(self) -> None:
        assert FieldSpec.model_validate({"signs": "u8", "flags": {0: "let_down", 3: "leak"}}).names == (
            "let_down",
            "leak",
        )

    def test_a_single_item_needs_no_list(self) -> None:
        match = parse_yaml(changed('{name: "Test*"}', '{name: "Test*", services: "ffb0"}'), Profile).match
        assert match.name == ("Test*",)
        assert match.services == (full_uuid("ffb0"),)
