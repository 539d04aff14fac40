"""Frames that Tuya's own device SDK made, run as a program of its own: what a device really puts on the air.

Two published copies (Apache licence) were compiled and spoken to once: protocol 3.3 of March 2020 and protocol 4.4 of
April 2022. Only the stubs below them were made for that: the key of each flag, "srand!" for the random number, and no
radio. They answered to local key abcdef0123456789, uuid tuya0123456789ab and device id bf00aa11bb22cc33dd44ee. Both
hung up on a number that did not grow; 4.4 also on a first request without data. Unbound, 3.3 answered that one under
flag 1. Each took our answers to its reports for "done", and 8011 for the right time; from 8012 both made a time in UTC.
"""

from __future__ import annotations

import pytest

from devices.tuya.crypto import login_key, material, open_envelope, session_key
from devices.tuya.datapoints import DataPoint, DpType, decode_report, read_result
from devices.tuya.packets import Message, PacketJoiner, decode

OWN = material("abcdef0123456789")
KEYS = {4: login_key(OWN), 5: session_key(OWN, b"srand!")}

INFO_3 = (
    "0000 0303 00 01 737261 6e6421 0000 000102030405060708090a0b0c0d0e0f 00000000000000000000000000000000"
    "000000000000 0001 00 62663030616131316262323263633333646434346565 000000000000 01"
)
INFO_4 = (
    "0000 0404 05 01 737261 6e6421 0000 000102030405060708090a0b0c0d0e0f 00000000000000000000000000000000"
    "000000000000 0001 00 62663030616131316262323263633333646434346565 000000000000 01"
    "00000000 00 000000000000 00 00 00 02 0200"
)
STATUS = "00 02 00 02 00 01 02 01 01 01 02 01 70"

