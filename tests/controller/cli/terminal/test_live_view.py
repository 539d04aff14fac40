"""The view of the terminal: whatever its size, what a person must read is there, whole."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from controller.cli.terminal.keys import key_line, line_width
from controller.cli.terminal.live_view import draw
from controller.cli.terminal.view_state import Notice, Picture
from controller.contract.events import SessionState, Volume
from controller.contract.words import Words, languages, load_words
from controller.safety.limits import Trip, TripKind
from tests.helpers.pictures import pictures, snapshot_in
from tests.helpers.sampling import sampled

SIZES = [(80, 24), (60, 20)]


def drawn(picture: Picture, width: int, height: int) -> list[str]:
    lines = draw(picture, width, height, None).split("\n")
    assert len(lines) == height
    assert all(cell_len(line) <= width for line in lines)
    return lines


def bare(lines: list[str]) -> str:
    """The text of lines, without frames and the ends of lines."""
    return re.sub(r"[\s│╭╮╰╯─━╸╺\u2801-\u28ff]+", " ", " ".join(lines)).replace("- ", "-")


def contains(lines: list[str], text: str) -> bool:
    return bare([text]).strip() in bare(lines)


@pytest.fixture(params=languages())
def words(request: pytest.FixtureRequest) -> Words:
    return load_words(request.param)


@pytest.mark.system
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_text_of_the_guide_is_whole(words: Words, width: int, height: int) -> None:
    every = list(pictures(words, busy=True))
    assert len(every) > 80
    for name, picture in every if width < 80 else every[::3]:  # what has room in the smaller one, has it here
        assert picture.guide is not None
        lines = drawn(picture, width, height)
        template = picture.guide.template or picture.guide.words
        assert contains(lines, words.name_controls(template, "terminal")), name
        assert contains(lines, picture.guide.title), name
        text = bare(lines)
        assert not any(control in text for control in words.controls["page"].values()), name
        assert "{" not in text, name
        assert all(contains(lines, notice.words) for notice in picture.notices), name
        assert contains(lines[-2:-1], words.terminal["never_hurts"]), name
        assert lines[-1].startswith(f"p {words.terminal['what_pain']}  {words.terminal['key_space']} "), name
        assert f"? {words.terminal['what_help']}" in lines[-1]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_question_has_its_keys_beside_it(words: Words, width: int, height: int) -> None:
    names = words.terminal
    for name, picture in pictures(words, busy=True):
        if name.startswith("question "):
            lines = drawn(picture, width, height)
            assert contains(lines[:-1], f"{names['key_yes']}: {names['what_yes']} n: {names['what_no']}")
            assert f"{names['key_yes']}/n " in lines[-1]


@pytest.mark.parametrize(
    ("width", "height"),
    sampled(
        [(80, 24), (60, 20), (40, 12), (20, 6), (10, 3), (3, 2), (1, 1)],
        keep=lambda each: each in ((60, 20), (10, 3), (1, 1)),
    ),
)
def test_no_size_is_too_small(words: Words, width: int, height: int) -> None:
    for _, picture in list(pictures(words, busy=True))[::9]:
        for shown in (picture, replace(picture, help=True), replace(picture, no_contact="why", snapshot=None)):
            lines = drawn(shown, width, height)
            assert lines[-1].startswith("p"[:width])


@pytest.mark.parametrize(("width", "height"), [(40, 12), (30, 10)])
def test_what_has_no_room_turns_its_pages_until_all_was_shown(words: Words, width: int, height: int) -> None:
    for name, picture in list(pictures(words, busy=False))[::9]:
        assert picture.guide is not None
        pages = [" ".join(drawn(replace(picture, seconds=6.0 * page), width, height)) for page in range(6)]
        template = picture.guide.template or picture.guide.words
        for word in words.name_controls(template, "terminal").split():
            assert any(word in page for page in pages), (name, word)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_help_leaves_the_instruction_and_shows_every_key(words: Words, width: int, height: int) -> None:
    picture = next(picture for name, picture in pictures(words, busy=True) if name == "express.by_hand")
    shown = [drawn(replace(picture, help=True, seconds=6.0 * page), width, height) for page in range(6)]
    text = words.name_controls(picture.guide.words, "terminal") if picture.guide else ""
    assert all(contains(lines, text) for lines in shown)
    together = " ".join(bare(lines) for lines in shown)
    for name in ("help_pain", "help_stop", "help_vacuum", "help_let_down", "help_skip", "help_pause", "help_answer"):
        assert words.terminal[name].split()[-1] in together, name


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_without_contact_nothing_old_is_shown(words: Words, width: int, height: int) -> None:
    picture = Picture(words=words, no_contact=words.terminal["controller_silent"], may_leave=True)
    lines = drawn(picture, width, height)
    assert contains(lines, words.of_terminal("no_contact_why", why=words.terminal["controller_silent"]))
    assert contains(lines, words.terminal["never_hurts_no_keys"])  # a key might reach nobody
    assert words.labels.session[SessionState.RUNNING] not in bare(lines)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_is_wrong_is_always_shown(words: Words, width: int, height: int) -> None:
    trip = Trip(kind=TripKind.VACUUM, device="left-pump", words="the vacuum was too high")
    snapshot = snapshot_in(words).model_copy(
        update={
            "trip": trip,
            "uncertain": ("right-pump",),
            "running_outside": ("warm-pad",),
            "problems": ("disk full",),
        }
    )
    picture = next(picture for name, picture in pictures(words, busy=False) if name == "express.with_device")
    lines = drawn(replace(picture, snapshot=snapshot), width, height)
    assert contains(lines, words.of_terminal("trip", device="left-pump", words=words.reasons["trip_vacuum"]))
    assert contains(lines, words.of_terminal("uncertain", device="right-pump"))
    assert contains(lines, words.of_terminal("runs_outside", device="warm-pad"))
    assert contains(lines, words.of_terminal("problem", words="disk full"))
    assert contains(lines, picture.guide.words.split(";")[0] if picture.guide else "")


def test_where_there_is_room_steps_milk_and_devices_are_shown(words: Words) -> None:
    picture = next(picture for name, picture in pictures(words, busy=False) if name == "warm.with_device")
    for width, height in SIZES:
        text = bare(drawn(picture, width, height))
        assert all(words.steps[kind].title in text for kind in ("warm", "massage", "stimulate", "express"))
        assert words.of_terminal("ml", value="12.3".replace(".", words.terminal["decimal"])) in text
        assert all(name in text for name in ("left-pump", "right-pump", "warm-pad", "massager"))


def test_weighed_milk_is_shown_as_weighed(words: Words) -> None:
    picture = next(picture for name, picture in pictures(words, busy=False) if name == "warm.with_device")
    assert picture.snapshot is not None
    weighed = picture.snapshot.model_copy(update={"weighed_ml": Volume(left=31.4)})
    amount = words.of_terminal("ml", value="31.4".replace(".", words.terminal["decimal"]))
    for width, height in SIZES:
        text = bare(drawn(replace(picture, snapshot=weighed), width, height))
        assert words.terminal["weighed"] in text
        assert amount in text
        assert words.terminal["weighed"] not in bare(drawn(picture, width, height))


def test_german_is_german_throughout() -> None:
    words, english = load_words("de"), load_words("en")
    labels = {label for name, label in english.terminal.items() if "{" not in label and len(label) > 4}
    labels |= set(english.labels.session.values()) | set(english.labels.link.values())
    for name, picture in list(pictures(words, busy=False))[::5]:  # the labels are the same in all
        text = f" {bare(drawn(picture, 100, 40))} "
        assert [label for label in labels if f" {label} " in text] == [], name


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_the_line_of_keys_is_one_line_with_pain_and_stop_first(words: Words, width: int) -> None:
    for name, picture in pictures(words, busy=False):
        keys = key_line(replace(picture, may_start=True, may_leave=True), width)
        assert line_width(keys) <= width or len(keys) == 1, name
        assert keys[0][0] == "p"


def test_at_80_columns_every_key_that_does_something_is_in_the_line(words: Words) -> None:
    picture = next(picture for name, picture in pictures(words, busy=False) if name == "stimulate.with_device")
    keys = [key for key, _ in key_line(picture, 80)]
    assert keys == ["p", words.terminal["key_space"], "+/-", "l", "s", "z", "?"]


def test_a_notice_of_a_refusal_is_whole(words: Words) -> None:
    why = words.of_terminal("refused", words="your settings refuse raising from the network (limits.remote_raise)")
    picture = next(picture for name, picture in pictures(words, busy=False) if name == "express.by_hand")
    for width, height in SIZES:
        assert contains(drawn(replace(picture, notices=(Notice(why, "alarm", 1e9),)), width, height), why)
