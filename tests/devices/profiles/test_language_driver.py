"""What the profile language can say about talking to a device, feature by feature, held against the real driver."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from devices.errors import LinkLostError, RefusedError, UncertainError
from devices.profiles.duties import clock_values
from devices.profiles.roles import ProfileMassager, ProfilePump, ProfileWarmer, capabilities_of
from devices.roles import Capability, Phase, PumpSetting, RunState, Side
from tests.devices.profiles.peer import Peer, talking
from tests.devices.profiles.snippets import profile

STOP, START = b"\x0f", b"\x33"

PLAIN = """
    commands:
      start: {payload: "33"}
      stop: {payload: "0f"}
"""
ANSWERED = """
    frame: {layout: [opcode, counter, payload]}
    commands:
      start: {opcode: "33", payload: [{level: u8}]}
      quiet: {opcode: "34", answered: false}
      stop: {opcode: "0f"}
    reports:
      result: {opcode: "96", payload: [{request: u8}, {number: u8}, {result: u8, is: {0: done, 1: too_strong}}]}
    answer: {report: result, opcode: request, counter: number, result: result, accepted: done, within_seconds: 3}
"""


def pump(talk: Any) -> ProfilePump:
    assert isinstance(talk.role, ProfilePump)
    return talk.role


def answering(peer: Peer, result: str = "done", *, request: int = 0, number: int = 0) -> None:
    """Let a peer answer each command, or the command and number beside it."""

    def hear(channel: str, data: bytes) -> None:
        peer.say("result", request=data[0] + request, number=data[1] + number, result=result)

    peer.hears = hear


class TestAnswers:
    async def test_the_answer_with_the_commands_opcode_and_counter_is_its_answer(self) -> None:
        async with talking(ANSWERED, prepare=answering) as talk:
            await talk.device.command("start", {"level": 5})
            assert talk.peer.written[0].data[0] == 0x33
            assert talk.clock.now() == 0

    @pytest.mark.parametrize("other", [{"request": 1}, {"number": 1}])
    async def test_another_ones_answer_is_none_and_leaves_it_uncertain_in_time(self, other: dict[str, int]) -> None:
        async with talking(ANSWERED, prepare=lambda peer: answering(peer, **other)) as talk:
            with pytest.raises(UncertainError, match="left pump did not answer start"):
                await talk.device.command("start", {"level": 5})
            assert talk.clock.now() == 3
            assert len(talk.peer.written) == 1  # an uncertain command is never repeated

    async def test_a_refusal_is_told_in_the_devices_words(self) -> None:
        async with talking(ANSWERED, prepare=lambda peer: answering(peer, "too_strong")) as talk:
            with pytest.raises(RefusedError, match="left pump answered start with too strong"):
                await talk.device.command("start", {"level": 5})

    async def test_a_command_that_is_not_answered_does_not_wait(self) -> None:
        async with talking(ANSWERED) as talk:
            await talk.device.command("quiet", {})
            assert talk.clock.now() == 0

    async def test_an_answer_without_a_result_means_yes_by_coming(self) -> None:
        snippet = """
            commands:
              start: {payload: "33"}
              stop: {payload: "0f"}
            reports:
              ok: {payload: "06"}
            answer: {report: ok, within_seconds: 1}
        """
        async with talking(snippet) as talk:
            talk.peer.hears = lambda _channel, _data: talk.peer.later(0.5, lambda: talk.peer.notify("rx", b"\x06"))
            await talk.device.command("start", {})
            assert talk.clock.now() == 0.5
            talk.peer.hears = lambda _channel, _data: None
            with pytest.raises(UncertainError):
                await talk.device.command("start", {})
            assert talk.clock.now() == 1.5

    async def test_a_command_may_be_answered_by_a_report_of_its_own(self) -> None:
        snippet = """
            commands:
              ask: {payload: "05", answered_by: level}
              stop: {payload: "0f"}
            reports:
              level: {payload: ["a0", {level: u8}]}
              other: {payload: ["a1", {rate_cpm: u8}]}
        """
        async with talking(snippet) as talk:
            talk.peer.hears = lambda _channel, _data: talk.peer.say("level", level=7)
            await talk.device.command("ask", {})
            assert talk.device.values == {"level": 7}
            talk.peer.hears = lambda _channel, _data: talk.peer.say("other", rate_cpm=60)
            with pytest.raises(UncertainError, match="did not answer ask"):
                await talk.device.command("ask", {})

    async def test_a_link_that_is_lost_leaves_it_uncertain_at_once(self) -> None:
        async with talking(ANSWERED) as talk:
            talk.peer.hears = lambda _channel, _data: talk.peer.lose_link()
            with pytest.raises(UncertainError, match="the link was lost before it answered"):
                await talk.device.command("start", {"level": 5})
            assert talk.clock.now() == 0


class TestSequences:
    SNIPPET = """
        commands:
          power: {payload: ["01", {on: bool}]}
          level: {payload: ["02", {level: u8, range: [1, 9]}]}
          start: {sequence: [{command: power, values: {on: true}, then_wait_seconds: 0.5}, level]}
          stop: {sequence: [{command: power, values: {on: false}}]}
    """

    async def test_parts_go_out_in_order_with_their_own_values_and_pauses(self) -> None:
        async with talking(self.SNIPPET) as talk:
            await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION, level=3), 60, 10)
            assert [(each.at_seconds, each.data) for each in talk.peer.written] == [(0, b"\1\1"), (0.5, b"\2\3")]

    async def test_a_stop_in_a_pause_leaves_out_what_would_follow(self) -> None:
        async with talking(self.SNIPPET) as talk:
            start = asyncio.create_task(pump(talk).start(PumpSetting(phase=Phase.EXPRESSION, level=3), 60, 10))
            await talk.clock.sleep(0.2)
            await pump(talk).stop()
            with pytest.raises(RefusedError, match="overtaken by a stop"):
                await start
            assert talk.peer.told == [b"\1\1", b"\1\0", b"\1\0"]
            assert talk.clock.now() == 0.2


class TestRenewing:
    REPEATED = """
        commands:
          run: {payload: ["33", {intensity: u8, full_scale: 100}]}
          stop: {payload: "0f"}
          renew: {repeat: run}
    """

    async def test_a_lease_is_renewed_by_the_devices_own_command(self) -> None:
        snippet = """
            commands:
              run: {payload: ["33", {intensity: u8, full_scale: 100}]}
              stop: {payload: "0f"}
              renew: {payload: ["66", {lease_seconds: u8}]}
        """
        async with talking(snippet, "massager") as talk:
            await talk.role.renew(10)
            assert talk.peer.told == [b"\x66\x0a"]
            assert Capability.LEASE in talk.role.capabilities

    async def test_or_by_sending_the_last_start_once_more(self) -> None:
        async with talking(self.REPEATED, "massager") as talk:
            assert isinstance(talk.role, ProfileMassager)
            await talk.role.renew(10)
            assert talk.peer.told == []  # nothing runs
            await talk.role.run(0.5, 60, 10, Side.LEFT)
            await talk.role.run(0.3, 60, 10, Side.LEFT)
            await talk.role.renew(10)
            assert talk.peer.told == [b"\x33\x32", b"\x33\x1e", b"\x33\x1e"]

    async def test_a_repeated_start_is_never_sent_after_a_stop(self) -> None:
        async with talking(self.REPEATED, "massager") as talk:
            assert isinstance(talk.role, ProfileMassager)
            await talk.role.run(0.5, 60, 10, Side.LEFT)
            waiting = asyncio.Event()
            busy = asyncio.create_task(talk.device.link.lane.run(waiting.wait))
            await asyncio.sleep(0)
            renewals = [asyncio.create_task(talk.role.renew(10)) for _ in range(3)]
            await asyncio.sleep(0)
            await talk.role.stop()
            await talk.role.renew(10)
            await asyncio.gather(busy, *renewals, return_exceptions=True)
            assert talk.peer.told == [b"\x33\x32", STOP, STOP]

    async def test_a_repeated_start_is_not_sent_on_a_new_connection(self) -> None:
        async with talking(self.REPEATED, "massager") as talk:
            assert isinstance(talk.role, ProfileMassager)
            await talk.role.run(0.5, 60, 10, Side.LEFT)
            talk.peer.lose_link()
            await talk.until_connected()
            await talk.role.renew(10)
            assert talk.peer.told == [b"\x33\x32", STOP, STOP]


class TestHello:
    SNIPPET = """
        commands:
          hello: {payload: ["01", {who: u8}], answered_by: welcome}
          stop: {payload: "0f"}
        reports:
          welcome: {payload: "81"}
        session:
          hello: {command: hello, values: {who: 7}, within_seconds: 1}
    """

    @staticmethod
    def welcoming(seconds: float) -> Any:
        def prepare(peer: Peer) -> None:
            peer.hears = lambda _channel, _data: peer.later(seconds, lambda: peer.notify("rx", b"\x81"))

        return prepare

    async def test_in_time_it_is_connected(self) -> None:
        async with talking(self.SNIPPET, prepare=self.welcoming(0.9)) as talk:
            assert talk.peer.written[0].data == b"\x01\x07"
            assert talk.clock.now() == pytest.approx(0.9, abs=0.01)

    async def test_too_late_the_connection_is_given_up_and_tried_again(self) -> None:
        async with talking(self.SNIPPET, prepare=self.welcoming(1.1), connected=False) as talk:
            await talk.clock.sleep(1.05)
            assert not talk.device.link.connected
            assert talk.device.link.trouble == "left pump did not answer its greeting hello in 1 s"
            await talk.clock.sleep(2)
            assert talk.peer.connections == 2

    async def test_nothing_else_is_said_before_it(self) -> None:
        snippet = self.SNIPPET.replace("session:", "session:\n          clock: tell").replace(
            "stop: {", 'tell: {payload: ["02", {hour: u8}]}\n          stop: {'
        )
        async with talking(snippet, prepare=self.welcoming(0.5)) as talk:
            assert [data[0] for data in talk.peer.told] == [1, 2]

    async def test_the_hello_itself_may_name_the_report_that_must_come(self) -> None:
        snippet = self.SNIPPET.replace(", answered_by: welcome}", "}").replace(
            "within_seconds: 1", "answered_by: welcome, within_seconds: 1"
        )
        async with talking(snippet, connected=False) as talk:
            await talk.clock.sleep(0.5)
            assert not talk.device.link.connected

    async def test_a_slow_device_has_the_time_that_its_hello_gives_it(self) -> None:
        snippet = self.SNIPPET.replace("within_seconds: 1", "within_seconds: 10")
        async with talking(snippet, prepare=self.welcoming(5), connected=False) as talk:
            await talk.clock.sleep(6)
            assert talk.device.link.connected
            assert talk.peer.connections == 1


class TestClock:
    def test_every_way_to_say_the_time(self) -> None:
        now = datetime(2025, 3, 2, 13, 5, 9, tzinfo=timezone(timedelta(hours=5, minutes=30)))
        assert clock_values(now) == {
            "year": 2025,
            "year_of_century": 25,
            "month": 3,
            "day": 2,
            "hour": 13,
            "minute": 5,
            "second": 9,
            "weekday": 7,
            "epoch_seconds": 1740900909,
            "zone_minutes": 330,
        }

    def test_west_of_greenwich_the_zone_is_below_zero(self) -> None:
        now = datetime(2025, 3, 3, 1, 0, 0, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
        assert clock_values(now)["zone_minutes"] == -210
        assert clock_values(now)["weekday"] == 1

    async def test_it_is_told_after_each_connection(self) -> None:
        snippet = """
            commands:
              tell: {payload: ["02", {epoch_seconds: u32, order: big}, {zone_minutes: s16}]}
              stop: {payload: "0f"}
            session: {clock: tell}
        """
        before = int(datetime.now().astimezone().timestamp())
        async with talking(snippet) as talk:
            talk.peer.lose_link()
            await talk.until_connected()
            assert len(talk.peer.told) == 2
            told = int.from_bytes(talk.peer.told[0][1:5], "big")
            assert before <= told <= before + 60


class TestAgainAndAgain:
    async def test_a_keepalive_has_its_period_and_ends_with_the_link(self) -> None:
        snippet = """
            commands:
              ping: {payload: "12"}
              stop: {payload: "0f"}
            session: {keepalive: {command: ping, every_seconds: 5}}
        """
        async with talking(snippet) as talk:
            await talk.clock.sleep(16)
            assert talk.peer.times(b"\x12") == [5, 10, 15]
            talk.peer.reachable = False
            talk.peer.lose_link()
            await talk.clock.sleep(20)
            assert talk.peer.times(b"\x12") == [5, 10, 15]
            talk.peer.reachable = True
            await talk.clock.sleep(8)
            assert len(talk.peer.times(b"\x12")) == 4

    async def test_a_state_may_be_asked_for_by_a_command_and_by_reading(self) -> None:
        snippet = """
            channels:
              tx: {service: "ffb0", characteristic: "ffb1", write: both, notify: true}
              heat: {service: "ffb0", characteristic: "ffb2", read: true, gives: [{surface_celsius: u8}]}
            commands:
              ask: {payload: "05", answered_by: state}
              stop: {payload: "0f"}
            reports:
              state: {channel: tx, payload: [{run_state: u8, is: {0: stopped, 1: running}}]}
            session:
              poll: [{command: ask, every_seconds: 3}, {channel: heat, every_seconds: 2}]
        """

        def prepare(peer: Peer) -> None:
            peer.holds["heat"] = b"\x26"
            peer.hears = lambda _channel, _data: peer.say("state", run_state="running")

        async with talking(snippet, prepare=prepare) as talk:
            await talk.clock.sleep(6.5)
            assert talk.peer.times(b"\x05") == [3, 6]
            assert talk.peer.reads == [(0, "heat"), (2, "heat"), (4, "heat"), (6, "heat")]  # once at the beginning
            assert talk.device.values == {"surface_celsius": 38, "run_state": "running"}

    async def test_a_device_that_asks_is_answered_with_its_own_values(self) -> None:
        snippet = """
            commands:
              yes: {payload: ["69", {ticket: u8}]}
              stop: {payload: "0f"}
            reports:
              question: {payload: ["c3", {ticket: u8}], acknowledge: yes}
              level: {payload: ["c4", {level: u8}]}
        """.replace("yes", "confirm")
        async with talking(snippet) as talk:
            talk.peer.say("question", ticket=9)
            talk.peer.say("level", level=1)
            await talk.clock.sleep(0.1)
            assert talk.peer.told == [b"\x69\x09"]


HANDLES = """
    channels:
      tx: {handle: 0x000d, write: without-response}
      status: {handle: 0x000f, read: true, notify: true, gives: [{run_state: u8, is: {0: stopped, 1: running}}]}
    commands:
      start: {payload: "33"}
      stop: {payload: "0f"}
