"""The documents keep their word: each byte, code, limit, place and link in them is the one in the code."""

from __future__ import annotations

import binascii
import functools
import itertools
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from controller.safety import limits
from controller.safety.limits import OwnerLimits, TripKind
from controller.session.routine import ExpressStep, MassageStep, RestStep, StimulateStep, WarmStep
from devices.errors import ProtocolError
from devices.profiles.codec import Codec
from devices.profiles.schema import Profile
from devices.support.yaml_file import load_yaml

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
OPEN_PROFILE = (DOCS / "open-profile.md").read_text()
OPEN_FRAMES = (DOCS / "open-profile-frames.md").read_text()
SAFETY = (DOCS / "safety.md").read_text()
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]

FILES = {id_: ROOT / "config/profiles" / f"{id_}.yaml" for id_ in ("open-pump", "open-warm-pad", "open-massager")}
RAW: dict[str, dict[str, Any]] = {id_: yaml.safe_load(file.read_text()) for id_, file in FILES.items()}
CALLED = {"Pump": "open-pump", "Compress": "open-warm-pad", "Massager": "open-massager"}
MADE_BY_THE_READER = {"config/guides/XX.yaml"}
SIZES = {"u8": 1, "u16": 2, "s16": 2}
NONE = TO = "\u2013"
TIMES = "\u00d7"
WAYS = {"written": "write", "read": "read", "notified": "notify", "indicated": "indicate"}


@functools.cache
def codec(id_: str) -> Codec:
    return Codec(load_yaml(FILES[id_], Profile))


