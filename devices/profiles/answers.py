"""Which answer belongs to which command: a yes, a no, a silence that means yes, and one that comes too late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from devices.clock import Clock
from devices.errors import RefusedError, UncertainError
from devices.profiles.codec import Message
from devices.profiles.late_answers import Key, LateAnswers
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import Value

_ANSWER_SECONDS = 2.0  # for a report that a command asks for


class Answers:
    """What commands to one device wait for. `name`: the device's, for errors."""

    def __init__(self, profile: Profile, clock: Clock, name: str) -> None:
        self._profile = profile
        self._clock = clock
        self._name = name
        self._waiting: dict[Key, asyncio.Future[Message]] = {}
        self._refusals: dict[Key, asyncio.Future[Message]] = {}  # by the answer that would say no
        self._late = LateAnswers(clock)

    async def exchange(
        self,
        name: str,
        counter: int,
        write: Callable[[], Awaitable[None]],
        *,
        within_seconds: float | None = None,
        answered_by: str | None = None,
        is_stop: bool = False,
    ) -> None:
        """Write a command, and wait for its answer, if there is one. `answered_by`: a report that answers it, too.

        Raise `RefusedError` on a no, and `UncertainError` where no answer comes.
        """
        command, answer = self._profile.commands[name], self._profile.answer
        answered_by = answered_by or command.answered_by
        if answered_by is None and (answer is None or not command.answered):
            await write()
            return
        key: Key = (answered_by or "", None, None)
        turned_down, own_seconds, silence_is_yes = key, _ANSWER_SECONDS, False
        if answer is not None:
            opcode = int.from_bytes(command.opcode or b"", "big") if answer.opcode else None
            turned_down = (answer.report, opcode, counter if answer.counter else None)
            if answered_by is None:
                key, own_seconds, silence_is_yes = turned_down, answer.within_seconds, answer.silence == "accepted"
        if silence_is_yes:
            within_seconds = own_seconds  # nothing comes later, and nothing is to wait for it
        elif key == turned_down and not is_stop:
            await self._late.over(key)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[key] = self._refusals[turned_down] = future
        try:
            await write()
            async with self._clock.timeout(within_seconds or own_seconds):
                message = await future  # the answer of that key, or a no, which may be another report
        except TimeoutError:
            if silence_is_yes:
                return
            raise UncertainError(f"{self._name} did not answer {name}") from None
        finally:
            self._waiting.pop(key, None)
            self._refusals.pop(turned_down, None)
            unanswered = future.cancelled() or not future.done()
            if key == turned_down and not silence_is_yes and (is_stop or unanswered):
                # A stop is written twice, and each is answered.
                self._late.expect(key, within_seconds or own_seconds)
            if future.done() and not future.cancelled():
                future.exception()  # looked at, in case the write failed first
        self._expect_yes(name, message)

    def _expect_yes(self, name: str, message: Message) -> None:
        answer = self._profile.answer
        if answer is not None and message.name == answer.refused_by:
            raise RefusedError(f"{self._name} turned {name.replace('_', ' ')} down")
        if self._says_no(message) and answer is not None:
            words = str(message.values[answer.result or ""]).replace("_", " ")
            raise RefusedError(f"{self._name} answered {name} with {words}")

    def _says_no(self, message: Message) -> bool:
        answer = self._profile.answer
        if answer is None or answer.result is None or message.name != answer.report:
            return False
        return message.values[answer.result] not in answer.accepted

    def hear(self, message: Message) -> bool:
        """Give a message to the command that waits for it. Return whether it only answers, and carries no readings."""
        answer, plain = self._profile.answer, (message.name, None, None)
        if answer is not None and message.name == answer.refused_by:
            if not self._late.take((answer.report, None, None)):
                for key in list(self._waiting):
                    _resolve(self._waiting, key, message)
            return True
        if answer is None or message.name != answer.report:
            _resolve(self._waiting, plain, message)
            return False
        opcode = _whole(message.values[answer.opcode]) if answer.opcode else None
        counter = _whole(message.values[answer.counter]) if answer.counter else None
        key = (message.name, opcode, counter)
        if not self._late.take(key):
            _resolve(self._waiting, key, message)
            if self._says_no(message):
                _resolve(self._refusals, key, message)
            if answer.result is None:
                _resolve(self._waiting, plain, message)
        return answer.result is not None

    def lose_link(self) -> None:
        """Fail every command that still waits for its answer."""
        self._late.forget()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(UncertainError(f"{self._name}: the link was lost before it answered"))


def _resolve(waiting: Mapping[Key, asyncio.Future[Message]], key: Key, message: Message) -> None:
    future = waiting.get(key)
    if future is not None and not future.done():
        future.set_result(message)


def _whole(value: Value) -> int:
    return int(value) if isinstance(value, int | float) else -1
