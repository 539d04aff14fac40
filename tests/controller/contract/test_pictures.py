"""The drawings that ship: safe to embed, readable in the dark, still where no motion is wanted, each in its place."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import get_args
from xml.etree import ElementTree as ET

import pytest

from controller.contract.pictures import (
    MESSAGE_PICTURES,
    PROMPT_PICTURES,
    STEP_PICTURES,
    picture_names,
    picture_svg,
)
from controller.contract.words import languages, load_words
from controller.session.routine import Step, Technique
from devices.roles import Side

NAMES = picture_names()
SVG = "{http://www.w3.org/2000/svg}"
AT_MOST_BYTES = 6000
DRAWN = {"svg", "title", "desc", "style", "rect", "g", "path", "circle"}
OF_A_BREAST = {*get_args(Technique), "warm", "flange", "stimulate", "express", "let-down", "take-off"}
SCHEMES = re.compile(r"^:root\{([^}]*)\}\n@media\(prefers-color-scheme:light\)\{:root\{([^}]*)\}\}", re.MULTILINE)


def style(name: str) -> str:
    (element,) = ET.fromstring(picture_svg(name)).iter(f"{SVG}style")
    return element.text or ""


def colours(name: str) -> list[dict[str, str]]:
    """The colours in the dark and in the light."""
    found = SCHEMES.search(style(name))
    assert found is not None
    return [dict(re.findall(r"--([a-z]+):(#[0-9a-f]+)", scheme)) for scheme in found.groups()]


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    digits = colour.removeprefix("#")
    digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_technique_step_prompt_and_message_has_its_drawing_and_no_drawing_is_left_over() -> None:
    words = load_words("en")
    assert set(STEP_PICTURES) == {kind.model_fields["kind"].default for kind in get_args(get_args(Step)[0])}
    assert set(PROMPT_PICTURES) == set(words.prompts)
    assert set(MESSAGE_PICTURES) <= set(words.messages)
    techniques = {technique.picture for technique in words.techniques.values()}
    used = techniques | {*STEP_PICTURES.values(), *PROMPT_PICTURES.values(), *MESSAGE_PICTURES.values()}
    assert used == set(NAMES)


@pytest.mark.parametrize("language", languages())
def test_every_drawing_is_described_in_every_language(language: str) -> None:
    pictures = load_words(language).pictures
    assert tuple(sorted(pictures)) == NAMES
    assert len(set(pictures.values())) == len(NAMES)
    assert all(text.endswith(".") and len(text) <= 160 for text in pictures.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_is_small_and_only_draws(name: str) -> None:
    svg = picture_svg(name)
    assert len(svg) < AT_MOST_BYTES
    root = ET.fromstring(svg)
    assert (root.tag, root.get("viewBox")) == (f"{SVG}svg", "0 0 240 240")
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= DRAWN  # no script, text, image or use
    attributes = {key for each in root.iter() for key in each.attrib}
    assert not {key for key in attributes if key.startswith("on") or key.endswith("href") or key == "style"}
    assert not re.search(rb"url\(|@import|javascript:|data:|https?://(?!www\.w3\.org/2000/svg\")|<!|<\?", svg)


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_has_a_title_and_a_description_under_ids_of_its_own(name: str) -> None:
    root = ET.fromstring(picture_svg(name))
    title, description = root[0], root[1]
    assert root.get("role") == "img"
    assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
    assert title.text
    assert description.text
    assert root.get("aria-labelledby") == f"{name}-t {name}-d" == f"{title.get('id')} {description.get('id')}"


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_moves_only_where_motion_is_wanted_and_slowly(name: str) -> None:
    still, marker, moving = style(name).partition("@media(prefers-reduced-motion:no-preference)")
    assert "animation" not in still
    assert "@keyframes" not in still
    assert bool(marker) == (name != "stopped")
    seconds = [float(each) for each in re.findall(r"(?<=[ :-])((?:\d*\.)?\d+)s (?=ease|linear)", moving)]
    assert bool(seconds) == bool(marker)
    assert all(each >= 0.5 for each in seconds)  # nothing flickers: one change in half a second at most


@pytest.mark.parametrize("name", NAMES)
def test_every_line_stands_out_from_its_ground_in_the_dark_and_in_the_light(name: str) -> None:
    for scheme, page in zip(colours(name), ("#111", "#fff"), strict=True):
        for line in ("line", "soft", "accent"):
            for ground in (page, scheme["paper"], scheme["tint"]):
                assert contrast(scheme[line], ground) >= 4.5, (line, ground)
    used = set(re.findall(r"var\(--([a-z]+)\)", style(name)))
    assert used <= set(colours(name)[0]) == set(colours(name)[1])


def test_all_drawings_share_their_colours_and_lines() -> None:
    styles = [style(name).partition("@media(prefers-reduced-motion")[0].strip() for name in NAMES]
    assert all(one == other for one, other in pairwise(styles))


@pytest.mark.parametrize("name", NAMES)
def test_what_belongs_to_a_breast_is_mirrored_for_the_right_one_and_a_tick_is_not(name: str) -> None:
    left, right = picture_svg(name, Side.LEFT), picture_svg(name, Side.RIGHT)
    assert picture_svg(name, Side.BOTH) == left
    groups = [each for each in ET.fromstring(right).iter(f"{SVG}g") if each.get("class") == "side"]
    assert [each.get("transform") for each in groups] == ["matrix(-1 0 0 1 240 0)"] * (name in OF_A_BREAST)
    assert (left != right) == (name in OF_A_BREAST)


@pytest.mark.parametrize("name", ["nothing", "../guides/en", "", "spiral.svg"])
def test_a_name_is_one_of_the_drawings_and_never_a_path(name: str) -> None:
    with pytest.raises(KeyError, match=r"there are check, done, .*, warm"):
        picture_svg(name)
