"""The documents of the open profile against its profiles: tables, codes, and bytes on the wire."""

from __future__ import annotations

import binascii
import functools
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from devices.errors import ProtocolError
from devices.profiles.codec import Codec
from devices.profiles.schema import Profile
from devices.support.yaml_file import load_yaml
from tests.helpers.markdown_tables import section, table

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

OPEN_PROFILE = (DOCS / "open-profile.md").read_text()
OPEN_FRAMES = (DOCS / "open-profile-frames.md").read_text()
FILES = {id_: ROOT / "config/profiles" / f"{id_}.yaml" for id_ in ("open-pump", "open-warm-pad", "open-massager")}
RAW: dict[str, dict[str, Any]] = {id_: yaml.safe_load(file.read_text()) for id_, file in FILES.items()}
CALLED = {"Pump": "open-pump", "Compress": "open-warm-pad", "Massager": "open-massager"}
SIZES = {"u8": 1, "u16": 2, "s16": 2}
NONE = TO = "\u2013"
TIMES = "\u00d7"
WAYS = {"written": "write", "read": "read", "notified": "notify", "indicated": "indicate"}


@functools.cache
def codec(id_: str) -> Codec:
    return Codec(load_yaml(FILES[id_], Profile))


# The open profile: UUIDs, codes, tables


@pytest.mark.parametrize("id_", FILES)
def test_every_service_and_characteristic_stands_in_the_table_with_its_properties(id_: str) -> None:
    rows = {row[0].strip("`"): row for row in table(OPEN_PROFILE, "UUID", "what")}
    for channel in RAW[id_]["channels"].values():
        assert rows[channel["service"]][1].startswith("service")
        said = set(rows[channel["characteristic"]][2].split(", "))
        writes = {"both": {"write", "write without response"}, None: set()}[channel.get("write")]
        assert said == writes | {name for name in ("read", "notify", "indicate") if channel.get(name)}


def test_the_table_lists_no_other_uuid() -> None:
    channels = [channel for raw in RAW.values() for channel in raw["channels"].values()]
    known = {channel[part] for channel in channels for part in ("service", "characteristic")}
    assert {row[0].strip("`") for row in table(OPEN_PROFILE, "UUID", "what")} == known


def test_every_command_stands_in_the_table_of_opcodes_and_no_other() -> None:
    said = {
        (id_, name.strip("`"), int(row[0].strip("`"), 16))
        for row in table(OPEN_PROFILE, "opcode", "command")
        for id_, name in zip(FILES, row[2:], strict=True)
        if name != NONE
    }
    assert said == {
        (id_, name, int(each["opcode"], 16)) for id_, raw in RAW.items() for name, each in raw["commands"].items()
    }


def test_every_report_stands_in_the_table_of_opcodes_with_its_channel_and_pace() -> None:
    rows = {row[1].strip("`"): row for row in table(OPEN_PROFILE, "opcode", "report")}
    for raw in RAW.values():
        for name, report in raw["reports"].items():
            assert int(rows[name][0].strip("`"), 16) == int(report["opcode"], 16)
            assert rows[name][2].startswith(report["channel"])
            if (every_seconds := report.get("every_seconds")) is not None:
                assert ("every second" if every_seconds == 1 else f"every {every_seconds} s") in rows[name][3]
    assert set(rows) == {name for raw in RAW.values() for name in raw["reports"]}


class Payload(NamedTuple):
    """A command or report of a profile, and the heading over its table."""

    id_: str
    name: str
    heading: str
    fields: list[dict[str, Any]]


def payloads() -> Iterator[Payload]:
    for called, id_ in CALLED.items():
        for name, each in [*RAW[id_]["commands"].items(), *RAW[id_]["reports"].items()]:
            if each.get("payload"):
                heading = f"`{name}` (0x{each['opcode'].upper()})"
                shared = f"#### All: {heading}"
                own = f"#### {called}: {heading}"
                yield Payload(id_, name, shared if f"\n{shared}\n" in OPEN_PROFILE else own, each["payload"])


