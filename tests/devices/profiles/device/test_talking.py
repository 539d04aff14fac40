"""What a profile can say about a conversation: answers, sequences, renewals, greetings, clocks and repetition."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from devices.driver.device_roles import DeviceMassager
from devices.errors import RefusedError, UncertainError
from devices.profiles.connection_tasks import clock_values
from devices.roles import Capability, Phase, PumpSetting, Side
from tests.helpers.peer import Peer, talking
from tests.helpers.plain_profiles import ANSWERED, SEQUENCE, STOP, answering, pump


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

    async def test_a_refusal_names_the_result_of_the_device(self) -> None:
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
            talk.peer.on_write = lambda _channel, _data: talk.peer.later(0.5, lambda: talk.peer.notify("rx", b"\x06"))
            await talk.device.command("start", {})
            assert talk.clock.now() == 0.5
            talk.peer.on_write = lambda _channel, _data: None
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
            talk.peer.on_write = lambda _channel, _data: talk.peer.report("level", level=7)
            await talk.device.command("ask", {})
            assert talk.device.values == {"level": 7}
            talk.peer.on_write = lambda _channel, _data: talk.peer.report("other", rate_cpm=60)
            with pytest.raises(UncertainError, match="did not answer ask"):
                await talk.device.command("ask", {})

    async def test_a_link_that_is_lost_leaves_it_uncertain_at_once(self) -> None:
        async with talking(ANSWERED) as talk:
            talk.peer.on_write = lambda _channel, _data: talk.peer.lose_link()
            with pytest.raises(UncertainError, match="the link was lost before it answered"):
                await talk.device.command("start", {"level": 5})
            assert talk.clock.now() == 0


class TestSequences:
    async def test_parts_go_out_in_order_with_their_own_values_and_pauses(self) -> None:
        async with talking(SEQUENCE) as talk:
            await pump(talk).start(PumpSetting(phase=Phase.EXPRESSION, level=3), 60, 10)
            assert [(each.at_seconds, each.data) for each in talk.peer.written] == [(0, b"\1\1"), (0.5, b"\2\3")]

    async def test_a_stop_in_a_pause_leaves_out_what_would_follow(self) -> None:
        async with talking(SEQUENCE) as talk:
            start = asyncio.create_task(pump(talk).start(PumpSetting(phase=Phase.EXPRESSION, level=3), 60, 10))
            await talk.clock.sleep(0.2)
            await pump(talk).stop()
            with pytest.raises(RefusedError, match="superseded by a stop"):
                await start
            assert talk.peer.received == [b"\1\1", b"\1\0", b"\1\0"]
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
            assert talk.peer.received == [b"\x66\x0a"]
            assert Capability.LEASE in talk.role.capabilities

    async def test_or_by_sending_the_last_start_once_more(self) -> None:
        async with talking(self.REPEATED, "massager") as talk:
            assert isinstance(talk.role, DeviceMassager)
            await talk.role.renew(10)
            assert talk.peer.received == []  # nothing runs
            await talk.role.run(0.5, 60, 10, Side.LEFT)
            await talk.role.run(0.3, 60, 10, Side.LEFT)
            await talk.role.renew(10)
            assert talk.peer.received == [b"\x33\x32", b"\x33\x1e", b"\x33\x1e"]

    async def test_a_repeated_start_is_never_sent_after_a_stop(self) -> None:
        async with talking(self.REPEATED, "massager") as talk:
            assert isinstance(talk.role, DeviceMassager)
            await talk.role.run(0.5, 60, 10, Side.LEFT)
            waiting = asyncio.Event()
            busy = asyncio.create_task(talk.device.link.lane.run(waiting.wait))
            await asyncio.sleep(0)
            renewals = [asyncio.create_task(talk.role.renew(10)) for _ in range(3)]
            await asyncio.sleep(0)
            await talk.role.stop()
            await talk.role.renew(10)
            await asyncio.gather(busy, *renewals, return_exceptions=True)
            assert talk.peer.received == [b"\x33\x32", STOP, STOP]

    async def test_a_repeated_start_is_not_sent_on_a_new_connection(self) -> None:
        async with talking(self.REPEATED, "massager") as talk:
            assert isinstance(talk.role, DeviceMassager)
            await talk.role.run(0.5, 60, 10, Side.LEFT)
            talk.peer.lose_link()
            await talk.until_connected()
            await talk.role.renew(10)
            assert talk.peer.received == [b"\x33\x32", STOP, STOP]


class TestHello:
    SNIPPET = """
        commands:
          hello: {payload: ["01", {who: u8}], answered_by: welcome}
          stop: {payload: "0f"}
        reports:
          welcome: {payload: "81"}
        connection:
          handshake: {command: hello, values: {who: 7}, within_seconds: 1}
    """

    @staticmethod
    def welcoming(seconds: float) -> Any:
        def prepare(peer: Peer) -> None:
            peer.on_write = lambda _channel, _data: peer.later(seconds, lambda: peer.notify("rx", b"\x81"))

        return prepare

    async def test_in_time_it_is_connected(self) -> None:
        async with talking(self.SNIPPET, prepare=self.welcoming(0.9)) as talk:
            assert talk.peer.written[0].data == b"\x01\x07"
            assert talk.clock.now() == pytest.approx(0.9, abs=0.01)

    async def test_too_late_the_connection_is_given_up_and_tried_again(self) -> None:
        async with talking(self.SNIPPET, prepare=self.welcoming(1.1), connected=False) as talk:
            await talk.clock.sleep(1.05)
            assert not talk.device.link.connected
            assert talk.device.link.problem == "left pump did not answer the handshake hello in 1 s"
            await talk.clock.sleep(2)
            assert talk.peer.connections == 2

    async def test_nothing_else_is_sent_before_it(self) -> None:
        snippet = self.SNIPPET.replace("connection:", "connection:\n          clock: tell").replace(
            "stop: {", 'tell: {payload: ["02", {hour: u8}]}\n          stop: {'
        )
        async with talking(snippet, prepare=self.welcoming(0.5)) as talk:
            assert [data[0] for data in talk.peer.received] == [1, 2]

    async def test_a_handshake_step_may_name_the_report_that_must_come(self) -> None:
        snippet = self.SNIPPET.replace(", answered_by: welcome}", "}").replace(
            "within_seconds: 1", "answered_by: welcome, within_seconds: 1"
        )
        async with talking(snippet, connected=False) as talk:
            await talk.clock.sleep(0.5)
            assert not talk.device.link.connected

    async def test_a_slow_device_has_the_time_of_its_handshake_step(self) -> None:
        snippet = self.SNIPPET.replace("within_seconds: 1", "within_seconds: 10")
        async with talking(snippet, prepare=self.welcoming(5), connected=False) as talk:
            await talk.clock.sleep(6)
            assert talk.device.link.connected
            assert talk.peer.connections == 1


class TestClock:
    def test_every_way_to_send_the_time(self) -> None:
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

    async def test_it_is_sent_after_each_connection(self) -> None:
        snippet = """
            commands:
              tell: {payload: ["02", {epoch_seconds: u32, order: big}, {zone_minutes: s16}]}
              stop: {payload: "0f"}
            connection: {clock: tell}
        """
        before = int(datetime.now().astimezone().timestamp())
        async with talking(snippet) as talk:
            talk.peer.lose_link()
            await talk.until_connected()
            assert len(talk.peer.received) == 2
            told = int.from_bytes(talk.peer.received[0][1:5], "big")
            assert before <= told <= before + 60


class TestAgainAndAgain:
    async def test_a_keepalive_has_its_period_and_ends_with_the_link(self) -> None:
        snippet = """
            commands:
              ping: {payload: "12"}
              stop: {payload: "0f"}
            connection: {keepalive: {command: ping, every_seconds: 5}}
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
              heat: {service: "ffb0", characteristic: "ffb2", read: true, fields: [{surface_celsius: u8}]}
            commands:
              ask: {payload: "05", answered_by: state}
              stop: {payload: "0f"}
            reports:
              state: {channel: tx, payload: [{run_state: u8, is: {0: stopped, 1: running}}]}
            connection:
              poll: [{command: ask, every_seconds: 3}, {channel: heat, every_seconds: 2}]
        """

        def prepare(peer: Peer) -> None:
            peer.readable["heat"] = b"\x26"
            peer.on_write = lambda _channel, _data: peer.report("state", run_state="running")

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
            talk.peer.report("question", ticket=9)
            talk.peer.report("level", level=1)
            await talk.clock.sleep(0.1)
            assert talk.peer.received == [b"\x69\x09"]
