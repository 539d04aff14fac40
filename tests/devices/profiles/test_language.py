"""What the profile language can say about bytes, feature by feature. The driver's side is in `device`."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from devices.driver.checksums import ChecksumKind, checksum, checksum_size
from devices.driver.vocabulary import ByteOrder, Value
from devices.errors import ProtocolError, RefusedError
from devices.profiles.codec import Codec
from devices.profiles.frame_spec import Frame
from devices.profiles.frames import FrameJoiner, wrap
from devices.profiles.text_frames import LineJoiner
from tests.helpers.profile_snippets import codec, profile
from tests.helpers.sampling import examples

SPANS: dict[str, bytes] = {  # what each checksum is over, in the frame AA 33 05 01 02 (checksum) 55
    "frame": b"\xaa\x33\x05\x01\x02",
    "payload": b"\x01\x02",
    "[opcode, payload]": b"\x33\x05\x01\x02",
    "[counter, counter]": b"\x05",
    "[head, opcode]": b"\xaa\x33",
}


class TestChecksums:
    @pytest.mark.parametrize("order", ["little", "big"])
    @pytest.mark.parametrize("over", SPANS)
    @pytest.mark.parametrize("kind", get_args(ChecksumKind))
    def test_every_kind_over_every_span_in_either_order(self, kind: ChecksumKind, over: str, order: ByteOrder) -> None:
        device = codec(f"""
            frame:
              layout: [head, opcode, counter, payload, checksum, tail]
              head: "aa"
              tail: "55"
              checksum: {{kind: {kind}, over: {over}, order: {order}}}
            commands:
              set: {{opcode: "33", payload: "01 02"}}
        """)
        expected = checksum(kind, SPANS[over]).to_bytes(checksum_size(kind), order)
        data = device.encode_command("set", {}, counter=5).data
        assert data == SPANS["frame"] + expected + b"\x55"
        assert device.decode_command("tx", data).counter == 5
        with pytest.raises(ProtocolError):
            device.decode_command("tx", SPANS["frame"] + bytes([expected[0] ^ 1]) + expected[1:] + b"\x55")


class TestLengths:
    @pytest.mark.parametrize(
        ("counts", "type_", "order", "data"),
        [
            ("frame", "u8", "little", "aa 07 33 01 02 03 55"),
            ("payload", "u8", "little", "aa 03 33 01 02 03 55"),
            ("rest", "u8", "little", "aa 05 33 01 02 03 55"),
            ("frame", "u16", "little", "aa 08 00 33 01 02 03 55"),
            ("payload", "u16", "big", "aa 00 03 33 01 02 03 55"),
            ("rest", "u16", "big", "aa 00 05 33 01 02 03 55"),
        ],
    )
    def test_a_length_counts_the_frame_the_payload_or_the_rest(
        self, counts: str, type_: str, order: str, data: str
    ) -> None:
        device = codec(f"""
            frame:
              layout: [head, length, opcode, payload, tail]
              head: "aa"
              length: {{type: {type_}, counts: {counts}, order: {order}}}
              tail: "55"
            commands:
              set: {{opcode: "33", payload: "01 02 03"}}
        """)
        assert device.encode_command("set", {}).data.hex(" ") == data
        assert device.decode_command("tx", bytes.fromhex(data)).name == "set"


FRAMES = [
    Frame.model_validate(
        {
            "layout": ["head", "length", "opcode", "payload", "checksum"],
            "head": "55 aa",
            "length": {"counts": counts, "type": kind},
            "checksum": {"kind": "crc16-modbus"},
            "joined": True,
        }
    )
    for counts in ("frame", "payload", "rest")
    for kind in ("u8", "u16")
] + [
    Frame.model_validate(
        {
            "layout": ["opcode", "length", "payload", "checksum", "tail"],
            "tail": "0d 0a",
            "length": {"counts": "payload"},
            "checksum": {"kind": "crc16-kermit"},
            "joined": True,
        }
    ),
]
BY_TAIL = Frame.model_validate(
    {
        "layout": ["head", "opcode", "payload", "checksum", "tail"],
        "head": "7e",
        "tail": "0d",
        "checksum": {"kind": "crc16-xmodem"},
        "joined": True,
    }
)


def cut(stream: bytes, data: st.DataObject) -> list[bytes]:
    """Cut a stream into notifications, anywhere."""
    places = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    return [stream[begin:end] for begin, end in zip([0, *places], [*places, len(stream)], strict=True)]


class TestJoining:
    @given(frame=st.sampled_from(FRAMES), payloads=st.lists(st.binary(max_size=12), max_size=6), data=st.data())
    def test_however_a_stream_is_cut_every_frame_comes_out_in_order(
        self, frame: Frame, payloads: list[bytes], data: st.DataObject
    ) -> None:
        whole = [wrap(frame, "big", b"\x10", payload, 0) for payload in payloads]
        joiner = FrameJoiner(frame, "big")
        found = [each for piece in cut(b"".join(whole), data) for each in joiner.feed(piece)]
        assert found == whole

    @pytest.mark.system
    @given(
        frame=st.sampled_from(FRAMES),
        parts=st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=12), st.integers(0, 11)), max_size=6),
        data=st.data(),
    )
    @settings(max_examples=examples(150))
    def test_garbage_and_torn_frames_between_hide_no_intact_frame(
        self, frame: Frame, parts: list[tuple[bytes, bytes, int]], data: st.DataObject
    ) -> None:
        stream, whole = b"", []
        for garbage, payload, torn in parts:
            intact = wrap(frame, "big", b"\x10", payload, 0)
            stream += garbage + intact[:torn] * (torn < len(intact)) + intact
            whole.append(intact)
        assume(all(stream.count(each) == whole.count(each) for each in whole))  # no frame by accident
        joiner = FrameJoiner(frame, "big")
        found = [each for piece in cut(stream, data) for each in joiner.feed(piece)]
        for _ in range(1200):  # what was torn may have claimed a length; it is over when as much has come
            found += joiner.feed(b"\x00")
        assert [each for each in found if each in whole] == whole

    @given(pieces=st.lists(st.binary(max_size=40), max_size=30), frame=st.sampled_from([*FRAMES, BY_TAIL]))
    def test_no_bytes_raise_anything_or_fill_the_memory(self, pieces: list[bytes], frame: Frame) -> None:
        joiner = FrameJoiner(frame, "little")
        for piece in pieces:
            joiner.feed(frame.head + piece * 40)
            assert len(joiner._buffer) <= 1024

    @given(payloads=st.lists(st.binary(max_size=12).filter(lambda each: b"\r" not in each), max_size=6), data=st.data())
    def test_without_a_length_a_tail_ends_a_frame(self, payloads: list[bytes], data: st.DataObject) -> None:
        whole = [wrap(BY_TAIL, "big", b"\x10", payload, 0) for payload in payloads]
        assume(all(each.count(b"\r") == 1 for each in whole))
        joiner = FrameJoiner(BY_TAIL, "big")
        found = [each for piece in cut(b"\x00\x01".join(whole), data) for each in joiner.feed(piece)]
        assert found == whole

    def test_many_frames_may_come_at_once(self) -> None:
        whole = [wrap(FRAMES[0], "big", b"\x10", bytes([number] * 200), 0) for number in range(20)]
        assert FrameJoiner(FRAMES[0], "big").feed(b"".join(whole)) == whole

    def test_a_length_beyond_all_frames_is_not_waited_for(self) -> None:
        intact = wrap(FRAMES[1], "big", b"\x10", b"\x01", 0)
        assert FrameJoiner(FRAMES[1], "big").feed(b"\x55\xaa\xff\xff\x10" + intact) == [intact]

    def test_only_a_profile_that_says_so_joins(self) -> None:
        frame = "{layout: [head, length, opcode, payload], head: aa, length: {counts: frame}%s}"
        assert codec(f"frame: {frame % ''}").joiner("rx") is None
        device = codec(f"""
            frame: {frame % ", joined: true"}
            channels:
              rx: {{service: "ffb0", characteristic: "ffb2", notify: true}}
              raw: {{service: "ffb0", characteristic: "ffb3", notify: true, framed: false}}
              plain: {{service: "ffb0", characteristic: "ffb4", notify: true, fields: [{{battery_percent: u8}}]}}
        """)
        assert isinstance(device.joiner("rx"), FrameJoiner)
        assert device.joiner("raw") is None
        assert device.joiner("plain") is None


LOVENSE_LIKE = """
    text: {terminator: ";"}
    commands:
      run:  {text: "Vibrate:{intensity};", fields: {intensity: {full_scale: 20, range: [0, 1]}}}
      stop: {text: "Vibrate:0;"}
      mode: {text: 'Mode:{"m":{phase}};', fields: {phase: {is: {1: stimulation, 2: expression}}}}
    reports:
      battery: {pattern: "s?{battery_percent:int};", line: "{battery_percent};"}
      heat:    {pattern: "T={surface_celsius:float},{unit:word}(?:,{humidity:int})?;"}
      phase:   {pattern: "P{phase:int};", line: "P{phase};", fields: {phase: {is: {1: stimulation, 2: expression}}}}
      state:   {pattern: "(?P<run_state>running|stopped);", line: "{run_state};"}
      level:   {pattern: "L{intensity:int};", line: "L{intensity};", fields: {intensity: {full_scale: 20}}}
