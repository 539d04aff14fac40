"""What a profile can say about characteristics: where they are, how they are written, and what is heard there."""

from __future__ import annotations

import asyncio

import pytest

from devices.driver.device_roles import DeviceMassager
from devices.roles import Phase, PumpSetting, RunState, Side
from tests.helpers.peer import Peer, talking
from tests.helpers.plain_profiles import PLAIN, START, STOP, pump

HANDLES = """
    channels:
      tx: {handle: 0x000d, write: without-response}
      status: {handle: 0x000f, read: true, notify: true, fields: [{run_state: u8, is: {0: stopped, 1: running}}]}
    commands:
      start: {payload: "33"}
      stop: {payload: "0f"}
"""


class TestPlaces:
    async def test_characteristics_may_be_known_by_their_handles(self) -> None:
        async with talking(HANDLES, prepare=lambda peer: peer.readable.update(status=b"\0")) as talk:
            await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION), 60, 10)
            talk.peer.notify("status", b"\1")
            assert talk.role.reading.run_state is RunState.RUNNING
            assert [(each.channel, each.data) for each in talk.peer.written] == [("tx", START)]

    @pytest.mark.parametrize(
        ("properties", "says"),
        [
            ({"tx": {"read"}}, "left pump is no Made up: tx cannot write-without-response"),
            ({"status": {"read"}}, "left pump is no Made up: status cannot notify"),
            ({"status": {"write"}}, "left pump is no Made up: status cannot notify, read"),
        ],
    )
    async def test_a_handle_that_cannot_do_what_it_should_is_another_model(
        self, properties: dict[str, set[str]], says: str
    ) -> None:
        def prepare(peer: Peer) -> None:
            peer.properties.update({name: frozenset(found) for name, found in properties.items()})

        async with talking(HANDLES, prepare=prepare, connected=False) as talk:
            await talk.clock.sleep(0.1)
            assert talk.device.link.problem == says
            assert talk.peer.written == []

    async def test_a_characteristic_that_is_missing_is_named(self) -> None:
        async with talking(HANDLES, prepare=lambda peer: peer.missing.add("status"), connected=False) as talk:
            await talk.clock.sleep(0.1)
            assert talk.device.link.problem == "left pump is no Made up: it has no characteristic for status"

    async def test_a_characteristic_may_be_missing_if_it_is_optional(self) -> None:
        optional = HANDLES.replace("read: true, notify", "optional: true, read: true, notify")
        async with talking(optional, prepare=lambda peer: peer.missing.add("status")) as talk:
            assert talk.device.link.connected


class TestModels:
    SAYS_WHAT_IT_IS = """
        channels:
          tx: {service: "ffb0", characteristic: "ffb1", write: both}
          model: {service: "180a", characteristic: "2a24", read: true, must_be: ["01", "02 .. 03"]}
        commands:
          start: {payload: "33"}
          stop: {payload: "0f"}
    """

    @pytest.mark.parametrize("model", [b"\1", b"\1\7", b"\2\7\3"])
    async def test_one_with_the_expected_value_is_connected(self, model: bytes) -> None:
        async with talking(self.SAYS_WHAT_IT_IS, prepare=lambda peer: peer.readable.update(model=model)) as talk:
            assert talk.device.link.connected

    @pytest.mark.parametrize(("model", "said"), [(b"\3", "03"), (b"\2\7", "02 07"), (b"", "empty")])
    async def test_one_that_says_anything_else_is_not_and_nothing_is_sent_to_it(self, model: bytes, said: str) -> None:
        def prepare(peer: Peer) -> None:
            peer.readable["model"] = model

        async with talking(self.SAYS_WHAT_IT_IS, prepare=prepare, connected=False) as talk:
            await talk.clock.sleep(0.1)
            assert talk.device.link.problem == f"left pump is no Made up: its model is {said}"
            assert talk.peer.received == []

    async def test_one_whose_value_cannot_be_read_is_not_connected_either(self) -> None:
        async with talking(self.SAYS_WHAT_IT_IS, connected=False) as talk:
            await talk.clock.sleep(0.1)
            assert not talk.device.link.connected
            assert talk.peer.received == []

    async def test_what_may_run_is_stopped_before_anything_is_asked(self) -> None:
        def prepare(peer: Peer) -> None:
            peer.readable["model"] = b"\1"

        async with talking(self.SAYS_WHAT_IT_IS, prepare=prepare) as talk:
            await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION), 60, 10)
            del talk.peer.readable["model"]
            talk.peer.lose_link()
            await talk.clock.sleep(2)
            assert talk.peer.received[:3] == [START, STOP, STOP]


