"""Commands as bytes: what is one, and what is not and where."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.contract.commands import (
    ARGS,
    Action,
    AnswerArgs,
    BadCommandError,
    Command,
    LogVolumeArgs,
    NoArgs,
    Reply,
    SetVacuumArgs,
    StartArgs,
    parse_command,
)
from controller.contract.session_record import SessionEdit
from tests.helpers.sampling import examples, in_batches

ENOUGH: dict[Action, dict[str, Any]] = {
    Action.SET_VACUUM: {"mmhg": 100},
    Action.ANSWER: {"question": "fever", "value": True},
    Action.EDIT_SESSION: {"session_id": "latest"},
    Action.RESOLVE_UPLOAD: {"session_id": "all", "how": "retry"},
    Action.COMFORT: {"what": "off"},
    Action.STASH: {"kind": "used", "container": "blue"},
}
SURROGATE = b'{"id": "\\ud800", "action": "stop"}'


def payload(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def refused(data: bytes) -> BadCommandError:
    with pytest.raises(BadCommandError) as caught:
        parse_command(data)
    assert caught.value.reply.outcome == "refused"
    assert caught.value.reply.reasons == (str(caught.value),)
    return caught.value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


# What is a command


@pytest.mark.parametrize("action", Action)
def test_each_action_is_read_with_its_arguments(action: Action) -> None:
    command, args = parse_command(payload(id="7", action=action.value, args=ENOUGH.get(action, {})))
    assert command.id == "7"
    assert command.action is action
    assert type(args) is ARGS.get(action, NoArgs)


def test_a_start_without_arguments_is_classic_on_both_sides_with_questions() -> None:
    assert parse_command(payload(action="start"))[1] == StartArgs(routine=None, side=None, no_symptoms=False)


def test_arguments_are_read() -> None:
    args = {"routine": "gentle", "side": "left", "no_symptoms": True}
    assert parse_command(payload(action="start", args=args))[1] == StartArgs.model_validate(args)
    assert parse_command(payload(action="set_vacuum", args={"mmhg": 120.5}))[1] == SetVacuumArgs(mmhg=120.5)
    answer = AnswerArgs(question="lump", value=True)
    assert parse_command(payload(action="answer", args={"question": "lump", "value": True}))[1] == answer
    assert parse_command(payload(action="log_volume", args={"left_ml": 50}))[1] == LogVolumeArgs(left_ml=50)
    edit = parse_command(payload(action="edit_session", args={"session_id": "s1", "revision": 2, "left_ml": None}))[1]
    assert edit == SessionEdit(session_id="s1", revision=2, left_ml=None)
    assert edit.model_fields_set == {"session_id", "revision", "left_ml"}, "left out is not the same as null"


def test_session_and_times_are_read() -> None:
    times = {"sent": "2030-01-01T09:59:50+02:00", "expires": "2030-01-01T10:00:00+02:00"}
    command, _ = parse_command(payload(action="skip", session="s1", **times))
    assert command.session == "s1"
    assert command.sent == datetime(2030, 1, 1, 7, 59, 50, tzinfo=UTC)
    assert command.expires == datetime(2030, 1, 1, 8, tzinfo=UTC)


# What is none


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"start",
        b"{",
        b"\xff\xfe\xfd",
        b'{"action": "start\xff"}',
        b"\x00",
        b'{"action": "skip",}',
        b"1" * 5000,
        b"[" * 16_000,
        b'{"a":' * 3_000,
        b'{"action": "skip", "action": "start"}',
        b'{"action": "answer", "args": {"question": "lump", "value": true, "value": false}}',
    ],
)
def test_what_is_no_json_is_answered_with_an_example(data: bytes) -> None:
    assert '"action": "stop"' in str(refused(data))


@pytest.mark.parametrize("data", [b"null", b"1", b'"start"', b"[]", b'["stop"]', b"NaN", b"true"])
def test_what_is_no_object_is_answered_with_an_example(data: bytes) -> None:
    assert "a command is a JSON object" in str(refused(data))


def test_what_is_too_long_is_refused_before_it_is_read() -> None:
    error = refused(payload(action="skip", id="x" * 16_384))
    assert "at most 16384 bytes" in str(error)
    parse_command(payload(action="skip").ljust(16_384))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({}, "action"),
        ({"action": None}, "action"),
        ({"action": 3}, "action"),
        ({"action": "explode"}, "action"),
        ({"action": "Start"}, "action"),
        ({"action": ["stop"]}, "action"),
        ({"action": "skip", "id": 5}, "id"),
        ({"action": "skip", "id": "x" * 129}, "id"),
        ({"action": "skip", "args": []}, "args"),
        ({"action": "skip", "args": {"now": True}}, "now"),
        ({"action": "skip", "how": "fast"}, "how"),
        ({"action": "skip", "session": 5}, "session"),
        ({"action": "skip", "expires": "soon"}, "expires"),
        ({"action": "skip", "expires": "2030-01-01T00:00:00"}, "expires"),
        ({"action": "skip", "sent": "just now"}, "sent"),
        ({"action": "skip", "sent": "2030-01-01T00:00:00"}, "sent"),
        ({"action": "start", "args": {"side": "top"}}, "side"),
        ({"action": "start", "args": {"no_symptoms": "perhaps"}}, "no_symptoms"),
        ({"action": "set_vacuum"}, "mmhg"),
        ({"action": "set_vacuum", "args": {"mmhg": -1}}, "mmhg"),
        ({"action": "set_vacuum", "args": {"mmhg": 401}}, "mmhg"),
        ({"action": "set_vacuum", "args": {"mmhg": "much"}}, "mmhg"),
        ({"action": "set_vacuum", "args": {"mmhg": None}}, "mmhg"),
        ({"action": "answer", "args": {"question": "lump"}}, "value"),
        ({"action": "answer", "args": {"value": True}}, "question"),
        ({"action": "log_volume", "args": {"left_ml": -1}}, "left_ml"),
        ({"action": "log_volume", "args": {"right_ml": 1001}}, "right_ml"),
        ({"action": "edit_session", "args": {}}, "session_id"),
        ({"action": "edit_session", "args": {"session_id": "s1", "left_ml": -1}}, "left_ml"),
        ({"action": "edit_session", "args": {"session_id": "s1", "right_ml": 1001}}, "right_ml"),
        ({"action": "edit_session", "args": {"session_id": "s1", "revision": -1}}, "revision"),
        ({"action": "edit_session", "args": {"session_id": "s1", "note": "x" * 2001}}, "note"),
        ({"action": "edit_session", "args": {"session_id": "s1", "both_ml": 1}}, "both_ml"),
    ],
)
def test_a_wrong_command_is_refused_with_the_place(fields: dict[str, Any], where: str) -> None:
    error = refused(payload(**fields))
    assert where in str(error).split(":", maxsplit=1)[0]


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 400])
def test_a_vacuum_must_be_a_number_that_a_pump_could_have(number: bytes) -> None:
    assert "mmhg" in str(refused(b'{"action": "set_vacuum", "args": {"mmhg": ' + number + b"}}"))


def test_a_refusal_carries_the_id_and_the_action_as_far_as_they_could_be_read() -> None:
    reply = refused(payload(id="9", action="explode")).reply
    assert (reply.id, reply.action) == ("9", "explode")
    reply = refused(payload(id={"x": 1}, action=["stop"])).reply
    assert (reply.id, reply.action) == (None, None)


def test_a_refusal_never_grows_with_what_was_sent() -> None:
    reply = refused(payload(id="x" * 5000, action="y" * 5000)).reply
    assert len(reply.id or "") == len(reply.action or "") == 128


@pytest.mark.parametrize("id_", ["x" * 129, "x" * 10_000_000, 7, [], {}, "\ud800\udfff"], ids=lambda id_: repr(id_)[:9])
@pytest.mark.parametrize("action", ["start", "acknowledge", "skip"])
def test_an_odd_id_is_refused_or_read_and_can_always_be_answered(action: str, id_: Any) -> None:
    try:
        command, _ = parse_command(payload(id=id_, action=action))
        reply = Reply(id=command.id, action=command.action, outcome="accepted")
    except BadCommandError as error:
        reply = error.reply
    assert (reply.outcome == "accepted") == (id_ == "\ud800\udfff")  # a whole pair is a character like any other
    assert len(reply.model_dump_json()) < 600


@pytest.mark.parametrize("depth", [50, 300, 1_000, 2_500])
def test_nested_bombs_are_refused_and_nothing_worse(depth: int) -> None:
    refused(b'{"action": "start", "args": {"routine": ' + b"[" * depth + b"]" * depth + b"}}")
    refused(b'{"action": "skip", "x": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}")


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise_anything_but_bad_command(data: bytes) -> None:
    try:
        command, _ = parse_command(data)
    except BadCommandError:
        return
    assert isinstance(command, Command)


@pytest.mark.system
@in_batches(4)
@given(
    fields=st.dictionaries(st.sampled_from(["id", "args", "session", "sent", "expires", "x"]), json_values),
    action=json_values,
)
@settings(max_examples=examples(15))
def test_no_json_makes_it_raise_anything_but_bad_command(batch: int, fields: dict[str, Any], action: Any) -> None:
    for each in (action, "start", "set_vacuum", "answer", "log_volume", "skip"):
        answer = Reply(outcome="accepted")
        try:
            parse_command(payload(**fields | {"action": each}))
        except BadCommandError as error:
            answer = error.reply
        assert answer.model_dump_json()


# Stop and pain


@pytest.mark.parametrize("action", [Action.STOP, Action.PAIN])
@given(fields=st.dictionaries(st.sampled_from(["id", "args", "session", "expires", "x"]), json_values))
@example(fields={"id": 5, "args": [], "session": {}, "expires": "yesterday", "more": None})
@example(fields={"expires": "2001-01-01T00:00:00Z"})
@example(fields={"id": "x" * 1000})
def test_nothing_else_in_a_payload_keeps_a_stop_from_being_one(action: Action, fields: dict[str, Any]) -> None:
    command, args = parse_command(payload(**fields | {"action": action.value}))
    assert command.action is action
    assert args == NoArgs()


def test_a_broken_id_does_not_keep_a_stop_from_being_one() -> None:
    command, _ = parse_command(SURROGATE)
    assert command.action is Action.STOP
    assert Reply(id=command.id, outcome="accepted").model_dump_json()  # and it can be answered


def test_a_broken_id_makes_a_bad_command_and_nothing_worse() -> None:
    assert refused(SURROGATE.replace(b"stop", b"explode")).reply.model_dump_json()
