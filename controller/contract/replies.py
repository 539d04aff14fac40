"""Replies to commands, in the words of a language."""

from __future__ import annotations

from collections.abc import Mapping

from controller.contract.commands import Command, Outcome, Reply
from controller.contract.words import Words
from controller.safety.limits import Limit
from controller.safety.message import KeyedMessage


def reply(
    words: Words,
    command: Command | None,
    outcome: Outcome,
    *why: KeyedMessage,
    session_id: str | None = None,
    detail: str | None = None,
    devices: Mapping[str, str] | None = None,
) -> Reply:
    """Return the reply to a command; `None`: to a message that is none."""
    return Reply(
        id=command and command.id,
        action=command and command.action.value,
        outcome=outcome,
        reasons=tuple(words.sentence(each) for each in why),
        keys=tuple(each.key for each in why),
        detail=detail,
        session_id=session_id,
        devices=None if devices is None else dict(devices),
    )


def limit_reply(words: Words, command: Command, limit: Limit | None) -> Reply:
    """Return the reply to a command that sets a value: accepted, or limited and by what."""
    if limit is None or not limit.limited:
        return reply(words, command, "accepted")
    found = reply(words, command, "limited", *(each.message for each in limit.reasons))
    return found.model_copy(update={"reasons": words.limit_reasons(limit)})