"""


class TestPlaces:
    async def test_characteristics_may_be_known_by_their_handles(self) -> None:
        async with talking(HANDLES, prepare=lambda peer: peer.holds.update(status=b"\0")) as talk:
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
            assert talk.device.link.trouble == says
            assert talk.peer.written == []

    async def test_a_characteristic_that_is_missing_is_named(self) -> None:
        async with talking(HANDLES, prepare=lambda peer: peer.missing.add("status"), connected=False) as talk:
            await talk.clock.sleep(0.1)
            assert talk.device.link.trouble == "left pump is no Made up: it has no characteristic for status"

    async def test_a_characteristic_may_be_missing_if_it_is_optional(self) -> None:
        optional = HANDLES.replace("read: true, notify", "optional: true, read: true, notify")
        async with talking(optional, prepare=lambda peer: peer.missing.add("status")) as talk:
            assert talk.device.link.connected


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
            assert talk.peer.told == [b"\1\2", b"\3\4", b"\5"]
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
            assert talk.peer.told == [b"\1\2", STOP, STOP]
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

    async def test_a_text_protocol_is_heard_line_by_line(self) -> None:
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
            assert isinstance(talk.role, ProfileMassager)
            await talk.role.run(0.5, 60, 10, Side.LEFT)

            def hear(_channel: str, _data: bytes) -> None:
                talk.peer.notify("rx", b"OK;s8")
                talk.peer.notify("rx", b"5;")

            talk.peer.hears = hear
            await talk.device.command("ask", {})
            assert talk.role.reading.battery_percent == 85
            assert talk.peer.told == [b"Vibrate:10;", b"Battery;"]


LEVELS = """
    commands:
      start: {payload: ["33", {level: u8, range: [1, 9]}]}
      adjust: {payload: ["34", {level: u8, range: [1, 9]}]}
      stop: {payload: "0f"}
    levels:
      vacuum_mmhg: {1: 60, 2: 90, 3: 90, 5: 150}
      source: measured for this test
