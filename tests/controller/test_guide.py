from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import get_args

import pytest
from pydantic import BaseModel

from controller.cautions import Caution
from controller.guide import StepWords, Words, languages, load_words
from controller.routine import Step, Technique, load_routines
from controller.safety import TripKind
from devices.roles import Side
from devices.yaml_file import FileError, parse_yaml

LANGUAGES = languages()
STEP_KINDS = {kind.model_fields["kind"].default for kind in get_args(get_args(Step)[0])}
QUESTIONS = {"lump", "redness", "fever", "broken_skin", "numb", "surgery"}
MESSAGES: dict[str, set[str]] = {
    "skip_massage_today": set(),
    "no_heat_today": set(),
    "low_vacuum_today": set(),
    "contact_clinician": set(),
    "stopped": set(),
    "pain": set(),
    "tripped": {"device", "words"},
    "device_ended": {"device"},
    "uncertain": {"device"},
    "settled": {"device"},
    "restarted": {"device"},
    "cut_off": set(),
    "completed": set(),
    "nobody_answered": set(),
    "let_down": set(),
    "paused": set(),
    "volume": {"left", "right"},
    "limited": {"what"},
    "symptom": set(),
    "shut_down": set(),
    "failed": set(),
    "ended": set(),
    "flange_title": set(),
    "flange_countdown": set(),
    "flange_waiting": set(),
    "no_seal": set(),
    "runs_outside": {"device"},
    "switched_on_again": {"device"},
    "enforced_lower": {"device"},
    "enforced_stop": {"device"},
    "not_reached": {"words"},
    "by_hand_pump": {"device"},
    "by_hand_warmer": {"device"},
    "by_hand_massager": {"device"},
    "store_trouble": {"words"},
}

# What Letdown never says of itself: that it makes anyone well, keeps illness away, names it, or brings more milk.
CLAIMS = {
    "en": (
        *(r"\bheal(?!th)", r"\bcur(?:e|es|ed|ing)\b", r"\btreat", r"\btherap", r"\bremed", r"\breliev", r"\brelief"),
        *(r"\bprevent", r"\bavoids?\b", r"\bprotects?\b", r"\bhelps? (?:against|with)\b", r"\bunblock", r"\bunclog"),
        *(r"\bdiagnos", r"\bmastitis\b", r"\bclinically\b", r"\bmedical", r"\bguarante"),
        *(r"\bmore milk\b", r"\bsupply\b", r"\bboost", r"\bincreas"),
    ),
    "de": (
        *(r"heil(?!ig)", r"\bkurier", r"behand(?:el|l)", r"therap", r"linder", r"hilft (?:gegen|bei)"),
        *(r"vorbeug", r"vorzubeugen", r"\bbeugt\b.*\bvor\b", r"verhinder", r"verhüt", r"schützt", r"löst .*\bstau"),
        *(r"diagnos", r"mastitis", r"milchstau", r"klinisch", r"medizin", r"garant"),
        *(r"mehr milch", r"milchmenge", r"steiger", r"fördert", r"erhöh"),
    ),
}


def claims(language: str, text: str) -> list[str]:
    text = " ".join(text.split())
    return [stem for stem in CLAIMS[language] if re.search(stem, text, flags=re.IGNORECASE)]


def texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text below a value, with its dotted key."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        for key, each in value.items():
            yield from texts(each, f"{path}.{key}".removeprefix("."))
    elif isinstance(value, str):
        yield path, value


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.fixture(params=LANGUAGES)
def words(request: pytest.FixtureRequest) -> Words:
    return load_words(request.param)


def test_there_are_words_in_english_and_german() -> None:
    assert LANGUAGES == ("de", "en")
    assert load_words("en").language == "English"
    assert load_words("de").language == "Deutsch"


def test_a_language_nobody_wrote_is_refused_with_those_there_are() -> None:
    with pytest.raises(FileError, match="there are words in de, en, not in tlh"):
        load_words("tlh")


