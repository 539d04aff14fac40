from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import get_args

import pytest
from pydantic import BaseModel

from controller.cli.guide_questions import PHONES
from controller.contract.cautions import Caution
from controller.contract.device_setup import Signal
from controller.contract.events import EndReason, Question, SessionState, StepOutcome
from controller.contract.words import Interface, StepWords, Words, languages, load_words
from controller.safety.stopping import Stopped
from controller.session.routine import Step, Technique, load_routines
from controller.setup.broker_check import Trouble
from devices.capture.guided_script import AppControls, script_for
from devices.driver.vocabulary import EnergyRole
from devices.roles import Capability, LinkState, Phase, RunState, Side
from devices.support.file_error import FileError
from tests.helpers.command_line import ROOT
from tests.helpers.yaml_texts import parse_yaml

LANGUAGES = languages()
STEP_KINDS = {kind.model_fields["kind"].default for kind in get_args(get_args(Step)[0])}
MESSAGES: dict[str, set[str]] = {
    "skip_massage_today": set(),
    "no_heat_today": set(),
    "low_vacuum_today": set(),
    "contact_clinician": set(),
    "stopped": set(),
    "pain": set(),
    "tripped": {"device", "words"},
    "device_ended": {"device"},
    "stopped_by_button": {"device"},
    "uncertain": {"device"},
    "uncertain_several": {"device"},
    "settled": {"device"},
    "acknowledged": set(),
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
    "flange_countdown": {"press_not_yet"},
    "flange_waiting": {"press_start_suction"},
    "no_seal": set(),
    "runs_outside": {"device"},
    "switched_on_again": {"device"},
    "enforced_lower": {"device"},
    "enforced_stop": {"device"},
    "not_reached": {"words"},
    "by_hand_pump": {"device"},
    "by_hand_warmer": {"device"},
    "by_hand_massager": {"device"},
    "store_trouble": set(),
}

# Claims that Letdown never makes: that it heals, prevents or diagnoses anything, or brings more milk.
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
        *(r"(?<!\bsys)diagnos", r"mastitis", r"milchstau", r"klinisch", r"medizin", r"garant"),
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


def test_there_are_guides_in_english_and_german() -> None:
    assert LANGUAGES == ("de", "en")
    assert load_words("en").language == "English"
    assert load_words("de").language == "Deutsch"


def test_an_unknown_language_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(ValueError, match="unknown language 'tlh'; there are de, en"):
        load_words("tlh")


def test_a_language_is_a_name_and_never_a_path() -> None:
    with pytest.raises(ValueError, match="unknown language"):
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
    names = {f"entities.names.{name}" for name in ("pause", "phase", "problem", "radio", "trip_event")}
    units = {
        f"amounts.{name}"
        for name in ("vacuum_mmhg", "comfort_vacuum_mmhg", "celsius", "intensity", "seconds", "weight_g")
    }
    words = {
        "reasons.tripped",
        "entities.devices.thermometer.both",
        "setup.name_thermometer",
        "steps.massage.title",
        "terminal.summary",
        "listing.massage",
        "listing.column_length",
        "web.limit_vibration",
        "capture.phone_android",
        *(f"frames.letter_{role}" for role in ("opcode", "length", "counter", "varying")),
    }
    nothing_to_translate = names | units | words
    assert {key for key in same if not key.endswith(".picture")} == nothing_to_translate


def test_every_side_technique_and_kind_of_step_has_texts(words: Words) -> None:
    assert set(words.sides) == set(Side)
    assert set(words.techniques) == set(get_args(Technique))
    assert set(words.steps) == STEP_KINDS


def test_every_question_is_asked_and_answered(words: Words) -> None:
    assert set(words.questions) == set(Question)
    for question in words.questions.values():
        assert question.ask.endswith("?")
        assert "?" not in question.if_yes


def test_every_message_has_its_placeholders(words: Words) -> None:
    assert {name: placeholders(template) for name, template in words.messages.items()} == MESSAGES | {
        f"caution_{caution.value}": {"device"} for caution in Caution
    }


def test_a_message_is_filled_in(words: Words) -> None:
    for name, names in MESSAGES.items():
        filled = words.message(name, **{each: f"<{each}>" for each in names})
        assert all(f"<{each}>" in filled for each in names)
        assert "{" not in filled


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_interface_names_every_control(language: str) -> None:
    words = load_words(language)
    named = {name for _, text in texts(words) for name in placeholders(text) if name.startswith("press_")}
    assert set(words.controls) == set(get_args(Interface))
    assert all(controls.keys() == named for controls in words.controls.values())
    for interface in get_args(Interface):
        assert "{" not in words.name_controls("".join(f"{{{name}}}" for name in named), interface)
    assert words.name_controls("Press {press_unknown}.") == "Press {press_unknown}."


def test_every_title_is_that_of_a_message(words: Words) -> None:
    assert words.titles.keys() <= words.messages.keys()


def test_no_text_is_empty(words: Words) -> None:
    assert [key for key, text in texts(words) if not text.strip()] == []


