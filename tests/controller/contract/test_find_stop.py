"""A stop or pain is one in whatever shape it comes, and nothing else is; looking for it costs little."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.contract.commands import Action, BadCommandError, Command, NoArgs, Reply, parse_command
from tests.helpers.sampling import examples, in_batches

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
DEEP = "[" * 100_000 + "]" * 100_000


def action_of(payload: bytes) -> Action | None:
    """Return what a payload stands for, `None` for nothing. Any other error than that of a bad command is raised."""
    try:
        command, _ = parse_command(payload)
    except BadCommandError as error:
        error.reply.model_dump_json()
        return None
    Reply(id=command.id, outcome="accepted").model_dump_json()  # it can be answered
    return command.action


@pytest.mark.parametrize(
    "payload",
    [
        "stop",
        "STOP",
        " Stop\r\n",
        "stop\0",
        "stop!",
        '"stop"',
        "'stop'",
        '{"action": "STOP"}',
        '{"action": " stop "}',
        '{"action":"stop"',
        '{"action": "stop", "args": {',
        '{"id": "1", "action": "stop',
        '{"id": "1", "action": "stop", "x": "abc',
        '{"id": "1" "action": "stop"}',
        '{"Action": "Stop"}',
        '{"action" : "stop",}',
        '{"action": "stop"}{"action": "start"}',
        '{"action": "start"}{"action": "stop"}',
        '{"action": "stop", "action": "start"}',
        '{"action": "start", "action": "stop"}',
        '{"action": "start", "args": {}, "args": {}, "action": "stop"}',
        "{'action': 'stop'}",
        "{action: stop}",
        "{action:stop,id:1}",
        "action=stop",
        "action: stop",
        r'"{\"action\": \"stop\"}"',
        '[{"action": "stop"}]',
        '{"command": {"action": "stop"}}',
        '{"action": "\\u0073top", "x": 1e999}',
        '{"action": "\\u0073top", "x": ' + "9" * 5000 + "}",
        '{"action": "\\u0073top", "x": "' + "y" * 60_000 + '"}',
        '{"action": "stop", "args": ' + DEEP + "}",
        '{"args": ' + DEEP + ', "action": "stop"}',
        '{"action": "stop", "id": "' + "x" * 100_000 + '"}',
        '{"id": "' + "x" * 1_000_000 + '", "action": "stop"}',
        '{"id": "' + "x" * 10_000_000 + '", "action": "stop"}',
        '{"action": "stop", "id": "' + "x" * 10_000_000 + '"}',
    ],
    ids=lambda payload: payload[:40],
)
def test_a_stop_is_found_in_whatever_shape_it_comes(payload: str) -> None:
    for word, action in (("stop", Action.STOP), ("pain", Action.PAIN)):
        same = payload.replace("stop", word).replace("STOP", word.upper()).replace("Stop", word.title())
        same = same.replace("\\u0073top", f"\\u00{ord(word[0]):x}{word[1:]}")
        assert action_of(same.encode()) is action


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_stop_is_found_in_other_encodings(encoding: str) -> None:
    for text in ('{"action": "stop"}', '{"action": "stop"', '{"action": "STOP", "x": "' + "y" * 20_000 + '"}'):
        assert action_of(text.encode(encoding)) is Action.STOP


@pytest.mark.parametrize("broken", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\x01"])
def test_broken_text_elsewhere_does_not_matter(broken: bytes) -> None:
    assert action_of(b'{"id": "' + broken + b'", "action": "stop"}') is Action.STOP
    assert action_of(b'{"action": "pain", "x": "' + broken) is Action.PAIN


def test_a_stop_that_is_too_long_is_answered_with_its_id() -> None:
    command, args = parse_command(json.dumps({"id": "7", "action": "stop", "x": "y" * 60_000}).encode())
    assert command == Command(id="7", action=Action.STOP)
    assert args == NoArgs()


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "sto",
        "stopp",
        "stop, please",
        "painless",
        "don't stop",
        '["stop"]',
        '{"stop": true}',
        '{"action": "stop_later"}',
        '{"action": "painting"}',
        '{"action": "non-stop"}',
        '{"action": "nonstop"}',
        '{"action": ["stop"]}',
        '{"action": {"stop": 1}}',
        '{"last_action": "stop"}',
        '{"interaction": "stop"}',
        '{"reaction": "pain", "action": "explode"}',
        "last_action=stop",
        '{"action": "sto',
    ],
)
def test_what_only_resembles_a_stop_is_none(payload: str) -> None:
    assert action_of(payload.encode()) is None


def test_a_valid_command_is_what_it_says_whatever_its_texts_hold() -> None:
    words = '"action": "stop"'
    start = {"action": "start", "id": words, "args": {"routine": words}}
    assert action_of(json.dumps(start).encode()) is Action.START
    answer = {"action": "answer", "args": {"question": "action: stop", "value": True}}
    assert action_of(json.dumps(answer).encode()) is Action.ANSWER


MEGABYTE = 2**20


@pytest.mark.parametrize(
    "payload",
    [
        b'"action"' * (MEGABYTE // 8),
        b'"action":' * (MEGABYTE // 9),
        b'"action"' + b" " * MEGABYTE,
        b'"action": "' + b" " * MEGABYTE,
        b"action" + b"\\" * MEGABYTE,
        (b"action" + b" " * 50 + b":" + b" " * 50) * (MEGABYTE // 107),
        b" " * MEGABYTE + b"x",
        b"[" * MEGABYTE,
        b"{}," * (MEGABYTE // 3),
        b"[" + b"{}," * 21_000 + b"{}]",
        b"1" * 65_000,
        b"[0." + b"1" * 65_000 + b"]",
        b"x" * (20 * MEGABYTE),
    ],
    ids=lambda payload: payload[:12].decode(),
)
def test_looking_for_a_stop_where_there_is_none_takes_linear_time(payload: bytes) -> None:
    """A search that goes back to where it was would take hours for a megabyte, not milliseconds."""
    began = time.process_time()
    assert action_of(payload) is None
    assert time.process_time() - began < 5


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@example(b'{"action": "stop')
@example(b'"action":' * 100)
def test_no_bytes_make_it_raise_anything_but_bad_command(data: bytes) -> None:
    action_of(data)


@given(
    st.lists(
        st.sampled_from([b"action", b'"', b"'", b":", b"=", b"stop", b"pain", b"{", b"}", b"[", b"\\", b" ", b"\xff"])
    )
)
def test_no_pieces_of_a_stop_make_it_raise_anything_but_bad_command(pieces: list[bytes]) -> None:
    assert action_of(b"".join(pieces)) in (None, Action.STOP, Action.PAIN)


KEYS = st.sampled_from(["id", "args", "session", "sent", "expires", "x"]) | st.text(max_size=5)


@pytest.mark.system
@in_batches(4)
@settings(max_examples=examples(50))
@given(
    action=st.sampled_from(["stop", "pain"]),
    fields=st.dictionaries(KEYS.filter(lambda key: key != "action"), json_values, max_size=6),
    first=st.booleans(),
    ascii_=st.booleans(),
    padding=st.integers(0, 60_000),
)
@example(action="pain", fields={"args": {"action": "stop"}}, first=False, ascii_=True, padding=60_000)
@example(action="pain", fields={"x": '{"action": "stop"}'}, first=False, ascii_=True, padding=20_000)
def test_every_object_whose_action_is_stop_or_pain_is_that(
    batch: int, action: str, fields: dict[str, Any], first: bool, ascii_: bool, padding: int
) -> None:
    data = {"action": action, **fields} if first else {**fields, "action": action}
    padded = {**data, "padding": " " * padding}
    payload = json.dumps(padded, ensure_ascii=ascii_).encode(errors="surrogatepass")
    if len(payload) <= 65_536:
        command, args = parse_command(payload)
        assert command.action == action
        assert args == NoArgs()
