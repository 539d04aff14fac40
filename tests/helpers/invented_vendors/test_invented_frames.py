"""The frames of some invented vendors, worked out by hand and with a checksum calculator: their codec is ours."""

from __future__ import annotations

import pytest

from devices.driver.vocabulary import Value
from devices.profiles.codec import Codec
from tests.helpers.invented_vendors.invented_vendor import invented_vendors

STIMULATION, EXPRESSION = {"phase": "stimulation"}, {"phase": "expression"}


@pytest.mark.parametrize(
    ("vendor", "command", "values", "frame"),
    [
        ("lacta-flow", "start", STIMULATION | {"level": 1}, "aa 55 02 01 01 01 fc"),
        ("bibi-go", "start", STIMULATION | {"level": 1}, "b5 04 21 03 00 01 1e fc"),
        ("nurtura-duo", "start", STIMULATION | {"level": 1}, "4e 31 02 01 10 e3 6e"),
        ("velapump", "start", STIMULATION | {"level": 2}, "00 06 01 10 00 02 d6 00"),
        ("velapump", "stop", {}, "00 04 01 1f 88 ef"),
        ("cascade-pro", "start", STIMULATION | {"vacuum_mmhg": 50}, "c4 01 03 01 01 f4 da"),
        ("tenda-pulse", "stop", {}, "fa 04 44 be"),
        ("pearl-duet", "set_level", {"level": 3}, "3c a1 03 9e"),
        ("caia-touch", "resume", {}, "7e 03 02 00 7c"),
        ("moonmilk", "adjust", EXPRESSION | {"level": 5}, b"SET,1,5;".hex()),
        ("hushpump", "start", EXPRESSION | {"level": 2}, b'{"cmd":"start","mode":1,"level":2}\n'.hex()),
    ],
)
def test_a_frame_is_the_one_worked_out_by_hand(vendor: str, command: str, values: dict[str, Value], frame: str) -> None:
    packet = Codec(invented_vendors()[vendor].profile).encode_command(command, values, 4)

    assert packet.data.hex(" ") == bytes.fromhex(frame).hex(" ")