class TestWriting:
    @pytest.mark.parametrize(
        ("write", "start", "stops"),
        [
            ("with-response", True, [True, True]),
            ("without-response", False, [False, False]),
            ("both", True, [False, True]),  # the first one waits for nothing, the second one is acknowledged
        ],
    )
    async def test_with_or_without_response(self, write: str, start: bool, stops: list[bool]) -> None:
        snippet = f"""
            channels:
              tx: {{service: "ffb0", characteristic: "ffb1", write: {write}}}
            commands:
              start: {{payload: "33"}}
              stop: {{payload: "0f"}}
        """
        async with talking(snippet) as talk:
            await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION), 60, 10)
            await pump(talk).stop()
            assert [(each.data, each.response) for each in talk.peer.written] == [
                (START, start),
                *((STOP, response) for response in stops),
            ]

    async def test_a_gap_is_kept_between_writes_but_a_stop_does_not_wait_for_it(self) -> None:
        async with talking(PLAIN + "    link: {gap_seconds: 0.4}") as talk:
            await talk.device.command("start", {})
            await talk.device.command("start", {})
            third = asyncio.create_task(talk.device.command("start", {}))
            await talk.clock.sleep(0.1)
            await pump(talk).stop()
            assert talk.peer.times(START) == [0, 0.4, 0.8]
            assert talk.peer.times(STOP) == [0.9, 0.9]
            await asyncio.gather(third, return_exceptions=True)

    async def test_long_commands_go_out_in_chunks(self) -> None:
        snippet = """
            commands:
              start: {payload: "01 02 03 04 05"}
              stop: {payload: "0f"}
            link: {chunk_bytes: 2, gap_seconds: 0.1}
        """
        async with talking(snippet) as talk:
            await talk.device.command("start", {})
            assert talk.peer.received == [b"\1\2", b"\3\4", b"\5"]
            assert [round(each.at_seconds, 3) for each in talk.peer.written] == [0, 0.1, 0.2]

    async def test_a_stop_in_the_middle_of_chunks_leaves_the_rest_out(self) -> None:
        snippet = """
            commands:
              start: {payload: "01 02 03 04 05"}
              stop: {payload: "0f"}
            link: {chunk_bytes: 2, gap_seconds: 0.1}
        """
        async with talking(snippet) as talk:
            start = asyncio.create_task(talk.device.command("start", {}))
            await talk.clock.sleep(0.05)
            await pump(talk).stop()
            assert talk.peer.received == [b"\1\2", STOP, STOP]
            await asyncio.gather(start, return_exceptions=True)


class TestHearing:
    JOINED = """
        frame:
          layout: [head, length, opcode, payload, checksum]
          head: "55 aa"
          length: {counts: frame}
          checksum: {kind: sum8}
          joined: true
        commands: {stop: {opcode: "0f"}}
        reports:
          battery: {opcode: "0a", payload: [{battery_percent: u8, range: [0, 100]}]}
          level: {opcode: "0b", payload: [{level: u8}]}
    """

    async def test_frames_come_split_and_several_at_once(self) -> None:
        async with talking(self.JOINED) as talk:
            battery, level = b"\x55\xaa\x06\x0a\x55\x64", b"\x55\xaa\x06\x0b\x03\x13"
            for piece in (battery[:1], battery[1:4], battery[4:] + level[:2], level[2:]):
                talk.peer.notify("rx", piece)
            assert talk.device.values == {"battery_percent": 85, "level": 3}
            talk.peer.notify("rx", b"\x00" + level[:3] + battery[:4] + b"\x32\x41" + level)
            assert talk.device.values == {"battery_percent": 50, "level": 3}
            assert talk.device.dropped_packets == 0

    async def test_half_a_frame_of_an_old_connection_does_not_spoil_the_new_one(self) -> None:
        async with talking(self.JOINED) as talk:
            talk.peer.notify("rx", b"\x55\xaa\x06\x0a")
            talk.peer.lose_link()
            await talk.until_connected()
            talk.peer.notify("rx", b"\x55\xaa\x06\x0b\x03\x13")
            assert talk.device.values == {"level": 3}

    async def test_what_is_not_described_is_counted_and_dropped(self) -> None:
        async with talking(self.JOINED) as talk:
            talk.peer.notify("rx", b"\x55\xaa\x06\x0a\xff\x0e")  # 255 %
            talk.peer.notify("rx", b"\x55\xaa\x06\x99\x01\x9f")
            assert talk.device.values == {}
            assert talk.device.dropped_packets == 2

    async def test_a_text_protocol_is_read_line_by_line(self) -> None:
        snippet = """
            text: {terminator: ";"}
            commands:
              run: {text: "Vibrate:{intensity};", fields: {intensity: {full_scale: 20, range: [0, 1]}}}
              stop: {text: "Vibrate:0;"}
              ask: {text: "Battery;", answered_by: battery}
            reports:
              battery: {pattern: "s?{battery_percent:int};"}
        """
        async with talking(snippet, "massager") as talk:
            assert isinstance(talk.role, DeviceMassager)
            await talk.role.run(0.5, 60, 10, Side.LEFT)

            def hear(_channel: str, _data: bytes) -> None:
                talk.peer.notify("rx", b"OK;s8")
                talk.peer.notify("rx", b"5;")

            talk.peer.on_write = hear
            await talk.device.command("ask", {})
            assert talk.role.reading.battery_percent == 85
            assert talk.peer.received == [b"Vibrate:10;", b"Battery;"]
