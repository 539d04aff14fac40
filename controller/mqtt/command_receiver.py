"""Receives commands on the topics of stations and features, has each carried out in a task, and queues the replies."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import logging
from collections.abc import Callable, Mapping

import aiomqtt

from controller.contract.commands import ALWAYS, STARTING, Args, BadCommandError, Command, Outcome, Reply, parse_command
from controller.contract.commands_under_way import CommandsUnderWay, TooManyCommandsError
from controller.contract.events import Snapshot
from controller.contract.handle import Handle
from controller.contract.impersonal import impersonal_action
from controller.contract.replies import reply
from controller.contract.words import Words
from controller.mqtt.outbox import Outbox, ReplyTarget
from controller.mqtt.presence import Presence
from controller.mqtt.topics import Topics
from controller.safety.message import KeyedMessage, message
from devices.support.spans import span

_LOGGER = logging.getLogger(__name__)

Parser = Callable[[bytes], tuple[Command, Args]]

_RETAINED_SECONDS = 0.1  # for the broker to send a retained message, once it has confirmed a subscription


class CommandReceiver:
    """Receives the commands of stations. `handles`: what carries out those of each. `words`: the language of replies.

    `handle(station, command, args, retained)` carries a command out and returns the reply. Each command has a task of
    its own, so a `pain` never waits behind another.
    """

    def __init__(
        self,
        topics: Topics,
        handles: Mapping[str, Handle],
        outbox: Outbox,
        presence: Presence | None,
        words: Words,
    ) -> None:
        self._topics = topics
        self._words = words
        self._handles = dict(handles)
        self._sessions: dict[str, str | None] = {}  # the running session of each station
        self._outbox = outbox
        self._presence = presence
        self._parsers: dict[str, tuple[str, Parser]] = {}
        self.filters: list[str] = []  # to subscribe to
        for station in self._handles:
            self.register(topics.command(station), station, parse_command)
            self.filters += (topics.command(station), *topics.set_filters(station))
        self._under_way = CommandsUnderWay[None]()
        self._client: aiomqtt.Client | None = None
        self._checked_topics: set[str] = set()  # topics that are being checked for a retained command
        self._retained: dict[str, Command] = {}

    def register(self, topic: str, station: str, parser: Parser) -> None:
        """Receive commands to a station on a topic below it; `parser` makes a command of a payload.

        It raises `BadCommandError` for an invalid payload.
        """
        self._parsers[topic] = (station, parser)

    def __contains__(self, topic: str) -> bool:
        return topic in self._parsers or self._unknown_feature(topic) is not None

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Note which session is running at a station."""
        self._sessions[snapshot.station] = snapshot.session_id if snapshot.running else None

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The commands that are being carried out."""
        return self._under_way.tasks

    def on_connected(self, client: aiomqtt.Client, *, retain_flags: bool) -> None:
        """Receive over this connection. `retain_flags`: its messages have the retain flag as they were published."""
        self._client = None if retain_flags else client

    def on_disconnected(self) -> None:
        """Forget the connection. Commands that are under way are carried out."""
        self._client = None

    def cancel(self) -> None:
        """Cancel the commands that are under way; stop and pain are carried out to their end."""
        self._under_way.cancel()

    def on_message(self, received: aiomqtt.Message) -> None:
        """Start carrying out the command in a message, or refuse it."""
        topic, payload = received.topic.value, bytes(received.payload)
        if topic not in self._parsers:
            self._on_unknown_feature(received)
            return
        station, parser = self._parsers[topic]
        if received.retain and topic in self._checked_topics:
            with contextlib.suppress(BadCommandError):
                self._retained[topic] = parser(payload)[0]
            return
        target = self._reply_target(station, received)
        try:
            command, args = parser(payload)
        except BadCommandError as error:
            self._reply(station, error.reply, target)
            return
        except Exception:
            # It must not end the connection, on which a stop may come next.
            _LOGGER.exception("a command for %s cannot be read", station)
            self._refuse(station, None, message("unreadable_command"), target)
            return
        work = self._carry_out(topic, command, args, target, retained=bool(received.retain))
        try:
            self._under_way.start(command.action, work)
        except TooManyCommandsError:
            self._refuse(station, command, message("too_many_commands"), target)

    def _unknown_feature(self, topic: str) -> tuple[str, str] | None:
        """Return the station and the feature of a `set` topic; `None` for any other topic."""
        found = ((station, self._topics.feature_in(station, topic)) for station in self._handles)
        return next(((station, feature) for station, feature in found if feature is not None), None)

    def _on_unknown_feature(self, received: aiomqtt.Message) -> None:
        """Reply that there is no such feature, and which one may be meant. A retained message gets no reply."""
        station, feature = self._unknown_feature(received.topic.value) or ("", "")
        known = {name: topic for topic in self._parsers if (name := self._topics.feature_in(station, topic))}
        if feature.lower() in ALWAYS and feature.lower() in known:  # a stop is a stop, however it is written
            command, args = self._parsers[known[feature.lower()]][1](bytes(received.payload))
            work = self._carry_out(known[feature.lower()], command, args, self._reply_target(station, received))
            self._under_way.start(command.action, work)
        elif not received.retain:
            meant = difflib.get_close_matches(feature.lower(), known, n=1, cutoff=0)
            why = message("unknown_feature", feature=feature[:40], closest=meant[0] if meant else "")
            self._refuse(station, None, why, self._reply_target(station, received))

    def _refuse(
        self,
        station: str,
        command: Command | None,
        why: KeyedMessage,
        target: ReplyTarget | None,
        outcome: Outcome = "refused",
    ) -> None:
        self._reply(station, reply(self._words, command, outcome, why), target)

    def _reply(self, station: str, found: Reply, target: ReplyTarget | None) -> None:
        """Queue a reply, with the running session where it names none."""
        session_id = found.session_id or self._sessions.get(station)
        self._outbox.reply(station, found.model_copy(update={"session_id": session_id}), target)

    def _reply_target(self, station: str, received: aiomqtt.Message) -> ReplyTarget | None:
        """Return the response topic of a command (MQTT 5), if it is below the station's replies.

        Else anyone who may send a command could have this controller publish anywhere at the broker.
        """
        topic = getattr(received.properties, "ResponseTopic", None)
        if not isinstance(topic, str) or not self._topics.is_below_replies(station, topic):
            return None
        return ReplyTarget(topic, getattr(received.properties, "CorrelationData", None))

    async def _carry_out(
        self, topic: str, command: Command, args: Args, target: ReplyTarget | None, *, retained: bool = False
    ) -> None:
        station, _ = self._parsers[topic]
        with span(
            "receive command", begins=True, interface="mqtt", station=station, action=impersonal_action(command.action)
        ):
            await self._carry_out_at(station, topic, command, args, target, retained=retained)

    async def _carry_out_at(
        self, station: str, topic: str, command: Command, args: Args, target: ReplyTarget | None, *, retained: bool
    ) -> None:
        starts = command.action in STARTING
        try:
            if starts and not retained:
                retained = await self._is_retained(topic, command)
            if starts and self._presence is not None and (why := self._presence.refusal(station)) is not None:
                self._refuse(station, command, why, target)
            else:
                self._reply(station, await self._handles[station](station, command, args, retained), target)
        except Exception:
            _LOGGER.exception("%s at %s failed", command.action, station)
            self._refuse(station, command, message("internal_error"), target, "failed")

    async def _is_retained(self, topic: str, command: Command) -> bool:
        """Return whether the broker retains a start, and would send it again at some later time.

        In MQTT 3.1.1, a retained message arrives without the flag at clients that were subscribed before. So subscribe
        once more: then the broker sends retained messages with the flag.
        """
        client = self._client
        if client is None:
            return False
        self._retained.pop(topic, None)
        self._checked_topics.add(topic)
        try:
            await client.subscribe(topic, qos=1)
            await asyncio.sleep(_RETAINED_SECONDS)
        finally:
            self._checked_topics.discard(topic)
            if topic not in self.filters:  # a wider filter covers it, and it would now come twice
                await client.unsubscribe(topic)
        return self._retained.pop(topic, None) == command