def test_a_language_is_a_name_and_never_a_path() -> None:
    with pytest.raises(FileError):
        load_words("../guides/en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys(language: str) -> None:
    assert [key for key, _ in texts(load_words(language))] == [key for key, _ in texts(load_words("en"))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_the_same_placeholders_in_every_language(language: str) -> None:
    english = dict(texts(load_words("en")))
    for key, text in texts(load_words(language)):
        assert placeholders(text) == placeholders(english[key]), key


def test_nothing_was_left_in_english() -> None:
    same = [
        key for (key, en), (_, de) in zip(texts(load_words("en")), texts(load_words("de")), strict=True) if en == de
    ]
    assert [key for key in same if not key.endswith(".picture")] == ["steps.massage.title"]


def test_every_side_technique_and_kind_of_step_has_words(words: Words) -> None:
    assert set(words.sides) == set(Side)
    assert set(words.techniques) == set(get_args(Technique))
    assert set(words.steps) == STEP_KINDS


def test_every_question_is_asked_and_answered(words: Words) -> None:
    assert set(words.questions) == QUESTIONS
    for question in words.questions.values():
        assert question.ask.endswith("?")
        assert "?" not in question.if_yes


def test_every_message_has_its_values(words: Words) -> None:
    assert {name: placeholders(template) for name, template in words.messages.items()} == MESSAGES | {
        f"caution_{caution.value}": {"device"} for caution in Caution
    } | {f"trip_{kind.value}": set() for kind in TripKind}


def test_a_message_is_filled_in(words: Words) -> None:
    for name, names in MESSAGES.items():
        filled = words.message(name, **{each: f"<{each}>" for each in names})
        assert all(f"<{each}>" in filled for each in names)
        assert "{" not in filled


def test_no_text_is_empty(words: Words) -> None:
    assert [key for key, text in texts(words) if not text.strip()] == []


def test_every_kind_of_step_works_with_a_device_and_by_hand(words: Words) -> None:
    for kind in ("warm", "massage", "stimulate", "express", "rest"):
        step = words.steps[kind]
        assert step.with_device != step.by_hand


def test_a_step_without_a_device_may_say_nothing() -> None:
    assert parse_yaml("title: Rest", StepWords).by_hand == ""


def test_a_technique_is_short_and_its_picture_has_its_name(words: Words) -> None:
    for name, technique in words.techniques.items():
        assert technique.picture == name
        assert len(technique.title.split()) <= 3
        assert 2 <= len(re.findall(r"[.;](?:\s|$)", technique.words)) <= 4
        assert len(technique.words) <= 250


def test_every_technique_says_that_it_must_never_hurt(words: Words) -> None:
    never = {"English": "it must never hurt", "Deutsch": "es darf nie wehtun"}[words.language]
    assert [name for name, each in words.techniques.items() if never not in each.words.lower()] == []


def test_rolling_keeps_the_nipple_and_the_skin_out_of_it() -> None:
    english, german = load_words("en").techniques, load_words("de").techniques
    assert "2 to 3 cm from the areola" in english["roll"].words
    assert "do not slide or drag the skin" in english["roll"].words
    assert "Never pinch, pull or squeeze the nipple" in english["roll-around"].words
    assert "2 bis 3 cm vom Warzenhof" in german["roll"].words
    assert "zerren nicht an der Haut" in german["roll"].words
    assert "nie kneifen, ziehen oder quetschen" in german["roll-around"].words


def test_warmth_by_hand_is_tested_on_the_wrist_and_nobody_sleeps_with_it() -> None:
    assert re.search(r"warm, not hot.*inside of your wrist.*Stay awake", load_words("en").steps["warm"].by_hand)
    assert re.search(r"nicht heiß.*innen am Handgelenk.*Bleib wach", load_words("de").steps["warm"].by_hand)


def test_a_yes_says_what_it_means_for_today() -> None:
    for language, means in {
        "en": ("No heat", "o vibration", "no massage", "only a low vacuum"),
        "de": ("eine Wärme", "keine Vibration", "keine Massage", "nur wenig Sog"),
    }.items():
        for name, question in load_words(language).questions.items():
            text = " ".join(question.if_yes.split())
            assert [each for each in means if each not in text] == [], (language, name)


def test_symptoms_lead_to_a_clinician_at_once_or_after_a_day() -> None:
    for language, (at_once, spreads, after) in {
        "en": (r"contact a midwife or doctor now", r"redness spreads", r"no better in 24 hours"),
        "de": (r"Ruf bitte jetzt", r"Rötung größer wird", r"nach 24 Stunden nicht besser"),
    }.items():
        words = load_words(language)
        questions = words.questions
        assert re.search(at_once, questions["fever"].if_yes)
        assert re.search(spreads, questions["redness"].if_yes)
        for name in ("lump", "redness", "broken_skin", "numb"):
            assert re.search(after, questions[name].if_yes), name
        assert re.search(spreads, words.messages["contact_clinician"])
        assert re.search(after, words.messages["contact_clinician"])


def test_after_pain_nothing_starts_again_by_itself() -> None:
    for name in ("pain", "stopped"):
        assert "Nothing starts again by itself." in load_words("en").messages[name]
        assert "Von allein geht nichts wieder an." in load_words("de").messages[name]


def test_german_says_du() -> None:
    polite = r"\b(?:Sie|Ihnen|Ihr|Ihre[mnrs]?)\b"
    assert [key for key, text in texts(load_words("de")) if re.search(polite, text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_words_make_a_medical_claim(language: str) -> None:
    found = {key: claims(language, text) for key, text in texts(load_words(language))}
    assert {key: words for key, words in found.items() if words} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_routine_makes_a_medical_claim(language: str) -> None:
    for routine in load_routines().values():
        assert claims(language, routine.name[language]) == []
        assert claims(language, routine.summary[language]) == []


@pytest.mark.parametrize(
    ("language", "claim"),
    [
        ("en", "Massage heals sore breasts."),
        ("en", "This cures a blocked duct."),
        ("en", "A treatment for engorgement."),
        ("en", "Warmth prevents mastitis."),
        ("en", "Vibration unblocks ducts."),
        ("en", "You will have more milk."),
        ("en", "It boosts your supply."),
        ("de", "Wärme heilt wunde Brustwarzen."),
        ("de", "So behandelst du einen Milchstau."),
        ("de", "Eine Behandlung für volle Brüste."),
        ("de", "Massage beugt einem Stau vor."),
        ("de", "Das verhindert Entzündungen."),
        ("de", "Wärme lindert Schmerzen."),
        ("de", "So bekommst du mehr Milch."),
    ],
)
def test_a_medical_claim_would_be_noticed(language: str, claim: str) -> None:
    assert claims(language, claim)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Today's clinical advice is against vibration on an inflamed breast."),
        ("en", "A healthy breast, and a secure flange."),
        ("de", "Beug dich ein wenig nach vorn."),
        ("de", "Der vordere Teil der Brust, weil es angenehm ist."),
    ],
)
def test_harmless_words_are_not_taken_for_a_claim(language: str, sentence: str) -> None:
    assert claims(language, sentence) == []


def test_a_misspelt_key_in_a_guide_is_named_with_its_line() -> None:
    with pytest.raises(FileError, match=r"mine\.yaml:2: by_hands: is not known here; is it misspelt\?"):
        parse_yaml("title: Rest\nby_hands: Lean back.\n", StepWords, "mine.yaml")