"""


class TestText:
    @pytest.mark.parametrize(
        ("name", "values", "line"),
        [
            ("run", {"intensity": 0.5}, "Vibrate:10;"),
            ("run", {"intensity": 0.549}, "Vibrate:10;"),
            ("stop", {}, "Vibrate:0;"),
            ("mode", {"phase": "expression"}, 'Mode:{"m":2};'),
        ],
    )
    def test_a_command_is_a_line_with_its_numbers(self, name: str, values: dict[str, Value], line: str) -> None:
        device = codec(LOVENSE_LIKE, "massager")
        data = device.encode_command(name, values).data
        assert data == line.encode()
        assert device.decode_command("tx", data).name == name

    @pytest.mark.parametrize(
        ("values", "says"),
        [({}, "intensity is missing"), ({"intensity": 1.1}, "from 0 to 1"), ({"intensity": "x"}, "is a number")],
    )
    def test_what_does_not_fit_is_refused(self, values: dict[str, Value], says: str) -> None:
        with pytest.raises(RefusedError, match=says):
            codec(LOVENSE_LIKE, "massager").encode_command("run", values)

    @pytest.mark.parametrize(
        ("line", "name", "values"),
        [
            ("85;", "battery", {"battery_percent": 85}),
            ("s85;", "battery", {"battery_percent": 85}),
            ("T=38.5,C;", "heat", {"surface_celsius": 38.5, "unit": "C"}),
            ("T=38,C,40;", "heat", {"surface_celsius": 38.0, "unit": "C", "humidity": 40}),
            ("T=38,12;", "heat", {"surface_celsius": 38.0, "unit": "12"}),
            ("T=-1,nan;", "heat", {"surface_celsius": -1.0, "unit": "nan"}),
            ("P2;", "phase", {"phase": "expression"}),
            ("running;", "state", {"run_state": "running"}),
            ("L10;", "level", {"intensity": 0.5}),
        ],
    )
    def test_a_report_is_found_by_its_pattern(self, line: str, name: str, values: dict[str, Value]) -> None:
        message = codec(LOVENSE_LIKE, "massager").decode_report("rx", line.encode())
        assert (message.name, message.values) == (name, values)
        assert [type(value) for value in message.values.values()] == [type(value) for value in values.values()]

    @pytest.mark.parametrize("line", ["85", ";", "t=1,C;", "P3;", "T=1,C,x;", "85;86;", "running", "\xff;", "1_000;"])
    def test_no_other_line_is_a_report(self, line: str) -> None:
        with pytest.raises(ProtocolError):
            codec(LOVENSE_LIKE, "massager").decode_report("rx", line.encode("latin-1"))

    @pytest.mark.parametrize("name", ["battery", "phase", "state", "level"])
    def test_a_device_writes_what_is_read(self, name: str) -> None:
        device = codec(LOVENSE_LIKE, "massager")
        values: dict[str, Value] = {
            "battery_percent": 85,
            "phase": "stimulation",
            "run_state": "stopped",
            "intensity": 0.25,
        }
        message = device.decode_report("rx", device.encode_report(name, values).data)
        assert message.name == name
        assert message.values.items() <= values.items()
        with pytest.raises(RefusedError, match="is missing"):
            device.encode_report(name, {})

    def test_what_a_line_carries_counts_as_reported(self) -> None:
        reported = profile(LOVENSE_LIKE, "massager").reported
        assert {"battery_percent", "surface_celsius", "unit", "humidity", "phase", "run_state"} <= reported

    @pytest.mark.parametrize("terminator", [";", "\r\n"])
    @given(words=st.lists(st.text("abc12", max_size=6), max_size=6), data=st.data())
    def test_lines_in_pieces_come_out_whole(self, terminator: str, words: list[str], data: st.DataObject) -> None:
        lines = [f"{word}{terminator}".encode() for word in words]
        joiner = LineJoiner(terminator, "ascii")
        assert [line for piece in cut(b"".join(lines), data) for line in joiner.feed(piece)] == lines

    def test_a_line_without_an_end_does_not_fill_the_memory(self) -> None:
        joiner = LineJoiner(";", "ascii")
        for _ in range(100):
            assert joiner.feed(b"x" * 100) == []
        assert len(joiner._buffer) <= 512
        assert joiner.feed(b";85;")[1:] == [b"85;"]


REPORTS = """
    frame: {layout: [opcode, payload]}
    commands: {stop: {opcode: "0f"}}
    reports:
      old:     {opcode: "a0", length: 1, payload: [{level: u8}]}
      new:     {opcode: "a0", length: [2, 3], payload: [{level: u8}, {battery_percent: u8}, {rest: skip}]}
      unit:    {opcode: "a1", payload: [{display_unit: u8, is: {0: celsius, 1: fahrenheit}}]}
      heat:    {opcode: "a2", payload: [{surface_celsius: u8, unit: display_unit}, {skip: 1}, "ff"]}
      both:    {opcode: "a3", payload: [{unit_now: u8, is: {0: celsius, 1: fahrenheit}}, {celsius: u8, unit: unit_now}]}
      state:   {opcode: "a4", payload: [{run_state: u8, is: {0: stopped}, otherwise: running}]}
      signs:   {opcode: "a5", payload: [{signs: u16, order: big, flags: {0: let_down, 8: leak}}]}
      pair:    {opcode: "a6", payload: [{level: u8}, {inverse_of: level}]}
      model:   {opcode: "a7", payload: [{model: text, size: 6}]}
      hum:     {opcode: "a8", payload: [{level: s8, bias: 3, scale: 0.5, offset: 10, unknown: -128}]}
