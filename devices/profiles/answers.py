"""Matches answers to commands: accepted, refused, no answer where that means accepted, and answers that are late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from devices.driver.vocabulary import Value
from devices.errors import RefusedError, UncertainError
from devices.profiles.codec import DecodedMessage
from devices.profiles.profile_parts import AnswerSpec
from devices.profiles.report_opcode import CommandOpcode
from devices.profiles.schema import Profile
from devices.support.clock import Clock

_ANSWER_SECONDS = 2.0  # for a report that a command asks for

AnswerKey = tuple[str, int | None, int | None]
"""What an answer is known by: its report, the opcode that it names, and the counter that it names."""


class LateAnswers:
    """Keeps an answer to an earlier command from being taken for that of a later one.

    A device answers in order. So the first answer that comes after a command was given up belongs to that one. Until it
    has come, or its time is over, no command is sent whose answer would look the same. A stop does not wait for that:
    it is written twice, and so has an answer to spare.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_seconds: dict[AnswerKey, float] = {}
        self._came = asyncio.Event()

    def expect(self, key: AnswerKey, seconds: float) -> None:
        """Expect a late answer. One that carries a counter cannot be mistaken, and is not tracked."""
        if key[2] is None:
            self._until_seconds[key] = self._clock.now() + seconds

    def take(self, key: AnswerKey) -> bool:
        """Return whether an answer is a late one. Each is taken once. What it does not name, it may be about."""
        found = next((each for each in self._until_seconds if _may_be(each, key)), None)
        until_seconds = self._until_seconds.pop(found) if found is not None else None
        self._came.set()
        return until_seconds is not None and self._clock.now() < until_seconds

    async def wait_until_over(self, key: AnswerKey) -> None:
        """Wait until no such answer can come any more."""
        while (left_seconds := self._until_seconds.get(key, 0.0) - self._clock.now()) > 0:
            self._came.clear()
            try:
                async with self._clock.timeout(left_seconds):
                    await self._came.wait()
            except TimeoutError:
                break
        self._until_seconds.pop(key, None)

    def forget(self) -> None:
        """Expect nothing any more: the link is gone."""
        self._until_seconds.clear()
        self._came.set()


@dataclass(eq=False)
class _Waiting:
    """A command that was written: the reports that are still to come, its opcode and its counter."""

    missing: set[str]
    opcode: int
    counter: int
    done: asyncio.Future[DecodedMessage]

    def is_named(self, key: AnswerKey) -> bool:
        """Return whether an answer may be about this command, by the opcode and the counter that it names."""
        return key[1] in (None, self.opcode) and key[2] in (None, self.counter)


