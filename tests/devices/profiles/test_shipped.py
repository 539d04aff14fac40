"""Every profile that comes with Letdown keeps its word."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.errors import ProtocolError
from devices.profiles.fields import size_of
from devices.profiles.frames import Codec
from devices.profiles.schema import INTEGER_TYPES, START_VERB, STOP_VERB, Example, FieldSpec, Profile, Value
from devices.shipped import SHIPPED
from devices.yaml_file import load_yaml

FILES = sorted((SHIPPED / "profiles").glob("*.yaml"))
PROFILES = [load_yaml(file, Profile) for file in FILES]
OPEN = [profile for profile in PROFILES if profile.id.startswith("open-")]

every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
every_open_profile = pytest.mark.parametrize("profile", OPEN, ids=lambda profile: profile.id)
every_example = pytest.mark.parametrize(
    ("profile", "example"),
    [
        pytest.param(profile, example, id=f"{profile.id}-{at}")
        for profile in PROFILES
        for at, example in enumerate(profile.examples)
    ],
)
every_command = pytest.mark.parametrize(
    ("profile", "name"),
    [pytest.param(profile, name, id=f"{profile.id}-{name}") for profile in PROFILES for name in profile.commands],
)
every_report = pytest.mark.parametrize(
    ("profile", "channel", "name", "fields"),
    [
        pytest.param(profile, channel, name, fields, id=f"{profile.id}-{name}")
        for profile in PROFILES
        for channel, name, fields in [
            *((name, name, channel.gives) for name, channel in profile.channels.items() if channel.gives),
            *((report.channel or "", report.name, report.payload) for report in profile.reports.values()),
        ]
    ],
)
COUNTERS = st.integers(0, 255)


def values_of(fields: Sequence[FieldSpec]) -> st.SearchStrategy[dict[str, Value]]:
    """Draw values for all `fields` that stand exactly on a step of the wire, in range."""
    drawn: dict[str, st.SearchStrategy[Value]] = {}
    for field in fields:
        for name in field.names:
            drawn[name] = st.booleans() if field.flags else _values_of_one(field)
    return st.fixed_dictionaries(drawn)


def _values_of_one(field: FieldSpec) -> st.SearchStrategy[Value]:
    if field.values:
        found: st.SearchStrategy[Value] = st.sampled_from(list(field.values.values()))
    elif field.type == "bool":
        found = st.booleans()
    else:
        size, signed = INTEGER_TYPES[field.type or ""]
        low, high = (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)
        if field.range is not None:
            ends = sorted((end - field.offset) / field.scale for end in field.range)
            low, high = max(low, math.ceil(ends[0] - 1e-9)), min(high, math.floor(ends[1] + 1e-9))
        codes = st.integers(low, high).filter(lambda code: code != field.unknown)
        found = codes.map(lambda code: round(code * field.scale + field.offset, 6))
    return st.none() | found if field.unknown is not None else found


def test_there_are_profiles() -> None:
    assert {"open-pump", "open-warm-pad", "open-massager"} <= {profile.id for profile in PROFILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_called_as_its_profile(file: object) -> None:
    at = FILES.index(file)  # type: ignore[arg-type]
    assert FILES[at].stem == PROFILES[at].id


@every_profile
def test_a_profile_proves_itself_by_examples(profile: Profile) -> None:
    sent = {next(iter(example.send)) for example in profile.examples if example.send}
    wanted = {verbs[role] for role in profile.roles for verbs in (START_VERB, STOP_VERB)}
    assert wanted & set(profile.commands) <= sent


@every_example
def test_an_example_has_exactly_its_bytes_and_its_values(profile: Profile, example: Example) -> None:
    codec = Codec(profile)
    if example.send is not None:
        ((name, values),) = example.send.items()
        packet = codec.encode_command(name, values, example.counter)
        assert packet.data.hex(" ") == (example.bytes_ or b"").hex(" ")
        assert example.channel in (None, packet.channel)
        decoded = codec.decode_command(packet.channel, packet.data)
        assert decoded.name == name
        assert decoded.values == values
    else:
        framed = (name for name, channel in profile.channels.items() if channel.gives is None)
        message = codec.decode_report(example.channel or next(framed), example.receive or b"")
        assert message.values == example.gives
        again = codec.encode_report(message.name, message.values, message.counter or 0)
        assert again.data == example.receive


@every_command
@given(data=st.data(), counter=COUNTERS)
@settings(max_examples=40)
def test_a_command_arrives_as_it_was_sent(profile: Profile, name: str, data: st.DataObject, counter: int) -> None:
    values = data.draw(values_of(profile.commands[name].payload))
    codec = Codec(profile)
    packet = codec.encode_command(name, values, counter)
    assert profile.channels[packet.channel].write
    message = codec.decode_command(packet.channel, packet.data)
    assert message.name == name
    assert dict(message.values) == pytest.approx(values)
    if profile.frame is not None and "counter" in profile.frame.layout:
        assert message.counter == counter


@every_report
@given(data=st.data(), counter=COUNTERS)
@settings(max_examples=40)
def test_a_report_arrives_as_it_was_sent(
    profile: Profile, channel: str, name: str, fields: Sequence[FieldSpec], data: st.DataObject, counter: int
) -> None:
    values = data.draw(values_of(fields))
    codec = Codec(profile)
    packet = codec.encode_report(name, values, counter)
    assert packet.channel == channel
    described = profile.channels[channel]
    assert described.read or described.notify or described.indicate
    message = codec.decode_report(channel, packet.data)
    assert message.name == name
    assert dict(message.values) == pytest.approx(values)


@every_profile
@given(data=st.binary(max_size=24))
def test_no_bytes_on_any_channel_raise_anything_but_a_protocol_error(profile: Profile, data: bytes) -> None:
    codec = Codec(profile)
    opcodes = [command.opcode or b"" for command in profile.commands.values()]
    opcodes += [bytes.fromhex(opcode) for opcode in profile.reports]
    for channel, each in itertools.product(profile.channels, [data, *(opcode + data for opcode in opcodes)]):
        for decode in (codec.decode_report, codec.decode_command):
            try:
                decode(channel, each)
            except ProtocolError:
                continue


@every_profile
def test_what_runs_can_be_stopped_without_saying_anything_else(profile: Profile) -> None:
    for role in profile.roles:
        if START_VERB[role] in profile.commands:
            assert Codec(profile).encode_command(STOP_VERB[role], {}).data


@every_profile
def test_a_lease_is_known_where_commands_carry_one(profile: Profile) -> None:
    carries = any("lease_seconds" in field.names for command in profile.commands.values() for field in command.payload)
    assert (profile.lease_seconds is not None) == carries


@every_profile
def test_no_command_takes_more_than_the_profile_says_the_device_can(profile: Profile) -> None:
    limits = profile.limits.model_dump(exclude_none=True)
    for command in profile.commands.values():
        for field in command.payload:
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

    @every_open_profile
    def test_all_codes_of_one_enum_differ_in_at_least_four_bits(self, profile: Profile) -> None:
        enums = [field for field in self.fields(profile) if field.values]
        assert enums
        for field in enums:
            unknown = [] if field.unknown is None else [field.unknown]
            assert self.apart([*(field.values or {}), *unknown]) >= 4, field.name

    @every_open_profile
    def test_all_opcodes_differ_in_at_least_four_bits(self, profile: Profile) -> None:
        opcodes = [int.from_bytes(command.opcode or b"", "big") for command in profile.commands.values()]
        opcodes += [int(opcode, 16) for opcode in profile.reports]
        assert self.apart(opcodes) >= 4

    def test_one_code_means_one_thing_in_all_of_them(self) -> None:
        opcodes: dict[str, set[bytes | None]] = {}
        meanings: dict[tuple[str | None, Value], set[int]] = {}
        for profile in OPEN:
            for name, command in profile.commands.items():
                opcodes.setdefault("stop" if name == "off" else name, set()).add(command.opcode)
            for field in self.fields(profile):
                for code, meaning in (field.values or {}).items():
                    meanings.setdefault((field.name, meaning), set()).add(code)
        assert [name for name, codes in opcodes.items() if len(codes) > 1] == []
        assert [key for key, codes in meanings.items() if len(codes) > 1] == []

    @every_open_profile
    @given(data=st.data(), counter=COUNTERS)
    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
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
        known = {command.opcode for command in profile.commands.values()} | {
            bytes.fromhex(op) for op in profile.reports
        }
        for opcode, bit in itertools.product(sorted(known, key=bytes), range(8)):
            assert bytes([opcode[0] ^ 1 << bit]) not in known

    @every_open_profile
    def test_every_field_has_a_known_size_and_every_frame_fits_the_smallest_packet(self, profile: Profile) -> None:
        for payload in [each.payload for each in (*profile.commands.values(), *profile.reports.values())]:
            assert sum(size_of(field) for field in payload) + 4 <= 20  # ATT's smallest MTU, less 3