def test_every_kind_of_step_works_with_a_device_and_by_hand(words: Words) -> None:
    for kind in ("warm", "massage", "stimulate", "express", "rest"):
        step = words.steps[kind]
        assert step.with_device != step.by_hand


def test_a_step_may_have_no_text_for_doing_it_by_hand() -> None:
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


def test_rolling_spares_the_nipple_and_the_skin() -> None:
    english, german = load_words("en").techniques, load_words("de").techniques
    assert "2 to 3 cm from the areola" in english["roll"].words
    assert "do not slide or drag the skin" in english["roll"].words
    assert "Never pinch, pull or squeeze the nipple" in english["roll-around"].words
    assert "2 bis 3 cm vom Warzenhof" in german["roll"].words
    assert "zerren nicht an der Haut" in german["roll"].words
    assert "nie kneifen, ziehen oder quetschen" in german["roll-around"].words


def test_warmth_by_hand_is_tested_on_the_wrist_and_only_while_awake() -> None:
    assert re.search(r"warm, not hot.*inside of your wrist.*Stay awake", load_words("en").steps["warm"].by_hand)
    assert re.search(r"nicht heiß.*innen am Handgelenk.*Bleib wach", load_words("de").steps["warm"].by_hand)


def test_a_yes_is_followed_by_what_it_means_for_today() -> None:
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
def test_no_text_makes_a_medical_claim(language: str) -> None:
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
def test_harmless_sentences_are_not_taken_for_a_claim(language: str, sentence: str) -> None:
    assert claims(language, sentence) == []


def test_a_misspelt_key_in_a_guide_is_reported_with_its_line() -> None:
    with pytest.raises(FileError, match=r"mine\.yaml:2: by_hands: is not known here; did you mean by_hand\?"):
        parse_yaml("title: Rest\nby_hands: Lean back.\n", StepWords, "mine.yaml")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_has_a_label(language: str) -> None:
    labels = load_words(language).labels
    assert labels.session.keys() == set(SessionState)
    assert labels.run.keys() == set(RunState)
    assert labels.link.keys() == set(LinkState)
    assert labels.phase.keys() == set(Phase)
    assert labels.step.keys() == set(get_args(StepOutcome))
    assert labels.stop.keys() == set(get_args(Stopped))
    assert labels.let_down_by.keys() == {"device", "flow", "weight", "tap"}
    assert labels.reason.keys() == set(EndReason)


def test_every_text_of_the_set_up_is_used_and_there_is_one_for_every_use() -> None:
    files = [ROOT / "controller/cli" / name for name in ("setup_dialogue", "setup_devices", "device_search")]
    files += [ROOT / "controller/cli" / name for name in ("setup_terminal", "run_setup", "scripted_setup")]
    files += [ROOT / "controller/cli/setup_plugs"]
    source = "\n".join(file.with_suffix(".py").read_text(encoding="utf-8") for file in files)
    made = {
        *(f"can_{each.value}" for each in Capability),
        *(f"signal_{each}" for each in get_args(Signal)),
        *(f"broker_{each}" for each in get_args(Trouble)),
        *(f"needs_{each}" for each in ("tuya", "uuids")),
        "may_need_bthome",
        *(f"name_{each}" for each in ("pump", "left_pump", "right_pump", "warmer", "massager", "scale", "button")),
        *("name_thermometer", "placed_pad", "placed_breast"),
        *(f"profile_{each}" for each in ("verified", "unverified")),
    }
    keys = set(load_words("en").setup)
    assert {key for key in keys - made if not re.search(rf"""["']{key}["']""", source)} == set()
    assert {key for key in made if key not in keys} <= {f"can_{each.value}" for each in Capability}
    said = set(re.findall(r'\.(?:say|text|head|agree)\(\s*["\'](\w+)["\']', source))
    assert said <= keys


def test_every_text_of_a_capture_is_used_and_there_is_one_for_every_use() -> None:
    names = ("recording_display", "guide_questions", "capture_guide", "contribute_questions")
    source = "\n".join((ROOT / "controller/cli" / f"{name}.py").read_text(encoding="utf-8") for name in names)
    everything = AppControls("pump", 9, None, True, True, True, ("battery_percent", "vacuum_mmhg"), (10,))
    others = (AppControls("pump"), AppControls("pump", phases=True), AppControls("massager", 9))
    others += (AppControls("warmer", celsius=(30, 45)),)
    made = {f"do_{step.text}" for controls in (everything, *others) for step in script_for(controls)}
    made |= {f"{name}_{phone}" for name in ("phone", "log", "fetch") for phone in PHONES}
    made |= {f"role_{role}" for role in get_args(EnergyRole)} | {"levels_wrong", "celsius_wrong", "minutes_wrong"}
    keys = set(load_words("en").capture)
    assert keys == made | {key for key in keys if re.search(rf"""["']{key}["']""", source)}
    assert set(re.findall(r'(?:texts\[|\.(?:say|text|head|agree)\(\s*)["\'](\w+)["\']', source)) <= keys
