from __future__ import annotations

from pathlib import Path

import pytest

from controller.contract.words import languages, load_words
from controller.safety.limits import (
    BUDGETS,
    EXPRESSION_RATE_CPM,
    EXPRESSION_VACUUM_MMHG,
    FIRST_EXPRESSION_VACUUM_MMHG,
    HEAT_CELSIUS,
    MASSAGE_SECONDS,
    SESSION_SECONDS,
    STIMULATION_RATE_CPM,
    STIMULATION_SECONDS,
    STIMULATION_VACUUM_MMHG,
    VIBRATION_INTENSITY,
)
from controller.session.routine import (
    CheckStep,
    ExpressStep,
    MassageStep,
    PromptStep,
    RestStep,
    Routine,
    StimulateStep,
    WarmStep,
    load_routines,
)
from devices.support.file_error import FileError
from devices.support.shipped import SHIPPED
from tests.helpers.yaml_texts import parse_yaml

ROUTINES = load_routines()
IN_ONE_GO, POWER_PUMPING, _ = BUDGETS["suction"]
SUCTION_SECONDS = IN_ONE_GO.most_seconds
SUCTION_REST_SECONDS = IN_ONE_GO.in_seconds - IN_ONE_GO.most_seconds
SUCTION_SESSION_SECONDS = POWER_PUMPING.most_seconds
HEAT_SECONDS = BUDGETS["heat"][0].most_seconds
VIBRATION_SECONDS = BUDGETS["vibration"][0].most_seconds
BREASTS = 2
HEAD = "id: mine\nname: {en: Mine}\nsummary: {en: My own}\nsteps:\n"


def kinds(routine: Routine) -> list[str]:
    return [step.kind for step in routine.steps]


def massages(routine: Routine) -> list[MassageStep]:
    return [step for step in routine.steps if isinstance(step, MassageStep)]


def expressions(routine: Routine) -> list[ExpressStep]:
    return [step for step in routine.steps if isinstance(step, ExpressStep)]


def massage_seconds(routine: Routine, *, vibrating: bool = False) -> float:
    """For both breasts, one after the other."""
    return BREASTS * sum(step.planned_seconds for step in massages(routine) if step.vibration or not vibrating)


def suction_stretches(routine: Routine) -> list[float]:
    """Seconds of suction at most, between rests that are long enough to end "continuous"."""
    stretches = [0.0]
    for step in routine.steps:
        if isinstance(step, StimulateStep | ExpressStep):
            stretches[-1] += step.planned_seconds
        elif isinstance(step, RestStep) and step.planned_seconds >= SUCTION_REST_SECONDS:
            stretches.append(0.0)
    return stretches


def session_seconds(routine: Routine) -> float:
    rest = sum(step.planned_seconds or 0.0 for step in routine.steps if not isinstance(step, MassageStep))
    return rest + massage_seconds(routine)


def problems(steps: str) -> list[str]:
    with pytest.raises(FileError) as caught:
        parse_yaml(HEAD + steps, Routine, "mine.yaml")
    return str(caught.value).splitlines()


def assert_refused(steps: str, *expected: str) -> None:
    """Assert that one of the problems of this routine contains all of these."""
    found = problems(steps)
    assert any(all(each in problem for each in expected) for problem in found), "\n".join(found)


# The shipped routines


def test_the_shipped_routines() -> None:
    assert set(ROUTINES) == {
        "classic",
        "gentle",
        "first-days",
        "soften-for-latch",
        "power-pumping",
        "duct-vibration",
        "warmth",
    }