# Packets, and the message in them: its number, what it answers, code, data.
SAID = [
    pytest.param(
        "0081013004456723c698694873dc515cff944a58 01ec18f0cf154fd96f19481e6f49197601ecb7b8"
        "025aa11ec2382946c88d49df5230919f72a9a636 03bb4942d48ee5fbc3612cf70d3922400e528fa4"
        "04b406cea0bc939251b1778b7cb4a49c9fe67646 05bdc74d929c1ab513bb3f0f28a703fdff95d1e6"
        "0645b8216a91ab5d0f150d3e17ca5e80ca19b6",
        (1, 1, 0x0000, INFO_3),
        id="3.3 device info",
    ),
    pytest.param(
        "002131051f297ccd58bad7ab41f21efba9e3e146 01f282714f0d7596759a53a40c81c75f56",
        (2, 2, 0x0001, "02"),
        id="3.3 already paired",
    ),
    pytest.param(
        "00213205007c62c2085427f8231be9e8cde7438d 0164ed39528b651a89023c0e3645fe1f22",
        (3, 0, 0x8011, ""),
        id="3.3 asks for the time",
    ),
    pytest.param(
        "002133050f76255af92e7263c233d79fc4c9079a 0120db301eaa125e54698f6cec59bb300a",
        (4, 5, 0x0002, "00"),  # to a status request
        id="3.3 status is coming",
    ),
    pytest.param(
        "00213405fb665d32500dd7b7ba31e45830a3d95a 0160239f092182c6a1d2af67d8bf038226",
        (5, 6, 0x0002, "00"),
        id="3.3 written",
    ),
    pytest.param(
        "002135056125895db105a317a8585ae9845ea8d4 01fe6adf5ca5c7d1c92aa279809d887da8",
        (6, 7, 0x0002, "01"),
        id="3.3 turns down a write of nothing",
    ),
    pytest.param(
        "00213605bdab8cb2d0cde0c6769b9eb424548611 011b72f1766b6a415eb369957a1c0c4de2",
        (7, 8, 0x0002, "01"),
        id="3.3 turns down a write that does not end",
    ),
    pytest.param(
        "00213705c40e1d82f8748641f521bd3d8ddcf087 01e8ebf890f160ece93261e0ff3d69f0bc",
        (8, 9, 0x0002, "00"),  # to datapoint 250, of type 9
        id="3.3 acknowledges whatever has whole datapoints",
    ),
    pytest.param(
        "003138051a70dde9c83ed4a1c241f8e1adfc2367 01b3dfdf9d146600062be8dee357db511954fde0029919ae2fb622e119d729a4b17a",
        (9, 0, 0x8001, "69 00 0d" + STATUS),
        id="3.3 reports",
    ),
    pytest.param(
        "00313905823e5f01c67e2a97b9ea4adcd36b7796 0196c35c50e552efdadc50435fed3d4813fc0122025a8efdef67ea4738e29518a2a2",
        (10, 0, 0x8003, "01 6a6534b0 68 02 04 00000002"),
        id="3.3 reports with its time",
    ),
    pytest.param(
        "0091014004456723c698694873dc515cff944a58 01ec1c10943e379400d40b3d387465341bfc0151"
        "02244b8d24567f99404be62e5bf2b61f37cc2667 03e74136c7bf39fd55059c507b26d587d33a0865"
        "04cf5b721c88d84633eca577716d423abd7b737a 05093d55b9f7326ac03fa28bda9bc52f39199359"
        "0631b60f59205a749e2be1b3b426d372869a7dde 075f6e55c86b06b60e697ff5d3c3f8e0",
        (1, 2, 0x0000, INFO_4),
        id="4.4 device info",
    ),
    pytest.param(
        "002141051f297ccd58bad7ab41f21efba9e3e146 01c5ddcb6e45918c72b27f2b55b15e9f91",
        (2, 4, 0x0001, "02"),
        id="4.4 already paired",
    ),
    pytest.param(
        "00214205007c62c2085427f8231be9e8cde7438d 0164ed39528b651a89023c0e3645fe1f22",
        (3, 0, 0x8011, ""),
        id="4.4 asks for the time",
    ),
    pytest.param(
        "002143050f76255af92e7263c233d79fc4c9079a 019546926ec63e947cb8a9ceb95828070d",
        (4, 0, 0x8013, ""),
        id="4.4 asks for the local date",
    ),
    pytest.param(
        "00214405fb665d32500dd7b7ba31e45830a3d95a 011afcae8613bc6901758c62e398616a44",
        (5, 8, 0x0003, "00"),
        id="4.4 status is coming",
    ),
    pytest.param(
        "003145056125895db105a317a8585ae9845ea8d4 0101835cb89ae91305f8d7de47445813ca460fb702506e2efdf49735503a10071376",
        (6, 9, 0x0027, "00 00000009 00"),
        id="4.4 written",
    ),
    pytest.param(
        "00314705c40e1d82f8748641f521bd3d8ddcf087 0129cefd35311414de52bc14391df8bcbf900da20209d993dd21c94ea37bf0a6908f",
        (8, 11, 0x0027, "00 00000009 01"),
        id="4.4 turns down a write of nothing",
    ),
    pytest.param(
        "003148051a70dde9c83ed4a1c241f8e1adfc2367 0173de7567b944a4c3fb592c7ab25be3d2cf2c05025884ea5ce080de99bda0230d77",
        (9, 12, 0x0027, "00 00000000 01"),
        id="4.4 turns down a write that is too short",
    ),
    pytest.param(
        "00414b059a32ccaf8d3c8f5489ec1b187fdba45c 01083120dafeddecaf246ffec7779a73c24850f0"
        "02846c0043838ba738a190bb8f1193bf4e7cc7de 03f4f3997dc30327df4bed",
        (12, 0, 0x8006, "00 00000007 00 00 68 02 0004 00000002 69 00 000d" + STATUS),
        id="4.4 reports",
    ),
    pytest.param(
        "00414c05f902481a78febb4340fb26fadeaac33a 01e1434ad047c8f671f94003ac65e17d972ddbb3"
        "0216c4e5d2ff45379c601bccef4d4167b84b83a2 03e1a94fcfc19ab53b3884",
        (13, 0, 0x8006, "00 00000008 81 00 68 02 0004 00000002 69 00 000d" + STATUS),
        id="4.4 reports and wants no answer",
    ),
    pytest.param(
        "00414d0585fba529edd13fe6f005c13cb77cc794 0122c23171dc056ae0b7cadae6c30005e621645d"
        "02db9727c5439202c900159ae9e66b241739e0bc 03f3bb2b1aff68e723cdf3",
        (14, 0, 0x8007, "00 00000009 00 00 01 6a6534b0 68 02 0004 00000002"),
        id="4.4 reports with its time",
    ),
    pytest.param(
        "00414e0565750fd815bea8618c89e9f9af5c26bb 01cecbcd618ac2e0b23e4d9540e54c4fb401131a"
        "0264353bd67c1cd2af4d71adfb10b6c63e21235d 03d41d09d82c0181e8cf0e",
        (15, 0, 0x8007, "00 0000000a 00 00 00" + b"1785017712678".hex() + "68 02 0004 00000002"),
        id="4.4 reports with its time in milliseconds",
    ),
]