"""


class TestReports:
    @pytest.mark.parametrize(
        ("data", "name", "values"),
        [
            ("a0 05", "old", {"level": 5}),
            ("a0 05 64", "new", {"level": 5, "battery_percent": 100}),
            ("a0 05 64 77", "new", {"level": 5, "battery_percent": 100}),
            ("a2 68 00 ff", "heat", {"surface_celsius": None}),  # nobody has told the unit yet
            ("a3 00 28", "both", {"unit_now": "celsius", "celsius": 40}),
            ("a3 01 68", "both", {"unit_now": "fahrenheit", "celsius": 40.0}),
            ("a4 00", "state", {"run_state": "stopped"}),
            ("a4 77", "state", {"run_state": "running"}),
            ("a5 01 00", "signs", {"let_down": False, "leak": True}),
            ("a6 05 fa", "pair", {"level": 5}),
            ("a7 57 33 20 20 00 00", "model", {"model": "W3"}),
            ("a7 ff 33 20 20 20 20", "model", {"model": "�3"}),
            ("a8 05", "hum", {"level": 11.0}),
            ("a8 80", "hum", {"level": None}),
        ],
    )
    def test_bytes_mean_values(self, data: str, name: str, values: dict[str, Value]) -> None:
        message = codec(REPORTS).decode_report("rx", bytes.fromhex(data))
        assert (message.name, message.values) == (name, values)

    @pytest.mark.parametrize(
        ("known", "celsius"), [("celsius", 104), ("fahrenheit", 40.0), (None, None), ("kelvin", None)]
    )
    def test_a_unit_received_before_counts(self, known: Value, celsius: Value) -> None:
        message = codec(REPORTS).decode_report("rx", b"\xa2\x68\x00\xff", {"display_unit": known})
        assert message.values == {"surface_celsius": celsius}

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            ("a0", "no report has the opcode a0 and this length"),
            ("a0 01 02 03 04", "no report has the opcode a0 and this length"),
            ("b0 01", "no report has the opcode b0"),
            ("a1 02", "display_unit: code 0x02 is not described"),
            ("a2 68 00 fe", "fe where ff is fixed"),
            ("a6 05 fb", "byte 1 is not the inverse of level"),
            ("", "a frame has at least 1 bytes, not 0"),
        ],
    )
    def test_other_bytes_mean_nothing(self, data: str, says: str) -> None:
        with pytest.raises(ProtocolError, match=says):
            codec(REPORTS).decode_report("rx", bytes.fromhex(data))

    def test_a_report_comes_through_its_own_channel_only(self) -> None:
        device = codec("""
            frame: {layout: [opcode, payload]}
            channels:
              a: {service: "ffb0", characteristic: "ffb1", notify: true}
              b: {service: "ffb0", characteristic: "ffb2", indicate: true}
              battery: {service: "180f", characteristic: "2a19", read: true, fields: [{battery_percent: u8}]}
            reports:
              one: {opcode: "a0", channel: a, payload: [{level: u8}]}
              two: {opcode: "a0", channel: b, payload: [{rate_cpm: u8}]}
        """)
        assert device.decode_report("a", b"\xa0\x05").values == {"level": 5}
        assert device.decode_report("b", b"\xa0\x05").values == {"rate_cpm": 5}
        assert device.decode_report("battery", b"\x05").values == {"battery_percent": 5}

    def test_a_channel_that_is_not_framed_carries_bare_payloads(self) -> None:
        device = codec("""
            frame: {layout: [head, opcode, payload], head: "aa"}
            channels:
              tx: {service: "ffb0", characteristic: "ffb1", write: both}
              raw: {service: "ffb0", characteristic: "ffb2", write: both, notify: true, framed: false}
            commands:
              stop: {channel: tx, opcode: "0f"}
              wake: {channel: raw, payload: "01"}
            reports:
              level: {channel: raw, payload: [{level: u8}]}
        """)
        assert device.encode_command("stop", {}).data == b"\xaa\x0f"
        assert device.encode_command("wake", {}).data == b"\x01"
        assert device.decode_report("raw", b"\x05").values == {"level": 5}


class TestCommands:
    @pytest.mark.parametrize(
        ("payload", "values", "data"),
        [
            ('["0f 03", {level: u8}, "00"]', {"level": 7}, "0f 03 07 00"),
            ("[{level: u8, is: {1: low, 2: high}}]", {"level": "high"}, "02"),
            ("[{level: u8, full_scale: 12, bias: 3, range: [0, 1]}]", {"level": 0.5}, "09"),
            ("[{level: u8}, {inverse_of: level}, {level: u8}, {inverse_of: level}]", {"level": 5}, "05 fa 05 fa"),
            ("[{celsius: u8, unit: fahrenheit, range: [30, 42]}]", {"celsius": 40}, "68"),
            ("[{celsius: u8, unit: shown}]", {"celsius": 40, "shown": "fahrenheit"}, "68"),
            ("[{celsius: u8, unit: shown}]", {"celsius": 40, "shown": "celsius"}, "28"),
            ("[{skip: 2}, {on: bool}]", {"on": True}, "00 00 01"),
            ("[{modes: u8, flags: {0: heat, 7: light}}]", {"light": True}, "80"),
            ("[{name: text, size: 4}]", {"name": "Ann"}, "41 6e 6e 20"),
            ("[{level: s16, unknown: -1, order: big}]", {"level": None}, "ff ff"),
        ],
    )
    def test_values_become_bytes(self, payload: str, values: dict[str, Value], data: str) -> None:
        payload = payload.replace("{name: text", "{label: text")  # `name` is a word of the language
        values = {"label" if name == "name" else name: value for name, value in values.items()}
        device = codec(f"commands: {{set: {{payload: {payload}}}}}")
        assert device.encode_command("set", values).data.hex(" ") == data
        assert device.decode_command("tx", bytes.fromhex(data)).name == "set"

    def test_an_opcode_of_two_bytes_may_stand_anywhere(self) -> None:
        device = codec("""
            frame: {layout: [counter, payload, opcode], opcode_bytes: 2, counter_bytes: 2}
            byte_order: big
            commands: {set: {opcode: "12 34", payload: [{level: u16}]}}
        """)
        assert device.encode_command("set", {"level": 5}, counter=258).data.hex(" ") == "01 02 00 05 12 34"

    def test_a_sequence_is_its_parts_with_their_own_values_and_pauses(self) -> None:
        device = codec("""
            commands:
              power: {payload: ["01", {on: u8, is: {0: false, 1: true}}]}
              level: {payload: ["02", {level: u8}]}
              start:
                sequence:
                  - {command: power, values: {on: true}, then_wait_seconds: 0.5}
                  - level
              stop: {sequence: [{command: power, values: {on: false}}]}
        """)
        packets = device.packets("start", {"level": 3, "on": False})
        assert [(name, wait) for name, _, wait in packets] == [("power", 0.5), ("level", 0.0)]
        assert [device.encode_command(name, values).data for name, values, _ in packets] == [b"\1\1", b"\2\3"]
        assert device.profile.carried_by("start") == {"level"}
        assert device.profile.carried_by("stop") == frozenset()


def test_uuids_that_only_the_owner_knows_are_filled_in() -> None:
    template = profile("""
        channels:
          tx: {service: owner, characteristic: owner, write: both}
          battery: {service: "180f", characteristic: "2a19", read: true, fields: [{battery_percent: u8}]}
        commands: {stop: {payload: "00"}}
    """)
    assert template.template == ("tx",)
    own = template.with_uuids({"tx": ("FFB0", "6E400002-b5a3-f393-e0a9-e50e24dcca9e")})
    assert own.template == ()
    assert own.channels["tx"].service == "0000ffb0-0000-1000-8000-00805f9b34fb"
    assert own.channels["tx"].characteristic == "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
    assert own.channels["battery"] == template.channels["battery"]
    assert Codec(own).encode_command("stop", {}).channel == "tx"
    with pytest.raises(ValueError, match="four hex digits"):
        template.with_uuids({"tx": ("ffb", "ffb1")})