def table(text: str, *first: str) -> list[list[str]]:
    """Return the rows of the first table whose header begins with `first`."""
    lines = iter(text.splitlines())
    for line in lines:
        if _cells(line)[: len(first)] == list(first):
            next(lines)
            return [_cells(row) for row in itertools.takewhile(lambda row: row.startswith("|"), lines)]
    raise AssertionError(f"there is no table with {first}")


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next of its level."""
    level = heading.split(maxsplit=1)[0]
    return text.split(f"\n{heading}\n", 1)[1].split(f"\n{level} ", 1)[0]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []


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


# Limits

CONSTANTS = {name: value for name, value in vars(limits).items() if name.isupper() and isinstance(value, int | float)}
NOT_LIMITS = {
    "LOWEST_STEP_MMHG",  # how a wish is rounded
    "MASSAGE_SECONDS",  # hands are not held to anything
}


def number(text: str) -> float:
    """Read `30 min` as seconds, `1/3` and `150 mmHg` as they are."""
    amount, _, unit = text.partition(" ")
    return float(Fraction(amount)) * (60 if unit == "min" else 1)


def hard_limits() -> list[list[str]]:
    return table(section(SAFETY, "## Hard limits"), "what", "limit", "constant")


@pytest.mark.parametrize("row", hard_limits(), ids=lambda row: row[2].strip("`"))
def test_every_hard_limit_is_the_constant_in_the_code(row: list[str]) -> None:
    assert number(row[1]) == pytest.approx(CONSTANTS[row[2].strip("`")])
    assert row[3]


def test_no_hard_limit_is_left_out() -> None:
    assert {row[2].strip("`") for row in hard_limits()} == set(CONSTANTS) - NOT_LIMITS


def test_every_source_that_is_cited_is_listed_and_the_other_way_round() -> None:
    text, sources = SAFETY.split("\n## Sources\n")
    assert set(re.findall(r"\[(\d+)\]", text)) == set(re.findall(r"^(\d+)\. ", sources, re.MULTILINE))


MODELS: dict[str, type[BaseModel]] = {
    "limits": OwnerLimits,
    "warm": WarmStep,
    "massage": MassageStep,
    "stimulate": StimulateStep,
    "express": ExpressStep,
    "rest": RestStep,
}
NEEDED = {"massage": {"techniques": ("stroke",)}, "rest": {"minutes": 1}}


def settings() -> list[list[str]]:
    return table(section(SAFETY, "## What you may set, and what a routine may ask"), "what", "where")


@pytest.mark.parametrize("row", settings(), ids=lambda row: row[1].strip("`"))
def test_every_setting_has_the_default_and_the_range_that_it_says(row: list[str]) -> None:
    kind, key = row[1].strip("`").split(".")
    model, needed = MODELS[kind], NEEDED.get(kind, {})
    if row[2]:
        default = yaml.safe_load(row[2])
        assert model.model_fields[key].default == (None if default == "none" else default)
    if not row[3]:
        return
    low, high = (float(Fraction(end)) for end in row[3].split(" to "))
    for value in (low, high):
        model.model_validate({**needed, key: value})
    for value in (low - 0.01, high + 0.01):
        with pytest.raises(ValidationError):
            model.model_validate({**needed, key: value})


def test_every_limit_that_an_owner_may_set_is_listed() -> None:
    said = {row[1].strip("`") for row in settings() if row[1].startswith("`limits.")}
    assert said == {f"limits.{name}" for name in OwnerLimits.model_fields}


def test_every_kind_of_trip_is_listed_with_its_thresholds() -> None:
    rows = {row[0].strip("`"): row[1] for row in table(section(SAFETY, "## Trips"), "trip", "when")}
    assert set(rows) == {kind.value for kind in TripKind}
    for kind, thresholds in {
        "vacuum": (limits.VACUUM_TRIP_AT_ONCE_MMHG, limits.VACUUM_TRIP_MMHG),
        "no_release": (limits.RELEASE_MMHG, limits.RELEASE_SECONDS, limits.RELEASE_UNSEEN_SECONDS),
        "temperature": (limits.HEAT_TRIP_AT_ONCE_CELSIUS, limits.HEAT_TRIP_CELSIUS, limits.HEAT_TRIP_SECONDS),
        "stale": (
            *(limits.STALE_SECONDS, limits.WARMING_GAP_CELSIUS, limits.WARMING_CELSIUS, limits.WARMING_SECONDS),
            *(limits.FINE_STILL_SECONDS, limits.RESTLESS_STILL_SECONDS),
            *(limits.RESTLESS_TURNS, limits.RESTLESS_SECONDS),
        ),
        "implausible": (
            *(limits.OVERPRESSURE_MMHG, limits.COLDEST_CELSIUS),
            *(limits.JUMP_CELSIUS, limits.JUMP_SECONDS),
        ),
    }.items():
        assert [float(found) for found in re.findall(r"\d+", rows[kind])] == list(thresholds)


def test_every_question_of_the_check_is_listed() -> None:
    guide = yaml.safe_load((ROOT / "config/guides/en.yaml").read_text())
    assert [row[0].strip("`") for row in table(SAFETY, "question", "asks about")] == list(guide["questions"])


# Places and links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:config|controller|devices|docs|tests)/[\w/-]+\.\w+)`", page.read_text())
    assert [name for name in named if name not in MADE_BY_THE_READER and not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_folder_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:config|controller|devices|docs|tests)(?:/[\w-]+)*)/?`", page.read_text())
    assert [name for name in named if not (ROOT / name).is_dir()] == []


def test_every_test_that_contributors_are_told_to_run_is_there() -> None:
    commands = re.findall(r"-m pytest ([^`#\n]+)", (ROOT / "CONTRIBUTING.md").read_text())
    paths = [part for command in commands for part in command.split() if part.startswith("tests/")]
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_beside_its_file_is_defined_there(page: Path) -> None:
    """Such as "`controller/mqtt/bridge.py`: `Bridge`"."""
    missing = []
    for file, name in re.findall(r"`([\w/]+\.py)`:\s`(\w+)`", page.read_text()):
        if not re.search(rf"^\s*(?:class |(?:async )?def )?{name}\b", (ROOT / file).read_text(), re.MULTILINE):
            missing.append(f"{file}: {name}")
    assert missing == []


def links() -> Iterator[tuple[Path, str]]:
    for page in [*PAGES, *sorted(DOCS.glob("*/*.md"))]:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"[a-z]+:", target):
                yield page, target


@functools.cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    goal = (page.parent / path).resolve() if path else page
    return goal.exists() and (not anchor or anchor in anchors(goal))


def test_every_link_leads_somewhere() -> None:
    found = set(links())
    assert len(found) > 100
    assert [(page.name, target) for page, target in sorted(found) if not leads_somewhere(page, target)] == []


def test_every_budget_is_the_one_in_the_code() -> None:
    rows = table(section(SAFETY, "## Budgets of a body"), "energy", "at most", "in any")
    told = [(row[0], number(row[1]), number(row[2])) for row in rows]
    known = [(name, each.most_seconds, each.in_seconds) for name, windows in limits.BUDGETS.items() for each in windows]
    assert told == known
