"""Every profile that comes with Letdown keeps its word."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.driver.field_spec import FieldSpec
from devices.driver.vocabulary import START_VERB, STOP_VERB, Value
from devices.errors import ProtocolError, RefusedError
from devices.profiles.codec import Codec, DecodedMessage, Packet
from devices.profiles.profile_examples import check_examples
from devices.profiles.profile_parts import CommandSpec, Example, ReportSpec
from devices.profiles.schema import Profile
from devices.support.shipped import SHIPPED
from devices.support.yaml_file import load_yaml
from tests.helpers.sampling import examples

FILES = [  # those with a section of another driver are another language's
    file
    for file in sorted((SHIPPED / "profiles").glob("*.yaml"))
    if not any(f"\n{section}:" in file.read_text(encoding="utf-8") for section in ("tuya", "bthome", "plug"))
]
PROFILES = [load_yaml(file, Profile) for file in FILES]
OPEN = [profile for profile in PROFILES if profile.id.startswith("open-")]
ENERGY = {"vacuum_mmhg", "rate_cpm", "celsius", "intensity", "level"}

every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
every_open_profile = pytest.mark.parametrize("profile", OPEN, ids=lambda profile: profile.id)
every_command = pytest.mark.parametrize(
    ("profile", "name"),
    [
        pytest.param(profile, name, id=f"{profile.id}-{name}")
        for profile in PROFILES
        for name, command in profile.commands.items()
        if not (command.sequence or command.repeat)
    ],
)
every_command_with_numbers = pytest.mark.parametrize(
    ("profile", "name"),
    [
        pytest.param(profile, name, id=f"{profile.id}-{name}")
        for profile in PROFILES
        for name, command in profile.commands.items()
        if any(field.range for field in (*command.payload, *command.fields.values()))
    ],
)
every_report = pytest.mark.parametrize(
    ("profile", "name", "fields"),
    [
        pytest.param(profile, name, fields, id=f"{profile.id}-{name}")
        for profile in PROFILES
        for name, fields in [
            *((name, channel.fields) for name, channel in profile.channels.items() if channel.fields),
            *((name, report.payload) for name, report in profile.reports.items() if report.pattern is None),
        ]
    ],
)
COUNTERS = st.integers(0, 255)
quick = settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])


def fields_of(entry: CommandSpec | ReportSpec) -> list[FieldSpec]:
    return [*entry.payload, *entry.fields.values()]


def heard(codec: Codec, packet: Packet) -> DecodedMessage:
    """Return what a device makes of a packet; in a text protocol, of the only line in it that says something."""
    joiner = codec.joiner(packet.channel)
    if joiner is None:
        return codec.decode_command(packet.channel, packet.data)
    (line,) = [line for line in joiner.feed(packet.data) if line.strip()]
    return codec.decode_command(packet.channel, line)


def on_steps(field: FieldSpec) -> tuple[int, int]:
    """Return the lowest and the highest code on the wire that a number may have."""
    low, high = field.wire_range
    if field.range is not None:
        said = [end * 1.8 + 32 if field.unit == "fahrenheit" else end for end in field.range]
        ends = sorted((end - field.offset) / field.factor + field.bias for end in said)
        low, high = max(low, math.ceil(ends[0] - 0.01)), min(high, math.floor(ends[1] + 0.01))
    return low, high


def meant_by(field: FieldSpec, code: int) -> float:
    value = (code - field.bias) * field.factor + field.offset
    return round((value - 32) / 1.8, 2) if field.unit == "fahrenheit" else round(value, 6)


def values_of(fields: Sequence[FieldSpec]) -> st.SearchStrategy[dict[str, Value]]:
    """Draw values for all `fields` that stand exactly on a step of the wire, in range."""
    drawn: dict[str, st.SearchStrategy[Value]] = {}
    for field in fields:
        for name in field.names:
            drawn[name] = st.booleans() if field.flags else _values_of_one(field)
        if field.unit not in (None, "celsius", "fahrenheit"):
            drawn[field.unit or ""] = st.just("celsius")
    return st.fixed_dictionaries(drawn)


def _values_of_one(field: FieldSpec) -> st.SearchStrategy[Value]:
    if field.meanings:
        found: st.SearchStrategy[Value] = st.sampled_from(list(field.meanings.values()))
    elif field.type == "bool":
        found = st.booleans()
    elif field.type == "text":
        found = st.text("abc 123", max_size=field.width).map(str.rstrip)
    else:
        codes = st.integers(*on_steps(field)).filter(lambda code: code != field.unknown)
        found = codes.map(lambda code: meant_by(field, code))
    return st.none() | found if field.unknown is not None else found


def matched(fields: Sequence[FieldSpec], values: dict[str, Value]) -> dict[str, Value]:
    """Let values fit each other where a field is the inverse of another, or depends on another."""
    for field in fields:
        number = values.get(field.name or "")
        if field.sign is not None and isinstance(number, int | float):
            values[field.name or ""] = {"plus": number, "minus": -number}.get(str(values[field.sign]))
        if field.unless is not None and values[field.unless]:
            values[field.name or ""] = None
        if field.name is not None and field.inverse_of is not None:
            off = values[field.inverse_of] is None
            values[field.name] = next(iter((field.meanings or {}).values())) if off else field.otherwise
    return values


def test_there_are_profiles() -> None:
    assert {"open-pump", "open-warm-pad", "open-massager"} <= {profile.id for profile in PROFILES}


def test_a_file_is_called_as_its_profile() -> None:
    assert [file.stem for file in FILES] == [profile.id for profile in PROFILES]


@every_profile
def test_everything_that_can_be_tried_without_a_device_holds(profile: Profile) -> None:
    assert [finding for finding in check_examples(profile) if finding.state == "fails"] == []


def test_an_example_that_does_not_hold_is_found() -> None:
    profile = next(profile for profile in OPEN if profile.id == "open-pump")
    stop = next(example for example in profile.examples if "stop" in (example.send or {}))
    wrong = stop.model_copy(update={"bytes_": b"\x0f\x08\x39\x8d"})
    (found,) = [
        each for each in check_examples(profile.model_copy(update={"examples": (wrong,)})) if each.state == "fails"
    ]
    (tried,) = found.examples
    assert (found.what, tried.path) == ("commands.stop", ("examples", 0))
    assert (tried.expected, tried.found) == ("0f 08 39 8d", "0f 08 39 8c")


@every_profile
def test_a_profile_proves_itself_by_examples(profile: Profile) -> None:
    sent = {next(iter(example.send)) for example in profile.examples if example.send}
    wanted = {verbs[role] for role in profile.energy_roles for verbs in (START_VERB, STOP_VERB)}
    shown = sent | {step.command for name in sent for step in profile.commands[name].sequence}
    shown |= {
        name
        for name, command in profile.commands.items()
        if command.sequence and {step.command for step in command.sequence} <= shown
    }
    assert wanted & set(profile.commands) <= shown


@every_profile
def test_a_device_understands_the_bytes_of_each_example(profile: Profile) -> None:
    codec = Codec(profile)
    for example in profile.examples:
        check_understood(codec, example)


def check_understood(codec: Codec, example: Example) -> None:
    if example.send is not None:
        ((name, values),) = example.send.items()
        for part, given, _ in codec.packets(name, values):
            packet = codec.encode_command(part, given, example.counter)
            decoded = heard(codec, packet)
            assert decoded.name == part
            assert decoded.values == {said: pytest.approx(given[said], abs=0.005) for said in decoded.values}
    elif example.receive is not None and example.means is not None and example.channel is not None:
        message = codec.decode_report(example.channel, example.receive, example.known)
        assert set(message.values) == set(example.means)


@every_command
@given(data=st.data(), counter=COUNTERS)
@quick
def test_a_command_arrives_as_it_was_sent(profile: Profile, name: str, data: st.DataObject, counter: int) -> None:
    values = data.draw(values_of(fields_of(profile.commands[name])))
    codec = Codec(profile)
    packet = codec.encode_command(name, values, counter)
    assert profile.channels[packet.channel].write
    message = heard(codec, packet)
    assert message.name == name
    assert dict(message.values) == pytest.approx(values)
    if profile.frame is not None and "counter" in profile.frame.layout:
        assert message.counter == counter


@every_command_with_numbers
@given(data=st.data())
@quick
def test_any_number_in_range_is_sent_as_the_step_below_it(profile: Profile, name: str, data: st.DataObject) -> None:
    fields = fields_of(profile.commands[name])
    numbers = {field.name or "": field for field in fields if field.range}
    asked = data.draw(values_of(fields))
    asked |= {each: data.draw(st.floats(*field.range)) for each, field in numbers.items() if field.range}
    codec = Codec(profile)
    packet = codec.encode_command(name, asked)
    told = heard(codec, packet).values
    for each, field in numbers.items():
        value, wanted, step = told[each], asked[each], abs(field.factor) / (1.8 if field.unit == "fahrenheit" else 1)
        assert isinstance(value, int | float)
        assert isinstance(wanted, int | float)
        assert value == pytest.approx(wanted, abs=step + 0.011)
        lowest = min(meant_by(field, code) for code in on_steps(field))
        if each in ENERGY:
            # °F is told to two digits of a °C, and what was told must go out as it came in.
            assert value <= max(wanted, lowest) + (0.011 if field.unit == "fahrenheit" else 1e-6)


@every_command_with_numbers
@given(data=st.data(), excess=st.floats(1e-3, 1e6))
@quick
def test_any_number_out_of_range_is_refused_before_the_radio(
    profile: Profile, name: str, data: st.DataObject, excess: float
) -> None:
    fields = fields_of(profile.commands[name])
    values = data.draw(values_of(fields))
    for field in fields:
        if field.range is not None:
            for wrong in (field.range[0] - excess, field.range[1] + excess, math.nan, math.inf, None, "x"):
                with pytest.raises(RefusedError, match=field.name):
                    Codec(profile).encode_command(name, {**values, field.name or "": wrong})


@every_profile
def test_what_acts_on_a_body_has_a_range_or_a_list_of_words(profile: Profile) -> None:
    for command in profile.commands.values():
        for field in fields_of(command):
            assert field.name not in ENERGY or field.range is not None or field.meanings


@every_report
@given(data=st.data(), counter=COUNTERS)
@quick
def test_a_report_arrives_as_it_was_sent(
    profile: Profile, name: str, fields: Sequence[FieldSpec], data: st.DataObject, counter: int
) -> None:
    values = matched(fields, data.draw(values_of(fields)))
    codec = Codec(profile)
    packet = codec.encode_report(name, values, counter)
    described = profile.channels[packet.channel]
    assert described.read or described.notify or described.indicate
    message = codec.decode_report(packet.channel, packet.data, values)
    assert message.name == name
    assert dict(message.values) == pytest.approx({each: values[each] for each in message.values})
    assert set(message.values) == {each for field in fields for each in field.names}


@every_profile
@given(data=st.data(), noise=st.binary(max_size=24))
@settings(max_examples=examples(40))
def test_no_bytes_on_any_channel_raise_anything_but_a_protocol_error(
    profile: Profile, data: st.DataObject, noise: bytes
) -> None:
    codec = Codec(profile)
    head = profile.frame.head if profile.frame else b""
    beginnings = [b"", head, *(head + (each.opcode or b"") for each in profile.commands.values())]
    beginnings += [
        example.receive or example.bytes_ or (example.receive_text or "").encode() for example in profile.examples
    ]
    beginning = data.draw(st.sampled_from(beginnings))
    packet = beginning[: data.draw(st.integers(0, len(beginning)))] + noise
    for channel in profile.channels:
        joiner = codec.joiner(channel)
        for each in [packet, *(joiner.feed(packet) if joiner else [])]:
            for decode in (codec.decode_report, codec.decode_command):
                try:
                    decode(channel, each)
                except ProtocolError:
                    continue


@every_profile
def test_what_runs_can_be_stopped_without_saying_anything_else(profile: Profile) -> None:
    codec = Codec(profile)
    for role in profile.energy_roles:
        if profile.starts(role):
            packets = [codec.encode_command(part, given) for part, given, _ in codec.packets(STOP_VERB[role], {})]
            assert all(packet.data for packet in packets)


@every_profile
def test_a_lease_is_known_where_commands_carry_one(profile: Profile) -> None:
    carries = any("lease_seconds" in command.names for command in profile.commands.values())
    assert (profile.lease_seconds is not None) == carries


@every_profile
def test_no_command_takes_more_than_the_profile_says_the_device_can(profile: Profile) -> None:
    limits = profile.limits.model_dump(exclude_none=True)
    for command in profile.commands.values():
        for field in fields_of(command):
            limit = limits.get("run_seconds" if field.name == "duration_seconds" else field.name or "")
            if limit is not None:
                assert field.range is not None
                assert field.range[1] <= limit


class TestOpenProfile:
    """The codes of the open profile: no flipped bit turns stop into run."""

    @staticmethod
    def apart(codes: Sequence[int]) -> int:
        """Return in how many bits the closest two of `codes` differ."""
        assert len(set(codes)) == len(codes)
        return min(((one ^ other).bit_count() for one, other in itertools.combinations(codes, 2)), default=8)

    @staticmethod
    def fields(profile: Profile) -> Iterator[FieldSpec]:
        yield from (field for command in profile.commands.values() for field in command.payload)
        yield from (field for report in profile.reports.values() for field in report.payload)

    @staticmethod
    def opcodes(profile: Profile) -> list[bytes]:
        return [each.opcode or b"" for each in (*profile.commands.values(), *profile.reports.values())]

    @every_open_profile
    def test_all_codes_of_one_enum_differ_in_at_least_four_bits(self, profile: Profile) -> None:
        enums = [field for field in self.fields(profile) if field.meanings]
        assert enums
        for field in enums:
            unknown = [] if field.unknown is None else [field.unknown]
            assert self.apart([*(field.meanings or {}), *unknown]) >= 4, field.name

    @every_open_profile
    def test_all_opcodes_differ_in_at_least_four_bits(self, profile: Profile) -> None:
        assert self.apart([int.from_bytes(opcode, "big") for opcode in self.opcodes(profile)]) >= 4

    def test_one_code_means_one_thing_in_all_of_them(self) -> None:
        opcodes: dict[str, set[bytes | None]] = {}
        meanings: dict[tuple[str | None, Value], set[int]] = {}
        for profile in OPEN:
            for name, command in profile.commands.items():
                opcodes.setdefault("stop" if name == "off" else name, set()).add(command.opcode)
            for field in self.fields(profile):
                for code, meaning in (field.meanings or {}).items():
                    meanings.setdefault((field.name, meaning), set()).add(code)
        assert [name for name, codes in opcodes.items() if len(codes) > 1] == []
        assert [key for key, codes in meanings.items() if len(codes) > 1] == []

    @every_open_profile
    @given(data=st.data(), counter=COUNTERS)
    @settings(max_examples=examples(15), suppress_health_check=[HealthCheck.too_slow])
    def test_no_flipped_bit_of_a_command_is_any_command(
        self, profile: Profile, data: st.DataObject, counter: int
    ) -> None:
        codec = Codec(profile)
        name = data.draw(st.sampled_from(sorted(profile.commands)))
        packet = codec.encode_command(name, data.draw(values_of(profile.commands[name].payload)), counter)
        for bit in range(8 * len(packet.data)):
            flipped = bytearray(packet.data)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(ProtocolError):
                codec.decode_command(packet.channel, bytes(flipped))

    @every_open_profile
    def test_even_without_its_checksum_no_flipped_bit_turns_one_opcode_into_another(self, profile: Profile) -> None:
        known = set(self.opcodes(profile))
        for opcode, bit in itertools.product(sorted(known), range(8)):
            assert bytes([opcode[0] ^ 1 << bit]) not in known

    @every_open_profile
    def test_every_frame_fits_the_smallest_packet(self, profile: Profile) -> None:
        for payload in [each.payload for each in (*profile.commands.values(), *profile.reports.values())]:
            assert sum(field.width for field in payload) + 4 <= 20  # ATT's smallest MTU, less 3