def heard(packets: str) -> Message:
    """Return the message in packets of at most 20 bytes each."""
    data = bytes.fromhex(packets)
    joiner = PacketJoiner()
    envelopes = [joiner.push(data[at : at + 20]) for at in range(0, len(data), 20)]
    assert envelopes[:-1] == [None] * (len(envelopes) - 1)
    return decode(open_envelope(envelopes[-1] or b"", KEYS))


@pytest.mark.parametrize(("packets", "message"), SAID)
def test_reports_are_decoded(packets: str, message: tuple[int, int, int, str]) -> None:
    seq, response_to, code, data = message
    assert heard(packets) == Message(seq, response_to, code, bytes.fromhex(data))


BATTERY = DataPoint(104, DpType.VALUE, 2)
WEARABLE = DataPoint(105, DpType.RAW, bytes.fromhex(STATUS))
SAID_BY_ID = {each.id: each.values[0] for each in SAID}
# Points, Unix time, and the answer; the SDKs took each of these answers for "done".
REPORTS = [
    ("3.3 reports", (WEARABLE,), None, "00"),
    ("3.3 reports with its time", (BATTERY,), 1785017520.0, "00"),
    ("4.4 reports", (BATTERY, WEARABLE), None, "00 00000007 00 00 00"),
    ("4.4 reports and wants no answer", (BATTERY, WEARABLE), None, None),
    ("4.4 reports with its time", (BATTERY,), 1785017520.0, "00 00000009 00 00 00"),
    ("4.4 reports with its time in milliseconds", (BATTERY,), 1785017712.678, "00 0000000a 00 00 00"),
]


@pytest.mark.parametrize(("said", "points", "unix_seconds", "answer"), REPORTS)
def test_a_report_means_what_was_given_to_the_sdk(
    said: str, points: tuple[DataPoint, ...], unix_seconds: float | None, answer: str | None
) -> None:
    message = heard(SAID_BY_ID[said])
    report = decode_report(message.code, message.data)
    assert report.points == points
    assert report.unix_seconds == unix_seconds
    assert report.answer == (None if answer is None else bytes.fromhex(answer))


@pytest.mark.parametrize(
    ("said", "request_code", "result"),
    [
        ("3.3 already paired", 0x0001, 2),
        ("3.3 status is coming", 0x0003, 0),
        ("3.3 written", 0x0002, 0),
        ("3.3 turns down a write of nothing", 0x0002, 1),
        ("3.3 turns down a write that does not end", 0x0002, 1),
        ("4.4 already paired", 0x0001, 2),
        ("4.4 status is coming", 0x0003, 0),
        ("4.4 written", 0x0027, 0),
        ("4.4 turns down a write of nothing", 0x0027, 1),
        ("4.4 turns down a write that is too short", 0x0027, 1),
    ],
)
def test_how_a_request_went_is_read_from_its_answer(said: str, request_code: int, result: int) -> None:
    assert read_result(request_code, heard(SAID_BY_ID[said]).data) == result