"""


class TestLevels:
    @pytest.mark.parametrize(("vacuum_mmhg", "level"), [(60, 1), (89.9, 1), (90, 3), (149.9, 3), (150, 5), (400, 5)])
    async def test_the_highest_level_that_is_not_more_than_was_asked(self, vacuum_mmhg: float, level: int) -> None:
        async with talking(LEVELS) as talk:
            setting = PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=vacuum_mmhg)
            await pump(talk).start(setting, 60, 10)
            await pump(talk).adjust(setting)
            assert talk.peer.told == [bytes([0x33, level]), bytes([0x34, level])]

    async def test_where_even_the_lowest_is_more_nothing_is_sent(self) -> None:
        async with talking(LEVELS) as talk:
            with pytest.raises(RefusedError, match=r"even its lowest level does 60, more than the 59\.9"):
                await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=59.9), 60, 10)
            assert talk.peer.told == []

    @pytest.mark.parametrize(("celsius", "level"), [(36, 1), (39.9, 1), (40, 5), (42, 5)])
    async def test_and_the_same_for_warmth(self, celsius: float, level: int) -> None:
        snippet = """
            commands:
              set_target: {payload: ["33", {level: u8}]}
              "off": {payload: "0f"}
            levels: {celsius: {1: 36, 5: 40}, source: measured for this test}
        """
        async with talking(snippet, "warmer") as talk:
            assert isinstance(talk.role, ProfileWarmer)
            await talk.role.set_target(celsius, 60, 10)
            assert talk.peer.told == [bytes([0x33, level])]

    def test_levels_that_were_measured_can_be_asked_for_in_mmhg(self) -> None:
        measured = capabilities_of(profile(LEVELS), "pump")
        assert {Capability.LEVELS, Capability.VACUUM_MMHG} <= measured
        unmeasured = capabilities_of(profile(LEVELS[: LEVELS.index("    levels:")]), "pump")
        assert Capability.LEVELS in unmeasured
        assert Capability.VACUUM_MMHG not in unmeasured


class TestLimits:
    async def test_the_lower_of_what_the_profile_and_the_device_say(self) -> None:
        snippet = (
            PLAIN
            + """
    limits: {vacuum_mmhg: 250, rate_cpm: 120, run_seconds: 1800}
    reports:
      features: {payload: [{limit_vacuum_mmhg: u8}, {limit_rate_cpm: u8}, {limit_celsius: u8}]}