def expected_rows(fields: list[dict[str, Any]]) -> Iterator[list[str]]:
    """Say how a payload stands in the document: byte, value, type, values, unknown."""
    at = 2
    for field in fields:
        name = next(key for key in field if key not in {"scale", "range", "is", "flags", "unknown"})
        size = SIZES[field[name]]
        values = "any"
        if "is" in field:
            values = ", ".join(f"`0x{code:02X}` {meaning}" for code, meaning in field["is"].items())
        elif "flags" in field:
            values = ", ".join(f"bit {bit} {meaning}" for bit, meaning in field["flags"].items())
        elif "range" in field:
            values = "{:g} to {:g}".format(*field["range"])
        yield [
            f"{at}" if size == 1 else f"{at}{TO}{at + size - 1}",
            f"`{name}`",
            field[name] + (f" {TIMES} {field['scale']:g}" if "scale" in field else ""),
            values,
            f"`0x{field['unknown']:0{2 * size}X}`" if "unknown" in field else NONE,
        ]
        at += size


@pytest.mark.parametrize("payload", list(payloads()), ids=lambda payload: f"{payload.id_}-{payload.name}")
def test_every_payload_stands_there_byte_by_byte(payload: Payload) -> None:
    rows = table(section(OPEN_PROFILE, payload.heading), "byte", "value")
    assert [row[:5] for row in rows] == list(expected_rows(payload.fields))
    assert all(row[5] for row in rows)


def test_no_table_describes_what_no_profile_has() -> None:
    headings = set(re.findall(r"^#### .*$", OPEN_PROFILE, re.MULTILINE))
    assert headings == {payload.heading for payload in payloads()}


def test_commands_without_payload_are_named_as_such() -> None:
    bare = {name for raw in RAW.values() for name, each in raw["commands"].items() if not each.get("payload")}
    words = section(OPEN_PROFILE, "## Commands").split("have no payload")[0]
    assert set(re.findall(r"`(\w+)`", words)) == bare


def test_every_result_is_explained() -> None:
    results = {
        meaning
        for raw in RAW.values()
        for field in raw["reports"]["result"]["payload"]
        if "result" in field
        for meaning in field["is"].values()
    }
    assert {row[0].strip("`") for row in table(OPEN_PROFILE, "result", "when")} == results


def test_all_codes_are_among_the_sixteen_words_that_differ_in_four_bits() -> None:
    sentence = section(OPEN_PROFILE, "## The codes").split("No flipped bit")[0]
    words = [int(word, 16) for word in re.findall(r"`(0x..)`", sentence)]
    assert len(set(words)) == len(words) == 16
    assert min((one ^ other).bit_count() for one, other in itertools.combinations(words, 2)) == 4
    for raw in RAW.values():
        for each in [*raw["commands"].values(), *raw["reports"].values()]:
            assert int(each["opcode"], 16) in words
            for field in each.get("payload", ()):
                assert set(field.get("is", ())) <= set(words)
                assert "is" not in field or field.get("unknown", 0) in words


def test_the_longest_frame_is_as_long_as_it_says() -> None:
    longest = 4 + max(
        sum(SIZES[next(iter(field.values()))] for field in payload.fields)  # the type stands first
        for payload in payloads()
    )
    assert f"The longest frame has {longest} bytes" in OPEN_PROFILE
    assert f"| 0 to {longest - 4} | payload" in OPEN_PROFILE


def test_the_check_value_of_the_crc_is_right() -> None:
    assert f"is 0x{binascii.crc_hqx(b'123456789', 0xFFFF):04X}" in OPEN_PROFILE
    for raw in RAW.values():
        assert raw["frame"] == {
            "layout": ["opcode", "counter", "payload", "checksum"],
            "checksum": {"kind": "crc16-ccitt-false"},
        }


def test_the_limits_of_a_device_are_those_of_the_profiles() -> None:
    rows = dict(row[:2] for row in table(section(OPEN_PROFILE, "## Limits a device must hold itself"), "", "at most"))
    pump, pad, massager = (RAW[id_]["limits"] for id_ in FILES)
    assert rows["vacuum, as a target"].startswith(f"{pump['vacuum_mmhg']} mmHg")
    assert rows["rate"].startswith(f"{pump['rate_cpm']} cycles")
    runs = [each["run_seconds"] for each in (pump, pad, massager)]
    assert rows["one run"] == "pump {} s, compress {} s, massager {} s".format(*runs)
    assert rows["surface of a compress"].startswith(f"{pad['celsius']} °C")
    assert {raw["on_link_loss"] for raw in RAW.values()} == {"stops"}