class CommandAnswers:
    """The commands that wait for an answer of one device. `name`: the device's, for errors."""

    def __init__(self, profile: Profile, clock: Clock, name: str) -> None:
        self._profile = profile
        self._clock = clock
        self._name = name
        self._waiting: list[_Waiting] = []
        self._late = LateAnswers(clock)

    async def exchange(
        self,
        name: str,
        counter: int,
        write: Callable[[], Awaitable[None]],
        within_seconds: float | None = None,
        answered_by: tuple[str, ...] = (),
        *,
        is_stop: bool = False,
    ) -> None:
        """Write a command, and wait for its answer, if there is one. `answered_by`: reports that answer it, too.

        Raise `RefusedError` where the device refuses, and `UncertainError` where no answer comes.
        """
        command, answer = self._profile.commands[name], self._profile.answer
        answered_by = answered_by or command.answered_by
        if not answered_by and (answer is None or not command.answered):
            await write()
            return
        opcode = int.from_bytes(command.opcode or b"", "big")
        own_seconds, silence_accepts, late_key = _ANSWER_SECONDS, False, None
        if answer is not None and not answered_by:
            answered_by, own_seconds = (answer.report,), answer.within_seconds
            silence_accepts = answer.silence == "accepted"
            late_key = self._key(answer, opcode, counter)
        if silence_accepts:
            within_seconds = own_seconds  # nothing comes later, and nothing is to wait for it
            late_key = None
        if late_key is not None and not is_stop:
            await self._late.wait_until_over(late_key)
        done: asyncio.Future[DecodedMessage] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(set(answered_by), opcode, counter, done)
        self._waiting.append(waiting)
        try:
            await write()
            async with self._clock.timeout(within_seconds or own_seconds):
                message = await done  # the last of its answers, or a refusal, which may be another report
        except TimeoutError:
            if silence_accepts:
                return
            without = f": no {' and no '.join(sorted(waiting.missing))} came" if len(answered_by) > 1 else ""
            raise UncertainError(f"{self._name} did not answer {name}{without}") from None
        finally:
            self._waiting.remove(waiting)
            unanswered = done.cancelled() or not done.done()
            if late_key is not None and (is_stop or unanswered):
                # A stop is written twice, and each is answered.
                self._late.expect(late_key, within_seconds or own_seconds)
            if done.done() and not done.cancelled():
                done.exception()  # looked at, in case the write failed first
        self._check_accepted(name, message)

    def _key(self, answer: AnswerSpec, opcode: int, counter: int) -> AnswerKey:
        """Return what the answer to a command is known by."""
        by_frame = isinstance(self._profile.reports[answer.report].opcode, CommandOpcode)
        return answer.report, opcode if answer.opcode or by_frame else None, counter if answer.counter else None

    def _check_accepted(self, name: str, message: DecodedMessage) -> None:
        answer = self._profile.answer
        if answer is None:
            return
        if message.name in answer.refused_by:
            raise RefusedError(f"{self._name} refused {name.replace('_', ' ')}{_in_words(message)}")
        if message.name == answer.report and answer.refuses(message.values):
            raise RefusedError(f"{self._name} answered {name} with {_result(message.values[answer.result or ''])}")

    def on_message(self, message: DecodedMessage) -> bool:
        """Give a message to the command that waits for it. Return whether it is an answer alone, without readings."""
        answer = self._profile.answer
        if answer is None or message.name not in (answer.report, *answer.refused_by):
            self._came((message.name, None, None), message)
            return False
        key = _named_by(answer, message)
        refuses = message.name in answer.refused_by or answer.refuses(message.values)
        if not self._late.take(key):
            if refuses:
                self._refuse(key, message)
            else:
                self._came(key, message)
        return message.name in answer.refused_by or answer.result is not None

    def _came(self, key: AnswerKey, message: DecodedMessage) -> None:
        """Count a report for every command that waits for it; the last that one waits for ends it."""
        for waiting in self._waiting:
            if key[0] in waiting.missing and waiting.is_named(key):
                waiting.missing.discard(key[0])
                if not waiting.missing:
                    _resolve(waiting, message)

    def _refuse(self, key: AnswerKey, message: DecodedMessage) -> None:
        for waiting in self._waiting:
            if waiting.is_named(key):
                _resolve(waiting, message)

    def lose_link(self) -> None:
        """Fail every command that still waits for its answer."""
        self._late.forget()
        for waiting in self._waiting:
            if not waiting.done.done():
                waiting.done.set_exception(UncertainError(f"{self._name}: the link was lost before it answered"))


def _resolve(waiting: _Waiting, message: DecodedMessage) -> None:
    if not waiting.done.done():
        waiting.done.set_result(message)


def _named_by(answer: AnswerSpec, message: DecodedMessage) -> AnswerKey:
    """Return the command that an answer or a refusal is about, as far as it names it."""
    opcode, counter = (_number(message, name) for name in (answer.opcode, answer.counter))
    if message.answers is not None:
        opcode = int.from_bytes(message.answers, "big")
    return answer.report, opcode, counter


def _may_be(one: AnswerKey, other: AnswerKey) -> bool:
    """Return whether two answers may be about the same command."""
    return all(mine is None or its is None or mine == its for mine, its in zip(one, other, strict=True))


def _result(result: Value) -> str:
    if result is None:
        return "a result that is not known"
    return "a refusal" if isinstance(result, bool) else str(result).replace("_", " ")


def _in_words(message: DecodedMessage) -> str:
    """Return why a device refuses, as far as its report has a code for it."""
    words = [str(value).replace("_", " ") for value in message.values.values() if isinstance(value, str)]
    return f" with {', '.join(words)}" if words else ""


def _number(message: DecodedMessage, name: str | None) -> int | None:
    """Return a number that a message carries, -1 where it is unknown there; `None` where it carries none."""
    if name is None or name not in message.values:
        return None
    value = message.values[name]
    return int(value) if isinstance(value, int | float) else -1