@pytest.mark.parametrize("file", sorted((SHIPPED / "routines").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_file_has_the_name_of_its_routine_and_starts_with_whom_it_is_for(file: Path) -> None:
    assert file.stem in ROUTINES
    assert file.read_text(encoding="utf-8").startswith("# For ")


@pytest.mark.parametrize("routine", ROUTINES.values(), ids=lambda routine: routine.id)
class TestEveryRoutine:
    def test_begins_with_the_check(self, routine: Routine) -> None:
        assert kinds(routine)[0] == "check"
        assert kinds(routine).count("check") == 1

    def test_has_a_name_and_a_summary_in_every_language(self, routine: Routine) -> None:
        assert set(routine.name) == set(routine.summary) == set(languages())
        assert all([*routine.name.values(), *routine.summary.values()])

    @pytest.mark.parametrize("language", languages())
    def test_has_texts_for_every_step(self, routine: Routine, language: str) -> None:
        words = load_words(language)
        for step in routine.steps:
            assert step.kind in words.steps
            if isinstance(step, MassageStep):
                assert set(step.techniques) <= set(words.techniques)
            if isinstance(step, PromptStep):
                assert step.words in words.prompts

    def test_keeps_every_limit_as_planned(self, routine: Routine) -> None:
        stretches = suction_stretches(routine)
        assert max(stretches) <= SUCTION_SECONDS
        assert sum(stretches) <= SUCTION_SESSION_SECONDS
        assert session_seconds(routine) <= SESSION_SECONDS
        assert massage_seconds(routine) <= MASSAGE_SECONDS
        assert massage_seconds(routine, vibrating=True) <= VIBRATION_SECONDS
        assert all(step.vibration <= VIBRATION_INTENSITY for step in massages(routine))

    def test_asks_for_no_more_vacuum_than_is_allowed_without_a_comfort_cap(self, routine: Routine) -> None:
        asked = [step.vacuum_mmhg for step in expressions(routine) if step.vacuum_mmhg != "comfort"]
        assert all(60 <= each <= FIRST_EXPRESSION_VACUUM_MMHG for each in asked)


def test_classic_warms_massages_waits_for_the_milk_and_then_expresses() -> None:
    assert ROUTINES["classic"].steps == (
        CheckStep(),
        WarmStep(minutes=5, celsius=40),
        MassageStep(techniques=("spiral", "palm-sweep", "roll", "roll-around"), seconds_each=30, vibration=0.2),
        StimulateStep(at_most_seconds=120, vacuum_mmhg=70, rate_cpm=100),
        ExpressStep(minutes=15, vacuum_mmhg="comfort", rate_cpm=54, until_dry_minutes=3),
    )


def test_gentle_only_strokes_and_is_softer_than_classic_in_everything() -> None:
    gentle, classic = ROUTINES["gentle"], ROUTINES["classic"]
    assert kinds(gentle) == kinds(classic)
    _, warm, massage, stimulate, express = gentle.steps
    assert isinstance(warm, WarmStep)
    assert isinstance(massage, MassageStep)
    assert isinstance(stimulate, StimulateStep)
    assert isinstance(express, ExpressStep)
    assert massage.techniques == ("stroke",)
    assert massage.vibration == 0
    assert warm.celsius < 40
    assert stimulate.vacuum_mmhg == 60
    assert (express.minutes, express.vacuum_mmhg, express.rate_cpm) == (10, 80, 50)


def test_first_days_presses_each_breast_between_the_palms_for_a_minute_and_starts_no_device() -> None:
    routine = ROUTINES["first-days"]
    assert kinds(routine) == ["check", "massage", "prompt"]
    assert massages(routine) == [MassageStep(techniques=("palm-press",), seconds_each=60)]


def test_soften_for_latch_takes_two_minutes_of_low_vacuum_and_then_offers_the_breast() -> None:
    routine = ROUTINES["soften-for-latch"]
    assert kinds(routine) == ["check", "massage", "express", "prompt"]
    (massage,), (express,) = massages(routine), expressions(routine)
    assert massage.techniques == ("spiral", "palm-press")
    assert massage.planned_seconds <= 60
    assert express.planned_seconds <= 120
    assert express.vacuum_mmhg != "comfort"
    assert 60 <= express.vacuum_mmhg <= 70
    assert express.until_dry_minutes is None
    assert routine.steps[-1] == PromptStep(words="latch_now", at_most_seconds=120)


def test_power_pumping_is_20_10_10_10_10_with_the_stimulation_in_the_first_twenty() -> None:
    routine = ROUTINES["power-pumping"]
    assert kinds(routine) == ["check", "stimulate", "express", "rest", "express", "rest", "express"]
    assert suction_stretches(routine) == [20 * 60, 10 * 60, 10 * 60]
    assert [step.minutes for step in routine.steps if isinstance(step, RestStep)] == [10, 10]
    assert sum(suction_stretches(routine)) == 40 * 60
    assert session_seconds(routine) <= 65 * 60


def test_power_pumping_goes_on_when_the_flow_dries_up() -> None:
    assert {step.until_dry_minutes for step in expressions(ROUTINES["power-pumping"])} == {None}


def test_duct_vibration_is_opt_in_lowest_third_and_at_most_five_minutes() -> None:
    routine = ROUTINES["duct-vibration"]
    assert routine.opt_in == "vibration"
    assert kinds(routine) == ["check", "massage"]
    (massage,) = massages(routine)
    assert massage.techniques == ("stroke-with-massager",)
    assert 0 < massage.vibration <= 1 / 3
    assert massage.planned_seconds == 120
    assert massage_seconds(routine, vibrating=True) <= 5 * 60


@pytest.mark.parametrize("language", languages())
def test_duct_vibration_says_what_clinical_advice_says_today(language: str) -> None:
    summary = ROUTINES["duct-vibration"].summary[language]
    assert "ABM Protocol 36, 2022" in " ".join(summary.split())
    assert {"en": "is against vibration", "de": "raten"}[language] in summary
    assert {"en": "off until you turn it on", "de": "bleibt aus, bis du"}[language] in summary


def test_only_duct_vibration_needs_vibration_turned_on() -> None:
    assert [routine.id for routine in ROUTINES.values() if routine.opt_in] == ["duct-vibration"]


# An owner's own files


def test_a_routine_of_the_owner_joins_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(HEAD + "  - check\n  - warm:\n  - express: {minutes: 8}\n", encoding="utf-8")
    routines = load_routines(tmp_path)
    assert set(routines) == {*ROUTINES, "mine"}
    assert routines["mine"].steps == (CheckStep(), WarmStep(), ExpressStep(minutes=8))


def test_a_second_routine_with_the_same_id_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(HEAD.replace("mine", "classic") + "  - check\n", encoding="utf-8")
    with pytest.raises(FileError, match=r"other\.yaml:1: id: another routine has the id classic"):
        load_routines(tmp_path)


def test_a_missing_folder_adds_nothing(tmp_path: Path) -> None:
    assert load_routines(tmp_path / "none") == ROUTINES


def test_an_unknown_key_is_reported_with_file_and_line() -> None:
    assert_refused("  - check\n  - warm: {minuts: 5}\n", "mine.yaml:6:", "minuts", "did you mean minutes?")


def test_an_unknown_kind_of_step_is_reported_with_the_known_ones() -> None:
    assert_refused("  - check\n  - wrm: {}\n", "steps.1:", "did you mean warm?")
    assert_refused("  - check\n  - dance: {}\n", "mine.yaml:6: steps.1:", "'dance'", "'warm', 'massage', 'stimulate'")


def test_an_unknown_technique_is_reported_with_the_known_ones() -> None:
    steps = "  - massage:\n      techniques:\n        - spiral\n        - knead\n"
    assert_refused(steps, "mine.yaml:8: steps.0.massage.techniques.1:", "'palm-press'", "(found 'knead')")


def test_a_value_out_of_range_is_reported_with_the_range_and_the_value() -> None:
    steps = "  - check\n  - stimulate:\n      rate_cpm: 20\n"
    assert_refused(steps, "mine.yaml:7: steps.1.stimulate.rate_cpm:", "greater than or equal to 60", "(found 20)")


def test_a_word_where_a_number_belongs_is_refused() -> None:
    assert_refused(
        "  - express: {vacuum_mmhg: lots}\n", "mine.yaml:5: steps.0.express.vacuum_mmhg:", "'comfort'", "'lots'"
    )


@pytest.mark.parametrize("step", ["7", "[check]"])
def test_a_step_that_is_not_a_mapping_is_refused(step: str) -> None:
    assert_refused(f"  - {step}\n", "mine.yaml:5: steps.0:", "needs keys below it")


def test_settings_that_are_not_a_mapping_are_refused_with_an_example() -> None:
    assert_refused(
        "  - check\n  - warm: 5\n", "mine.yaml:6: steps.1:", "the settings of warm are a mapping, like {warm:"
    )


def test_two_steps_in_one_are_refused() -> None:
    steps = "  - warm: {minutes: 5}\n    rest: {minutes: 5}\n"
    assert_refused(steps, "mine.yaml:5: steps.0:", "a step is its kind and its settings")


def test_a_duplicate_key_is_refused() -> None:
    steps = "  - warm:\n      minutes: 5\n      minutes: 15\n"
    assert problems(steps) == ["mine.yaml:7: steps.0.warm.minutes: is given twice; keep one"]


def test_a_rest_needs_a_duration() -> None:
    assert_refused("  - rest\n", "mine.yaml:5: steps.0.minutes: Field required")


def test_a_routine_has_at_least_one_step_and_a_plain_id() -> None:
    with pytest.raises(FileError, match=r"mine\.yaml:1: id:"):
        parse_yaml("id: My own\nname: {}\nsummary: {}\nsteps: [check]\n", Routine, "mine.yaml")
    with pytest.raises(FileError, match=r"mine\.yaml:4: steps:"):
        parse_yaml("id: mine\nname: {}\nsummary: {}\nsteps: []\n", Routine, "mine.yaml")


@pytest.mark.parametrize(
    ("kind", "key", "setting"),
    [
        ("warm", "celsius", f"{HEAT_CELSIUS + 0.5}"),
        ("warm", "minutes", f"{HEAT_SECONDS / 60 + 1}"),
        ("stimulate", "at_most_seconds", f"{STIMULATION_SECONDS + 1}"),
        ("stimulate", "vacuum_mmhg", f"{STIMULATION_VACUUM_MMHG + 1}"),
        ("stimulate", "rate_cpm", f"{STIMULATION_RATE_CPM + 1}"),
        ("express", "minutes", f"{SUCTION_SECONDS / 60 + 1}"),
        ("express", "rate_cpm", f"{EXPRESSION_RATE_CPM + 1}"),
        ("massage", "seconds_each", f"{MASSAGE_SECONDS + 1}"),
        ("massage", "vibration", "1.1"),
        ("express", "vacuum_mmhg", f"{EXPRESSION_VACUUM_MMHG + 1}"),
        ("express", "vacuum_mmhg", ".nan"),
    ],
)
def test_a_step_above_its_hard_limit_is_refused_when_it_is_loaded(kind: str, key: str, setting: str) -> None:
    others = "techniques: [stroke], " if kind == "massage" else ""
    assert_refused(f"  - {kind}: {{{others}{key}: {setting}}}\n", f"mine.yaml:5: steps.0.{kind}.{key}:", "less than")