# The open profile: bytes on the wire


class Said(NamedTuple):
    """A frame of the document, and what it says of it."""

    id_: str
    channel: str
    way: str
    data: bytes
    name: str
    counter: int | None
    values: dict[str, Any]


def frames() -> Iterator[Said]:
    for block in re.findall(r"```frames\n(.*?)```", OPEN_PROFILE + OPEN_FRAMES, re.DOTALL):
        for entry in re.split(r"\n(?=\S)", block.strip()):
            head, words = entry.split("\n", 1)
            parts = re.fullmatch(r"(\S+), (\w+), (\w+): ([0-9a-f ]+)", head)
            meaning = re.fullmatch(r"(\w+)(?: (\d+))? (\{.*\})", " ".join(words.split()))
            assert parts, head
            assert meaning, words
            yield Said(
                *parts.group(1, 2, 3),
                bytes.fromhex(parts[4]),
                meaning[1],
                int(meaning[2]) if meaning[2] else None,
                yaml.safe_load(meaning[3]),
            )


@pytest.mark.parametrize("said", list(frames()), ids=lambda said: f"{said.id_}-{said.data.hex()}")
def test_every_frame_means_what_stands_under_it(said: Said) -> None:
    channel = RAW[said.id_]["channels"][said.channel]
    assert channel.get(WAYS[said.way])
    if said.way == "written":
        message = codec(said.id_).decode_command(said.channel, said.data)
        again = codec(said.id_).encode_command(said.name, said.values, said.counter or 0)
    else:
        message = codec(said.id_).decode_report(said.channel, said.data)
        again = codec(said.id_).encode_report(said.name, said.values, said.counter or 0)
    assert (message.name, message.counter) == (said.name, said.counter)
    assert dict(message.values) == said.values
    assert (again.channel, again.data) == (said.channel, said.data)
    if "fields" not in channel:
        assert int.from_bytes(said.data[-2:], "little") == binascii.crc_hqx(said.data[:-2], 0xFFFF)


@pytest.mark.parametrize("id_", FILES)
def test_every_example_of_a_profile_stands_in_the_document(id_: str) -> None:
    examples = [each for each in RAW[id_]["examples"] if "dropped" not in each]
    assert {bytes.fromhex(each.get("bytes") or each["receive"]) for each in examples} == {
        said.data for said in frames() if said.id_ == id_
    }


@pytest.mark.parametrize("id_", FILES)
def test_every_command_report_and_value_has_an_example(id_: str) -> None:
    plain = {name for name, channel in RAW[id_]["channels"].items() if "fields" in channel}
    shown = {said.name for said in frames() if said.id_ == id_}
    assert shown == {*RAW[id_]["commands"], *RAW[id_]["reports"], *plain}


def ignored() -> Iterator[tuple[str, str, bytes]]:
    (block,) = re.findall(r"```ignored\n(.*?)```", OPEN_FRAMES, re.DOTALL)
    for id_, channel, data, why in re.findall(r"^(\S+), (\w+): ([0-9a-f ]+)\n  (.+)$", block, re.MULTILINE):
        assert why
        yield id_, channel, bytes.fromhex(data)


@pytest.mark.parametrize(("id_", "channel", "data"), list(ignored()))
def test_a_frame_that_is_to_be_ignored_means_nothing(id_: str, channel: str, data: bytes) -> None:
    with pytest.raises(ProtocolError):
        codec(id_).decode_report(channel, data)


@pytest.mark.parametrize("id_", FILES)
def test_every_example_that_is_dropped_stands_in_the_document(id_: str) -> None:
    dropped = {bytes.fromhex(each["receive"]) for each in RAW[id_]["examples"] if "dropped" in each}
    assert dropped == {data for said, _, data in ignored() if said == id_}