"""
        )
        async with talking(snippet) as talk:
            assert talk.role.limits.vacuum_mmhg == 250
            talk.peer.say("features", limit_vacuum_mmhg=200, limit_rate_cpm=200, limit_celsius=40)
            limits = talk.role.limits
            assert (limits.vacuum_mmhg, limits.rate_cpm, limits.run_seconds, limits.celsius) == (200, 120, 1800, 40)
            talk.peer.lose_link()
            assert talk.role.limits.vacuum_mmhg == 200  # what a device is, it stays


CAPABILITIES = [
    ("", set()),
    ("own_timer_seconds: 900", {Capability.OWN_TIMER}),
    ("on_link_loss: stops", {Capability.STOPS_ON_LINK_LOSS}),
    ("on_link_loss: continues", set()),
    ("on_link_loss: unknown", set()),
    ("capabilities: [reports_flow]", {Capability.REPORTS_FLOW}),
    ("reports: {a: {payload: [{run_state: u8, is: {0: stopped}}]}}", {Capability.REPORTS_STATE}),
    ("reports: {a: {payload: [{s: u8, flags: {0: let_down}}]}}", {Capability.REPORTS_LET_DOWN}),
    ("reports: {a: {payload: [{flow_ml_per_s: u8}]}}", {Capability.REPORTS_FLOW}),
    ("reports: {a: {payload: [{volume_ml: u8}]}}", {Capability.REPORTS_VOLUME}),
    ("reports: {a: {payload: [{vacuum_mmhg: u8}]}}", {Capability.REPORTS_VACUUM}),
    ("reports: {a: {payload: [{battery_percent: u8}]}}", {Capability.REPORTS_BATTERY}),
]
CARRIED = [
    ("{phase: u8}", {Capability.PHASE}),
    ("{vacuum_mmhg: u8}", {Capability.VACUUM_MMHG}),
    ("{level: u8}", {Capability.LEVELS}),
    ("{rate_cpm: u8}", {Capability.RATE_CPM}),
    ("{duration_seconds: u16}", {Capability.OWN_TIMER}),
    ("{lease_seconds: u8}", set()),  # a lease that cannot be renewed is only a timer
    ("{rest: skip}", set()),
]
MORE_COMMANDS = [
    ("renew: {payload: '66'}", {Capability.LEASE}),
    ("renew: {repeat: start}", {Capability.LEASE}),
    ("pause: {payload: '55'}", set()),
    ("pause: {payload: '55'}\n      resume: {payload: '5a'}", {Capability.PAUSE}),
]


class TestCapabilities:
    @pytest.mark.parametrize(("more", "can"), CAPABILITIES)
    def test_from_reports_and_plain_words(self, more: str, can: set[Capability]) -> None:
        assert capabilities_of(profile(PLAIN + "    " + more), "pump") == {Capability.START, *can}

    @pytest.mark.parametrize(("field", "can"), CARRIED)
    def test_from_what_a_start_carries(self, field: str, can: set[Capability]) -> None:
        snippet = PLAIN.replace('"33"', f'["33", {field}]')
        assert capabilities_of(profile(snippet), "pump") == {Capability.START, *can}

    @pytest.mark.parametrize(("commands", "can"), MORE_COMMANDS)
    def test_from_commands(self, commands: str, can: set[Capability]) -> None:
        assert capabilities_of(profile(PLAIN + "      " + commands), "pump") == {Capability.START, *can}

    def test_what_cannot_be_started_from_here_is_only_read(self) -> None:
        snippet = "    reports: {a: {payload: [{battery_percent: u8}]}}"
        assert capabilities_of(profile(snippet), "pump") == {Capability.REPORTS_BATTERY}

    def test_a_start_that_is_a_sequence_carries_what_its_parts_do(self) -> None:
        assert Capability.LEVELS in capabilities_of(profile(TestSequences.SNIPPET), "pump")


class TestUnverified:
    async def test_it_is_not_controlled_but_read_and_stopped(self) -> None:
        snippet = PLAIN + "    reports: {a: {payload: [{run_state: u8, is: {0: stopped, 1: running}}]}}"
        async with talking(snippet, may_control=False) as talk:
            assert Capability.START not in talk.role.capabilities
            with pytest.raises(RefusedError, match="the profile of left pump is unverified"):
                await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION), 60, 10)
            assert talk.peer.told == []
            talk.peer.say("a", run_state="running")
            assert talk.role.reading.run_state is RunState.RUNNING
            talk.peer.hears = lambda _channel, _data: talk.peer.say("a", run_state="stopped")
            await pump(talk).stop()
            assert talk.peer.told == [STOP, STOP]


class TestLostLink:
    async def test_what_ran_is_stopped_before_anything_else_on_a_new_connection(self) -> None:
        snippet = PLAIN + "    on_link_loss: continues"
        async with talking(snippet) as talk:
            await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION), 60, 10)
            talk.peer.lose_link()
            with pytest.raises(UncertainError):
                await pump(talk).stop()
            await talk.until_connected()
            assert talk.peer.told == [START, STOP, STOP]

    async def test_what_never_ran_is_left_alone(self) -> None:
        async with talking(PLAIN) as talk:
            talk.peer.lose_link()
            with pytest.raises(LinkLostError):
                await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION), 60, 10)
            await talk.until_connected()
            assert talk.peer.told == []
